"""Which transcripts are calls to read at all, and for which company.

What belongs here: what is decided before any text is read, from one row per transcript and company: the firms that the
config leaves out, events that are not earnings calls, and transcripts that are listed for several companies.
"""

from __future__ import annotations

import re
from collections import defaultdict
from dataclasses import dataclass
from typing import NamedTuple

from ftm_resources.tables.components import is_earnings_call

NOT_CHOSEN = ("excluded", "not among the firms that the config asks for")
"""Status and reason of what a choice of some firms leaves out."""

_OTHER_EVENTS = re.compile(
    r"\bpresents? at\b|\bpresentation at\b|\bconference presentation|\b(?:investors?|analysts?|capital markets?) day"
    r"|\b(?:m ?& ?a|merger|acquisition|guidance|special|business update|fixed income|trading statement)\b.*\bcall"
    r"|\b(?:share|stock|unit)holders?'? meeting|\bannual general meeting|\bagm\b|\bfireside chat|\binvestor conference",
    re.IGNORECASE,
)


class Listing(NamedTuple):
    """A transcript as it is listed for one company."""

    transcript: str
    firm: str
    permno: int | None
    event_kind: str | None


@dataclass(frozen=True)
class Firms:
    """Which of the source's firms the quarter is made from."""

    only: frozenset[str] = frozenset()
    """Only these firms; all if empty."""
    first: int | None = None
    """Only this many firms, lowest id first; all if None."""
    without: frozenset[str] = frozenset()
    """Firms to leave out."""

    @property
    def is_subset(self) -> bool:
        """Whether the quarter is made from some firms only, to try settings."""
        return bool(self.only) or self.first is not None


def screen(listings: list[Listing], firms: Firms | None = None) -> dict[tuple[str, str], tuple[str, str]]:
    """Return the status and reason of each listing that is left out, by transcript and firm.

    A transcript that is listed for several companies is read for one: the first with a PERMNO, or the lowest id if none
    has one. A subset of firms is chosen after that, so that each firm has the same calls as in the whole quarter.

    >>> one, other = Listing("7", "20", None, None), Listing("7", "30", 10107, None)
    >>> screen([one, other])
    {('7', '20'): ('other_company', 'kept for company 30, which has a PERMNO')}
    """
    firms = firms or Firms()
    found: dict[tuple[str, str], tuple[str, str]] = {}
    by_transcript: defaultdict[str, list[Listing]] = defaultdict(list)
    for listing in sorted(listings, key=lambda x: (x.transcript, firm_order(x.firm))):
        key = listing.transcript, listing.firm
        if listing.firm in firms.without:
            found[key] = ("excluded", "exclude_firms names the firm")
        elif not is_earnings_call(listing.event_kind):
            found[key] = ("other_event", str(listing.event_kind))
        else:
            by_transcript[listing.transcript].append(listing)
    taken = []
    for several in by_transcript.values():
        kept = next((x for x in several if x.permno is not None), several[0])
        why = "which has a PERMNO" if kept.permno is not None else "the lowest id: none has a PERMNO"
        if all(x.permno is not None for x in several):
            why = "the lowest id: each has a PERMNO"
        taken.append(kept)
        for other in several:
            if other is not kept:
                found[other.transcript, other.firm] = (
                    "other_company",
                    f"kept for company {kept.firm}, {why}",
                )
    chosen = chosen_firms({x.firm for x in taken}, firms)
    for listing in taken:
        if listing.firm not in chosen:
            found[listing.transcript, listing.firm] = NOT_CHOSEN
    return found


def suggests_other_event(headline: str | None) -> bool:
    """Return whether a headline speaks of an event that is not an earnings call, and of no earnings.

    >>> [suggests_other_event(h) for h in ("Acme Presents at Tech Conference", "Acme Q4 2020 Earnings Call", None)]
    [True, False, False]
    """
    said = headline or ""
    return _OTHER_EVENTS.search(said) is not None and not re.search(
        r"\b(?:earnings|results)\b", said, re.IGNORECASE
    )


def chosen_firms(offered: set[str], firms: Firms) -> set[str]:
    """Return which of the firms that the source offers the quarter is made from."""
    chosen = sorted((offered & firms.only) if firms.only else offered, key=firm_order)
    return set(chosen[: firms.first]) - firms.without


def firm_order(firm: str) -> tuple[bool, int, str]:
    """Return the sort key of a company id: numbers by value, other ids after them."""
    return (False, int(firm), firm) if firm.isascii() and firm.isdecimal() else (True, 0, firm)
