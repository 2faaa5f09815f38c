"""The abnormal returns around calls that a publication figure shows, from the tables of several quarters.

What belongs here: reading them as `event_study` does, for one series or all themes together, and why it cannot be done.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, NamedTuple

import dagster as dg
import pyarrow as pa

from ftm_assets.methods.returns.event_choices import PATH_FIRST_DAY, EventStudyParams
from ftm_assets.methods.returns.event_curves import both_curves, curve_rows
from ftm_assets.orchestration.event_quarters import (
    Reader,
    refuse_other_ids,
    same_returns,
    together,
)
from ftm_assets.orchestration.inputs import allows_mixed
from ftm_assets.orchestration.series_chain import settled
from ftm_assets.report.figure_rows import FigureError
from ftm_resources.duck import ConfiguredDuckDB
from ftm_resources.quarters import between
from ftm_resources.tables.categories import POOLED

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ftm_assets.methods.returns.event_curves import Curves
    from ftm_assets.methods.returns.event_samples import Events, Toned
    from ftm_resources.warehouse import Warehouse

_TONE = "score"


class CarRows(NamedTuple):
    """What `car_figure` is drawn from."""

    name: str
    """Of the series."""
    model: str
    """Of expected returns."""
    found: Curves
    placebo: Curves
    rows: pa.Table
    """A row per sample, tercile and day: mean CAR and its 95% interval, decimal."""
    left_out: dict[str, list[str]]
    """Quarter → the tables that it lacks."""


class CarEvents(NamedTuple):
    """The calls of some quarters with their returns and tones, about all series."""

    quarters: str
    """First and last, in words."""
    events: Events
    toned: Mapping[str, Toned]
    """By series."""
    params: EventStudyParams
    model: str
    left_out: dict[str, list[str]]


def car_events(warehouse: Warehouse, first: str, last: str) -> CarEvents:
    """Read the calls of these quarters from one state of the tables.

    Returns are abnormal by the last model that `abnormal_returns` was made with, tone is `score`, and themes are those
    of the call's own quarter. FigureError if no quarter has returns, or if quarters do not go together; the message
    says what to materialize.
    """
    params = EventStudyParams(definitions=["quarter"], tones=[_TONE])
    # Read as by a run that has made nothing: what it would refuse is refused here.
    run, pinned = dg.DagsterRun(job_name="figures"), settled(warehouse)
    reader = Reader(warehouse, pinned, params, ConfiguredDuckDB(), run, logging.getLogger(__name__))
    absent = {q: reader.absent(q) for q in between(first, last)}
    used = [q for q, lacking in absent.items() if not lacking]
    if not used:
        raise FigureError(
            f"there are no returns from {first} to {last}: {last} has no {', '.join(absent[last])}. Set "
            "FTM_RETURNS_SOURCE to files or wrds (the sample has returns of its own) and make the quarters again"
        )
    try:
        if not allows_mixed(run):
            refuse_other_ids(reader, used, used[-1])
        returns, windows = same_returns(reader, used, params, used[-1])
        quarters = [reader.events_of(q, returns, windows) for q in used]
        series = warehouse.quarter("theme_series", used[-1], pinned=pinned).read(["series_id", "name"])
    except dg.Failure as failure:
        raise FigureError(str(failure.description)) from failure
    names = dict(zip(*(series.column(c).to_pylist() for c in ("series_id", "name")), strict=True))
    events, toned = together(quarters, windows, names, params)
    left_out = {q: lacking for q, lacking in absent.items() if lacking}
    known = {one.series_id: one for one in toned["quarter"]}
    return CarEvents(f"from {first} to {last}", events, known, params, returns.models[-1], left_out)


def car_rows(read: CarEvents, series_id: str = POOLED) -> CarRows:
    """Return the mean CARs around the calls, by tone about a series or (`pooled`) all its themes.

    FigureError if no call speaks of the series, or none has a return on each day.
    """
    if series_id not in read.toned:
        raise FigureError(f"no call {read.quarters} speaks of {series_id}")
    found, placebo = both_curves(
        read.events, read.toned[series_id], read.params, model=read.model, tone=_TONE
    )
    if not sum(found.n_events):
        raise FigureError(
            f"of no call {read.quarters} that speaks of {series_id} is there a return on each day from "
            f"{PATH_FIRST_DAY} to {read.params.picture_last_day}"
        )
    rows = pa.concat_tables([_rows("event", found), _rows("placebo", placebo)])
    return CarRows(read.toned[series_id].name, read.model, found, placebo, rows, read.left_out)


def _rows(sample: str, curves: Curves) -> pa.Table:
    """Return the curves as rows, their columns as in `event_paths`; null where there is no mean or no band."""
    columns = curve_rows(curves)
    return pa.table({"sample": pa.repeat(sample, len(columns["day"])), **columns})
