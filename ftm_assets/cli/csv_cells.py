"""The cells of CSV files: lists as JSON, and no text that a spreadsheet would run as a formula."""

from __future__ import annotations

import re

_BEGINS = r"^([=+\-@\t\r\n''])"
_AFTER_SEPARATOR = r"([;\t\r\n])([=+\-@''])"
"""What a spreadsheet would run as a formula, or, with an apostrophe, what looks as if marked already: at the start of a
text, and inside it after what separates cells where commas are decimal marks (a quotation mark inside a cell does not
protect there). In SQL. To get the text back, remove one apostrophe from the start and one after each separator."""


def cell(table: str, column: str, *, as_csv: bool) -> str:
    """Return the SQL of a column as it is written: in CSV, lists as JSON, and no text that a spreadsheet would run."""
    from pyarrow import types

    from ftm_resources.tables import TABLES

    kind = TABLES[table].arrow_schema.field(column).type
    if as_csv and (types.is_list(kind) or types.is_string(kind)):
        text = f'to_json("{column}")::VARCHAR' if types.is_list(kind) else f'"{column}"'
        begun = rf"regexp_replace({text}, '{_BEGINS}', '''\1')"
        return rf"""regexp_replace({begun}, '{_AFTER_SEPARATOR}', '\1''\2', 'g') AS "{column}" """
    return f'"{column}"'


def marked(text: str) -> str:
    """Return a text as `cell` writes it in CSV.

    >>> marked("=1+1"), marked("up 5%")
    ("'=1+1", 'up 5%')
    """
    return re.sub(_AFTER_SEPARATOR, r"\1'\2", re.sub(_BEGINS, r"'\1", text))
