"""The events of quarters as an event study over several quarters reads them: returns, pseudo-events and tone.

What belongs here: reading a quarter's tables at fixed snapshots, why a quarter is left out or refused, and the events
of all quarters under one numbering. What is kept of a quarter is its abnormal returns day by day, in single precision:
about 11 MB per model for 5,000 calls and as many pseudo-events.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import dagster as dg
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from ftm_assets.methods.returns.event_choices import PATH_FIRST_DAY, EventStudyParams
from ftm_assets.methods.returns.event_paths import Paths, event_paths, joined
from ftm_assets.methods.returns.event_samples import Events, Sample, Toned
from ftm_assets.methods.returns.event_tone import call_tones, toned_series
from ftm_assets.methods.returns.event_windows import ReturnsParams, Window, days_needed
from ftm_assets.methods.returns.known_themes import COLUMNS
from ftm_assets.methods.returns.market_arrays import calendar_of, market_of
from ftm_assets.methods.returns.pseudo_events import pseudo_days
from ftm_assets.orchestration.inputs import pinned_inputs
from ftm_assets.orchestration.known_before import READ_FOR_KNOWN, said_before
from ftm_assets.orchestration.params_config import recorded
from ftm_assets.orchestration.series_chain import rests_on_others
from ftm_resources import quarters

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from logging import Logger

    from numpy.typing import NDArray

    from ftm_resources.duck import ConfiguredDuckDB
    from ftm_resources.warehouse import QuarterTable, Warehouse
    from ftm_resources.warehouse.pinned import Pinned

READ = ("abnormal_returns", "daily_returns", "factor_returns", "sentiment_scores", "theme_links")
"""Tables that every quarter is read from."""
NAME = "event_study"
"""The asset that reads them, for messages."""
CONTROLS = "controls"
"""The table of what is held constant, if config names any."""

SAME = ("models", "windows", "estimation_first_day", "estimation_last_day", "min_estimation_days")
"""What abnormal_returns of all quarters must have been made with alike."""


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


def refuse_other_ids(reader: Reader, used: Sequence[str], last: str) -> None:
    """Raise a Failure if a series' id need not mean the same in an earlier quarter."""
    for quarter in used[:-1]:
        if why := rests_on_others(reader.pinned, last, quarter):
            raise dg.Failure(
                f"{NAME} {last}: its series may not be those of {quarter}: {why}. Materialize theme_links of {last} "
                "first",
                allow_retries=False,
            )


def same_returns(
    reader: Reader, used: Sequence[str], params: EventStudyParams, last: str
) -> tuple[ReturnsParams, list[Window]]:
    """Return what abnormal_returns was made with in all quarters, of the chosen models, and the windows to test.

    Raises a Failure if quarters differ, or were made without a model that is asked for.
    """
    made = {q: found for q in used if (found := reader.returns_of(q)) is not None}
    returns, windows = made[last]
    for quarter, (other, _) in made.items():
        if differ := [name for name in SAME if getattr(other, name) != getattr(returns, name)]:
            raise dg.Failure(
                f"{NAME} {last}: abnormal_returns of {quarter} was made with other {', '.join(differ)}. Materialize "
                "abnormal_returns of all quarters with the same config first",
                allow_retries=False,
            )
    if unknown := [m for m in params.models if m not in returns.models]:
        raise dg.Failure(
            f"{NAME} {last}: abnormal_returns was made without {', '.join(unknown)}, only with "
            f"{', '.join(returns.models)}. Materialize it with these models, or choose other models",
            allow_retries=False,
        )
    before = Window.parse(params.pre_event_window)
    if before in windows or before.first <= returns.estimation_last_day:
        raise dg.Failure(
            f"{NAME} {last}: pre_event_window {before} is an event window, or overlaps the estimation window, of "
            "abnormal_returns. Choose another one",
            allow_retries=False,
        )
    chosen = {name: getattr(returns, name) for name in SAME} | {
        "models": params.models or returns.models[-1:]
    }
    return ReturnsParams(**chosen), [*windows, before]


def together(
    quarters: Sequence[QuarterEvents],
    windows: Sequence[Window],
    names: Mapping[str, str],
    params: EventStudyParams,
) -> tuple[Events, dict[str, list[Toned]]]:
    """Return the events of all quarters under one numbering of firms and days."""
    days = np.unique(np.concatenate([q.calendar for q in quarters]))
    firms = {firm: i for i, firm in enumerate(sorted({f for q in quarters for f in q.firms}))}
    models = list(quarters[0].paths["event"])
    zero = {
        "event": np.concatenate([q.days for q in quarters]),
        "placebo": np.concatenate([np.where(np.isnat(q.pseudo), days[0], q.pseudo) for q in quarters]),
    }
    samples = {
        sample: Sample(
            np.searchsorted(days, of),
            {model: joined([q.paths[sample].pop(model) for q in quarters]) for model in models},
        )
        for sample, of in zero.items()
    }
    events = Events(
        firm=np.array([firms[f] for q in quarters for f in q.firms], dtype=np.int64),
        quarter=np.repeat(np.arange(len(quarters)), [len(q.transcripts) for q in quarters]),
        windows=windows,
        calls=samples["event"],
        placebo=samples["placebo"],
        controls={c: np.concatenate([q.controls[c] for q in quarters]) for c in params.controls},
    )
    toned = {
        definition: toned_series(
            [q.tones[definition] for q in quarters],
            [q.transcripts for q in quarters],
            names,
            params.tones,
            min_sentences=params.min_sentences,
        )
        for definition in params.definitions
    }
    return events, toned
