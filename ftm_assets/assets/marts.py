"""The marts as assets: the dbt models of `dbt/`, built and tested by dbt, then written like any other table."""

import itertools
import json
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import dagster as dg
import pyarrow as pa

from ftm_assets.orchestration import dbt_project
from ftm_assets.orchestration.compared_quarters import Compared, compared_quarters
from ftm_assets.orchestration.dbt_project import MARTS, SOURCES, Dbt
from ftm_assets.orchestration.execution.ecs import op_tags
from ftm_assets.orchestration.inputs import allows_mixed, pinned_inputs
from ftm_assets.orchestration.io_manager import Rows, write_quarter
from ftm_assets.orchestration.mart_specs import mart_check_specs, mart_specs
from ftm_assets.orchestration.partitions import QUARTERS
from ftm_assets.orchestration.specs import preview
from ftm_resources.duck import scratch_folder
from ftm_resources.expected import plainly
from ftm_resources.warehouse import QuarterTable, Warehouse
from ftm_resources.warehouse.snapshots import is_elsewhere

if TYPE_CHECKING:
    from dagster_dbt import DbtCliInvocation

ATTEMPTS = 5
"""How often the marts are built before a run gives up on tables that runs of other quarters keep replacing."""


def build_marts(manifest: Path | None = None) -> dg.AssetsDefinition:
    """Return the marts of a dbt manifest (default: that of the current project files, parsed if needed).

    Resources: `dbt` (see `dbt_project.dbt_resource`) and `warehouse`.
    """
    path = manifest or dbt_project.manifest()
    parsed = json.loads(path.read_text(encoding="utf-8"))
    with_earlier = frozenset(mart for mart in MARTS if dbt_project.reads_earlier(parsed, mart))

    @dg.multi_asset(
        name="marts",
        specs=mart_specs(parsed),
        check_specs=mart_check_specs(parsed),
        partitions_def=QUARTERS,
        op_tags=op_tags("marts"),
        can_subset=True,
    )
    @plainly
    def marts(context: dg.AssetExecutionContext, dbt: Dbt, warehouse: Warehouse) -> Iterator[Any]:
        from ftm_assets.orchestration import dbt_runs  # noqa: PLC0415 - loads dbt, which only this step needs

        for left in range(ATTEMPTS - 1, -1, -1):
            with tempfile.TemporaryDirectory(prefix="ftm-marts-", dir=scratch_folder()) as scratch:
                inputs = _inputs(context, warehouse, with_earlier)
                folder = dbt_project.working_copy(path, Path(scratch), Path(dbt.project_dir))
                dbt_project.stage(folder, inputs.tables, inputs.compared.used)
                run = dbt_runs.build(dbt, context, parsed, folder)
                events = list(run.stream())
                if left and (changed := inputs.changed(warehouse)):
                    context.log.info(f"{', '.join(changed)} changed meanwhile: the marts are built again")
                    continue
                yield from (event for event in events if not isinstance(event, dg.Output))
                if not run.is_successful():
                    raise _failure(context.partition_key, run, inputs.tables)
                if lost := _lost(context, events):
                    raise dg.Failure(
                        f"marts {context.partition_key}: dbt ended well, but said nothing of {', '.join(lost)}; "
                        "nothing was written",
                        allow_retries=False,
                    )
                for event in events:
                    if isinstance(event, dg.Output):
                        yield _stored(context, warehouse, event, folder, inputs, with_earlier)
                return

    return marts


@dataclass(frozen=True)
class _Inputs:
    """What the marts of a quarter are made from."""

    tables: dict[str, QuarterTable]
    """Of the quarter: SOURCES, and MARTS that are read as stored; those that are built, once they are."""
    compared: Compared
    """The quarters before that changes are from."""

    def changed(self, warehouse: Warehouse) -> list[str]:
        """Return what runs of other quarters, which do not exclude this one, have replaced since.

        They make tables of their own quarters, and link again the later quarters that those make outdated.
        """
        linked = [table for name, table in self.tables.items() if name == "theme_links"]
        return [
            f"{table.name} of {table.quarter}"
            for table in (*linked, *self.compared.tables)
            if warehouse.quarter(table.name, table.quarter).content != table.content
        ]


def _inputs(context: dg.AssetExecutionContext, warehouse: Warehouse, with_earlier: frozenset[str]) -> _Inputs:
    """Return the inputs at fixed snapshots; raise a Failure if one is missing or they are of mixed generations.

    The inputs of the selected models must exist; a test that runs alone reads its mart as stored.
    """
    quarter, pinned = context.partition_key, warehouse.pin()
    deps, selected = context.assets_def.asset_deps, {key.path[-1] for key in context.selected_asset_keys}
    read = {dep.path[-1] for key in context.selected_asset_keys for dep in deps[key]} - selected
    held = [name for name in (*SOURCES, *MARTS) if name in read]
    pinned_inputs(warehouse, pinned, quarter, held, run=context.run, log=context.log, is_chain_judged=False)
    if outdated := [m for m in pinned.mixtures(quarter, held) if is_elsewhere(m.source)]:
        context.log.warning(f"{quarter} is linked to what has changed since: {'; '.join(map(str, outdated))}")
    names = [*SOURCES, *(mart for mart in MARTS if mart not in selected)]
    tables = {name: warehouse.quarter(name, quarter, pinned=pinned) for name in names}
    tested = {key.asset_key.path[-1] for key in context.selected_asset_check_keys} - selected
    if never := sorted(mart for mart in tested if not tables[mart].is_written):
        raise dg.Failure(
            f"{', '.join(never)} of {quarter} was never materialized, so there is nothing to check. Materialize it "
            "first",
            allow_retries=False,
        )
    if not with_earlier & selected:
        return _Inputs(tables, Compared())
    compared = compared_quarters(warehouse, pinned, quarter, mixed_allowed=allows_mixed(context.run))
    for before, why in compared.left_out.items():
        context.log.warning(
            f"{quarter} is not compared with {before}: {why}. Materialize what is missing or outdated (see `ftm "
            f"quarters`), and then {', '.join(sorted(with_earlier))} of {quarter} again"
        )
    return _Inputs(tables, compared)


def _lost(context: dg.AssetExecutionContext, events: Sequence[Any]) -> list[str]:
    """Return the selected marts and checks that dbt did not report: Dagster itself would not miss them."""
    made = {context.asset_key_for_output(e.output_name) for e in events if isinstance(e, dg.Output)}
    tested = {(e.asset_key, e.check_name) for e in events if isinstance(e, dg.AssetCheckResult)}
    marts = [key.path[-1] for key in context.selected_asset_keys if key not in made]
    checks = [
        key.name for key in context.selected_asset_check_keys if (key.asset_key, key.name) not in tested
    ]
    return sorted([*marts, *checks])


def _stored(
    context: dg.AssetExecutionContext,
    warehouse: Warehouse,
    model: dg.Output[None],
    folder: Path,
    inputs: _Inputs,
    with_earlier: frozenset[str],
) -> dg.Output[None]:
    """Replace the mart's quarter with what dbt built; return the output with its metadata."""
    key = context.asset_key_for_output(model.output_name)
    mart, quarter = key.path[-1], context.partition_key
    deps = {dep.path[-1] for dep in context.assets_def.asset_deps[key]}
    made_from = [table for name, table in inputs.tables.items() if name in deps]
    batches = dbt_project.built(folder, mart)
    first = pa.concat_tables(itertools.islice(batches, 2))
    rows, earlier = Rows.of(first, *made_from), inputs.compared.made_from() if mart in with_earlier else {}
    written = write_quarter(
        warehouse,
        mart,
        quarter,
        replace(rows, inputs={**rows.inputs, **earlier}, batches=itertools.chain([first], batches)),
        run=context.run,
        code_version=context.assets_def.code_versions_by_key[key] or "",
    )
    inputs.tables[mart] = warehouse.quarter(mart, quarter)
    if mart in with_earlier:
        written["compared_with"] = sorted({table.quarter for table in inputs.compared.used})
        written["not_compared_with"] = inputs.compared.left_out
    metadata = {
        **model.metadata,
        **written,
        "quarter": quarter,
        "snapshot_id": str(inputs.tables[mart].snapshot_id),
        "preview": preview(first, [c for c in first.column_names if c != "quarter"]),
    }
    return dg.Output(None, output_name=model.output_name, metadata=metadata)


def _failure(quarter: str, run: "DbtCliInvocation", tables: Mapping[str, QuarterTable]) -> dg.Failure:
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
