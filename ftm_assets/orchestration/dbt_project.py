"""The dbt project that makes the marts: its manifest, its command line, and the DuckDB file it works in.

What belongs here: everything about running `dbt/` that is not Dagster's. dbt never opens the warehouse:
a quarter's inputs are copied into a DuckDB file at fixed snapshots, dbt builds and tests its models there,
and the caller reads the result. So a failing test leaves the warehouse unchanged, and the provenance names
exactly what was read.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import shutil
import subprocess
import sys
import sysconfig
import tempfile
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

import dagster as dg
import pyarrow as pa

from ftm_resources import quarters, settings
from ftm_resources.duck import ConfiguredDuckDB
from ftm_resources.shipped import IN_WHEEL, shipped
from ftm_resources.tables import TABLES
from ftm_resources.tables.contract import NAMESPACE

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    import duckdb

    from ftm_resources.warehouse import QuarterTable, Warehouse
    from ftm_resources.warehouse.pinned import Pinned

PROJECT = shipped("dbt")
"""The folder of `dbt_project.yml` and `profiles.yml`."""

DATABASE = "marts.duckdb"
"""Name, in dbt's target folder, of the file that `profiles.yml` opens; its stem is the catalog's name."""

SOURCES: dict[str, tuple[str, ...] | None] = {
    "transcript_audit": None,
    "firm_attributes": None,
    "transcripts": (
        *(
            "transcript_id",
            "firm_id",
            "firm_name",
            "permno",
            "gvkey",
            "call_at",
            "call_date",
            "is_after_close",
        ),
        "quarter",
    ),
    "sentences": (
        *("sentence_id", "transcript_id", "firm_id", "component_id", "section", "speaker_type"),
        "quarter",
    ),
    "sentence_kinds": ("sentence_id", "is_procedural", "quarter"),
    "sentence_sentiment": ("sentence_id", "label", "quarter"),
    "sentence_topics": ("sentence_id", "topic_id", "quarter"),
    "firm_status": ("firm_id", "status", "n_sentences", "quarter"),
    "theme_topics": ("topic_id", "theme_id", "reason", "quarter"),
    "theme_sentences": ("theme_id", "sentence_id", "is_member", "is_second", "reason", "quarter"),
    "theme_coherence": ("theme_id", "coherence", "coherence_class", "quarter"),
    "themes": None,
    "sentiment_scores": None,
    "theme_links": (
        *("theme_id", "series_id", "series_name", "event", "similarity", "linked_theme"),
        "quarter",
    ),
    "pinned_theme_links": ("theme_id", "series_id", "quarter"),
    "pinned_topic_links": ("topic_id", "series_id", "quarter"),
    "pinned_coverage": ("series_id", "series_name", "n_themes", "quarter"),
}
"""The dbt sources: the warehouse tables that the models read, and which of their columns (None: all)."""

EARLIER: dict[str, tuple[str, ...]] = {
    "firm_status": ("firm_id", "status", "n_sentences", "quarter"),
    "sentiment_scores": ("theme_id", "firm_id", "n_positive", "n_negative", "n_sentences", "quarter"),
    "theme_links": ("theme_id", "series_id", "quarter"),
}
"""The sources that the models also read of the quarters before, to say what changed, and their columns."""

LOOKBACK = 4
"""How many calendar quarters before are read: a firm that calls once a year has changes too."""

MARTS = (
    "firm_theme_sentiment",
    "theme_sentiment",
    "firm_theme_panel",
    "call_theme_panel",
    "theme_panel",
    "firm_pinned_panel",
    "call_pinned_panel",
    "coverage",
)
"""The dbt models, each named after the table that it makes."""

BATCH_ROWS = 50_000
"""Rows of a mart in memory at a time."""

TARGET_FOLDER = "target"
"""dbt's own folder in a project, for its artifacts."""

VARIABLES = "DBT_"
"""How the variables begin by which dbt itself takes options. Those of the user are not for our project: DBT_EMPTY alone
would leave every mart without rows."""

_TARGET = "duckdb"
_PARSED = "partial_parse.msgpack"
_EARLIER_SCHEMA = "earlier"
_PROJECT_FILES = ("dbt_project.yml", "profiles.yml", "models/**/*", "macros/**/*", "tests/**/*")


class DbtProjectError(RuntimeError):
    """The dbt project cannot be parsed or run; the message says what to do about it."""


class Dbt(dg.ConfigurableResource[Any]):
    """How dbt's command line is run. dagster-dbt runs it (see `dbt_runs`), and is loaded only then."""

    project_dir: str
    """The folder of `dbt_project.yml`."""
    profiles_dir: str
    """The folder of `profiles.yml`."""
    target: str
    """Which of the profile's targets."""
    dbt_executable: str
    """Path of the `dbt` command."""
    global_config_flags: list[str]
    """Flags that stand before the command."""


def dbt_resource(project_dir: Path = PROJECT) -> Dbt:
    """Return the resource that runs dbt's command line on the project."""
    return Dbt(
        project_dir=str(project_dir),
        profiles_dir=str(project_dir),
        target=_TARGET,
        dbt_executable=dbt_executable(),
        global_config_flags=["--no-use-colors"],
    )


def dbt_executable() -> str:
    """Return the path of the dbt installed with the running interpreter, even if its environment is not active."""
    path = Path(sysconfig.get_path("scripts")) / ("dbt.exe" if os.name == "nt" else "dbt")
    if not path.exists():
        raise DbtProjectError(f"no dbt at {path}: install dbt-core and dbt-duckdb into {sys.prefix}")
    return str(path)


def target_folder(project_dir: Path = PROJECT) -> Path:
    """Return dbt's target folder: beside the project, or in the user's cache if FTM is installed from a wheel."""
    if not project_dir.is_relative_to(IN_WHEEL):
        return project_dir / TARGET_FOLDER
    from platformdirs import user_cache_path  # noqa: PLC0415

    return user_cache_path("ftm", appauthor=False) / "dbt"


def manifest(project_dir: Path = PROJECT, target: Path | None = None) -> Path:
    """Return the path of the manifest of the current project files, parsing them if there is none.

    The manifest is kept in `target` (default: `target_folder`), in a folder named by a hash of the project's files
    and of dbt's version, so it is never stale, whatever the files' dates. Any number of processes may call this at
    once; one parses. If the folder will be read-only (in an image), call this once while building the image. Raises
    DbtProjectError with dbt's own message if the project does not parse.
    """
    folder = (target or target_folder(project_dir)) / _folder_name(project_dir)
    path = folder / "manifest.json"
    if path.exists():
        return path
    from filelock import FileLock  # noqa: PLC0415

    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        with FileLock(folder.with_suffix(".lock")):
            if not path.exists():
                _parse(project_dir, folder)
    except OSError as error:  # no permission, or a read-only file system
        raise DbtProjectError(
            f"{folder.parent} has no manifest of the current dbt files and cannot be written to: {error}; "
            "run `ftm manifest` while that folder is writable"
        ) from error
    return path


def working_copy(manifest: Path, folder: Path, project_dir: Path = PROJECT) -> Path:
    """Copy the project into `folder`, with what was parsed of it for `manifest`; return dbt's target folder there.

    dbt takes up what was parsed only for the same path of the database, so there the path is relative. Raises
    DbtProjectError if the project has changed since: assets and their code versions would be those of other files.
    """
    for path in _files(project_dir):
        copied = folder / path.relative_to(project_dir)
        copied.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(path, copied)
    if manifest.parent.name != _folder_name(folder):
        raise DbtProjectError(
            f"files of {project_dir} have changed since they were loaded: reload the code location in the UI, or start "
            "the command again"
        )
    target = folder / TARGET_FOLDER
    target.mkdir()
    if (parsed := manifest.with_name(_PARSED)).exists():
        shutil.copyfile(parsed, target / _PARSED)
    return target


def _files(project_dir: Path) -> list[Path]:
    return sorted({p for pattern in _PROJECT_FILES for p in project_dir.glob(pattern) if p.is_file()})


def _folder_name(project_dir: Path) -> str:
    """Return the name of the folder of what is parsed of a project: the same for the same files and dbt."""
    digest = hashlib.sha256(f"{version('dbt-core')} {version('dbt-duckdb')}".encode())
    for path in _files(project_dir):
        content = path.read_bytes()
        digest.update(f"\0{path.relative_to(project_dir).as_posix()}\0{len(content)}\0".encode())
        digest.update(content)
    return f"manifest-{digest.hexdigest()[:16]}"


def _parse(project_dir: Path, folder: Path) -> None:
    """Run `dbt parse` in a scratch folder, then move the result to `folder` in one step."""
    with tempfile.TemporaryDirectory(dir=folder.parent) as scratch:
        command = [dbt_executable(), "parse", "--quiet", "--no-partial-parse"]
        command += [
            "--project-dir",
            str(project_dir),
            "--profiles-dir",
            str(project_dir),
            "--target",
            _TARGET,
        ]
        command += ["--target-path", f"{scratch}/parsed", "--log-path", f"{scratch}/logs"]
        # What is parsed holds for a run in which the profile, which reads this variable, says the same.
        environment = settings.environment_without(VARIABLES) | {"DBT_TARGET_PATH": TARGET_FOLDER}
        done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)  # noqa: S603 - no shell
        if done.returncode:
            raise DbtProjectError(f"dbt cannot parse {project_dir}:\n{done.stdout}{done.stderr}")
        if folder.exists():  # left without a manifest
            shutil.rmtree(folder)
        (Path(scratch) / "parsed").rename(folder)


def code_version(manifest: Mapping[str, Any], unique_id: str) -> str:
    """Return a hash of a model's SQL, and of that of the ephemeral models and the macros of ours that it contains."""
    seen, queue = dict[str, str](), [unique_id]
    while queue:
        name = queue.pop()
        node = manifest["nodes"].get(name) or manifest["macros"].get(name)
        is_within = name == unique_id or name.startswith("macro.ftm.") or is_ephemeral(node)
        if node is None or name in seen or not is_within:
            continue
        seen[name] = node["raw_code"] if "raw_code" in node else node["macro_sql"]
        queue += [*node["depends_on"].get("nodes", []), *node["depends_on"]["macros"]]
    return hashlib.sha256("\0".join(f"{name}\0{seen[name]}" for name in sorted(seen)).encode()).hexdigest()


def is_ephemeral(node: Mapping[str, Any] | None) -> bool:
    """Return whether a node of the manifest is a model that makes no table: its SQL is part of those that read it."""
    return node is not None and node.get("config", {}).get("materialized") == "ephemeral"


def reads_earlier(manifest: Mapping[str, Any], model: str) -> bool:
    """Return whether a model reads EARLIER: what it is made from includes the quarters before."""
    nodes = manifest["nodes"][f"model.ftm.{model}"]["depends_on"]["nodes"]
    return any(node.startswith("source.ftm.earlier.") for node in nodes)


def earlier_tables(warehouse: Warehouse, quarter: str, *, pinned: Pinned | None = None) -> list[QuarterTable]:
    """Return EARLIER of each of the LOOKBACK quarters before, oldest first; some may never have been written."""
    before = [quarters.shifted(quarter, -n) for n in range(LOOKBACK, 0, -1)]
    return [warehouse.quarter(name, q, pinned=pinned) for q in before for name in EARLIER]


def stage(folder: Path, tables: Mapping[str, QuarterTable], earlier: Iterable[QuarterTable] = ()) -> None:
    """Write a quarter of the sources and of stored marts, and what is read of earlier quarters, into DuckDB's file.

    `tables` holds a quarter of each of SOURCES, and of the MARTS that are read as stored: by a test that runs without
    its model, or by another model. `earlier` holds EARLIER of quarters before (see `earlier_tables`).
    """
    folder.mkdir(parents=True, exist_ok=True)
    (folder / DATABASE).unlink(missing_ok=True)
    parts: dict[str, list[pa.Table]] = {name: [] for name in EARLIER}
    for table in earlier:
        parts[table.name].append(table.read(EARLIER[table.name]))
    with ConfiguredDuckDB(database=str(folder / DATABASE)).get_connection() as connection:

        def create(relation: str, rows: pa.Table) -> None:
            connection.register("staged", rows)
            connection.execute(f"CREATE TABLE {relation} AS SELECT * FROM staged")  # noqa: S608 - fixed names
            connection.unregister("staged")

        for schema in (NAMESPACE, _EARLIER_SCHEMA):
            connection.execute(f"CREATE SCHEMA {schema}")
        for name, table in tables.items():
            create(f"{NAMESPACE}.{name}" if name in SOURCES else name, table.read(SOURCES.get(name)))
        for name, found in parts.items():
            empty = TABLES[name].empty().select(EARLIER[name])
            create(f"{_EARLIER_SCHEMA}.{name}", pa.concat_tables([empty, *found]))


def built(folder: Path, mart: str) -> Iterator[pa.Table]:
    """Yield the rows that dbt built for a mart in the DuckDB file of `folder`, sorted by the mart's key.

    At least one table is yielded, of at most BATCH_ROWS rows.
    """
    key = ", ".join(TABLES[mart].key)
    with contextlib.closing(_connect(folder)) as connection:
        found = connection.execute(f"SELECT * FROM {mart} ORDER BY {key}").to_arrow_reader(BATCH_ROWS)  # noqa: S608
        yield found.schema.empty_table()
        for batch in found:
            yield pa.Table.from_batches([batch])


@dataclass(frozen=True)
class FailedNode:
    """A model or test that did not succeed."""

    name: str
    """`test theme_sentiment_counts_add_up`, `model theme_sentiment`."""
    message: str
    """dbt's message."""
    rows: pa.Table | None
    """The rows that a test returned; None for a model, or a test that could not run."""


def failed_nodes(folder: Path) -> list[FailedNode]:
    """Return what failed in the run whose artifacts are in `folder`; empty if dbt did not run."""
    path = folder / "run_results.json"
    results = json.loads(path.read_text())["results"] if path.exists() else []
    found = []
    for result in results:
        if result["status"] in {"fail", "error", "runtime error"}:
            kind, _, name, *_ = result["unique_id"].split(".")
            rows = _query(folder, result["compiled_code"]) if result["status"] == "fail" else None
            found.append(FailedNode(f"{kind} {name}", str(result["message"]), rows))
    return found


def _query(folder: Path, sql: str) -> pa.Table:
    with contextlib.closing(_connect(folder)) as connection:
        return connection.execute(sql).to_arrow_table()


def _connect(folder: Path) -> duckdb.DuckDBPyConnection:
    return ConfiguredDuckDB(database=str(folder / DATABASE)).connect(read_only=True)
