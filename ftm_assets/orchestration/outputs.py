"""Tables that one step makes: always written together, whichever of them was selected.

Writing `themes` without its `theme_topics` would leave rows that refer to another run's themes. So selecting one
table of a step writes them all; those not selected appear as materializations of the same run.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

import dagster as dg

from ftm_assets.orchestration.io_manager import Rows, write_quarter
from ftm_assets.orchestration.specs import asset_attributes, readable
from ftm_resources.warehouse import Warehouse


def asset_outs(tables: Sequence[str], *, code_version: str, kinds: set[str]) -> dict[str, dg.AssetOut]:
    """Return the outs of a multi-asset of these tables, any of which may be selected alone."""
    return {
        t: dg.AssetOut(is_required=False, **asset_attributes(t, code_version=code_version, kinds=kinds))
        for t in tables
    }


def write_tables(
    context: dg.OpExecutionContext,
    warehouse: Warehouse,
    tables: Mapping[str, tuple[Rows, Mapping[str, Any]]],
    *,
    code_version: str,
    config: Mapping[str, Any],
) -> Iterator[dg.Output[Rows]]:
    """Yield the selected tables as outputs and write the others here.

    `tables` maps each table to its rows and metadata. `config` is what the user chose; each table records it.
    """
    quarter, together = context.partition_key, tuple(tables) if len(tables) > 1 else ()
    for table, (made, metadata) in tables.items():
        rows = replace(made, together=together, config=config, attempt=context.retry_number)
        shown = readable(metadata)
        if table in context.selected_output_names:
            yield dg.Output(rows, output_name=table, metadata=shown)
            continue
        written = write_quarter(
            warehouse,
            table,
            quarter,
            rows,
            run=context.run,
            code_version=code_version,
        )
        materialized = dg.AssetMaterialization(table, metadata={**shown, **written}, partition=quarter)
        context.log_event(materialized)
