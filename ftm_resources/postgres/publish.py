"""Copying quarters of the warehouse into PostgreSQL: each in one transaction, beside what readers see until then."""

from __future__ import annotations

import json
from contextlib import closing
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ftm_resources.postgres.database import PublishError, require_schema_name, take_turn
from ftm_resources.postgres.failures import saying
from ftm_resources.postgres.grants import give, grants_of
from ftm_resources.postgres.layout import (
    EMBEDDING,
    LAYOUT,
    MAX_INDEXED,
    OF_LEVEL,
    SCHEMA,
    STATE,
    WORD_COUNTS,
    WORDS,
    Published,
    Vectors,
    split_type,
)
from ftm_resources.postgres.levels_of_copy import scales_of
from ftm_resources.postgres.quarter_state import QuarterState, dimension_of
from ftm_resources.postgres.row_values import values_of
from ftm_resources.postgres.word_vectors import CountedWords, register_words
from ftm_resources.quarters import parse
from ftm_resources.retrieval.indexed_tables import NUMBERED

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    import duckdb
    import psycopg

    from ftm_resources.warehouse.across import Across

BATCH_ROWS = 10_000
"""Rows that are held at once."""


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
    across: Across,
    quarter: str,
    connection: psycopg.Connection[tuple[Any, ...]],
    *,
    schema: str = SCHEMA,
    vectors: Vectors = "halfvec",
    allows_mixed: bool = False,
    progress: Callable[[str], None] | None = None,
) -> Loaded:
    """Replace a quarter of the copy in `schema` with the warehouse's, in one transaction; other quarters stay.

    `across` is what `quarter_state.shown_now` returned; quarters that are published with the same one go together.
    Nothing is copied if the copy was made of the same rows and still has as many. Until the transaction ends readers
    see the old rows; they wait only while the loaded tables take the old ones' place. `progress` is told each table.
    Texts lose NUL characters, which PostgreSQL cannot hold.

    Raises
    ------
    WarehouseError
        If there is no such quarter, or its newest rows do not go together or not with what is shown of others; with
        `allows_mixed`, what is shown of it is copied: its last complete generation.
    PublishError
        If the quarter has no embeddings, or some of different models, lengths or without finite values; if the schema
        has no fit name or holds other tables, or quarters with vectors of another type, dimension or model; or if
        PostgreSQL refuses a statement.

    """
    quarter, say = parse(quarter), progress or (lambda _: None)
    require_schema_name(schema)
    state = QuarterState.of(across, quarter, allows_mixed=allows_mixed)
    with closing(state.connect()) as db:
        for statement in NUMBERED:
            db.execute(statement)
        dimension = dimension_of(db, quarter)
        copy = _Copy(connection, schema, quarter, f"{vectors}({dimension})")
        is_indexed = dimension <= MAX_INDEXED[vectors]
        stamp = state.stamp(copy.type)
        with saying(lambda: f"{quarter} is not published: {copy.doing}"), connection.transaction():
            copy.prepare()
            copy.require_one_model(state.model)
            if (rows := copy.rows_if(stamp)) is not None:
                return Loaded(quarter, rows, dimension, is_indexed, is_unchanged=True)
            rows, words = {}, CountedWords.of(db)
            for table in LAYOUT:
                say(f"{table.name} {quarter}")
                rows[table.name] = copy.load(table, db, words)
                copy.index(table, f"{vectors}_cosine_ops" if is_indexed and table.level else None)
            say(f"the scales of {quarter}")
            with state.indexed_tables() as source:
                tables = {level: copy.loading(table.name) for level, table in OF_LEVEL.items()}
                scales = scales_of(source, connection, tables, copy.type)
            say(f"{quarter} takes its place")
            copy.swap()
            copy.count_words(words)
            about = {level: {**words.about(level), **scales[level]} for level in scales}
            copy.note(stamp, state.model, rows, about)
    with saying(lambda: f"{quarter} is published, but its statistics are not up to date (ANALYZE)"):
        for table in LAYOUT:
            connection.execute(copy.sql("ANALYZE {}", copy.parent(table.name)))
    return Loaded(quarter, rows, dimension, is_indexed, is_unchanged=False)


class _Copy:
    """The copy of one quarter, within a transaction."""

    def __init__(
        self, connection: psycopg.Connection[tuple[Any, ...]], schema: str, quarter: str, type_: str
    ) -> None:
        self.connection, self.schema, self.quarter, self.type = connection, schema, quarter, type_
        self.doing = "the schema cannot be prepared"
        """What fails if PostgreSQL refuses the next statement."""

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
        self._require_free()
        self.connection.execute(
            self.sql(
                "CREATE TABLE IF NOT EXISTS {} (quarter text PRIMARY KEY, stamp text NOT NULL, model text NOT NULL, "
                "n_rows jsonb NOT NULL, published_at timestamptz NOT NULL DEFAULT now(), levels jsonb)",
                self.parent(STATE),
            )
        )
        state = dict.fromkeys(("quarter", "stamp", "model", "n_rows", "published_at"), "text") | {
            "levels": "jsonb"
        }
        self._require_columns(STATE, state)
        self.connection.execute(
            self.sql(
                "CREATE TABLE IF NOT EXISTS {} (quarter text, level text, field text, word text, "
                "n_rows bigint NOT NULL, PRIMARY KEY (quarter, level, field, word))",
                self.parent(WORD_COUNTS),
            )
        )
        self._require_columns(
            WORD_COUNTS, dict.fromkeys(("quarter", "level", "field", "word", "n_rows"), "text")
        )
        for table in LAYOUT:
            self._require_own(table)
            self._create(table)

    def _create(self, table: Published) -> None:
        columns = [f'"{name}" {type_}' for name, type_ in self._types(table).items()]
        columns.append(f"PRIMARY KEY (quarter, {table.key})")
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

    def _types(self, table: Published) -> dict[str, str]:
        """Return all columns of a table with their types."""
        of_level = {EMBEDDING: self.type, WORDS: "tsvector"} if table.level else {}
        return {**table.columns, **of_level, "quarter": "text NOT NULL"}

    def _comment(self, table: Published) -> None:
        from psycopg import sql  # noqa: PLC0415 - an extra

        self.connection.execute(
            sql.SQL("COMMENT ON TABLE {} IS {}").format(
                sql.Identifier(*self.parent(table.name)), sql.Literal(table.doc)
            )
        )

    def _require_free(self) -> None:
        """Raise PublishError if the schema has something else under a name that the copy uses."""
        whole = {STATE: "r", WORD_COUNTS: "r"} | {table.name: "p" for table in LAYOUT}
        parts = {self.partition(table.name)[1]: table.name for table in LAYOUT}
        loading = [self.loading(table.name)[1] for table in LAYOUT]
        found = self.connection.execute(
            "SELECT c.relname, c.relkind::text, p.relname FROM pg_class c "
            "JOIN pg_namespace n ON n.oid = c.relnamespace "
            "LEFT JOIN pg_inherits i ON i.inhrelid = c.oid LEFT JOIN pg_class p ON p.oid = i.inhparent "
            "WHERE n.nspname = %s AND c.relname = ANY(%s) ORDER BY 1",
            [self.schema, [*whole, *parts, *loading]],
        ).fetchall()
        for name, kind, parent in found:
            is_own = whole[name] == kind if name in whole else name in parts and parts[name] == parent
            if not is_own:
                raise PublishError(
                    f"{self.schema}.{name} is there, and is not FTM's ({', '.join(sorted(self._columns(name)))}): "
                    "rename or drop it, or choose another --schema"
                )

    def _columns(self, table: str) -> dict[str, str]:
        """Return the columns of a table and their types; empty if there is none."""
        return dict(
            self.connection.execute(
                "SELECT a.attname, format_type(a.atttypid, a.atttypmod) FROM pg_attribute a "
                "JOIN pg_class c ON c.oid = a.attrelid JOIN pg_namespace n ON n.oid = c.relnamespace "
                "WHERE n.nspname = %s AND c.relname = %s AND a.attnum > 0 AND NOT a.attisdropped",
                [self.schema, table],
            ).fetchall()
        )

    def _require_columns(self, table: str, wanted: Mapping[str, str]) -> dict[str, str]:
        """Return the columns of a table, with those added that an earlier version of FTM did not have.

        Raises PublishError if it has others than FTM's, or no key.
        """
        found = self._columns(table)
        if found and not (set(found) <= set(wanted) and next(iter(wanted)) in found):
            raise PublishError(
                f"{self.schema}.{table} has other columns than FTM's ({', '.join(sorted(found))}); choose another "
                "--schema, or drop this one"
            )
        for column, type_ in wanted.items():
            if found and column not in found:
                # Rows that are there have none until their quarter is published again.
                add = f"ALTER TABLE {{}} ADD COLUMN {{}} {type_.removesuffix(' NOT NULL')}"
                self.connection.execute(self.sql(add, (self.schema, table), column))
                found[column] = type_
        return found

    def _require_own(self, table: Published) -> None:
        """Raise PublishError if the schema has a table of this name that cannot hold these rows."""
        found = self._require_columns(table.name, self._types(table))
        if not found:
            return
        place = f"{self.schema}.{table.name}"
        if table.level and found[EMBEDDING].rpartition(".")[2] != self.type:
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
        """Return the rows of the quarter by table, if the copy was made of the same and is whole; None if not."""
        self.doing = "what the copy holds of it cannot be read"
        found = self.connection.execute(
            self.sql("SELECT n_rows FROM {} WHERE quarter = %s AND stamp = %s", self.parent(STATE)),
            [self.quarter, stamp],
        ).fetchone()
        if found is None or not {self.partition(table.name)[1] for table in LAYOUT} <= self._partitions():
            return None
        counts = {table.name: self._count(table) for table in LAYOUT}
        return counts if counts == dict(found[0]) else None

    def _count(self, table: Published) -> int:
        held = self.connection.execute(self.sql("SELECT count(*) FROM {}", self.partition(table.name)))
        return int(held.fetchall()[0][0])

    def _partitions(self) -> set[str]:
        """Return the names of all parts of the schema's partitioned tables."""
        held = self.connection.execute(
            "SELECT c.relname FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid "
            "JOIN pg_namespace n ON n.oid = c.relnamespace WHERE n.nspname = %s",
            [self.schema],
        ).fetchall()
        return {name for (name,) in held}

    def load(self, table: Published, db: duckdb.DuckDBPyConnection, words: CountedWords) -> int:
        """Copy the quarter's rows into a table that nobody reads yet; return how many there are."""
        loading, n = self.loading(table.name), 0
        self.doing = f"{table.name} cannot be copied"
        self.connection.execute(self.sql("CREATE TABLE {} (LIKE {})", loading, self.parent(table.name)))
        types = [t.removesuffix(" NOT NULL") for t in table.columns.values()]
        of_level = [split_type(self.type)[0], "tsvector"] if table.level else []
        columns = ", ".join(f'"{name}"' for name in table.names)
        batches = db.execute(table.query).to_arrow_reader(BATCH_ROWS)
        with (
            self.connection.cursor() as cursor,
            cursor.copy(self.sql(f"COPY {{}} ({columns}) FROM STDIN (FORMAT binary)", loading)) as copy,
        ):
            register_words(cursor)
            copy.set_types([*types, *of_level, "text"])
            for batch in batches:
                values = values_of(batch, table, self.type)
                if table.level:
                    values.append(words.vectors(table.level, batch))
                for row in zip(*values, strict=True):
                    copy.write_row((*row, self.quarter))
                n += batch.num_rows
        return n

    def index(self, table: Published, operators: str | None) -> None:
        """Give the loaded table its keys, checks and indexes, while nobody waits for it."""
        loading = self.loading(table.name)
        self.doing = f"{table.name} cannot be given its keys and indexes"
        self.connection.execute(self.sql(f"ALTER TABLE {{}} ADD PRIMARY KEY (quarter, {table.key})", loading))
        for column in table.indexed:
            self.connection.execute(self.sql(f"CREATE INDEX ON {{}} ({column})", loading))
        if table.level:
            self.connection.execute(self.sql(f"CREATE INDEX ON {{}} USING gin ({WORDS})", loading))
        if operators:
            self.connection.execute(
                self.sql(f"CREATE INDEX ON {{}} USING hnsw ({EMBEDDING} {operators})", loading)
            )
        # Its statistics stay with it, and the next searches are of it.
        self.connection.execute(self.sql("ANALYZE {}", loading))

    def swap(self) -> None:
        """Put the loaded tables into the place of the quarter's."""
        from psycopg import sql  # noqa: PLC0415 - an extra

        self.doing = "the rows that are there cannot be replaced"
        names = self._partitions()
        grants = {table.name: grants_of(self.connection, self.partition(table.name)) for table in LAYOUT}
        for table in reversed(LAYOUT):  # what refers to others goes first
            old = self.partition(table.name)
            if old[1] in names:
                self.connection.execute(
                    self.sql("ALTER TABLE {} DETACH PARTITION {}", self.parent(table.name), old)
                )
                self.connection.execute(self.sql("DROP TABLE {}", old))
        for table in LAYOUT:
            self.doing = f"{table.name} cannot take their place"
            new = self.partition(table.name)
            self.connection.execute(self.sql("ALTER TABLE {} RENAME TO {}", self.loading(table.name), new[1]))
            self._rename_indexes(new)
            self.connection.execute(
                sql.SQL("ALTER TABLE {} ATTACH PARTITION {} FOR VALUES IN ({})").format(
                    sql.Identifier(*self.parent(table.name)), sql.Identifier(*new), sql.Literal(self.quarter)
                )
            )
            give(self.connection, new, grants[table.name])

    def _rename_indexes(self, table: tuple[str, str]) -> None:
        found = self.connection.execute(
            "SELECT indexname FROM pg_indexes WHERE schemaname = %s AND tablename = %s", table
        ).fetchall()
        for (index,) in found:
            self.connection.execute(
                self.sql("ALTER INDEX {} RENAME TO {}", (self.schema, index), index.replace("_loading", ""))
            )

    def count_words(self, words: CountedWords) -> None:
        """Put how many rows have each word into the place of the quarter's."""
        self.doing = "its words cannot be counted"
        table = self.parent(WORD_COUNTS)
        self.connection.execute(self.sql("DELETE FROM {} WHERE quarter = %s", table), [self.quarter])
        with (
            self.connection.cursor() as cursor,
            cursor.copy(self.sql("COPY {} (quarter, level, field, word, n_rows) FROM STDIN", table)) as copy,
        ):
            for row in words.counts():
                copy.write_row((self.quarter, *row))

    def note(
        self, stamp: str, model: str, rows: Mapping[str, int], levels: Mapping[str, Mapping[str, float]]
    ) -> None:
        """Record what the quarter was made of, and what search must know of its levels."""
        self.doing = "it cannot be recorded"
        self.connection.execute(
            self.sql(
                "INSERT INTO {} (quarter, stamp, model, n_rows, levels) VALUES (%s, %s, %s, %s, %s) "
                "ON CONFLICT (quarter) DO UPDATE SET stamp = excluded.stamp, model = excluded.model, "
                "n_rows = excluded.n_rows, levels = excluded.levels, published_at = now()",
                self.parent(STATE),
            ),
            [self.quarter, stamp, model, json.dumps(dict(rows)), json.dumps(levels)],
        )
