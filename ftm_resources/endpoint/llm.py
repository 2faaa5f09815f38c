"""The LLM resource: which chat endpoint to use (vLLM, xAI, OpenAI, `transformers serve`), and how.

The caller defines the prompts and what a valid reply is.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any, Literal, TypeVar

from dagster import ConfigurableResource, InitResourceContext
from pydantic import Field, PrivateAttr

from ftm_resources import settings
from ftm_resources.endpoint.chat import (
    DEFAULT_CONTEXT_TOKENS,
    Completion,
    Learnt,
    Message,
    Repair,
    Session,
    Usage,
)
from ftm_resources.endpoint.connection import (
    Connection,
    Endpoint,
    EndpointUnavailableError,
    Health,
    check,
    run,
)
from ftm_resources.endpoint.reply_cache import Reply, ReplyCache
from ftm_resources.expected import plainly

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

T = TypeVar("T")

MAX_REPLY_BYTES = 2**20
"""Far more than any reply needs, including a model's reasoning."""

CONTEXT_KEY = "context"
"""Key under which a reply cache keeps the model's context as the server reported it."""


MAX_CONTEXT_DIGITS = 9
"""No model has a context of a billion tokens."""


class LlmResource(ConfigurableResource):
    """Chat completions from the OpenAI-compatible endpoint at LLM_BASE_URL.

    408, 409, 429 (honouring Retry-After), 5xx, resets and timeouts are retried with exponential backoff and jitter,
    within a budget per request and per run. 401, 403 and 404 fail at once. After an unusable reply, one repair
    request is sent.
    """

    base_url: str | None = Field(default=None, description="Endpoint, ending in /v1; default: LLM_BASE_URL")
    model: str | None = Field(default=None, description="Model to request; default: LLM_MODEL")
    api_key: str | None = Field(
        default=None, repr=False, description="Pass it as an EnvVar; default: LLM_API_KEY"
    )
    concurrency: int = Field(
        default=64, ge=1, description="Most requests in flight; the server decides how many"
    )
    max_retries: int = Field(default=5, ge=0, description="Retries per request")
    retry_budget: float = Field(
        default=1.0,
        ge=0,
        description="Average retries per request before giving up, in addition to 10 per concurrent request",
    )
    read_seconds: float = Field(
        default=120.0,
        gt=0,
        description="Timeout in seconds, from a request to the end of its reply; tripled while replies are slow",
    )
    startup_seconds: float = Field(
        default=900.0, ge=0, description="Seconds to wait for a server that is starting"
    )
    max_tokens: int = Field(
        default=300, ge=1, description="Token limit of a reply; raised up to 16-fold if replies are cut off"
    )
    context_tokens: int | None = Field(
        default=None,
        ge=1024,
        description="Context of the model in tokens; default: as the server reports (max_model_len), or else 4096",
    )
    seed: int = Field(default=0, description="Seed sent with each request; temperature is 0")
    price_in: float | None = Field(default=None, ge=0, description="USD per million tokens of prompts")
    price_out: float | None = Field(default=None, ge=0, description="USD per million tokens of replies")
    on_llm_failure: Literal["fail", "degrade"] = Field(
        default="fail",
        description="If the endpoint stays down: fail the run, or return errors for the remaining requests",
    )
    _health: Health = PrivateAttr(default_factory=Health)
    _learnt: Learnt = PrivateAttr(default_factory=Learnt)

    @plainly
    def setup_for_execution(self, context: InitResourceContext) -> None:  # noqa: ARG002 - Dagster's signature
        """Check the configured endpoint before a step computes anything."""
        self.require_usable()

    def require_usable(self) -> None:
        """Raise EndpointUnavailableError if the endpoint refuses the key or does not serve the model."""
        self._refuse_secrets()
        if self.is_configured():
            run(check(self._endpoint(), self.model_name()))

    def is_configured(self) -> bool:
        """Return whether an endpoint is configured."""
        return bool(self.base_url or settings.current().llm_base_url)

    def model_name(self) -> str:
        """Return the name of the requested model."""
        return self.model or settings.current().llm_model

    def parameters(self) -> dict[str, Any]:
        """Return what determines a reply besides the prompt."""
        return {
            "model": self.model_name(),
            "temperature": 0,
            "seed": self.seed,
            "max_tokens": self.max_tokens,
        }

    def context(self, cache: ReplyCache | None = None) -> int:
        """Return the model's context in tokens: as configured, or else as the server reports it.

        If the server does not answer, the context stored in `cache` is used, so a run that needs no new replies
        needs no server. Without a stored context, waits for the server.
        """
        if self.context_tokens is not None:
            return self.context_tokens
        kept = _tokens(cache.get(CONTEXT_KEY) if cache is not None else None)

        async def look() -> None:
            async with self._connection() as connection:
                await connection.wait_until_ready(patient=kept is None)

        run(look())
        if not self._health.is_ready and kept is not None:
            return kept
        context = self._health.models.get(self.model_name(), (None, ""))[0] or DEFAULT_CONTEXT_TOKENS
        if cache is not None and self._health.is_ready and kept != context:
            cache.put(CONTEXT_KEY, Reply(str(context), "", 0, 0, 0.0, time.time()))
        return context

    def cost(self, tokens_in: int, tokens_out: int) -> float | None:
        """Return the cost in USD at the configured prices; None if no price is configured."""
        if self.price_in is None and self.price_out is None:
            return None
        return (tokens_in * (self.price_in or 0.0) + tokens_out * (self.price_out or 0.0)) / 1e6

    def complete(
        self,
        requests: Sequence[list[Message]],
        parse: Callable[[int, str], T],
        repair: Repair,
        *,
        schema: dict[str, Any] | None = None,
        cache: ReplyCache | None = None,
        stale_before: float = 0.0,
        progress: Callable[[int, int], None] | None = None,
        usage: Usage | None = None,
    ) -> list[Completion[T]]:
        """Return, in order, the result of `parse(index, reply)` for each request, or its error.

        `parse` raises ValueError for an unusable reply; `repair` then writes the one repair request. `schema` is the
        JSON schema of a reply, sent until the server rejects it. Replies are read from and stored in `cache`; one
        that `parse` cannot use, and that arrived before `stale_before` (seconds since 1970), is requested again.
        `progress` is called with (done, total). `usage` counts the tokens of every reply that arrives, even if the
        call then fails. Safe to call with or without a running event loop.

        Raises EndpointUnavailableError if the endpoint is not configured, refuses the key or the model, or
        (with `on_llm_failure="fail"`) stops answering or returns mostly unusable replies.
        """
        if not self.is_configured():
            raise EndpointUnavailableError("no LLM endpoint: set LLM_BASE_URL, e.g. http://localhost:8000/v1")
        if not requests:
            return []
        session = Session(
            self._connection(), self._learnt, self.parameters(), self.context_tokens, requests, parse, repair, schema,
            cache, stale_before, progress, usage or Usage(),
        )  # fmt: skip
        try:
            return run(session.run())
        finally:
            if cache is not None:
                cache.flush()

    def _connection(self) -> Connection:
        return Connection(self._endpoint(), self._health)

    def _refuse_secrets(self) -> None:
        settings.refuse_secrets(
            "llm", {n: getattr(self, n) for n in type(self).model_fields if n != "api_key"}
        )

    def _endpoint(self) -> Endpoint:
        self._refuse_secrets()
        return Endpoint.configured(
            "LLM",
            self.base_url,
            self.api_key,
            concurrency=self.concurrency,
            max_retries=self.max_retries,
            retry_budget=self.retry_budget,
            read_seconds=self.read_seconds,
            startup_seconds=self.startup_seconds,
            max_bytes=MAX_REPLY_BYTES,
            advice=". Replies received so far are kept: fix it and run again, or set on_llm_failure=degrade",
            degrades=self.on_llm_failure == "degrade",
        )


def _tokens(kept: Reply | None) -> int | None:
    """Return the cached context in tokens; None if there is none or it is not a number of tokens."""
    if kept is None or not kept.text.isdecimal() or len(kept.text) > MAX_CONTEXT_DIGITS:
        return None
    return int(kept.text) or None
