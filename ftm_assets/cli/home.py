"""DAGSTER_HOME: where Dagster keeps runs and their logs on this machine. Prepared here and nowhere else."""

from __future__ import annotations

import hashlib
from pathlib import Path

from ftm_assets.cli.failing import CommandError
from ftm_assets.orchestration.shipped import shipped
from ftm_resources import settings

FOLDER = ".dagster"
"""The folder in the current one to use if DAGSTER_HOME is not set."""

_MARK = "# Written by ftm; edit it and ftm leaves it alone. "


def prepare() -> Path:
    """Prepare the Dagster home and set DAGSTER_HOME; return the folder.

    Writes the instance's configuration if there is none, or if it is an older one of ours that nobody has edited.
    Raises CommandError if the folder cannot be used.
    """
    home = folder()
    wanted = instance_file().read_text()
    file = home / "dagster.yaml"
    try:
        home.mkdir(parents=True, exist_ok=True)
        if not file.exists() or (_is_unedited(file.read_text()) and file.read_text() != _marked(wanted)):
            file.write_text(_marked(wanted))
    except OSError as error:
        raise CommandError(
            f"DAGSTER_HOME cannot be used: {error}. Set DAGSTER_HOME to a folder that you can write to."
        ) from error
    settings.assign("DAGSTER_HOME", str(home))
    settings.assign("DAGSTER_DISABLE_TELEMETRY", "1")
    return home


def folder() -> Path:
    """Return the folder set in DAGSTER_HOME, else `FOLDER` in the current folder."""
    return (settings.current().dagster_home or Path(FOLDER)).expanduser().absolute()


def instance_file() -> Path:
    """Return the configuration file that this version ships for a Dagster instance on one machine."""
    return shipped("infra/dagster/local.yaml")


def _marked(text: str) -> str:
    return f"{_MARK}{hashlib.sha256(text.encode()).hexdigest()}\n{text}"


def _is_unedited(text: str) -> bool:
    first, _, body = text.partition("\n")
    return first.startswith(_MARK) and _marked(body) == text
