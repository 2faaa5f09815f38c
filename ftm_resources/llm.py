"""The client of an OpenAI-compatible endpoint: many chat requests, bounded concurrency, every one accounted for.

What a prompt says and what a good reply is belong to the caller; here is only how requests reach a server
(vLLM, xAI, OpenAI, `transformers serve`) and what becomes of those that do not come back well.
"""

from __future__ import annotations

import asyncio
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Generic, Literal, TypeVar

from dagster import ConfigurableResource
from pydantic import Field

from ftm_resources import settings

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    import openai

T = TypeVar("T")
Message = dict[str, str]

# A reply quoted back in a repair request is cut here: it must not push the prompt out of the context.
QUOTED_REPLY_CHARACTERS = 600

REPAIR = "That reply was not usable: {reason}. Reply again, with the corrected JSON object and nothing else."


class LlmError(Exception):
    """One request that ended without a usable reply; `reason` says why. The caller falls back for that one."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class LlmUnavailableError(RuntimeError):
    """The endpoint as a whole is unusable; the message says what to fix."""


class LlmResource(ConfigurableResource):
    """Chat completions from the OpenAI-compatible endpoint at LLM_BASE_URL.

    The client of `openai` retries transport itself: 408, 409, 429 (honouring Retry-After), 5xx, resets and
    time-outs, exponential with jitter. 401, 403 and 404 fail at once. A reply that does not parse gets one
    repair request.
    """

    base_url: str | None = Field(default=None, description="Endpoint, ending in /v1; default: LLM_BASE_URL")
    model: str | None = Field(default=None, description="Model to ask for; default: LLM_MODEL")
    api_key: str | None = Field(
        default=None, repr=False, description="Give it as EnvVar, never as text; default: LLM_API_KEY"
    )
    concurrency: int = Field(default=64, ge=1, description="Requests in flight")
    max_retries: int = Field(default=5, ge=0, description="Transport retries per request")
    connect_seconds: float = Field(default=10.0, gt=0, description="Time-out of connecting")
    read_seconds: float = Field(default=120.0, gt=0, description="Time-out of waiting for bytes of a reply")
    max_tokens: int = Field(default=300, ge=1, description="Tokens of a reply")
    context_tokens: int = Field(default=4096, ge=1024, description="Context of the model as served")
    seed: int = Field(default=0, description="Seed sent with each request; temperature is 0")
    on_llm_failure: Literal["fail", "degrade"] = Field(
        default="fail",
        description="When the endpoint is down for good: fail the run, or return errors for the rest",
    )

    def is_configured(self) -> bool:
        """Return whether there is an endpoint to ask."""
        return bool(self.base_url or settings.get("LLM_BASE_URL"))

    def model_name(self) -> str:
        """Return the name of the model that is asked for."""
        return self.model or settings.get("LLM_MODEL") or ""

    def prompt_tokens(self) -> int:
        """Return the tokens that a prompt may take so that a repair request still fits the context."""
        return self.context_tokens - 2 * self.max_tokens - QUOTED_REPLY_CHARACTERS // 3

    def complete(
        self,
        requests: Sequence[list[Message]],
        parse: Callable[[int, str], T],
        *,
        schema: dict[str, Any] | None = None,
        progress: Callable[[int, int], None] | None = None,
    ) -> list[T | LlmError]:
        """Return, in order, what `parse(index, reply)` made of the reply to each request, or its error.

        `parse` raises ValueError on a reply it cannot use; its message goes into one repair request. `schema`
        is the JSON schema of a reply, sent as response_format until the server rejects it. `progress` is
        called with (done, total). Safe to call with or without a running event loop.

        Raises LlmUnavailableError when the endpoint is not configured, refuses the key or the model, or (with
        `on_llm_failure="fail"`) has stopped answering.
        """
        if not self.is_configured():
            raise LlmUnavailableError("no LLM endpoint: set LLM_BASE_URL, e.g. http://localhost:8000/v1")
        if not requests:
            return []
        session = _Session(self, requests, parse, schema, progress)
        try:
            asyncio.get_running_loop()
        except RuntimeError:
            return asyncio.run(session.run())
        with ThreadPoolExecutor(max_workers=1) as pool:
            return pool.submit(asyncio.run, session.run()).result()

    def _client(self) -> openai.AsyncOpenAI:
        import openai

        return openai.AsyncOpenAI(
            base_url=self.base_url or settings.get("LLM_BASE_URL"),
            # The client insists on a key; servers without one ignore it.
            api_key=self._key() or "none",
            max_retries=self.max_retries,
            timeout=openai.Timeout(self.read_seconds, connect=self.connect_seconds, pool=None),
        )

    def _key(self) -> str | None:
        return self.api_key or settings.get("LLM_API_KEY")


@dataclass(frozen=True)
class _Dialect:
    """What beyond plain chat the server is asked for; steps down when it answers 400 or 422."""

    structured: bool
    no_thinking: bool

    def plainer(self) -> Iterator[_Dialect]:
        if self.structured:
            yield _Dialect(structured=False, no_thinking=self.no_thinking)
        if self.no_thinking:
            yield _Dialect(structured=False, no_thinking=False)


@dataclass
class _Session(Generic[T]):
    """One call of `complete`: its workers, its results, and what it has learnt about the server."""

    llm: LlmResource
    requests: Sequence[list[Message]]
    parse: Callable[[int, str], T]
    schema: dict[str, Any] | None
    progress: Callable[[int, int], None] | None
    results: dict[int, T | LlmError] = field(default_factory=dict)
    unanswered: int = 0
    """Requests in a row that no server answered, after all retries."""
    down: str | None = None
    """Why the endpoint was given up, once it was."""

    async def run(self) -> list[T | LlmError]:
        self.dialect = _Dialect(
            structured=self.schema is not None,
            # Qwen3 thinks aloud unless its chat template is told not to; other servers may reject the argument.
            no_thinking="qwen3" in self.llm.model_name().lower(),
        )
        queue = iter(range(len(self.requests)))
        async with self.llm._client() as client:
            try:
                async with asyncio.TaskGroup() as group:
                    for _ in range(min(self.llm.concurrency, len(self.requests))):
                        group.create_task(self._work(client, queue))
            except* LlmUnavailableError as failures:
                # From None: the causes hold request objects, whose headers hold the key.
                raise failures.exceptions[0] from None
        return [self.results[i] for i in range(len(self.requests))]

    async def _work(self, client: openai.AsyncOpenAI, queue: Iterator[int]) -> None:
        # Each worker takes the next request as soon as it is free, so the bound is filled until the end.
        for index in queue:
            if self.down is None:
                self.results[index] = await self._answer(client, index)
            else:
                self.results[index] = LlmError(self.down)
            if self.progress:
                self.progress(len(self.results), len(self.requests))

    async def _answer(self, client: openai.AsyncOpenAI, index: int) -> T | LlmError:
        messages = self.requests[index]
        reason = ""
        for _ in range(2):
            try:
                reply = await self._ask(client, messages)
            except LlmError as error:
                return error
            try:
                return self.parse(index, reply)
            except ValueError as error:
                reason = str(error)
            quoted = reply[:QUOTED_REPLY_CHARACTERS]
            messages = [
                *self.requests[index],
                *([{"role": "assistant", "content": quoted}] if quoted.strip() else []),
                {"role": "user", "content": REPAIR.format(reason=reason)},
            ]
        return LlmError(f"unusable reply after one repair: {reason}")

    async def _ask(self, client: openai.AsyncOpenAI, messages: list[Message]) -> str:
        """Return the text of one reply; LlmError if there is none, LlmUnavailableError if there never will be."""
        import openai

        try:
            reply = await self._ask_plainer(client, messages)
        except (openai.AuthenticationError, openai.PermissionDeniedError) as error:
            raise LlmUnavailableError(
                f"{self._where()} refused the key (HTTP {error.status_code}): check LLM_API_KEY"
            ) from None
        except openai.NotFoundError:
            raise LlmUnavailableError(
                f"{self._where()} knows no model {self.llm.model_name()!r} (HTTP 404): check LLM_MODEL, and that "
                "LLM_BASE_URL ends in /v1"
            ) from None
        except (openai.BadRequestError, openai.UnprocessableEntityError) as error:
            self.unanswered = 0
            raise LlmError(self._redact(f"HTTP {error.status_code}: {error.message}")) from None
        except openai.APIError as error:
            self._count_unanswered(self._redact(f"{type(error).__name__}: {error.message}"))
            raise LlmError(self._redact(f"{type(error).__name__}: {error.message}")) from None
        self.unanswered = 0
        return reply

    async def _ask_plainer(self, client: openai.AsyncOpenAI, messages: list[Message]) -> str:
        """Ask in the session's dialect, and in plainer ones while the server rejects the request."""
        import openai

        dialect = self.dialect
        try:
            return await self._post(client, messages, dialect)
        except (openai.BadRequestError, openai.UnprocessableEntityError) as rejected:
            for plainer in dialect.plainer():
                try:
                    reply = await self._post(client, messages, plainer)
                except (openai.BadRequestError, openai.UnprocessableEntityError):
                    continue
                # Only now is it known that the dialect was the reason, and not this one prompt.
                self.dialect = plainer
                return reply
            raise rejected from None

    async def _post(self, client: openai.AsyncOpenAI, messages: list[Message], dialect: _Dialect) -> str:
        extra: dict[str, Any] = {}
        if dialect.structured:
            schema = {"name": "reply", "schema": self.schema, "strict": True}
            extra["response_format"] = {"type": "json_schema", "json_schema": schema}
        if dialect.no_thinking:
            extra["extra_body"] = {"chat_template_kwargs": {"enable_thinking": False}}
        try:
            completion = await client.chat.completions.create(
                model=self.llm.model_name(),
                messages=messages,  # type: ignore[arg-type]
                temperature=0,
                seed=self.llm.seed,
                max_tokens=self.llm.max_tokens,
                **extra,
            )
            # A server may send null, or an object of another shape; both are a reply that does not parse.
            return completion.choices[0].message.content or ""
        except (ValueError, AttributeError, IndexError, TypeError):
            return ""

    def _count_unanswered(self, reason: str) -> None:
        self.unanswered += 1
        # Every worker in vain, twice over: one slow request is no outage, 2 x concurrency in a row are.
        if self.down is None and self.unanswered >= min(2 * self.llm.concurrency, len(self.requests)):
            self.down = f"{self._where()} stopped answering; last: {reason}"
            if self.llm.on_llm_failure == "fail":
                raise LlmUnavailableError(
                    f"{self.down}. Is the server up? Start it and run again, or set on_llm_failure=degrade"
                )

    def _where(self) -> str:
        return f"LLM endpoint {self.llm.base_url or settings.get('LLM_BASE_URL')}"

    def _redact(self, text: str) -> str:
        key = self.llm._key()
        return (text.replace(key, "***") if key else text)[:500]
