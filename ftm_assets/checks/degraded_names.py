"""Check of how names were made: if a model was asked, the names should be its own."""

from collections import Counter
from collections.abc import Mapping

import dagster as dg

from ftm_assets.methods.naming.rules import DEGRADED
from ftm_assets.orchestration.partitions import QUARTERS
from ftm_assets.orchestration.specs import NO_CONFIG, readable
from ftm_resources.expected import plainly
from ftm_resources.warehouse import Warehouse

MAX_DEGRADED_NAMES = 0.02
"""Share of names that may be extractive although a model was asked; no request may go unanswered."""


def is_degraded(outcomes: Mapping[str, int]) -> bool:
    """Return whether too many names, counted by outcome, are not the model's although it was asked."""
    substitutes = sum(outcomes.get(o, 0) for o in DEGRADED)
    unanswered = outcomes.get("down", 0) + outcomes.get("unanswered", 0)
    return bool(unanswered) or substitutes > MAX_DEGRADED_NAMES * sum(outcomes.values())


def degraded_names(table: str) -> dg.AssetChecksDefinition:
    """Return the check of a naming audit."""

    @dg.asset_check(
        name="degraded_names",
        asset=table,
        description=f"Every request for a name was answered, and at most {MAX_DEGRADED_NAMES:.0%} of the names are "
        "extractive although a model was asked. If not, look at outcome and reason, then materialize the named table "
        "again: only degraded names are requested again",
        partitions_def=QUARTERS,
        config_schema=NO_CONFIG,
    )
    @plainly
    def check(context: dg.AssetCheckExecutionContext, warehouse: Warehouse) -> dg.AssetCheckResult:
        rows = warehouse.read(
            table, context.op_execution_context.partition_key, columns=["outcome", "reason"]
        )
        outcomes = Counter(rows.column("outcome").to_pylist())
        share = sum(outcomes[o] for o in DEGRADED) / max(rows.num_rows, 1)
        reasons = Counter(rows.column("reason").drop_null().to_pylist()).most_common(3)
        return dg.AssetCheckResult(
            passed=not is_degraded(outcomes),
            severity=dg.AssetCheckSeverity.WARN,
            description="; ".join(f"{n} x {reason}" for reason, n in reasons) or None,
            metadata=readable({"outcomes": dict(outcomes), "share_degraded": share}),
        )

    return check
