"""What Dagster knows of the marts, beside what dagster-dbt itself reads from the same manifest."""

import json
from collections.abc import Mapping
from typing import Any

import dagster as dg
import pytest
from dagster_dbt import dbt_assets

from ftm_assets.orchestration import dbt_project
from ftm_assets.orchestration.dbt_runs import TableNames
from ftm_assets.orchestration.mart_specs import mart_check_specs, mart_specs

ITS_OWN = {"dagster_dbt/manifest", "dagster_dbt/dagster_dbt_translator"}
"""Metadata in which dagster-dbt keeps what it has loaded."""


@pytest.fixture(scope="module")
def manifest() -> dict[str, Any]:
    parsed: dict[str, Any] = json.loads(dbt_project.manifest().read_text())
    return parsed


@pytest.fixture(scope="module")
def theirs(manifest: Mapping[str, Any]) -> dg.AssetsDefinition:
    @dbt_assets(manifest=manifest, name="theirs", dagster_dbt_translator=TableNames())
    def theirs(): ...

    return theirs


def test_marts_are_the_assets_that_dagster_dbt_finds(
    manifest: Mapping[str, Any], theirs: dg.AssetsDefinition
):
    ours = {spec.key: spec for spec in mart_specs(manifest)}
    assert ours.keys() == theirs.keys
    for spec in theirs.specs:
        mart = ours[spec.key]
        assert {dep.asset_key for dep in mart.deps} == {dep.asset_key for dep in spec.deps}
        assert mart.description.endswith(spec.description)
        assert mart.skippable == spec.skippable
        assert mart.kinds == spec.kinds | {"iceberg"}
        contracted = {"dagster/column_schema", "dagster/table_name"}
        for name in spec.metadata.keys() - ITS_OWN - contracted:
            assert mart.metadata[name] == spec.metadata[name]
        assert mart.metadata.keys() == (spec.metadata.keys() | contracted) - ITS_OWN


def test_tests_of_models_are_the_checks_that_dagster_dbt_finds(
    manifest: Mapping[str, Any], theirs: dg.AssetsDefinition
):
    ours = {check.key: check for check in mart_check_specs(manifest)}
    assert ours.keys() == {check.key for check in theirs.check_specs}
    for check in theirs.check_specs:
        found = ours[check.key]
        assert {d.asset_key for d in found.additional_deps} == {d.asset_key for d in check.additional_deps}
        assert (found.blocking, found.metadata) == (check.blocking, check.metadata)


def test_a_test_that_may_fail_does_not_block(manifest: Mapping[str, Any]):
    changed = json.loads(json.dumps(manifest))
    name = next(n["name"] for n in changed["nodes"].values() if n["resource_type"] == "test")
    [test] = [n for n in changed["nodes"].values() if n["name"] == name]
    test["config"]["severity"] = "WARN"
    assert [check.name for check in mart_check_specs(changed) if not check.blocking] == [name]
