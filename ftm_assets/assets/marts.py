"""The marts as assets: the dbt models of `dbt/`, built and tested by dbt, then written like any other table."""

import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import dagster as dg
from dagster_dbt import (
    DagsterDbtTranslator,
    DagsterDbtTranslatorSettings,
    DbtCliInvocation,
    DbtProject,
    dbt_assets,
)

from ftm_assets.orchestration import dbt_project
from ftm_assets.orchestration.dbt_project import MARTS, SOURCES, OfflineDbt
from ftm_assets.orchestration.execution.ecs import op_tags
from ftm_assets.orchestration.inputs import pinned_inputs
from ftm_assets.orchestration.io_manager import Rows, write_quarter
from ftm_assets.orchestration.partitions import QUARTERS
from ftm_assets.orchestration.specs import asset_attributes, preview
from ftm_resources.duck import scratch_folder
from ftm_resources.expected import plainly
from ftm_resources.warehouse import QuarterTable, Warehouse


class ContractTranslator(DagsterDbtTranslator):
    """Asset keys are table names; descriptions, columns and groups come from the contracts."""

    def __init__(self) -> None:
        super().__init__(DagsterDbtTranslatorSettings(enable_source_metadata=False))

    def get_asset_key(self, dbt_resource_props: Mapping[str, Any]) -> dg.AssetKey:
        """Return the table's name, for models and sources alike."""
        return dg.AssetKey(dbt_resource_props["name"])

    def get_asset_spec(
        self, manifest: Mapping[str, Any], unique_id: str, project: DbtProject | None
    ) -> dg.AssetSpec:
        """Return dagster-dbt's spec of a model with the attributes that all our assets share."""
        spec = super().get_asset_spec(manifest, unique_id, project)
        if not unique_id.startswith("model."):
            return spec
        shared = asset_attributes(
            spec.key.path[-1],
            code_version=dbt_project.code_version(manifest, unique_id),
            kinds={"dbt", "duckdb"},
        )
        # The contract says what the table holds; the model's own text and SQL say how it is made.
        description = f"{shared.pop('description')}\n\n{spec.description}"
        metadata = {**spec.metadata, **shared.pop("metadata")}
        return spec.replace_attributes(description=description, metadata=metadata, **shared)

    def get_asset_check_spec(
        self,
        asset_spec: dg.AssetSpec,
        manifest: Mapping[str, Any],
        unique_id: str,
        project: DbtProject | None,
    ) -> dg.AssetCheckSpec | None:
        """Return dagster-dbt's check of a test, partitioned by quarter, with the test's own description."""
        check = super().get_asset_check_spec(asset_spec, manifest, unique_id, project)
        if check is None:
            return None
        return dg.AssetCheckSpec(
            check.name,
            asset=check.asset_key,
            description=self.get_resource_props(manifest, unique_id).get("description") or None,
            additional_deps=[dep.asset_key for dep in check.additional_deps],
            blocking=check.blocking,
            metadata=check.metadata,
            partitions_def=QUARTERS,
        )


def build_marts(manifest: Path | None = None) -> dg.AssetsDefinition:
    """Return the marts of a dbt manifest (default: that of the current project files, parsed if needed).

    Resources: `dbt` (see `dbt_project.dbt_resource`) and `warehouse`.
    """

    @dbt_assets(
        manifest=manifest or dbt_project.manifest(),
        name="marts",
        partitions_def=QUARTERS,
        op_tags=op_tags("marts"),
        dagster_dbt_translator=ContractTranslator(),
    )
    @plainly
    def marts(context: dg.AssetExecutionContext, dbt: OfflineDbt, warehouse: Warehouse) -> Iterator[Any]:
        quarter, pinned = context.partition_key, warehouse.pin()
        # The inputs of the selected models must exist; a test that runs alone reads its mart as stored.
        deps = context.assets_def.asset_deps
        read = {dep.path[-1] for key in context.selected_asset_keys for dep in deps[key]}
        pinned_inputs(
            warehouse,
            pinned,
            quarter,
            [name for name in SOURCES if name in read],
            run=context.run,
            log=context.log,
        )
        tables = {name: warehouse.quarter(name, quarter, pinned=pinned) for name in (*SOURCES, *MARTS)}
        with tempfile.TemporaryDirectory(prefix="ftm-marts-", dir=scratch_folder()) as scratch:
            folder = Path(scratch)
            dbt_project.stage(folder, tables)
            run = dbt.cli(["build"], context=context, target_path=folder, raise_on_error=False)
            events = list(run.stream())
            yield from (event for event in events if not isinstance(event, dg.Output))
            if not run.is_successful():
                raise _failure(quarter, run, tables)
            for event in events:
                if isinstance(event, dg.Output):
                    yield _stored(context, warehouse, event, folder, tables)

    return marts


def _stored(
    context: dg.AssetExecutionContext,
    warehouse: Warehouse,
    model: dg.Output[None],
    folder: Path,
    tables: Mapping[str, QuarterTable],
) -> dg.Output[None]:
    """Replace the mart's quarter with what dbt built; return the output with its metadata."""
    key = context.asset_key_for_output(model.output_name)
    mart, quarter = key.path[-1], context.partition_key
    rows, deps = dbt_project.built(folder, mart), context.assets_def.asset_deps[key]
    written = write_quarter(
        warehouse,
        mart,
        quarter,
        Rows.of(rows, *(tables[name] for name in SOURCES if dg.AssetKey(name) in deps)),
        run=context.run,
        code_version=context.assets_def.code_versions_by_key[key] or "",
    )
    metadata = {
        **model.metadata,
        **written,
        "quarter": quarter,
        "snapshot_id": str(warehouse.quarter(mart, quarter).snapshot_id),
        "preview": preview(rows, [c for c in rows.column_names if c != "quarter"]),
    }
    return dg.Output(None, output_name=model.output_name, metadata=metadata)


def _failure(quarter: str, run: DbtCliInvocation, tables: Mapping[str, QuarterTable]) -> dg.Failure:
    """Return a Failure with what failed in dbt. No retries: the same inputs would fail again."""
    failed = dbt_project.failed_nodes(run.target_path)
    if not failed:
        return dg.Failure(f"marts {quarter}: dbt did not run: {run.get_error()}", allow_retries=False)
    said = "\n".join(f"- {node.name}: {node.message}" for node in failed)
    inputs = ", ".join(f"{name} (snapshot {tables[name].snapshot_id})" for name in SOURCES)
    return dg.Failure(
        f"marts {quarter}: {len(failed)} of dbt's models and tests failed; nothing was written.\n{said}\n"
        f"Fix the inputs ({inputs}) or the models in dbt/, then materialize again.",
        metadata={n.name: preview(n.rows, n.rows.column_names) for n in failed if n.rows is not None},
        allow_retries=False,
    )
