"""Progress bars for slow work: animated on a terminal, occasional lines in captured logs."""

from __future__ import annotations

import sys
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator


def note(text: str) -> None:
    """Write a line to standard error, above any bar: what a step without a bar is doing."""
    from tqdm import tqdm  # noqa: PLC0415

    tqdm.write(text, file=sys.stderr)


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
        unit=f" {unit}",
        mininterval=0.2 if interactive else 15.0,
        leave=True,
        dynamic_ncols=interactive,
        file=sys.stderr,
    ) as shown:

        def move(done: int, of: int | None = None) -> None:
            if of is not None:
                shown.total = of
            shown.update(done - shown.n)

        yield move
