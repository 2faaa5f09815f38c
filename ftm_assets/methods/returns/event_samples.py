"""The events of a study with their tone, and those of a series that have a return in a window.

What belongs here: which events a test is made from; the tests are in `event_tests`.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

import numpy as np

from ftm_assets.methods.returns import event_statistics as statistics
from ftm_assets.methods.returns.clustered_errors import within
from ftm_resources.tables.categories import POOLED

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

    from ftm_assets.methods.returns.event_choices import EventStudyParams
    from ftm_assets.methods.returns.event_paths import Paths
    from ftm_assets.methods.returns.event_windows import Window

    Floats = NDArray[np.float64]
    Ints = NDArray[np.int64]

GIVEN_CALL = "_given_call"
"""Ending of the measures of tone with which the call's tone about its other series is held constant."""

NOTHING = 1e-9
"""Share of the squares below which what is left of them is rounding errors."""


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
    controls: Mapping[str, Floats] = field(default_factory=dict)
    """Control → (n,): what was known at each call; NaN where it is unknown."""


@dataclass(frozen=True)
class Toned:
    """The calls that speak about a series, and their tone."""

    series_id: str
    name: str
    at: Ints
    """(m,): positions among the events, each once."""
    tone: Mapping[str, Floats]
    """Measure → (m,)."""
    others: Floats
    """(m,): score of the call about all its other series; NaN if it speaks of no other."""


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


def sorted_by(one: Toned, tone: str) -> tuple[Ints, NDArray[np.bool_]]:
    """Return the tercile of each call of a series by a measure of tone, and whether it has that measure."""
    is_given = tone.endswith(GIVEN_CALL)
    x = one.tone[tone] - one.others if is_given else one.tone[tone]
    known = np.isfinite(x)
    found = np.zeros(len(x), dtype=np.int64)
    found[known] = terciles(x[known])
    return found, known


@dataclass(frozen=True)
class Measured:
    """The CARs of all events by one model over one window."""

    car: Floats
    scar: Floats
    spare: Ints
    standard: NDArray[np.float32]
    """Abnormal returns of the estimation window (see `event_statistics.standardised`)."""
    ranks: NDArray[np.float32]
    length: int

    @classmethod
    def of(cls, paths: Paths, standard: NDArray[np.float32], column: int, window: Window) -> Measured:
        """Return the CARs of one of the windows of `paths`, its column."""
        inside = paths.around[:, window.first - paths.first_day : window.last - paths.first_day + 1]
        car, sd = paths.car[:, column], paths.sd[:, column]
        return cls(
            car,
            np.divide(car, sd, out=np.full_like(car, np.nan), where=sd > 0),
            paths.spare,
            standard,
            statistics.ranks(paths.residuals, inside),
            window.length,
        )


@dataclass(frozen=True)
class Drawn:
    """The events of a series that have a CAR in a window; arrays are in parallel."""

    measured: Measured
    at: Ints
    """Positions among all events."""
    y: Floats
    x: Floats
    tercile: Ints
    firm: Ints
    date: Ints
    quarter: Ints
    controls: tuple[Floats, ...]
    effects: tuple[Ints, ...]
    n_without: int

    @classmethod
    def of(
        cls,
        events: Events,
        of: Sample,
        measured: Measured,
        one: Toned,
        tone: str,
        params: EventStudyParams,
    ) -> Drawn | None:
        """Return the events; None if the measure of tone has no meaning for the series."""
        is_given = tone.endswith(GIVEN_CALL)
        if is_given and one.series_id == POOLED:
            return None
        x, others = one.tone[tone], one.others
        # Terciles are those of all calls, whether or not they have a return.
        tercile, has_tone = sorted_by(one, tone)
        kept = np.isfinite(measured.car[one.at]) & has_tone
        at = one.at[kept]
        known = {"firm": events.firm[at], "quarter": events.quarter[at]}
        effects = tuple(known[name] for name in params.fixed_effects)
        return cls(
            measured=measured,
            at=at,
            y=measured.car[at],
            x=x[kept],
            tercile=tercile[kept],
            firm=events.firm[at],
            date=of.zero[at],
            quarter=events.quarter[at],
            controls=_independent((others[kept],), effects) if is_given else (),
            effects=effects,
            n_without=int((~kept).sum()),
        )

    def repeated(self, kept: NDArray[np.bool_]) -> NDArray[np.bool_]:
        """Return which of the events that are kept fall on a day on which their firm has an earlier one among them."""
        days = np.column_stack([self.firm[kept], self.date[kept]])
        _, first = np.unique(days, axis=0, return_index=True)
        found = np.ones(len(days), dtype=bool)
        found[first] = False
        return found

    def holding(self, controls: Sequence[Floats]) -> Drawn:
        """Return the events of which all these controls (n,) are known, with the controls."""
        if not controls:
            return self
        of = [control[self.at] for control in controls]
        kept = np.isfinite(of).all(axis=0)
        effects = tuple(e[kept] for e in self.effects)
        held = _independent([*(c[kept] for c in self.controls), *(c[kept] for c in of)], effects)
        arrays = {
            name: getattr(self, name)[kept] for name in ("at", "y", "x", "tercile", "firm", "date", "quarter")
        }
        return replace(self, **arrays, controls=held, effects=effects)

    def counts(self, kept: NDArray[np.bool_] | None = None) -> dict[str, int]:
        """Return the numbers of events, firms and dates, of all or of those that are kept."""
        firm, date = (self.firm, self.date) if kept is None else (self.firm[kept], self.date[kept])
        return {"n_events": len(firm), "n_firms": len(np.unique(firm)), "n_dates": len(np.unique(date))}


def _independent(controls: Sequence[Floats], effects: Sequence[Ints]) -> tuple[Floats, ...]:
    """Return the controls without those that the effects and the others explain: they change no slope."""
    held: tuple[Floats, ...] = ()
    for control in controls:
        if not len(control):
            return tuple(controls)
        left, whole = within(control, effects, held), control - control.mean()
        if np.square(left).sum() > NOTHING * max(np.square(whole).sum(), NOTHING * np.square(control).sum()):
            held = (*held, control)
    return held
