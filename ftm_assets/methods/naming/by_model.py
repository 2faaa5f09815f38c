"""Names and summaries from a language model, with extractive ones where it gives none.

The model is called through a function argument, so this module does no I/O.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any, Protocol

from ftm_assets.methods.naming import prompts
from ftm_assets.methods.naming.extractive import ExtractiveNamer
from ftm_assets.methods.naming.prompts import PROMPT_VERSION, Message
from ftm_assets.methods.naming.replies import parse_reply
from ftm_assets.methods.naming.rules import Audit, Digest, Named, Progress, plain_text


class Reply(Protocol):
    """The last reply to a request, and the tokens and seconds of all replies to it."""

    @property
    def is_repair(self) -> bool:
        """Whether it is the second reply, sent because the first was unusable."""

    @property
    def tokens_in(self) -> int:
        """Tokens of the prompts."""

    @property
    def tokens_out(self) -> int:
        """Tokens of the replies."""

    @property
    def seconds(self) -> float:
        """From request to reply."""

    @property
    def arrived_at(self) -> float:
        """Seconds since 1970."""


class Completion(Protocol):
    """The outcome of one request; implemented by `ftm_resources.endpoint.chat.Completion`."""

    @property
    def value(self) -> tuple[str, str] | None:
        """The result of `parse`; None if the request failed."""

    @property
    def error(self) -> Any:
        """Why the request failed, with `reason`, and `kind` as in `rules.Outcome`; None if it succeeded."""

    @property
    def reply(self) -> Reply | None:
        """The last reply; None if there was none."""

    @property
    def attempts(self) -> int:
        """Requests sent; 0 if the reply came from the cache."""


class Complete(Protocol):
    """Sends requests to a model; implemented by `ftm_resources.endpoint.llm.LlmResource.complete`."""

    def __call__(
        self,
        requests: Sequence[list[Message]],
        parse: Callable[[int, str], tuple[str, str]],
        repair: Callable[..., list[Message]],
        *,
        schema: dict[str, Any] | None = None,
        progress: Progress | None = None,
    ) -> Sequence[Completion]:
        """Return the outcome of each request, in order."""
        ...


class LlmNamer:
    """Names digests with a model; digests without a usable reply get an extractive name, and are marked as such."""

    def __init__(
        self,
        complete: Complete,
        *,
        model: str,
        prompt_tokens: int = prompts.DEFAULT_PROMPT_TOKENS,
    ) -> None:
        self._complete = complete
        self._model = model
        self._prompt_tokens = prompt_tokens
        self._fallback = ExtractiveNamer()

    def name(self, digests: Sequence[Digest], progress: Progress | None = None) -> list[Named]:
        """Return a name for each digest, in order; `naming_method` records which namer produced it."""
        completions = self._complete(
            prompts.Prompts(digests, self._prompt_tokens),
            lambda index, text: parse_reply(text, digests[index]),
            prompts.repair_messages,
            schema=prompts.REPLY_SCHEMA,
            progress=progress,
        )
        failed = [d for d, c in zip(digests, completions, strict=True) if c.value is None]
        extractive = iter(self._fallback.name(failed))
        return [
            replace(next(extractive), audit=self._audit(c))
            if c.value is None
            else Named(*c.value, "llm", self._model, PROMPT_VERSION, self._audit(c))
            for c in completions
        ]

    def _audit(self, completion: Completion) -> Audit:
        error, reply = completion.error, completion.reply
        asked = Audit(
            outcome=error.kind if error else "repaired" if reply and reply.is_repair else "named",
            reason=plain_text(error.reason) if error else None,
            asked=(self._model, PROMPT_VERSION),
            is_cached=reply is not None and not completion.attempts,
            attempts=completion.attempts,
        )
        if reply is None:
            return asked
        return replace(
            asked,
            tokens_in=reply.tokens_in,
            tokens_out=reply.tokens_out,
            seconds=reply.seconds,
            answered_at=reply.arrived_at,
        )
