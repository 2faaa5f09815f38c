"""The files source: transcripts in tables of several formats, one file or a folder of them, in Capital IQ's columns.

The files are read in two passes, in batches. The first checks every file and reports all problems by file, row and
column before anything is yielded; the second yields the quarter from the files that contain it.

A start at midnight is taken to be a date only, and noted: see `sources.moments.written_at`.
"""

from __future__ import annotations

import hashlib
import warnings
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from ftm_resources import quarters
from ftm_resources.duck import ConfiguredDuckDB
from ftm_resources.sources.base import (
    MAX_PROBLEMS,
    Problem,
    Progress,
    SourceError,
    SourceWarning,
    TranscriptSource,
)
from ftm_resources.sources.files.attributes import AttributeTally
from ftm_resources.sources.files.columns import normalise
from ftm_resources.sources.files.file_conventions import (
    NO_FILE_CONVENTIONS,
    FileConventions,
    agreed,
    conventions,
)
from ftm_resources.sources.files.found_files import Found, find, label
from ftm_resources.sources.files.problems import Problems
from ftm_resources.sources.files.row_checks import MEMORY_LIMIT, Listing, RowChecks
from ftm_resources.sources.files.tabular import batches
from ftm_resources.sources.moments import MIDNIGHT_NOTE
from ftm_resources.tables.components import AUDIT, COMPONENTS, NEIGHBOUR_DAYS, Attributes

ADVICE = "Nothing was written. Correct or remove the files, and run again."


@dataclass(frozen=True)
class _State:
    """What tells whether a file has changed."""

    size: int
    mtime_ns: int
    sha256: str


@dataclass(frozen=True)
class _Checked:
    """What the first pass found."""

    files: list[Path]
    states: dict[Path, _State]
    """The files before they were read."""
    conventions: list[FileConventions]
    """How each file writes dates."""
    repeats: dict[int, np.ndarray]
    """Rows that repeat another, by file."""
    listings: list[tuple[date, Listing]]
    """The transcripts, each with the date of its call in New York."""


class FilesSource(TranscriptSource):
    """Files at a path."""

    name = "files"

    def __init__(self, path: str | Path) -> None:
        """Take a file, or a folder whose files are read, including subfolders.

        Names that begin with a dot or an underscore are left out with a SourceWarning, as are those with other
        endings.
        """
        self._path = Path(path).expanduser()
        self._audit = AUDIT.empty_table()
        self._attributes = Attributes.none()
        self._digests: dict[Path, str] = {}

    def files(self) -> list[Path]:
        """Return the files to read, sorted; SourceError if there are none, or some cannot be looked at."""
        return self._find().files

    def provenance(self) -> dict[str, Any]:
        """Return the path and the SHA-256 of the file; for a folder, of its files' names and contents combined.

        They are those of the files as they were last checked, from which the components came; if none were, as now.
        """
        digests = self._digests or {file: _digest(file) for file in self.files()}
        if list(digests) == [self._path]:
            sha256 = digests[self._path]
        else:
            lines = (f"{digest} {self._label(file)}\n" for file, digest in digests.items())
            sha256 = hashlib.sha256("".join(lines).encode()).hexdigest()
        return {**super().provenance(), "path": str(self._path.resolve()), "sha256": sha256}

    def quarters(self) -> dict[str, int]:
        """Return the number of components of each quarter in the files; SourceError if any file is bad."""
        found: Counter[str] = Counter()
        for day, listing in self._check().listings:
            found[quarters.of_date(day)] += listing.n_turns
        return {quarter: n for quarter, n in sorted(found.items()) if n}

    def components(self, quarter: str, progress: Progress | None = None) -> Iterator[pa.Table]:
        """Yield the components of the quarter's and its neighbours' calls in batches, without empty turns.

        SourceError, before the first batch, if any file is bad.
        """
        first, last = quarters.bounds(quarter)
        self._audit, self._attributes = AUDIT.empty_table(), Attributes.none()
        checked, tally = self._check(), AttributeTally()
        span = first - timedelta(NEIGHBOUR_DAYS), last + timedelta(NEIGHBOUR_DAYS)
        totals: Counter[int] = Counter()
        for day, listing in checked.listings:
            if span[0] <= day <= span[1]:
                totals[listing.file] += listing.n_turns
        done = 0
        for number, n in sorted(totals.items()):
            if not n:
                continue
            for rows in self._rows_of(checked, number, span, tally):
                done += rows.num_rows
                if progress:
                    progress(done, totals.total())
                if rows.num_rows:
                    yield rows
        changed = [file for file in checked.files if _state(file) != checked.states[file]]
        if changed or done != totals.total():
            names = ", ".join(self._label(file) for file in changed[:MAX_PROBLEMS])
            raise self._error(f"the files changed while they were read{f': {names}' if names else ''}")
        self._attributes = tally.attributes()
        self._audit = _audit(e for e in checked.listings if first <= e[0] <= last)

    def audit(self) -> pa.Table:
        """Return the quarter's transcripts with empty, repeated or cut turns (schema AUDIT)."""
        return self._audit

    def attributes(self) -> Attributes:
        """Return what the files say of the calls in columns that FTM does not know."""
        return self._attributes

    def _rows_of(
        self, checked: _Checked, number: int, span: tuple[date, date], tally: AttributeTally
    ) -> Iterator[pa.Table]:
        """Yield the rows of a file whose calls are in a span of days; tally their attributes."""
        file = checked.files[number]
        problems = Problems(self._label(file))
        repeats = checked.repeats.get(number, np.array([], np.int64))
        for raw in batches(file, problems):
            rows = normalise(raw, problems, checked.conventions[number])
            if problems.count:  # the first pass found none
                raise SourceError(
                    problems.listed, problems.count, advice="The file changed while it was read."
                )
            days = quarters.call_date(rows.column("mostimportantdateutc"), rows.column("is_date_only"))
            is_within = pc.and_(pc.greater_equal(days, span[0]), pc.less_equal(days, span[1]))
            tally.add(raw, rows.column("transcriptid"), rows.column("companyid"), is_within)
            is_first = pa.array(~np.isin(rows.column("row").to_numpy(), repeats))
            has_text = rows.column("componenttext").is_valid()
            rows = rows.filter(pc.and_(is_within, pc.and_(is_first, has_text)))
            yield rows.select(COMPONENTS.names).cast(COMPONENTS)
        for name, why in problems.left_out.items():
            tally.leave_out(name, why)

    def _find(self) -> Found:
        found = find(self._path)
        if found.problems:
            raise SourceError(found.problems, advice=ADVICE)
        return found

    def _check(self) -> _Checked:
        """Read every file; raise one SourceError for all problems within or between them."""
        found = self._find()
        _tell_left_out(found.left_out)
        problems = [Problems(self._label(file)) for file in found.files]
        states = {file: _state(file) for file in found.files}
        self._digests = {file: state.sha256 for file, state in states.items()}
        copies = _copies(self._digests)
        written = agreed(
            [
                NO_FILE_CONVENTIONS if file in copies else conventions(batches(file, Problems("")))
                for file in found.files
            ]
        )
        limit = {"memory_limit": MEMORY_LIMIT}
        with ConfiguredDuckDB(connection_config=limit).get_connection() as database:
            checks = RowChecks(database)
            for number, file in enumerate(found.files):
                if file in copies:
                    problems[number].add(None, None, f"is a copy of {self._label(copies[file])}: remove one")
                    continue
                for raw in batches(file, problems[number]):
                    rows = normalise(raw, problems[number], written[number])
                    checks.add(rows, number, problems[number])
            listings, repeats = checks.finish(problems)
            renamed = checks.renamed()
        _tell_of_files(problems, written)
        if any(p.count for p in problems):
            listed = [p for found in problems for p in sorted(found.listed, key=lambda p: p.row or 0)]
            raise SourceError(listed, sum(p.count for p in problems), advice=ADVICE)
        _tell_renamed(renamed)
        return _Checked(found.files, states, written, repeats, _by_day(listings))

    def _error(self, message: str) -> SourceError:
        return SourceError([Problem(str(self._path), None, None, message)], advice=ADVICE)

    def _label(self, file: Path) -> str:
        return label(file, None if file == self._path else self._path)


def _state(file: Path) -> _State:
    about = file.stat()
    return _State(about.st_size, about.st_mtime_ns, _digest(file))


def _digest(file: Path) -> str:
    with file.open("rb") as content:
        return hashlib.file_digest(content, "sha256").hexdigest()


def _copies(digests: dict[Path, str]) -> dict[Path, Path]:
    """Return the files with the content of an earlier one, and that one."""
    first: dict[str, Path] = {}
    found = {file: first.setdefault(digest, file) for file, digest in digests.items()}
    return {file: original for file, original in found.items() if original != file}


def _tell_of_files(about: list[Problems], written: list[FileConventions]) -> None:
    """Warn, once for all files alike, of columns that are not read, and of dates that a program moved."""
    unread: defaultdict[str, list[str]] = defaultdict(list)
    for p in about:
        if p.unread:
            unread[", ".join(p.unread)].append(p.file)
    for columns, files in unread.items():
        warnings.warn(
            f"{_few(files)}: not read, though a column is missing that may be meant: {columns}. To have one read, give "
            "it the name of that column of Capital IQ's",
            SourceWarning,
            stacklevel=3,
        )
    if moved := [p.file for p, found in zip(about, written, strict=True) if found.is_dated_in_new_york]:
        warnings.warn(
            f"{_few(moved)}: every mostimportantdateutc is 00:00:00 in New York, as if bare dates had been converted "
            "to UTC. They are read as dates whose time of day is unknown",
            SourceWarning,
            stacklevel=3,
        )


def _few(names: list[str], most: int = 3, separator: str = ", ") -> str:
    """Return the first names, and how many more there are."""
    more = f" and {len(names) - most} more" if len(names) > most else ""
    return f"{separator.join(names[:most])}{more}"


def _tell_renamed(renamed: dict[str, list[str]]) -> None:
    if renamed:
        each = [f"{company} ({', '.join(names[:3])})" for company, names in renamed.items()]
        warnings.warn(
            f"companies whose names share no word: {_few(each, MAX_PROBLEMS, '; ')}. If they were not renamed, "
            "different firms have one companyid and are read as one: correct the ids",
            SourceWarning,
            stacklevel=3,
        )


def _tell_left_out(left_out: dict[str, str]) -> None:
    if not left_out:
        return
    names = [f"{name} ({reason})" for name, reason in sorted(left_out.items())]
    warnings.warn(f"not read: {_few(names, MAX_PROBLEMS)}", SourceWarning, stacklevel=2)


def _by_day(listings: list[Listing]) -> list[tuple[date, Listing]]:
    """Return the transcripts with the date in New York of each."""
    at = pa.array([e.at for e in listings], COMPONENTS.field("mostimportantdateutc").type)
    days = quarters.call_date(at, pa.array([e.is_date_only for e in listings], pa.bool_()))
    return list(zip(days.to_pylist(), listings, strict=True))


def _audit(listings: Iterable[tuple[date, Listing]]) -> pa.Table:
    """Return what there is to note on transcripts, which may be spread over several files."""
    parts: dict[tuple[str, str], list[Listing]] = defaultdict(list)
    for _, listing in listings:
        parts[listing.transcript, listing.company].append(listing)
    rows = []
    for (transcript, company), found in sorted(parts.items()):
        n_turns, n_empty = sum(e.n_turns for e in found), sum(e.n_empty for e in found)
        n_repeats, n_cut = sum(e.n_repeats for e in found), sum(e.n_cut for e in found)
        notes = [MIDNIGHT_NOTE] if found[0].is_midnight else []
        if n_empty:
            notes.append(f"{_turns(n_empty)} without text")
        if n_repeats:
            notes.append(f"{n_repeats} repeated row{'' if n_repeats == 1 else 's'} skipped")
        if n_cut:
            at = max(e.cut_at for e in found)
            notes.append(f"{_turns(n_cut)} of {at:,} characters or bytes, where the file seems to cut texts")
        if notes:
            status = "kept" if n_turns else "empty"
            rows.append(dict(zip(AUDIT.names, (transcript, company, status, "; ".join(notes)), strict=True)))
    return pa.Table.from_pylist(rows, schema=AUDIT)


def _turns(n: int) -> str:
    return f"{n} turn{'' if n == 1 else 's'}"
