"""How many requests are in flight: as many as the server works on at a time, found by measuring it.

A server with free places answers twice as many requests in flight at twice the rate; one without queues them, so that
each waits longer and none is served sooner. So the limit starts low, rises while the rate of replies rises with it,
and stops where it does not. By Little's law the rate is the requests in flight divided by their mean time to a reply.
A time-out for want of places, or a refusal (429, 503), halves the limit (additive increase, multiplicative decrease:
Chiu and Jain, 1989); time-outs while nothing is answered take it back to its start or below, as TCP does (RFC 5681). A
request that waits for its place has not been sent: it cannot time out.
"""

from __future__ import annotations

import asyncio
import time
from collections import deque
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from statistics import median
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

START = 2
"""Requests in flight at first."""

STEPS = 16
"""Once the limit has stopped rising or has fallen, it rises by a 16th of the ceiling at a time."""

RISES = 0.25
"""A limit higher by a share s is kept if the rate of replies is higher by at least RISES x s."""

REST = 4
"""Rounds until the next try of a higher limit after one that brought nothing; doubled each time, up to MOST_REST."""

MOST_REST = 64

PATIENCE = 3
"""Until a first reply, and while replies are slow, a request may take this many times `read_seconds`."""

TYPICAL = 3
"""A request may take this many times as long as the slowest recent one."""

QUICK = 8
"""A request that takes 8 times as long as others is no sign of a lack of places: it hangs for a reason of its own."""

REFUSING = 0.2
"""The limit is too high if this share of the requests sent under it are refused."""

FIRST_PAUSE, LONGEST_PAUSE = 0.5, 15.0
"""Seconds that all requests wait after a refusal that does not say how long; doubled with each, up to the longest."""

GIVEN_UP = 9
"""`silence` at which a server counts as dead: three rounds of time-outs, or nine of refusals."""

_RECENT = 16


@dataclass(eq=False)
class Place:
    """One request in flight."""

    sent_at: float
    round: int
    """The number of the round in which it was sent."""
    answered: int
    """Replies to all requests when it was sent."""
    is_full: bool
    """Whether all places were taken when it was sent."""
    timer: asyncio.Timeout

    def seconds(self) -> float:
        """Return the time since it was sent."""
        return time.monotonic() - self.sent_at


@dataclass
class Pace:
    """The limit on requests in flight to one server, and what it was learnt from; for one event loop at a time."""

    ceiling: int
    """Most requests in flight."""
    read_seconds: float
    """Time-out of a request to a server that answers others quickly."""
    limit: int = field(init=False)
    silence: int = field(default=0, init=False)
    """Grows by 3 with each round of requests that timed out and by 1 with each that was refused; 0 once it is heard."""
    _answered: int = field(default=0, init=False)
    _refused: int = field(default=0, init=False)
    """Requests refused under this limit."""
    _sent: int = field(default=0, init=False)
    """Requests answered or refused under this limit."""
    _heard_at: float | None = field(default=None, init=False)
    """When the last reply came, or else the first request was sent."""
    _recent: deque[float] = field(default_factory=lambda: deque(maxlen=_RECENT), init=False)
    """Seconds of the last requests."""
    _round: int = field(default=0, init=False)
    _fell_in: int = field(default=0, init=False)
    """The first round after the last decrease."""
    _round_seconds: list[float] = field(default_factory=list, init=False)
    """Seconds of the replies to this round's requests."""
    _base: int | None = field(default=None, init=False)
    """The highest limit that proved worth it; None before it is measured."""
    _base_rate: float = field(default=0.0, init=False)
    _is_rising: bool = field(default=True, init=False)
    """Whether the limit doubles: until it first brings nothing."""
    _in_vain: int = field(default=0, init=False)
    """Higher limits tried one after the other that brought nothing."""
    _rest: int = field(default=0, init=False)
    _paused_until: float = field(default=0.0, init=False)
    _taken: int = field(default=0, init=False)
    """Places in use, or granted to a request that is about to be sent."""
    _given: float = field(default=0.0, init=False)
    """The patience that the requests in flight were given."""
    _places: set[Place] = field(default_factory=set, init=False)
    _waiting: deque[asyncio.Future[None]] = field(default_factory=deque, init=False)

    def __post_init__(self) -> None:
        self.limit = min(START, self.ceiling)

    def in_flight(self) -> int:
        """Return the number of requests in flight."""
        return len(self._places)

    def patience(self) -> float:
        """Return the seconds that a request may now take."""
        if not self._recent:
            return PATIENCE * self.read_seconds
        return min(PATIENCE * self.read_seconds, max(self.read_seconds, TYPICAL * max(self._recent)))

    @asynccontextmanager
    async def place(self) -> AsyncIterator[Place]:
        """Wait for a place, and hold it during the block; TimeoutError if the block takes longer than `patience`."""
        await self._enter()
        now = time.monotonic()
        self._heard_at = now if self._heard_at is None else self._heard_at
        is_full = self._taken >= self.limit
        self._given = self.patience()
        place = Place(now, self._round, self._answered, is_full, asyncio.timeout(self._given))
        look = asyncio.get_running_loop().call_later(self._long(), self._admit)
        is_answered = False
        try:
            async with place.timer:
                self._places.add(place)
                yield place
            is_answered = True
        finally:
            look.cancel()
            self._places.discard(place)
            self._taken -= 1
            if is_answered:
                self._admit()
            else:  # only after the caller has noted the fault, which may lower the limit or begin a pause
                asyncio.get_running_loop().call_soon(self._admit)

    def replied(self, place: Place) -> None:
        """Note that the server answered a request, whatever it said."""
        seconds = place.seconds()
        self._answered += 1
        self._sent += 1
        self.heard()
        self._recent.append(seconds)
        self._be_patient(place)
        self._measure(place, seconds)

    def timed_out(self, place: Place) -> bool:
        """Note a time-out; return whether it was for want of places while other requests were answered."""
        others = self._answered - place.answered
        if others and median(self._recent) < place.seconds() / QUICK:
            return False
        if place.round >= self._fell_in and self._answered and not others:
            # It may not notice that clients hung up: let it finish what nobody waits for any more.
            self._pause(place.seconds())
        self._recent.append(place.seconds())
        self._fall(place, 3, self.limit // 2 if others else min(START, self.limit // 2))
        return others > 0

    def heard(self) -> None:
        """Note that the server is there, though it failed a request."""
        self.silence, self._heard_at = 0, time.monotonic()

    def refused(self, place: Place, wait: float | None) -> None:
        """Note that the server is too busy, and wants to be left alone for `wait` seconds (None: it did not say).

        If it refuses many, the limit is halved and all requests wait, else this one alone.
        """
        if place.round < self._fell_in:
            return
        self._refused += 1
        self._sent += 1
        if self._refused >= REFUSING * self._sent:
            usual = min(FIRST_PAUSE * 2.0 ** min(self.silence, 10), LONGEST_PAUSE)
            self._pause(usual if wait is None else wait)
            self._fall(place, 1, self.limit // 2)

    def silent_seconds(self) -> float:
        """Return the time since the last reply, or else since the first request."""
        return 0.0 if self._heard_at is None else time.monotonic() - self._heard_at

    def open(self) -> None:
        """End a pause: no more requests will be sent."""
        self._paused_until = 0.0
        self._admit()

    def _pause(self, seconds: float) -> None:
        self._paused_until = max(self._paused_until, time.monotonic() + seconds)

    async def _enter(self) -> None:
        turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.append(turn)
        self._admit()
        try:
            await turn
        except asyncio.CancelledError:
            if turn in self._waiting:
                self._waiting.remove(turn)
            elif not turn.cancelled():  # a place was granted, but will not be used
                self._taken -= 1
                self._admit()
            raise

    def _long(self) -> float:
        """Return the seconds after which a request holds no place any more, if others were answered meanwhile."""
        return QUICK * median(self._recent) if self._recent else PATIENCE * self.read_seconds

    def _admit(self) -> None:
        """Grant the free places to the requests that have waited longest."""
        if not self._waiting:
            return
        if (pause := self._paused_until - time.monotonic()) > 0:
            asyncio.get_running_loop().call_later(pause + 0.001, self._admit)
            return
        long = self._long()
        hung = sum(p.seconds() > long and p.answered < self._answered for p in self._places)
        while self._waiting and self._taken < min(self.ceiling, self.limit + hung):
            turn = self._waiting.popleft()
            if not turn.done():
                self._taken += 1
                turn.set_result(None)

    def _be_patient(self, place: Place) -> None:
        """Give the other requests in flight the time that is now known to be needed."""
        patience, now = self.patience(), asyncio.get_running_loop().time()
        if patience == self._given:
            return
        self._given = patience
        for other in self._places - {place}:
            if not other.timer.expired():
                other.timer.reschedule(max(now, now - other.seconds() + patience))

    def _measure(self, place: Place, seconds: float) -> None:
        if place.round != self._round or not place.is_full:
            return
        self._round_seconds.append(seconds)
        if len(self._round_seconds) < self.limit:
            return
        rate = self.limit * len(self._round_seconds) / max(sum(self._round_seconds), 1e-9)
        if self._base is None or self.limit > self._base:
            self._judge(rate)
        else:
            self._base_rate = (self._base_rate + rate) / 2
            self._rest -= 1
        if self._rest <= 0 and self._base is not None:
            step = self._base if self._is_rising else max(START, self.ceiling // STEPS)
            self.limit = min(self.ceiling, self._base + step)
        self._next_round()

    def _judge(self, rate: float) -> None:
        """Keep this limit if it brought more replies than the last one, or else return to that."""
        if self._base is None or rate >= self._base_rate * (1 + RISES * (self.limit / self._base - 1)):
            self._base, self._base_rate, self._in_vain, self._rest = self.limit, rate, 0, 0
            return
        self.limit, self._is_rising = self._base, False
        self._rest = min(REST * 2**self._in_vain, MOST_REST)
        self._in_vain += 1

    def _fall(self, place: Place, weight: int, limit: int) -> None:
        """Lower the limit, once for all requests that were sent under it."""
        if place.round < self._fell_in:
            return
        self._is_rising = self._is_rising and not self._answered  # before a first reply nothing was learnt
        self.limit, self._base, self.silence = max(1, min(limit, self.limit)), None, self.silence + weight
        self._next_round()
        self._fell_in = self._round

    def _next_round(self) -> None:
        self._round += 1
        self._round_seconds = []
        self._refused = self._sent = 0
        self._admit()
