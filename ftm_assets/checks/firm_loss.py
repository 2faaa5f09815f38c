"""Checks of the firms that a quarter lost: those that failed or were too small for topics."""

from collections.abc import Iterable

import dagster as dg

from ftm_assets.methods.wording import counted
from ftm_assets.orchestration.fan_out import FanOutConfig, failures_allowed
from ftm_assets.orchestration.partitions import QUARTERS
from ftm_assets.orchestration.specs import readable
from ftm_resources.expected import plainly
from ftm_resources.warehouse import Warehouse

MAX_FIRMS_WITHOUT_TOPICS = 0.25
"""Share of firms without topics, failed or too small, above which a person should look."""


def firm_loss() -> dg.AssetChecksDefinition:
    """Return the checks of `firm_status`; the quarter's own `max_failed_share` limits how many firms may fail."""
    specs = [
        dg.AssetCheckSpec(
            "failed_firms",
            asset="firm_status",
            description="Failed firms are within the limit of max_failed_share, as configured when firm_topics was "
            "materialized. If not, read the reasons in firm_status, then fix the cause or raise max_failed_share",
            blocking=True,
            partitions_def=QUARTERS,
        ),
        dg.AssetCheckSpec(
            "firms_without_topics",
            asset="firm_status",
            description=f"At most {MAX_FIRMS_WITHOUT_TOPICS:.0%} of the firms have no topics. If not, read the "
            "reasons in firm_status; lower min_sentences of firm_topics if short calls should count",
            partitions_def=QUARTERS,
        ),
    ]

    @dg.multi_asset_check(name="check_firm_loss", specs=specs)
    @plainly
    def check(context: dg.AssetCheckExecutionContext, warehouse: Warehouse) -> Iterable[dg.AssetCheckResult]:
        quarter = context.op_execution_context.partition_key
        status = warehouse.read("firm_status", quarter, columns=["status"])
        found = [s.as_py() for s in status.column("status")]
        failed, without = found.count("failed"), sum(s != "ok" for s in found)
        share = _max_failed_share(warehouse, quarter)
        allowed = failures_allowed(len(found), share)
        of_firms = f"{failed} of {counted(len(found), 'firm')}"
        yield dg.AssetCheckResult(
            check_name="failed_firms",
            asset_key="firm_status",
            passed=failed <= allowed,
            description=f"{of_firms} failed; max_failed_share={share:g} allows {allowed}",
            metadata={"firms": len(found), "failed": failed, "allowed": allowed, "max_failed_share": share},
        )
        n = max(len(found), 1)
        yield dg.AssetCheckResult(
            check_name="firms_without_topics",
            asset_key="firm_status",
            passed=without <= MAX_FIRMS_WITHOUT_TOPICS * n,
            severity=dg.AssetCheckSeverity.WARN,
            metadata=readable({"firms": len(found), "without_topics": without, "share": without / n}),
        )

    return check


def _max_failed_share(warehouse: Warehouse, quarter: str) -> float:
    config = warehouse.provenance("firm_status", quarter).get("config", {})
    return float(config.get("max_failed_share", FanOutConfig().max_failed_share))
