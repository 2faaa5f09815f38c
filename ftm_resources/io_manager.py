"""The IO manager: an asset's rows become a quarter of its table, its inputs are quarters at a fixed snapshot."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import dagster as dg
import pyarrow as pa
from pydantic import PrivateAttr

from ftm_resources.warehouse import QuarterTable, Warehouse

if TYPE_CHECKING:
    from collections.abc import Iterable

CHUNK_ROWS = 50_000
"""Rows validated, hashed and written at a time."""


@dataclass(frozen=True)
class Rows:
    """Rows too many to hold at once: a stream of tables, and what they were made from."""

    batches: Iterable[pa.Table]
    inputs: dict[str, Any]


class WarehouseIOManager(dg.ConfigurableIOManager):
    """Writes `pa.Table` or `Rows` to the asset's Iceberg table; hands inputs over as `QuarterTable`."""

    warehouse: Warehouse
    _loaded: dict[tuple[str, str], dict[str, Any]] = PrivateAttr(default_factory=dict)

    def handle_output(self, context: dg.OutputContext, obj: pa.Table | Rows) -> None:
        """Replace the asset's quarter with the rows, and record what they were made from."""
        rows = obj if isinstance(obj, Rows) else Rows(_slices(obj), self._loaded.get(_step(context), {}))
        name, quarter = context.asset_key.path[-1], context.partition_key
        provenance = {
            "run_id": context.run_id,
            "code_version": context.asset_spec.code_version or "",
            "inputs": rows.inputs,
        }
        n_rows, content = self.warehouse.replace(name, quarter, rows.batches, provenance=provenance)
        context.add_output_metadata(
            {"dagster/partition_row_count": n_rows, "content": content, "inputs": rows.inputs}
        )

    def load_input(self, context: dg.InputContext) -> QuarterTable:
        """Return the upstream table's quarter at its current snapshot."""
        name, quarter = context.asset_key.path[-1], context.asset_partition_key
        held = self.warehouse.quarter(name, quarter)
        self._loaded.setdefault(_step(context), {})[name] = held.provenance()
        return held


def _step(context: dg.OutputContext | dg.InputContext) -> tuple[str, str]:
    step = context.step_context
    return step.run_id, step.step.key


def _slices(rows: pa.Table) -> Iterable[pa.Table]:
    return (rows.slice(start, CHUNK_ROWS) for start in range(0, rows.num_rows, CHUNK_ROWS))
