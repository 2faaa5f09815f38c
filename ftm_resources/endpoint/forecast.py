"""How long the rest of many requests will take, said while they run."""

from __future__ import annotations

import time
from collections import deque
from dataclasses import dataclass, field

from ftm_resources.progress import note

FIRST_AFTER, THEN_EVERY = 10.0, 60.0
"""Seconds until the first forecast, and between later ones: quick runs say nothing."""

WORTH_SAYING = 5.0
"""Seconds left below which there is no further forecast."""


FROM = 4
"""Done before the first forecast: fewer say little of the rest."""


@dataclass
class Forecast:
    """Writes a line to standard error now and then: how many requests are done, and about how long the rest takes."""

    where: str
    """The endpoint, as messages name it."""
    total: int
    what: str = "requests"
    _started: float = field(init=False)
    _said_at: float | None = field(default=None, init=False)
    _recent: deque[tuple[float, int]] = field(default_factory=lambda: deque(maxlen=64), init=False)
    """The times of the last steps, and what was done by then."""

    def __post_init__(self) -> None:
        self._started = time.monotonic()

    def move(self, done: int, in_flight: int) -> None:
        """Take note that so many are done, and say what is left if it is time to."""
        now = time.monotonic()
        if not self._recent:
            self._recent.append((self._started, 0))
        self._recent.append((now, done))
        since, pause = (self._started, FIRST_AFTER) if self._said_at is None else (self._said_at, THEN_EVERY)
        if now - since < pause or done < FROM or not in_flight:
            return
        (began, before), left = self._recent[0], self.total - done
        seconds = left * (now - began) / max(done - before, 1)
        if seconds >= WORTH_SAYING:
            self._said_at = now
            note(
                f"{self.where}: {done:,} of {self.total:,} {self.what} done, {in_flight} requests in flight; "
                f"about {duration(seconds)} left"
            )


def duration(seconds: float) -> str:
    """Return a length of time in the unit that a person would use."""
    if seconds < 90:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 90 * 60 else f"{seconds / 3600:.1f} h"
