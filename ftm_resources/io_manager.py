"""The IO manager: an asset's rows become a quarter of its table, its inputs are quarters at a fixed snapshot.

What the steps of a chunked asset hand each other, plans and counts, is kept as JSON in the warehouse too: the
next step may run on another machine.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import dagster as dg
import pyarrow as pa
from pydantic import PrivateAttr

from ftm_resources.warehouse import Warehouse

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
    """Writes `pa.Table` or `Rows` to an asset's Iceberg table, hands assets over as `QuarterTable`.

    Values between the steps of a graph are any JSON.
    """

    warehouse: Warehouse
    _loaded: dict[tuple[str, str], dict[str, Any]] = PrivateAttr(default_factory=dict)

    def handle_output(self, context: dg.OutputContext, obj: Any) -> None:
        """Replace the asset's quarter with the rows, and record what they were made from."""
        if not context.has_asset_key:
            self._write_json(context, obj)
            return
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

    def load_input(self, context: dg.InputContext) -> Any:
        """Return the upstream table's quarter at its current snapshot; between steps, the value."""
        if not context.has_asset_key:
            return self._read_json(context)
        name, quarter = context.asset_key.path[-1], context.asset_partition_key
        held = self.warehouse.quarter(name, quarter)
        self._loaded.setdefault(_step(context), {})[name] = held.provenance()
        return held

    def _write_json(self, context: dg.OutputContext, value: Any) -> None:
        filesystem, path = self._json_path(context)
        filesystem.create_dir(path.rpartition("/")[0], recursive=True)
        with filesystem.open_output_stream(path) as stream:
            stream.write(json.dumps(value).encode())

    def _read_json(self, context: dg.InputContext) -> Any:
        if context.upstream_output is None:
            raise ValueError("a value between steps is read from the step that wrote it")
        filesystem, path = self._json_path(context.upstream_output)
        with filesystem.open_input_stream(path) as stream:
            return json.loads(stream.read())

    def _json_path(self, context: dg.OutputContext) -> tuple[Any, str]:
        filesystem, root = self.warehouse.filesystem()
        return filesystem, "/".join([root, "runs", *context.get_identifier()]) + ".json"


def _step(context: dg.OutputContext | dg.InputContext) -> tuple[str, str]:
    step = context.step_context
    return step.run_id, step.step.key


def _slices(rows: pa.Table) -> Iterable[pa.Table]:
    return (rows.slice(start, CHUNK_ROWS) for start in range(0, rows.num_rows, CHUNK_ROWS))
