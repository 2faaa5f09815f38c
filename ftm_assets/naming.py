"""Which namer a run uses: the endpoint's where one is configured, the extractive one where not."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import dagster as dg

from ftm_assets.methods.naming import Digest, Named, Namer
from ftm_assets.methods.naming_extractive import RULES_VERSION, ExtractiveNamer
from ftm_assets.methods.naming_llm import PROMPT_VERSION, LlmNamer
from ftm_resources.llm import LlmResource, LlmUnavailableError


def name_all(
    digests: Sequence[Digest], llm: LlmResource, progress: Callable[[int, int], None] | None = None
) -> list[Named]:
    """Name the digests, in order; a Failure that says what to fix where the endpoint is unusable."""
    namer: Namer = ExtractiveNamer()
    if llm.is_configured():
        namer = LlmNamer(llm.complete, model=llm.model_name(), prompt_tokens=llm.prompt_tokens())
    try:
        return namer.name(digests, progress)
    except LlmUnavailableError as error:
        raise dg.Failure(str(error)) from error


def describe(llm: LlmResource) -> Mapping[str, Any]:
    """Return what identifies the names that this namer gives."""
    if llm.is_configured():
        return {
            "method": "llm",
            "model": llm.model_name(),
            "prompt_version": PROMPT_VERSION,
            "seed": llm.seed,
        }
    return {"method": "extractive", "prompt_version": RULES_VERSION}
