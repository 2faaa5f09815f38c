"""Panels and portfolios of other quarters that a run made outdated: which they are, and making them again.

A quarter's links go on from those of earlier quarters, its panel compares itself with theirs, and its portfolios hold
their calls. So a quarter that is made, or made again, after later ones leaves these behind.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    import dagster as dg

    from ftm_resources.warehouse import Warehouse

PANELS = ("firm_theme_panel", "call_theme_panel", "theme_panel")
PORTFOLIOS = ("portfolio_members", "portfolio_returns", "portfolio_sorts")
ACROSS = (*PANELS, *PORTFOLIOS)
"""The tables of a quarter's run that depend on quarters other than their own, by the step that makes them."""


def outdated_panels(warehouse: Warehouse, after: str) -> dict[str, list[str]]:
    """Return the quarters later than `after`, sorted → the tables of ACROSS that only need to be made again.

    Tables that were never made are none of them, nor are those of which something upstream is outdated too: making them
    would be refused.
    """
    pinned = warehouse.pin()
    found: dict[str, list[str]] = {}
    for quarter in (q for q in pinned.quarters(ACROSS) if q > after):
        for step in (PANELS, PORTFOLIOS):
            present = [name for name in step if pinned.present(quarter)(name) is not None]
            mixed = pinned.mixtures(quarter, present)
            if mixed and set(pinned.to_materialize(quarter, present, mixed, readers=present)) <= set(step):
                found.setdefault(quarter, []).extend(step)
    return found


def make_again(
    job: dg.JobDefinition, instance: dg.DagsterInstance, quarter: str, names: Sequence[str]
) -> bool:
    """Make these tables of a quarter in a run of their own, in this process; return whether it succeeded."""
    import dagster as dg

    only = job.get_subset(asset_selection={dg.AssetKey(name) for name in names})
    quiet = {"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}}
    result = only.execute_in_process(
        run_config=quiet, instance=instance, tags={"dagster/partition": quarter}, raise_on_error=False
    )
    return result.success
