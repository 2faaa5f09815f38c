"""Mean cumulative abnormal returns day by day, by tercile of tone, with their bands.

What belongs here: the numbers behind an event study's picture, and their rows in `event_paths`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa

from ftm_assets.methods.returns.clustered_errors import group_mean_paths
from ftm_assets.methods.returns.event_choices import PATH_FIRST_DAY
from ftm_assets.methods.returns.event_samples import sorted_by
from ftm_assets.methods.returns.event_tests import FEWEST_CLUSTERS
from ftm_resources.tables import TABLES
from ftm_resources.tables.categories import TERCILES

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

    from ftm_assets.methods.returns.event_choices import EventStudyParams
    from ftm_assets.methods.returns.event_samples import Events, Sample, Toned

    Floats = NDArray[np.float64]
    Ints = NDArray[np.int64]


GROUPS = TERCILES[1:]
"""The rows of `Curves`."""


@dataclass(frozen=True)
class Curves:
    """Mean cumulative abnormal returns of groups of events; arrays are (groups, days), decimal."""

    days: Ints
    """From day 0."""
    mean: Floats
    """Low, middle and high tone; last, high less low. NaN for a group without events."""
    half_width: Floats
    """Of the 95% band of each day: Student's t times the largest of the errors clustered by firm, by date and by both;
    NaN if there is none, as for a group of fewer than three firms or dates and its differences. By both alone, the
    variance of few events may be near zero or negative. Degrees of freedom are as in `event_terciles`."""
    n_events: tuple[int, int, int]


def tercile_curves(
    events: Events, of: Sample, model: str, one: Toned, tone: str, *, first_day: int, last_day: int
) -> Curves:
    """Return the curves of the calls of a series by a measure of tone, from `first_day` to `last_day`.

    Events without a return on each of the days do not count. Each curve starts from zero before its first day.
    """
    from scipy.stats import t as student

    days = np.arange(first_day, last_day + 1)
    paths = of.paths[model]
    inside = paths.around[one.at, first_day - paths.first_day : last_day - paths.first_day + 1].astype(
        np.float64
    )
    group, has_tone = sorted_by(one, tone)
    known = np.isfinite(inside).all(axis=1) & has_tone
    group, kept = group[known], one.at[known]
    grown = np.cumsum(inside[known], axis=1)
    firm, date = events.firm[kept], of.zero[kept]
    mean, half = np.full((4, len(days)), np.nan), np.full((4, len(days)), np.nan)
    sizes = np.bincount(group, minlength=3)
    means, spread = group_mean_paths(grown, group, 3, firm, date)
    mean[:] = [*means, means[2] - means[0]]
    gap = spread[:, 2, 2] + spread[:, 0, 0] - 2 * spread[:, 0, 2]
    variance = np.stack([*(spread[:, g, g] for g in range(3)), gap], axis=1).max(axis=0)
    clusters = [_clusters(firm[of], date[of]) for of in (*(group == g for g in range(3)), group != 1)]
    is_known = [n >= FEWEST_CLUSTERS for n in clusters[:3]]
    for row, known in enumerate((*is_known, is_known[0] and is_known[2])):
        if known:
            error = np.sqrt(np.where(variance[row] > 0, variance[row], np.nan))
            half[row] = student.ppf(0.975, clusters[row] - 1) * error
    return Curves(days, mean, half, (int(sizes[0]), int(sizes[1]), int(sizes[2])))


def _clusters(firm: Ints, date: Ints) -> int:
    return min(len(np.unique(firm)), len(np.unique(date)))


def both_curves(
    events: Events, one: Toned, params: EventStudyParams, *, model: str, tone: str
) -> tuple[Curves, Curves]:
    """Return the curves of the calls of a series and those of its placebo, over the days of `event_paths`."""
    span = {"first_day": PATH_FIRST_DAY, "last_day": params.picture_last_day}
    found, placebo = (
        tercile_curves(events, of, model, one, tone, **span) for of in (events.calls, events.placebo)
    )
    return found, placebo


def curve_rows(curves: Curves) -> dict[str, pa.Array]:
    """Return curves as columns, a row per group and day: null where there is no mean or no band."""
    n_days = len(curves.days)
    low, middle, high = curves.n_events
    ends = {"car_low": curves.mean - curves.half_width, "car_high": curves.mean + curves.half_width}
    return {
        "tercile": pa.array(np.repeat(GROUPS, n_days)),
        "day": pa.array(np.tile(curves.days, len(GROUPS))),
        "n_events": pa.array(np.repeat([low, middle, high, low + high], n_days)),
        **{
            name: pa.array(values.ravel(), from_pandas=True)
            for name, values in ({"mean_car": curves.mean} | ends).items()
        },
    }


def build_event_paths(
    events: Events, toned: Mapping[str, Sequence[Toned]], params: EventStudyParams, *, quarter: str
) -> pa.Table:
    """Return the rows of `event_paths`, sorted by its key: of each series with at least `params.min_events` events.

    They are by the first definition and measure of tone of `params` and the last model, as the pictures are.
    """
    contract, parts = TABLES["event_paths"], []
    definition, tone, model = params.definitions[0], params.tones[0], list(events.calls.paths)[-1]
    for one in toned[definition]:
        for sample, curves in zip(
            ("event", "placebo"), both_curves(events, one, params, model=model, tone=tone), strict=True
        ):
            if sum(curves.n_events) < params.min_events:
                continue
            rows = curve_rows(curves)
            shared = {
                "series_id": one.series_id,
                "series_name": one.name,
                "definition": definition,
                "model": model,
                "tone": tone,
                "sample": sample,
            }
            columns = rows | {name: pa.repeat(value, len(rows["day"])) for name, value in shared.items()}
            parts.append(pa.table({c.name: columns[c.name].cast(c.type) for c in contract.own}))
    if not parts:
        return contract.empty()
    made = contract.conform(pa.concat_tables(parts), quarter=quarter)
    return made.sort_by([(k, "ascending") for k in contract.key])
