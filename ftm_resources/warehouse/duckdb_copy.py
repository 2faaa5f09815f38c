"""One DuckDB file with copies of the tables, for programs that do not speak Python: DuckDB's own, DBeaver, R, Tableau.

What belongs here: what the file holds, and how it is brought up to date. It refers to nothing outside itself, so it may
be moved or sent; readers lock writers out, so it is never changed in place but replaced by renaming another over it.
"""

from __future__ import annotations

import hashlib
import re
import shutil
from contextlib import closing
from dataclasses import dataclass
from typing import TYPE_CHECKING

import duckdb

from ftm_resources.duck import ConfiguredDuckDB, literal
from ftm_resources.locks import held
from ftm_resources.replaced_file import replaced
from ftm_resources.tables import PARTITION, TABLES
from ftm_resources.warehouse.errors import WarehouseError, mixtures_told
from ftm_resources.warehouse.views import create_joined_views, open_connection

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence
    from pathlib import Path

    from ftm_resources.warehouse.warehouse import Warehouse

STATE = "ftm_copied"
"""The table that says what was copied, and from which data files."""

_QUARTER = re.compile(rf"/{PARTITION}=([^/]+)/")


WARNINGS = "ftm_warnings"
"""The table that says which quarters do not go together."""


@dataclass(frozen=True)
class Copied:
    """What was done for a table."""

    table: str
    rows: int
    """In the file now."""
    quarters_copied: int
    """Quarters that were new or had changed."""


def write_duckdb(
    warehouse: Warehouse,
    to: Path,
    *,
    tables: Iterable[str] = tuple(TABLES),
    with_embeddings: bool = False,
    allows_mixed: bool = False,
    progress: Callable[[str], None] | None = None,
) -> list[Copied]:
    """Write the warehouse's tables to a DuckDB file, with the joined views; return what was copied, by table.

    Each quarter is of one generation, as `Warehouse.connect` shows it. Where that is not the newest, series of two
    quarters may not be the same though their ids are: the file is then refused, or with `allows_mixed` written with the
    warnings in its table WARNINGS. If the file is there, only quarters whose data files changed are copied, and those
    that are gone are removed. `progress` is told each table before it is copied.

    Raises
    ------
    WarehouseError
        If there is no warehouse, `to` is inside it, `to` is a file that this function did not write, or a quarter is of
        mixed generations.

    """
    names = [name for name in TABLES if name in set(tables)]
    target = to.expanduser().absolute()
    if not warehouse.location.is_s3 and target.is_relative_to(warehouse.root):
        raise WarehouseError(f"{target} is inside the warehouse; choose another place")
    with held(target.with_name(f".{target.name}.lock"), f"the right to write {target}"):
        with mixtures_told() as mixed:
            files, grown = warehouse.shown_files(names)
        if mixed and not allows_mixed:
            raise WarehouseError(
                f"{target} is not written, as quarters do not go together. {' '.join(mixed)} To copy what connect() "
                "shows all the same, allow mixed generations."
            )
        made_as = _stamp(names, with_embeddings=with_embeddings)
        before = _state(target, made_as) if target.exists() else {}
        with (
            replaced(target) as partial,
            closing(open_connection(files, grown=grown, on_s3=warehouse.location.is_s3)) as db,
        ):
            if before:
                shutil.copyfile(target, partial)
            db.execute(f"ATTACH {literal(str(partial))} AS file")
            done = []
            for name in names:
                if progress:
                    progress(name)
                done.append(_copy(db, name, files[name], before, with_embeddings=with_embeddings))
            # In the file, views name no database: it may be attached under any name.
            db.execute("USE file")
            create_joined_views(db, names)
            _record(db, files, made_as, mixed)
            db.execute("USE memory")
            db.execute("DETACH file")
    return done


def _copy(
    db: duckdb.DuckDBPyConnection,
    name: str,
    files: Sequence[str],
    before: Mapping[tuple[str, str], str],
    *,
    with_embeddings: bool,
) -> Copied:
    """Bring a table of the file up to date from the view of the same name."""
    contract = TABLES[name]
    kept = [c for c in contract.columns if with_embeddings or c.name != "embedding"]
    columns = ", ".join(f'"{c.name}"' for c in kept)
    if not before:
        db.execute(f'CREATE TABLE file."{name}" AS SELECT {columns} FROM memory."{name}" LIMIT 0')  # noqa: S608 - from contracts
        db.execute(f'COMMENT ON TABLE file."{name}" IS {literal(contract.doc)}')
        for column in kept:
            db.execute(f'COMMENT ON COLUMN file."{name}"."{column.name}" IS {literal(column.doc)}')
    now = {quarter: _print(of) for quarter, of in _by_quarter(files).items()}
    was = {quarter: known for (table, quarter), known in before.items() if table == name}
    changed = sorted(q for q in now if now[q] != was.get(q))
    for quarter in sorted({*changed, *(q for q in was if q not in now)} & set(was)):
        db.execute(f'DELETE FROM file."{name}" WHERE quarter = ?', [quarter])  # noqa: S608 - from contracts
    key = ", ".join(f'"{c}"' for c in contract.key)
    for quarter in changed:
        # One quarter at a time: sorting spills to disk rather than holding all of them.
        db.execute(
            f'INSERT INTO file."{name}" SELECT {columns} FROM memory."{name}" WHERE quarter = ? ORDER BY {key}',  # noqa: S608 - from contracts
            [quarter],
        )
    rows = db.execute(f'SELECT count(*) FROM file."{name}"').fetchone() or (0,)  # noqa: S608 - from contracts
    return Copied(name, rows[0], len(changed))


def _record(
    db: duckdb.DuckDBPyConnection, files: Mapping[str, Sequence[str]], made_as: str, mixed: Sequence[str]
) -> None:
    """Write what the file holds, for the next refresh and for whoever is sent the file."""
    db.execute(
        f"CREATE OR REPLACE TABLE file.{STATE} "
        "(table_name VARCHAR, quarter VARCHAR, data_files VARCHAR, copied_at TIMESTAMPTZ, made_as VARCHAR)"
    )
    rows = [(n, q, _print(of), made_as) for n, all_ in files.items() for q, of in _by_quarter(all_).items()]
    if rows:
        db.executemany(f"INSERT INTO file.{STATE} VALUES (?, ?, ?, now(), ?)", rows)  # noqa: S608 - our own name
    db.execute(
        f"COMMENT ON TABLE file.{STATE} IS 'What was copied: a hash of the names of the data files of each table and "
        "quarter, and when'"
    )
    db.execute(f"CREATE OR REPLACE TABLE file.{WARNINGS} (said VARCHAR)")
    if mixed:
        db.executemany(f"INSERT INTO file.{WARNINGS} VALUES (?)", [[said] for said in mixed])  # noqa: S608 - our own name
    db.execute(
        f"COMMENT ON TABLE file.{WARNINGS} IS 'Quarters that were of mixed generations when they were copied; empty is "
        "as it should be'"
    )


def _state(target: Path, made_as: str) -> dict[tuple[str, str], str]:
    """Return (table, quarter) → hash of its data files, as the file holds them; {} if all must be copied again.

    Raises WarehouseError if it is another program's file.
    """
    try:
        with closing(ConfiguredDuckDB().connect()) as db:
            # Attached, so that a notebook of this process may have the file open with other settings.
            db.execute(f"ATTACH {literal(str(target))} AS file (READ_ONLY)")
            rows = db.execute(f"SELECT table_name, quarter, data_files, made_as FROM file.{STATE}").fetchall()  # noqa: S608 - our own name
    except duckdb.Error as error:
        raise WarehouseError(
            f"{target} exists and is not a file that `ftm duckdb` wrote, so it is kept ({error}); choose another name"
        ) from error
    return {} if any(as_ != made_as for *_, as_ in rows) else {(t, q): of for t, q, of, _ in rows}


def _stamp(names: Sequence[str], *, with_embeddings: bool) -> str:
    """Return a hash of the form of the file: a file of another form is written anew."""
    columns = {n: [(c.name, str(c.type), c.doc) for c in TABLES[n].columns] for n in names}
    form = (columns, with_embeddings)
    return hashlib.sha256(repr(form).encode()).hexdigest()


def _by_quarter(files: Sequence[str]) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for uri in files:
        quarter = _QUARTER.search(uri)
        if quarter is None:
            raise WarehouseError(f"{uri} is not in the folder of a quarter")
        found.setdefault(quarter[1], []).append(uri)
    return found


def _print(files: Sequence[str]) -> str:
    """Return a hash of the names of data files, which are never written twice; a moved warehouse has the same."""
    names = sorted(uri.rpartition("/")[2] for uri in files)
    return hashlib.sha256("\n".join(names).encode()).hexdigest()
