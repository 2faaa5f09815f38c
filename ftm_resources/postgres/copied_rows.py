"""Rows of a quarter of a copy that vectors and words find under a filter: search's candidates, by SQL.

What belongs here: how `searched.SearchedQuarter` is answered by PostgreSQL. Filters are conditions of the statements,
and what varies in them are parameters. Rows are told apart by their ids.
"""

# ruff: noqa: S608 - statements are made of constants and quoted names
from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from ftm_resources.postgres.copied_words import AskedWords, counts_of
from ftm_resources.postgres.layout import OF_LEVEL
from ftm_resources.postgres.levels_of_copy import as_text, tune
from ftm_resources.postgres.word_vectors import as_strings
from ftm_resources.retrieval.searched import Match
from ftm_resources.retrieval.wanted import calls_wanted

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    import psycopg

    from ftm_resources.postgres.copied_quarters import Known
    from ftm_resources.retrieval.full_text import Words
    from ftm_resources.retrieval.searched import Mode, Row, Vector
    from ftm_resources.retrieval.wanted import Wanted

_TONES = {"positive": 1.0, "neutral": 0.0, "negative": -1.0}

_SHOWN = {
    "theme": ("name", "description", "keywords", "n_topics", "n_sentences", "tone"),
    "topic": ("name", "summary", "keywords", "n_sentences", "firm_id", "theme_id", "transcript_id", "tone"),
    "sentence": (
        *("text", "speaker_name", "firm_id", "topic_id", "theme_id", "transcript_id"),
        *("section", "speaker_type", "label"),
    ),
}
"""Level → columns that are read of a row."""

_STRINGS = ("id", "name", "text", "keywords", "n_topics", "n_sentences", "speaker_name")


class CopiedRows:
    """See `searched.SearchedQuarter`."""

    def __init__(self, known: Known, connection: psycopg.Connection[tuple[Any, ...]], wanted: Wanted) -> None:
        self._known, self._connection, self._wanted = known, connection, wanted
        calls = calls_wanted(wanted, known.calls)
        self._calls = {row["transcript_id"]: (i, row) for i, row in enumerate(known.calls.to_pylist())}
        limits: dict[str, list[str]] = {}
        if calls is not None:
            limits["transcript_id"] = known.calls.filter(calls)["transcript_id"].to_pylist()
        if wanted.speakers:
            limits["speaker_type"] = list(wanted.speakers)
        if wanted.sections:
            limits["section"] = list(wanted.sections)
        self._limits = limits
        self._rows: dict[str, dict[Row, dict[str, Any]]] = {level: {} for level in OF_LEVEL}

    @property
    def is_exact(self) -> bool:
        """See SearchedQuarter."""
        return self._known.is_exact

    def matches(self, level: str, words: Words, vector: Vector | None, pool: int, mode: Mode) -> list[Match]:
        """See SearchedQuarter."""
        if not self._known.levels[level].n:
            return []
        asked = AskedWords(words, self._known, level, counts_of(self._connection, self._known, level, words))
        found: dict[str, float | None] = {}
        if vector is not None:
            found = dict.fromkeys(self._nearest(level, asked, vector, pool))
        if mode != "vector":
            found |= dict(self._best_by_words(level, asked, pool))
        cosines = self._fetch(level, found, vector)
        self._fetch("topic", {r["topic_id"] for r in self._held(level, found, "topic_id")})
        self._fetch("theme", {r["theme_id"] for r in self._held(level, found, "theme_id")})
        return [Match(row, cosines.get(row, np.nan), share) for row, share in sorted(found.items())]

    def parents(self, level: str, row: Row) -> tuple[Row | None, Row | None]:
        """See SearchedQuarter."""
        if level == "theme":
            return None, row
        own = self._rows[level][row]
        return (row if level == "topic" else own["topic_id"]), own["theme_id"]

    def topic_of(self, sentence: Row) -> Row | None:
        """See SearchedQuarter."""
        topic: Row | None = self._rows["sentence"][sentence]["topic_id"]
        return topic

    def strings(self, level: str, row: Row) -> dict[str, Any]:
        """See SearchedQuarter."""
        own = self._rows[level][row]
        held = {"n_topics": 1, **as_strings(own)} if level == "topic" else as_strings(own)
        return {name: held[name] for name in _STRINGS if name in held}

    def tone(self, level: str, row: Row) -> float | None:
        """See SearchedQuarter."""
        own = self._rows[level][row]
        return _TONES.get(own["label"]) if level == "sentence" else own["tone"]

    def spoken(self, sentence: Row) -> dict[str, str]:
        """See SearchedQuarter."""
        own = self._rows["sentence"][sentence]
        return {name: own[name] for name in ("section", "speaker_type")}

    def firm(self, level: str, row: Row) -> str | None:
        """See SearchedQuarter."""
        firm: str | None = self._rows[level][row]["firm_id"]
        return firm

    def call(self, level: str, row: Row) -> dict[str, Any]:
        """See SearchedQuarter."""
        call: dict[str, Any] = self._calls.get(self._rows[level][row]["transcript_id"], (-1, {}))[1]
        return call

    def calls_under_filter(self, topics: Sequence[Row]) -> dict[Row, dict[str, Any]]:
        """See SearchedQuarter."""
        if not topics or not self._limits:
            return {}
        limit, values = self._of_sentences("x")
        counted = self._all(
            f"SELECT x.topic_id, x.transcript_id, count(*) FROM {{}} x WHERE x.quarter = %s AND x.topic_id = ANY(%s) "
            f"AND {limit} GROUP BY 1, 2",
            "sentence",
            [self._known.quarter, list(topics), *values],
        )
        # Later entries replace earlier ones: the largest count, of equals the later call, is the last.
        counted.sort(key=lambda row: (row[2], self._calls[row[1]][0]))
        return {topic: self._calls[call][1] for topic, call, _ in counted}

    def nearest_sentences(self, level: str, row: Row, vector: Vector, n: int) -> list[tuple[Row, float]]:
        """See SearchedQuarter."""
        limit, values = self._of_sentences("x")
        parent = "topic_id" if level == "topic" else "theme_id"
        # By an expression that no index has: all sentences of the parent are compared.
        found = self._all(
            f"SELECT x.sentence_id FROM {{}} x WHERE x.quarter = %s AND x.{parent} = %s AND {limit} "
            f"ORDER BY (x.embedding <=> %s::{self._known.type}) + 0, x.sentence_id LIMIT %s",
            "sentence",
            [self._known.quarter, row, *values, as_text(vector), n],
        )
        cosines = self._fetch("sentence", [id_ for (id_,) in found], vector)
        self._fetch("topic", {r["topic_id"] for r in self._held("sentence", cosines, "topic_id")})
        return [(id_, cosines[id_]) for (id_,) in found]

    def _nearest(self, level: str, asked: AskedWords, vector: Vector, pool: int) -> list[str]:
        """Return the ids of the nearest rows: by the HNSW index, or by all that meet the filter if it ends early."""
        limit, values = self._limit(level)
        phrases, phrase_values = asked.phrases()
        key = OF_LEVEL[level].key
        query = as_text(vector)
        tune(self._connection, pool)
        found: list[str] = []
        for exactly in ("", " + 0"):
            rows = self._all(
                f"SELECT x.{key} FROM {{}} x WHERE x.quarter = %s AND {limit} AND {phrases} "
                f"ORDER BY (x.embedding <=> %s::{self._known.type}){exactly} LIMIT %s",
                level,
                [self._known.quarter, *values, *phrase_values, query, pool],
            )
            found = [id_ for (id_,) in rows]
            if len(found) == min(pool, self._known.levels[level].n):
                break
        return found

    def _best_by_words(self, level: str, asked: AskedWords, pool: int) -> list[tuple[str, float]]:
        limit, values = self._limit(level)
        statement = asked.statement(OF_LEVEL[level].key, limit)
        if statement is None:
            return []
        text, before, after = statement
        rows = self._all(text, level, [*before, self._known.quarter, *values, *after, 2 * pool])
        return asked.rated(rows)[:pool]

    def _limit(self, level: str) -> tuple[str, list[Any]]:
        """Return the condition that rows of a level must meet, and its values; the row is `x`."""
        if level == "sentence":
            return self._of_sentences("x")
        if not self._limits:
            return "x.embedding IS NOT NULL", []
        limit, values = self._of_sentences("s")
        parent = f"{level}_id"
        sentences = self._place("sentence")
        of_it = f"s.{parent} = x.{parent}"
        if level == "theme" and not self._known.has_members:
            of_it = (
                f"s.topic_id IN (SELECT t.topic_id FROM {self._place('topic')} t "
                "WHERE t.quarter = x.quarter AND t.theme_id = x.theme_id)"
            )
        return (
            "x.embedding IS NOT NULL AND EXISTS "
            f"(SELECT FROM {sentences} s WHERE s.quarter = x.quarter AND {of_it} AND {limit})",
            values,
        )

    def _of_sentences(self, alias: str) -> tuple[str, list[Any]]:
        parts, values = [f"{alias}.embedding IS NOT NULL"], []
        for column, allowed in self._limits.items():
            parts.append(f"{alias}.{column} = ANY(%s)")
            values.append(allowed)
        if not self._wanted.with_procedural:
            parts.append(f"NOT {alias}.is_procedural")
        return " AND ".join(parts), values

    def _fetch(self, level: str, ids: Iterable[Row | None], vector: Vector | None = None) -> dict[Row, float]:
        """Read rows by their ids; return their cosines to a vector, NaN without one."""
        wanted, held = {i for i in ids if i is not None}, self._rows[level]
        if vector is None:
            wanted -= held.keys()
        if not wanted:
            return {}
        key, columns = OF_LEVEL[level].key, _SHOWN[level]
        cosine, values = "'NaN'::float8", []
        if vector is not None:
            cosine, values = f"1 - (x.embedding <=> %s::{self._known.type})", [as_text(vector)]
        found = self._all(
            f"SELECT x.{key}, {', '.join(f'x.{c}' for c in columns)}, {cosine} FROM {{}} x "
            f"WHERE x.quarter = %s AND x.{key} = ANY(%s)",
            level,
            [*values, self._known.quarter, sorted(map(str, wanted))],
        )
        cosines = {}
        for row in found:
            held[row[0]] = dict(zip(("id", *columns), row, strict=False))
            cosines[row[0]] = float(np.float32(row[-1]))
        return cosines

    def _held(self, level: str, ids: Iterable[Row], column: str) -> Iterable[Mapping[str, Any]]:
        return (own for i in ids if column in (own := self._rows[level].get(i, {})))

    def _place(self, level: str) -> str:
        """Return the quoted name of the table of a level."""
        schema = self._known.schema.replace('"', '""').replace("%", "%%")
        return f'"{schema}"."{OF_LEVEL[level].name}"'

    def _all(self, text: str, level: str, values: Sequence[Any]) -> list[tuple[Any, ...]]:
        """Return the rows of a statement in which `{}` is the table of a level."""
        # Statements are made of constants and quoted names; what varies are parameters.
        statement = text.replace("{}", self._place(level)).encode()
        return self._connection.execute(statement, values).fetchall()
