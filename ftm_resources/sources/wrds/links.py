"""Links from a Capital IQ company to its GVKEY and PERMNO as of a date: which are valid, which one wins.

The rows come from WRDS (`ciq.wrds_gvkey` and CRSP's link table); how they are read is `capital_iq`'s.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field
from datetime import date
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

LINK_TYPES = ("LC", "LU")
"""Types of a usable link, best first: confirmed by research, then unconfirmed."""

LINK_PRIMARY = ("P", "C")
"""Marks of a primary link, best first: set by Compustat, then by CRSP."""

_EVER = date.min
_OPEN = date.max


@dataclass(frozen=True)
class GvkeySpan:
    """A GVKEY of a company and the days on which it is valid; no start: since ever, no end: still."""

    gvkey: str
    start: date | None
    end: date | None

    def covers(self, day: date) -> bool:
        """Return whether the GVKEY is the company's on that day, both ends included."""
        return (self.start or _EVER) <= day <= (self.end or _OPEN)


@dataclass(frozen=True)
class PermnoSpan:
    """A link of a GVKEY to a PERMNO and the days on which it is valid."""

    permno: int
    start: date | None
    end: date | None
    type: str
    """One of LINK_TYPES."""
    primary: str
    """One of LINK_PRIMARY."""

    def covers(self, day: date) -> bool:
        """Return whether the link is valid on that day, both ends included."""
        return (self.start or _EVER) <= day <= (self.end or _OPEN)

    def __str__(self) -> str:
        return f"{self.permno} ({self.type} {self.primary} from {self.start or 'ever'})"


@dataclass(frozen=True)
class Link:
    """What a company is linked to on a day."""

    gvkey: str | None
    permno: int | None
    note: str | None
    """Why there is no PERMNO, as `category: details`; or between which PERMNOs was chosen; else None."""


@dataclass
class Links:
    """All GVKEYs of some companies, and all links of those GVKEYs."""

    gvkeys: dict[int, list[GvkeySpan]] = field(default_factory=lambda: defaultdict(list))
    permnos: dict[str, list[PermnoSpan]] = field(default_factory=lambda: defaultdict(list))

    def at(self, company: int, day: date) -> Link:
        """Return the company's GVKEY and PERMNO on a day.

        Of several valid links the primary wins: LC before LU, then P before C, then the newest start, then the
        lowest PERMNO; the choice is noted. Of several valid GVKEYs that of the PERMNO counts, else the newest.
        """
        known = self.gvkeys.get(company, [])
        valid = sorted((s for s in known if s.covers(day)), key=lambda s: (_newest(s.start), s.gvkey))
        if not valid:
            has = f"GVKEY {_list(s.gvkey for s in known)}, but not on {day}" if known else "none"
            return Link(None, None, f"no GVKEY: company {company} has {has}")
        links = sorted(
            ((p, s.gvkey) for s in valid for p in self.permnos.get(s.gvkey, []) if p.covers(day)),
            key=lambda found: _rank(found[0]),
        )
        if not links:
            return Link(valid[0].gvkey, None, self._why_not(valid, day))
        (best, gvkey), others = links[0], [p for p, _ in links[1:]]
        rivals = [p for p in others if p.permno != best.permno]
        note = f"several PERMNOs on {day}: {best} taken before {_list(map(str, rivals))}" if rivals else None
        return Link(gvkey, best.permno, note)

    def _why_not(self, valid: list[GvkeySpan], day: date) -> str:
        names = _list(s.gvkey for s in valid)
        spans = [p for s in valid for p in self.permnos.get(s.gvkey, [])]
        if not spans:
            return f"no PERMNO: GVKEY {names} has none in CRSP"
        ended = [p.end for p in spans if p.end and p.end < day]
        if ended:
            return (
                f"PERMNO expired: the last link of GVKEY {names} ended on {max(ended)}, the call is of {day}"
            )
        first = min(p.start for p in spans if p.start)
        return (
            f"PERMNO not yet valid: the first link of GVKEY {names} starts on {first}, the call is of {day}"
        )


def _rank(link: PermnoSpan) -> tuple[int, int, int, int]:
    return (
        LINK_TYPES.index(link.type),
        LINK_PRIMARY.index(link.primary),
        _newest(link.start),
        link.permno,
    )


def _newest(start: date | None) -> int:
    return -(start or _EVER).toordinal()


def _list(names: Iterable[str]) -> str:
    return ", ".join(dict.fromkeys(names))
