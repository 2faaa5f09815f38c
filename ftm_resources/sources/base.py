"""What every transcript source has in common: its interface and its error. The rows it yields are in `tables`."""

from __future__ import annotations

import abc
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ftm_resources.tables.components import AUDIT

if TYPE_CHECKING:
    import pyarrow as pa


MAX_PROBLEMS = 20
"""Problems that an error lists; enough to see the pattern, few enough to read."""

Progress = Callable[[int, int | None], None]
"""Called with the components done so far and their total (None: unknown)."""


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
