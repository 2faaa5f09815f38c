"""The Capital IQ source: the earnings calls of a quarter from WRDS, linked to GVKEY and PERMNO by date.

One query reads the calls (all versions), one the links; then the components of the chosen versions are read in
batches of calls. `audit` returns what was left out, and why. Never prompts for credentials: see `postgres`.

`ftm export transcripts --quarter 2023Q1 --out FILE` writes the same components to a file for the `files` source.
"""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pyarrow as pa

from ftm_resources.quarters import NEW_YORK, bounds
from ftm_resources.sources.base import Progress, TranscriptSource
from ftm_resources.sources.wrds.links import LINK_PRIMARY, LINK_TYPES, GvkeySpan, Link, Links, PermnoSpan
from ftm_resources.sources.wrds.postgres import PAUSES, Access, Wrds, one_at_a_time, wrds_error
from ftm_resources.sources.wrds.schema import Tables, day, moment, text, whole
from ftm_resources.tables.components import AUDIT, COMPONENTS, finality, less_final

EARNINGS_CALL = 48
"""Capital IQ's `keydeveventtypeid` for earnings calls."""

BATCH_CALLS = 200
"""Calls whose components are read at a time, about 10 MB: the most that a dropped connection loses."""

UNKNOWN_SPEAKER = "Unknown"
"""Speaker type of a component without a person."""

_UNDATED = datetime.min.replace(tzinfo=UTC)

_CALLS = """
SELECT companyid, companyname, keydevid, transcriptid, headline, mostimportantdateutc, mostimportanttimeutc,
    transcriptcollectiontypename, transcriptcreationdate_utc, transcriptcreationtime_utc
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


@dataclass(frozen=True)
class Version:
    """One version of a call: a transcript of its event."""

    transcript: int
    company: int
    name: str
    event: int | None
    headline: str | None
    at: datetime
    is_date_only: bool
    collection: str | None
    created: datetime
    """When this version was created, in UTC; the year 1 if unknown."""
    link: Link | None = None
    note: str | None = None

    @property
    def day(self) -> date:
        """The date of the call in New York."""
        return self.at.date() if self.is_date_only else self.at.astimezone(NEW_YORK).date()

    def audited(self, status: str, reason: str | None) -> dict[str, str | None]:
        """Return a row of AUDIT."""
        values = (str(self.transcript), str(self.company), status, reason)
        return dict(zip(AUDIT.names, values, strict=True))


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
        self._audit: list[dict[str, str | None]] = []

    def components(self, quarter: str, progress: Progress | None = None) -> Iterator[pa.Table]:
        """Yield the components of the chosen version of each linked call, 200 calls at a time, firm by firm.

        The total reported to `progress` is estimated from the calls read so far. Components without text are skipped.
        """
        self._audit = []
        tables, access = Tables.from_settings(), Access.from_settings()
        with one_at_a_time(access), Wrds(access, pauses=self._pauses, wait=self._wait) as wrds:
            by_transcript = tables.check(wrds)
            calls = self._linked(_chosen(_versions(wrds, tables, quarter), self._audit), wrds, tables)
            sql = _COMPONENTS.format(
                components=tables.components.sql,
                people=tables.people.sql,
                and_people=_AND_PEOPLE if by_transcript else "",
            )
            done = 0
            for start in range(0, len(calls), self._batch_calls):
                batch = calls[start : start + self._batch_calls]
                parameters = {"transcripts": [c.transcript for c in batch]}
                rows = wrds.rows(sql, parameters, f"{tables.components}, {tables.people}")
                table = self._table(batch, rows)
                done += table.num_rows
                if progress:
                    progress(done, round(done * len(calls) / (start + len(batch))))
                if table.num_rows:
                    yield table

    def audit(self) -> pa.Table:
        """Return superseded, unlinked and empty transcripts, and notes on kept ones, such as the choice of a link."""
        return pa.Table.from_pylist(self._audit, schema=AUDIT)

    def _linked(self, calls: Sequence[Version], wrds: Wrds, tables: Tables) -> list[Version]:
        """Return the calls with their links, firm by firm; those left out are in the audit."""
        links = _links(wrds, tables, sorted({c.company for c in calls}))
        kept = []
        for c in sorted(calls, key=lambda c: (str(c.company), c.at, c.transcript)):
            link = links.at(c.company, c.day)
            call = replace(c, link=link)
            if link.permno is None and self._require_permno:
                self._audit.append(call.audited("unlinked", link.note))
                continue
            kept.append(call)
            if notes := [n for n in (link.note, call.note) if n]:
                self._audit.append(call.audited("kept", "; ".join(notes)))
        return kept

    def _table(self, calls: Sequence[Version], rows: Iterable[tuple[Any, ...]]) -> pa.Table:
        """Return the components of some calls, in order; calls without text go to the audit."""
        spoken: dict[int, list[tuple[Any, ...]]] = defaultdict(list)
        for transcript, component, order, *said in rows:
            if text(said[0]):
                spoken[whole(transcript)].append((whole(component), order, *said))
        columns: dict[str, list[Any]] = {name: [] for name in COMPONENTS.names}
        for call in calls:
            shared = _call_columns(call)
            turns = _ordered(spoken.get(call.transcript, []))
            if not turns:
                self._audit = [a for a in self._audit if a["transcriptid"] != str(call.transcript)]
                self._audit.append(call.audited("empty", "no component has text"))
            for order, words, kind, person, speaker in turns:
                row = shared | {
                    "componentorder": order,
                    "componenttext": words,
                    "speakertypename": text(speaker) or UNKNOWN_SPEAKER,
                    "componenttypename": text(kind),
                    "transcriptpersonname": text(person),
                }
                for name, values in columns.items():
                    values.append(row[name])
        return pa.table(columns, schema=COMPONENTS)


def _versions(wrds: Wrds, tables: Tables, quarter: str) -> list[Version]:
    """Return every version of every earnings call of the quarter, by its date in New York."""
    first, last = bounds(quarter)
    # In UTC a call may be on the next day, but not on the day before.
    parameters = {"event": EARNINGS_CALL, "first": first, "end": last + timedelta(days=2)}
    found: dict[int, Version] = {}
    for row in sorted(
        wrds.rows(_CALLS.format(details=tables.details.sql), parameters, str(tables.details)),
        key=lambda row: (whole(row[0]), whole(row[3])),
    ):
        company, name, event, transcript, headline, on, clock, collection, made_on, made_at = row
        try:
            at, is_date_only = moment(on, clock)
            created = moment(made_on, made_at)[0] if made_on else _UNDATED
        except ValueError as error:
            raise wrds_error(
                str(tables.details), f"transcript {transcript}: {error}", "Report the row to WRDS."
            ) from error
        version = Version(
            whole(transcript),
            whole(company),
            text(name) or f"Company {whole(company)}",
            None if event is None else whole(event),
            text(headline),
            at,
            is_date_only,
            text(collection),
            created,
        )
        if not first <= version.day <= last:
            continue
        known = found.setdefault(version.transcript, version)
        if known.company != version.company:
            also = f"also listed for company {version.company}"
            found[version.transcript] = replace(known, note="; ".join(n for n in (known.note, also) if n))
    return list(found.values())


def _chosen(versions: Iterable[Version], audit: list[dict[str, str | None]]) -> list[Version]:
    """Return the best version of each event; the others go to the audit."""
    events: dict[tuple[int, int, bool], list[Version]] = defaultdict(list)
    for v in versions:
        is_event = v.event is not None
        events[v.company, v.event if v.event is not None else v.transcript, is_event].append(v)
    chosen = []
    for group in events.values():
        best = max(group, key=lambda v: (finality(v.collection), v.created, v.transcript))
        chosen.append(best)
        audit += [v.audited("superseded", _why_not(v, best)) for v in group if v is not best]
    return chosen


def _why_not(version: Version, best: Version) -> str:
    if finality(version.collection) != finality(best.collection):
        return less_final(str(best.transcript), best.collection, version.collection)
    if version.created != best.created:
        times = f"{best.created:%Y-%m-%d %H:%M} against {version.created:%Y-%m-%d %H:%M} UTC"
        return f"transcript {best.transcript} was made later ({times})"
    return f"transcript {best.transcript} is newer by its id"


def _links(wrds: Wrds, tables: Tables, companies: Sequence[int]) -> Links:
    sql = _LINKS.format(gvkeys=tables.gvkeys.sql, links=tables.links.sql)
    parameters = {"companies": list(companies), "types": list(LINK_TYPES), "primary": list(LINK_PRIMARY)}
    links = Links()
    gvkeys, permnos = defaultdict(set), defaultdict(set)
    for company, gvkey, start, end, permno, first, last, kind, primary in wrds.rows(
        sql, parameters, f"{tables.gvkeys}, {tables.links}"
    ):
        gvkeys[whole(company)].add(GvkeySpan(str(gvkey).strip(), day(start), day(end)))
        if permno is not None:
            span = PermnoSpan(whole(permno), day(first), day(last), kind, primary)
            permnos[str(gvkey).strip()].add(span)
    links.gvkeys |= {k: list(v) for k, v in gvkeys.items()}
    links.permnos |= {k: list(v) for k, v in permnos.items()}
    return links


def _call_columns(call: Version) -> dict[str, Any]:
    link = call.link or Link(None, None, None)
    return {
        "companyid": str(call.company),
        "companyname": call.name,
        "transcriptid": str(call.transcript),
        "mostimportantdateutc": call.at,
        "is_date_only": call.is_date_only,
        "gvkey": link.gvkey,
        "permno": link.permno,
        "link_date": call.day if link.permno is not None else None,
        "ticker": None,
        "headline": call.headline,
        "keydevid": None if call.event is None else str(call.event),
        "transcriptcollectiontypename": call.collection,
    }


def _ordered(components: Sequence[tuple[Any, ...]]) -> list[tuple[Any, ...]]:
    """Return (order, text, …) of each component once, in order.

    The order is the vendor's. If it is missing, negative or not unique, components are numbered instead, sorted by
    that order and then by id.
    """
    by_id: dict[int, tuple[Any, ...]] = {}
    # A component with several rows in the people table is still one component.
    for component, *rest in sorted(components, key=lambda c: tuple(str(v) for v in c)):
        by_id.setdefault(component, tuple(rest))
    rows = sorted(by_id.items(), key=lambda item: (item[1][0] is None, item[1][0] or 0, item[0]))
    orders = [None if rest[0] is None else whole(rest[0]) for _, rest in rows]
    is_sound = all(o is not None and o >= 0 for o in orders) and len(set(orders)) == len(orders)
    return [
        (o if is_sound else i, *rest[1:]) for i, (o, (_, rest)) in enumerate(zip(orders, rows, strict=True))
    ]
