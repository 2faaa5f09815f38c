"""The code version of an asset, from the sources of the modules that decide its rows.

These are the modules that the asset imports, and those of the resources that it asks for by key.
Only statements count. Comments, docstrings and layout do not, so rewording an explanation makes no table stale.
Modules are parsed, not imported, and an installed copy has the same version as its repository. What was read of a
source is kept beside Python's compiled files: parsing all of them takes a process that loads the assets a second.
"""

from __future__ import annotations

import ast
import contextlib
import hashlib
import json
import sys
from collections.abc import Callable, Iterator
from functools import cache
from importlib.util import cache_from_source, find_spec
from pathlib import Path
from typing import Any

from ftm_resources.replaced_file import replaced

FOLLOWED = (
    "ftm_assets.assets",
    "ftm_assets.methods",
    "ftm_assets.orchestration.calls_by_firm",
    "ftm_assets.orchestration.event_quarters",
    "ftm_assets.orchestration.known_before",
    "ftm_assets.orchestration.namer",
    "ftm_assets.orchestration.priced_runs",
    "ftm_assets.orchestration.series_chain",
    "ftm_assets.orchestration.service_time",
    "ftm_assets.orchestration.silent_runs",
    "ftm_assets.orchestration.spent_time",
    "ftm_assets.report",
    "ftm_resources.endpoint.chat",
    "ftm_resources.endpoint.embeddings",
    "ftm_resources.endpoint.llm",
    "ftm_resources.models",
    "ftm_resources.price_table",
    "ftm_resources.quarters",
    "ftm_resources.retrieval.repetition",
    "ftm_resources.sources",
    "ftm_resources.tables.components",
    "ftm_resources.trading_days",
)
"""Modules whose code can change rows. How rows are stored and how steps run cannot."""

DEPLOYMENT = "ftm_assets.orchestration.deployment"
"""The module that makes the resource of each key."""

_UNSAID = {"ctx", "kind", "type_comment"}
"""Fields of a syntax tree that carry no meaning of their own."""

Sources = Callable[[str], str | None]
"""Maps a module's name to its source, or to None if there is no such module."""


@cache
def installed(module: str) -> str | None:
    """Return the source of one of our modules, wherever it is installed; None if there is no such module."""
    # By path: looking a module up by name would import its parent packages.
    package, *rest = module.split(".")
    spec = find_spec(package)
    if spec is None or spec.origin is None:
        return None
    path = Path(spec.origin).parent.joinpath(*rest)
    for file in (path.with_name(f"{path.name}.py"), path / "__init__.py"):
        if file.is_file():
            return file.read_text(encoding="utf-8")
    return None


def code_version(module: str, sources: Sources = installed) -> str:
    """Return the version of an asset's module: twelve hexadecimal digits that change with its code.

    `module` is its name (`__name__`). The modules of FOLLOWED that it imports, at any depth, count as its code, and
    so do those of the resources whose keys it passes as `resources`, as `FanOut` requires.
    Raises ValueError if the module has no source.
    """
    whole, known = hashlib.blake2b(digest_size=6), len(_kept())
    for name, meaning in sorted(_used(module, sources).items()):
        whole.update(f"{name} {meaning}\n".encode())
    if sources is installed and len(_kept()) > known:
        _keep()
    return whole.hexdigest()


def _used(module: str, sources: Sources) -> dict[str, str]:
    """Return the modules that count, each with the digest of its statements."""
    found: dict[str, str] = {}
    homes = _homes(sources(DEPLOYMENT) or "")
    waiting = [module]
    while waiting:
        name = waiting.pop()
        if name in found:
            continue
        source = sources(name)
        if source is None:
            raise ValueError(f"module {name} has no source, so it has no version")
        found[name], imported, keys = _read(source)
        behind = [homes[key] for key in keys if key in homes]
        waiting += [i for i in (*imported, *behind) if i.startswith(FOLLOWED) and sources(i) is not None]
    return found


def _read(source: str) -> tuple[str, list[str], list[str]]:
    """Return a module's digest of statements, imports other than for type checking, and keys of resources."""
    kept, key = _kept(), hashlib.blake2b(source.encode(), digest_size=16).hexdigest()
    if key not in kept:
        tree = ast.parse(source)
        digest = hashlib.blake2b(_said(tree).encode(), digest_size=8).hexdigest()
        kept[key] = digest, list(_imported(tree)), list(_resource_keys(tree))
    return kept[key]


@cache
def _kept() -> dict[str, tuple[str, list[str], list[str]]]:
    """Return what was read of sources, by the digest of each; at first what other processes have kept."""
    try:
        kept = json.loads(_kept_file().read_text(encoding="utf-8"))
    except (OSError, ValueError):  # none yet, or unreadable: everything is read again
        return {}
    return {key: (digest, imported, keys) for key, (digest, imported, keys) in kept.items()}


def _keep() -> None:
    """Leave what was read to the processes to come, where files can be written."""
    if sys.dont_write_bytecode:
        return
    file = _kept_file()
    with contextlib.suppress(OSError):  # an installation that cannot be written is read anew each time
        file.parent.mkdir(parents=True, exist_ok=True)
        with replaced(file) as partial:
            partial.write_text(json.dumps(_kept()), encoding="utf-8")


def _kept_file() -> Path:
    """Return the file, whose name has the digest of this module: another way of reading does not see it."""
    ours = hashlib.blake2b(Path(__file__).read_bytes(), digest_size=8).hexdigest()
    return Path(cache_from_source(__file__)).with_suffix(f".{ours}.json")


@cache
def _homes(deployment: str) -> dict[str, str]:
    """Return the module of each resource, by key, from the deployment's imports and its `"key": Class(...)`."""
    tree = ast.parse(deployment)
    imports = [n for n in ast.walk(tree) if isinstance(n, ast.ImportFrom) and n.module]
    home = {alias.asname or alias.name: n.module or "" for n in imports for alias in n.names}
    return {
        key.value: home[made.func.id]
        for node in ast.walk(tree)
        if isinstance(node, ast.Dict)
        for key, made in zip(node.keys, node.values, strict=True)
        if isinstance(key, ast.Constant) and isinstance(key.value, str)
        if isinstance(made, ast.Call) and isinstance(made.func, ast.Name) and made.func.id in home
    }


def _resource_keys(tree: ast.AST) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.keyword) and node.arg == "resources":
            yield from (
                n.value
                for n in ast.walk(node.value)
                if isinstance(n, ast.Constant) and isinstance(n.value, str)
            )


def _imported(tree: ast.AST) -> Iterator[str]:
    waiting: list[ast.AST] = [tree]
    while waiting:
        node = waiting.pop()
        if isinstance(node, ast.If) and isinstance(node.test, ast.Name) and node.test.id == "TYPE_CHECKING":
            continue
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.module
            yield from (f"{node.module}.{alias.name}" for alias in node.names)
        # Imports are statements, and these fields hold statements.
        for body in ("body", "orelse", "finalbody", "handlers", "cases"):
            inner = getattr(node, body, None)
            waiting += inner if isinstance(inner, list) else ()


def _said(tree: ast.AST) -> str:
    """Return a syntax tree as text, the same under every Python version: empty fields are left out.

    Each node is followed by its number of fields or items, so different trees have different texts. A loop takes
    half the time of a recursion, and every process that loads the assets does this.
    """
    said: list[str] = []
    waiting: list[Any] = [tree]
    while waiting:
        node = waiting.pop()
        if isinstance(node, ast.Constant):
            said.append(repr(node.value))
        elif isinstance(node, ast.AST):
            before = len(waiting)
            for name in node._fields:
                value = getattr(node, name, None)
                if value is not None and value != [] and name not in _UNSAID:
                    waiting += (value, name)
            said.append(f"{type(node).__name__}{len(waiting) - before}")
        elif isinstance(node, list):
            items = [n for n in node if not _is_docstring(n)]
            waiting += items
            said.append(f"[{len(items)}")
        else:
            said.append(str(node))
    return " ".join(said)


def _is_docstring(node: Any) -> bool:
    return (
        isinstance(node, ast.Expr)
        and isinstance(node.value, ast.Constant)
        and isinstance(node.value.value, str)
    )
