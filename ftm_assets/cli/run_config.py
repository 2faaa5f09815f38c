"""The config of `ftm run`: reading it from a YAML file, and saying what is wrong with it.

What belongs here: the two forms of the file, and checks that can name what was meant. Dagster finds what is wrong
with names and types, and this module says it in the file's terms; bounds, which Dagster checks only when a step
starts, are checked here by the assets' config classes.
"""

from __future__ import annotations

import ast
import difflib
import glob
import json
import re
from importlib import import_module
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

from ftm_assets.cli.failing import CommandError

if TYPE_CHECKING:
    from collections.abc import Collection
    from pathlib import Path

    import dagster as dg
    from dagster._config.snap import ConfigTypeSnap
    from dagster._config.stack import EvaluationStackEntry

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


def require_valid(config: dict[str, Any], job: dg.JobDefinition, file: Path) -> None:
    """Raise CommandError, before anything is computed, if the config read from a file is not one of the job's.

    The message names each asset, check or resource that the job does not have; else each setting that does not exist
    or is not of its type; else each value out of bounds.
    """
    import dagster as dg

    found = _unknown_names(config, job)
    if not found:
        try:
            dg.validate_run_config(job, config)
        except dg.DagsterInvalidConfigError as error:
            found = problems(error)
    if found := found or _out_of_bounds(config):
        raise CommandError("\n".join(f"{file}: {text}" for text in found))


def _unknown_names(config: dict[str, Any], job: dg.JobDefinition) -> list[str]:
    assets, resources = [node.name for node in job.nodes], list(job.resource_defs)
    found = [
        f"{name} is a resource, not an asset: write it under resources, e.g. resources: {{{name}: {{config: ...}}}}"
        if name in resources
        else _unknown("asset", name, assets)
        for name in config.get("ops", {})
        if name not in assets
    ]
    return found + [
        _unknown("resource", n, resources) for n in config.get("resources", {}) if n not in resources
    ]


def _out_of_bounds(config: dict[str, Any]) -> list[str]:
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
                    f"{'.'.join(map(str, (asset, *e['loc'])))} {_bound(e['type'], e.get('ctx', {}), e['msg'])}, "
                    f"not {_written(e['input'])}"
                    for e in error.errors()
                    if e["type"].startswith(("greater_than", "less_than", "value_error"))
                ]
    return found


def _bound(kind: str, limits: dict[str, Any], message: str) -> str:
    """Return a pydantic error about a bound in words."""
    words = {
        "greater_than_equal": ("at least", "ge"),
        "greater_than": ("more than", "gt"),
        "less_than_equal": ("at most", "le"),
        "less_than": ("less than", "lt"),
    }
    if kind not in words:
        return f"is refused ({message.removeprefix('Value error, ')})"
    said, limit = words[kind]
    return f"must be {said} {limits[limit]:g}"


def _unknown(what: str, name: str, known: Collection[str]) -> str:
    near = difflib.get_close_matches(name, known, n=1)
    there = f"did you mean {near[0]}?" if near else f"it may be for {', '.join(sorted(known))}"
    return f"there is no {what} {name}; {there}"


_TYPES = {"Int": "a whole number", "Float": "a number", "Bool": "true or false", "String": "a text"}


def problems(error: dg.DagsterInvalidConfigError) -> list[str]:
    """Return what Dagster found wrong with the config, in terms of the file and with what was meant."""
    from dagster._config.errors import (
        FieldNotDefinedErrorData,
        FieldsNotDefinedErrorData,
        RuntimeMismatchErrorData,
    )

    found = []
    for e in error.errors or []:
        where, wrong = _path(e.stack), e.error_data
        if isinstance(wrong, FieldNotDefinedErrorData):
            found.append(_no_setting(where, wrong.field_name, _expected(e.message)))
        elif isinstance(wrong, FieldsNotDefinedErrorData):
            found += [_no_setting(where, name, _expected(e.message)) for name in wrong.field_names]
        elif isinstance(wrong, RuntimeMismatchErrorData):
            found.append(f"{where} must be {_type(wrong.config_type_snap)}, not {_value(wrong.value_rep)}")
        else:
            found.append(e.message.strip())
    return found


def _path(stack: EvaluationStackEntry) -> str:
    """Return where a setting is: asset or resource, then the setting, e.g. `themes.bertopic.n_neighbors`."""
    parts = ""
    for entry in stack.entries:
        if hasattr(entry, "list_index"):
            parts += f"[{entry.list_index}]"
        else:
            parts += f".{entry.field_name if hasattr(entry, 'field_name') else entry.map_key}"  # type: ignore[attr-defined]
    found = re.sub(r"^\.(?:ops|resources)(?=\.)", "", parts)
    return re.sub(r"^(\.\w+)\.config(?![^.\[])", r"\1", found).removeprefix(".") or "the config"


def _no_setting(where: str, name: str, known: Collection[str]) -> str:
    near = difflib.get_close_matches(name, known, n=1)
    return f"{where} has no setting {name}; " + (
        f"did you mean {near[0]}?" if near else f"it has {', '.join(known)}"
    )


def _type(snap: ConfigTypeSnap) -> str:
    """Return a type of Dagster's config in words."""
    if snap.enum_values:
        return " or ".join(_written(v.value) for v in snap.enum_values)
    if snap.kind.name == "ARRAY":
        return "a list"
    return _TYPES.get(
        snap.given_name or "", "a mapping" if "SHAPE" in snap.kind.name else snap.given_name or "else"
    )


def _value(shown: str) -> str:
    """Return a value, given as Python shows it, as YAML writes it; long ones are cut."""
    try:
        return _written(ast.literal_eval(shown))
    except (ValueError, SyntaxError):
        return shown[:_SHOWN]


_SHOWN = 60
"""Characters of a value in a message."""


def _written(value: object) -> str:
    return json.dumps(value, ensure_ascii=False, default=str)[:_SHOWN]


def _expected(message: str) -> list[str]:
    """Return the names that Dagster's message lists as expected, without their types."""
    _, _, schema = message.partition('Expected: "')
    if schema.startswith("["):
        return re.findall(r"'(\w+)'", schema)
    before, schema = "", schema.lstrip("{")
    while schema != before:  # innermost first, until only the outer names are left
        before, schema = schema, re.sub(r"\([^(){}\[\]]*\)|\{[^(){}\[\]]*\}|\[[^(){}\[\]]*\]", "", schema)
    return re.findall(r"(\w+)[?]?:", schema)
