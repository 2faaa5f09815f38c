"""The rows to index of a quarter, read from the warehouse's tables as `connect` shows them, in bounded memory."""

# ruff: noqa: S608 - the queries are made of constants
from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING, Any, Self

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from ftm_resources.retrieval.levels import (
    CALLS,
    COLUMNS,
    EMBEDDED,
    KEYWORD_SEPARATOR,
    NOT_SCORED,
    STRINGS,
    TABLES_READ,
    Rows,
)
from ftm_resources.tables.categories import SECTIONS, SPEAKER_TYPES
from ftm_resources.warehouse.embedded_by import embedder_of
from ftm_resources.warehouse.errors import WarehouseError
from ftm_resources.warehouse.scans import files_of
from ftm_resources.warehouse.snapshots import writer_of
from ftm_resources.warehouse.views import open_connection

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    import duckdb
    from numpy.typing import NDArray

    from ftm_resources.warehouse.warehouse import QuarterTable, Warehouse

BATCH = 16_384
"""Rows read at once."""

MEMORY = "384MB"
"""Memory of the queries that join the tables; what does not fit goes to DuckDB's temporary folder."""

_CALLS = """
    CREATE TEMP TABLE calls AS
    SELECT CAST(row_number() OVER (ORDER BY call_at, transcript_id) - 1 AS INTEGER) AS call, *
    FROM (
        SELECT transcript_id, min(firm_id) AS firm_id, max(firm_name) AS firm_name, max(ticker) AS ticker,
            max(permno) AS permno, max(call_date) AS call_date, max(call_at) AS call_at
        FROM transcripts GROUP BY transcript_id
    )
"""

_TONE = "sum(CASE v.label WHEN 'positive' THEN 1 WHEN 'negative' THEN -1 ELSE 0 END) / count(*) AS tone"

_THEMES = f"""
    CREATE TEMP TABLE theme_rows AS
    WITH tones AS (
        SELECT e.theme_id, {_TONE}
        FROM theme_sentences e JOIN sentence_sentiment v USING (sentence_id) WHERE e.is_member GROUP BY ALL
    )
    SELECT CAST(row_number() OVER (ORDER BY theme_id) - 1 AS INTEGER) AS theme, theme_id AS id, name,
        description AS text, array_to_string(keywords, '{KEYWORD_SEPARATOR}') AS keywords, n_topics, n_sentences, tone
    FROM themes LEFT JOIN tones USING (theme_id)
"""

_TOPICS = f"""
    CREATE TEMP TABLE topic_rows AS
    WITH tones AS (
        SELECT t.topic_id, {_TONE}
        FROM sentence_topics t JOIN sentence_sentiment v USING (sentence_id) WHERE t.topic_id IS NOT NULL GROUP BY ALL
    ), counted AS (
        SELECT t.topic_id, c.call, count(*) AS n
        FROM sentence_topics t JOIN sentences s USING (sentence_id) JOIN calls c ON c.transcript_id = s.transcript_id
        WHERE t.topic_id IS NOT NULL GROUP BY ALL
    ), main_calls AS (SELECT topic_id, arg_max(call, (n, call)) AS call FROM counted GROUP BY topic_id),
    last_calls AS (SELECT firm_id, max(call) AS call FROM calls GROUP BY firm_id)
    SELECT CAST(row_number() OVER (ORDER BY topic_id) - 1 AS INTEGER) AS topic, topic_id AS id, s.name,
        summary AS text, array_to_string(t.keywords, '{KEYWORD_SEPARATOR}') AS keywords,
        CAST(1 AS INTEGER) AS n_topics, t.n_sentences,
        coalesce(m.call, l.call, -1) AS call, coalesce(h.theme, -1) AS theme, tones.tone
    FROM topic_summaries s LEFT JOIN firm_topics t USING (topic_id) LEFT JOIN last_calls l ON l.firm_id = s.firm_id
    LEFT JOIN theme_topics p USING (topic_id) LEFT JOIN theme_rows h ON h.id = p.theme_id
    LEFT JOIN tones USING (topic_id) LEFT JOIN main_calls m USING (topic_id)
"""

NUMBERED = (_CALLS, _THEMES, _TOPICS)
"""Make the tables `calls`, `theme_rows` and `topic_rows`: what is known of them, with tones and usual calls."""

_SENTENCES = f"""
    WITH members AS (SELECT DISTINCT sentence_id FROM theme_sentences WHERE is_member AND NOT is_second),
    turns AS (SELECT component_id, max(speaker_name) AS speaker_name FROM transcripts GROUP BY component_id)
    SELECT r.sentence_id AS id, s.text, u.speaker_name, coalesce(c.call, -1) AS call, coalesce(t.topic, -1) AS topic,
        coalesce(list_position({list(SECTIONS)}, s.section), 1) - 1 AS section,
        coalesce(list_position({list(SPEAKER_TYPES)}, s.speaker_type), 1) - 1 AS speaker,
        coalesce(k.is_procedural, false) AS is_procedural, m.sentence_id IS NOT NULL AS is_member,
        CASE v.label WHEN 'positive' THEN 1 WHEN 'neutral' THEN 0 WHEN 'negative' THEN -1 ELSE {NOT_SCORED} END AS label
    FROM embedded r LEFT JOIN sentences s USING (sentence_id) LEFT JOIN turns u USING (component_id)
    LEFT JOIN calls c USING (transcript_id) LEFT JOIN sentence_kinds k USING (sentence_id)
    LEFT JOIN sentence_sentiment v USING (sentence_id) LEFT JOIN sentence_topics p USING (sentence_id)
    LEFT JOIN topic_rows t ON t.id = p.topic_id LEFT JOIN members m USING (sentence_id)
    ORDER BY r.row
"""


def made_from(tables: Mapping[str, QuarterTable]) -> dict[str, str]:
    """Return table → fingerprint of its rows."""
    return {name: tables[name].content for name in TABLES_READ}


class IndexedTables:
    """A quarter's rows (see `levels.QuarterRows`), at the snapshots that `Warehouse.together` gave."""

    def __init__(self, warehouse: Warehouse, quarter: str, tables: Mapping[str, QuarterTable]) -> None:
        self.warehouse, self.quarter, self.tables = warehouse, quarter, tables
        self.made_from = made_from(tables)
        self.models = {level: embedder_of(self._provenance(table)) for level, table in EMBEDDED.items()}
        # Themes are means of topics' vectors and record no model of their own.
        self.models["theme"] = self.models["theme"] or self.models["topic"]
        self._files = {name: self._data_files(name) for name in TABLES_READ}

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if "_db" in self.__dict__:  # else it would be opened to be closed
            self._db.close()

    def calls(self) -> pa.Table:
        """Return the calls (CALLS)."""
        names = ", ".join(CALLS.names)
        return self._db.execute(f"SELECT {names} FROM calls ORDER BY call").to_arrow_table().cast(CALLS)

    def count(self, level: str) -> int:
        """Return how many rows a level has."""
        return len(self._ids) if level == "sentence" else len(self._embedded(level))

    def vectors(self, level: str) -> Iterator[NDArray[np.float32]]:
        """Yield the level's vectors (n, d), in batches."""
        if level != "sentence":
            held = self._embedded(level)
            yield from (_matrix(b.column("embedding")) for b in held.to_batches(BATCH))
            return
        for batch in self._sentence_batches("embedding"):
            yield _matrix(batch.column("embedding"))

    def unlabelled(self, level: str) -> Iterator[tuple[NDArray[np.float32], NDArray[np.bool_] | None]]:
        """Yield the level's vectors (n, d) with what `calibration.may_be_query` says of their rows."""
        if level != "sentence":
            yield from ((vectors, None) for vectors in self.vectors(level))
            return
        kinds = self.tables["sentence_kinds"].read(["sentence_id", "is_procedural"])
        procedural = kinds.filter(kinds["is_procedural"])["sentence_id"].combine_chunks()
        done = 0
        for vectors in self.vectors(level):
            ids = self._ids.slice(done, len(vectors))
            done += len(vectors)
            yield vectors, ~pc.is_in(ids, value_set=procedural).to_numpy(zero_copy_only=False)

    def rows(self, level: str) -> Iterator[Rows]:
        """Yield the level's rows, in batches."""
        vectors = self.vectors(level)
        query = f"FROM {level}_rows ORDER BY {level}"
        if level == "sentence":
            ids = pa.table({"sentence_id": self._ids, "row": np.arange(len(self._ids))})
            self._db.register("embedded", ids)
            query = _SENTENCES
        left = np.empty((0, 0), np.float32)
        for found in self._db.execute(query).to_arrow_reader(BATCH):
            # The batches of two readers end at different rows.
            while len(left) < found.num_rows:
                more = next(vectors)
                left = np.concatenate([left, more]) if len(left) else more
            own, left = left[: found.num_rows], left[found.num_rows :]
            yield Rows(self._strings(level, found), _columns(level, found), own)

    def _strings(self, level: str, found: pa.RecordBatch) -> pa.RecordBatch:
        made = pa.RecordBatch.from_pydict({f.name: found.column(f.name).cast(f.type) for f in STRINGS[level]})
        if level == "sentence" and made.column("text").null_count:
            raise WarehouseError(
                f"sentence_embeddings of {self.quarter} have sentences that the table sentences has not: materialize "
                f"sentence_embeddings for {self.quarter} again"
            )
        return made

    def _embedded(self, level: str) -> pa.Table:
        """Return the vectors of topics or themes, in the order of their ids."""
        key = f"{level}_id"
        return self.tables[EMBEDDED[level]].read([key, "embedding"]).sort_by(key)

    @cached_property
    def _ids(self) -> pa.Array:
        """Ids of the sentences, in the order of their vectors."""
        ids = [b.column("sentence_id") for b in self._sentence_batches("sentence_id")]
        return pa.concat_arrays(ids) if ids else pa.array([], pa.string())

    def _sentence_batches(self, column: str) -> Iterator[pa.RecordBatch]:
        filesystem, _ = self.warehouse.filesystem()
        for uri in sorted(self._files["sentence_embeddings"]):
            with filesystem.open_input_file(self.warehouse.location.path_of(uri)) as file:
                yield from pq.ParquetFile(file).iter_batches(BATCH, columns=[column])

    def _data_files(self, name: str) -> list[str]:
        held = self.tables[name]
        if held.snapshot_id is None:
            return []
        return files_of(self.warehouse.table(name), name, self.quarter, held.snapshot_id)

    def _provenance(self, name: str) -> dict[str, Any]:
        """Return what the write that is read recorded, which need not be the newest."""
        held = self.tables[name]
        if held.snapshot_id is None:
            return {}
        table = self.warehouse.table(name)
        write = writer_of(table, table.snapshot_by_id(held.snapshot_id), self.quarter)
        return {} if write is None else write.provenance()

    @cached_property
    def _db(self) -> duckdb.DuckDBPyConnection:
        """The tables, with calls, themes and topics numbered; closed with this object."""
        db = open_connection(self._files, grown=TABLES_READ, on_s3=self.warehouse.location.is_s3)
        db.execute(f"SET memory_limit = '{MEMORY}'")
        for query in NUMBERED:
            db.execute(query)
        return db


def _columns(level: str, found: pa.RecordBatch) -> dict[str, NDArray[Any]]:
    columns = {}
    for name, kind in COLUMNS[level].items():
        values = found.column(name)
        if pa.types.is_boolean(values.type):
            values = values.cast(pa.uint8())
        columns[name] = values.to_numpy(zero_copy_only=False).astype(kind)
    return columns


def _matrix(lists: pa.Array) -> NDArray[np.float32]:
    """Return an array of lists of one length as a matrix."""
    if isinstance(lists, pa.ChunkedArray):
        lists = lists.combine_chunks()
    flat = lists.flatten().to_numpy(zero_copy_only=False).astype(np.float32, copy=False)
    return flat.reshape(len(lists), -1) if len(lists) else np.empty((0, 0), np.float32)
