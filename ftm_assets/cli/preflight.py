"""What `ftm run` checks before the first step: the machine, and what later steps need of models and endpoints.

In one process Dagster sets up all resources of a run before its first step, and each checks itself then, from the UI
too. With a process per step they would do so step by step; hence the check here.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ftm_assets.cli.failing import CommandError

if TYPE_CHECKING:
    from collections.abc import Mapping


def require_ready(config: Mapping[str, Any]) -> None:
    """Raise what a model, an endpoint, a file or a missing extra is refused with, or CommandError for the machine.

    An endpoint that does not answer yet is only warned about: it may still be starting.
    """
    from ftm_assets.cli import examination, installed
    from ftm_assets.methods.topics import published
    from ftm_resources import price_table, settings
    from ftm_resources.endpoint.llm import LlmResource
    from ftm_resources.models.embedder import Embedder
    from ftm_resources.models.sentiment import SentimentScorer
    from ftm_resources.sources import pinned_dictionary
    from ftm_resources.sources.returns.configured_fundamentals import ConfiguredFundamentals
    from ftm_resources.sources.returns.configured_market import ConfiguredMarket

    checks = (installed.packages, examination.dagster_home, examination.warehouse, examination.disk)
    found = [f for check in checks for f in check() if f.status == "fail"]
    if found:
        raise CommandError("\n".join(f"{f.what}: {f.found.rstrip('.')}. {f.advice}".strip() for f in found))
    for key, source in (("market", ConfiguredMarket), ("accounts", ConfiguredFundamentals)):
        given = _config(config, "resources", key)
        if not any(isinstance(value, dict) for value in given.values()):
            source(**given).require_usable()
    price_table.current()
    if any(_config(config, "ops", asset).get("method") == "bertopic" for asset in ("firm_topics", "themes")):
        published.require()
    if path := settings.current().ftm_pinned_themes:
        pinned_dictionary.read(path)
    if settings.current().ftm_executor == "in_process":
        return
    for key, made in (("sentiment", SentimentScorer), ("embedder", Embedder), ("llm", LlmResource)):
        given = _config(config, "resources", key)
        if not any(isinstance(value, dict) for value in given.values()):  # {env: NAME} is resolved by the run
            made(**given).require_usable()


def _config(config: Mapping[str, Any], kind: str, name: str) -> Mapping[str, Any]:
    """Return the config of an op or a resource; empty without one."""
    given: Mapping[str, Any] = config.get(kind, {}).get(name, {}).get("config") or {}
    return given
