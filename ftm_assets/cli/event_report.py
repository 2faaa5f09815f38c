"""What `ftm run` says about the event study of a quarter, which is made on demand."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ftm_resources.warehouse import Warehouse

NAME = "event_study"


def event_study(warehouse: Warehouse, quarter: str) -> str:
    """Return how many series are significant, or how to have them tested; empty without abnormal returns."""
    from ftm_assets.methods.returns.many_tests import LEVEL
    from ftm_resources.tables.categories import THEME_DEFINITIONS, TONES

    pinned = warehouse.pin()
    present = pinned.present(quarter)
    if present("abnormal_returns") is None:
        return ""
    command = f"dagster asset materialize --select {NAME} --partition {quarter} -m ftm_assets.definitions"
    if present(NAME) is None:
        return f"not made; {command} tests each series over all quarters up to {quarter}"
    if pinned.mixtures(quarter, [NAME]):
        return f"outdated; make it again with {command}"
    columns = ["definition", "model", "window", "tone", "sample", "p", "q_value", "p_romano_wolf"]
    rows = warehouse.quarter(NAME, quarter, pinned=pinned).read(columns).to_pylist()
    tests = [r for r in rows if r["q_value"] is not None]
    families = {tuple(r[c] for c in columns[:4]) for r in tests if r["sample"] == "event"}
    if not families:
        return "no series has enough events to be tested; see reason in event_study"
    # The plainest: themes of the quarter, the score; of several models and windows, the first by name.
    chosen = min(families, key=lambda f: (THEME_DEFINITIONS.index(f[0]), TONES.index(f[3]), f))
    own = {
        sample: [r for r in tests if tuple(r[c] for c in columns[:4]) == chosen and r["sample"] == sample]
        for sample in ("event", "placebo")
    }
    n = len(own["event"])
    found, placebo = (sum(r["p"] < LEVEL for r in rows_of) for rows_of in own.values())
    strict = sum(r["p_romano_wolf"] < LEVEL for r in own["event"])
    return (
        f"{found} of {n} series significant at {LEVEL:.0%} ({LEVEL * n:.1f} by chance, {placebo} of the placebo), "
        f"{strict} by Romano-Wolf: {chosen[1]} {chosen[2]}, {chosen[3]}; more in event_study"
    )
