"""What Dagster knows of the marts, from the manifest of the dbt project: their assets and their checks.

What belongs here: reading a manifest as dagster-dbt does, with what all our assets share, and nothing that loads dbt.
Every process that lists or runs assets needs this; dbt itself, which takes as long to load as all the rest, only the
one that builds marts (see `dbt_runs`).
"""

from __future__ import annotations

import textwrap
from typing import TYPE_CHECKING, Any

import dagster as dg

from ftm_assets.orchestration import dbt_project
from ftm_assets.orchestration.partitions import QUARTERS, partitioned_checks
from ftm_assets.orchestration.specs import asset_attributes

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

UNIQUE_ID = "dagster_dbt/unique_id"
"""Metadata by which dagster-dbt finds the model of an asset and the test of a check."""


def mart_specs(manifest: Mapping[str, Any]) -> list[dg.AssetSpec]:
    """Return the spec of each model that makes a table; its key is the table's name."""
    return [_mart(manifest, node) for node in manifest["nodes"].values() if _makes_a_table(node)]


def mart_check_specs(manifest: Mapping[str, Any]) -> list[dg.AssetCheckSpec]:
    """Return the spec of each test of a model, partitioned by quarter, with the test's own description."""
    tests = [node for node in manifest["nodes"].values() if node["resource_type"] == "test"]
    with partitioned_checks():
        return [_check(manifest, test) for test in tests if _tested(test) is not None]


def _mart(manifest: Mapping[str, Any], model: Mapping[str, Any]) -> dg.AssetSpec:
    shared = asset_attributes(
        model["name"],
        code_version=dbt_project.code_version(manifest, model["unique_id"]),
        kinds={"dbt", "duckdb"},
    )
    # The contract says what the table holds; the model's own text and SQL say how it is made.
    sql = textwrap.indent(model["raw_code"], "    ")
    description = (
        f"{shared.pop('description')}\n\n{model['description']}\n\n#### Raw SQL:\n```sql\n{sql}\n```"
    )
    metadata = {
        "dagster-dbt/materialization_type": model["config"]["materialized"],
        UNIQUE_ID: model["unique_id"],
        "dagster/storage_kind": manifest["metadata"]["adapter_type"],
        "dagster_dbt/project_id": dg.MetadataValue.text(manifest["metadata"]["project_id"]),
        **shared.pop("metadata"),
    }
    # A table of this quarter, and of those before, is one asset.
    deps = {_name(manifest, parent) for parent in _read(manifest, model)}
    return dg.AssetSpec(
        model["name"],
        deps=sorted(deps),
        description=description,
        metadata=metadata,
        skippable=True,
        **shared,
    )


def _check(manifest: Mapping[str, Any], test: Mapping[str, Any]) -> dg.AssetCheckSpec:
    tested = _name(manifest, _tested(test) or "")
    parents = {_name(manifest, parent) for parent in manifest["parent_map"][test["unique_id"]]}
    return dg.AssetCheckSpec(
        test["name"],
        asset=tested,
        description=test["description"] or None,
        additional_deps=sorted(parents - {tested}),
        blocking=test["config"]["severity"].lower() == "error",
        metadata={UNIQUE_ID: test["unique_id"]},
        partitions_def=QUARTERS,
    )


def _name(manifest: Mapping[str, Any], unique_id: str) -> str:
    """Return the table's name of a model or a source, which is its asset's key."""
    name: str = (manifest["nodes"].get(unique_id) or manifest["sources"][unique_id])["name"]
    return name


def _makes_a_table(node: Mapping[str, Any]) -> bool:
    return node["resource_type"] == "model" and not dbt_project.is_ephemeral(node)


def _read(manifest: Mapping[str, Any], model: Mapping[str, Any]) -> Iterator[str]:
    """Yield the models and sources that a model reads, those through an ephemeral model included."""
    for parent in model["depends_on"]["nodes"]:
        node = manifest["nodes"].get(parent)
        if dbt_project.is_ephemeral(node):
            yield from _read(manifest, node)
        else:
            yield parent


def _tested(test: Mapping[str, Any]) -> str | None:
    """Return the model that a test is about: the only one that it reads, or that under which it is written."""
    parents = set(test["depends_on"]["nodes"])
    tested: str | None = parents.pop() if len(parents) == 1 else test["attached_node"]
    return tested if tested is not None and tested.startswith("model.") else None
