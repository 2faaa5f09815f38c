"""A plot of a few series over the quarters, beside what was planted in them where the calls are the sample's."""

from __future__ import annotations

import base64
import io
import math
from typing import TYPE_CHECKING, Any, NamedTuple

import dagster as dg

from ftm_resources.sources.sample.generated import SampleSource

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import pyarrow as pa
    from matplotlib.figure import Figure

    from ftm_resources.sources.sample.planted_series import Lineage
    from ftm_resources.warehouse import Warehouse

SHOWN = 6
"""Most series in a plot."""
PLOTTED_QUARTERS = 12
"""Most quarters in a plot of stored series."""
SAMPLED_FIRMS = 48
"""Most firms of the sample that what was planted is counted over: it is generated anew for the plot."""

_COLUMNS = {
    "theme_links": ["theme_id", "series_id", "series_name"],
    "theme_profiles": ["theme_id", "firm_ids", "n_sentences"],
}

_FOUND, _PLANTED = "#4f46e5", "#d97706"
_LABELS = 6
"""Most quarters named on an axis."""


class Curve(NamedTuple):
    """A series' values, one per quarter of the plot; None where it has none."""

    name: str
    found: Sequence[float | None]
    planted: Sequence[float | None] | None = None
    """None: nothing is known of the truth."""


class _Point(NamedTuple):
    """A series in a quarter."""

    share: float
    firms: frozenset[str]


def series_picture(warehouse: Warehouse, quarter: str, rows: Mapping[str, pa.Table]) -> dg.MetadataValue:
    """Return a plot of the six longest series up to a quarter, by their share of the sentences in themes.

    `rows` are those of `theme_links` and `theme_profiles` of the quarter itself, which need not be written yet. If the
    quarter's calls are the sample's, the plot shows beside each series the planted lineage whose firms are most like
    its firms.
    """
    pinned = warehouse.pin()
    stored = set.intersection(*(set(pinned.quarters([name])) for name in _COLUMNS))
    before = sorted(q for q in stored if q < quarter)[1 - PLOTTED_QUARTERS :]
    tables: dict[str, Mapping[str, pa.Table]] = {
        q: {
            name: warehouse.quarter(name, q, pinned=pinned).read(columns)
            for name, columns in _COLUMNS.items()
        }
        for q in before
    }
    tables[quarter] = rows
    points: dict[str, dict[str, _Point]] = {}
    names: dict[str, str] = {}
    for q, of in tables.items():
        for series, point, name in _points(of["theme_links"], of["theme_profiles"]):
            known = points.setdefault(series, {}).get(q, _Point(0.0, frozenset()))
            points[series][q] = _Point(known.share + point.share, known.firms | point.firms)
            names[series] = name
    planted: dict[str, dict[str, Lineage]] = {}
    if quarter in pinned.quarters(["transcripts"]):
        made_from = warehouse.quarter("transcripts", quarter, pinned=pinned).provenance()
        planted = _planted(made_from.get("source", {}), list(tables))
    longest = sorted(points, key=lambda s: (-len(points[s]), -sum(p.share for p in points[s].values()), s))
    curves = [
        Curve(
            names[s],
            [p.share if (p := points[s].get(q)) else None for q in tables],
            _like(points[s], planted),
        )
        for s in longest[:SHOWN]
    ]
    return series_plot(
        list(tables), curves, f"Longest series up to {quarter}", "share of sentences in themes"
    )


def _points(links: pa.Table, profiles: pa.Table) -> list[tuple[str, _Point, str]]:
    """Return (series, share and firms, name) of each theme of a quarter."""
    of = {row["theme_id"]: row for row in profiles.to_pylist()}
    total = sum(row["n_sentences"] for row in of.values())
    found = []
    for row in links.to_pylist():
        theme = of[row["theme_id"]]
        point = _Point(theme["n_sentences"] / total, frozenset(theme["firm_ids"]))
        found.append((row["series_id"], point, row["series_name"]))
    return found


def _planted(source: Mapping[str, Any], quarters: Sequence[str]) -> dict[str, dict[str, Lineage]]:
    """Return the lineages of each quarter; nothing if the calls are not the sample's."""
    if source.get("name") != SampleSource.name:
        return {}
    sample = SampleSource(min(source["firms"], SAMPLED_FIRMS), source["seed"])
    return {quarter: sample.lineages(quarter) for quarter in quarters}


def _like(
    points: Mapping[str, _Point], planted: Mapping[str, Mapping[str, Lineage]]
) -> list[float | None] | None:
    """Return the shares of the lineage whose firms overlap most with the series', over the quarters that have both."""
    overlap: dict[str, float] = {}
    for quarter, lineages in planted.items():
        known = frozenset().union(*(lineage.firms for lineage in lineages.values()))
        if own := points[quarter].firms & known if quarter in points else frozenset():
            for lineage, at in lineages.items():
                shared = len(own & at.firms) / len(own | at.firms)
                overlap[lineage] = overlap.get(lineage, 0.0) + shared
    if not overlap:
        return None
    likest = max(sorted(overlap), key=lambda lineage: overlap[lineage])
    found = [lineages.get(likest) for lineages in planted.values()]
    return [None if at is None else at.share for at in found]


def series_plot(quarters: Sequence[str], curves: Sequence[Curve], title: str, unit: str) -> dg.MetadataValue:
    """Return the first six curves as a picture in Markdown; a line of text if there is nothing to draw.

    ValueError if a curve does not have a value per quarter.
    """
    if not quarters or not curves:
        return dg.MetadataValue.md(f"{title}: none")
    picture = base64.b64encode(series_png(quarters, curves, title, unit)).decode()
    return dg.MetadataValue.md(f"![{title}](data:image/png;base64,{picture})")


def series_png(quarters: Sequence[str], curves: Sequence[Curve], title: str, unit: str) -> bytes:
    """Return `series_figure` as a PNG."""
    picture = io.BytesIO()
    # Without the version of matplotlib, so that the same values give the same bytes under any.
    series_figure(quarters, curves, title, unit).savefig(
        picture, format="png", dpi=90, metadata={"Software": None}
    )
    return picture.getvalue()


def series_figure(quarters: Sequence[str], curves: Sequence[Curve], title: str, unit: str) -> Figure:
    """Return a figure of the first six curves, a panel each: what was found, and dashed, what was planted.

    A gap in a curve is a quarter without a value. All panels have the same scale, from zero for values that are never
    negative. ValueError if there is no curve, or one does not have a value per quarter.
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    shown = curves[:SHOWN]
    if not shown:
        raise ValueError("there is no series to plot")
    for curve in shown:
        for values in (curve.found, curve.planted):
            if values is not None and len(values) != len(quarters):
                raise ValueError(f"{curve.name}: {len(values)} values for {len(quarters)} quarters")
    n_columns = min(3, len(shown))
    n_rows = math.ceil(len(shown) / n_columns)
    figure = Figure(figsize=(3.4 * n_columns, 2.1 * n_rows + 0.6), layout="constrained")
    FigureCanvasAgg(figure)
    panels = figure.subplots(n_rows, n_columns, sharex=True, sharey=True, squeeze=False)
    at = range(len(quarters))
    step = max(1, math.ceil(len(quarters) / _LABELS))
    known = [v for c in shown for values in (c.found, c.planted or ()) for v in values if v is not None]
    for axes, curve in zip(panels.flat, shown, strict=False):
        if curve.planted is not None:
            axes.plot(at, _floats(curve.planted), color=_PLANTED, linestyle="--", marker="|", label="planted")
        axes.plot(at, _floats(curve.found), color=_FOUND, marker=".", label="found")
        axes.set_title(curve.name, fontsize=9, parse_math=False)  # "$" in a name is a dollar
        axes.set_xticks(list(at)[::step], list(quarters)[::step], fontsize=7, rotation=45)
        axes.tick_params(axis="y", labelsize=7)
        axes.spines[["top", "right"]].set_visible(False)
    # Once all are drawn: it ends the scaling of the axis that the panels share.
    if known and min(known) >= 0:
        panels.flat[0].set_ylim(bottom=0)
    for axes in panels.flat[len(shown) :]:
        axes.set_visible(False)
    if any(curve.planted is not None for curve in shown):
        first = next(i for i, curve in enumerate(shown) if curve.planted is not None)
        panels.flat[first].legend(fontsize=7, frameon=False)
    figure.supylabel(unit, fontsize=8)
    figure.suptitle(title, fontsize=10)
    return figure


def _floats(values: Sequence[float | None]) -> list[float]:
    """Return the values with NaN for None, at which a line is broken."""
    return [math.nan if value is None else float(value) for value in values]
