"""A quarter whose rows are numbered in arrays: its calls, its levels, and which rows meet a filter and a query.

What belongs here: how `searched.Searchable` and `SearchedQuarter` are answered by an index or from memory.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa

from ftm_resources.retrieval.full_text import NUMBERS
from ftm_resources.retrieval.levels import NOT_SCORED
from ftm_resources.retrieval.searched import Match
from ftm_resources.retrieval.wanted import calls_wanted, firms_without_calls
from ftm_resources.tables.categories import SECTIONS, SPEAKER_TYPES

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from numpy.typing import NDArray

    from ftm_resources.retrieval.calibration import Scale
    from ftm_resources.retrieval.full_text import TextIndex, Words
    from ftm_resources.retrieval.searched import Mode, Row
    from ftm_resources.retrieval.vector_scan import Vectors
    from ftm_resources.retrieval.wanted import Wanted

    Mask = NDArray[np.bool_]


@dataclass
class OpenLevel:
    """The rows of a level."""

    n: int
    vectors: Vectors
    columns: Mapping[str, NDArray[Any]]
    scale: Scale
    model: Mapping[str, Any]
    dimension: int
    strings: Callable[[int], dict[str, Any]]
    """Row → what is shown of it."""
    make_text: Callable[[], TextIndex]
    _text: TextIndex | None = field(default=None, init=False)

    @property
    def text(self) -> TextIndex:
        """Its full text, opened or made at first use."""
        if self._text is None:
            self._text = self.make_text()
        return self._text

    def open_text(self) -> None:
        """Open the full text now."""
        self._text = self.make_text()


@dataclass(frozen=True)
class Chosen:
    """The rows of a level that meet a filter."""

    mask: Mask | None
    """None: all."""
    within: Mapping[str, Sequence[int]] | None = None
    """The same filter by numbers of the full-text index; None if it cannot say it."""


@dataclass(frozen=True)
class OpenQuarter:
    """A quarter, open for search."""

    quarter: str
    calls: pa.Table
    levels: Mapping[str, OpenLevel]
    is_exact: bool
    """Whether every vector is compared, as there is no index to scan."""

    def chosen(self, wanted: Wanted) -> dict[str, Chosen]:
        """Return level → the rows that meet a filter: a topic or theme does if one of its own sentences does.

        A theme's own are those that count in it; before `theme_sentences` is made, all of its topics.
        """
        sentence, topic, theme = (self.levels[name] for name in ("sentence", "topic", "theme"))
        columns, within = sentence.columns, {}
        mask = np.ones(sentence.n, np.bool_)
        calls = calls_wanted(wanted, self.calls)
        if calls is not None:
            # The last place is of sentences without a call.
            mask &= np.append(calls, False)[columns["call"]]
            within["call"] = np.flatnonzero(calls).tolist()
        for name, given, known in (
            ("speaker", wanted.speakers, SPEAKER_TYPES),
            ("section", wanted.sections, SECTIONS),
        ):
            if given:
                codes = [known.index(g) for g in given]
                mask &= np.isin(columns[name], codes)
                within[name] = codes
        is_narrower = bool(within)
        if not wanted.with_procedural:
            mask &= columns["is_procedural"] == 0
            within["is_procedural"] = [0]
        chosen = Chosen(mask if within else None, within)
        if not is_narrower:
            return {"sentence": chosen, "topic": Chosen(None), "theme": Chosen(None)}
        topics = _with_one(columns["topic"][mask], topic.n)
        counts = mask & (columns["is_member"] == 1) if columns["is_member"].any() else mask
        of_themes = _with_one(columns["topic"][counts], topic.n)
        themes = _with_one(topic.columns["theme"][of_themes], theme.n)
        return {"sentence": chosen, "topic": Chosen(topics), "theme": Chosen(themes)}

    def firms_without_calls(self, wanted: Wanted) -> list[str]:
        """Return the wanted firms and PERMNOs, as text, of which no call is here."""
        return firms_without_calls(wanted, self.calls)

    def under(self, wanted: Wanted) -> UnderFilter:
        """Return the quarter under a filter."""
        return UnderFilter(self, self.chosen(wanted))

    def call_at(self, number: int) -> dict[str, Any]:
        """Return a call by its number; nothing for −1."""
        held: list[dict[str, Any]] = self.calls.slice(number, 1).to_pylist() if number >= 0 else [{}]
        return held[0]


@dataclass(frozen=True)
class UnderFilter:
    """See `searched.SearchedQuarter`; rows are numbers."""

    opened: OpenQuarter
    chosen: Mapping[str, Chosen]

    @property
    def is_exact(self) -> bool:
        """See SearchedQuarter."""
        return self.opened.is_exact

    def matches(
        self, level: str, words: Words, vector: NDArray[np.float32] | None, pool: int, mode: Mode
    ) -> list[Match]:
        """See SearchedQuarter."""
        held, chosen = self.opened.levels[level], self.chosen[level]
        mask = chosen.mask
        if not held.n:
            return []
        if words.phrases:
            with_phrases = held.text.with_phrases(words, held.n)
            mask = with_phrases if mask is None else mask & with_phrases
        near = np.empty(0, np.int64)
        if vector is not None:
            near, _ = held.vectors.nearest(vector, pool, mask)
        worded, shares = np.empty(0, np.int64), np.empty(0, np.float64)
        if mode != "vector":
            # The full text filters by itself, unless it lacks the numbers.
            within = chosen.within
            worded, shares = held.text.best(words, pool, within=within, mask=None if within else mask)
        rows = np.unique(np.concatenate([near, worded]))
        cosines = (
            np.full(len(rows), np.nan, np.float32)
            if vector is None
            else held.vectors.similarities(rows, vector)
        )
        share = dict(zip(worded.tolist(), shares.tolist(), strict=True))
        both = zip(rows.tolist(), cosines.tolist(), strict=True)
        return [Match(row, cosine, share.get(row)) for row, cosine in both]

    def parents(self, level: str, row: Row) -> tuple[Row | None, Row | None]:
        """See SearchedQuarter."""
        if level == "theme":
            return None, row
        if level == "topic":
            return row, self._number("topic", "theme", row)
        topic = self.topic_of(row)
        is_member = topic is not None and bool(self._column("sentence", "is_member")[row])
        return topic, self._number("topic", "theme", topic) if topic is not None and is_member else None

    def topic_of(self, sentence: Row) -> Row | None:
        """See SearchedQuarter."""
        return self._number("sentence", "topic", sentence)

    def strings(self, level: str, row: Row) -> dict[str, Any]:
        """See SearchedQuarter."""
        return self.opened.levels[level].strings(int(row))

    def tone(self, level: str, row: Row) -> float | None:
        """See SearchedQuarter."""
        if level == "sentence":
            label = int(self._column(level, "label")[row])
            return None if label == NOT_SCORED else float(label)
        tone = float(self._column(level, "tone")[row])
        return None if np.isnan(tone) else tone

    def spoken(self, sentence: Row) -> dict[str, str]:
        """See SearchedQuarter."""
        section, speaker = (self._column("sentence", name)[sentence] for name in ("section", "speaker"))
        return {"section": SECTIONS[section], "speaker_type": SPEAKER_TYPES[speaker]}

    def firm(self, level: str, row: Row) -> str | None:
        """See SearchedQuarter."""
        call = int(self._column(level, "call")[row])
        firm: str | None = self.opened.calls["firm_id"][call].as_py() if call >= 0 else None
        return firm

    def call(self, level: str, row: Row) -> dict[str, Any]:
        """See SearchedQuarter."""
        return self.opened.call_at(int(self._column(level, "call")[row]))

    def calls_under_filter(self, topics: Sequence[Row]) -> dict[Row, dict[str, Any]]:
        """See SearchedQuarter."""
        mask = self.chosen["sentence"].mask
        if not topics or self.chosen["topic"].mask is None or mask is None:
            return {}
        columns = self.opened.levels["sentence"].columns
        kept = np.flatnonzero(mask & np.isin(columns["topic"], topics) & (columns["call"] >= 0))
        pairs, counts = np.unique(
            np.stack([columns["topic"][kept], columns["call"][kept]]), axis=1, return_counts=True
        )
        # Later entries replace earlier ones: the largest count, of equals the later call, is the last.
        order = np.lexsort((pairs[1], counts))
        both = zip(pairs[0][order].tolist(), pairs[1][order].tolist(), strict=True)
        return {topic: self.opened.call_at(call) for topic, call in both}

    def nearest_sentences(
        self, level: str, row: Row, vector: NDArray[np.float32], n: int
    ) -> list[tuple[Row, float]]:
        """See SearchedQuarter."""
        sentences, limit = self.opened.levels["sentence"], self.chosen["sentence"].mask
        if not sentences.n:
            return []
        of_topic = sentences.columns["topic"]
        if level == "topic":
            mask = of_topic == row
        else:
            # The last place is of sentences without a topic.
            is_its = np.append(self._column("topic", "theme") == row, False)
            mask = is_its[of_topic] & (sentences.columns["is_member"] == 1)
        if limit is not None:
            mask &= limit
        rows, found = sentences.vectors.nearest(vector, n, mask)
        return list(zip(rows.tolist(), found.tolist(), strict=True))

    def _column(self, level: str, name: str) -> NDArray[Any]:
        return self.opened.levels[level].columns[name]

    def _number(self, level: str, name: str, row: Row) -> int | None:
        """Return the number of a row that another refers to; None for −1."""
        number = int(self._column(level, name)[row])
        return None if number < 0 else number


def numbers_of(level: str) -> tuple[str, ...]:
    """Return the numbers by which the full text of a level is filtered."""
    return NUMBERS if level == "sentence" else ()


def _with_one(numbers: NDArray[np.int32], n: int) -> Mask:
    mask = np.zeros(n, np.bool_)
    mask[numbers[numbers >= 0]] = True
    return mask
