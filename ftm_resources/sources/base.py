"""What every transcript source has in common: the rows it yields, its interface, its error, and quarters.

A call belongs to the calendar quarter of its date in New York, where the exchange is; sources and methods
take that rule from here.
"""

from __future__ import annotations

import abc
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, date, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pyarrow as pa
import pyarrow.compute as pc

EXCHANGE_ZONE = "America/New_York"
MAX_PROBLEMS = 20
"""Problems that an error lists; enough to see the pattern, few enough to read."""

Progress = Callable[[int, int | None], None]
"""Called with the components done so far and their total (None: unknown)."""

COMPONENTS = pa.schema(
    [
        pa.field("companyid", pa.string(), nullable=False),
        pa.field("companyname", pa.string(), nullable=False),
        pa.field("transcriptid", pa.string(), nullable=False),
        pa.field("componentorder", pa.int32(), nullable=False),
        pa.field("componenttext", pa.string(), nullable=False),
        pa.field("mostimportantdateutc", pa.timestamp("us", tz="UTC"), nullable=False),
        pa.field("is_date_only", pa.bool_(), nullable=False),
        pa.field("speakertypename", pa.string(), nullable=False),
        pa.field("gvkey", pa.string()),
        pa.field("permno", pa.int64()),
        pa.field("link_date", pa.date32()),
        pa.field("ticker", pa.string()),
        pa.field("headline", pa.string()),
        pa.field("componenttypename", pa.string()),
        pa.field("transcriptpersonname", pa.string()),
        pa.field("keydevid", pa.string()),
        pa.field("transcriptcollectiontypename", pa.string()),
    ]
)
"""One row per component (speaker turn), in Capital IQ's column names.

`componenttext` is verbatim. `componentorder` is the place of the turn in its transcript, 0 or more.
`mostimportantdateutc` is the start of the call; where the source gives only a date (`is_date_only`) it is
midnight of that date in UTC, and the date is the one in New York. (transcriptid, componentorder) is unique,
and the rows of a transcript agree about firm, name of the event and time.
"""


AUDIT = pa.schema(
    [
        pa.field("transcriptid", pa.string(), nullable=False),
        pa.field("companyid", pa.string(), nullable=False),
        pa.field("status", pa.string(), nullable=False),
        pa.field("reason", pa.string()),
    ]
)
"""What a source itself did with a transcript, statuses as in the table `transcript_audit`.

A transcript that was yielded has a row only where there is something to note (`kept`, and the note).
"""


@dataclass(frozen=True)
class Problem:
    """One thing wrong with the input. `row` is None where the file as a whole is meant, else as a person counts."""

    file: str
    row: int | None
    column: str | None
    message: str

    def __str__(self) -> str:
        where = self.file if self.row is None else f"{self.file} row {self.row}"
        return f"{where}{f', column {self.column}' if self.column else ''}: {self.message}"


class SourceError(ValueError):
    """Input that cannot be used; the message lists what is wrong, where, and what to do about it."""

    def __init__(self, problems: Sequence[Problem], n_problems: int | None = None, *, advice: str) -> None:
        """Keep the first 20 of `problems`; `n_problems` is how many there are, where not all were collected."""
        self.problems = tuple(problems[:MAX_PROBLEMS])
        self.n_problems = max(len(problems), n_problems or 0)
        self.advice = advice
        lines = [f"transcripts: {self.n_problems} problem{'' if self.n_problems == 1 else 's'}"]
        lines += [f"  {problem}" for problem in self.problems]
        if more := self.n_problems - len(self.problems):
            lines.append(f"  and {more} more")
        lines.append(advice)
        super().__init__("\n".join(lines))


class TranscriptSource(abc.ABC):
    """Where transcripts come from."""

    name: str
    """What a person calls the source: in messages, metadata and progress bars."""

    @abc.abstractmethod
    def components(self, quarter: str, progress: Progress | None = None) -> Iterator[pa.Table]:
        """Yield the components of the calls of a quarter (e.g. 2020Q4), as tables of schema COMPONENTS.

        Each table has a bounded number of rows; the rows of one call may be in several. A quarter without
        calls yields nothing. SourceError, before the first table, where the input cannot be used.
        """

    def provenance(self) -> dict[str, Any]:
        """Return what a quarter remembers of where it came from: the source's name, and what identifies its input."""
        return {"name": self.name}

    def audit(self) -> pa.Table:
        """Return what became of transcripts that the last `components`, read to its end, did not yield (AUDIT).

        A source that yields all it has, as most do, leaves nothing to tell.
        """
        return AUDIT.empty_table()


def call_date(timestamps: pa.Array | pa.ChunkedArray, is_date_only: pa.Array | pa.ChunkedArray) -> pa.Array:
    """Return the date in New York (date32) of each call.

    `timestamps` (timestamp[us, tz=UTC]) and `is_date_only` (bool) are as in COMPONENTS: where there is only a
    date, the date part is the answer, for midnight UTC is still the day before in New York.
    """
    exchange = ZoneInfo(EXCHANGE_ZONE)
    # A call is many components, so each time is converted once. Not by Arrow: it has no time zones where the
    # machine has no tzdata package, as small container images do not; Python then takes the one from PyPI.
    stated = pc.dictionary_encode(_flat(timestamps).cast(pa.timestamp("us")))
    local = [t.replace(tzinfo=UTC).astimezone(exchange).date() for t in stated.dictionary.to_pylist()]
    dates = pa.array(local, pa.date32()).take(stated.indices)
    return pc.if_else(_flat(is_date_only), stated.dictionary.cast(pa.date32()).take(stated.indices), dates)


def _flat(values: pa.Array | pa.ChunkedArray) -> pa.Array:
    return values.combine_chunks() if isinstance(values, pa.ChunkedArray) else values


def bounds(quarter: str) -> tuple[date, date]:
    """Return the first and the last day of a quarter such as 2023Q1; ValueError where it is none."""
    if not re.fullmatch(r"[0-9]{4}Q[1-4]", quarter):
        raise ValueError(f"{quarter!r} is not a quarter such as 2023Q1")
    year, number = int(quarter[:4]), int(quarter[5])
    following = date(year + number // 4, 3 * (number % 4) + 1, 1)
    return date(year, 3 * number - 2, 1), following - timedelta(days=1)


def quarters_of(dates: pa.Array | pa.ChunkedArray) -> pa.Array:
    """Return the calendar quarter (e.g. 2023Q1) of each date (date32)."""
    year, quarter = pc.cast(pc.year(dates), pa.string()), pc.cast(pc.quarter(dates), pa.string())
    return pc.binary_join_element_wise(year, quarter, "Q")
