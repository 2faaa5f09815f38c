"""Panels of other quarters that a run made outdated: which they are, and making them again.

A quarter's links go on from those of earlier quarters, and its panel compares itself with theirs. So a quarter that is
made, or made again, after later ones leaves their panels behind.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import dagster as dg

    from ftm_resources.warehouse import Warehouse

PANELS = ("firm_theme_panel", "call_theme_panel", "theme_panel")
"""The panels that depend on quarters other than their own."""


def outdated_panels(warehouse: Warehouse, after: str) -> list[str]:
    """Return the quarters later than `after`, sorted, that have panels which only need to be made again.

    One whose panels were never made is none of them, nor is one of which something upstream is outdated too: making its
    panels would be refused.
    """
    pinned = warehouse.pin()
    found = []
    for quarter in pinned.quarters(PANELS):
        present = [name for name in PANELS if pinned.present(quarter)(name) is not None]
        if quarter <= after or not (mixed := pinned.mixtures(quarter, present)):
            continue
        if set(pinned.to_materialize(quarter, present, mixed, readers=present)) <= set(PANELS):
            found.append(quarter)
    return found


def make_again(job: dg.JobDefinition, instance: dg.DagsterInstance, quarter: str) -> bool:
    """Make the panels of a quarter in a run of their own, in this process; return whether it succeeded."""
    import dagster as dg

    only = job.get_subset(asset_selection={dg.AssetKey(name) for name in PANELS})
    quiet = {"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}}
    result = only.execute_in_process(
        run_config=quiet, instance=instance, tags={"dagster/partition": quarter}, raise_on_error=False
    )
    return result.success
