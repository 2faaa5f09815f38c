"""The attributes that all assets share: description, group, owner, kinds, columns."""

from __future__ import annotations

import base64
import io
from typing import TYPE_CHECKING, Any

import dagster as dg

from ftm_resources.tables import TABLES

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    import pyarrow as pa

OWNER = "team:research"


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


def preview(rows: pa.Table, columns: Sequence[str], n: int = 10) -> dg.MetadataValue:
    """Return the first rows of a table as Markdown, long texts cut, for the asset's page."""
    lines = ["| " + " | ".join(columns) + " |", "|" + " --- |" * len(columns)]
    shown = rows.select(columns).slice(0, n).to_pylist()
    lines += ["| " + " | ".join(_cell(row[c]) for c in columns) + " |" for row in shown]
    return dg.MetadataValue.md("\n".join(lines))


def _cell(value: object) -> str:
    text = ", ".join(map(str, value)) if isinstance(value, list) else str(value)
    text = f"{value:.3f}" if isinstance(value, float) else " ".join(text.split()).replace("|", "\\|")
    return text if len(text) <= 120 else text[:117] + "…"


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
