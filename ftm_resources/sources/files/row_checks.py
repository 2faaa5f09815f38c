"""Checks between the rows of all files: what occurs twice, what a transcript's rows must agree on, what is cut.

Of each row only numbers are kept, in DuckDB, which moves them to disk beyond its memory limit.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from ftm_resources.sources.base import MAX_PROBLEMS
from ftm_resources.sources.files.columns import SPELLED, zeros_of
from ftm_resources.sources.files.company_names import may_be_one
from ftm_resources.sources.files.problems import Problems
from ftm_resources.tables.components import COMPONENTS

if TYPE_CHECKING:
    import duckdb

_OF_CALL = (
    *("mostimportantdateutc", "is_date_only", "is_midnight", "keydevid", "keydeveventtypename"),
    *("transcriptcollectiontypename", "created_at"),
)
"""Columns on which a transcript's rows agree; gaps do not count."""

_OF_COMPANY = ("gvkey", "permno", "link_date")
"""Columns on which a transcript's rows for one company agree; gaps do not count."""

_CELL_LIMIT = 32_767
"""Most characters of a cell in Excel, and most bytes of a text in SAS."""

_SHORTEST_LIMIT, _AT_LIMIT = 200, 3
"""If three different texts share a file's greatest length, 200 or more, something cut them there."""

MEMORY_LIMIT = "256MB"
"""Memory of the checks' database, which needs some 75 bytes a row; the rest is on disk."""

_ROW_BITS = 40
"""A row's place is its file's number and, in the lower 40 bits, its row."""

_FOLDED = {name: f"{name}_folded" for name in SPELLED}
"""Column of `turns` with the hash of each id that has letters, in lower case."""

_ZEROS = tuple(zeros_of(name) for name in SPELLED)

_TABLE = f"""
CREATE TABLE turns (place BIGINT, t INTEGER, c INTEGER, ord INTEGER, event UBIGINT, component UBIGINT, said UBIGINT,
    whole UBIGINT, characters INTEGER, bytes INTEGER, {", ".join(f"{name} INTEGER" for name in _ZEROS)},
    {", ".join(f"{name} UBIGINT" for name in _FOLDED.values())});
CREATE VIEW spoken AS SELECT * FROM turns WHERE characters IS NOT NULL;
CREATE VIEW shared AS SELECT * FROM spoken
    WHERE t IN (SELECT t FROM turns GROUP BY t HAVING min(c) < max(c))
"""  # noqa: S608
"""Transcripts (t) and companies (c) by number; ids, texts and rows by hash. Shared: listed for several companies."""

_INSERT = f"""
INSERT INTO turns SELECT place, t, c, componentorder,
    CASE WHEN keydevid IS NOT NULL THEN hash(keydevid) END,
    CASE WHEN transcriptcomponentid IS NOT NULL THEN hash(transcriptcomponentid) END, hash(componenttext),
    hash({", ".join(COMPONENTS.names)}, transcriptcomponentid), length(componenttext), strlen(componenttext),
    {", ".join(_ZEROS)},
    {", ".join(f"CASE WHEN lower({n}) <> upper({n}) THEN hash(lower({n})) END" for n in _FOLDED)}
FROM batch
"""  # noqa: S608 - only names of columns are interpolated, and only numbers below

_AGAIN = f"""
CREATE TABLE again AS
WITH twice AS (SELECT t, c, ord FROM spoken GROUP BY ALL HAVING count(*) > 1),
    firsts AS (
        SELECT t, c, ord, min(place) AS first, arg_min(whole, place) AS whole, arg_min(said, place) AS said
        FROM spoken SEMI JOIN twice USING (t, c, ord) GROUP BY ALL
    )
SELECT s.place, f.first, s.t, s.c, s.ord, s.said = f.said AS is_same_text,
    s.whole = f.whole AND s.place >> {_ROW_BITS} = f.first >> {_ROW_BITS} AS is_repeat
FROM spoken s JOIN firsts f USING (t, c, ord) WHERE s.place > f.first
"""  # noqa: S608

_ID_AGAIN = """
WITH twice AS (SELECT component FROM spoken WHERE component IS NOT NULL GROUP BY ALL HAVING count(*) > 1),
    firsts AS (
        SELECT component, min(place) AS first, arg_min(t, place) AS t, arg_min(ord, place) AS ord
        FROM spoken SEMI JOIN twice USING (component) GROUP BY ALL
    )
SELECT s.place, f.first FROM spoken s JOIN firsts f USING (component)
WHERE (s.t <> f.t OR s.ord <> f.ord) AND s.place NOT IN (SELECT place FROM again) ORDER BY s.place
"""

_KEYS = {"companyid": "c", "transcriptid": "t", "keydevid": "event", "transcriptcomponentid": "component"}
"""Where `turns` has each of SPELLED."""

_SPELLINGS = """
WITH zeros AS (
    SELECT {key} AS id, {zeros} AS n, place >> {bits} AS file, min(place) AS place FROM turns
    WHERE {key} IN (SELECT {key} FROM turns WHERE {zeros} > 0) GROUP BY ALL
), firsts AS (SELECT id, min(place) AS first, arg_min(n, place) AS n_first FROM zeros GROUP BY id)
SELECT z.place, f.first, z.n, f.n_first FROM zeros z JOIN firsts f USING (id) WHERE z.n <> f.n_first ORDER BY z.place
"""
"""The first row, in each file, of each spelling of an id other than the one that was met first."""

_CASES = """
WITH seen AS (
    SELECT {folded} AS id, {key} AS spelled, place >> {bits} AS file, min(place) AS place FROM turns
    WHERE {folded} IN (SELECT {folded} FROM turns GROUP BY {folded} HAVING min({key}) < max({key})) GROUP BY ALL
), firsts AS (SELECT id, min(place) AS first, arg_min(spelled, place) AS spelled FROM seen GROUP BY id)
SELECT s.place, f.first FROM seen s JOIN firsts f USING (id) WHERE s.spelled <> f.spelled ORDER BY s.place
"""
"""The first row, in each file, of each id that differs only by case from one that was met before."""

_ACROSS_COMPANIES = """
WITH firsts AS (
    SELECT t, ord, min(place) AS first, arg_min(said, place) AS said, arg_min(c, place) AS c
    FROM shared GROUP BY ALL
)
SELECT s.place, f.first, s.t, s.ord, f.c FROM shared s JOIN firsts f USING (t, ord)
WHERE s.c <> f.c AND s.said <> f.said ORDER BY s.place
"""

_INCOMPLETE = """
WITH listed AS (SELECT t, c, count(DISTINCT ord) AS n, min(place) AS place FROM shared GROUP BY ALL),
    whole AS (SELECT t, count(DISTINCT ord) AS n_all FROM shared GROUP BY t)
SELECT place, t, c, n, n_all FROM listed JOIN whole USING (t) WHERE n < n_all ORDER BY place
"""
"""A transcript is read for one of its companies: with some of the components only, it would be cut."""

_LISTINGS = f"""
WITH lengths AS (
    SELECT t, c, place >> {_ROW_BITS} AS file, said, unnest([characters, bytes]) AS length, unnest([1, 2]) AS unit
    FROM spoken WHERE bytes >= {_SHORTEST_LIMIT}
), longest AS (
    SELECT file, unit, length FROM (SELECT file, unit, max(length) AS length FROM lengths GROUP BY ALL)
    JOIN lengths USING (file, unit, length) GROUP BY ALL
    HAVING length = {_CELL_LIMIT} OR (length >= {_SHORTEST_LIMIT} AND count(DISTINCT said) >= {_AT_LIMIT})
), cut AS (
    SELECT t, c, file, max(n) AS n_cut, min(length) AS cut_at FROM (
        SELECT t, c, file, unit, length, count(*) AS n FROM lengths JOIN longest USING (file, unit, length) GROUP BY ALL
    ) GROUP BY ALL
), repeated AS (
    SELECT t, c, place >> {_ROW_BITS} AS file, count(*) AS n_repeats FROM again WHERE is_repeat GROUP BY ALL
)
SELECT t, c, file, count(characters) AS n_turns, count(*) - count(characters) AS n_empty,
    coalesce(any_value(n_repeats), 0) AS n_repeats, coalesce(any_value(n_cut), 0) AS n_cut,
    coalesce(any_value(cut_at), 0) AS cut_at
FROM (SELECT *, place >> {_ROW_BITS} AS file FROM turns) LEFT JOIN repeated USING (t, c, file)
    LEFT JOIN cut USING (t, c, file)
GROUP BY t, c, file ORDER BY min(place)
"""  # noqa: S608


@dataclass(frozen=True)
class Listing:
    """A transcript as one file lists it for one company."""

    transcript: str
    company: str
    file: int
    at: Any
    """Start of the call (UTC)."""
    is_date_only: bool
    is_midnight: bool
    """Whether the start was written as a time, midnight."""
    n_turns: int
    """Turns with text, each once."""
    n_empty: int
    n_repeats: int
    """Rows that repeat another exactly."""
    n_cut: int
    """Turns that end at the length at which something cut the file's texts."""
    cut_at: int
    """That length, in characters or bytes."""


class RowChecks:
    """The rows seen so far."""

    def __init__(self, database: duckdb.DuckDBPyConnection) -> None:
        """Take an empty in-memory database, which belongs to the checks."""
        self._database = database
        self._transcripts: dict[str, int] = {}
        self._companies: dict[str, int] = {}
        self._calls: dict[int, dict[str, Any]] = {}
        self._names: dict[tuple[int, int], str] = {}
        self._links: dict[tuple[int, int], dict[str, Any]] = {}
        database.execute(_TABLE)

    def add(self, rows: pa.Table, file: int, problems: Problems) -> None:
        """Keep a batch of normalised rows of a file; report those that disagree with others of their transcript."""
        for name in ("transcriptid", "companyid", "componentorder"):
            rows = rows.filter(rows.column(name).is_valid())
        place = pc.add(rows.column("row"), file << _ROW_BITS)
        batch = (
            rows.append_column("place", place)
            .append_column("t", _numbered(rows.column("transcriptid"), self._transcripts))
            .append_column("c", _numbered(rows.column("companyid"), self._companies))
        )
        self._database.register("batch", batch)
        self._database.execute(_INSERT)
        self._database.unregister("batch")
        keys = ["t", "c", "transcriptid", *_OF_CALL, *_OF_COMPANY]
        stated = batch.group_by(keys, use_threads=False).aggregate([("row", "min")])
        for row in stated.sort_by("row_min").to_pylist():
            self._agree(row, _OF_CALL, self._calls.setdefault(row["t"], {}), problems)
            self._agree(row, _OF_COMPANY, self._links.setdefault((row["t"], row["c"]), {}), problems)

        named = batch.group_by(["t", "c", "companyname"], use_threads=False).aggregate([("row", "min")])
        for row in named.sort_by("row_min").to_pylist():
            name = row["companyname"]
            if name is not None:
                first = self._names.setdefault((row["t"], row["c"]), name)
                if name != first and not may_be_one(name, first):
                    transcript = list(self._transcripts)[row["t"]]
                    message = f'"{name}" shares no word with "{first}" earlier in transcript {transcript}, '
                    message += "for the same company: correct the id or the name"
                    problems.add(row["row_min"], "companyname", message)

    def renamed(self) -> dict[str, list[str]]:
        """Return the companies, by id, whose transcripts give names that share no word, with those names."""
        by_company: dict[int, list[str]] = {}
        for (_, company), name in self._names.items():
            names = by_company.setdefault(company, [])
            # Two names that a third connects are one company's.
            if name not in names and not any(may_be_one(name, other) for other in names):
                names.append(name)
        ids = list(self._companies)
        return {ids[c]: names for c, names in by_company.items() if len(names) > 1}

    def finish(self, problems: list[Problems]) -> tuple[list[Listing], dict[int, np.ndarray]]:
        """Report, to the problems of each file, what occurs twice or does not fit.

        Returns the transcripts, and by file the rows (int64, ascending) that repeat another of the file exactly.
        """
        transcripts, companies = list(self._transcripts), list(self._companies)

        def report(query: str, column: str, message: Callable[[dict[str, Any], str], str]) -> None:
            self._report(query, column, message, problems)

        for name in SPELLED:
            report(
                _SPELLINGS.format(key=_KEYS[name], zeros=zeros_of(name), bits=_ROW_BITS),
                name,
                lambda r, where: (
                    f"is written with {_zeros(r['n'])}, and the same id in {where} with {_zeros(r['n_first'])}: they "
                    "would be read as one; write each id in one way"
                ),
            )
            report(
                _CASES.format(key=_KEYS[name], folded=_FOLDED[name], bits=_ROW_BITS),
                name,
                lambda _, where: f"differs only by case from the id in {where}; write each id in one way",
            )
        self._database.execute(_AGAIN)
        report(
            "FROM again WHERE NOT is_repeat ORDER BY place",
            "componentorder",
            lambda r, where: (
                f"transcript {transcripts[r['t']]} already has component {r['ord']} in {where}"
                + ("" if r["is_same_text"] else ", with another text")
            ),
        )
        repeats = self._database.execute(
            "SELECT place FROM again WHERE is_repeat ORDER BY place"
        ).fetchnumpy()
        self._database.execute("DELETE FROM turns WHERE place IN (SELECT place FROM again WHERE is_repeat)")
        report(
            _ID_AGAIN, "transcriptcomponentid", lambda _, where: f"the component in {where} has the same id"
        )
        report(
            _ACROSS_COMPANIES,
            "componenttext",
            lambda r, where: (
                f"component {r['ord']} of transcript {transcripts[r['t']]} has another text for company "
                f"{companies[r['c']]}, in {where}"
            ),
        )
        report(
            _INCOMPLETE,
            "companyid",
            lambda r, _: (
                f"company {companies[r['c']]} has {r['n']} of the {r['n_all']} components of transcript "
                f"{transcripts[r['t']]}: list all of them for each company of the transcript, or remove the "
                "company's rows"
            ),
        )
        files = repeats["place"] >> _ROW_BITS
        rows = repeats["place"] & ((1 << _ROW_BITS) - 1)
        return self._listings(transcripts, companies), {int(f): rows[files == f] for f in np.unique(files)}

    def _agree(
        self, row: dict[str, Any], columns: tuple[str, ...], first: dict[str, Any], problems: Problems
    ) -> None:
        """Report a row that contradicts an earlier one; `first` holds the first value of each column."""
        for column in columns:
            ours = row[column]
            if ours is None or first.setdefault(column, ours) == ours:
                continue
            what = f"{ours} differs from {first[column]}"
            if column.startswith("is_"):
                what = "a bare date differs from a date with a time"
            where = "mostimportantdateutc" if column.startswith("is_") else column
            problems.add(row["row_min"], where, f"{what} earlier in transcript {row['transcriptid']}")

    def _report(
        self,
        query: str,
        column: str,
        message: Callable[[dict[str, Any], str], str],
        problems: list[Problems],
    ) -> None:
        """Report each row of a query, whose `place` and `first` are places."""
        found = self._database.execute(query).to_arrow_table()
        files = pc.shift_right(found.column("place"), _ROW_BITS).to_numpy()
        for file in np.unique(files):
            of_file = found.filter(pa.array(files == file))
            for row in of_file.slice(0, MAX_PROBLEMS).to_pylist():
                where = _where(row.get("first", row["place"]), int(file), problems)
                problems[file].add(row["place"] & ((1 << _ROW_BITS) - 1), column, message(row, where))
            problems[file].count += max(of_file.num_rows - MAX_PROBLEMS, 0)

    def _listings(self, transcripts: list[str], companies: list[str]) -> list[Listing]:
        listings = []
        for row in self._database.execute(_LISTINGS).to_arrow_table().to_pylist():
            call = self._calls[row["t"]]
            listings.append(
                Listing(
                    transcripts[row.pop("t")],
                    companies[row.pop("c")],
                    at=call.get("mostimportantdateutc"),
                    is_date_only=call["is_date_only"],
                    is_midnight=call["is_midnight"],
                    **row,
                )
            )
        return listings


def _numbered(values: pa.ChunkedArray, numbers: dict[str, int]) -> pa.Array:
    """Return the number (int32) of each value; new ones are added to `numbers`."""
    coded = values.combine_chunks().dictionary_encode()
    own = [numbers.setdefault(v, len(numbers)) for v in coded.dictionary.to_pylist()]
    return pa.array(own, pa.int32()).take(coded.indices)


def _zeros(n: int) -> str:
    return f"{n or 'no'} leading zero{'' if n == 1 else 's'}"


def _where(place: int, file: int, problems: list[Problems]) -> str:
    row = f"row {place & ((1 << _ROW_BITS) - 1)}"
    first = place >> _ROW_BITS
    return row if first == file else f"{problems[first].file}, {row}"
