"""The codebook of exported panels, from the contracts: what each column means, its unit, and its label in Stata."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from ftm_resources.tables import Column

QUARTER_COLUMNS = frozenset({"quarter", "previous_quarter"})
"""Columns that hold a calendar quarter such as 2023Q1."""

MAX_LABEL = 80
"""Characters of a label in Stata."""

_UNITS = {
    "date32[day]": "day",
    "timestamp[us, tz=UTC]": "time, UTC",
    "bool": "0 or 1",
    "int32": "count",
    "int64": "id",
}

_IN_STATA = (
    "In Stata, dates are %td, times %tc (UTC) and quarters %tq; a missing text is empty. For the panel of one series: "
    '`keep if series_id == "…"`, `egen firm = group(firm_id)`, `xtset firm quarter`. A label that ends in … is cut; '
    "`notes` shows the whole text."
)


def label(doc: str) -> str:
    """Return a column's document as a label of at most 80 characters: its first clause, or what fits of it.

    What is left out is an ellipsis at the end; the whole document is in the variable's notes and in the codebook.

    >>> label("Attention, analysts only: n_sentences_analyst / n_business_analyst; null if there are none")
    'Attention, analysts only: n_sentences_analyst / n_business_analyst…'
    >>> label("Business sentences of the firm")
    'Business sentences of the firm'
    >>> len(label("words " * 40)) <= 80
    True
    """
    clause = doc.split("; ", maxsplit=1)[0].split(". ", maxsplit=1)[0].strip()
    if clause == doc.strip() and len(clause) <= MAX_LABEL:
        return clause
    if len(clause) < MAX_LABEL:
        return clause + "…"
    return clause[:MAX_LABEL].rpartition(" ")[0].rstrip(",:(") + "…"


def unit(column: Column) -> str:
    """Return what a column's values count or measure."""
    if column.name in QUARTER_COLUMNS:
        return "calendar quarter"
    if str(column.type) in _UNITS:
        return _UNITS[str(column.type)]
    if str(column.type) != "double":
        return "category" if column.values else "id or name"
    low, high = column.bounds or (float("-inf"), float("inf"))
    return f"{low:g} to {high:g}" if high < float("inf") else f"{low:g} or more"


def write_codebook(
    tables: Sequence[str],
    file: Path,
    *,
    quarters: Sequence[str],
    is_stata: bool,
    state: Sequence[str],
    warnings: Sequence[str] = (),
) -> None:
    """Write every column of the tables: name, type, unit, whether it may be missing, and what it means.

    `state` is Markdown that says which rows of the warehouse the files hold; `warnings` are shown above all else.
    """
    from importlib.metadata import version

    from ftm_resources.tables import TABLES

    lines = ["# Codebook", "", f"FTM {version('ftm')}, quarters {', '.join(quarters)}."]
    lines += [line for warning in warnings for line in ("", f"**{warning}**")]
    if is_stata:
        lines += ["", _IN_STATA]
    for table in tables:
        contract = TABLES[table]
        lines += ["", f"## {table}", "", f"{contract.doc}. Key: {', '.join((*contract.key, 'quarter'))}.", ""]
        lines += ["| column | type | unit | missing | meaning |", "| --- | --- | --- | --- | --- |"]
        for c in contract.columns:
            meaning = c.doc + (f". One of: {', '.join(c.values)}" if c.values else "")
            missing = "possible" if c.nullable else "never"
            lines.append(
                f"| `{c.name}` | {c.type} | {unit(c)} | {missing} | {meaning.replace('|', '&#124;')} |"
            )
    file.write_text("\n".join([*lines, "", *state]) + "\n", encoding="utf-8")
