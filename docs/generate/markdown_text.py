"""Markdown that pages are made of: tables, cells and code, with text escaped so that it stays text."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence


def cell(text: str) -> str:
    r"""Return text as it may stand in a cell: on one line, with bars escaped, and no HTML outside of code.

    >>> cell("a | b <c> `d | <e>`")
    'a \\| b &lt;c&gt; `d \\| <e>`'
    """
    parts = " ".join(text.split()).split("`")
    if len(parts) % 2 == 0:  # a lone backtick opens nothing
        parts = ["`".join(parts).replace("`", "&#96;")]
    parts[::2] = [p.replace("<", "&lt;").replace(">", "&gt;") for p in parts[::2]]
    return "`".join(parts).replace("|", "\\|")


def prose(text: str) -> str:
    r"""Return text of the code, such as a column's meaning, with asterisks as such; names in backticks stay code.

    >>> prose("a * b, see `c*`")
    'a \\* b, see `c*`'
    """
    parts = text.split("`")
    parts[::2] = [p.replace("*", "\\*") for p in parts[::2]]
    return "`".join(parts)


def code(text: object) -> str:
    """Return text as code in a cell; an empty text as nothing.

    >>> code("x | y")
    '`x | y`'
    """
    return f"`{text}`" if str(text) else ""


def table(header: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Return a table; cells are Markdown.

    Raises ValueError if a row has another number of cells than the header.
    """
    lines = [header, ["---"] * len(header), *([cell(c) for c in row] for row in rows)]
    if any(len(line) != len(header) for line in lines):
        raise ValueError(f"a row has not {len(header)} cells, as {', '.join(header)} has")
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def page(title: str, *blocks: str) -> str:
    """Return a page: its title and blocks, empty ones left out, each after an empty line."""
    return "\n\n".join([f"# {title}", *(b.strip("\n") for b in blocks if b.strip())]) + "\n"
