"""Words in a copy: rows are found by PostgreSQL's full text, and rated by BM25 with the counts that were published.

What belongs here: the statement and the rating. PostgreSQL ranks nothing by itself: `ts_rank` does not know how rare a
word is. So rows are ordered by BM25 as if each word occurred once, and the best are rated by how often each does. Only
lengths differ from the index, which rounds them.
"""

# ruff: noqa: S608 - statements are made of constants and quoted names
from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ftm_resources.postgres.layout import WORD_COUNTS
from ftm_resources.retrieval.full_text import (
    FIRM_WEIGHT,
    LENGTH_SHARE,
    SATURATION,
    most_possible,
    saturated,
    weight,
)
from ftm_resources.retrieval.merging import LEAST_OF_QUERY

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import psycopg

    from ftm_resources.postgres.copied_quarters import Known
    from ftm_resources.retrieval.full_text import Words

COMMON = 50_000
"""Rows with a word from which it is not looked for, if others have most of the query's weight."""


def counts_of(
    connection: psycopg.Connection[tuple[Any, ...]], known: Known, level: str, words: Words
) -> dict[tuple[str, str], int]:
    """Return field and token → rows of the level that have it, for the tokens of a query."""
    from psycopg import sql  # noqa: PLC0415 - an extra

    tokens = {token for group in (*words.words, *words.phrases) for token in group}
    found = connection.execute(
        sql.SQL(
            "SELECT field, word, n_rows FROM {} WHERE quarter = %s AND level = %s AND word = ANY(%s)"
        ).format(sql.Identifier(known.schema, WORD_COUNTS)),
        [known.quarter, level, sorted(tokens)],
    ).fetchall()
    return {(name, word): n for name, word, n in found}


@dataclass(frozen=True)
class AskedWords:
    """A query's words and phrases, in a level of a quarter."""

    words: Words
    known: Known
    level: str
    counts: Mapping[tuple[str, str], int]

    def phrases(self) -> tuple[str, list[Any]]:
        """Return the condition that a row has every quoted phrase, and its values; the row is `x`."""
        parts, values = ["true"], []
        for phrase in self.words.phrases:
            part, own = self._has(phrase)
            parts.append(part)
            values += own
        return " AND ".join(parts), values

    def statement(self, key: str, limit: str) -> tuple[str, list[Any], list[Any]] | None:
        """Return the statement for the best rows, and its values before and after those of quarter and limit.

        It gives, for each row: id, the places of each of the query's tokens, its length and its call. None if the query
        has no word.
        """
        groups = self._groups
        if not groups:
            return None
        score, score_values = [], []
        for group in groups:
            said, named = self._said(group), self._named(group)
            score.append(
                f"greatest(CASE WHEN {said[0]} THEN {self._weight('text', group)!r} "
                f"/ (1 + {SATURATION - 1!r} * ({1 - LENGTH_SHARE!r} + {LENGTH_SHARE!r} * length(x.words) "
                f"/ {max(1.0, self._mean('text'))!r})) ELSE 0 END, "
                f"CASE WHEN {named[0]} THEN {FIRM_WEIGHT * self._weight('firm', group) / SATURATION!r} ELSE 0 END)"
            )
            score_values += [*said[1], *named[1]]
        phrases, phrase_values = self.phrases()
        any_word, any_values = "true", []
        if not self.words.phrases:
            parts = [self._has(group) for group in self._looked_for()]
            any_word = " OR ".join(part for part, _ in parts)
            any_values = [value for _, own in parts for value in own]
        tokens = sorted({token for group in groups for token in group})
        text = (
            f"SELECT x.{key}, "
            "(SELECT jsonb_object_agg(lexeme, positions) FROM unnest(x.words) WHERE lexeme = ANY(%s)), "
            "(SELECT sum(cardinality(positions)) FROM unnest(x.words)), "
            f"{'NULL' if self.level == 'theme' else 'x.transcript_id'} FROM {{}} x "
            f"WHERE x.quarter = %s AND {limit} AND {phrases} AND ({any_word}) "
            f"ORDER BY {' + '.join(score)} DESC, x.{key} LIMIT %s"
        )
        return text, [tokens], [*phrase_values, *any_values, *score_values]

    def rated(self, rows: Sequence[tuple[Any, ...]]) -> list[tuple[str, float]]:
        """Return the ids of the statement's rows and their share of the most possible BM25, best first."""
        n = self.known.levels[self.level].n
        most = most_possible(self.words, lambda name, token: self.counts.get((name, token), 0), n)
        rated = []
        for id_, places, length, call in rows:
            said_at = {token: set(at) for token, at in (places or {}).items()}
            firm = self.known.firms.get(call or "", [])
            named_at: dict[str, set[int]] = {}
            for i, token in enumerate(firm):
                named_at.setdefault(token, set()).add(i)
            total = 0.0
            for group in self._groups:
                said = saturated(_times(said_at, group), float(length), self._mean("text"))
                named = saturated(_times(named_at, group), len(firm), self._mean("firm"))
                total += max(
                    self._weight("text", group) * said, FIRM_WEIGHT * self._weight("firm", group) * named
                )
            rated.append((id_, total / most))
        return sorted(rated, key=lambda row: (-row[1], row[0]))

    @property
    def _groups(self) -> tuple[tuple[str, ...], ...]:
        return (*self.words.words, *self.words.phrases)

    def _looked_for(self) -> list[tuple[str, ...]]:
        """Return the words of which a row must have one: all but common ones without which no row is ranked."""
        weights = {
            g: max(self._weight("text", g), FIRM_WEIGHT * self._weight("firm", g)) for g in self.words.words
        }
        by_weight = sorted(weights, key=lambda g: weights[g])
        left, dropped = list(by_weight), 0.0
        for group in by_weight[:-1]:
            dropped += weights[group]
            is_common = min(self.counts.get(("text", token), 0) for token in group) > COMMON
            if not is_common or dropped >= LEAST_OF_QUERY * sum(weights.values()):
                break
            left.remove(group)
        return left

    def _has(self, group: tuple[str, ...]) -> tuple[str, list[Any]]:
        said, named = self._said(group), self._named(group)
        return f"({said[0]} OR {named[0]})", [*said[1], *named[1]]

    def _said(self, group: tuple[str, ...]) -> tuple[str, list[Any]]:
        return "x.words @@ %s::tsquery", [" <-> ".join(f"'{_quoted(token)}'" for token in group)]

    def _named(self, group: tuple[str, ...]) -> tuple[str, list[Any]]:
        """Return the condition that the firm's name or ticker has the words, one after the other."""
        calls = [call for call, own in self.known.firms.items() if _holds(own, group)]
        if self.level == "theme" or not calls:
            return "false", []
        return "x.transcript_id = ANY(%s)", [calls]

    def _weight(self, name: str, group: tuple[str, ...]) -> float:
        n = self.known.levels[self.level].n
        return sum(weight(n, self.counts.get((name, token), 0)) for token in group)

    def _mean(self, name: str) -> float:
        return self.known.levels[self.level].lengths[name] or 1.0


def _quoted(token: str) -> str:
    return token.replace("\\", "\\\\").replace("'", "''")


def _holds(tokens: list[str], group: tuple[str, ...]) -> bool:
    return any(tuple(tokens[i : i + len(group)]) == group for i in range(len(tokens)))


def _times(places: Mapping[str, set[int]], group: tuple[str, ...]) -> int:
    """Return how often tokens occur one after the other, from the places of each."""
    first, *others = (places.get(token, set()) for token in group)
    return sum(all(at + i in other for i, other in enumerate(others, 1)) for at in first)
