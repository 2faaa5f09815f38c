"""DAGSTER_HOME: where Dagster keeps runs and their logs on this machine, prepared here and nowhere else."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

from ftm_assets.cli.failing import CommandError
from ftm_assets.orchestration.shipped import shipped

FOLDER = ".dagster"
"""In the current folder, where DAGSTER_HOME is not set."""

_MARK = "# Written by ftm; edit it and ftm leaves it alone. "


def prepare() -> Path:
    """Make the Dagster home ready and set DAGSTER_HOME; return the folder.

    The instance's configuration is written where there is none, and again where it is an older one of ours that
    nobody has edited. Raises CommandError where the folder cannot be used.
    """
    folder = Path(os.environ.get("DAGSTER_HOME") or FOLDER).expanduser().absolute()
    wanted = instance_file().read_text()
    file = folder / "dagster.yaml"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        if not file.exists() or (_is_unedited(file.read_text()) and file.read_text() != _marked(wanted)):
            file.write_text(_marked(wanted))
    except OSError as error:
        raise CommandError(
            f"DAGSTER_HOME cannot be used: {error}. Set DAGSTER_HOME to a folder that you can write to."
        ) from error
    os.environ["DAGSTER_HOME"] = str(folder)
    os.environ.setdefault("DAGSTER_DISABLE_TELEMETRY", "1")
    return folder


def instance_file() -> Path:
    """Return the configuration of a Dagster instance on one machine that this version ships."""
    return shipped("infra/dagster/local.yaml")


def _marked(text: str) -> str:
    return f"{_MARK}{hashlib.sha256(text.encode()).hexdigest()}\n{text}"


def _is_unedited(text: str) -> bool:
    first, _, body = text.partition("\n")
    return first.startswith(_MARK) and _marked(body) == text
