"""How one file writes dates and times of day that have several readings: found out before any value is read."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import get_args

import pyarrow as pa

from ftm_resources.sources import moments
from ftm_resources.sources.files.column_values import as_text, readable, utc
from ftm_resources.sources.files.problems import Problems
from ftm_resources.sources.moments import NO_CONVENTIONS, Conventions, Evidence, Serials
from ftm_resources.sources.values import KINDS, is_gap

_START = "mostimportantdateutc"


@dataclass(frozen=True)
class FileConventions:
    """What a file's values prove about how it writes others."""

    by_column: dict[str, Conventions] = field(default_factory=dict)
    is_dated_in_new_york: bool = False
    """Whether all starts are 00:00:00 in New York, given in UTC: dates without a time that a program moved to UTC."""
    n_starts: int = 0
    """Different starts among those looked at."""

    def of(self, column: str) -> Conventions:
        """Return a column's conventions."""
        return self.by_column.get(column, NO_CONVENTIONS)


NO_FILE_CONVENTIONS = FileConventions()


def conventions(batches: Iterable[pa.Table]) -> FileConventions:
    """Return a file's conventions; `batches` are those of the file.

    A column proves its own conventions only: a file may join tables of two origins. As many batches are read as the
    proofs take, which is all of them for texts that need none: the first that does may be the last. The metadata
    `serials` of a batch's schema says how a workbook counts days.
    """
    serials: Serials | None = None
    evidence: dict[str, Evidence] = {}
    starts = _Starts()
    for raw in batches:
        for stated in get_args(Serials):
            if (raw.schema.metadata or {}).get(b"serials") == stated.encode():
                serials = stated
        for name in raw.column_names:
            kind, values = KINDS.get(name), raw.column(name)
            if kind in ("date", "time") and not pa.types.is_temporal(values.type):
                text = as_text(readable(values, name, raw.column("row"), Problems("")))
                distinct = text.unique().drop_null().to_pylist()
                of_column = evidence.setdefault(name, Evidence())
                (of_column.add_dates if kind == "date" else of_column.add_clocks)(distinct)
        starts.add(raw)
        if not starts.may_be_new_york and not any(e.is_open for e in evidence.values()):
            break
    found = {n: e.conventions(serials) for n, e in evidence.items()}
    n = len(starts.seen)
    return FileConventions(found, starts.may_be_new_york and n > 0, n)


def agreed(files: Sequence[FileConventions]) -> list[FileConventions]:
    """Return the conventions of all files of an input, in order.

    Calls do begin at 04:00 or 05:00 UTC, at noon in Asia. So a file with a single start is taken to be dated in New
    York only if every file of the input is.
    """
    if all(f.is_dated_in_new_york for f in files if f.n_starts):
        return list(files)
    return [replace(f, is_dated_in_new_york=f.is_dated_in_new_york and f.n_starts > 1) for f in files]


class _Starts:
    """Whether all starts seen so far are 00:00:00 in New York."""

    def __init__(self) -> None:
        self.seen: set[moments.Moment | None] = set()
        self.may_be_new_york = True

    def add(self, raw: pa.Table) -> None:
        """Look at the starts of a batch until one is something else."""
        if not self.may_be_new_york or _START not in raw.column_names:
            return
        values = raw.column(_START)
        read: list[moments.Moment | None] = []
        if pa.types.is_timestamp(values.type) or pa.types.is_date(values.type):
            found = utc(pa.chunked_array([values.unique()])).to_pylist()
            read = [moments.Moment(**v) for v in found if v and v["at"]]
        elif not pa.types.is_temporal(values.type):
            text = as_text(readable(values, _START, raw.column("row"), Problems("")))
            read = _read(text.unique().drop_null().to_pylist())
        clocks = raw.column("mostimportanttimeutc") if "mostimportanttimeutc" in raw.column_names else None
        if clocks is not None and any(v is not None and not is_gap(v, "time") for v in clocks.to_pylist()):
            self.may_be_new_york = False
        for start in read:
            self.seen.add(start)
            self.may_be_new_york &= start is not None and _is_moved(start)


def _read(written: list[str]) -> list[moments.Moment | None]:
    """Return what can be read without conventions, up to the first that can be no moved date."""
    found: list[moments.Moment | None] = []
    for value in written:
        if is_gap(value, "date"):
            continue
        try:
            found.append(moments.moment(value))
        except ValueError:
            found.append(None)
        if found[-1] is None or not _is_moved(found[-1]):
            break
    return found


def _is_moved(start: moments.Moment) -> bool:
    at: datetime = start.at
    return start.has_time and not start.is_midnight and moments.is_new_york_midnight(at)
