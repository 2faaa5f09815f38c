"""The interface and the error that all transcript sources share. `tables.components` defines their rows."""

from __future__ import annotations

import abc
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ftm_resources.tables.components import AUDIT, Attributes

if TYPE_CHECKING:
    import pyarrow as pa


MAX_PROBLEMS = 20
"""Most problems that an error lists: enough to show a pattern, few enough to read."""

Progress = Callable[[int, int | None], None]
"""Called with (components done, total); total is None if unknown."""


@dataclass(frozen=True)
class Problem:
    """One thing wrong with the input. `row` counts data rows from 1; None if the problem concerns the whole file."""

    file: str
    row: int | None
    column: str | None
    message: str

    def __str__(self) -> str:
        where = self.file if self.row is None else f"{self.file} row {self.row}"
        return f"{where}{f', column {self.column}' if self.column else ''}: {self.message}"


class SourceWarning(UserWarning):
    """The input is read, but not as a reader of the messages might expect; the message says what and where."""


class SourceError(ValueError):
    """The input cannot be used; the message lists what is wrong, where, and what to do."""

    def __init__(
        self,
        problems: Sequence[Problem],
        n_problems: int | None = None,
        *,
        advice: str,
        of: str = "transcripts",
    ) -> None:
        """Keep the first 20 of `problems`; `n_problems` is their number, if not all were collected.

        `of` is what was to be read.
        """
        self.problems = tuple(problems[:MAX_PROBLEMS])
        self.n_problems = max(len(problems), n_problems or 0)
        self.advice = advice
        lines = [f"{of}: {self.n_problems} problem{'' if self.n_problems == 1 else 's'}"]
        lines += [f"  {problem}" for problem in self.problems]
        if more := self.n_problems - len(self.problems):
            lines.append(f"  and {more} more")
        lines.append(advice)
        super().__init__("\n".join(lines))


class TranscriptSource(abc.ABC):
    """Where transcripts come from."""

    name: str
    """The source's name in messages, metadata and progress bars."""

    @abc.abstractmethod
    def components(self, quarter: str, progress: Progress | None = None) -> Iterator[pa.Table]:
        """Yield the components of a quarter's calls (e.g. 2020Q4), as tables with the schema COMPONENTS.

        Calls up to NEIGHBOUR_DAYS before and after the quarter are included, as versions of its calls may be among
        them: whoever reads the components compares the versions and drops calls of other quarters. A transcript that
        is listed for several companies is yielded for each; the reader chooses. Each table has a bounded number of
        rows; a call may be spread over several tables. A quarter without calls yields nothing. SourceError, before
        the first table, if the input cannot be used.
        """

    def provenance(self) -> dict[str, Any]:
        """Return the provenance recorded with a quarter: the source's name, and what identifies its input."""
        return {"name": self.name}

    def attributes(self) -> Attributes:
        """Return what the source says of the calls of the last `components`, which must be exhausted, beside them.

        None if the source has no columns but those of COMPONENTS, as WRDS's query and the sample have none.
        """
        return Attributes.none()

    def audit(self) -> pa.Table:
        """Return what the last `components`, which must be exhausted, did with transcripts (schema AUDIT).

        It has the transcripts that were left out, and the notes on others, of the quarter itself: by the date in
        New York of each as it is listed, so that every transcript is in the audit of one quarter. Those of the
        neighbouring days are in the audits of their own quarters. (transcriptid, companyid) is unique. Empty for a
        source that yields everything it has and has nothing to note.
        """
        return AUDIT.empty_table()
