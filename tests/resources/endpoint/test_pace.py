"""Servers of few places, slow, refusing, broken and silent ones: what is named, and what it costs."""

import asyncio
import threading
import time
from collections import Counter
from typing import Any

import pytest

from ftm_resources.endpoint.llm import LlmResource
from ftm_resources.endpoint.pace import START, Pace


def ask(n: int) -> list[dict[str, str]]:
    return [{"role": "system", "content": "name it"}, {"role": "user", "content": str(n)}]


def repair(asked: Any, *_: Any, **__: Any) -> Any:
    return asked


@pytest.fixture
def llm(scripted_llm: Any) -> LlmResource:
    return LlmResource(
        base_url=scripted_llm.url,
        model="test-model",
        api_key="none",
        concurrency=64,
        on_llm_failure="degrade",
        read_seconds=0.5,
    )


def outcomes(llm: LlmResource, n: int) -> Counter[str]:
    done = llm.complete([ask(i) for i in range(n)], lambda _i, text: text, repair)
    return Counter(c.error.kind if c.error else "named" for c in done)


class Places:
    """A server that works on few requests at a time, and does not notice that a client hung up."""

    def __init__(self, reply: Any, places: int, seconds: float) -> None:
        self.reply, self.seconds, self._free = reply, seconds, threading.Semaphore(places)

    def __call__(self, _asked: int, _body: Any) -> Any:
        with self._free:
            time.sleep(self.seconds)
        return self.reply()


def limit(llm: LlmResource) -> int:
    assert llm._health.pace is not None
    return llm._health.pace.limit


def test_a_slow_server_of_four_places_names_every_topic_and_is_asked_once_for_each(llm, scripted_llm, reply):
    """With 64 requests in flight most would wait for longer than the time-out, be dropped and sent again."""
    scripted_llm.script = Places(reply, places=4, seconds=0.4)
    assert outcomes(llm, 24) == {"named": 24}
    assert len(scripted_llm.bodies) <= 24 * 1.2
    assert scripted_llm.most_in_flight <= 16


def test_a_reply_that_takes_longer_than_the_time_out_is_waited_for_if_all_do(llm, scripted_llm, reply):
    scripted_llm.script = Places(reply, places=2, seconds=0.7)
    assert outcomes(llm, 6) == {"named": 6}
    assert len(scripted_llm.bodies) == 6


def test_a_fast_server_is_soon_asked_as_much_as_allowed(llm, scripted_llm, reply):
    scripted_llm.script = lambda _asked, _body: reply(delay=0.4)
    allowed = llm.model_copy(update={"concurrency": 16})
    assert outcomes(allowed, 64) == {"named": 64}
    assert scripted_llm.most_in_flight == 16
    assert len(scripted_llm.bodies) == 64


def test_what_was_learnt_is_kept_for_the_next_call(llm, scripted_llm, reply):
    scripted_llm.script = lambda _asked, _body: reply(delay=0.3)
    outcomes(llm, 12)
    assert limit(llm) > START
    scripted_llm.most_in_flight = 0
    outcomes(llm, 4)
    assert scripted_llm.most_in_flight == 4


@pytest.mark.parametrize("wait", [{}, {"retry-after-ms": "400"}], ids=["at no time", "at a time"])
def test_a_server_that_refuses_all_at_first_is_waited_for_and_loses_none(llm, scripted_llm, reply, wait):
    """A refusal (429) is no retry: with one retry allowed, it may refuse any number of times."""
    began = time.monotonic()
    scripted_llm.script = lambda _asked, _body: (
        reply(status=429, body=b"{}", headers=wait) if time.monotonic() - began < 1.5 else reply()
    )
    assert outcomes(llm.model_copy(update={"max_retries": 1}), 30) == {"named": 30}
    assert len(scripted_llm.bodies) <= 30 + 10, "it was left alone meanwhile"


def test_an_account_without_credit_is_not_waited_for(llm, scripted_llm, reply):
    body = b'{"error": {"message": "You exceeded your current quota", "code": "insufficient_quota"}}'
    scripted_llm.script = lambda _asked, _body: reply(status=429, body=body)
    found = outcomes(llm, 3)
    assert set(found) <= {"unanswered", "down"}
    assert len(scripted_llm.bodies) <= 3


def test_dropped_connections_cost_a_retry_each_and_no_place(llm, scripted_llm, reply):
    count = iter(range(10_000))
    scripted_llm.script = lambda _asked, _body: (
        reply(reset_after=0) if next(count) % 3 == 2 else reply(delay=0.05)
    )
    assert outcomes(llm, 40) == {"named": 40}
    assert limit(llm) >= START


def test_a_server_that_becomes_ten_times_slower_is_asked_for_less_and_named_by(llm, scripted_llm, reply):
    """What was in flight then is sent again, and half of it twice."""
    server = Places(reply, places=8, seconds=0.05)
    peak = START

    def script(asked: int, body: Any) -> Any:
        nonlocal peak
        if len(scripted_llm.bodies) > 60:
            server.seconds = 0.5
        else:
            peak = max(peak, limit(llm))
        return server(asked, body)

    scripted_llm.script = script
    assert outcomes(llm, 100) == {"named": 100}
    assert len(scripted_llm.bodies) <= 100 + peak + peak // 2 + START


def test_a_pause_holds_for_the_request_that_waited_for_the_place_of_one_that_timed_out():
    """The place is free before it is known why: the next request may be sent only after that."""

    async def sent_in_the_pause() -> bool:
        pace = Pace(ceiling=1, read_seconds=0.05)
        async with pace.place() as place:
            pace.replied(place)
        waiting = None
        try:
            async with pace.place() as place:
                waiting = asyncio.create_task(pace._enter())
                await asyncio.sleep(60)
        except TimeoutError:
            pace.timed_out(place)
        assert waiting
        await asyncio.sleep(0.01)
        was_sent = waiting.done()
        await waiting
        return was_sent

    assert not asyncio.run(sent_in_the_pause())


def test_a_server_that_never_replies_is_given_up_within_nine_time_outs(llm, scripted_llm, reply):
    scripted_llm.script = lambda _asked, _body: reply(delay=6.0)
    began = time.monotonic()
    quick = llm.model_copy(update={"read_seconds": 0.2})
    assert set(outcomes(quick, 50)) <= {"unanswered", "down"}
    assert time.monotonic() - began < 9 * 0.2 + 4  # and pauses before retries
    assert len(scripted_llm.bodies) <= 6


def test_requests_that_hang_hold_no_place(llm, scripted_llm, reply):
    """Eight of forty hang at a server that answers the others: these are not kept waiting for the time-out."""
    first: dict[int, float] = {}

    def script(asked: int, body: Any) -> Any:
        n = int(body["messages"][1]["content"])
        first.setdefault(n, time.monotonic())
        return reply(delay=10.0) if 8 <= n < 16 and not asked else reply(delay=0.02)

    scripted_llm.script = script
    assert outcomes(llm.model_copy(update={"read_seconds": 5.0}), 40) == {"named": 40}
    assert [scripted_llm.asked(str(n)) for n in range(8, 16)] == [2] * 8
    assert max(first.values()) - min(first.values()) < 5.0
