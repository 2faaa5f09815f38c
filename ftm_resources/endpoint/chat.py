"""One call of the chat client: requests kept in flight, replies parsed, repaired, kept and counted."""

from __future__ import annotations

import hashlib
import json
import logging
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Generic, TypeVar

from ftm_resources.endpoint.connection import Connection, RequestError, in_flight
from ftm_resources.endpoint.reply_cache import MOST_TOKENS, Reply, ReplyCache

T = TypeVar("T")
Message = dict[str, str]
Repair = Callable[..., list[Message]]
"""(messages asked, reply, why it is of no use, cut_off=) to the messages of the request that follows."""

_log = logging.getLogger(__name__)

DEFAULT_CONTEXT_TOKENS = 4096
"""The context of a model whose server does not say."""

LEARNS_AFTER = 3
"""So many unusable replies of one kind, and the requests that follow are put otherwise from the start."""

LONGER, LONGEST = 4, 16
"""Tokens for a reply after one was cut off: times as many as before; times as many as configured at most."""

JUDGED = 100
"""If most of the first so many replies are unusable, so will the rest be: the endpoint is given up."""

STOPPED = "stopped"
"""Where a reply cache keeps when a run was last stopped for that: what was unusable then is asked again."""


@dataclass(frozen=True)
class Dialect:
    """What beyond plain chat the server is asked for; steps down when it answers 400 or 422."""

    structured: bool = True
    no_thinking: bool = False
    tuned: bool = True
    """Whether temperature, seed and max_tokens are sent; some models of OpenAI refuse them."""
    length: int = 1
    """Tokens for a reply, in multiples of what is configured."""

    def plainer(self) -> Iterator[Dialect]:
        """Yield what to try where the server rejects this one, the least loss first."""
        yield replace(self, length=1)
        for structured, no_thinking in ((False, True), (True, False), (False, False)):
            if structured <= self.structured and no_thinking <= self.no_thinking:
                yield replace(self, structured=structured, no_thinking=no_thinking)
        yield Dialect(structured=False)
        yield Dialect(structured=False, tuned=False)


@dataclass
class Completion(Generic[T]):
    """What became of one request: its value or the error that ended it, and what it took."""

    value: T | None = None
    error: RequestError | None = None
    """With why and whose fault it is."""
    reply: Reply | None = None
    """The last reply; its tokens and seconds are of the one before it too, where it is a repair."""
    attempts: int = 0
    """Requests sent now, retries and the repair request included; 0 if all came from the cache."""
    dialect: Dialect | None = None
    """In which the last reply was asked for, where it was."""


@dataclass
class Learnt:
    """What a run has learnt of how to ask its model; outlives a single call."""

    dialect: Dialect | None = None
    refused: set[str] = field(default_factory=set)
    """Fields of a dialect that the server rejects to have changed."""
    failures: int = 0
    """Unusable replies to the dialect that another might have spared."""
    judged: int = 0
    unusable: int = 0
    """Of those judged."""


@dataclass
class Session(Generic[T]):
    """One call of `LlmResource.complete`."""

    connection: Connection
    learnt: Learnt
    parameters: dict[str, Any]
    """Model, temperature, seed and max_tokens, sent with each request."""
    context: int | None
    """Of the model, in tokens; None: what the server says."""
    requests: Sequence[list[Message]]
    parse: Callable[[int, str], T]
    repair: Repair
    schema: dict[str, Any] | None
    cache: ReplyCache | None
    stale_before: float
    progress: Callable[[int, int], None] | None
    done: dict[int, Completion[T]] = field(default_factory=dict)
    is_useless: bool = False
    """Whether the endpoint was given up because most replies are unusable."""

    async def run(self) -> list[Completion[T]]:
        """Return what became of each request, in order; EndpointUnavailableError as `LlmResource.complete`."""
        if self.cache is not None and (stopped := self.cache.get(STOPPED)):
            self.stale_before = max(self.stale_before, stopped.arrived_at)
        queue = iter(range(len(self.requests)))

        async def work() -> None:
            # Each worker takes the next request as soon as it is free, so the bound is filled until the end.
            for index in queue:
                self.done[index] = await self._complete(index)
                if self.progress:
                    self.progress(len(self.done), len(self.requests))

        async with self.connection:
            try:
                await in_flight(work, min(self.connection.endpoint.concurrency, len(self.requests)))
            finally:  # once no worker keeps anything more
                if self.is_useless and self.cache is not None:
                    self.cache.put(STOPPED, Reply("", "", 0, 0, 0.0, time.time()))
        return [self.done[i] for i in range(len(self.requests))]

    async def _complete(self, index: int) -> Completion[T]:
        """Return what became of a request: its kept reply is taken, else it is asked, and once for a repair."""
        asked = self.requests[index]
        identity = json.dumps([self.parameters, self.schema, asked], sort_keys=True).encode()
        key = hashlib.sha256(identity).hexdigest()[:32]
        done: Completion[T] = Completion(reply=self.cache.get(key) if self.cache is not None else None)
        try:
            unusable = self._parse(index, done)
            if unusable and (done.reply is None or done.reply.arrived_at < self.stale_before):
                done.reply = None
                done.reply = await self._ask(key, asked, done, None)
                unusable = self._parse(index, done)
            if unusable and done.reply is not None and not done.reply.is_repair:
                cut_off = done.reply.finish_reason == "length"
                messages = self.repair(asked, done.reply.text, unusable, cut_off=cut_off)
                done.reply = await self._ask(key, messages, done, self._learn(done.reply, done.dialect))
                unusable = self._parse(index, done)
        except RequestError as error:
            done.error = error
            return done
        if unusable:
            done.error = RequestError(f"unusable reply after one repair: {unusable}", "unusable")
        if done.attempts:
            self._judge(unusable)
        return done

    def _parse(self, index: int, done: Completion[T]) -> str | None:
        """Set the value of a reply; return why it has none."""
        if done.reply is None:
            return "no reply"
        try:
            done.value = self.parse(index, done.reply.text)
        except ValueError as error:
            return str(error)
        return None

    async def _ask(
        self, key: str, messages: list[Message], done: Completion[T], dialect: Dialect | None
    ) -> Reply:
        """Return the reply in a dialect, by default what was learnt, or a plainer one that the server accepts."""
        await self.connection.wait_until_ready()
        first, rejected = dialect or self._dialect(), None
        for tried in dict.fromkeys((first, *first.plainer())):
            options = self._options(tried, messages)
            try:
                data, attempts, seconds = await self.connection.ask(
                    lambda client, o=options: client.chat.completions.with_raw_response.create(**o),  # type: ignore[misc]
                    len(self.requests),
                )
            except RequestError as error:
                done.attempts += error.attempts
                if error.kind != "rejected":
                    raise
                rejected = rejected or error
                continue
            done.attempts, done.dialect = done.attempts + attempts, tried
            if rejected is not None:
                # Only now is it known that the dialect was the reason, and not this one prompt.
                self.learnt.refused |= {f for f, value in vars(first).items() if value != getattr(tried, f)}
                if first == self.learnt.dialect:
                    _log.warning(
                        "the model's server rejects %s (%s); going on with %s", first, rejected, tried
                    )
                    self.learnt.dialect = tried
            reply = _read(data, seconds, done.reply)
            if self.cache is not None:
                self.cache.put(key, reply)
            return reply
        assert rejected is not None  # noqa: S101 - at least one was tried
        self.connection.count_refusal(rejected.reason, len(self.requests))
        raise RequestError(rejected.reason, "rejected")

    def _dialect(self) -> Dialect:
        if self.learnt.dialect is None:
            # Qwen3 thinks aloud unless its chat template is told not to; other servers may reject the argument.
            thinks = "qwen3" in f"{self.parameters['model']} {self._served()[1]}".lower()
            self.learnt.dialect = Dialect(structured=self.schema is not None, no_thinking=thinks)
        return self.learnt.dialect

    def _served(self) -> tuple[int | None, str]:
        return self.connection.health.models.get(self.parameters["model"], (None, ""))

    def _options(self, dialect: Dialect, messages: list[Message]) -> dict[str, Any]:
        asked = self.parameters["max_tokens"]
        # What the prompt leaves of the context, at three bytes a token.
        context = self.context or self._served()[0] or DEFAULT_CONTEXT_TOKENS
        room = context - sum(len(m["content"].encode()) for m in messages) // 3
        tokens = max(asked, min(asked * dialect.length, room))
        if not dialect.tuned:
            return {"model": self.parameters["model"], "messages": messages, "max_completion_tokens": tokens}
        options = {**self.parameters, "messages": messages, "max_tokens": tokens}
        if dialect.structured:
            schema = {"name": "reply", "schema": self.schema, "strict": True}
            options["response_format"] = {"type": "json_schema", "json_schema": schema}
        if dialect.no_thinking:
            options["extra_body"] = {"chat_template_kwargs": {"enable_thinking": False}}
        return options

    def _learn(self, reply: Reply, used: Dialect | None) -> Dialect:
        """Return how to ask for the repair of an unusable reply; after a few of a kind the rest is asked so too."""
        learnt, used = self.learnt, used or self._dialect()
        better = used
        if reply.thinks and "no_thinking" not in learnt.refused:
            better = replace(better, no_thinking=True)
        if reply.finish_reason == "length" and "length" not in learnt.refused:
            better = replace(better, length=min(LONGER * used.length, LONGEST))
        if better != used and used == learnt.dialect:
            learnt.failures += 1
            if learnt.failures >= LEARNS_AFTER:
                _log.warning("replies are thoughts or cut off; going on with %s", better)
                learnt.dialect, learnt.failures = better, 0
        return better

    def _judge(self, unusable: str | None) -> None:
        learnt = self.learnt
        learnt.judged += 1
        learnt.unusable += unusable is not None
        if learnt.judged == JUDGED and learnt.unusable > JUDGED // 2:
            self.is_useless, n = True, learnt.unusable
            learnt.judged = learnt.unusable = 0
            self.connection.give_up(
                f"gave no usable reply to {n} of the first {JUDGED} requests; last: {unusable}"
            )


def _read(data: Any, seconds: float, before: Reply | None) -> Reply:
    """Return the reply in a completion; an empty one where it is null or the body of another shape."""
    data = data if isinstance(data, dict) else {}
    choices, usage = data.get("choices"), data.get("usage")
    choice = choices[0] if isinstance(choices, list) and choices and isinstance(choices[0], dict) else {}
    message = choice.get("message")
    said = {k: v for k, v in message.items() if isinstance(v, str)} if isinstance(message, dict) else {}
    thought = said.get("reasoning_content") or said.get("reasoning") or ""
    finish_reason = "length" if choice.get("finish_reason") == "length" else "stop"
    # Some servers put the answer of a model that does not think where thoughts belong.
    text = said.get("content") or (thought if finish_reason != "length" else "")
    counts = [usage.get(k) if isinstance(usage, dict) else 0 for k in ("prompt_tokens", "completion_tokens")]
    n_in, n_out = (n if type(n) is int and 0 <= n <= MOST_TOKENS // 2 else 0 for n in counts)
    return Reply(
        # A lone half of a surrogate pair is no text that a file or a table can hold.
        text=text.encode("utf-8", "replace").decode(),
        finish_reason=finish_reason,
        tokens_in=n_in + (before.tokens_in if before else 0),
        tokens_out=n_out + (before.tokens_out if before else 0),
        seconds=seconds + (before.seconds if before else 0.0),
        arrived_at=time.time(),
        thinks=bool(thought) or "<think" in text,
        is_repair=before is not None,
    )
