"""What a quarter must answer to be searched, wherever its rows are: in an index, in memory or in a database.

What belongs here: the interface between what is the same everywhere (fusion, folding, hits) and what finds rows.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, Protocol

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    import numpy as np
    from numpy.typing import NDArray

    from ftm_resources.retrieval.calibration import Scale
    from ftm_resources.retrieval.full_text import Words
    from ftm_resources.retrieval.wanted import Wanted

    Vector = NDArray[np.float32]

Row = int | str
"""What tells a row of a quarter and level from the others, and orders equals: its number, or its id."""

Mode = Literal["hybrid", "vector", "text"]
MODES: tuple[Mode, ...] = ("hybrid", "vector", "text")


@dataclass(frozen=True)
class Match:
    """A row that vectors or words found."""

    row: Row
    cosine: float
    """To the query; NaN without a vector."""
    share: float | None
    """BM25's share of the most possible; None if its words are not among the best."""


class SearchedLevel(Protocol):
    """A level of a quarter."""

    @property
    def n(self) -> int:
        """Rows with a vector."""

    @property
    def dimension(self) -> int:
        """Length of the vectors."""

    @property
    def model(self) -> Mapping[str, Any]:
        """The model that they are recorded to be of; empty if none is."""

    @property
    def scale(self) -> Scale:
        """Its scale of cosines."""


class SearchedQuarter(Protocol):
    """A quarter under a filter. Texts are as in `levels.STRINGS`, calls as in `levels.CALLS`."""

    @property
    def is_exact(self) -> bool:
        """Whether every vector is compared, as there is no index."""

    def matches(self, level: str, words: Words, vector: Vector | None, pool: int, mode: Mode) -> list[Match]:
        """Return the `pool` rows nearest to a unit vector and the `pool` best by words; all have every phrase."""

    def parents(self, level: str, row: Row) -> tuple[Row | None, Row | None]:
        """Return the topic and the theme of a row: of these levels its own; of a sentence the one that it counts in."""

    def topic_of(self, sentence: Row) -> Row | None:
        """Return the topic of a sentence."""

    def strings(self, level: str, row: Row) -> dict[str, Any]:
        """Return what is shown of a row."""

    def tone(self, level: str, row: Row) -> float | None:
        """Return the tone of a row; None if it has none."""

    def spoken(self, sentence: Row) -> dict[str, str]:
        """Return the `section` and `speaker_type` of a sentence."""

    def firm(self, level: str, row: Row) -> str | None:
        """Return the id of the firm of a sentence or topic; None without one."""

    def call(self, level: str, row: Row) -> dict[str, Any]:
        """Return the call of a sentence or the usual one of a topic; empty without one."""

    def calls_under_filter(self, topics: Sequence[Row]) -> Mapping[Row, dict[str, Any]]:
        """Return the call of most of each topic's sentences that meet the filter, of equals the later; else empty."""

    def nearest_sentences(self, level: str, row: Row, vector: Vector, n: int) -> list[tuple[Row, float]]:
        """Return the `n` sentences of a topic or theme nearest to a unit vector, with cosines, nearest first."""


class Searchable(Protocol):
    """A quarter that can be searched."""

    @property
    def quarter(self) -> str:
        """Its name."""

    @property
    def levels(self) -> Mapping[str, SearchedLevel]:
        """Its levels by name."""

    def firms_without_calls(self, wanted: Wanted) -> Iterable[str]:
        """Return the wanted firms and PERMNOs, as text, of which no call is here."""

    def under(self, wanted: Wanted) -> SearchedQuarter:
        """Return the quarter under a filter."""
