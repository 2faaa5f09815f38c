"""What the quarter was made from, as the snapshots of its tables record it: source, models, configuration, versions."""

from __future__ import annotations

import json
from importlib.metadata import version
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Any

from ftm_assets.report.payload import Fact

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from ftm_resources.warehouse.snapshots import Write


_RESOURCES = {"sentiment": "Tone", "embedder": "Meaning of sentences", "namer": "Namer", "prices": "Prices"}
"""What computed rows, as provenance calls it → as a reader does."""


def told_made_from(
    writes: Mapping[str, Write], as_of: str | None = None, *, names: str = ""
) -> tuple[Fact, ...]:
    """Return the facts, of the writes by table; folders of the machine that read the calls are left out.

    `names` is the sentence that says who named topics and themes, `Names: ...`.
    """
    made = {name: write.provenance() for name, write in writes.items()}
    facts = [
        *(
            Fact("Source", name, value)
            for name, value in _source(made.get("transcripts", {}).get("source", {}))
        ),
        *([Fact("Source", "state", f"as of {as_of}")] if as_of else []),
        *(Fact("Models", name, value) for name, value in _models(made)),
        *([Fact("Models", "Names", names.removeprefix("Names: ").removesuffix("."))] if names else []),
        *(
            Fact("Configuration", name, _listed(_in_use(of["config"])))
            for name, of in made.items()
            if of.get("config") and name == _first_of_step(name, of)
        ),
        Fact("Drawn by", "FTM", version("ftm")),
        *(Fact("Tables", name, _table(write, made[name])) for name, write in writes.items()),
    ]
    return tuple(facts)


def _source(source: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    if not source:
        yield "name", "not recorded"
    for name, value in sorted(source.items(), key=lambda item: (item[0] != "name", item[0])):
        text = _text(value)
        yield name, PurePosixPath(text.replace("\\", "/")).name if name == "path" else text


def _models(made: Mapping[str, Mapping[str, Any]]) -> Iterator[tuple[str, str]]:
    """Yield what computed the rows, once for each model, with the tables that it made."""
    tables: dict[tuple[str, str], list[str]] = {}
    for name, of in made.items():
        for resource, model in of.get("models", {}).items():
            tables.setdefault((resource, _model(model)), []).append(name)
    for (resource, model), names in tables.items():
        yield f"{_RESOURCES.get(resource, resource)} ({', '.join(names)})", model


def _model(model: Any) -> str:
    """Return a model in words: its name first, then what determines its results.

    >>> _model({"model": "m-1", "device": "cpu", "backend_version": "2", "is_degraded": False, "note": "Unset X."})
    'm-1 (backend version 2, device cpu)'
    >>> _model({"method": "extractive", "prompt_version": "extractive-4"})
    'extractive (prompt version extractive-4)'
    """
    if not isinstance(model, dict):
        return _text(model)
    name = next((key for key in ("model", "method") if model.get(key)), "")
    rest = {k: v for k, v in model.items() if k not in {name, "is_degraded", "note"}}
    told = ", ".join(f"{k.replace('_', ' ')} {_text(v)}" for k, v in sorted(rest.items()) if v is not None)
    return f"{_text(model.get(name, 'not recorded'))}{f' ({told})' if told else ''}"


def _in_use(config: Mapping[str, Any]) -> dict[str, Any]:
    """Return a configuration without the parameters of the other method."""
    method = config.get("method")
    return {k: v for k, v in config.items() if k != "bertopic" or method in {None, "bertopic"}}


def _first_of_step(name: str, of: Mapping[str, Any]) -> str:
    """Return the table under which the configuration is told, of those that one step wrote."""
    together = of.get("together") or [name]
    return name if name not in together else str(together[0])


def _table(write: Write, of: Mapping[str, Any]) -> str:
    told = [
        f"snapshot {write.snapshot_id}",
        f"written {write.at:%Y-%m-%d %H:%M:%S} UTC",
        f"{int(of.get('rows', 0)):,} rows",
        f"rows' fingerprint {write.content}",
    ]
    if code := of.get("code_version"):
        told.append(f"code {code}")
    return ", ".join(told)


def _listed(values: Any) -> str:
    if not isinstance(values, dict):
        return _text(values)
    return ", ".join(f"{name} = {_text(value)}" for name, value in sorted(values.items()))


def _text(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, sort_keys=True, ensure_ascii=False)
