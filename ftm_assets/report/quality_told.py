"""How good the quarter's topics, names and tone are: measures beside those of earlier quarters, with what is doubtful.

What belongs here: what each measure means, in a line. What is doubtful is decided by the checks of the tables.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ftm_assets.checks.degraded_names import MAX_DEGRADED_NAMES, is_degraded
from ftm_assets.checks.firm_loss import MAX_FIRMS_WITHOUT_TOPICS
from ftm_assets.checks.limits_told import Beside
from ftm_assets.checks.measures import doubts, expected
from ftm_assets.checks.one_class import MAX_SHARE_OF_ONE_CLASS, of_one_class
from ftm_assets.methods.naming.audit import usage
from ftm_assets.methods.naming.rules import DEGRADED
from ftm_assets.methods.wording import counted
from ftm_assets.report.finite_values import refuse_not_finite
from ftm_assets.report.measure_words import MEANINGS
from ftm_assets.report.payload import Measure
from ftm_assets.report.reader_notes import names_told
from ftm_resources.tables.categories import LABELS

if TYPE_CHECKING:
    from collections.abc import Mapping

    import duckdb

    from ftm_assets.report.reported_state import ReportedState

EARLIER_QUARTERS = 8
"""Most earlier quarters beside which a measure is shown."""

QUALITY = "topic_quality"

_QUALITY_ROWS = "SELECT level, metric, quarter, value, n FROM topic_quality ORDER BY quarter"

_AUDIT = "SELECT outcome, model, prompt_version, is_cached, n_attempts, tokens_in, tokens_out, cost FROM {}"

_KEPT = "replies that were kept from earlier runs are not counted"

_WRITTEN = {"share": ".1%", "score": ".2f"}
"""Unit → how the page writes a value of it. Values of other units are far from their limits, or on them."""

_NAMES = {"topic_naming_audit": "topics", "theme_naming_audit": "themes"}


@dataclass(frozen=True)
class Quality:
    """The measures, and whether a model was asked for names."""

    measures: tuple[Measure, ...]
    is_named_by_model: bool
    names: str
    """Who named topics and themes, in a sentence; empty if none has a name."""
    placed: Measure | None
    """The share of topics that are in a theme; None if it was not measured."""
    warnings: tuple[str, ...]
    """What is said of the quarter as a whole."""


def told_quality(db: duckdb.DuckDBPyConnection, state: ReportedState) -> Quality:
    """Return the measures of the quarter."""
    names, is_named_by_model, said = _names(db)
    topics, placed = _topics(state)
    measures = (*topics, *_firms(db), *names, *_labels(db))
    told = [said] if said and not is_named_by_model else []
    warnings = (*told, *(m.warning for m in measures if m.warning))
    return Quality(measures, is_named_by_model, said, placed, warnings)


def _topics(state: ReportedState) -> tuple[list[Measure], Measure | None]:
    """Return the measures of topics and themes that the table has, beside those of earlier quarters.

    And, of them, the share of topics in a theme.
    """
    shown = state.quarters_of(QUALITY)
    if state.quarter not in shown:
        return [], None
    with state.connect_to(shown, QUALITY) as db:
        refuse_not_finite(db, [QUALITY])
        rows = db.execute(_QUALITY_ROWS).fetchall()
    now = {(level, metric): (value, n) for level, metric, q, value, n in rows if q == state.quarter}
    before: defaultdict[tuple[str, str], dict[str, float | None]] = defaultdict(dict)
    for level, metric, quarter, value, _ in rows:
        if quarter != state.quarter:
            before[level, metric][quarter] = value
    known = {key: (value, n) for key, (value, n) in now.items() if value is not None}
    others = {key: [v for v in of.values() if v is not None] for key, of in before.items()}
    said, limits = doubts(known, others), expected(known, others)
    earlier = [q for q in shown if q != state.quarter][-EARLIER_QUARTERS:]
    found: dict[tuple[str, str], Measure] = {}
    for key in (*(k for k in MEANINGS if k in now), *sorted(now.keys() - MEANINGS.keys())):
        name, meaning, unit = MEANINGS.get(key, (f"{key[1]} of {key[0]}".replace("_", " "), "", ""))
        value = now[key][0]
        if value is None and not any(v is not None for v in before[key].values()):
            continue  # not measurable here, such as what was planted in calls of one's own
        limit = limits.get(key)
        found[key] = Measure(
            name=name,
            meaning=meaning,
            value=None if value is None else round(value, 4),
            unit=unit,
            earlier=tuple((q, _rounded(before[key].get(q))) for q in earlier),
            warning=said.get(key),
            limit=limit.told if limit else None,
            shown=_shown(value, limit.limit, unit) if limit and value is not None else None,
        )
    return list(found.values()), found.get(("themes", "placed_share"))


def _firms(db: duckdb.DuckDBPyConnection) -> list[Measure]:
    """Return what became of the firms' topics."""
    n, without = db.execute(
        "SELECT count(*), count(*) FILTER (status <> 'ok') FROM firm_status"
    ).fetchone() or (0, 0)
    if not n:
        return []
    share = without / n
    said = f"{without} of {counted(n, 'firm')} have no topics" if share > MAX_FIRMS_WITHOUT_TOPICS else None
    meaning = "Share of the firms that said too little for topics, or whose topics failed"
    limit = f"at most {MAX_FIRMS_WITHOUT_TOPICS:.0%}"
    shown = _shown(share, MAX_FIRMS_WITHOUT_TOPICS, "share")
    return [Measure("Firms without topics", meaning, round(share, 4), "share", (), said, limit, shown)]


def _cost(things: str, sent: Mapping[str, Any]) -> list[Measure]:
    """Return the cost as far as it is known, called the least where some is not; nothing if none is."""
    if "cost_usd" not in sent:
        return []
    name = f"Cost of names of {things}"
    meaning = f"At the configured prices; {_KEPT.removesuffix(' are not counted')} cost nothing"
    if unpriced := sent.get("names_without_cost", 0):
        name, meaning = f"{name}, at least", f"{meaning}; that of {counted(unpriced, 'name')} is not known"
    return [Measure(name, meaning, sent["cost_usd"], "USD", (), None)]


def _names(db: duckdb.DuckDBPyConnection) -> tuple[list[Measure], bool, str]:
    """Return who named topics and themes and what it cost, whether a model was asked, and that in a sentence."""
    found: list[Measure] = []
    asked = False
    rules: set[str] = set()
    asked_models: set[str] = set()
    for audit, things in _NAMES.items():
        rows = db.execute(_AUDIT.format(audit)).to_arrow_table()
        outcomes = Counter(rows.column("outcome").to_pylist())
        total, substitutes = outcomes.total(), sum(outcomes[o] for o in DEGRADED)
        if not total:
            continue
        own, extractive = total - substitutes - outcomes["extractive"], outcomes["extractive"]
        is_asked = own + substitutes > 0
        asked |= is_asked
        sent = usage(rows)
        by = zip(*(rows.column(c).to_pylist() for c in ("outcome", "model", "prompt_version")), strict=True)
        distinct = set(by)
        models = sorted({model for outcome, model, _ in distinct if outcome != "extractive" and model})
        rules |= {rule for outcome, _, rule in distinct if outcome == "extractive" and rule}
        asked_models |= set(models)
        warning = (
            f"{substitutes:,} of {total:,} names of {things} are extractive although a model was asked (expected: at "
            f"most {MAX_DEGRADED_NAMES:.0%})"
            if is_degraded(outcomes)
            else None
        )
        found += [
            _count(f"Names of {things} by a model", own, ", ".join(models) or "No model was asked"),
            _count(
                f"Names of {things} from their words",
                extractive,
                "Extracted from what was said; no model was asked",
            ),
        ]
        if is_asked:
            found += [
                Measure(
                    f"Substitutes for names of {things}", "The model gave no usable name", float(substitutes), "count",
                    (), warning, f"at most {MAX_DEGRADED_NAMES:.0%} of the names",
                ),
                _count(f"Requests for names of {things}", sent["requests"], "Sent in this run, retries included"),
                _count(f"Tokens sent for {things}", sent["tokens_in"], f"In the prompts; {_KEPT}"),
                _count(f"Tokens received for {things}", sent["tokens_out"], f"In the replies; {_KEPT}"),
                *_cost(things, sent),
            ]  # fmt: skip
    return found, asked, names_told(rules, asked_models) if found else ""


def _labels(db: duckdb.DuckDBPyConnection) -> list[Measure]:
    """Return the share of each class among the scored sentences."""
    rows = db.execute(
        "SELECT label, model, count(*) FROM sentence_sentiment GROUP BY ALL ORDER BY ALL"
    ).fetchall()
    counts: Counter[str] = Counter()
    for label, _, n in rows:
        counts[label] += n
    if not counts:
        return []
    models = ", ".join(sorted({model for _, model, _ in rows}))
    said, most = of_one_class(counts, models), max(counts, key=lambda label: (counts[label], label))
    return [
        Measure(
            name=f"{label.capitalize()} sentences",
            meaning=f"Share of the sentences about the business, by {models}",
            value=round(counts[label] / counts.total(), 4),
            unit="share",
            earlier=(),
            warning=said if label == most else None,
            limit=f"at most {MAX_SHARE_OF_ONE_CLASS:.0%}",
            shown=_shown(counts[label] / counts.total(), MAX_SHARE_OF_ONE_CLASS, "share"),
        )
        for label in LABELS
    ]


def _count(name: str, n: int, meaning: str) -> Measure:
    return Measure(name, meaning, float(n), "count", (), None)


def _shown(value: float, limit: float, unit: str) -> str | None:
    """Return a value with more digits than the page writes of its unit, if its side of a limit takes them; else None.

    >>> _shown(0.5496, 0.55, "share"), _shown(0.597, 0.6, "score"), _shown(0.25, 0.55, "share")
    ('54.96%', '+0.597', None)
    """
    if unit not in _WRITTEN:
        return None
    usual = _WRITTEN[unit]
    shown = f"{Beside(value, limit):{usual}}"
    if shown == f"{value:{usual}}":
        return None
    sign = "+" if unit == "score" and value > 0 else ""
    return sign + shown.replace("-", "\N{MINUS SIGN}")


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, 4)
