"""The attributes that all assets share: description, group, owner, kinds, columns."""

from __future__ import annotations

import base64
import io
from typing import TYPE_CHECKING, Any

import dagster as dg

from ftm_resources.tables import TABLES

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping, Sequence

    import pyarrow as pa

    from ftm_resources.warehouse import QuarterTable

OWNER = "team:research"

NO_CONFIG: dict[str, Any] = {}
"""Config schema of a step that has no config. Without one, Dagster accepts any config and ignores it."""


def asset_attributes(table: str, *, code_version: str, kinds: Collection[str]) -> dict[str, Any]:
    """Return the keyword arguments that `asset`, `AssetOut` and `graph_asset` share, from the contract."""
    contract = TABLES[table]
    columns = [
        dg.TableColumn(
            c.name,
            str(c.type),
            c.doc,
            dg.TableColumnConstraints(nullable=c.nullable, unique=contract.key == (c.name,)),
        )
        for c in contract.columns
    ]
    return {
        "description": f"{contract.doc}. Key: {', '.join(contract.key)}.",
        "group_name": contract.group,
        "owners": [OWNER],
        "kinds": {"iceberg", *kinds},
        "code_version": code_version,
        "metadata": {"dagster/column_schema": dg.TableSchema(columns), "dagster/table_name": f"ftm.{table}"},
    }


EXACT = frozenset({"config", "firm_topics_config", "inputs", "models"})
"""Metadata that others compare or repeat, so it is not rounded."""


def readable(metadata: Mapping[str, Any]) -> dict[str, Any]:
    """Return metadata with its numbers rounded for people, to about four digits; EXACT as it is.

    >>> readable({"seconds": 12.3456789, "share": 0.0123456, "shares": {"a": 1 / 3}, "firms": 48})
    {'seconds': 12.346, 'share': 0.01235, 'shares': {'a': 0.3333}, 'firms': 48}
    """
    return {name: value if name in EXACT else _rounded(value) for name, value in metadata.items()}


def _rounded(value: Any) -> Any:
    if isinstance(value, float):
        return round(value, 3) if abs(value) >= 1 else float(f"{value:.4g}")
    if isinstance(value, dict):
        return {k: _rounded(v) for k, v in value.items()}
    return [_rounded(v) for v in value] if isinstance(value, list) else value


MAX_CELL_CHARACTERS = 120
"""A longer text is cut in a table on an asset's page."""


def preview(rows: pa.Table, columns: Sequence[str], n: int = 10) -> dg.TableMetadataValue:
    """Return the first rows of a table for the asset's page; lists are joined and long texts cut."""
    shown = rows.select(columns).slice(0, n).to_pylist()
    return page_table(columns, ([row[c] for c in columns] for row in shown))


def with_firm_names(rows: pa.Table, transcripts: QuarterTable) -> pa.Table:
    """Return rows that have a firm_id, few enough for a preview, with the firm's name as first column."""
    firms = rows.column("firm_id").to_pylist()
    known = transcripts.read(["firm_id", "firm_name"], firms=sorted(set(firms)))
    names = dict(zip(*(known.column(c).to_pylist() for c in ("firm_id", "firm_name")), strict=True))
    return rows.add_column(0, "firm_name", [[names.get(f) for f in firms]])


def page_table(columns: Sequence[str], rows: Iterable[Sequence[object]]) -> dg.TableMetadataValue:
    """Return rows as a table on an asset's page, which Dagster escapes: links and images in texts stay text."""
    records = [dg.TableRecord(dict(zip(columns, map(_cell, row), strict=True))) for row in rows]
    schema = dg.TableSchema([dg.TableColumn(c, _column_type(r.data[c] for r in records)) for c in columns])
    return dg.MetadataValue.table(records, schema)


def _cell(value: object) -> str | float | bool | None:
    if value is None or isinstance(value, bool | int):
        return value
    if isinstance(value, float):
        return round(value, 3)
    text = " ".join((", ".join(map(str, value)) if isinstance(value, list) else str(value)).split())
    return text if len(text) <= MAX_CELL_CHARACTERS else text[: MAX_CELL_CHARACTERS - 1] + "…"


def _column_type(values: Iterable[object]) -> str:
    kinds = {type(v).__name__ for v in values if v is not None}
    return next(iter(kinds)) if len(kinds) == 1 else "str"


def histogram(values: Sequence[float], title: str, unit: str) -> dg.MetadataValue:
    """Return a histogram as a picture in Markdown; a line of text if there is nothing to draw."""
    if not len(values):
        return dg.MetadataValue.md(f"{title}: none")
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(6, 2.6), layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.add_subplot()
    low, high = int(min(values)), int(max(values))
    axes.hist(values, bins=range(low, high + 2) if high - low < 60 else 40, color="#4f46e5", align="left")
    axes.set(title=title, xlabel=unit, ylabel="firms")
    axes.spines[["top", "right"]].set_visible(False)
    picture = io.BytesIO()
    figure.savefig(picture, format="png", dpi=90)
    return dg.MetadataValue.md(
        f"![{title}](data:image/png;base64,{base64.b64encode(picture.getvalue()).decode()})"
    )
