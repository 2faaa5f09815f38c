"""The events of one quarter as an event study over several quarters reads them: returns, pseudo-events and tone.

What belongs here: reading a quarter's tables at fixed snapshots, and why a quarter is left out. What is kept of a
quarter is its abnormal returns day by day, in single precision: about 11 MB per model for 5,000 calls and as many
pseudo-events.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import dagster as dg
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from ftm_assets.methods.returns.event_paths import Paths, event_paths
from ftm_assets.methods.returns.event_tone import call_tones
from ftm_assets.methods.returns.event_windows import ReturnsParams, Window, days_needed
from ftm_assets.methods.returns.known_themes import COLUMNS
from ftm_assets.methods.returns.market_arrays import calendar_of, market_of
from ftm_assets.methods.returns.pseudo_events import pseudo_days
from ftm_assets.orchestration.inputs import pinned_inputs
from ftm_assets.orchestration.known_before import READ_FOR_KNOWN, said_before
from ftm_assets.orchestration.params_config import recorded
from ftm_resources import quarters

if TYPE_CHECKING:
    from collections.abc import Sequence
    from logging import Logger

    from numpy.typing import NDArray

    from ftm_assets.methods.returns.event_choices import EventStudyParams
    from ftm_resources.duck import ConfiguredDuckDB
    from ftm_resources.warehouse import QuarterTable, Warehouse
    from ftm_resources.warehouse.pinned import Pinned

READ = ("abnormal_returns", "daily_returns", "factor_returns", "sentiment_scores", "theme_links")
"""Tables that every quarter is read from."""
CONTROLS = "controls"
"""The table of what is held constant, if config names any."""

PATH_FIRST_DAY = -10
"""First day of the paths around the events, from day 0."""


@dataclass
class QuarterEvents:
    """The calls of a quarter with their returns and tone."""

    quarter: str
    transcripts: list[str]
    firms: list[str]
    days: NDArray[np.datetime64]
    """Day 0 of each call."""
    pseudo: NDArray[np.datetime64]
    """The day of its pseudo-event; NaT where there is none."""
    paths: dict[str, dict[str, Paths]]
    """event, placebo → model → paths, in parallel to the calls."""
    calendar: NDArray[np.datetime64]
    controls: dict[str, NDArray[np.float64]]
    """Control that config names → its values, in parallel to the calls; NaN where it is unknown."""
    tones: dict[str, pa.Table]
    """Definition → tone of each call about each series (see `event_tone.call_tones`)."""
    sue_methods: list[str] = field(default_factory=list)
    """The measures of the surprise, if it is a control."""
    read: list[QuarterTable] = field(default_factory=list)
    """What it was made from, of this quarter and earlier ones."""
    notes: list[str] = field(default_factory=list)
    """What could not be read, for people."""


@dataclass(frozen=True)
class Reader:
    """Reads quarters of one view of the warehouse."""

    warehouse: Warehouse
    pinned: Pinned
    params: EventStudyParams
    duckdb: ConfiguredDuckDB
    run: dg.DagsterRun
    log: Logger | dg.DagsterLogManager

    def returns_of(self, quarter: str) -> tuple[ReturnsParams, list[Window]] | None:
        """Return what abnormal_returns of a quarter was made with, and its windows; None if it was not made."""
        write = self.pinned.present(quarter)("abnormal_returns")
        if write is None:
            return None
        made = recorded(ReturnsParams, write.provenance().get("config", {}))
        return made, made.chosen()

    def absent(self, quarter: str) -> list[str]:
        """Return the tables without which a quarter is left out."""
        present = self.pinned.present(quarter)
        return [name for name in READ if present(name) is None]

    def events_of(self, quarter: str, returns: ReturnsParams, windows: Sequence[Window]) -> QuarterEvents:
        """Return the events of a quarter, over these windows, by the models that `returns` names.

        Raises a Failure as `inputs.pinned_inputs` does.
        """
        wants_known = "known_before" in self.params.definitions
        # A quarter without controls keeps its calls, which only the regressions with controls leave out.
        wants_controls = bool(self.params.controls) and self.pinned.present(quarter)(CONTROLS) is not None
        names = (*READ, *(READ_FOR_KNOWN if wants_known else ()), *((CONTROLS,) if wants_controls else ()))
        held = pinned_inputs(
            self.warehouse, self.pinned, quarter, names, run=self.run, log=self.log, is_chain_judged=False
        )
        made = self._returns(held, quarter, returns, windows)
        made.read = list(held.values())
        if self.params.controls and not wants_controls:
            made.read.append(self.warehouse.quarter(CONTROLS, quarter, pinned=self.pinned))
            made.notes.append(f"{quarter} has no controls, so its calls are in no regression with controls")
        elif wants_controls:
            self._add_controls(made, held[CONTROLS])
        if "quarter" in self.params.definitions:
            made.tones["quarter"] = _of_quarter(held)
        if wants_known:
            self._add_known(made, held)
        return made

    def _returns(
        self,
        held: dict[str, QuarterTable],
        quarter: str,
        returns: ReturnsParams,
        windows: Sequence[Window],
    ) -> QuarterEvents:
        columns = ["transcript_id", "firm_id", "permno", "event_date"]
        calls = (
            held["abnormal_returns"].read(columns).group_by(columns).aggregate([]).sort_by("transcript_id")
        )
        daily = held["daily_returns"].read(["permno", "date", "ret"])
        factors = held["factor_returns"].read()
        before, after = days_needed(returns)
        calendar = calendar_of(daily, factors, quarter, before, after)
        market = market_of(daily, factors, calendar)
        ids, firms = (calls.column(c).to_pylist() for c in ("transcript_id", "firm_id"))
        zero = np.searchsorted(calendar.days, calls.column("event_date").to_numpy().astype("datetime64[D]"))
        first, last = (np.datetime64(day, "D") for day in quarters.bounds(quarter))
        pseudo = pseudo_days(
            ids, firms, zero,
            int(np.searchsorted(calendar.days, first)),
            int(np.searchsorted(calendar.days, last, side="right")) - 1,
            seed=self.params.seed,
            distance=self.params.placebo_distance,
        )  # fmt: skip
        permnos = calls.column("permno").to_pylist()
        firm = np.array([market.row.get(p, -1) for p in permnos], dtype=np.int64)
        is_linked = np.array([p is not None for p in permnos], dtype=bool)
        span = Window(
            min(PATH_FIRST_DAY, *(w.first for w in windows)),
            max(self.params.picture_last_day, *(w.last for w in windows)),
        )
        samples = {
            "event": (firm, zero),
            # A call without a pseudo-event has no returns there.
            "placebo": (np.where(pseudo >= 0, firm, -1), np.maximum(pseudo, 0)),
        }
        return QuarterEvents(
            quarter=quarter,
            transcripts=ids,
            firms=firms,
            days=calendar.days[zero],
            pseudo=np.where(pseudo >= 0, calendar.days[np.maximum(pseudo, 0)], np.datetime64("NaT")),
            paths={
                sample: event_paths(market, of, at, returns, windows, span, is_linked=is_linked)
                for sample, (of, at) in samples.items()
            },
            calendar=calendar.days,
            controls={name: np.full(len(ids), np.nan) for name in self.params.controls},
            tones={},
        )

    def _add_controls(self, made: QuarterEvents, table: QuarterTable) -> None:
        """Add what was known at each call."""
        rows = table.read(["transcript_id", "sue_method", *self.params.controls])
        place = pc.index_in(
            pa.array(made.transcripts, pa.string()), rows.column("transcript_id").combine_chunks()
        )
        for name in self.params.controls:
            values = rows.column(name).combine_chunks().take(place)
            made.controls[name] = values.fill_null(np.nan).to_numpy(zero_copy_only=False)
        if "sue" in self.params.controls:
            made.sue_methods = pc.unique(rows.column("sue_method")).drop_null().to_pylist()

    def _add_known(self, made: QuarterEvents, held: dict[str, QuarterTable]) -> None:
        """Add the tone about series known before the quarter; a note if there are none to compare with."""
        said = said_before(
            self.warehouse, self.pinned, self.duckdb, made.quarter, held,
            floor=self.params.known_floor, reader="event_study",
        )  # fmt: skip
        made.tones["known_before"] = call_tones(said.rows)
        made.read += said.read
        made.notes += [said.note] if said.note else []


def _of_quarter(held: dict[str, Any]) -> pa.Table:
    scores = held["sentiment_scores"].read(["theme_id", *COLUMNS])
    links = held["theme_links"].read(["theme_id", "series_id"])
    place = pc.index_in(scores.column("theme_id"), links.column("theme_id").combine_chunks())
    return call_tones(
        scores.set_column(0, "series_id", links.column("series_id").combine_chunks().take(place))
    )
