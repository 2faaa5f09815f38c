"""What changed since the quarter before: attention and tone of the series of both, and whose changes these are."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from ftm_assets.methods.wording import counted
from ftm_assets.report.reported_state import PANEL

if TYPE_CHECKING:
    from collections.abc import Mapping

    import duckdb

    from ftm_assets.report.reported_state import ReportedState

FIRMS = "firm_status"
"""The table that says which firms called in a quarter."""

FEWEST_THE_SAME = 0.5
"""Share of the quarter's firms that also called in the quarter before, below which changes are rather of the firms."""


@dataclass(frozen=True)
class Changes:
    """What is known of the quarter before."""

    attention: Mapping[str, float] = field(default_factory=dict)
    score: Mapping[str, float] = field(default_factory=dict)
    """Series → its value there; a series without one is not in it."""
    warnings: tuple[str, ...] = ()


def told_changes(db: duckdb.DuckDBPyConnection, state: ReportedState) -> Changes:
    """Read the quarter before; without one to compare with, nothing, and why if it is stored."""
    before, why = state.compared()
    if before is None:
        return Changes(warnings=(why,) if why else ())
    with state.connect_to([before], PANEL) as other:
        rows = other.execute(f"SELECT series_id, attention, score FROM {PANEL}").fetchall()  # noqa: S608 - a constant
    with state.connect_to([before], FIRMS) as other:
        then = {firm for (firm,) in other.execute(f"SELECT firm_id FROM {FIRMS}").fetchall()}  # noqa: S608 - a constant
    now = {firm for (firm,) in db.execute("SELECT firm_id FROM told_firms").fetchall()}
    said: tuple[str, ...] = ()
    if then and len(now & then) < FEWEST_THE_SAME * len(now):
        of = "none" if not now & then else f"only {len(now & then):,}"
        said = (
            f"Changes from {before} are rather of the firms than of what they say: {of} of the "
            f"{counted(len(now), 'firm')} called then too.",
        )
    return Changes(
        {series: a for series, a, _ in rows if a is not None},
        {series: s for series, _, s in rows if s is not None},
        said,
    )
