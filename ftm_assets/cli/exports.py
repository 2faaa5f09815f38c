"""`ftm export`: tables of a quarter, calls from WRDS, panels (`panel_export`) as files; `ftm duckdb`: all in one."""

from __future__ import annotations

from collections import Counter
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ftm_assets.cli import arguments, panel_export, screen
from ftm_assets.cli.arguments import AsOf, Quarter
from ftm_assets.cli.csv_cells import cell
from ftm_assets.cli.failing import CommandError

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

commands = typer.Typer()

group = typer.Typer(no_args_is_help=True, help="Write tables, or calls from WRDS, to files.")
commands.add_typer(group, name="export", rich_help_panel="Read")
group.add_typer(panel_export.commands)


class Format(StrEnum):
    """File formats that other programs read."""

    parquet = "parquet"
    csv = "csv"


@group.command()
def tables(
    quarter: Quarter,
    out: Annotated[Path, typer.Option("--out", "-o", metavar="FOLDER", help="Folder to write to.")],
    format_: Annotated[
        Format,
        typer.Option(
            "--format",
            "-f",
            help="CSV leaves out embeddings, writes lists as JSON, and puts an apostrophe before texts that a "
            "spreadsheet would run as a formula.",
        ),
    ] = Format.parquet,
    table: Annotated[
        list[str] | None,
        typer.Option(
            "--table",
            "-t",
            metavar="TABLE",
            help="Table to write; may be given several times. Default: all.",
            autocompletion=arguments.known_tables,
        ),
    ] = None,
    as_of: AsOf = None,
    force: Annotated[bool, typer.Option("--force", help="Replace existing files.")] = False,
) -> None:
    """Write a quarter's tables to a folder, one file each, with columns.csv, which documents every column."""
    chosen = tuple(arguments.table_name(t) for t in table) if table else tuple(_all_tables())
    files = {t: out / f"{t}.{format_.value}" for t in chosen}
    taken = [str(f) for f in files.values() if f.exists()]
    if taken and not force:
        raise CommandError(
            f"already there: {', '.join(taken)}. Choose another folder, or replace files with --force."
        )
    warehouse = arguments.warehouse()
    arguments.require_state(warehouse, quarter, chosen, as_of)
    with warehouse.connect(quarter=quarter, tables=chosen, as_of=as_of) as db:
        counts = {t: (db.execute(f'SELECT count(*) FROM "{t}"').fetchone() or (0,))[0] for t in chosen}  # noqa: S608
        if not any(counts.values()):
            raise warehouse.no_such_quarter(quarter)
        out.mkdir(parents=True, exist_ok=True)
        for name, file in files.items():
            _write(db, name, file, format_)
    _write_columns(chosen, out / "columns.csv", format_)
    for name, n in counts.items():
        typer.echo(f"{n:>12,} rows  {files[name]}")


def _all_tables() -> list[str]:
    from ftm_resources.tables import TABLES

    return list(TABLES)


def _written_columns(table: str, format_: Format) -> list[str]:
    from ftm_resources.tables import TABLES

    return [c.name for c in TABLES[table].columns if format_ is Format.parquet or c.name != "embedding"]


def _write(db: DuckDBPyConnection, table: str, file: Path, format_: Format) -> None:
    """Write a table's rows in the order of its key; the file appears once it is complete."""
    from ftm_resources.duck import literal
    from ftm_resources.replaced_file import replaced
    from ftm_resources.tables import TABLES

    columns = ", ".join(
        cell(table, c, as_csv=format_ is Format.csv) for c in _written_columns(table, format_)
    )
    key = ", ".join(f'"{c}"' for c in TABLES[table].key)
    options = "FORMAT parquet, COMPRESSION zstd" if format_ is Format.parquet else "FORMAT csv, HEADER"
    with replaced(file) as partial:
        target = literal(str(partial))
        db.execute(f'COPY (SELECT {columns} FROM "{table}" ORDER BY {key}) TO {target} ({options})')  # noqa: S608


def _write_columns(tables: tuple[str, ...], file: Path, format_: Format) -> None:
    import csv

    from ftm_resources.tables import TABLES

    with file.open("w", newline="", encoding="utf-8") as out:
        writer = csv.writer(out)
        writer.writerow(["table", "column", "type", "nullable", "meaning"])
        for t in tables:
            written = _written_columns(t, format_)
            for c in TABLES[t].columns:
                if c.name in written:
                    kind = TABLES[t].arrow_schema.field(c.name).type
                    writer.writerow([t, c.name, kind, str(c.nullable).lower(), c.doc])


@commands.command(rich_help_panel="Read")
def duckdb(
    to: Annotated[
        Path, typer.Option("--to", metavar="FILE", help="File to write, or to bring up to date.")
    ] = Path("ftm.duckdb"),
    with_embeddings: Annotated[
        bool, typer.Option("--with-embeddings", help="Copy embeddings too; the file is ten times as large.")
    ] = False,
    allow_mixed: Annotated[
        bool,
        typer.Option(
            "--allow-mixed",
            help="Copy quarters of mixed generations as connect() shows them; the table ftm_warnings names them.",
        ),
    ] = False,
) -> None:
    """Write all tables of all quarters to one DuckDB file, with the views topics, theme_evidence and sentiment_ready.

    DuckDB's own shell, DBeaver, R, Tableau and Stata (by ODBC) open it without FTM. It refers to nothing outside
    itself. The same command again copies only what changed; programs that have the file open keep what they see until
    they open it again. FTM_DUCKDB_FILE refreshes a file after each quarter.
    """
    from ftm_resources.warehouse.duckdb_copy import write_duckdb

    done = write_duckdb(
        arguments.warehouse(),
        to,
        with_embeddings=with_embeddings,
        allows_mixed=allow_mixed,
        progress=lambda name: typer.echo(name, err=True),
    )
    rows = sum(c.rows for c in done)
    copied = sum(c.quarters_copied for c in done)
    changed = f"{screen.count(copied, 'quarter')} of tables copied" if copied else "nothing had changed"
    typer.echo(
        f"{to}: {screen.count(rows, 'row')} in {screen.count(len(done), 'table')}, "
        f"{screen.size(to.expanduser().stat().st_size)}; {changed}."
    )


@group.command()
def transcripts(
    quarter: Annotated[
        str,
        typer.Option(
            "--quarter",
            "-q",
            metavar="QUARTER",
            help="Calendar quarter of the calls, e.g. 2023Q1.",
            callback=arguments.quarter_key,
        ),
    ],
    out: Annotated[
        Path, typer.Option("--out", "-o", metavar="FILE", help="File to write: .parquet, .csv or .csv.gz.")
    ],
    keep_unlinked: Annotated[
        bool,
        typer.Option("--keep-unlinked", help="Keep calls of firms without a PERMNO on the day of the call."),
    ] = False,
) -> None:
    """Write a quarter of Capital IQ's calls from WRDS to a file.

    `ftm run --calls FILE` gives the same ids and results as WRDS itself. Capital IQ's licence
    applies to the file too.
    """
    import pyarrow.compute as pc

    from ftm_resources.sources.wrds.capital_iq import CapitalIqSource
    from ftm_resources.sources.wrds.export import export

    source = CapitalIqSource(require_permno=not keep_unlinked)
    n = export(source, quarter, out)
    audit = source.audit()
    lost = Counter(audit.filter(pc.field("status") != "kept").column("status").to_pylist())
    left_out = ", ".join(f"{count} {status}" for status, count in sorted(lost.items())) or "none"
    if not n:
        raise CommandError(f"WRDS has no usable calls in {quarter}. Left out: {left_out}.")
    typer.echo(f"Wrote {screen.count(n, 'turn')} to {out}. Transcripts left out: {left_out}.")
