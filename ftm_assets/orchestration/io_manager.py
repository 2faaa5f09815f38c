"""The IO manager: writes an asset's rows as a quarter of its table, and loads inputs as quarters at a fixed snapshot.

The plans and counts that steps of a chunked asset pass to each other are kept as JSON in the warehouse too,
because the next step may run on another machine.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Self

import dagster as dg
from pydantic import PrivateAttr

from ftm_assets.orchestration.execution.orphans import end_with_run
from ftm_assets.orchestration.inputs import pinned_inputs, refuse_replaced
from ftm_resources import settings
from ftm_resources.expected import plainly
from ftm_resources.warehouse import Warehouse
from ftm_resources.warehouse.full_disk import reporting_full_disk
from ftm_resources.warehouse.snapshots import source_key, source_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    import pyarrow as pa

    from ftm_resources.warehouse import QuarterTable
    from ftm_resources.warehouse.pinned import Pinned

CHUNK_ROWS = 50_000
"""Rows validated, hashed and written at a time."""


@dataclass(frozen=True)
class Rows:
    """Rows to write, as a stream of tables that need not fit in memory together, and what they were made from."""

    batches: Iterable[pa.Table]
    inputs: Mapping[str, Any]
    """Table, or table@quarter for one of any quarter → snapshot and content (see `QuarterTable.provenance`)."""
    config: Mapping[str, Any] = field(default_factory=dict)
    """What the user chose: the step's config."""
    together: tuple[str, ...] = ()
    """All tables that the step writes, if it writes several; they belong to one generation."""
    attempt: int = 0
    """Which attempt of the run at the step wrote them; with `together`, it tells two attempts' tables apart."""
    source: Mapping[str, Any] = field(default_factory=dict)
    """The origin of rows that were not made from a table."""
    models: Mapping[str, Any] = field(default_factory=dict)
    """What computed them besides code and config: of each resource, the model and what determines its output."""
    rebuilt: str = ""
    """Why a run of another quarter made them again, from the same rows of their own quarter as before."""

    @classmethod
    def of(cls, rows: pa.Table, *inputs: QuarterTable, config: Mapping[str, Any] | None = None) -> Self:
        """Return a table's rows, made from these inputs, of any quarters, with this config."""
        slices = (rows.slice(start, CHUNK_ROWS) for start in range(0, rows.num_rows, CHUNK_ROWS))
        return cls(slices, {f"{i.name}@{i.quarter}": i.provenance() for i in inputs}, dict(config or {}))


def write_quarter(
    warehouse: Warehouse, table: str, quarter: str, rows: Rows, *, run: dg.DagsterRun, code_version: str
) -> dict[str, Any]:
    """Replace a quarter of a table with the rows, and record what they were made from; return its metadata.

    Raises a Failure if another run has replaced an input meanwhile (see `inputs.refuse_replaced`).
    """
    inputs = {source_key(*source_of(key, quarter), within=quarter): read for key, read in rows.inputs.items()}
    if not rows.rebuilt:  # what is made again from its own quarter's earlier rows is as mixed as it was
        refuse_replaced(warehouse, table, quarter, inputs, run=run)
    provenance: dict[str, Any] = {
        "run_id": run.run_id,
        "code_version": code_version,
        "inputs": inputs,
    }
    if rows.config:
        provenance["config"] = dict(rows.config)
    if rows.together:
        provenance["together"] = list(rows.together)
    if rows.attempt:
        provenance["attempt"] = str(rows.attempt)
    if rows.source:
        provenance["source"] = dict(rows.source)
    if rows.rebuilt:
        provenance["rebuilt"] = rows.rebuilt
    if rows.models:
        provenance["models"] = dict(rows.models)
    n_rows, content = warehouse.replace(table, quarter, rows.batches, provenance=provenance)
    return {"dagster/partition_row_count": n_rows, "content": content, "inputs": inputs}


class WarehouseIOManager(dg.ConfigurableIOManager):
    """Writes an asset's `Rows` to its Iceberg table, and loads inputs as `QuarterTable`.

    Values passed between the steps of a graph may be any JSON.
    """

    warehouse: Warehouse

    _pinned: tuple[tuple[str, ...], Pinned] | None = PrivateAttr(default=None)
    """The reading step and its view of the tables, which all its inputs share."""

    def setup_for_execution(self, context: dg.InitResourceContext) -> None:  # noqa: ARG002
        """Begin a step; one that has a process of its own ends with the run's process."""
        if settings.current().ftm_executor == "multiprocess":
            end_with_run()

    @plainly
    def handle_output(self, context: dg.OutputContext, obj: Any) -> None:
        """Replace the asset's quarter with the rows; between steps, write the value."""
        if not context.has_asset_key:
            self._write_json(context, obj)
            return
        context.add_output_metadata(
            write_quarter(
                self.warehouse,
                context.asset_key.path[-1],
                context.partition_key,
                obj,
                run=context.step_context.dagster_run,
                code_version=context.asset_spec.code_version or "",
            )
        )

    @plainly
    def load_input(self, context: dg.InputContext) -> Any:
        """Return the upstream table's quarter at its current snapshot; between steps, the value.

        Raises a Failure if the quarter was never written or is not of one generation (see `inputs.pinned_inputs`).
        """
        if not context.has_asset_key:
            return self._read_json(context)
        name, quarter = context.asset_key.path[-1], context.asset_partition_key
        run, pinned = context.step_context.dagster_run, self._pin(context)
        return pinned_inputs(self.warehouse, pinned, quarter, [name], run=run, log=context.log)[name]

    def _pin(self, context: dg.InputContext) -> Pinned:
        step = context.step_context
        reader = (step.run_id, step.step.key, str(step.previous_attempt_count))
        if self._pinned is None or self._pinned[0] != reader:
            self._pinned = (reader, self.warehouse.pin())
        return self._pinned[1]

    def _write_json(self, context: dg.OutputContext, value: Any) -> None:
        filesystem, path = self._json_path(context)
        with reporting_full_disk(self.warehouse.root, "a value between steps"):
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
