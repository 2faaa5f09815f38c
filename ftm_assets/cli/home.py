"""DAGSTER_HOME: where Dagster keeps runs and their logs on this machine. Prepared here and nowhere else."""

from __future__ import annotations

import hashlib
from importlib import metadata
from pathlib import Path

from ftm_assets.cli.failing import CommandError
from ftm_resources import locks, settings
from ftm_resources.shipped import shipped

FOLDER = ".dagster"
"""The folder in the current one to use if DAGSTER_HOME is not set."""

_LOCK = ".prepare.lock"

_PREPARED = ".prepared"
"""File that holds the version of Dagster that created the databases. Without it, `env.sh` prepares the home."""

_MARK = "# Written by ftm; edit it and ftm leaves it alone. "


def prepare() -> Path:
    """Prepare the Dagster home and set DAGSTER_HOME; return the folder.

    Writes the instance's configuration if there is none, or if an older version of FTM wrote it and nobody edited it,
    and creates Dagster's databases. Any number of processes may call this at once. Raises CommandError if the folder
    cannot be used.
    """
    home = folder()
    try:
        home.mkdir(parents=True, exist_ok=True)
        if not _is_prepared(home):
            import dagster  # noqa: F401 - the slow part of the work below: not while others wait for the lock
        with locks.held(home / _LOCK, f"the lock on {home}, in which another process prepares Dagster"):
            _write_configuration(home / "dagster.yaml")
            _create_databases(home)
    except OSError as error:
        raise CommandError(
            f"DAGSTER_HOME cannot be used: {error}. Set DAGSTER_HOME to a folder that you can write to."
        ) from error
    settings.assign("DAGSTER_HOME", str(home))
    settings.assign("DAGSTER_DISABLE_TELEMETRY", "1")
    return home


def _write_configuration(file: Path) -> None:
    wanted = _marked(instance_file().read_text())
    if not file.exists() or (_is_unedited(file.read_text()) and file.read_text() != wanted):
        # Dagster's own commands may read it meanwhile.
        temporary = file.with_name(f".{file.name}.tmp")
        temporary.write_text(wanted)
        temporary.replace(file)


def _create_databases(home: Path) -> None:
    """Open the instance once: each process that finds no databases migrates them, and two at once fail."""
    if _is_prepared(home):
        return
    import dagster as dg

    with dg.DagsterInstance.from_config(str(home)) as instance:
        # The schedule storage is opened with its first use.
        instance.all_instigator_state()
        instance.get_runs_count()
    (home / _PREPARED).write_text(metadata.version("dagster"))


def _is_prepared(home: Path) -> bool:
    mark = home / _PREPARED
    return mark.exists() and mark.read_text() == metadata.version("dagster")


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


if __name__ == "__main__":  # `env.sh`, before Dagster's own commands
    from ftm_assets.cli.failing import told

    with told():
        prepare()
