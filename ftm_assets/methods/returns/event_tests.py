"""The tests of an event study: events with tone, their terciles, and a row per test.

What belongs here: from CARs and tone to the rows of `event_study` and `event_terciles`. The statistics are in
`event_statistics`, regressions in `clustered_errors`, adjustments for many tests in `many_tests`.
"""

from __future__ import annotations

from dataclasses import dataclass
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
from ftm_assets.methods.returns.many_tests import benjamini_hochberg, romano_wolf
from ftm_resources.tables import TABLES
from ftm_resources.tables.categories import TERCILES

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

    from ftm_assets.methods.returns.event_choices import EventStudyParams
    from ftm_assets.methods.returns.event_paths import Paths
    from ftm_assets.methods.returns.event_windows import Window

    Floats = NDArray[np.float64]
    Ints = NDArray[np.int64]

POOLED = "pooled"
"""`series_id` of all themes of a call taken together."""

FEWEST_CLUSTERS = 3
"""Fewer firms or dates have no clustered variance worth the name."""

_GROUPS = TERCILES[1:4]


@dataclass(frozen=True)
class Sample:
    """The calls of all quarters, or their pseudo-events: n events."""

    zero: Ints
    """(n,): trading day of day 0, counted through all quarters."""
    paths: Mapping[str, Paths]
    """Model → abnormal returns, over `Events.windows`."""


@dataclass(frozen=True)
class Events:
    """What the tests are made from."""

    firm: Ints
    """(n,): number of the firm of each call."""
    quarter: Ints
    """(n,): number of its quarter."""
    windows: Sequence[Window]
    """The event windows; last, the window before the event."""
    calls: Sample
    placebo: Sample
    """In parallel to the calls; a call without a pseudo-event has no CAR there."""


@dataclass(frozen=True)
class Toned:
    """The calls that speak about a series, and their tone."""

    series_id: str
    name: str
    at: Ints
    """(m,): positions among the events, each once."""
    tone: Mapping[str, Floats]
    """Measure → (m,)."""


def terciles(tone: Floats) -> Ints:
    """Return 0, 1 or 2 for events of low, middle and high tone; events of the same tone are in the same tercile.

    >>> terciles(np.array([0.0, 0.0, 0.1, 0.2, 0.3, 0.4])).tolist()
    [0, 0, 1, 1, 2, 2]
    """
    if not len(tone):
        return np.zeros(0, dtype=np.int64)
    _, at, counts = np.unique(tone, return_inverse=True, return_counts=True)
    middle = np.cumsum(counts) - counts / 2  # of the ranks of equal values
    return np.asarray(np.minimum(3 * middle[at] / len(tone), 2).astype(np.int64))


def build_event_study(
    events: Events, toned: Mapping[str, Sequence[Toned]], params: EventStudyParams, *, quarter: str
) -> tuple[pa.Table, pa.Table]:
    """Return the rows of `event_study` and `event_terciles`, sorted by their keys.

    `toned` maps each definition to its series, `POOLED` among them. A test that cannot be made has a row with the
    reason. MissingExtraError (a ValueError) if `linearmodels` is not installed.
    """
    require_linearmodels()
    studies, groups = [], []
    for sample, of, windows in (
        ("event", events.calls, events.windows[:-1]),
        ("pre_event", events.calls, events.windows[-1:]),
        ("placebo", events.placebo, events.windows[:-1]),
    ):
        for model, paths in of.paths.items():
            for window in windows:
                measured = _Measured.of(paths, events.windows.index(window), window)
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


@dataclass(frozen=True)
class _Measured:
    """The CARs of all events by one model over one window."""

    car: Floats
    scar: Floats
    spare: Ints
    residuals: NDArray[np.float32]
    ranks: NDArray[np.float32]
    length: int

    @classmethod
    def of(cls, paths: Paths, column: int, window: Window) -> _Measured:
        length = window.last - window.first + 1
        inside = paths.around[:, window.first - paths.first_day : window.last - paths.first_day + 1]
        car, sd = paths.car[:, column], paths.sd[:, column]
        return cls(
            car,
            np.divide(car, sd, out=np.full_like(car, np.nan), where=sd > 0),
            paths.spare,
            paths.residuals,
            statistics.ranks(paths.residuals, inside),
            length,
        )


def _family(
    events: Events,
    of: Sample,
    measured: _Measured,
    series: Sequence[Toned],
    tone: str,
    params: EventStudyParams,
) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """Return the rows of all series that are tested together, and those of their groups."""
    rows, split, tested, scores = [], [], [], []
    for one in series:
        has_car = np.isfinite(measured.car[one.at])
        at, x = one.at[has_car], one.tone[tone][has_car]
        tercile = terciles(one.tone[tone])[has_car]
        named = {"series_id": one.series_id, "series_name": one.name}
        row = (
            named | _tested(events, of, measured, at, x, params) | {"n_without_return": int((~has_car).sum())}
        )
        rows.append(row)
        split += [named | group for group in _split(events, of, measured, at, x, tercile, params)]
        if row["reason"] is None and one.series_id != POOLED:
            tested.append(row)
            scores.append(_scores(events, of, measured, at, x, params))
    if tested:
        days, place = np.unique(np.concatenate([d for d, _ in scores]), return_inverse=True)
        matrix, start = np.zeros((len(days), len(tested))), 0
        for j, (own, sums) in enumerate(scores):
            matrix[place[start : start + len(own)], j] = sums
            start += len(own)
        q = benjamini_hochberg(np.array([r["p"] for r in tested]))
        p = romano_wolf(np.array([r["t"] for r in tested]), matrix, draws=params.draws, seed=params.seed)
        for row, q_value, adjusted in zip(tested, q.tolist(), p.tolist(), strict=True):
            row |= {"q_value": q_value, "p_romano_wolf": adjusted}
    return rows, split


def _counts(events: Events, of: Sample, at: Ints) -> dict[str, int]:
    return {
        "n_events": len(at),
        "n_firms": len(np.unique(events.firm[at])),
        "n_dates": len(np.unique(of.zero[at])),
    }


def _clusters(counts: Mapping[str, int]) -> int:
    return min(counts["n_firms"], counts["n_dates"])


def _effects(events: Events, at: Ints, params: EventStudyParams) -> list[Ints]:
    known = {"firm": events.firm, "quarter": events.quarter}
    return [known[name][at] for name in params.fixed_effects]


def _tested(
    events: Events, of: Sample, measured: _Measured, at: Ints, x: Floats, params: EventStudyParams
) -> dict[str, Any]:
    counts, effects = _counts(events, of, at), _effects(events, at, params)
    y = measured.car[at]
    row: dict[str, Any] = {
        **counts,
        "n_quarters": len(np.unique(events.quarter[at])),
        "fixed_effects": params.effects,
        "mean_car": float(y.mean()) if len(y) else None,
        "reason": None,
    }
    if len(at) < params.min_events:
        return row | {"reason": "too_few_events"}
    if _clusters(counts) < FEWEST_CLUSTERS:
        return row | {"reason": "too_few_clusters"}
    own = within(x, effects)
    if np.square(own).sum() <= 1e-9 * max(1.0, np.square(x).sum()):
        return row | {"reason": "no_variation"}
    found = regress(y, x, events.firm[at], of.zero[at], effects)
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


def _scores(
    events: Events, of: Sample, measured: _Measured, at: Ints, x: Floats, params: EventStudyParams
) -> tuple[Ints, Floats]:
    """Return the event dates, and the sum of the scores of each under the null (see `romano_wolf`)."""
    effects = _effects(events, at, params)
    days, place = np.unique(of.zero[at], return_inverse=True)
    products = within(x, effects) * within(measured.car[at], effects)
    return days, np.bincount(place, weights=products)


def _split(
    events: Events,
    of: Sample,
    measured: _Measured,
    at: Ints,
    x: Floats,
    tercile: Ints,
    params: EventStudyParams,
) -> list[dict[str, Any]]:
    """Return the rows of all events and of each tercile."""
    if len(at) < params.min_events:
        groups = {"all": at, **{name: at[tercile == k] for k, name in enumerate(_GROUPS)}}
        rows: list[dict[str, Any]] = [
            {"tercile": name, **_counts(events, of, own), "reason": "too_few_events"}
            for name, own in groups.items()
        ]
        both = np.concatenate([groups["low"], groups["high"]])
        return [
            *rows,
            {"tercile": TERCILES[-1], **_counts(events, of, both), "reason": "too_few_events"},
        ]
    y, firm, date = measured.car[at], events.firm[at], of.zero[at]
    whole, whole_spread = group_means(y, np.zeros(len(at), dtype=np.int64), 1, firm, date)
    means, spread = group_means(y, tercile, 3, firm, date)
    every = np.ones(len(at), dtype=bool)
    rows = [
        _group(events, of, measured, "all", at, x, every, whole[0], whole_spread[0, 0]),
        *(
            _group(events, of, measured, name, at, x, tercile == k, means[k], spread[k, k])
            for k, name in enumerate(_GROUPS)
        ),
    ]
    outer = tercile != 1
    variance = spread[2, 2] + spread[0, 0] - 2 * spread[0, 2]
    tones = [x[tercile == k].mean() if (tercile == k).any() else np.nan for k in (0, 2)]
    counts = _counts(events, of, at[outer])
    rows.append(
        {"tercile": TERCILES[-1], **counts, "mean_tone": float(tones[1] - tones[0])}
        | _mean(float(means[2] - means[0]), float(variance), counts)
    )
    return rows


def _mean(mean: float, variance: float, counts: Mapping[str, int]) -> dict[str, Any]:
    """Return the columns of a mean and its clustered error, or the reason why it has none."""
    if not np.isfinite(mean):
        return {"reason": "too_few_events"}
    if _clusters(counts) < FEWEST_CLUSTERS:
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


def _group(
    events: Events,
    of: Sample,
    measured: _Measured,
    name: str,
    at: Ints,
    x: Floats,
    is_in: NDArray[np.bool_],
    mean: float,
    variance: float,
) -> dict[str, Any]:
    own = at[is_in]
    counts = _counts(events, of, own)
    row = {"tercile": name, **counts, "mean_tone": float(x[is_in].mean()) if len(own) else None}
    row |= _mean(float(mean), float(variance), counts)
    if row["reason"] is not None:
        return row
    # A residual of zero in every day has no standardised CAR.
    usable = own[np.isfinite(measured.scar[own])]
    scar, n = measured.scar[usable], len(usable)
    (overlap,) = statistics.overlaps(measured.residuals[usable], of.zero[usable], [measured.length])
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
