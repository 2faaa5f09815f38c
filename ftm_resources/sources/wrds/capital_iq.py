"""The Capital IQ source: the earnings calls of a quarter from WRDS, linked to GVKEY and PERMNO by date.

One query reads the calls (all versions), one the links; then the components of the chosen versions are read in
batches of calls. `audit` returns what was left out, and why. Never prompts for credentials: see `postgres`.

`ftm export transcripts --quarter 2023Q1 --out FILE` writes the same components to a file for the `files` source.
"""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from typing import Any

import pyarrow as pa

from ftm_resources.quarters import NEW_YORK, bounds
from ftm_resources.sources import moments, vendor_codes
from ftm_resources.sources.base import Progress, TranscriptSource
from ftm_resources.sources.values import UNKNOWN_SPEAKER, is_gap
from ftm_resources.sources.wrds.links import LINK_PRIMARY, LINK_TYPES, GvkeySpan, Link, Links, PermnoSpan
from ftm_resources.sources.wrds.postgres import PAUSES, Access, Wrds, one_at_a_time, wrds_error
from ftm_resources.sources.wrds.schema import (
    Tables,
    code,
    day,
    gvkey,
    moment,
    text,
    whole,
    whole_or_none,
)
from ftm_resources.sources.wrds.turns import Turns, grouped
from ftm_resources.tables.components import (
    AUDIT,
    COMPONENTS,
    EARNINGS_CALLS,
    NEIGHBOUR_DAYS,
    Rank,
    rank,
    why_preferred,
)

BATCH_CALLS = 200
"""Calls whose components are read at a time, about 10 MB: the most that a dropped connection loses."""

_CALLS = """
SELECT companyid, companyname, keydevid, transcriptid, headline, mostimportantdateutc, mostimportanttimeutc,
    transcriptcollectiontypeid, transcriptcollectiontypename, transcriptcreationdate_utc, transcriptcreationtime_utc
FROM {details}
WHERE keydeveventtypeid = :event AND mostimportantdateutc >= :first AND mostimportantdateutc < :end
"""

_LINKS = """
SELECT g.companyid, g.gvkey, g.startdate, g.enddate, l.lpermno, l.linkdt, l.linkenddt, l.linktype, l.linkprim
FROM {gvkeys} g LEFT JOIN {links} l
    ON l.gvkey = g.gvkey AND l.linktype = ANY(:types) AND l.linkprim = ANY(:primary) AND l.lpermno IS NOT NULL
WHERE g.companyid = ANY(:companies) AND g.gvkey IS NOT NULL
"""

_COMPONENTS = """
SELECT c.transcriptid, c.transcriptcomponentid, c.componentorder, c.componenttext,
    p.transcriptcomponenttypename, p.transcriptpersonname, p.speakertypename
FROM {components} c LEFT JOIN {people} p ON p.transcriptcomponentid = c.transcriptcomponentid{and_people}
WHERE c.transcriptid = ANY(:transcripts)
"""

_AND_PEOPLE = " AND p.transcriptid = ANY(:transcripts)"
"""Used if the people table has the column; without it, each batch may scan the whole table."""


_UNLINKED = Link(None, None, None)


@dataclass(frozen=True)
class Version:
    """One version of a call, as listed for one company: a transcript of its event."""

    transcript: int
    company: int
    name: str
    event: int | None
    headline: str | None
    at: datetime
    is_date_only: bool
    collection: str | None
    created: datetime | None
    """When this version was created, in UTC."""
    link: Link = _UNLINKED
    notes: tuple[str, ...] = ()

    @property
    def day(self) -> date:
        """The date of the call in New York."""
        return self.at.date() if self.is_date_only else self.at.astimezone(NEW_YORK).date()

    @property
    def rank(self) -> Rank:
        """The rank among the versions of the call, whose texts are not known yet."""
        return rank(self.collection, self.created, str(self.transcript), 0)


class CapitalIqSource(TranscriptSource):
    """Capital IQ's earnings calls, through WRDS."""

    name = "capital_iq"

    def __init__(
        self,
        *,
        require_permno: bool = True,
        batch_calls: int = BATCH_CALLS,
        pauses: Sequence[float] = PAUSES,
        wait: Callable[[float], None] = time.sleep,
    ) -> None:
        """Create the source without connecting: settings and credentials are read when a quarter is read.

        `require_permno` leaves out calls of firms without a PERMNO on the call date; `pauses` and `wait`: see `Wrds`.
        """
        self._require_permno, self._batch_calls = require_permno, batch_calls
        self._pauses, self._wait = pauses, wait
        self._audit = _Audit()

    def components(self, quarter: str, progress: Progress | None = None) -> Iterator[pa.Table]:
        """Yield the components of the chosen version of each linked call, 200 calls at a time, firm by firm.

        A transcript that is listed for several companies is linked and yielded for each. If the chosen version of a
        call has no text, the next best is read. The total reported to `progress` is estimated from the calls read so
        far. Components without text are skipped.
        """
        self._audit = _Audit(*bounds(quarter))
        tables, access = Tables.from_settings(), Access.from_settings()
        with one_at_a_time(access), Wrds(access, pauses=self._pauses, wait=self._wait) as wrds:
            by_transcript = tables.check(wrds)
            sql = _COMPONENTS.format(
                components=tables.components.sql,
                people=tables.people.sql,
                and_people=_AND_PEOPLE if by_transcript else "",
            )
            # The versions of each call, best first.
            calls = _ranked(_linked(_versions(wrds, tables, quarter), wrds, tables))
            calls = self._with_permno(calls) if self._require_permno else calls
            done = n_read = 0
            while calls:
                batch, calls = calls[: self._batch_calls], calls[self._batch_calls :]
                parameters = {"transcripts": sorted({versions[0].transcript for versions in batch})}
                where = f"{tables.components}, {tables.people}"
                table, empty = self._table(batch, grouped(wrds.rows(sql, parameters, where), where))
                calls = empty + calls
                n_read += len(batch) - len(empty)
                done += table.num_rows
                if progress:
                    progress(done, round(done * (n_read + len(calls)) / max(n_read, 1)))
                if table.num_rows:
                    yield table

    def audit(self) -> pa.Table:
        """Return superseded, unlinked and empty transcripts, and notes on kept ones, such as the choice of a link."""
        return pa.Table.from_pylist(self._audit.rows, schema=AUDIT)

    def _with_permno(self, calls: list[list[Version]]) -> list[list[Version]]:
        """Return the calls whose best version has a PERMNO; the others go to the audit."""
        linked: dict[int, int] = {}
        for versions in calls:
            for v in versions:
                if v.link.permno is not None:
                    linked[v.transcript] = min(v.company, linked.get(v.transcript, v.company))
        kept = []
        for versions in calls:
            best = versions[0]
            if best.link.permno is not None:
                kept.append(versions)
                continue
            if (other := linked.get(best.transcript)) is not None:
                self._audit.add(best, "other_company", f"kept for company {other}, which has a PERMNO")
            else:
                self._audit.add(best, "unlinked", best.link.note)
            self._audit.add_superseded(versions)
        return kept

    def _table(
        self, calls: Sequence[Sequence[Version]], turns: Mapping[int, Turns]
    ) -> tuple[pa.Table, list[list[Version]]]:
        """Return the components of the best version of some calls, in order, and the calls to read another version of.

        Versions without text go to the audit.
        """
        columns: dict[str, list[Any]] = {name: [] for name in COMPONENTS.names}
        again = []
        for versions in calls:
            best, rest = versions[0], list(versions[1:])
            said = turns.get(best.transcript, Turns())
            if not said.spoken:
                self._audit.add(best, "empty", "no component has text")
                if rest:
                    again.append(rest)
                continue
            notes = [best.link.note, *best.notes]
            if said.n_empty:
                notes.append(f"{said.n_empty} turn{'' if said.n_empty == 1 else 's'} without text")
            if found := [n for n in notes if n]:
                self._audit.add(best, "kept", "; ".join(found))
            self._audit.add_superseded(versions)
            shared = _call_columns(best)
            for order, words, kind, person, speaker in said.spoken:
                row = shared | {
                    "componentorder": order,
                    "componenttext": words,
                    "speakertypename": code(speaker) or UNKNOWN_SPEAKER,
                    "componenttypename": code(kind),
                    "transcriptpersonname": text(person),
                }
                for name, values in columns.items():
                    values.append(row[name])
        return pa.table(columns, schema=COMPONENTS), again


class _Audit:
    """Rows of AUDIT for the transcripts of a quarter; its neighbours' belong to the audits of other quarters."""

    def __init__(self, first: date = date.max, last: date = date.min) -> None:
        self._first, self._last = first, last
        self.rows: list[dict[str, str | None]] = []

    def add(self, version: Version, status: str, reason: str | None) -> None:
        """Add a row, unless the call is of another quarter."""
        if self._first <= version.day <= self._last:
            values = (str(version.transcript), str(version.company), status, reason)
            self.rows.append(dict(zip(AUDIT.names, values, strict=True)))

    def add_superseded(self, versions: Sequence[Version]) -> None:
        """Add the rows of all versions of a call but the best, which is the first."""
        for v in versions[1:]:
            self.add(v, "superseded", why_preferred(versions[0].rank, v.rank))


def _versions(wrds: Wrds, tables: Tables, quarter: str) -> list[Version]:
    """Return every version of every earnings call of the quarter and of NEIGHBOUR_DAYS around it, for each company."""
    first, last = bounds(quarter)
    first, last = first - timedelta(days=NEIGHBOUR_DAYS), last + timedelta(days=NEIGHBOUR_DAYS)
    # In UTC a call may be on the next day, but not on the day before.
    parameters = {"event": vendor_codes.EARNINGS_CALL, "first": first, "end": last + timedelta(days=2)}
    found: dict[tuple[int, int], Version] = {}
    companies: dict[int, list[int]] = defaultdict(list)
    for row in wrds.rows(_CALLS.format(details=tables.details.sql), parameters, str(tables.details)):
        try:
            version = _version(*row)
        except ValueError as error:
            name = str(row[3]).removesuffix(".0")
            raise wrds_error(
                str(tables.details), f"transcript {name}: {error}", "Report the row to WRDS."
            ) from error
        if first <= version.day <= last and (version.transcript, version.company) not in found:
            found[version.transcript, version.company] = version
            companies[version.transcript].append(version.company)
    listed = []
    for v in sorted(found.values(), key=lambda v: (str(v.company), v.at, v.transcript)):
        others = ", ".join(str(c) for c in sorted(companies[v.transcript]) if c != v.company)
        listed.append(replace(v, notes=(*v.notes, f"also listed for company {others}")) if others else v)
    return listed


def _version(
    company: Any,
    name: Any,
    event: Any,
    transcript: Any,
    headline: Any,
    on: Any,
    clock: Any,
    collection_id: Any,
    collection: Any,
    made_on: Any,
    made_at: Any,
) -> Version:
    """Return the version of a row of `_CALLS`; ValueError if a value has no meaning."""
    start = moment(on, clock)
    made = None if is_gap(made_on) else moment(made_on, made_at).at
    type_name, type_id = code(collection), whole_or_none(collection_id)
    if type_name is None and type_id is not None:
        type_name = str(type_id)
    return Version(
        whole(transcript),
        whole(company),
        text(name) or f"Company {whole(company)}",
        whole_or_none(event),
        text(headline),
        start.at,
        start.is_midnight or not start.has_time,
        vendor_codes.collection_name(None, type_name),
        made if made and made.date() >= moments.FIRST_DAY and not moments.is_no_date(made.date()) else None,
        notes=(moments.MIDNIGHT_NOTE,) if start.is_midnight else (),
    )


def _linked(versions: Iterable[Version], wrds: Wrds, tables: Tables) -> list[Version]:
    """Return the versions with their links, each on the day of its call."""
    versions = list(versions)
    links = _links(wrds, tables, sorted({v.company for v in versions}))
    return [replace(v, link=links.at(v.company, v.day)) for v in versions]


def _ranked(versions: Iterable[Version]) -> list[list[Version]]:
    """Return the versions of each call, best first. A version without an event counts as a separate call here.

    Versions of one call that differ in the event are found by their texts, when all are read.
    """
    events: dict[tuple[int, int, bool], list[Version]] = defaultdict(list)
    for v in versions:
        is_event = v.event is not None
        events[v.company, v.event if v.event is not None else v.transcript, is_event].append(v)
    return [sorted(group, key=lambda v: v.rank, reverse=True) for group in events.values()]


def _links(wrds: Wrds, tables: Tables, companies: Sequence[int]) -> Links:
    sql = _LINKS.format(gvkeys=tables.gvkeys.sql, links=tables.links.sql)
    parameters = {"companies": list(companies), "types": list(LINK_TYPES), "primary": list(LINK_PRIMARY)}
    links = Links()
    gvkeys, permnos = defaultdict(set), defaultdict(set)
    what = f"{tables.gvkeys}, {tables.links}"
    for company, key, start, end, permno, first, last, kind, primary in wrds.rows(sql, parameters, what):
        try:
            name, number = gvkey(key), whole_or_none(permno)
        except ValueError as error:
            raise wrds_error(what, f"company {company}: {error}", "Report the row to WRDS.") from error
        if name is None:
            continue
        gvkeys[whole(company)].add(GvkeySpan(name, day(start), day(end)))
        if number is not None:
            permnos[name].add(PermnoSpan(number, day(first), day(last), kind, primary))
    links.gvkeys |= {k: list(v) for k, v in gvkeys.items()}
    links.permnos |= {k: list(v) for k, v in permnos.items()}
    return links


def _call_columns(call: Version) -> dict[str, Any]:
    return {
        "companyid": str(call.company),
        "companyname": call.name,
        "transcriptid": str(call.transcript),
        "mostimportantdateutc": call.at,
        "is_date_only": call.is_date_only,
        "gvkey": call.link.gvkey,
        "permno": call.link.permno,
        "link_date": call.day if call.link.permno is not None else None,
        "ticker": None,
        "headline": call.headline,
        "keydevid": None if call.event is None else str(call.event),
        "keydeveventtypename": EARNINGS_CALLS,
        "transcriptcollectiontypename": call.collection,
        "created_at": call.created,
    }
