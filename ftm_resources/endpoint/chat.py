"""One call of the chat client: concurrent requests; replies are parsed, repaired, cached and counted."""

from __future__ import annotations

import hashlib
import json
import logging
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Generic, TypeVar

from ftm_resources.endpoint.connection import Connection, RequestError, in_flight
from ftm_resources.endpoint.forecast import Forecast
from ftm_resources.endpoint.reply_cache import MOST_TOKENS, Reply, ReplyCache

T = TypeVar("T")
Message = dict[str, str]
Repair = Callable[..., list[Message]]
"""(messages sent, reply, why it is unusable, cut_off=) → messages of the repair request."""

_log = logging.getLogger(__name__)

DEFAULT_CONTEXT_TOKENS = 4096
"""Context in tokens of a model whose server does not report it."""

LEARNS_AFTER = 3
"""After this many unusable replies of one kind, later requests use the better form from the start."""

LONGER, LONGEST = 4, 16
"""Token limit after a reply was cut off: LONGER times the previous one, at most LONGEST times the configured one."""

JUDGED = 100
"""If most of this many first replies are unusable, the endpoint is given up."""

STOPPED = "stopped"
"""Cache key for when a run last gave up for that reason; replies unusable then are requested again."""


@dataclass(frozen=True)
class Dialect:
    """Optional features of a chat request; dropped step by step if the server answers 400 or 422."""

    structured: bool = True
    no_thinking: bool = False
    tuned: bool = True
    """Whether temperature, seed and max_tokens are sent; some OpenAI models refuse them."""
    length: int = 1
    """Token limit of a reply, in multiples of the configured one."""

    def plainer(self) -> Iterator[Dialect]:
        """Yield the dialects to try if the server rejects this one, smallest loss first."""
        yield replace(self, length=1)
        for structured, no_thinking in ((False, True), (True, False), (False, False)):
            if structured <= self.structured and no_thinking <= self.no_thinking:
                yield replace(self, structured=structured, no_thinking=no_thinking)
        yield Dialect(structured=False)
        yield Dialect(structured=False, tuned=False)


@dataclass
class Completion(Generic[T]):
    """The outcome of one request: its value or its error, and what it cost."""

    value: T | None = None
    error: RequestError | None = None
    reply: Reply | None = None
    """The last reply; if it is a repair, its tokens and seconds include the first reply's."""
    attempts: int = 0
    """Requests sent now, including retries and the repair request; 0 if the cache had all replies."""
    dialect: Dialect | None = None
    """Dialect of the last request; None if none was sent."""


@dataclass
class Usage:
    """Tokens of all replies to a call that arrived, whatever became of them."""

    sent: int = 0
    """Tokens of their prompts."""
    received: int = 0
    replies: int = 0
    is_reported: bool = True
    """Whether the server said the tokens of each."""

    def add(self, sent: int | None, received: int | None) -> None:
        """Count a reply by its tokens; None: the server did not say."""
        self.replies += 1
        self.is_reported &= sent is not None and received is not None
        self.sent += sent or 0
        self.received += received or 0


@dataclass
class Learnt:
    """What a run has learnt about how to ask its model; kept across calls."""

    dialect: Dialect | None = None
    refused: set[str] = field(default_factory=set)
    """Dialect fields that the server refuses to have changed."""
    failures: int = 0
    """Unusable replies that another dialect might have avoided."""
    judged: int = 0
    unusable: int = 0
    """Number of the judged replies that were unusable."""


@dataclass
class Session(Generic[T]):
    """One call of `LlmResource.complete`."""

    connection: Connection
    learnt: Learnt
    parameters: dict[str, Any]
    """Model, temperature, seed and max_tokens, sent with each request."""
    context: int | None
    """The model's context in tokens; None: as the server reports."""
    requests: Sequence[list[Message]]
    parse: Callable[[int, str], T]
    repair: Repair
    schema: dict[str, Any] | None
    cache: ReplyCache | None
    stale_before: float
    progress: Callable[[int, int], None] | None
    usage: Usage = field(default_factory=Usage)
    done: dict[int, Completion[T]] = field(default_factory=dict)
    is_useless: bool = False
    """Whether the endpoint was given up because most replies were unusable."""

    async def run(self) -> list[Completion[T]]:
        """Return the outcome of each request, in order; EndpointUnavailableError as in `LlmResource.complete`."""
        if self.cache is not None and (stopped := self.cache.get(STOPPED)):
            self.stale_before = max(self.stale_before, stopped.arrived_at)
        queue = iter(range(len(self.requests)))
        forecast = Forecast(self.connection.endpoint.where(), len(self.requests))

        async def work() -> None:
            # Each worker takes the next request as soon as it is free, so all stay busy until the end.
            for index in queue:
                self.done[index] = await self._complete(index)
                forecast.move(len(self.done), self.connection.pace.in_flight())
                if self.progress:
                    self.progress(len(self.done), len(self.requests))

        async with self.connection:
            try:
                await in_flight(work, min(self.connection.endpoint.concurrency, len(self.requests)))
            finally:  # once no worker stores replies any more
                if self.is_useless and self.cache is not None:
                    self.cache.put(STOPPED, Reply("", "", 0, 0, 0.0, time.time()))
        return [self.done[i] for i in range(len(self.requests))]

    async def _complete(self, index: int) -> Completion[T]:
        """Return the outcome of a request: use the cached reply or send it, and ask for at most one repair."""
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
        """Set the parsed value; return why the reply is unusable, or None if it is usable."""
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
        """Return the reply, requested in `dialect` (default: the learnt one), or plainer if the server rejects that."""
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
                # Only now is it clear that the dialect was at fault, not this prompt.
                self.learnt.refused |= {f for f, value in vars(first).items() if value != getattr(tried, f)}
                if first == self.learnt.dialect:
                    _log.warning("the server rejects %s (%s); continuing with %s", first, rejected, tried)
                    self.learnt.dialect = tried
            self.usage.add(*_tokens(data))
            reply = _read(data, seconds, done.reply)
            if self.cache is not None:
                self.cache.put(key, reply)
            return reply
        assert rejected is not None  # noqa: S101 - at least one was tried
        self.connection.count_refusal(rejected.reason, len(self.requests))
        raise RequestError(rejected.reason, "rejected")

    def _dialect(self) -> Dialect:
        if self.learnt.dialect is None:
            # Qwen3 reasons at length unless its chat template disables it; other servers may reject the argument.
            thinks = "qwen3" in f"{self.parameters['model']} {self._served()[1]}".lower()
            self.learnt.dialect = Dialect(structured=self.schema is not None, no_thinking=thinks)
        return self.learnt.dialect

    def _served(self) -> tuple[int | None, str]:
        return self.connection.health.models.get(self.parameters["model"], (None, ""))

    def _options(self, dialect: Dialect, messages: list[Message]) -> dict[str, Any]:
        asked = self.parameters["max_tokens"]
        # Context left after the prompt, at three bytes per token.
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
        """Return the dialect to repair an unusable reply with; after a few of one kind, later requests use it too."""
        learnt, used = self.learnt, used or self._dialect()
        better = used
        if reply.thinks and "no_thinking" not in learnt.refused:
            better = replace(better, no_thinking=True)
        if reply.finish_reason == "length" and "length" not in learnt.refused:
            better = replace(better, length=min(LONGER * used.length, LONGEST))
        if better != used and used == learnt.dialect:
            learnt.failures += 1
            if learnt.failures >= LEARNS_AFTER:
                _log.warning("replies are reasoning text or cut off; continuing with %s", better)
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
    """Return the reply in a completion; an empty one if it is null or the body has a different shape."""
    data = data if isinstance(data, dict) else {}
    choices = data.get("choices")
    choice = choices[0] if isinstance(choices, list) and choices and isinstance(choices[0], dict) else {}
    message = choice.get("message")
    said = {k: v for k, v in message.items() if isinstance(v, str)} if isinstance(message, dict) else {}
    thought = said.get("reasoning_content") or said.get("reasoning") or ""
    finish_reason = "length" if choice.get("finish_reason") == "length" else "stop"
    # Some servers return the answer of a model that does not reason in the reasoning field.
    text = said.get("content") or (thought if finish_reason != "length" else "")
    n_in, n_out = (n or 0 for n in _tokens(data))
    return Reply(
        # Files and tables cannot hold a lone surrogate.
        text=text.encode("utf-8", "replace").decode(),
        finish_reason=finish_reason,
        tokens_in=n_in + (before.tokens_in if before else 0),
        tokens_out=n_out + (before.tokens_out if before else 0),
        seconds=seconds + (before.seconds if before else 0.0),
        arrived_at=time.time(),
        thinks=bool(thought) or "<think" in text,
        is_repair=before is not None,
    )


def _tokens(data: Any) -> tuple[int | None, int | None]:
    """Return the tokens of the prompt and of the reply in a completion; None where it has no number that can be."""
    usage = data.get("usage") if isinstance(data, dict) else None
    said = [usage.get(k) if isinstance(usage, dict) else None for k in ("prompt_tokens", "completion_tokens")]
    sent, received = (n if type(n) is int and 0 <= n <= MOST_TOKENS // 2 else None for n in said)
    return sent, received
