"""Progress bars for slow work: animated on a terminal, occasional lines in captured logs."""

from __future__ import annotations

import sys
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator


TOLD_EVERY = 600.0
"""Seconds after which work that takes longer is told again to those who only read the event log."""

_KNOWN = "{l_bar}{bar}| {n_fmt}/{total_fmt} {unit} [{elapsed}<{remaining}]"
_UNKNOWN = "{desc}: {n_fmt} {unit} [{elapsed}]"


def note(text: str) -> None:
    """Write a line to standard error, above any bar: what a step without a bar is doing."""
    from tqdm import tqdm  # noqa: PLC0415

    if sys.stderr.isatty():
        tqdm.write(text, file=sys.stderr)
    else:  # a log keeps each line: tqdm would repeat the bar below the note
        sys.stderr.write(f"{text}\n")
        sys.stderr.flush()


@contextmanager
def bar(description: str, unit: str, total: int | None = None) -> Iterator[Callable[[int, int | None], None]]:
    """Show a progress bar on standard error while the block runs; yield the function that updates it.

    The function takes the number done so far and the total (None: unknown).
    """
    from tqdm import tqdm  # noqa: PLC0415

    interactive = sys.stderr.isatty()
    with tqdm(
        total=total,
        desc=description,
        unit=unit,
        bar_format=_UNKNOWN if total is None else _KNOWN,
        mininterval=0.2 if interactive else 15.0,
        delay=0 if interactive else 1e-9,  # no bar in a log before there is something to report
        leave=True,
        dynamic_ncols=interactive,
        file=sys.stderr,
    ) as shown:

        def move(done: int, of: int | None = None) -> None:
            if of is not None:
                shown.total, shown.bar_format = of, _KNOWN
            shown.update(done - shown.n)

        yield move


def also_told(
    move: Callable[[int, int | None], None], tell: Callable[[str], None], what: str
) -> Callable[[int], None]:
    """Return a function that moves a bar, and every `TOLD_EVERY` seconds tells how far it is: "`what`: 12 done".

    A run that writes no event for hours is taken for dead by those who keep a server for it (`model_services`).
    """
    told = time.monotonic()

    def reach(done: int) -> None:
        nonlocal told
        move(done, None)
        if time.monotonic() - told >= TOLD_EVERY:
            told = time.monotonic()
            tell(f"{what}: {done} done")

    return reach
