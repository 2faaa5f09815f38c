"""Draft captions of figures for a paper: what is drawn, of how many, by which model, and which state of the tables.

What belongs here: the words. The numbers come from what the figures are drawn from.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ftm_assets.report.map_figure import NEUTRAL
from ftm_assets.report.measure_words import MODEL_WORDS
from ftm_resources.warehouse.snapshots import writes
from ftm_resources.warehouse.tags import tags

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ftm_assets.report.car_rows import CarRows
    from ftm_assets.report.figure_rows import MapRows, ToneRows
    from ftm_resources.warehouse import Warehouse
    from ftm_resources.warehouse.pinned import Pinned
    from ftm_resources.warehouse.snapshots import Tag


def map_caption(found: MapRows, quarter: str, named: int) -> str:
    """Return the caption of `theme_map_figure`."""
    n, loose = found.rows.num_rows, int((found.points.theme < 0).sum())
    firms = len(set(found.rows.column("firm_id").to_pylist()))
    return (
        f"Themes of earnings calls, {quarter}. Each of {n:,} points is a topic of one of {firms:,} firms; near points "
        f"speak of similar things, and the axes have no unit. Colour is tone, (positive − negative) / sentences; "
        f"triangles point up above {NEUTRAL:g} and down below −{NEUTRAL:g}; area is proportional to sentences. Shaded "
        f"regions are the {len(found.themes):,} themes: where its topics are denser than any other theme's. The "
        f"largest {named:,} for which there is room are named. Grey points ({loose:,}) are in no theme."
    )


def tone_caption(found: ToneRows) -> str:
    """Return the caption of `tone_figure`."""
    first, last = found.quarters[0], found.quarters[-1]
    text = (
        f"Tone of {len(found.lines):,} of {len(found.lines) + found.n_left_out:,} series of themes, {first} to {last}: "
        "(positive − negative) / sentences. Bands are 95% intervals, by Student's t, of standard errors clustered by "
        "firm; a theme of few firms has none. A gap is a quarter without the theme"
    )
    return text + (f", or without a panel ({', '.join(found.missing)})." if found.missing else ".")


def car_caption(found: CarRows, first: str, last: str) -> str:
    """Return the caption of `car_figure`."""
    low, middle, high = found.found.n_events
    days = found.found.days
    since, until = (str(int(day)).replace("-", "−") for day in (days[0], days[-1]))
    span = first if first == last else f"{first} to {last}"
    text = (
        f"Mean cumulative abnormal returns around {low + middle + high:,} earnings calls, {span}, from day {since} to "
        f"day {until} (day 0: the first trading day that closes after the call began), by tercile of tone about "
        f"{found.name}: low {low:,}, middle "
        f"{middle:,}, high {high:,} calls. Expected returns: {MODEL_WORDS.get(found.model, found.model)}. Bands: 95% "
        "of each day, by Student's t, with the largest of the errors clustered by firm, by date and by both. Grey: the "
        "same firms and tone on days without a call."
    )
    if found.left_out:
        text += f" Without returns, so left out: {', '.join(found.left_out)}."
    return text


def state_of(warehouse: Warehouse, quarters: Sequence[str]) -> str:
    """Return which tags hold the present themes of all these quarters, or how to make one."""
    pinned = warehouse.pin()
    made = pinned.writes("themes") if "themes" in pinned.names else {}
    newest = {q: made[q][-1].snapshot_id for q in quarters if made.get(q)}
    held = {(t.quarter, t.name) for t in tags(warehouse) if _write_in(t, pinned) == newest.get(t.quarter, -1)}
    names = sorted({name for _, name in held if all((q, name) in held for q in newest)})
    if names:
        return f"State of the tables: tag {', '.join(names)}."
    return f"State of the tables: not tagged (`ftm tag {quarters[-1]} NAME` keeps it)."


def _write_in(tag: Tag, pinned: Pinned) -> int | None:
    """Return the snapshot that wrote the themes that a tag holds; it may mark a later one, of another quarter."""
    table, marked = pinned.table("themes"), tag.tables.get("themes")
    snapshot = table.snapshot_by_id(marked) if table is not None and marked is not None else None
    held = writes(table, snapshot).get(tag.quarter) if table is not None and snapshot is not None else None
    return held[-1].snapshot_id if held else None
