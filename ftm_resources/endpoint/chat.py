"""One call of the chat client: requests kept in flight, replies parsed, repaired, cached and counted.

How a request reaches the server is `endpoint`'s; what users configure is `llm`'s.
"""

from __future__ import annotations

import gc
import hashlib
import json
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from ftm_resources.endpoint.connection import RequestError, in_flight
from ftm_resources.endpoint.reply_cache import Reply

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from ftm_resources.endpoint.connection import Connection
    from ftm_resources.endpoint.reply_cache import ReplyCache

T = TypeVar("T")
Message = dict[str, str]

# A reply quoted back in a repair request is cut here: it must not push the prompt out of the context.
QUOTED_REPLY_CHARACTERS = 600

REPAIR = "That reply was not usable: {reason}. Reply again, with the corrected JSON object and nothing else."
CUT_OFF = "{reason} (it was cut off: be brief)"

ALLOCATIONS_PER_COLLECTION = 50_000
"""Of the garbage collector, while requests are in flight: at Python's 700 it takes a tenth of the rate."""


@dataclass(frozen=True)
class Completion(Generic[T]):
    """What became of one request: its value or the error that ended it, and what it took."""

    value: T | None
    error: RequestError | None
    is_repaired: bool
    """Whether the value is of the second reply, the first one being unusable."""
    is_cached: bool
    """Whether every reply came from the cache: nothing was sent."""
    attempts: int
    """Requests sent now, retries and the repair request included."""
    tokens_in: int
    """Of all its replies, cached ones included, as the server counted."""
    tokens_out: int
    seconds: float
    """From request to reply, both replies together; of a cached reply, what it took when it came."""
    answered_at: float | None
    """When the last reply came, in seconds since 1970; None without one."""


@dataclass(frozen=True)
class _Dialect:
    """What beyond plain chat the server is asked for; steps down when it answers 400 or 422."""

    structured: bool
    no_thinking: bool
    tuned: bool = True
    """Whether temperature, seed and max_tokens are sent; some models of OpenAI refuse them."""

    def plainer(self) -> Iterator[_Dialect]:
        if self.structured:
            yield _Dialect(structured=False, no_thinking=self.no_thinking)
        if self.no_thinking:
            yield _Dialect(structured=False, no_thinking=False)
        if self.tuned:
            yield _Dialect(structured=False, no_thinking=False, tuned=False)


@dataclass
class _Tally:
    """What one request has taken so far."""

    attempts: int = 0
    tokens_in: int = 0
    tokens_out: int = 0
    seconds: float = 0.0
    answered_at: float | None = None
    n_sent: int = 0
    is_stale: bool = False
    """Whether its last reply came from the cache, from before the session's `stale_before`."""

    def add(self, reply: Reply) -> None:
        self.tokens_in += reply.tokens_in
        self.tokens_out += reply.tokens_out
        self.seconds += reply.seconds
        self.answered_at = reply.arrived_at


@dataclass
class Session(Generic[T]):
    """One call of `complete`: its workers, its results, and the dialect that the server understands."""

    connection: Connection
    parameters: dict[str, Any]
    """Model, temperature, seed and max_tokens, sent with each request."""
    concurrency: int
    requests: Sequence[list[Message]]
    parse: Callable[[int, str], T]
    schema: dict[str, Any] | None
    cache: ReplyCache | None
    stale_before: float
    progress: Callable[[int, int], None] | None
    results: dict[int, Completion[T]] = field(default_factory=dict)
    rests: dict[_Dialect, bytes] = field(default_factory=dict)

    async def run(self) -> list[Completion[T]]:
        """Return what became of each request, in order; EndpointUnavailableError as `LlmResource.complete`."""
        self.prefix = json.dumps([self.parameters, self.schema], sort_keys=True).encode()
        self.dialect = _Dialect(
            structured=self.schema is not None,
            # Qwen3 thinks aloud unless its chat template is told not to; other servers may reject the argument.
            no_thinking="qwen3" in self.parameters["model"].lower(),
        )
        queue = iter(range(len(self.requests)))
        async with self.connection:
            usual = gc.get_threshold()
            gc.set_threshold(ALLOCATIONS_PER_COLLECTION, *usual[1:])
            try:
                await in_flight(lambda: self._work(queue), min(self.concurrency, len(self.requests)))
            finally:
                gc.set_threshold(*usual)
        return [self.results[i] for i in range(len(self.requests))]

    async def _work(self, queue: Iterator[int]) -> None:
        # Each worker takes the next request as soon as it is free, so the bound is filled until the end.
        for index in queue:
            tally = _Tally()
            completion = await self._answer(index, tally, believes_stale=True)
            if completion.error and tally.is_stale:
                completion = await self._answer(index, tally, believes_stale=False)
            self.results[index] = completion
            if self.progress:
                self.progress(len(self.results), len(self.requests))

    async def _answer(self, index: int, tally: _Tally, *, believes_stale: bool) -> Completion[T]:
        asked = messages = self.requests[index]
        reason = ""
        for is_repaired in (False, True):
            try:
                reply = await self._reply(messages, tally, believes_stale=believes_stale)
            except RequestError as error:
                return _completion(None, error, tally)
            try:
                return _completion(self.parse(index, reply.text), None, tally, is_repaired=is_repaired)
            except ValueError as error:
                reason = str(error)
            if reply.finish_reason == "length":
                reason = CUT_OFF.format(reason=reason)
            quoted = reply.text[:QUOTED_REPLY_CHARACTERS]
            messages = [
                *asked,
                *([{"role": "assistant", "content": quoted}] if quoted.strip() else []),
                {"role": "user", "content": REPAIR.format(reason=reason)},
            ]
        return _completion(
            None, RequestError(f"unusable reply after one repair: {reason}", "unusable"), tally
        )

    async def _reply(self, messages: list[Message], tally: _Tally, *, believes_stale: bool) -> Reply:
        """Return the reply to some messages: the cached one, else the server's, which is then kept."""
        key, written = "", json.dumps(messages).encode()
        if self.cache is not None:
            key = hashlib.sha256(self.prefix + written).hexdigest()[:32]
            found = self.cache.get(key)
            if found is not None:
                tally.is_stale = found.arrived_at < self.stale_before
                if believes_stale or not tally.is_stale:
                    tally.add(found)
                    return found
        tally.is_stale = False
        tally.n_sent += 1
        reply = await self._ask(written, tally)
        if self.cache is not None:
            self.cache.put(key, reply)
        tally.add(reply)
        return reply

    async def _ask(self, messages: bytes, tally: _Tally) -> Reply:
        """Ask in the session's dialect, and in plainer ones while the server rejects it; `messages` is JSON."""
        dialect = self.dialect
        try:
            return await self._post(messages, dialect, tally)
        except RequestError as rejected:
            if rejected.kind != "rejected":
                raise
            for plainer in dialect.plainer():
                try:
                    reply = await self._post(messages, plainer, tally)
                except RequestError as error:
                    if error.kind != "rejected":
                        raise
                    continue
                # Only now is it known that the dialect was the reason, and not this one prompt.
                self.dialect = plainer
                return reply
            raise

    async def _post(self, messages: bytes, dialect: _Dialect, tally: _Tally) -> Reply:
        content = b'{"messages": ' + messages + b", " + self._rest(dialect)
        try:
            answer = await self.connection.post("/chat/completions", content, total=len(self.requests))
        except RequestError as error:
            tally.attempts += error.attempts
            raise
        tally.attempts += answer.attempts
        return _read(answer.data, answer.seconds)

    def _rest(self, dialect: _Dialect) -> bytes:
        """Return a request in a dialect behind its messages, which is the same for all: written once."""
        if dialect not in self.rests:
            body: dict[str, Any] = dict(self.parameters)
            if not dialect.tuned:
                body = {"model": body["model"], "max_completion_tokens": body["max_tokens"]}
            if dialect.structured:
                schema = {"name": "reply", "schema": self.schema, "strict": True}
                body["response_format"] = {"type": "json_schema", "json_schema": schema}
            if dialect.no_thinking:
                body["chat_template_kwargs"] = {"enable_thinking": False}
            self.rests[dialect] = json.dumps(body).encode().removeprefix(b"{")
        return self.rests[dialect]


def _read(data: Any, seconds: float) -> Reply:
    """Return the reply in a completion; an empty one where it is null or the body of another shape."""
    text, finish_reason, tokens = "", "", (0, 0)
    if isinstance(data, dict):
        choices, usage = data.get("choices"), data.get("usage")
        first = choices[0] if isinstance(choices, list) and choices else None
        if isinstance(first, dict):
            finish_reason = str(first.get("finish_reason") or "")
            message = first.get("message")
            content = message.get("content") if isinstance(message, dict) else None
            # A lone half of a surrogate pair is no text that a file or a table can hold.
            text = content.encode("utf-8", "replace").decode() if isinstance(content, str) else ""
        if isinstance(usage, dict):
            found = [usage.get("prompt_tokens"), usage.get("completion_tokens")]
            tokens = tuple(n if isinstance(n, int) and n > 0 else 0 for n in found)  # type: ignore[assignment]
    return Reply(text, finish_reason, tokens[0], tokens[1], seconds, time.time())


def _completion(
    value: T | None, error: RequestError | None, tally: _Tally, *, is_repaired: bool = False
) -> Completion[T]:
    return Completion(
        value=value,
        error=error,
        is_repaired=is_repaired and error is None,
        is_cached=tally.n_sent == 0,
        attempts=tally.attempts,
        tokens_in=tally.tokens_in,
        tokens_out=tally.tokens_out,
        seconds=tally.seconds,
        answered_at=tally.answered_at,
    )
