"""A small quarter from calls to scores on S3 with the Glue catalog, over HTTP: the same rows as on disk."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager

import dagster as dg
import pytest

from ftm_assets.orchestration.io_manager import WarehouseIOManager
from ftm_resources.sources.configured import ConfiguredSource
from ftm_resources.tables import QUARTERLY
from ftm_resources.warehouse import Warehouse

from .conftest import MAY_BE_EMPTY, QUICK, SAMPLE_QUARTER, Deployment, failures

pytestmark = pytest.mark.integration
FIRMS = 4
CONFIG = {"themes": {"config": {"min_firms": 2}}}  # four firms are fewer than a theme asks for
SAMPLE = ConfiguredSource(kind="sample", sample_firms=FIRMS)


@pytest.fixture(scope="module")
def s3(warehouse_on_s3: Callable[[], AbstractContextManager[Warehouse]]) -> Iterator[Warehouse]:
    with warehouse_on_s3() as warehouse:
        yield warehouse


@pytest.fixture(scope="module")
def on_s3(
    s3: Warehouse, tmp_path_factory: pytest.TempPathFactory
) -> tuple[Deployment, dg.ExecuteInProcessResult]:
    """The quarter, materialized on S3."""
    root = tmp_path_factory.mktemp("s3")
    deployment = Deployment(
        root, SAMPLE, warehouse=s3, io_manager=WarehouseIOManager(warehouse=s3), sentiment=QUICK
    )
    return deployment, deployment.run(SAMPLE_QUARTER, config=CONFIG)


def test_the_whole_quarter_is_made_and_checked(on_s3: tuple[Deployment, dg.ExecuteInProcessResult]):
    deployment, result = on_s3
    assert result.success, failures(result)
    assert result.get_asset_check_evaluations()
    made = {t: deployment.warehouse.read(t, SAMPLE_QUARTER).num_rows for t in QUARTERLY}
    assert {t for t, n in made.items() if not n} <= MAY_BE_EMPTY


def test_the_rows_are_those_of_a_local_warehouse(
    on_s3: tuple[Deployment, dg.ExecuteInProcessResult], tmp_path_factory: pytest.TempPathFactory
):
    local = Deployment(tmp_path_factory.mktemp("local"), SAMPLE, sentiment=QUICK)
    result = local.run(SAMPLE_QUARTER, config=CONFIG)
    assert result.success, failures(result)
    for table in QUARTERLY:
        there = on_s3[0].warehouse.quarter(table, SAMPLE_QUARTER).content
        assert there == local.warehouse.quarter(table, SAMPLE_QUARTER).content, table


def test_the_tables_are_in_glue_and_nothing_is_left_in_staging(
    on_s3: tuple[Deployment, dg.ExecuteInProcessResult],
):
    import boto3

    assert on_s3[1].success
    listed = boto3.client("glue").get_tables(DatabaseName="ftm")["TableList"]
    assert {t["Name"] for t in listed} == set(QUARTERLY)
    objects = boto3.client("s3").list_objects_v2(Bucket="ftm", Prefix="warehouse/staging/")
    assert [o["Key"] for o in objects.get("Contents", []) if o["Size"]] == []


def test_a_researcher_reads_them_with_duckdb(on_s3: tuple[Deployment, dg.ExecuteInProcessResult]):
    connection = on_s3[0].warehouse.connect(quarter=SAMPLE_QUARTER)
    sql = "SELECT count(*) FROM theme_topics JOIN sentence_topics USING (topic_id) JOIN sentences USING (sentence_id)"
    assert connection.execute(sql).fetchone()[0]
