"""The config of `ftm run`: reading it from a YAML file, and saying what is wrong with it.

What belongs here: the two forms of the file, and checks that can name what was meant. Names and types are checked
by Dagster; bounds, which Dagster checks only when a step starts, are checked here by the assets' config classes.
"""

from __future__ import annotations

import difflib
import glob
import re
from importlib import import_module
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

from ftm_assets.cli.failing import CommandError

if TYPE_CHECKING:
    from collections.abc import Collection
    from pathlib import Path

    import dagster as dg

KEYS = ("ops", "resources", "execution", "loggers")
"""Top-level keys of Dagster run config."""

_FORMS = (
    "must map assets to their config, e.g.\n\n  themes:\n    min_firms: 5\n\nor hold Dagster run config with the keys "
    "ops and resources."
)


def read(file: Path | None) -> dict[str, Any]:
    """Return Dagster run config from a YAML file of assets' config, or of run config; empty without a file.

    What the file leaves empty (`themes:`) is an empty mapping. Raises CommandError if the file is not YAML of either
    form.
    """
    if file is None:
        return {}
    import dagster as dg
    from dagster_shared.check import CheckError

    try:
        found = dg.config_from_files([glob.escape(str(file))])
    except CheckError as error:  # YAML, but not a mapping
        raise CommandError(f"{file} {_FORMS}") from error
    except (dg.DagsterInvariantViolationError, UnicodeDecodeError) as error:
        raise CommandError(f"{file} is not valid YAML: {error.__cause__ or error}") from error
    config = _mappings(dict(found), f"{file} {_FORMS}")
    if set(config) <= set(KEYS):
        for key in {"ops", "resources"} & set(config):
            wrong = f"{file}: {key} must map names to mappings, e.g. {key}: {{NAME: {{config: {{...}}}}}}."
            config[key] = {
                name: {k: {} if k == "config" and v is None else v for k, v in entry.items()}
                for name, entry in _mappings(config[key], wrong).items()
            }
        return config
    if both := sorted(set(config) & set(KEYS)):
        others = ", ".join(k for k in config if k not in KEYS)
        raise CommandError(
            f"{file} mixes two forms: beside {', '.join(both)}, write {others} under ops or resources, e.g. ops: "
            "{themes: {config: {min_firms: 5}}}."
        )
    return {"ops": {asset: {"config": values} for asset, values in config.items()}}


def _mappings(values: dict[str, Any], wrong: str) -> dict[str, Any]:
    """Return the values, with a mapping for each that is empty; raise CommandError if one is anything else."""
    found = {k: {} if v is None else v for k, v in values.items()}
    if not all(isinstance(v, dict) for v in found.values()):
        raise CommandError(wrong)
    return found


def replacing_source(config: dict[str, Any]) -> dict[str, Any]:
    """Return the run config with `replace_source` set for transcripts."""
    ops = config.get("ops", {})
    transcripts = ops.get("transcripts", {})
    values = transcripts.get("config", {})
    if not isinstance(values, dict):
        raise CommandError("the config of transcripts must be a mapping, e.g. {require_permno: false}.")
    values = {**values, "replace_source": True}
    return {**config, "ops": {**ops, "transcripts": {**transcripts, "config": values}}}


def require_names(config: dict[str, Any], job: dg.JobDefinition) -> None:
    """Raise CommandError if the config names an asset, check or resource that the job does not have."""
    assets, resources = [node.name for node in job.nodes], list(job.resource_defs)
    found = [
        f"{name} is a resource, not an asset: write it under resources, e.g. resources: {{{name}: {{config: ...}}}}"
        if name in resources
        else _unknown("asset", name, assets)
        for name in config.get("ops", {})
        if name not in assets
    ]
    found += [_unknown("resource", n, resources) for n in config.get("resources", {}) if n not in resources]
    if found:
        raise CommandError(_listed(found))


def require_bounds(config: dict[str, Any]) -> None:
    """Raise CommandError if a value is outside the bounds of its asset's config, before anything is computed."""
    import dagster as dg
    from pydantic import ValidationError

    found = []
    for asset, entry in config.get("ops", {}).items():
        if not entry.get("config") or not find_spec(f"ftm_assets.assets.{asset}"):
            continue
        module = import_module(f"ftm_assets.assets.{asset}")
        own = [c for c in vars(module).values() if isinstance(c, type) and issubclass(c, dg.Config)]
        for made in (c for c in own if c.__module__ == module.__name__):
            try:
                made(**entry["config"])
            except ValidationError as error:
                found += [
                    f"{asset}: {'.'.join(map(str, e['loc']))} is {e['input']!r}: {e['msg']}"
                    for e in error.errors()
                    if e["type"].startswith(("greater_than", "less_than", "value_error"))
                ]
    if found:
        raise CommandError(_listed(found))


def _unknown(what: str, name: str, known: Collection[str]) -> str:
    near = difflib.get_close_matches(name, known, n=1)
    there = f"did you mean {near[0]}?" if near else f"it may be for {', '.join(sorted(known))}"
    return f"there is no {what} {name}; {there}"


def problems(error: dg.DagsterInvalidConfigError) -> str:
    """Return what Dagster found wrong with the config, with the names that it expected but not their types."""
    return _listed([_brief(e.message.strip()) for e in error.errors or []])


def _brief(message: str) -> str:
    said, expected, schema = message.partition('Expected: "{')
    if not expected:
        return message
    before = ""
    while schema != before:  # innermost first, until only the outer names are left
        before, schema = schema, re.sub(r"\([^(){}\[\]]*\)|\{[^(){}\[\]]*\}|\[[^(){}\[\]]*\]", "", schema)
    names = re.findall(r"(\w+)[?]?:", schema)
    return f"{said}Expected: {', '.join(names)}."


def _listed(found: Collection[str]) -> str:
    return "\n".join(["The config is invalid:", *(f"  {text}" for text in found)])
