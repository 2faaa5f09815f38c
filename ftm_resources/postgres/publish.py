"""Copying quarters of the warehouse into PostgreSQL: each in one transaction, beside what readers see until then."""

from __future__ import annotations

import hashlib
import json
import warnings
from contextlib import closing
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ftm_resources.postgres.database import PublishError, take_turn
from ftm_resources.postgres.layout import EMBEDDING, LAYOUT, MAX_INDEXED, READ, STATE, Published, Vectors
from ftm_resources.quarters import parse
from ftm_resources.warehouse import MixedGenerationsWarning, WarehouseError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    import duckdb
    import psycopg
    import pyarrow as pa

    from ftm_resources.warehouse import QuarterTable, Warehouse

BATCH_ROWS = 10_000
"""Rows that are held at once."""

_TRIES = 3
"""How often the tables of a quarter are looked at while a run is replacing them."""


@dataclass(frozen=True)
class Loaded:
    """What became of a quarter."""

    quarter: str
    rows: Mapping[str, int]
    """Table → rows in the copy."""
    dimension: int
    """Of the vectors."""
    is_indexed: bool
    """Whether the vectors have an HNSW index; without one, search compares all of them."""
    is_unchanged: bool
    """Whether the copy held these rows already."""


def publish(
    warehouse: Warehouse,
    quarter: str,
    connection: psycopg.Connection[tuple[Any, ...]],
    *,
    schema: str = "ftm",
    vectors: Vectors = "halfvec",
    allows_mixed: bool = False,
    progress: Callable[[str], None] | None = None,
) -> Loaded:
    """Replace a quarter of the copy in `schema` with the warehouse's, in one transaction; other quarters stay.

    Nothing is copied if the copy was made of the same rows. Until the transaction ends readers see the old rows; they
    wait only while the loaded tables take the old ones' place. `progress` is told each table. Texts lose NUL
    characters, which PostgreSQL cannot hold.

    Raises
    ------
    WarehouseError
        If there is no such quarter, or its tables are of mixed generations; with `allows_mixed`, its last complete
        generation is copied.
    PublishError
        If the quarter has no embeddings, or the schema holds other tables, or quarters with vectors of another type,
        dimension or model.

    """
    quarter, say = parse(quarter), progress or (lambda _: None)
    found, db = _one_state(warehouse, quarter, allows_mixed=allows_mixed)
    with closing(db), connection.transaction():
        made_by = _model(warehouse, quarter)
        dimension = _dimension(db, quarter)
        copy = _Copy(connection, schema, quarter, f"{vectors}({dimension})")
        copy.prepare()
        copy.require_one_model(made_by)
        is_indexed = dimension <= MAX_INDEXED[vectors]
        stamp = _stamp(found, copy.type)
        if (rows := copy.rows_if(stamp)) is not None:
            return Loaded(quarter, rows, dimension, is_indexed, is_unchanged=True)
        rows = {}
        for table in LAYOUT:
            say(f"{table.name} {quarter}")
            rows[table.name] = copy.load(table, db)
            copy.index(table, f"{vectors}_cosine_ops" if is_indexed and table.has_vectors else None)
        say(f"{quarter} takes its place")
        copy.swap()
        copy.note(stamp, made_by, rows)
    for table in LAYOUT:
        connection.execute(copy.sql("ANALYZE {}", copy.parent(table.name)))
    return Loaded(quarter, rows, dimension, is_indexed, is_unchanged=False)


def _one_state(
    warehouse: Warehouse, quarter: str, *, allows_mixed: bool
) -> tuple[dict[str, QuarterTable], duckdb.DuckDBPyConnection]:
    """Return the quarter's tables, of one generation, and a connection that shows exactly these."""
    for _ in range(_TRIES):
        with warnings.catch_warnings(record=True) as told:
            warnings.simplefilter("always", MixedGenerationsWarning)
            before = warehouse.together(quarter, READ)
            db = warehouse.connect(quarter=quarter, tables=READ)
            after = warehouse.together(quarter, READ)
        mixed = [str(w.message) for w in told if issubclass(w.category, MixedGenerationsWarning)]
        if mixed and not allows_mixed:
            db.close()
            raise WarehouseError(
                f"{quarter} is not published. {mixed[0]} To publish its last complete generation all the same, allow "
                "mixed generations."
            )
        if before == after:
            if absent := [name for name, table in after.items() if not table.is_written]:
                db.close()
                raise WarehouseError(
                    f"{quarter} is not published: it has no {', '.join(absent)}. Materialize what is missing."
                )
            return after, db
        db.close()
    raise PublishError(f"{quarter} is being made again: publish it once the run has ended")


def _model(warehouse: Warehouse, quarter: str) -> str:
    """Return the embedding model that made the quarter, as recorded; "" if that was not recorded."""
    models = warehouse.provenance("sentence_embeddings", quarter).get("models") or {}
    embedder = (json.loads(models) if isinstance(models, str) else models).get("embedder", {})
    return str(embedder.get("model", ""))


def _dimension(db: duckdb.DuckDBPyConnection, quarter: str) -> int:
    # One row of each: the database refuses any of another length.
    sql = "SELECT len(embedding) FROM {} WHERE embedding IS NOT NULL LIMIT 1"
    tables = ("sentence_embeddings", "topic_summaries", "themes")
    found = {row[0] for table in tables for row in db.execute(sql.format(table)).fetchall()}
    if len(found) != 1:
        has = f"embeddings of {sorted(found)} dimensions" if found else "no embeddings"
        raise PublishError(f"{quarter} cannot be published: it has {has}")
    return int(found.pop())


def _stamp(tables: Mapping[str, QuarterTable], vectors: str) -> str:
    """Return what tells a copy of these rows, in this layout, from any other."""
    layout = [(t.name, dict(t.columns), t.query, dict(t.references), t.indexed) for t in LAYOUT]
    contents = sorted((name, table.content) for name, table in tables.items())
    return hashlib.sha256(repr((contents, vectors, layout)).encode()).hexdigest()


class _Copy:
    """The copy of one quarter, within a transaction."""

    def __init__(
        self, connection: psycopg.Connection[tuple[Any, ...]], schema: str, quarter: str, type_: str
    ) -> None:
        self.connection, self.schema, self.quarter, self.type = connection, schema, quarter, type_

    def sql(self, text: str, *names: tuple[str, ...] | str) -> Any:
        """Return a statement with quoted names in the place of `{}`."""
        from psycopg import sql  # noqa: PLC0415 - an extra

        # Statements are constants; what varies are names, which are quoted, and values, which are parameters.
        return sql.SQL(text).format(*(sql.Identifier(*((n,) if isinstance(n, str) else n)) for n in names))

    def parent(self, table: str) -> tuple[str, str]:
        return self.schema, table

    def partition(self, table: str) -> tuple[str, str]:
        return self.schema, f"{table}_{self.quarter.lower()}"

    def loading(self, table: str) -> tuple[str, str]:
        return self.schema, f"{table}_{self.quarter.lower()}_loading"

    def prepare(self) -> None:
        """Take the turn; create the schema and the partitioned tables if they are not there."""
        take_turn(self.connection)
        self.connection.execute(self.sql("CREATE SCHEMA IF NOT EXISTS {}", self.schema))
        self.connection.execute(
            self.sql(
                "CREATE TABLE IF NOT EXISTS {} (quarter text PRIMARY KEY, stamp text NOT NULL, model text NOT NULL, "
                "n_rows jsonb NOT NULL, published_at timestamptz NOT NULL DEFAULT now())",
                self.parent(STATE),
            )
        )
        for table in LAYOUT:
            self._require_own(table)
            self._create(table)

    def _create(self, table: Published) -> None:
        columns = [f'"{name}" {type_}' for name, type_ in table.columns.items()]
        if table.has_vectors:
            columns.append(f"{EMBEDDING} {self.type}")
        columns += ["quarter text NOT NULL", f"PRIMARY KEY (quarter, {table.key})"]
        names: list[tuple[str, ...] | str] = [self.parent(table.name)]
        for column, other in table.references.items():
            columns.append(f"FOREIGN KEY (quarter, {column}) REFERENCES {{}}")
            names.append(self.parent(other))
        self.connection.execute(
            self.sql(
                f"CREATE TABLE IF NOT EXISTS {{}} ({', '.join(columns)}) PARTITION BY LIST (quarter)", *names
            )
        )
        for column in table.indexed:
            index = f"{table.name}_{column}"
            self.connection.execute(
                self.sql(
                    f"CREATE INDEX IF NOT EXISTS {{}} ON {{}} ({column})", index, self.parent(table.name)
                )
            )
        self._comment(table)

    def _comment(self, table: Published) -> None:
        from psycopg import sql  # noqa: PLC0415 - an extra

        self.connection.execute(
            sql.SQL("COMMENT ON TABLE {} IS {}").format(
                sql.Identifier(*self.parent(table.name)), sql.Literal(table.doc)
            )
        )

    def _require_own(self, table: Published) -> None:
        """Raise PublishError if the schema has a table of this name that cannot hold these rows."""
        found = dict(
            self.connection.execute(
                "SELECT a.attname, format_type(a.atttypid, a.atttypmod) FROM pg_attribute a "
                "JOIN pg_class c ON c.oid = a.attrelid JOIN pg_namespace n ON n.oid = c.relnamespace "
                "WHERE n.nspname = %s AND c.relname = %s AND a.attnum > 0 AND NOT a.attisdropped",
                [self.schema, table.name],
            ).fetchall()
        )
        if not found:
            return
        place = f"{self.schema}.{table.name}"
        if set(found) != set(table.names):
            raise PublishError(
                f"{place} has other columns than FTM's ({', '.join(sorted(found))}); choose another --schema, or drop "
                "this one"
            )
        if table.has_vectors and found[EMBEDDING].rpartition(".")[2] != self.type:
            raise PublishError(
                f"{place} holds vectors of type {found[EMBEDDING]}, and {self.quarter} would be {self.type}: search "
                "over both is impossible. Choose another --schema, or drop this one"
            )

    def require_one_model(self, model: str) -> None:
        """Raise PublishError if another model embedded a quarter that is there."""
        others = self.connection.execute(
            self.sql("SELECT quarter, model FROM {} WHERE model <> %s AND quarter <> %s", self.parent(STATE)),
            [model, self.quarter],
        ).fetchall()
        if others:
            quarter, other = others[0]
            raise PublishError(
                f"{self.quarter} was embedded by {model or 'an unknown model'}, {quarter} in schema {self.schema} by "
                f"{other or 'an unknown model'}: their vectors cannot be compared. Choose another --schema"
            )

    def rows_if(self, stamp: str) -> dict[str, int] | None:
        """Return the rows of the quarter by table, if the copy was made of the same; None if not."""
        found = self.connection.execute(
            self.sql("SELECT n_rows FROM {} WHERE quarter = %s AND stamp = %s", self.parent(STATE)),
            [self.quarter, stamp],
        ).fetchone()
        return None if found is None else dict(found[0])

    def load(self, table: Published, db: duckdb.DuckDBPyConnection) -> int:
        """Copy the quarter's rows into a table that nobody reads yet; return how many there are."""
        loading, n = self.loading(table.name), 0
        self.connection.execute(self.sql("CREATE TABLE {} (LIKE {})", loading, self.parent(table.name)))
        types = [t.split(" ")[0] if t != "double precision" else t for t in table.columns.values()]
        vectors = [self.type.partition("(")[0]] if table.has_vectors else []
        columns = ", ".join(f'"{name}"' for name in table.names)
        batches = db.execute(table.query).to_arrow_reader(BATCH_ROWS)
        with (
            self.connection.cursor() as cursor,
            cursor.copy(self.sql(f"COPY {{}} ({columns}) FROM STDIN (FORMAT binary)", loading)) as copy,
        ):
            copy.set_types([*types, *vectors, "text"])
            for batch in batches:
                for row in zip(*_values(batch, table, self.type), strict=True):
                    copy.write_row((*row, self.quarter))
                n += batch.num_rows
        return n

    def index(self, table: Published, operators: str | None) -> None:
        """Give the loaded table its keys, checks and indexes, while nobody waits for it."""
        loading = self.loading(table.name)
        self.connection.execute(self.sql(f"ALTER TABLE {{}} ADD PRIMARY KEY (quarter, {table.key})", loading))
        for column in table.indexed:
            self.connection.execute(self.sql(f"CREATE INDEX ON {{}} ({column})", loading))
        if operators:
            self.connection.execute(
                self.sql(f"CREATE INDEX ON {{}} USING hnsw ({EMBEDDING} {operators})", loading)
            )

    def swap(self) -> None:
        """Put the loaded tables into the place of the quarter's."""
        from psycopg import sql  # noqa: PLC0415 - an extra

        held = self.connection.execute(
            "SELECT c.relname FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid "
            "JOIN pg_namespace n ON n.oid = c.relnamespace WHERE n.nspname = %s",
            [self.schema],
        ).fetchall()
        names = {name for (name,) in held}
        for table in reversed(LAYOUT):  # what refers to others goes first
            old = self.partition(table.name)
            if old[1] in names:
                self.connection.execute(
                    self.sql("ALTER TABLE {} DETACH PARTITION {}", self.parent(table.name), old)
                )
                self.connection.execute(self.sql("DROP TABLE {}", old))
        for table in LAYOUT:
            new = self.partition(table.name)
            self.connection.execute(self.sql("ALTER TABLE {} RENAME TO {}", self.loading(table.name), new[1]))
            self._rename_indexes(new)
            self.connection.execute(
                sql.SQL("ALTER TABLE {} ATTACH PARTITION {} FOR VALUES IN ({})").format(
                    sql.Identifier(*self.parent(table.name)), sql.Identifier(*new), sql.Literal(self.quarter)
                )
            )

    def _rename_indexes(self, table: tuple[str, str]) -> None:
        found = self.connection.execute(
            "SELECT indexname FROM pg_indexes WHERE schemaname = %s AND tablename = %s", table
        ).fetchall()
        for (index,) in found:
            self.connection.execute(
                self.sql("ALTER INDEX {} RENAME TO {}", (self.schema, index), index.replace("_loading", ""))
            )

    def note(self, stamp: str, model: str, rows: Mapping[str, int]) -> None:
        """Record what the quarter was made of."""
        self.connection.execute(
            self.sql(
                "INSERT INTO {} (quarter, stamp, model, n_rows) VALUES (%s, %s, %s, %s) "
                "ON CONFLICT (quarter) DO UPDATE SET stamp = excluded.stamp, model = excluded.model, "
                "n_rows = excluded.n_rows, published_at = now()",
                self.parent(STATE),
            ),
            [self.quarter, stamp, model, json.dumps(dict(rows))],
        )


def _values(batch: pa.RecordBatch, table: Published, type_: str) -> list[list[Any]]:
    """Return the columns of a batch as lists of what PostgreSQL's driver takes."""
    import pyarrow as pa  # noqa: PLC0415
    import pyarrow.compute as pc  # noqa: PLC0415

    made = []
    for name in table.columns:
        column = batch.column(name)
        if pa.types.is_string(column.type):
            column = pc.replace_substring(column, "\x00", "")
        made.append(column.to_pylist())
    if table.has_vectors:
        made.append(_vectors(batch.column(EMBEDDING), type_))
    return made


def _vectors(column: pa.ListArray, type_: str) -> list[Any]:
    import numpy as np  # noqa: PLC0415
    from pgvector import HalfVector, Vector  # noqa: PLC0415 - an extra

    kind, number = (HalfVector, np.float16) if type_.startswith("halfvec") else (Vector, np.float32)
    flat = column.flatten().to_numpy(zero_copy_only=False).astype(number)
    at = column.is_valid().to_pylist()
    rows = iter(flat.reshape(sum(at), -1)) if any(at) else iter(())
    return [kind(next(rows)) if is_valid else None for is_valid in at]
