"""The components of transcripts from the rows of WRDS's tables: which have text, and their order."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from ftm_resources.sources.wrds.postgres import wrds_error
from ftm_resources.sources.wrds.schema import position, text, whole


@dataclass(frozen=True)
class Turns:
    """The components of a transcript."""

    spoken: Sequence[tuple[Any, ...]] = ()
    """(order, text, component type, person, speaker type) of each that has text, in order."""
    n_empty: int = 0


def grouped(rows: Iterable[tuple[Any, ...]], where: str) -> dict[int, Turns]:
    """Return the components of each transcript, from rows (transcript, component, order, text, …) of `where`.

    SourceError if a row has no id.
    """
    spoken: dict[int, list[tuple[Any, ...]]] = defaultdict(list)
    empty: dict[int, set[int]] = defaultdict(set)
    for transcript, component, order, words, *said in rows:
        try:
            of, number = whole(transcript), whole(component)
        except ValueError as error:
            raise wrds_error(where, f"transcript {transcript}: {error}", "Report the row to WRDS.") from error
        if text(words):
            spoken[of].append((number, position(order), words, *said))
        else:
            empty[of].add(number)
    transcripts = spoken.keys() | empty.keys()
    return {t: Turns(_ordered(spoken.get(t, [])), len(empty.get(t, ()))) for t in transcripts}


def _ordered(components: Sequence[tuple[Any, ...]]) -> list[tuple[Any, ...]]:
    """Return (order, text, …) of each component once, in order.

    The order is the vendor's. If it is missing or not unique, components are numbered instead, sorted by that order
    and then by id.
    """
    by_id: dict[int, tuple[Any, ...]] = {}
    # A component with several rows in the people table is still one component.
    for component, *rest in sorted(components, key=lambda c: tuple(str(v) for v in c)):
        by_id.setdefault(component, tuple(rest))
    rows = sorted(by_id.items(), key=lambda item: (item[1][0] is None, item[1][0] or 0, item[0]))
    orders = [rest[0] for _, rest in rows]
    is_sound = None not in orders and len(set(orders)) == len(orders)
    return [
        (order if is_sound else i, *rest[1:])
        for i, (order, (_, rest)) in enumerate(zip(orders, rows, strict=True))
    ]
