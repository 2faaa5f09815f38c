"""The reference of tables and views, from their contracts: a page with all of them, and one per group of tables."""

from __future__ import annotations

from typing import TYPE_CHECKING

from docs.generate.markdown_text import code, page, prose, table

if TYPE_CHECKING:
    from collections.abc import Iterable

    from ftm_resources.tables.contract import Column, Table
    from ftm_resources.tables.joined_views import JoinedView

GROUPS = {
    "calls": "Calls and sentences",
    "models": "What models say of sentences",
    "topics": "Topics of firms",
    "themes": "Themes across firms",
    "scores": "Scores",
    "series": "Themes through time",
    "returns": "Returns",
    "marts": "Panels and summaries",
    "serving": "What runs took and cost",
}
"""Group of tables → heading of its page, in the order of the pipeline."""

TYPES = {
    "string": "text",
    "int32": "32-bit integer",
    "int64": "64-bit integer",
    "double": "64-bit float",
    "float": "32-bit float",
    "bool": "boolean",
    "date32[day]": "date",
    "timestamp[us, tz=UTC]": "timestamp, UTC",
    "list<element: string>": "list of texts",
    "list<item: string>": "list of texts",
    "list<element: float>": "list of 32-bit floats",
    "list<item: float>": "list of 32-bit floats",
}
"""Arrow's name of a type → what a page calls it; others keep Arrow's name."""


def group_page_name(group: str) -> str:
    """Return the file of a group's page, beside that of the overview."""
    return f"tables-{group}.md"


def overview(tables: Iterable[Table], views: Iterable[JoinedView]) -> str:
    """Return the page that lists all tables and views, by group; each links to its columns."""
    tables = list(tables)
    blocks = [
        "Every table is an Iceberg table in the namespace `ftm`, partitioned by `quarter`. Each column's type, key and "
        "meaning is part of the code: it creates the table, validates every write and documents the column in the UI. "
        "This page and those it links to are made from it.",
        "In `connect()`, each table is a view of the same name; three views more join tables for reading. A table "
        "*on demand* is not part of a quarter's run. An *optional* one may be missing, with all optional ones of its "
        "group, e.g. without market data.",
        _NAMES,
    ]
    for group, heading in _groups(tables).items():
        rows = [
            (f"[`{t.name}`]({group_page_name(group)}#{t.name})", t.doc.removeprefix("One row per "), _when(t))
            for t in tables
            if t.group == group
        ]
        blocks += [
            f"## [{heading}]({group_page_name(group)})",
            table(("table", "one row per", "when"), rows),
        ]
    listed = [(f"[`{v.name}`](views.md#{v.name})", v.doc.removeprefix("One row per ")) for v in views]
    return page("Tables and views", *blocks, "## Views", table(("view", "one row per"), listed))


def group_pages(tables: Iterable[Table]) -> dict[str, str]:
    """Return the pages of groups by file name: each table with its key and columns."""
    tables = list(tables)
    places = {t.name: group_page_name(t.group) for t in tables}
    return {
        group_page_name(group): page(
            heading, _KEYS, *(_section(t, places) for t in tables if t.group == group)
        )
        for group, heading in _groups(tables).items()
    }


def views_page(views: Iterable[JoinedView]) -> str:
    """Return the page of views that join tables: what each reads and the columns it has."""
    blocks = []
    for view in views:
        columns = table(("column", "meaning"), [(code(n), prose(doc)) for n, doc in view.columns.items()])
        facts = f"{view.doc}. Key: {_names(view.key)}, within a quarter. It reads {_names(view.tables)}."
        blocks += [f"## {view.name} {{#{view.name}}}", facts, columns]
    return page(
        "Views",
        "Every connection by `connect()`, and every DuckDB file, has these views over its own tables. They store "
        "nothing.",
        *blocks,
    )


_KEYS = "The columns of a table's key, which tell its rows apart within a quarter, are bold."

_NAMES = (
    "Names of columns say what they hold: `_id` an identifier, `_at` a moment in UTC, `_date` a day, `n_` a count, "
    "`is_` true or false, `share` a share between 0 and 1, `seconds` seconds. Returns are decimals (0.01 is 1%) and "
    "money is in dollars unless a column says otherwise. A column that refers to another has its values there, in the "
    "same quarter."
)


def _groups(tables: Iterable[Table]) -> dict[str, str]:
    """Return the headings of the groups that the tables are in; a group without a heading has its name."""
    present = dict.fromkeys(t.group for t in tables)
    return {
        g: GROUPS.get(g, g)
        for g in (*(g for g in GROUPS if g in present), *sorted(set(present) - set(GROUPS)))
    }


def _when(t: Table) -> str:
    if t.is_record:
        return "every run"
    return "on demand" if t.is_on_demand else "optional" if t.is_optional else "every run"


def _names(names: Iterable[str]) -> str:
    return ", ".join(f"`{name}`" for name in names)


def _section(t: Table, places: dict[str, str]) -> str:
    rows = [(_column_name(t, c), _type(c), _meaning(c, places)) for c in t.columns]
    facts = f"{t.doc}. Key: {_names(t.key)}. Made: {_when(t)}."
    return "\n\n".join([f"## {t.name} {{#{t.name}}}", facts, table(("column", "type", "meaning"), rows)])


def _column_name(t: Table, c: Column) -> str:
    return f"**{code(c.name)}**" if c.name in t.key else code(c.name)


def _type(c: Column) -> str:
    name = TYPES.get(str(c.type), str(c.type))
    return f"{name} or null" if c.nullable else name


def _meaning(c: Column, places: dict[str, str]) -> str:
    parts = [prose(c.doc)]
    if c.values:
        parts.append(f"One of {_names(c.values)}")
    if c.bounds:
        low, high = c.bounds
        parts.append(f"At least {low:g}" if high == float("inf") else f"From {low:g} to {high:g}")
    if c.references:
        other, column = c.references
        parts.append(f"Refers to [`{other}.{column}`]({places[other]}#{other})")
    if c.is_measurement:
        parts.append("Measured in the run: differs between runs on the same input")
    return ". ".join(parts)
