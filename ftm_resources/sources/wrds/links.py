"""Links from a Capital IQ company to its GVKEY and PERMNO as of a date: which are valid, and which to prefer.

The rows come from WRDS (`ciq.wrds_gvkey` and CRSP's link table); `capital_iq` reads them.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field
from datetime import date
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

LINK_TYPES = ("LC", "LU")
"""Usable link types, best first: confirmed by research, then unconfirmed."""

LINK_PRIMARY = ("P", "C")
"""Primary-link markers, best first: set by Compustat, then by CRSP."""

_EVER = date.min
_OPEN = date.max


@dataclass(frozen=True)
class GvkeySpan:
    """A company's GVKEY and its validity dates; None as start or end means unbounded."""

    gvkey: str
    start: date | None
    end: date | None

    def covers(self, day: date) -> bool:
        """Return whether the GVKEY is valid on that day, both ends included."""
        return (self.start or _EVER) <= day <= (self.end or _OPEN)


@dataclass(frozen=True)
class PermnoSpan:
    """A link from a GVKEY to a PERMNO and its validity dates."""

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
        return f"{self.permno} ({self.type} {self.primary} from {self.start or 'the first record'})"


@dataclass(frozen=True)
class Link:
    """A company's identifiers on a day."""

    gvkey: str | None
    permno: int | None
    note: str | None
    """Why there is no PERMNO, as `category: details`; the choice, if there were several; otherwise None."""


@dataclass
class Links:
    """All GVKEYs of some companies, and all links from those GVKEYs."""

    gvkeys: dict[int, list[GvkeySpan]] = field(default_factory=lambda: defaultdict(list))
    permnos: dict[str, list[PermnoSpan]] = field(default_factory=lambda: defaultdict(list))

    def at(self, company: int, day: date) -> Link:
        """Return the company's GVKEY and PERMNO on a day.

        Among several valid links, LC is preferred to LU, then P to C, then the latest start, then the lowest PERMNO;
        the choice is noted. Among several valid GVKEYs, the one linked to that PERMNO is used, or else the newest.
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
        note = f"several PERMNOs on {day}: {best} preferred to {_list(map(str, rivals))}" if rivals else None
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
