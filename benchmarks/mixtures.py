"""Readers beside a writer that makes a quarter again and again: how often they see tables of two generations.

`python -m benchmarks.mixtures --connections 500` prints a row per way of reading. The writer is another process. It
rewrites every table of the quarter, step by step along the lineage of the real assets, with other rows each time; each
row carries the number of its generation. With `--real` it runs the real job instead, on calls of other firms and with
another config each time; the firms' ids tell the generation.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from benchmarks.measure import markdown

if TYPE_CHECKING:
    import duckdb

    from ftm_resources.warehouse import Warehouse

QUARTER = "2023Q1"
FIRMS, TURNS = 6, 12
"""Firms, and turns of each call, with `--real`; each generation has firms of its own."""

CALLS = 3
"""Files of calls that successive runs take in turn with `--real`."""

FIRM_IDS, TRANSCRIPT_IDS = 10**7, 10**10
"""Ids of the n-th file of calls begin at n times this number."""

Check = Callable[["duckdb.DuckDBPyConnection"], tuple[str, str]]
"""Returns the state that a connection shows, and the mixture in it; empty if there is none."""


def lineage() -> list[tuple[tuple[str, ...], tuple[str, ...]]]:
    """Return the steps of a quarter in an order in which they can run: (tables written together, tables read)."""
    from ftm_assets.definitions import defs  # noqa: PLC0415
    from ftm_resources.tables import TABLES  # noqa: PLC0415

    waiting = []
    for asset in defs.assets or ():
        tables = {k.path[-1]: [d.path[-1] for d in asset.asset_deps[k]] for k in asset.keys}  # type: ignore[union-attr]
        if not tables.keys() <= TABLES.keys():
            continue
        # dbt writes its models one by one.
        steps = [(t,) for t in tables] if "coverage" in tables else [tuple(t for t in TABLES if t in tables)]
        waiting += [
            (s, tuple(sorted({d for t in s for d in tables[t]} & TABLES.keys() - set(s)))) for s in steps
        ]
    found: list[tuple[tuple[str, ...], tuple[str, ...]]] = []
    while waiting:
        made = {t for tables, _ in found for t in tables}
        step = next(s for s in waiting if set(s[1]) <= made)
        waiting.remove(step)
        found.append(step)
    return found


def rows_of(table: str, generation: str, n: int) -> pa.Table:
    """Return n rows of a table, in each of which every free text column holds the generation."""
    from ftm_resources.tables import TABLES  # noqa: PLC0415

    columns = {}
    for column in TABLES[table].own:
        if column.values:
            value: Any = column.values[0]
        elif pa.types.is_string(column.type):
            value = generation
        elif pa.types.is_list(column.type):
            value = [generation] if pa.types.is_string(column.type.value_type) else [0.0]
        elif pa.types.is_boolean(column.type):
            value = False
        elif pa.types.is_date(column.type) or pa.types.is_timestamp(column.type):
            value = datetime(2023, 2, 1, tzinfo=UTC)
        else:
            value = max(0, column.bounds[0]) if column.bounds else 0
        columns[column.name] = pa.array([value] * n, column.type)
    return pa.table(columns)


def marker(table: str) -> str | None:
    """Return the column in which the rows of a table carry their generation; None for a table of numbers alone."""
    from ftm_resources.tables import TABLES  # noqa: PLC0415

    texts = (c.name for c in TABLES[table].own if pa.types.is_string(c.type) and not c.values)
    return next(texts, None)


def write(warehouse: Warehouse, stop: Path) -> None:
    """Make the quarter again until `stop` exists."""
    steps = lineage()
    generation = 0
    while not stop.exists():
        generation += 1
        for tables, inputs in steps:
            made = {
                "run_id": f"run {generation}",
                "inputs": {i: warehouse.quarter(i, QUARTER).provenance() for i in inputs},
                "together": list(tables) if len(tables) > 1 else [],
            }
            for table in tables:
                rows = rows_of(table, f"{generation}", generation % 5 + 1)
                warehouse.replace(table, QUARTER, [rows], provenance=made)
        print(generation, flush=True)


def other_calls(folder: Path) -> list[Path]:
    """Write the files of calls for `--real`: the sample's, each with firms and transcripts of its own."""
    import pyarrow.compute as pc  # noqa: PLC0415
    import pyarrow.parquet as pq  # noqa: PLC0415

    from ftm_resources.sources.sample.generated import SampleSource, capital_iq  # noqa: PLC0415

    files = []
    for i in range(1, CALLS + 1):
        calls = pa.concat_tables(capital_iq(c) for c in SampleSource(FIRMS, seed=i).components(QUARTER))
        calls = calls.filter(pc.less(calls.column("componentorder"), TURNS))
        for column, start in (
            ("companyid", i * FIRM_IDS),
            ("transcriptid", i * TRANSCRIPT_IDS),
            ("keydevid", i * TRANSCRIPT_IDS),
        ):
            at = calls.column_names.index(column)
            calls = calls.set_column(at, column, pc.add(calls.column(column), start))
        files.append(folder / f"calls-{i}.parquet")
        pq.write_table(calls, files[-1])
    return files


def run_for_real(
    job: Any, instance: Any, calls: Path, n: int, selection: Sequence[Any] | None = None
) -> None:
    """Run the n-th time: on these calls and with another config. RuntimeError if it fails."""
    os.environ |= {"FTM_SOURCE": "files", "FTM_SOURCE_PATH": str(calls)}
    result = job.execute_in_process(
        partition_key=QUARTER,
        instance=instance,
        run_config={
            "ops": {"firm_topics": {"config": {"sentences_per_topic": 20 + n % 5}}},
            "loggers": {"console": {"config": {"log_level": "CRITICAL"}}},
        },
        asset_selection=selection,
        raise_on_error=False,
    )
    if not result.success:
        raise RuntimeError([str(e) for e in result.all_events if e.is_failure])


def write_for_real(root: Path) -> None:
    """Run the real job on other calls each time, until `root`/stop exists."""
    import dagster as dg  # noqa: PLC0415

    from ftm_assets.definitions import QUARTER_JOB, build_definitions  # noqa: PLC0415

    job, n, files = build_definitions().resolve_job_def(QUARTER_JOB), 0, other_calls(root)
    with dg.DagsterInstance.ephemeral() as instance:
        while not (root / "stop").exists():
            run_for_real(job, instance, files[n % len(files)], n)
            n += 1
            print(n, flush=True)


@dataclass
class Row:
    """What one way of reading met."""

    way: str
    connections: int = 0
    mixtures: int = 0
    older: int = 0
    """Connections that were shown the last complete generation, with a warning."""
    generations: int = 0
    """Different states that were seen."""
    example: str = ""


def ways(folder: Path) -> dict[str, Callable[[Warehouse], duckdb.DuckDBPyConnection]]:
    """Return the ways of reading several tables; each gives a connection in which the tables read are relations."""
    from ftm_resources.tables import TABLES  # noqa: PLC0415

    everything = tuple(TABLES)
    some = ("themes", "theme_topics", "firm_topics", "sentence_topics", "topic_summaries")
    return {
        "connect(quarter)": lambda w: w.connect(quarter=QUARTER),
        "connect()": lambda w: w.connect(),
        "connect(as_of=now)": lambda w: w.connect(as_of=datetime.now(UTC)),
        "connect(themes, theme_topics)": lambda w: w.connect(
            quarter=QUARTER, tables=("themes", "theme_topics")
        ),
        "ftm themes": lambda w: w.connect(quarter=QUARTER, tables=("themes", "theme_sentiment")),
        "together": lambda w: _in_memory(w.together(QUARTER, everything)),
        "to_bertopic, ftm names": lambda w: _read_as_to_bertopic(w, some),
        "ftm export tables": lambda w: _exported(w, folder),
    }


def _in_memory(tables: Mapping[str, Any]) -> duckdb.DuckDBPyConnection:
    from ftm_resources.duck import ConfiguredDuckDB  # noqa: PLC0415

    connection = ConfiguredDuckDB().connect()
    for name, table in tables.items():
        connection.register(name, table.read())
    return connection


def _read_as_to_bertopic(warehouse: Warehouse, tables: tuple[str, ...]) -> duckdb.DuckDBPyConnection:
    from ftm_assets.orchestration.inputs import consistent  # noqa: PLC0415

    return _in_memory(consistent(warehouse, QUARTER, tables))


def _exported(warehouse: Warehouse, folder: Path) -> duckdb.DuckDBPyConnection:
    from contextlib import redirect_stdout  # noqa: PLC0415

    from ftm_assets.cli import exports  # noqa: PLC0415
    from ftm_resources.duck import ConfiguredDuckDB  # noqa: PLC0415

    os.environ["FTM_WAREHOUSE"] = warehouse.root
    with Path(os.devnull).open("w") as nowhere, redirect_stdout(nowhere):
        exports.tables(QUARTER, folder, exports.Format.parquet, None, None, force=True)
    connection = ConfiguredDuckDB().connect()
    for file in folder.glob("*.parquet"):
        connection.execute(f"CREATE VIEW {file.stem} AS FROM '{file}'")
    return connection


def marked(connection: duckdb.DuckDBPyConnection) -> tuple[str, str]:
    """Return the state seen, and a mixture of generations in it, if there is one.

    A table that is made on demand may be of an older generation, with a warning, but never of a newer one.
    """
    from ftm_resources.tables import TABLES  # noqa: PLC0415

    found: dict[str, set[str]] = {}
    for name in _relations(connection):
        if name in TABLES and (column := marker(name)):
            sql = f"SELECT DISTINCT {column} FROM {name}"  # noqa: S608 - names of tables and columns
            found[name] = {row[0] for row in connection.execute(sql).fetchall()}
    newest = max((int(g) for t, of in found.items() if not TABLES[t].is_on_demand for g in of), default=0)
    for table in [
        t for t, of in found.items() if TABLES[t].is_on_demand and all(int(g) < newest for g in of)
    ]:
        del found[table]
    seen = set().union(*found.values())
    mixed = len(seen) > 1 or (len(found) > 1 and any(not g for g in found.values()))
    return ",".join(sorted(seen)), json.dumps({t: sorted(g) for t, g in found.items()}) if mixed else ""


def identified(connection: duckdb.DuckDBPyConnection) -> tuple[str, str]:
    """Return the state seen, and the mixture of generations in it; the ids of firms and transcripts tell them.

    Themes have no such ids: their topics are counted.
    """
    from ftm_resources.tables import TABLES  # noqa: PLC0415

    def column(sql: str) -> list[Any]:
        return [row[0] for row in connection.execute(sql).fetchall()]

    names = [n for n in _relations(connection) if n in TABLES]
    found: dict[str, list[Any]] = {}
    for name in names:
        ids = {c.name for c in TABLES[name].columns}
        if "transcript_id" in ids:
            number = f"CAST(transcript_id AS BIGINT) // {TRANSCRIPT_IDS}"
        elif "firm_id" in ids:
            number = f"CAST(firm_id AS BIGINT) // {FIRM_IDS}"
        else:
            continue
        found[name] = column(f"SELECT DISTINCT {number} FROM {name} ORDER BY 1")  # noqa: S608 - names of tables
    seen = {g for generations in found.values() for g in generations}
    state = ",".join(map(str, sorted(seen)))
    if len(seen) > 1:
        return state, json.dumps(found)
    if {"themes", "theme_topics"} <= set(names):
        counted = "SELECT coalesce(sum(n_topics), 0) FROM themes", "SELECT count(theme_id) FROM theme_topics"
        themes, topics = (column(sql)[0] for sql in counted)
        state += f" {themes} topics"
        if themes != topics:
            return state, f"themes has {themes} topics, theme_topics {topics}"
    return state, ""


def _relations(connection: duckdb.DuckDBPyConnection) -> list[str]:
    return [
        row[0]
        for row in connection.execute(
            "SELECT DISTINCT view_name FROM duckdb_views() WHERE NOT internal"
        ).fetchall()
    ]


def read(warehouse: Warehouse, keep_on: Callable[[int], bool], check: Check, pause: float) -> list[Row]:
    """Open connections in turn in every way while `keep_on(number so far)`, and check what each shows."""
    from ftm_resources.warehouse import MixedGenerationsWarning  # noqa: PLC0415

    with tempfile.TemporaryDirectory() as folder:
        chosen = ways(Path(folder))
        rows = {way: Row(way) for way in chosen}
        states: dict[str, set[str]] = {way: set() for way in chosen}
        i = 0
        while keep_on(i):
            way = list(chosen)[i % len(chosen)]
            row, i = rows[way], i + 1
            with warnings.catch_warnings(record=True) as caught:
                warnings.simplefilter("always", MixedGenerationsWarning)
                connection = chosen[way](warehouse)
            with connection:
                state, mixture = check(connection)
            row.connections += 1
            row.older += any(issubclass(w.category, MixedGenerationsWarning) for w in caught)
            row.mixtures += bool(mixture)
            row.example = row.example or mixture
            states[way].add(state)
            row.generations = len(states[way])
            time.sleep(pause)
    return list(rows.values())


def measure(connections: int, *, real: bool, pause: float, root: Path) -> tuple[list[Row], int]:
    """Return a row per way of reading, and how often the quarter was made while they read."""
    from ftm_resources.warehouse import Warehouse  # noqa: PLC0415

    warehouse = Warehouse(path=str(root / "warehouse"))
    command = [sys.executable, "-m", "benchmarks.mixtures", "--write", str(root)]
    environment = os.environ | {"FTM_WAREHOUSE": warehouse.root, "OMP_NUM_THREADS": "1"}
    with (
        (root / "made").open("w") as made,
        subprocess.Popen(command + ["--real"] * real, stdout=made, env=environment) as writer,  # noqa: S603
    ):
        try:
            while not (root / "made").stat().st_size:
                if writer.poll() is not None:
                    raise RuntimeError(f"the writer ended with {writer.returncode}")
                time.sleep(0.1)
            rows = read(warehouse, lambda n: n < connections, identified if real else marked, pause)
            if writer.poll() is not None:
                raise RuntimeError(
                    f"the writer ended with {writer.returncode} before the readers had finished"
                )
        finally:
            (root / "stop").touch()
            if real:
                writer.terminate()
    return rows, len((root / "made").read_text().split())


def main() -> None:
    """Print the table, or write until told to stop."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.mixtures", description=__doc__)
    parser.add_argument("--connections", type=int, default=500)
    parser.add_argument("--real", action="store_true", help="the writer runs the real job on the sample")
    parser.add_argument("--pause", type=float, default=0.0, help="seconds between two connections")
    parser.add_argument("--json", action="store_true", help="print JSON instead of a table")
    parser.add_argument("--write", metavar="FOLDER", help=argparse.SUPPRESS)
    parser.add_argument("--read", metavar="FOLDER", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.write:
        from ftm_resources.warehouse import Warehouse  # noqa: PLC0415

        if options.real:
            write_for_real(Path(options.write))
        else:
            write(Warehouse(), Path(options.write) / "stop")
        return
    if options.read:
        from ftm_resources.warehouse import Warehouse  # noqa: PLC0415

        stop = Path(options.read) / "stop"
        rows = read(Warehouse(), lambda _: not stop.exists(), identified, options.pause)
        print(json.dumps([row.__dict__ for row in rows]))
        return
    with tempfile.TemporaryDirectory() as root:
        rows, n = measure(options.connections, real=options.real, pause=options.pause, root=Path(root))
    if options.json:
        print(json.dumps([row.__dict__ for row in rows]))
        return
    print(markdown([row.__dict__ for row in rows]))
    print(
        f"\n{sum(r.connections for r in rows)} connections while the quarter was made {n} times: "
        f"{sum(r.mixtures for r in rows)} mixtures."
    )


if __name__ == "__main__":
    main()
