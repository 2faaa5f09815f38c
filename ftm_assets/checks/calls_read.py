"""Checks of what was read from the source: turns of unknown types, and quarters of some firms only."""

from collections import Counter
from collections.abc import Iterable

import dagster as dg

from ftm_assets.checks.limits_told import Beside
from ftm_assets.methods.calls.turn_types import is_known_component
from ftm_assets.methods.wording import counted
from ftm_assets.orchestration.partitions import QUARTERS
from ftm_resources.expected import plainly
from ftm_resources.warehouse import Warehouse

MAX_UNKNOWN_TURNS = 0.1
"""Share of turns whose speaker type, or component type, is not known: a vendor's gaps, beyond which its words differ.
None of the 3,029 turns of Earnings-21 is of an unknown type."""


def calls_read() -> dg.AssetChecksDefinition:
    """Return the checks of `transcripts`; neither stops a run."""
    specs = [
        dg.AssetCheckSpec(
            "known_turn_types",
            asset="transcripts",
            description=f"At most {MAX_UNKNOWN_TURNS:.0%} of the turns have an unknown speaker type or component type. "
            "If not, see unknown_speaker_types and unknown_component_types in the metadata of transcripts; "
            "add the source's words to methods.calls.turn_types",
            partitions_def=QUARTERS,
        ),
        dg.AssetCheckSpec(
            "whole_quarter",
            asset="transcripts",
            description="The quarter has all firms of the source. If not, use it only to try settings: "
            "materialize transcripts again without firms and first_firms in its config",
            partitions_def=QUARTERS,
        ),
    ]

    @dg.multi_asset_check(name="check_calls_read", specs=specs)
    @plainly
    def check(context: dg.AssetCheckExecutionContext, warehouse: Warehouse) -> Iterable[dg.AssetCheckResult]:
        quarter = context.op_execution_context.partition_key
        rows = warehouse.read("transcripts", quarter, columns=["firm_id", "speaker_type", "component_type"])
        speakers = Counter(rows.column("speaker_type").to_pylist())["unknown"]
        types = Counter(rows.column("component_type").to_pylist())
        unknown = {str(name): n for name, n in types.items() if not is_known_component(name)}
        shares = {
            "speaker": speakers / max(rows.num_rows, 1),
            "component": sum(unknown.values()) / max(rows.num_rows, 1),
        }
        yield dg.AssetCheckResult(
            check_name="known_turn_types",
            asset_key="transcripts",
            passed=max(shares.values()) <= MAX_UNKNOWN_TURNS,
            severity=dg.AssetCheckSeverity.WARN,
            description="; ".join(
                f"{Beside(share, MAX_UNKNOWN_TURNS):.1%} of the turns: {kind} type"
                for kind, share in shares.items()
            ),
            metadata={"turns": rows.num_rows, "unknown_component_types": unknown, **shares},
        )
        config = warehouse.provenance("transcripts", quarter).get("config", {})
        is_subset = bool(config.get("firms") or config.get("first_firms"))
        firms = counted(len(rows.column("firm_id").unique()), "firm")
        yield dg.AssetCheckResult(
            check_name="whole_quarter",
            asset_key="transcripts",
            passed=not is_subset,
            severity=dg.AssetCheckSeverity.WARN,
            description=f"{firms} only, as firms or first_firms in the config of transcripts asks"
            if is_subset
            else None,
        )

    return check
