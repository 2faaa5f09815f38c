"""Checks of topic quality: limits on single measures, and comparisons with other quarters."""

import math
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from statistics import median
from typing import NamedTuple

import dagster as dg

from ftm_assets.checks.limits_told import Beside
from ftm_assets.methods.topics.quality import LARGE_TOPIC_SENTENCES, LARGE_TOPIC_SHARE
from ftm_assets.methods.topics.theme_model import ThemeParams
from ftm_assets.orchestration.partitions import QUARTERS
from ftm_assets.orchestration.specs import readable
from ftm_resources.expected import plainly
from ftm_resources.warehouse import Warehouse

MAX_OUTLIER_SHARE = 0.30
"""Share of sentences in no topic. The clusterer leaves few out, so losing a third means something is wrong."""

MIN_SEED_STABILITY = 0.6
"""Mean adjusted Rand index between seeds; below it, topics depend as much on the seed as on the firm.
Pure noise (120 to 400 vectors of 384 dimensions) reaches 0.36 to 0.48, the sample's firms 0.87."""

MAX_LARGEST_THEME_SHARE = 0.15
"""Share of placed topics in one theme that is never too much; guards, with `largest_by_chance`, against one giant
cluster."""

FEWEST_PLACED_TOPICS = 2 * ThemeParams().min_topics
"""Fewer placed topics cannot make two themes."""

SMALL_QUARTER_TOPICS = 200
"""With fewer placed topics, and so few themes, one theme may well be larger: only a warning."""

MIN_PLACED_SHARE = 0.55
"""Share of topics that are in a theme. It is 0.63 on Earnings-21's 44 calls and 0.77 on the sample's 48 firms; topics
whose theme does not recur among other firms are in none."""

MAX_WEAK_THEMES = 0.25
"""Share of themes of so little coherence that no sentence counts in them. It is 0.09 on the themes of the 44 calls that
were read one by one (docs/labelling.md), and three of those four were read as junk."""

MAX_PROCEDURAL_TOPICS = 0.05
"""Share of topics about the call itself."""

MAX_DROP = 0.1
"""Drop of coherence or diversity below the median of the other quarters."""

MIN_QUARTERS = 3
"""Quarters needed for a comparison, this one included."""


BY_REASON = {
    "dominated": "take more firms, or raise max_firm_share",
    "few firms": "take more firms, or lower min_firms",
    "outlier": "lower join_similarity",
    "unstable": "take more firms, or lower min_stability",
    "procedural": "read these topics' sentences: their kinds in sentence_kinds may be wrong; or raise "
    "max_procedural_share",
}
"""Reason for which a topic is in no theme → what to do if it is the commonest."""


def largest_by_chance(n_topics: int) -> float:
    """Return the share of the topics that the largest theme exceeds in 5% of quarters if sizes are chance.

    The themes are as many as the default granularity aims at, and sizes are those of a stick that is broken at random:
    the largest of k pieces exceeds x with a probability of at most k (1 - x)^(k - 1) (Feller 1971, An Introduction to
    Probability Theory and Its Applications II, section I.9).

    >>> [round(largest_by_chance(n), 2) for n in (20, 150, 500, 5000)]
    [0.68, 0.27, 0.17, 0.07]
    """
    params = ThemeParams()
    n = max(2.0, min(params.granularity * math.sqrt(n_topics), n_topics / params.min_topics))
    return float(1 - (0.05 / n) ** (1 / (n - 1)))


def _largest_theme(n_topics: int) -> float:
    return max(MAX_LARGEST_THEME_SHARE, largest_by_chance(n_topics))


Measured = Mapping[tuple[str, str], tuple[float, int]]
"""(level, metric) of `topic_quality` → value, and of how many topics or firms it is."""


@dataclass(frozen=True)
class Limit:
    """A limit on a measure of `topic_quality`; crossing it does not stop a run."""

    name: str
    level: str
    metric: str
    limit: float
    is_upper: bool
    said: str
    """What is said when it is crossed, with a place for the value and, named, for the limit."""
    doc: str
    """The limit, then what to do when it is crossed."""
    parameters: tuple[str, ...] = ()
    """Fields of the level's config that affect the measure; their values are reported when the limit is crossed."""
    error_from: float = float("inf")
    """If the measure covers at least this many topics or firms, crossing the limit is an error, not a warning."""
    by_n: Callable[[int], float] | None = None
    """The limit of a measure of so many topics or firms, where it depends on their number."""

    def at(self, n: int) -> float:
        """Return the limit of a measure of n topics or firms."""
        return self.limit if self.by_n is None else self.by_n(n)

    def keeps(self, value: float | None, n: int) -> bool:
        """Return whether a value, of n topics or firms, is within the limit; a missing value is."""
        return value is None or (value <= self.at(n) if self.is_upper else value >= self.at(n))

    def of(self, now: Measured) -> tuple[float | None, int]:
        """Return the value that is judged, None if there is none, and of how many topics or firms it is."""
        value, n = now.get((self.level, self.metric), (None, 0))
        return (None if self.name == "largest_theme" and n < FEWEST_PLACED_TOPICS else value), n

    def told(self, value: float, n: int) -> str:
        """Return what is said of a value beyond the limit."""
        limit = self.at(n)
        return self.said.format(Beside(value, limit), limit=Beside(limit, value))


LIMITS = (
    Limit(
        "outlier_share", "firm_topics", "outlier_share", MAX_OUTLIER_SHARE, True,
        f"{{:.0%}} of the sentences are in no topic (expected: at most {MAX_OUTLIER_SHARE:.0%})",
        f"At most {MAX_OUTLIER_SHARE:.0%} of the sentences are in no topic. If not, look at the firms with the "
        "highest outlier_share in firm_status; lower join_similarity or min_topic_sentences of firm_topics",
        ("join_similarity", "min_topic_sentences"),
    ),
    Limit(
        "dominated_firms", "firm_topics", "dominated_firms", 0, True,
        f"{{:.0f}} firms have over {LARGE_TOPIC_SHARE:.0%} of their sentences in one topic (expected: none)",
        f"No firm with at least {LARGE_TOPIC_SENTENCES} sentences has over {LARGE_TOPIC_SHARE:.0%} of them in one "
        "topic. If not, read that topic's sentences: either sentence_kinds missed talk about the call, or "
        "sentences_per_topic of firm_topics is too high",
        ("sentences_per_topic", "usual_topics", "max_topics"),
    ),
    Limit(
        "seed_stability", "firm_topics", "seed_stability", MIN_SEED_STABILITY, False,
        f"Clusterings with different seeds agree by only {{:.2f}} (expected: at least {MIN_SEED_STABILITY})",
        f"Clusterings with different seeds agree with an adjusted Rand index of at least {MIN_SEED_STABILITY}. "
        "If not, the topics are partly chance: check the embeddings (a new model?), or raise n_neighbors or "
        "turn_weight of firm_topics",
        ("n_neighbors", "turn_weight", "sentences_per_topic", "seed"),
    ),
    Limit(
        "procedural_topics", "firm_topics", "procedural_share", MAX_PROCEDURAL_TOPICS, True,
        f"{{:.0%}} of the topics are about the call itself (expected: at most {MAX_PROCEDURAL_TOPICS:.0%})",
        f"At most {MAX_PROCEDURAL_TOPICS:.0%} of the topics are about the call itself. If not, sentence_kinds "
        "misses talk of these calls: read the topics with the highest call_share in firm_topics, and raise "
        "min_business of sentence_kinds",
    ),
    Limit(
        "largest_theme", "themes", "largest_theme_share", MAX_LARGEST_THEME_SHARE, True,
        "One theme holds {:.0%} of the placed topics (expected of so many: at most {limit:.0%})",
        f"No theme holds more of the placed topics than chance gives the largest of so many themes, and "
        f"{MAX_LARGEST_THEME_SHARE:.0%} (a warning below {SMALL_QUARTER_TOPICS} topics). If not, unrelated subjects "
        "may have been merged: read the theme's topics; if they have little in common, raise join_similarity or lower "
        "min_topics of themes, and check the summaries' embeddings",
        ("join_similarity", "min_topics"),
        error_from=SMALL_QUARTER_TOPICS,
        by_n=_largest_theme,
    ),
    Limit(
        "placed_share", "themes", "placed_share", MIN_PLACED_SHARE, False,
        f"Only {{:.0%}} of the topics are in a theme (expected: at least {MIN_PLACED_SHARE:.0%})",
        f"At least {MIN_PLACED_SHARE:.0%} of the topics are in a theme. If not, change the setting of themes that the "
        "commonest reason in theme_topics names: " + "; ".join(f"{r}: {what}" for r, what in BY_REASON.items()),
        ("max_firm_share", "min_firms", "join_similarity", "max_procedural_share"),
    ),
    Limit(
        "weak_themes", "themes", "weak_share", MAX_WEAK_THEMES, True,
        f"{{:.0%}} of the themes are weak: none of their sentences counts (expected: at most {MAX_WEAK_THEMES:.0%})",
        f"At most {MAX_WEAK_THEMES:.0%} of the themes are weak. If not, their topics have little in common: read the "
        "weak themes in theme_coherence, raise join_similarity or min_topics of themes, and check the embeddings (a "
        "new model? min_coherence of theme_sentences was measured with all-MiniLM-L6-v2)",
        ("join_similarity", "min_topics", "granularity"),
    ),
)  # fmt: skip
"""Limits on single measures."""

COMPARED = tuple(
    (level, metric) for level in ("firm_topics", "themes") for metric in ("coherence_c_npmi", "diversity")
)
"""Measures whose level depends on the corpus, so they are compared with the other quarters."""


def lowest_compared(others: Sequence[float]) -> float | None:
    """Return the least value of a measure of COMPARED beside those of other quarters; None if they are too few."""
    return median(others) - MAX_DROP if len(others) + 1 >= MIN_QUARTERS else None


def far_below(level: str, metric: str, value: float, lowest: float) -> str:
    """Return what is said of a value below `lowest_compared`."""
    shown, least = Beside(value, lowest), Beside(lowest, value)
    return (
        f"{metric} of {level} is {shown:.3f}, far below the other quarters' (expected: at least {least:.3f})"
    )


def doubts(now: Measured, others: Mapping[tuple[str, str], Sequence[float]]) -> dict[tuple[str, str], str]:
    """Return (level, metric) → what is said of it, of the measures that the checks would warn of.

    `others` holds the values of other quarters.
    """
    found = {}
    for limit in LIMITS:
        value, n = limit.of(now)
        if value is not None and not limit.keeps(value, n):
            found[limit.level, limit.metric] = limit.told(value, n)
    for key in COMPARED:
        value, lowest = now.get(key, (None, 0))[0], lowest_compared(others.get(key, ()))
        if value is not None and lowest is not None and value < lowest:
            found[key] = far_below(*key, value, lowest)
    return found


class Expected(NamedTuple):
    """What a check expects of a measure."""

    told: str
    """Such as "at most 30%"."""
    limit: float


def expected(
    now: Measured, others: Mapping[tuple[str, str], Sequence[float]]
) -> dict[tuple[str, str], Expected]:
    """Return (level, metric) → what the checks expect of it, of the measures that have a limit.

    `others` holds the values of other quarters.
    """
    found = {}
    for limit in LIMITS:
        value, n = limit.of(now)
        if value is not None:
            found[limit.level, limit.metric] = Expected(_expected(limit.told(value, n)), limit.at(n))
    for key in COMPARED:
        value, lowest = now.get(key, (None, 0))[0], lowest_compared(others.get(key, ()))
        if value is not None and lowest is not None:
            found[key] = Expected(_expected(far_below(*key, value, lowest)), lowest)
    return found


def _expected(told: str) -> str:
    """Return the limit that a message names.

    >>> _expected("One theme holds 40% of the topics (expected of so many: at most 15%)")
    'at most 15%'
    """
    return told.rpartition("(expected")[2].partition(": ")[2].removesuffix(")")


def quality_limits() -> dg.AssetChecksDefinition:
    """Return the checks of `topic_quality`."""
    compared = {f"{level}_{metric}": (level, metric) for level, metric in COMPARED}
    docs = {limit.name: limit.doc for limit in LIMITS} | {
        name: f"{metric} of {level} is at most {MAX_DROP} below the median of the other quarters (from "
        f"{MIN_QUARTERS} quarters on). If not, compare keywords with another quarter's and find what changed: source, "
        "model or parameters"
        for name, (level, metric) in compared.items()
    }
    specs = [
        dg.AssetCheckSpec(name, asset="topic_quality", description=doc, partitions_def=QUARTERS)
        for name, doc in docs.items()
    ]

    @dg.multi_asset_check(name="check_topic_quality_limits", specs=specs)
    @plainly
    def check(context: dg.AssetCheckExecutionContext, warehouse: Warehouse) -> Iterable[dg.AssetCheckResult]:
        quarter = context.op_execution_context.partition_key
        sql = "SELECT quarter, level, metric, value, n FROM topic_quality WHERE value IS NOT NULL ORDER BY quarter"
        rows = warehouse.connect(tables={"topic_quality"}, newest=True).execute(sql).fetchall()
        now = {(level, metric): (value, n) for q, level, metric, value, n in rows if q == quarter}
        for limit in LIMITS:
            value, n = limit.of(now)
            if value is None or limit.keeps(value, n):
                yield _passed(limit.name, value, n, limit.at(n))
                continue
            advice = [limit.doc.partition("If not, ")[2]]
            if limit.name == "placed_share":
                advice = _by_reason(warehouse, quarter) or advice
            yield dg.AssetCheckResult(
                check_name=limit.name,
                asset_key="topic_quality",
                passed=False,
                severity=dg.AssetCheckSeverity.ERROR if n >= limit.error_from else dg.AssetCheckSeverity.WARN,
                description=limit.told(value, n),
                metadata=readable(
                    {
                        "advice": "; ".join(advice + _made_with(warehouse, quarter, limit)),
                        **_numbers(value, n, limit.at(n)),
                    }
                ),
            )
        for name, key in compared.items():
            value, n = now.get(key, (None, 0))
            others = [v for q, level, metric, v, _ in rows if (level, metric) == key and q != quarter]
            lowest = lowest_compared(others)
            if value is None or lowest is None or value >= lowest:
                yield _passed(name, value, n, lowest)
                continue
            yield dg.AssetCheckResult(
                check_name=name,
                asset_key="topic_quality",
                passed=False,
                severity=dg.AssetCheckSeverity.WARN,
                description=far_below(*key, value, lowest),
                metadata=readable(
                    {"advice": docs[name].partition("If not, ")[2], **_numbers(value, n, lowest)}
                ),
            )

    return check


def _by_reason(warehouse: Warehouse, quarter: str) -> list[str]:
    """Return why most topics without a theme have none, and what to do about it; empty if there is none."""
    reasons = (
        warehouse.quarter("theme_topics", quarter).read(["reason"]).column("reason").drop_null().to_pylist()
    )
    if not reasons:
        return []
    # Quarters of older versions have the detail after a colon.
    counts = Counter(reason.partition(":")[0] for reason in reasons)
    (reason, n), *_ = sorted(counts.items(), key=lambda c: (-c[1], c[0]))
    return [f"{n:,} of the {len(reasons):,} others are left out as {reason}", BY_REASON[reason]]


def _made_with(warehouse: Warehouse, quarter: str, limit: Limit) -> list[str]:
    """Return the quarter's values of the parameters that the advice mentions."""
    config = warehouse.provenance(limit.level, quarter).get("config", {})
    known = ", ".join(f"{name} = {config[name]}" for name in limit.parameters if name in config)
    return [f"{limit.level} was made with {known}"] if known else []


def _passed(name: str, value: float | None, n: int, limit: float | None) -> dg.AssetCheckResult:
    """Return that a measure is within its limit, or that either is unknown."""
    return dg.AssetCheckResult(
        check_name=name,
        asset_key="topic_quality",
        passed=True,
        description="not measured, or too little to judge" if value is None
        else "too few quarters to compare" if limit is None
        else f"{value:.3f}, within the limit of {limit:.3f}",
        metadata=readable(_numbers(value, n, limit)),
    )  # fmt: skip


def _numbers(value: float | None, n: int, limit: float | None) -> dict[str, float]:
    measured = {"n": n, "value": value, "limit": limit}
    return {k: v if k == "n" else float(v) for k, v in measured.items() if v is not None}
