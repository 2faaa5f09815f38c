"""Maintenance as an asset, with its schedule: remove what nothing needs any more, report what the warehouse holds."""

from collections.abc import Iterator, Mapping
from dataclasses import asdict
from datetime import datetime, timedelta
from typing import Any

import dagster as dg
from pydantic import Field

from ftm_assets.methods.wording import size
from ftm_assets.orchestration.code_version import code_version
from ftm_assets.orchestration.execution.ecs import op_tags
from ftm_assets.orchestration.specs import OWNER, page_table
from ftm_assets.orchestration.unfinished import unfinished_since
from ftm_resources.expected import plainly
from ftm_resources.retrieval.stored_indexes import maintain_all
from ftm_resources.warehouse import Warehouse
from ftm_resources.warehouse.cleanup import Kept, Policy
from ftm_resources.warehouse.errors import RefusedCleanupError

NAME = "warehouse_maintenance"

GROUP = "operations"


class MaintenanceConfig(dg.Config):
    """What counts as old."""

    keep_days: int = Field(
        default=30,
        ge=1,
        description="Days a superseded snapshot is kept, i.e. how far back `as_of` reaches with a date; must exceed "
        "your longest run",
    )
    keep_last: int = Field(default=10, ge=1, description="Newest writes kept per table, whatever their age")
    grace_days: float = Field(
        default=7,
        ge=1 / 24,
        description="Days to keep unreferenced files, parts of unfinished steps and values of runs after they were "
        "last touched; a failed run can be resumed for this long",
    )
    max_removed_share: float = Field(
        default=0.5,
        ge=0,
        le=1,
        description="Largest share of a table's data, in files or bytes, that may be removed although no metadata "
        "mentions it; above it, the table is refused. Files of expired snapshots do not count",
    )
    dry_run: bool = Field(default=False, description="Only report what would be removed")


@dg.asset(
    name=NAME,
    description="Expire old snapshots, remove the files, parts, run values and search indexes that nothing needs, and "
    "report what the warehouse holds. Never touches what a tag, a live snapshot or an unfinished run needs.",
    group_name=GROUP,
    owners=[OWNER],
    kinds={"iceberg"},
    code_version=code_version(__name__),
    op_tags=op_tags(NAME),
)
@plainly
def warehouse_maintenance(
    context: dg.AssetExecutionContext, config: MaintenanceConfig, warehouse: Warehouse
) -> dg.MaterializeResult[None]:
    """Clean up every table and report what was removed and kept; fail if a table was refused."""
    since = unfinished_since(context.instance, context.run.run_id)
    policy = Policy(
        keep=timedelta(days=config.keep_days),
        keep_last=config.keep_last,
        grace=timedelta(days=config.grace_days),
        running_since=since,
        max_removed_share=config.max_removed_share,
        dry_run=config.dry_run,
    )
    try:
        return dg.MaterializeResult(metadata=_metadata(maintain_all(warehouse, policy), config, since))
    except RefusedCleanupError as error:
        # Trying again changes nothing: a person must look. The other tables have been maintained.
        raise dg.Failure(
            description=str(error), metadata=_metadata(error.found, config, since), allow_retries=False
        ) from error


def _metadata(found: Mapping[str, Kept], config: MaintenanceConfig, since: datetime | None) -> dict[str, Any]:
    total = sum(found.values(), Kept())
    return {
        **asdict(total),  # as numbers, which the UI plots over time
        "size": size(total.bytes),
        "size_removed": size(total.bytes_removed),
        "dry_run": config.dry_run,
        "oldest_unfinished_run": since.isoformat() if since else "none",
        "by_table": page_table(
            ["table", *asdict(total)], ([name, *_cells(kept)] for name, kept in found.items())
        ),
    }


def _cells(kept: Kept) -> Iterator[int | str]:
    for name, n in asdict(kept).items():
        yield size(n) if name.startswith("bytes") else n


# Off by default: turn it on once you know how long runs take and how far back papers must read.
maintenance_schedule = dg.ScheduleDefinition(
    name="weekly_maintenance",
    target=dg.AssetSelection.assets(NAME),
    cron_schedule="0 3 * * 0",
    default_status=dg.DefaultScheduleStatus.STOPPED,
    description="Sundays at 03:00 UTC, off by default",
)
