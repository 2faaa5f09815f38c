"""The reference of configuration: environment variables from the settings, and the config of assets and resources."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, get_args

from pydantic import SecretStr

from docs.generate.markdown_text import code, page, prose, table

if TYPE_CHECKING:
    from collections.abc import Mapping

    import dagster as dg
    from dagster._config import ConfigType, Field
    from pydantic.fields import FieldInfo
    from pydantic_settings import BaseSettings

HIDDEN_RESOURCES = frozenset({"io_manager"})
"""Resources that have no config of their own."""


def settings_page(settings: type[BaseSettings]) -> str:
    """Return the page of environment variables: a row for each, with default, kind of value and meaning."""
    rows = [_variable(name.upper(), field) for name, field in settings.model_fields.items()]
    return page(
        "Environment variables",
        "They describe the deployment: where tables, calls and models are. They are read when a run starts; an unset "
        "or empty variable has its default. `ftm doctor` checks them, and a variable with a name that looks like one "
        "of these but is not brings a warning. Choices of method are not among them: they are "
        "[config of assets](configuration.md), which each materialization records.",
        table(("variable", "default", "values", "meaning"), rows),
    )


def _variable(name: str, field: FieldInfo) -> tuple[str, str, str, str]:
    default = "unset" if field.default is None else code(field.default)
    return code(name), default, _kind(field.annotation), prose(field.description or "")


def _kind(annotation: Any) -> str:
    """Return what values a variable takes, in words."""
    kinds = [a for a in get_args(annotation) if a is not type(None)] or [annotation]
    if all(isinstance(k, str) for k in kinds):
        return ", ".join(code(k) for k in kinds)
    inner = kinds[0]
    if get_args(inner):
        return ", ".join(code(k) for k in get_args(inner))
    words = {str: "text", int: "integer", float: "number", bool: "`true`, `false`", SecretStr: "secret"}
    return words.get(inner, "path")


def config_page(job: dg.JobDefinition, assets: Mapping[str, str]) -> str:
    """Return the page of asset and resource config, from a job of all assets.

    Parameters
    ----------
    job : dg.JobDefinition
        A job that holds every asset.
    assets : mapping of str to str
        Name of the asset that a step makes → one line on it, in the order of the page.

    """
    schema = job.run_config_schema.config_type
    steps = {name: _config(field) for name, field in _fields(schema)["ops"].config_type.fields.items()}
    resources = {
        name: _config(field) for name, field in _fields(schema)["resources"].config_type.fields.items()
    }
    blocks = []
    for name, doc in assets.items():
        if fields := steps.get(name):
            blocks += [f"### {name} {{#{name}}}", doc, _table(fields)]
    without = [name for name in assets if not steps.get(name)]
    blocks.append(f"Without config: {', '.join(code(n) for n in without)}.")
    blocks.append("## Resources")
    for name, fields in resources.items():
        if fields and name not in HIDDEN_RESOURCES:
            blocks += [f"### {name} {{#resource-{name}}}", _table(fields)]
    return page("Configuration of assets and resources", _HOW, "## Assets", *blocks)


_HOW = """\
Research choices are the config of assets. The launchpad of the UI shows it, each materialization records what was used,
and `ftm run --config FILE` takes it from a YAML file:

```yaml
firm_topics:
  sentences_per_topic: 24
themes:
  min_firms: 5
```

With Dagster's own commands it is under `ops`:

```sh
dg launch --assets 'themes*' --partition 2023Q1 --config-json '{"ops": {"themes": {"config": {"min_firms": 5}}}}'
```

Resources take their defaults from [environment variables](environment.md). A run's config has them under `resources`:

```yaml
resources:
  llm:
    config:
      concurrency: 256
```

[Change a setting](../settings.md) says how to compare two results."""


def _fields(kind: ConfigType) -> Mapping[str, Field]:
    return getattr(kind, "fields", None) or {}


def _config(field: Field) -> Mapping[str, Field]:
    config = _fields(field.config_type).get("config")
    return _fields(config.config_type) if config else {}


def _table(fields: Mapping[str, Field], prefix: str = "") -> str:
    return table(("field", "default", "meaning"), _rows(fields, prefix))


def _rows(fields: Mapping[str, Field], prefix: str) -> list[tuple[str, str, str]]:
    rows = []
    for name, field in fields.items():
        inner = _fields(field.config_type)
        default = "" if inner else _default(field)
        rows.append((code(prefix + name), default, prose(field.description or "")))
        rows += _rows(inner, f"{prefix}{name}.")
    return rows


def _default(field: Field) -> str:
    if not field.default_provided:
        return "required"
    value = field.default_value
    if isinstance(value, dict) and set(value) == {"env"}:
        return code(value["env"])
    return "unset" if value is None else code(value if isinstance(value, str) else json.dumps(value))
