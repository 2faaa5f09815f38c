"""Which quarters a search is asked to look in: names and ranges, against those that are there."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ftm_resources.quarters import parse

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence


def quarters_among(
    stored: Sequence[str], asked: str | Iterable[str] | None, missing: Callable[[str], Exception]
) -> list[str]:
    """Return the stored quarters that are asked for, sorted; None asks for all.

    Raises what `missing` returns if none of a name or range is stored, and ValueError if it is not a quarter.
    """
    if asked is None:
        return list(stored)
    chosen: set[str] = set()
    texts = [asked] if isinstance(asked, str) else list(asked)
    if not texts:
        raise ValueError("no quarter is given; leave quarters out to search all that are stored")
    for text in texts:
        first, dots, last = text.partition("..")
        if dots and not (first.strip() and last.strip(" .")):
            raise ValueError(
                f"{text!r} is not a range of quarters: it needs the first and the last, such as 2018Q1..2026Q4"
            )
        start, end = parse(first), parse(last.lstrip(".")) if last else parse(first)
        if start > end:
            raise ValueError(
                f"{text!r} is not a range of quarters such as 2018Q1..2026Q4, from the first to the last"
            )
        within = [q for q in stored if start <= q <= end]
        if not within:
            raise missing(text)
        chosen.update(within)
    return sorted(chosen)
