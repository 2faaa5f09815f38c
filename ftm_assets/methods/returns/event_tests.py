"""The tests of an event study: events with tone, their terciles, and a row per test.

What belongs here: from CARs and tone to the rows of `event_study` and `event_terciles`. The statistics are in
`event_statistics`, regressions in `clustered_errors`, adjustments for many tests in `many_tests`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa

from ftm_assets.methods.returns import event_statistics as statistics
from ftm_assets.methods.returns.clustered_errors import (
    group_means,
    p_value,
    regress,
    require_linearmodels,
    within,
)
from ftm_assets.methods.returns.event_samples import NOTHING, Drawn, Measured
from ftm_assets.methods.returns.many_tests import benjamini_hochberg, romano_wolf
from ftm_resources.tables import TABLES
from ftm_resources.tables.categories import POOLED, TERCILES

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

    from ftm_assets.methods.returns.event_choices import EventStudyParams
    from ftm_assets.methods.returns.event_samples import Events, Sample, Toned

    Floats = NDArray[np.float64]
    Ints = NDArray[np.int64]

FEWEST_CLUSTERS = 3
"""Fewer firms or dates have no clustered variance worth the name."""

_GROUPS = TERCILES[1:4]


def build_event_study(
    events: Events, toned: Mapping[str, Sequence[Toned]], params: EventStudyParams, *, quarter: str
) -> tuple[pa.Table, pa.Table]:
    """Return the rows of `event_study` and `event_terciles`, sorted by their keys.

    `toned` maps each definition to its series, `POOLED` among them. A test that cannot be made has a row with the
    reason. MissingExtraError if `linearmodels` is not installed.
    """
    require_linearmodels()
    studies, groups = [], []
    for sample, of, windows in (
        ("event", events.calls, events.windows[:-1]),
        ("pre_event", events.calls, events.windows[-1:]),
        ("placebo", events.placebo, events.windows[:-1]),
    ):
        for model, paths in of.paths.items():
            standard = statistics.standardised(paths.residuals)
            for window in windows:
                measured = Measured.of(paths, standard, events.windows.index(window), window)
                for definition, series in toned.items():
                    for tone in params.tones:
                        shared = {
                            "definition": definition,
                            "model": model,
                            "window": str(window),
                            "tone": tone,
                            "sample": sample,
                        }
                        family, split = _family(events, of, measured, series, tone, params)
                        studies.append(_table("event_study", family, shared, quarter))
                        groups.append(_table("event_terciles", split, shared, quarter))
    return _sorted("event_study", studies), _sorted("event_terciles", groups)


def _table(name: str, rows: list[dict[str, Any]], shared: Mapping[str, str], quarter: str) -> pa.Table:
    contract = TABLES[name]
    columns = {
        c.name: pa.array(
            [shared[c.name]] * len(rows) if c.name in shared else [_plain(r.get(c.name)) for r in rows],
            c.type,
        )
        for c in contract.own
    }
    return contract.conform(pa.table(columns), quarter=quarter)


def _plain(value: Any) -> Any:
    return None if isinstance(value, float) and not np.isfinite(value) else value


def _sorted(name: str, parts: Sequence[pa.Table]) -> pa.Table:
    contract = TABLES[name]
    made = pa.concat_tables([contract.empty(), *parts])
    return made.sort_by([(k, "ascending") for k in contract.key])


def _family(
    events: Events,
    of: Sample,
    measured: Measured,
    series: Sequence[Toned],
    tone: str,
    params: EventStudyParams,
) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """Return the rows of all series that are tested together, and those of their groups."""
    rows, split = [], []
    tested: dict[str, list[tuple[dict[str, Any], tuple[Ints, Floats]]]] = {}
    for one in series:
        drawn = Drawn.of(events, of, measured, one, tone, params)
        if drawn is None:
            continue
        named = {"series_id": one.series_id, "series_name": one.name}
        for specification, names in params.specifications.items():
            known = drawn.holding([events.controls[name] for name in names])
            lacking = {"controls": specification, "n_without_controls": len(drawn.y) - len(known.y)}
            row = named | lacking | _tested(known, params)
            rows.append(row)
            if row["reason"] is None and one.series_id != POOLED:
                tested.setdefault(specification, []).append((row, _scores(known)))
        split += [named | group for group in _split(drawn, params)]
    for family in tested.values():
        _adjust([row for row, _ in family], [scores for _, scores in family], params)
    return rows, split


def _adjust(
    tested: Sequence[dict[str, Any]], scores: Sequence[tuple[Ints, Floats]], params: EventStudyParams
) -> None:
    """Add to the rows of a family what their p-values are for that many tests."""
    days, place = np.unique(np.concatenate([d for d, _ in scores]), return_inverse=True)
    matrix, start = np.zeros((len(days), len(tested))), 0
    for j, (own, sums) in enumerate(scores):
        matrix[place[start : start + len(own)], j] = sums
        start += len(own)
    q = benjamini_hochberg(np.array([r["p"] for r in tested]))
    p = romano_wolf(np.array([r["t"] for r in tested]), matrix, draws=params.draws, seed=params.seed)
    for row, q_value, adjusted in zip(tested, q.tolist(), p.tolist(), strict=True):
        row |= {"q_value": q_value, "p_romano_wolf": adjusted}


def _clusters(counts: Mapping[str, int]) -> int:
    return min(counts["n_firms"], counts["n_dates"])


def _tested(drawn: Drawn, params: EventStudyParams) -> dict[str, Any]:
    """Return the columns of the regression, or the reason why there is none."""
    counts = drawn.counts()
    row: dict[str, Any] = {
        **counts,
        "n_without_return": drawn.n_without,
        "n_quarters": len(np.unique(drawn.quarter)),
        "fixed_effects": params.effects,
        "mean_car": float(drawn.y.mean()) if len(drawn.y) else None,
        "reason": None,
    }
    if len(drawn.y) < params.min_events:
        return row | {"reason": "too_few_events"}
    if _clusters(counts) < FEWEST_CLUSTERS:
        return row | {"reason": "too_few_clusters"}
    own = within(drawn.x, drawn.effects, drawn.controls)
    if np.square(own).sum() <= NOTHING * max(1.0, np.square(drawn.x).sum()):
        return row | {"reason": "no_variation"}
    found = regress(drawn.y, drawn.x, drawn.firm, drawn.date, controls=drawn.controls, effects=drawn.effects)
    if not np.isfinite(found.std_error):
        return row | {"reason": "no_variance"}
    t = found.coefficient / found.std_error
    return row | {
        "coefficient": found.coefficient,
        "std_error": found.std_error,
        "t": t,
        "p": p_value(t, _clusters(counts)),
        "r_squared": found.r_squared,
    }


def _scores(drawn: Drawn) -> tuple[Ints, Floats]:
    """Return the event dates, and the sum of the scores of each under the null (see `romano_wolf`)."""
    days, place = np.unique(drawn.date, return_inverse=True)
    x, y = (within(v, drawn.effects, drawn.controls) for v in (drawn.x, drawn.y))
    return days, np.bincount(place, weights=x * y).astype(np.float64)


def _split(drawn: Drawn, params: EventStudyParams) -> list[dict[str, Any]]:
    """Return the rows of all events, of each tercile, and of high less low."""
    every = np.ones(len(drawn.y), dtype=bool)
    groups = {"all": every, **{name: drawn.tercile == k for k, name in enumerate(_GROUPS)}}
    outer = drawn.tercile != 1
    if len(drawn.y) < params.min_events:
        return [
            {
                "tercile": name,
                **drawn.counts(kept),
                "n_repeated": int(drawn.repeated(kept).sum()),
                "reason": "too_few_events",
            }
            for name, kept in (groups | {TERCILES[-1]: outer}).items()
        ]
    together = np.zeros(len(drawn.y), dtype=np.int64)
    whole, whole_spread = group_means(drawn.y, together, 1, drawn.firm, drawn.date)
    means, spread = group_means(drawn.y, drawn.tercile, 3, drawn.firm, drawn.date)
    found = [(whole[0], whole_spread[0, 0]), *((means[k], spread[k, k]) for k in range(3))]
    rows = [
        _group(drawn, name, kept, float(mean), float(variance))
        for (name, kept), (mean, variance) in zip(groups.items(), found, strict=True)
    ]
    counts, low, high = drawn.counts(outer), groups["low"], groups["high"]
    has_both = bool(low.any() and high.any())
    tone = float(drawn.x[high].mean() - drawn.x[low].mean()) if has_both else None
    variance = float(spread[2, 2] + spread[0, 0] - 2 * spread[0, 2])
    # How the calls of each end vary is not known from one or two of them, however many the other end has.
    ends = min((drawn.counts(low), drawn.counts(high)), key=_clusters)
    difference = _mean(float(means[2] - means[0]), variance, counts, ends)
    last = {"tercile": TERCILES[-1], **counts, "n_repeated": int(drawn.repeated(outer).sum())}
    return [*rows, {**last, "mean_tone": tone} | difference]


def _mean(
    mean: float, variance: float, counts: Mapping[str, int], fewest: Mapping[str, int] | None = None
) -> dict[str, Any]:
    """Return the columns of a mean and its clustered error, or the reason why it has none.

    `fewest` are the counts of the smallest group that it is made of, if there are several.
    """
    if not np.isfinite(mean):
        return {"reason": "too_few_events"}
    if _clusters(fewest or counts) < FEWEST_CLUSTERS:
        return {"mean_car": mean, "reason": "too_few_clusters"}
    if not variance > 0:
        return {"mean_car": mean, "reason": "no_variance"}
    error = float(np.sqrt(variance))
    return {
        "mean_car": mean,
        "std_error": error,
        "p": p_value(mean / error, _clusters(counts)),
        "reason": None,
    }


def _group(drawn: Drawn, name: str, kept: NDArray[np.bool_], mean: float, variance: float) -> dict[str, Any]:
    """Return the row of a group of events, with its statistics."""
    measured, own, counts = drawn.measured, drawn.at[kept], drawn.counts(kept)
    repeated = drawn.repeated(kept)
    row = {"tercile": name, **counts, "n_repeated": int(repeated.sum())}
    row["mean_tone"] = float(drawn.x[kept].mean()) if len(own) else None
    row |= _mean(mean, variance, counts)
    if row["reason"] is not None:
        return row
    # A residual of zero in every day has no standardised CAR.
    is_usable = np.isfinite(measured.scar[own]) & ~repeated
    usable, date = own[is_usable], drawn.date[kept][is_usable]
    scar, n = measured.scar[usable], len(usable)
    (overlap,) = statistics.overlaps(measured.standard[usable], date, [measured.length])
    standard = statistics.bmp(scar)
    ratio = float(scar.var(ddof=1)) if n > 2 else float("nan")
    return row | {
        "patell": statistics.patell(scar, measured.spare[usable]),
        "bmp": standard,
        "kolari_pynnonen": statistics.kolari_pynnonen(standard, overlap.correlation, n),
        "rank": statistics.rank_statistic(measured.ranks[usable], measured.length),
        "overlap_share": overlap.share,
        "mean_correlation": overlap.correlation,
        "variance_ratio": ratio,
        "patell_size": statistics.size_of_patell(ratio, overlap.correlation, n),
        "bmp_size": statistics.size_of_bmp(overlap.correlation, n),
    }
