"""A quarter that is open for search: its calls, its levels, and which of their rows meet a filter."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from ftm_resources.retrieval.full_text import NUMBERS
from ftm_resources.tables.categories import SECTIONS, SPEAKER_TYPES

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from datetime import date

    from numpy.typing import NDArray

    from ftm_resources.retrieval.calibration import Scale
    from ftm_resources.retrieval.full_text import TextIndex
    from ftm_resources.retrieval.vector_scan import Vectors

    Mask = NDArray[np.bool_]


@dataclass(frozen=True)
class Wanted:
    """Which rows are searched. An empty tuple allows all; ids of firms may be tickers too."""

    firms: tuple[str, ...] = ()
    permnos: tuple[int, ...] = ()
    speakers: tuple[str, ...] = ()
    sections: tuple[str, ...] = ()
    since: date | None = None
    until: date | None = None
    with_procedural: bool = False
    """Sentences about the call itself, too."""

    def __post_init__(self) -> None:
        for what, given, known in (
            ("speaker", self.speakers, SPEAKER_TYPES),
            ("section", self.sections, SECTIONS),
        ):
            if unknown := [g for g in given if g not in known]:
                raise ValueError(f"there is no {what} {unknown[0]!r}; choose from {', '.join(known)}")
        if self.since and self.until and self.since > self.until:
            raise ValueError(f"since ({self.since}) is after until ({self.until})")


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
        calls = self._calls(wanted)
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
        held = {name: set(self.calls[name].to_pylist()) for name in ("firm_id", "ticker", "permno")}
        tickers = {t.upper() for t in held["ticker"] if t}
        return [
            *(f for f in wanted.firms if f not in held["firm_id"] and f.upper() not in tickers),
            *(f"PERMNO {p}" for p in wanted.permnos if p not in held["permno"]),
        ]

    def _calls(self, wanted: Wanted) -> Mask | None:
        """Return the mask of the calls that meet the filter; None if it does not limit them."""
        limits = []
        if wanted.firms:
            named = [f.upper() for f in wanted.firms]
            tickers = pc.is_in(
                pc.utf8_upper(self.calls["ticker"]), value_set=_array(named, "ticker", self.calls)
            )
            ids = pc.is_in(self.calls["firm_id"], value_set=_array(wanted.firms, "firm_id", self.calls))
            limits.append(pc.or_(ids, tickers))
        if wanted.permnos:
            limits.append(
                pc.is_in(self.calls["permno"], value_set=_array(wanted.permnos, "permno", self.calls))
            )
        if wanted.since:
            limits.append(pc.greater_equal(self.calls["call_date"], wanted.since))
        if wanted.until:
            limits.append(pc.less_equal(self.calls["call_date"], wanted.until))
        if not limits:
            return None
        mask = np.ones(self.calls.num_rows, np.bool_)
        for limit in limits:
            mask &= limit.fill_null(False).to_numpy(zero_copy_only=False)
        return mask


def numbers_of(level: str) -> tuple[str, ...]:
    """Return the numbers by which the full text of a level is filtered."""
    return NUMBERS if level == "sentence" else ()


def _with_one(numbers: NDArray[np.int32], n: int) -> Mask:
    mask = np.zeros(n, np.bool_)
    mask[numbers[numbers >= 0]] = True
    return mask


def _array(values: Sequence[Any], column: str, calls: pa.Table) -> pa.Array:
    return pa.array(values, calls.schema.field(column).type)
