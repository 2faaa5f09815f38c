"""`ftm export panel`: the panels of several quarters, one file each, with a codebook."""

from __future__ import annotations

from contextlib import ExitStack
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ftm_assets.cli import arguments, failing, screen
from ftm_assets.cli.arguments import AsOf
from ftm_assets.cli.codebook import QUARTER_COLUMNS, label, write_codebook
from ftm_assets.cli.csv_cells import cell
from ftm_assets.cli.failing import CommandError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    import pyarrow as pa

    from ftm_assets.cli.exported_state import ExportedState
    from ftm_assets.cli.stata_files import Variable
    from ftm_resources.warehouse import Warehouse

    Write = Callable[[pa.Table], None]

commands = typer.Typer()

BATCH_ROWS = 50_000
CODEBOOK = "codebook.md"


class Format(StrEnum):
    """File formats of statistical programs."""

    parquet = "parquet"
    csv = "csv"
    dta = "dta"


class Grain(StrEnum):
    """What a row is, besides a series and a quarter."""

    firm = "firm"
    call = "call"
    theme = "theme"
    pinned_firm = "pinned-firm"
    pinned_call = "pinned-call"


_TABLES = {
    Grain.firm: "firm_theme_panel",
    Grain.call: "call_theme_panel",
    Grain.theme: "theme_panel",
    Grain.pinned_firm: "firm_pinned_panel",
    Grain.pinned_call: "call_pinned_panel",
}
_DEFAULT = (Grain.firm, Grain.call, Grain.theme)
MIXED = "mixed"
"""What the name of a file ends in whose rows are of mixed generations."""


@commands.command()
def panel(
    out: Annotated[Path, typer.Option("--out", "-o", metavar="FOLDER", help="Folder to write to.")],
    format_: Annotated[
        Format,
        typer.Option(
            "--format",
            "-f",
            help="dta: Stata 14 or newer, with variable labels, dates as %td, times as %tc and quarters as %tq. CSV "
            "puts an apostrophe before texts that a spreadsheet would run as a formula.",
        ),
    ] = Format.parquet,
    first: Annotated[
        str | None,
        typer.Option(
            "--from",
            metavar="QUARTER",
            help="First quarter. Default: the first that is stored.",
            callback=arguments.quarter_key,
        ),
    ] = None,
    last: Annotated[
        str | None,
        typer.Option(
            "--to",
            metavar="QUARTER",
            help="Last quarter. Default: the last that is stored.",
            callback=arguments.quarter_key,
        ),
    ] = None,
    of: Annotated[
        list[Grain] | None,
        typer.Option(
            "--of",
            help="Which panels to write; may be given several times. Default: firm, call and theme. pinned-firm and "
            "pinned-call are those of FTM_PINNED_THEMES.",
        ),
    ] = None,
    as_of: AsOf = None,
    skip_missing: Annotated[
        bool,
        typer.Option(
            "--skip-missing",
            help="Write what there is, though quarters between --from and --to are not stored.",
        ),
    ] = False,
    force: Annotated[bool, typer.Option("--force", help="Replace existing files.")] = False,
) -> None:
    """Write the panels of firms, calls and themes by quarter to a folder, one file each, with codebook.md.

    Quarters are read and written one after the other, so memory does not grow with their number. A quarter whose panel
    was never made stops the command: a panel with a quarter missing is a selection. So does a quarter of the range
    that is not stored at all, and one whose panel was made from other rows of the quarters before than there are, or
    were as of the tag or day.
    """
    from ftm_assets.cli.exported_state import ExportedState

    chosen = tuple(_TABLES[grain] for grain in dict.fromkeys(of or _DEFAULT))
    taken = [f for t in chosen for f in _names(out, t, format_) if f.exists()]
    if (found := [str(f) for f in (*taken, out / CODEBOOK) if f.exists()]) and not force:
        raise CommandError(
            f"already there: {', '.join(found)}. Choose another folder, or replace files with --force."
        )
    warehouse = arguments.warehouse()
    state = ExportedState(warehouse, as_of)
    quarters, absent = _quarters(warehouse, first, last, state, skip_missing=skip_missing)
    state.require(quarters, chosen)
    mixed = _mixed(state, chosen, quarters)
    files = {t: _names(out, t, format_)[t in mixed] for t in chosen}
    out.mkdir(parents=True, exist_ok=True)
    counts = dict.fromkeys(chosen, 0)
    with ExitStack() as stack:
        writers = {
            t: _writer(stack, warehouse, t, files[t], format_, quarters, as_of, mixed.get(t, ()))
            for t in chosen
        }
        for quarter in quarters:
            for table, write in writers.items():
                for rows in _rows(warehouse, table, quarter, format_, as_of):
                    write(rows)
                    counts[table] += rows.num_rows
        state.require_unchanged(quarters, chosen)
    for file in set(taken) - set(files.values()):
        file.unlink()
    described = state.described(quarters, chosen)
    warnings = [line for table in chosen for line in mixed.get(table, ())]
    warnings += [_absent(absent)] if absent else []
    write_codebook(
        chosen,
        out / CODEBOOK,
        quarters=quarters,
        is_stata=format_ is Format.dta,
        state=described,
        warnings=warnings,
    )
    for table, n in counts.items():
        typer.echo(f"{n:>12,} rows  {files[table]}")
    typer.echo(
        f"{screen.count(len(quarters), 'quarter')}: {quarters[0]} to {quarters[-1]}. Every column is documented in "
        f"{out / CODEBOOK}."
    )
    for warning in warnings:
        failing.tell(warning)


def _names(out: Path, table: str, format_: Format) -> tuple[Path, Path]:
    """Return the file of a table, and the one whose rows are of mixed generations."""
    return out / f"{table}.{format_.value}", out / f"{table}_{MIXED}.{format_.value}"


def _quarters(
    warehouse: Warehouse, first: str | None, last: str | None, state: ExportedState, *, skip_missing: bool
) -> tuple[list[str], list[str]]:
    """Return the stored quarters from first to last, and those between that are not stored.

    CommandError if there is none, or if one of the range that was asked for is not stored and may not be skipped.
    """
    from ftm_resources.quarters import between

    stored = state.quarters()
    wanted = [q for q in stored if (first or q) <= q <= (last or q)]
    if not wanted:
        raise CommandError(
            f"no quarter from {first or 'the first'} to {last or 'the last'} in {warehouse.root}; it holds "
            f"{', '.join(stored) or 'none'}."
        )
    absent = [q for q in between(first or wanted[0], last or wanted[-1]) if q not in wanted]
    if absent and (first or last) and not skip_missing:
        raise CommandError(f"{_absent(absent)} To write the others, add --skip-missing.")
    return wanted, absent


def _absent(quarters: list[str]) -> str:
    return f"Not stored, so not in these panels: {', '.join(quarters)}."


def _mixed(state: ExportedState, chosen: tuple[str, ...], quarters: list[str]) -> dict[str, list[str]]:
    """Return, of each panel that was made from other rows than the state has, what a reader must be told.

    A series may have another id in the quarters after one that was linked again, so such quarters do not go together:
    CommandError, unless mixed generations are allowed.
    """
    from ftm_resources import settings

    problems = state.mixtures(quarters, chosen)
    if not problems:
        return {}
    if settings.current().ftm_allow_mixed_generations:
        told: dict[str, list[str]] = {}
        for quarter, found in problems.items():
            for mixture in found:
                told.setdefault(mixture.table, []).append(
                    f"MIXED GENERATIONS, allowed: {quarter}: {mixture}."
                )
        return told
    lines = [f"- {quarter}: {'; '.join(map(str, mixed))}" for quarter, mixed in problems.items()]
    first = next(iter(problems))
    if state.as_of is None:
        again = ", ".join(state.to_materialize(first, chosen, problems[first]))
        title, advice = "", f"Materialize {again} of {first} first, then the other quarters in order"
    else:
        title, advice = f" as of {state.as_of}", "Choose a tag or a time at which they go together"
    raise CommandError(
        "\n".join([f"panels of these quarters are outdated{title}:", *lines])
        + f"\n{advice}. To write them as they are, in files whose names end in _{MIXED}, set "
        "FTM_ALLOW_MIXED_GENERATIONS=true."
    )


def _rows(
    warehouse: Warehouse, table: str, quarter: str, format_: Format, as_of: str | None
) -> Iterator[pa.Table]:
    """Yield a quarter's rows in the order of the key."""
    import pyarrow as pa

    from ftm_resources.tables import TABLES

    columns = ", ".join(cell(table, c.name, as_csv=format_ is Format.csv) for c in TABLES[table].columns)
    key = ", ".join(f'"{c}"' for c in TABLES[table].key)
    with warehouse.connect(quarter=quarter, tables=[table], as_of=as_of, newest=True) as db:
        found = db.execute(f'SELECT {columns} FROM "{table}" ORDER BY {key}').to_arrow_reader(BATCH_ROWS)  # noqa: S608
        for batch in found:
            yield pa.Table.from_batches([batch])


def _writer(
    stack: ExitStack,
    warehouse: Warehouse,
    table: str,
    file: Path,
    format_: Format,
    quarters: list[str],
    as_of: str | None,
    mixed: Sequence[str],
) -> Write:
    """Return what writes rows to a file, which appears once the stack ends without an error.

    `mixed` is what the file says of its rows, where its format can: of CSV, the name alone does.
    """
    import pyarrow as pa
    from pyarrow import csv, parquet

    from ftm_resources.replaced_file import replaced
    from ftm_resources.tables import TABLES

    partial = stack.enter_context(replaced(file))
    schema: pa.Schema = TABLES[table].arrow_schema
    if format_ is Format.parquet:
        described = pa.schema(
            [f.with_metadata({"doc": c.doc}) for f, c in zip(schema, TABLES[table].columns, strict=True)],
            metadata={"mixed_generations": "\n".join(mixed)} if mixed else None,
        )
        out = stack.enter_context(parquet.ParquetWriter(partial, described, compression="zstd"))
        return lambda rows: out.write_table(rows.cast(described))
    if format_ is Format.csv:
        sheet = stack.enter_context(csv.CSVWriter(partial, schema))
        return lambda rows: sheet.write_table(rows.cast(schema))
    from ftm_assets.cli.stata_files import StataFile

    variables, n_rows = _variables(warehouse, table, quarters, as_of)
    title = f"{'MIXED GENERATIONS: ' if mixed else ''}FTM {table} {quarters[0]}-{quarters[-1]}"
    stata = stack.enter_context(StataFile(partial, variables, n_rows, label=title, notes=mixed))

    def write(rows: pa.Table) -> None:
        try:
            stata.write(rows)
        except ValueError as error:
            raise CommandError(
                f"{table} was replaced while it was read ({error}): run the command again."
            ) from error

    return write


def _variables(
    warehouse: Warehouse, table: str, quarters: list[str], as_of: str | None
) -> tuple[list[Variable], int]:
    """Return a table's variables, as wide as the rows of these quarters need, and the number of rows."""
    import pyarrow as pa

    from ftm_assets.cli.stata_files import quarter_variable, variable
    from ftm_resources.tables import TABLES

    schema = TABLES[table].arrow_schema
    sizes = [
        f'max(strlen("{f.name}"))'
        if pa.types.is_string(f.type)
        else f'max(abs("{f.name}"))'
        if pa.types.is_integer(f.type)
        else "0"
        for f in schema
    ]
    most, n_rows = [0] * len(schema), 0
    for quarter in quarters:
        with warehouse.connect(quarter=quarter, tables=[table], as_of=as_of, newest=True) as db:
            n, *found = db.execute(f'SELECT count(*), {", ".join(sizes)} FROM "{table}"').fetchone() or (0,)  # noqa: S608
        n_rows += n
        most = [max(a, b or 0) for a, b in zip(most, found or most, strict=True)]
    variables = [
        quarter_variable(c.name, label(c.doc), note=c.doc)
        if c.name in QUARTER_COLUMNS
        else variable(c.name, label(c.doc), c.type, longest=size, greatest=size, note=c.doc)
        for c, size in zip(TABLES[table].columns, most, strict=True)
    ]
    return variables, n_rows
