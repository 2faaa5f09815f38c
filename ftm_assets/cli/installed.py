"""The check of `ftm doctor` that required packages are installed, in the versions that were tested."""

from __future__ import annotations

import importlib.metadata
import re
from pathlib import Path
from typing import TYPE_CHECKING

from ftm_assets.cli.finding import Finding

if TYPE_CHECKING:
    from collections.abc import Iterator


def packages() -> Iterator[Finding]:
    """Compare installed packages with FTM's requirements and, if constraints.txt is there, the tested versions."""
    required = _required()
    installed = {name: _version(name) for name in required}
    missing = sorted(n for n, v in installed.items() if v is None)
    if missing:
        yield Finding(
            "fail",
            "Packages",
            f"not installed: {', '.join(missing)}",
            "pip install -c constraints.txt -e . (or `make run`, which does it)",
        )
        return
    tested = _tested()
    differing = sorted(
        f"{name} {version} (tested: {tested[name]})"
        for name, version in installed.items()
        # A local version (+cpu) is the same release built for another machine.
        if name in tested and version and version.partition("+")[0] != tested[name]
    )
    if differing:
        yield Finding(
            "warn",
            "Packages",
            f"{len(installed)} installed; not in the tested version: {', '.join(differing)}",
            "Results may differ. pip install -c constraints.txt -e .",
        )
    else:
        compared = "as tested" if tested else "the tested versions are in constraints.txt of the repository"
        yield Finding("ok", "Packages", f"{len(installed)} direct requirements installed, {compared}")


def _required() -> list[str]:
    """Return the names of the direct requirements, without extras."""
    try:
        lines = importlib.metadata.requires("ftm") or []
    except importlib.metadata.PackageNotFoundError:
        return ["ftm"]
    return sorted(
        {_normal(re.split(r"[^A-Za-z0-9._-]", line)[0]) for line in lines if "extra ==" not in line}
    )


def _tested() -> dict[str, str]:
    file = Path(__file__).resolve().parents[2] / "constraints.txt"
    if not file.exists():
        return {}
    pins = (line.partition("==") for line in file.read_text().splitlines() if "==" in line)
    return {_normal(name): version.partition(";")[0].strip() for name, _, version in pins}


def _normal(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def _version(name: str) -> str | None:
    try:
        return importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return None
