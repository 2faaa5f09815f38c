"""The namer of a step, built once from the resources, and its cache of model replies."""

import json
from collections import defaultdict
from collections.abc import Mapping, Sequence
from hashlib import sha256
from typing import Any

import dagster as dg

from ftm_assets.methods.naming.by_model import Complete, LlmNamer
from ftm_assets.methods.naming.extractive import RULES_VERSION, ExtractiveNamer
from ftm_assets.methods.naming.prompts import PROMPT_VERSION, prompt_tokens
from ftm_assets.methods.naming.rules import Digest, Named, Namer, Progress
from ftm_assets.orchestration.asked_tokens import telling
from ftm_assets.orchestration.processes import side_by_side
from ftm_resources.endpoint.connection import EndpointUnavailableError
from ftm_resources.endpoint.llm import LlmResource
from ftm_resources.endpoint.reply_cache import ReplyCache
from ftm_resources.warehouse import Warehouse

REPLIES = "replies"
"""The warehouse's folder of model replies."""


def build_namer(
    llm: LlmResource,
    warehouse: Warehouse,
    table: str,
    quarter: str,
    *,
    processes: int = 0,
    step: dg.OpExecutionContext | None = None,
) -> Namer:
    """Return the namer of a table's quarter: a model's if an endpoint is configured, else the extractive one.

    The extractive one, which also names what a model cannot, names group by group in `processes` processes (0: one
    per CPU). A model's replies are cached and not requested again, except unusable ones from before the quarter was
    last committed: materializing it again requests its degraded names again. The events of `step`'s run are told
    what was asked for. An endpoint that cannot be used raises a
    Failure that says what to fix, when the namer is built or when it names.
    """
    if not llm.is_configured():
        return _SideBySideNamer(processes)
    replies = reply_cache(llm, warehouse, table, quarter)
    committed = warehouse.provenance(table, quarter) if warehouse.exists() else {}
    stale_before = committed.get("committed_at_ms", 0) / 1000

    def complete(*requests: Any, **options: Any) -> Any:
        try:
            with telling(step, llm.cost) as usage:
                return llm.complete(
                    *requests, cache=replies, stale_before=stale_before, usage=usage, **options
                )
        except EndpointUnavailableError as error:
            raise dg.Failure(str(error)) from None

    try:
        context = llm.context(replies)
    except EndpointUnavailableError as error:
        raise dg.Failure(str(error)) from None
    tokens = prompt_tokens(context, llm.max_tokens)
    return _CachingNamer(complete, replies, model=llm.model_name(), prompt_tokens=tokens)


def replies_ignored(namer: Namer) -> dict[str, int]:
    """Return, as metadata, how many kept replies were damaged or invalid; empty if no model names."""
    return {"replies_ignored": namer.replies.dropped} if isinstance(namer, _CachingNamer) else {}


def reply_cache(llm: LlmResource, warehouse: Warehouse, table: str, quarter: str) -> ReplyCache:
    """Return the cached replies of a table's quarter for this model, prompt and parameters."""
    filesystem, root = warehouse.filesystem()
    identity = sha256(json.dumps(describe(llm), sort_keys=True).encode()).hexdigest()[:16]
    return ReplyCache(filesystem, f"{root}/{REPLIES}/{table}/{quarter}/{identity}")


def describe(llm: LlmResource) -> Mapping[str, Any]:
    """Return what determines the names: method, prompt version and the model's parameters."""
    if llm.is_configured():
        return {"method": "llm", "prompt_version": PROMPT_VERSION, **llm.parameters()}
    return {"method": "extractive", "prompt_version": RULES_VERSION}


class _CachingNamer(LlmNamer):
    """A model's namer with the cache of its replies."""

    def __init__(self, complete: Complete, replies: ReplyCache, *, model: str, prompt_tokens: int) -> None:
        super().__init__(complete, model=model, prompt_tokens=prompt_tokens)
        self.replies = replies


class _SideBySideNamer:
    """The extractive namer in several processes: names differ within a group, so groups can run in parallel."""

    def __init__(self, processes: int) -> None:
        self._processes = processes

    def name(self, digests: Sequence[Digest], progress: Progress | None = None) -> list[Named]:
        """Return a name for each digest, in order."""
        groups: defaultdict[str, list[int]] = defaultdict(list)
        for i, digest in enumerate(digests):
            groups[digest.group].append(i)
        named: dict[int, Named] = {}
        work = [[digests[i] for i in members] for members in groups.values()]
        results = side_by_side(_named_extractively, work, self._processes)
        for members, names in zip(groups.values(), results, strict=True):
            named.update(zip(members, names, strict=True))
            if progress:
                progress(len(named), len(digests))
        return [named[i] for i in range(len(digests))]


def _named_extractively(digests: Sequence[Digest]) -> list[Named]:
    return ExtractiveNamer().name(digests)
