"""What commands print: consoles, tables and readable numbers. Text from data is never parsed as markup."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from ftm_assets.methods.wording import size

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from datetime import datetime

    from rich.console import Console
    from rich.table import Table

__all__ = ["PIPED_WIDTH", "console", "count", "facts", "moment", "size", "table"]

PIPED_WIDTH = 110
"""Width in columns of output to a file or a pipe."""


def console() -> Console:
    """Return the console on standard output; a pipe has a fixed width and no colours."""
    from rich.console import Console

    return Console(width=None if sys.stdout.isatty() else PIPED_WIDTH, highlight=False, markup=False)


def table(title: str, columns: Sequence[str], rows: Iterable[Sequence[str]], *, left: int = 1) -> Table:
    """Return a table of texts: the first `left` columns left-aligned and wrapped, the others right-aligned."""
    from rich import box
    from rich.table import Table
    from rich.text import Text

    shown = Table(
        title=Text(title), title_justify="left", title_style="bold", box=box.SIMPLE_HEAD, pad_edge=False
    )
    for i, name in enumerate(columns):
        shown.add_column(
            Text(name), justify="left" if i < left else "right", overflow="fold", no_wrap=i >= left
        )
    for row in rows:
        shown.add_row(*(Text(cell) for cell in row))
    return shown


def facts(pairs: Iterable[tuple[str, str]]) -> Table:
    """Return pairs of name and text, one below the other."""
    from rich.table import Table
    from rich.text import Text

    shown = Table.grid(padding=(0, 2))
    shown.add_column(style="bold", no_wrap=True)
    shown.add_column(overflow="fold")
    for name, text in pairs:
        shown.add_row(Text(name), Text(text))
    return shown


def moment(when: datetime) -> str:
    """Return a UTC time, to the minute."""
    return f"{when:%Y-%m-%d %H:%M} UTC"


def count(n: int, thing: str, things: str | None = None) -> str:
    """Return a number of things in words: 1 firm, 2 firms.

    >>> count(1, "firm"), count(1200, "call")
    ('1 firm', '1,200 calls')
    """
    return f"{n:,} {thing if n == 1 else things or thing + 's'}"


def one_line(text: str | None) -> str:
    """Return a text on one line, without what a terminal would obey."""
    return "".join(c for c in " ".join((text or "").split()) if c.isprintable())
