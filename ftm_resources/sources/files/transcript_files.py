"""The files source: transcripts in CSV or Parquet, one file or a folder of them, in Capital IQ's columns.

The files are read in two passes, in batches, so memory does not grow with their size. The first checks every file
and reports all problems by file, row and column before anything is yielded; the second yields the quarter from the
files that contain it.

A start at midnight UTC is taken to be a date only, and noted: see `sources.moments.is_midnight`.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from ftm_resources import quarters
from ftm_resources.sources.base import Problem, Progress, SourceError, TranscriptSource
from ftm_resources.sources.files.columns import Problems, conventions, normalise
from ftm_resources.sources.files.tabular import ENDINGS, batches
from ftm_resources.sources.moments import Conventions
from ftm_resources.tables.components import COMPONENTS

ADVICE = "Nothing was written. Correct or remove the files, and run again."


@dataclass(frozen=True)
class _Checked:
    """What the first pass found in a file."""

    conventions: Conventions
    components: dict[str, int]
    """Number of components by quarter."""


class FilesSource(TranscriptSource):
    """CSV or Parquet files at a path."""

    name = "files"

    def __init__(self, path: str | Path) -> None:
        """Take a file, or a folder whose CSV and Parquet files are read, including subfolders.

        Names that begin with a dot or an underscore are skipped, as are those with other endings.
        """
        self._path = Path(path).expanduser()

    def files(self) -> list[Path]:
        """Return the files to read, sorted; SourceError if there are none."""
        if not self._path.exists():
            raise self._error("there is no such file or folder")
        if self._path.is_file():
            if not self._path.name.lower().endswith(ENDINGS):
                raise self._error(f"must end in one of {', '.join(ENDINGS)}")
            return [self._path]
        found = sorted(
            p
            for p in self._path.rglob("*")
            if p.is_file()
            and p.name.lower().endswith(ENDINGS)
            and not any(part.startswith((".", "_")) for part in p.relative_to(self._path).parts)
        )
        if not found:
            raise self._error(f"contains no {', '.join(ENDINGS)} file")
        return found

    def provenance(self) -> dict[str, Any]:
        """Return the path and the SHA-256 of the file; for a folder, of its files' names and contents combined."""
        files, whole = self.files(), hashlib.sha256()
        for file in files:
            with file.open("rb") as stream:
                content = hashlib.file_digest(stream, "sha256")
            if files == [self._path]:
                whole = content
            else:
                whole.update(f"{content.hexdigest()} {self._label(file)}\n".encode())
        return {**super().provenance(), "path": str(self._path.resolve()), "sha256": whole.hexdigest()}

    def quarters(self) -> dict[str, int]:
        """Return the number of components of each quarter in the files; SourceError if any file is bad."""
        found: Counter[str] = Counter()
        for facts in self._check(self.files()):
            found.update(facts.components)
        return dict(sorted(found.items()))

    def components(self, quarter: str, progress: Progress | None = None) -> Iterator[pa.Table]:
        """Yield the quarter's components in batches; SourceError, before the first, if any file is bad."""
        files = self.files()
        checked = self._check(files)
        done, total = 0, sum(c.components.get(quarter, 0) for c in checked)
        for file, facts in zip(files, checked, strict=True):
            if quarter not in facts.components:
                continue
            problems = Problems(self._label(file))
            for raw in batches(file, problems):
                rows = normalise(raw, problems, facts.conventions)
                if problems.count:  # the first pass found none
                    break
                rows = rows.select(COMPONENTS.names).filter(pc.equal(_quarters(rows), quarter))
                rows = rows.filter(rows.column("componenttext").is_valid())
                done += rows.num_rows
                if progress:
                    progress(done, total)
                if rows.num_rows:
                    yield rows.cast(COMPONENTS)
            if problems.count:
                raise SourceError(
                    problems.listed, problems.count, advice="The file changed while it was read."
                )

    def _check(self, files: list[Path]) -> list[_Checked]:
        """Read every file; raise one SourceError for all problems within or between them."""
        problems = [Problems(self._label(file)) for file in files]
        keys: list[pa.Table] = []
        calls: dict[str, dict[str, Any]] = {}
        checked = []
        for number, file in enumerate(files):
            times: list[pa.Table] = []
            written = conventions(batches(file, Problems("")))
            for raw in batches(file, problems[number]):
                rows = normalise(raw, problems[number], written)
                times.append(_times(rows))
                keys.append(_keys(rows, number))
                _check_calls(rows, problems[number], calls)
            checked.append(_Checked(written, _components(times)))
        if keys:
            _check_duplicates(pa.concat_tables(keys), problems)
        if any(p.count for p in problems):
            listed = [p for found in problems for p in sorted(found.listed, key=lambda p: p.row or 0)]
            raise SourceError(listed, sum(p.count for p in problems), advice=ADVICE)
        return checked

    def _error(self, message: str) -> SourceError:
        return SourceError([Problem(str(self._path), None, None, message)], advice=ADVICE)

    def _label(self, file: Path) -> str:
        return file.name if self._path.is_file() else str(file.relative_to(self._path))


def _quarters(rows: pa.Table) -> pa.Array:
    return quarters.of_dates(
        quarters.call_date(rows.column("mostimportantdateutc"), rows.column("is_date_only"))
    )


def _times(rows: pa.Table) -> pa.Table:
    """Return the distinct times of the rows and how often each occurs."""
    keys = ["mostimportantdateutc", "is_date_only"]
    return rows.group_by(keys, use_threads=False).aggregate([([], "count_all")])


def _components(times: list[pa.Table]) -> dict[str, int]:
    """Return the number of components by quarter."""
    if not times:
        return {}
    rows = pa.concat_tables(times)
    counts = pa.table({"quarter": _quarters(rows), "n": rows.column("count_all")})
    per_quarter = counts.group_by("quarter").aggregate([("n", "sum")]).to_pylist()
    return {c["quarter"]: c["n_sum"] for c in per_quarter}


def _keys(rows: pa.Table, file: int) -> pa.Table:
    """Return the columns that must be unique across all files, with the file and row of each."""
    kept = rows.select(["transcriptid", "componentorder", "transcriptcomponentid", "row"])
    return kept.append_column("file", pa.repeat(pa.scalar(file, pa.int32()), rows.num_rows))


def _check_duplicates(keys: pa.Table, problems: list[Problems]) -> None:
    """Report each component that occurs twice, within a file or between files."""
    keys = keys.append_column("place", pa.array(range(keys.num_rows), pa.int64()))
    reported: set[int] = set()
    for columns in (["transcriptid", "componentorder"], ["transcriptcomponentid"]):
        groups = keys.group_by(columns, use_threads=False).aggregate([("place", "min"), ([], "count_all")])
        twice = groups.filter(pc.greater(groups.column("count_all"), 1)).drop_columns("count_all")
        # The join drops null keys: they are reported elsewhere, or the column does not exist.
        again = keys.join(twice, columns, join_type="inner", use_threads=False).sort_by("place")
        for found in again.filter(pc.greater(again.column("place"), again.column("place_min"))).to_pylist():
            if found["place"] in reported:
                continue
            reported.add(found["place"])
            first = keys.slice(found["place_min"], 1).to_pylist()[0]
            where = f"row {first['row']}"
            if first["file"] != found["file"]:
                where = f"{problems[first['file']].file}, {where}"
            what = (
                f"transcript {found['transcriptid']} already has component {found['componentorder']} in {where}"
                if len(columns) > 1
                else f"{found['transcriptcomponentid']} is the component in {where}"
            )
            problems[found["file"]].add(found["row"], columns[-1], what)


def _check_calls(rows: pa.Table, problems: Problems, calls: dict[str, dict[str, Any]]) -> None:
    """Report transcripts whose rows disagree on firm or time; `calls` holds the first values found."""
    columns = ["transcriptid", "companyid", "mostimportantdateutc"]
    distinct = rows.group_by(columns, use_threads=False).aggregate([("row", "min")])
    for call in distinct.sort_by("row_min").to_pylist():
        transcript = call["transcriptid"]
        if transcript is None:
            continue
        first = calls.setdefault(transcript, {})
        for column in columns[1:]:
            ours = call[column]
            if ours is not None and first.setdefault(column, ours) != ours:
                message = f"{ours} differs from {first[column]} earlier in transcript {transcript}"
                problems.add(call["row_min"], column, message)
