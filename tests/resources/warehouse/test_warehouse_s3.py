"""The warehouse on S3 with the Glue catalog, both served over HTTP on this machine."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from datetime import UTC, datetime, timedelta

import pyarrow as pa
import pytest

from ftm_resources.warehouse import Warehouse, repair, tags
from ftm_resources.warehouse.adoption import adopt
from ftm_resources.warehouse.cleanup import Policy, maintain
from ftm_resources.warehouse.errors import LostCatalogError, NoWarehouseError, WarehouseError
from ftm_resources.warehouse.parts import PlanParts
from ftm_resources.warehouse.rebuild import from_files

Topics = Callable[[str, int], pa.Table]


@pytest.fixture
def warehouse(warehouse_on_s3: Callable[[], AbstractContextManager[Warehouse]]) -> Iterator[Warehouse]:
    with warehouse_on_s3() as warehouse:
        yield warehouse


def test_quarters_are_replaced_read_and_queried(warehouse: Warehouse, topics: Topics):
    warehouse.replace("firm_topics", "2020Q1", [topics("2020Q1", 3)])
    warehouse.replace("firm_topics", "2020Q2", [topics("2020Q2", 4)])
    warehouse.replace("firm_topics", "2020Q1", [topics("2020Q1", 2)])
    assert warehouse.quarters("firm_topics") == ["2020Q1", "2020Q2"]
    assert warehouse.read("firm_topics", "2020Q1").num_rows == 2
    by_quarter = "SELECT quarter, count(*) FROM firm_topics GROUP BY 1 ORDER BY 1"
    connection = warehouse.connect(tables=["firm_topics"])
    assert connection.execute(by_quarter).fetchall() == [("2020Q1", 2), ("2020Q2", 4)]


def test_a_tag_outlives_maintenance_and_what_it_lets_go_of_is_removed(warehouse: Warehouse, topics: Topics):
    warehouse.replace("firm_topics", "2020Q1", [topics("2020Q1", 3)])
    tags.tag(warehouse, "2020Q1", "paper-v1")
    warehouse.replace("firm_topics", "2020Q1", [topics("2020Q1", 4)])
    warehouse.replace("firm_topics", "2020Q1", [topics("2020Q1", 5)])
    PlanParts(warehouse, "firm_topics", "2020Q1", "plan", "run").write(
        ["1"], {"firm_topics": topics("2020Q1", 1)}, {}, 0.0
    )
    later = datetime.now(UTC) + timedelta(days=40)
    found = maintain(warehouse, Policy(keep_last=1, now=later), tables=["firm_topics"])
    assert found["staging"].files_removed == 2
    assert found["firm_topics"].snapshots_expired == 2
    assert len(_objects(".parquet")) == 2
    assert warehouse.read("firm_topics", "2020Q1", as_of="paper-v1").num_rows == 3
    assert warehouse.read("firm_topics", "2020Q1").num_rows == 5
    tags.untag(warehouse, "2020Q1", "paper-v1")
    maintain(warehouse, Policy(keep_last=1, now=later), tables=["firm_topics"])
    assert len(_objects(".parquet")) == 1
    assert warehouse.provenance("firm_topics", "2020Q1")["rows"] == "5"


def test_a_deleted_metadata_file_is_named_and_the_state_before_it_restored(
    warehouse: Warehouse, topics: Topics
):
    import boto3

    warehouse.replace("firm_topics", "2020Q1", [topics("2020Q1", 3)])
    warehouse.replace("firm_topics", "2020Q2", [topics("2020Q2", 4)])
    key = warehouse.table("firm_topics").metadata_location.removeprefix("s3://ftm/")
    boto3.client("s3").delete_object(Bucket="ftm", Key=key)
    with pytest.raises(WarehouseError, match=key.rpartition("/")[2]):
        warehouse.read("firm_topics", "2020Q1")
    assert repair.restore(warehouse, "firm_topics").went_back
    assert warehouse.quarters("firm_topics") == ["2020Q1"]


def test_glue_that_lost_its_tables_is_rebuilt_from_the_objects(warehouse: Warehouse, topics: Topics):
    import boto3

    warehouse.replace("firm_topics", "2020Q1", [topics("2020Q1", 3)])
    warehouse.replace("firm_topics", "2020Q1", [topics("2020Q1", 4)])
    warehouse.replace("themes", "2020Q1", [])
    before = _objects("")
    glue = boto3.client("glue")
    for names in (["themes"], ["firm_topics", "themes"]):
        for name in names:
            glue.delete_table(DatabaseName="ftm", Name=name)
        for use in (
            lambda: warehouse.read("themes", "2020Q1"),
            lambda: warehouse.replace("themes", "2020Q1", []),
        ):
            with pytest.raises(LostCatalogError, match="Run `ftm restore --from-files`"):
                use()
        if len(names) == 2:
            with pytest.raises(LostCatalogError, match="knows none of its tables"):
                maintain(warehouse, Policy())
        rebuilt = from_files(warehouse)
        assert [t.name for t in rebuilt.tables] == names
        assert warehouse.read("firm_topics", "2020Q1").num_rows == 4
        assert warehouse.read("themes", "2020Q1").num_rows == 0
    assert set(before) <= set(_objects(""))
    assert maintain(warehouse, Policy(now=datetime.now(UTC) + timedelta(days=8)))
    assert warehouse.connect(tables=["firm_topics"]).execute(
        "SELECT count(*) FROM firm_topics"
    ).fetchone() == (4,)


@pytest.mark.parametrize("original", ["stays", "is removed", "has lost its catalog"])
def test_a_copied_prefix_is_adopted_only_once_glue_is_free(
    warehouse: Warehouse, topics: Topics, original: str
):
    import boto3

    warehouse.replace("firm_topics", "2020Q1", [topics("2020Q1", 3)])
    tags.tag(warehouse, "2020Q1", "paper-v1")
    warehouse.replace("firm_topics", "2020Q1", [topics("2020Q1", 4)])
    s3, keys = boto3.client("s3"), _objects("")
    for key in keys:
        s3.copy_object(
            Bucket="ftm", Key=key.replace("warehouse/", "copy/", 1), CopySource={"Bucket": "ftm", "Key": key}
        )
    copy = Warehouse(path="s3://ftm/copy")
    with pytest.raises(NoWarehouseError, match="`ftm adopt`"):
        copy.read("firm_topics", "2020Q1")
    with pytest.raises(NoWarehouseError, match="`ftm adopt`"):
        copy.replace("firm_topics", "2020Q1", [])
    if original == "stays":
        with pytest.raises(WarehouseError, match=r"is a copy of s3://ftm/warehouse"):
            adopt(copy)
        with pytest.raises(WarehouseError, match="`ftm adopt`"):
            from_files(copy)
        assert warehouse.read("firm_topics", "2020Q1").num_rows == 4
        return
    if original == "is removed":
        for key in keys:
            s3.delete_object(Bucket="ftm", Key=key)
    else:
        boto3.client("glue").delete_table(DatabaseName="ftm", Name="firm_topics")
        from_files(copy)
        with pytest.raises(WarehouseError, match="`ftm adopt`"):
            copy.read("firm_topics", "2020Q1")
    assert adopt(copy).tables == {"firm_topics": "s3://ftm/warehouse"}
    assert copy.read("firm_topics", "2020Q1").num_rows == 4
    assert copy.read("firm_topics", "2020Q1", as_of="paper-v1").num_rows == 3
    copy.replace("firm_topics", "2020Q1", [topics("2020Q1", 5)])
    table = copy.table("firm_topics")
    named = {e["file_path"] for e in table.inspect.files().to_pylist()}
    assert all(
        uri.startswith("s3://ftm/copy/") for uri in {*named, table.location(), table.metadata_location}
    )
    maintain(copy, Policy(keep=timedelta(days=1), keep_last=1, now=datetime.now(UTC) + timedelta(days=40)))
    assert copy.read("firm_topics", "2020Q1").num_rows == 5
    assert copy.read("firm_topics", "2020Q1", as_of="paper-v1").num_rows == 3
    left = {k for k in _objects("") if k.startswith("warehouse/")}
    assert left == (set() if original == "is removed" else set(keys))


def _objects(ending: str) -> list[str]:
    import boto3

    listed = boto3.client("s3").list_objects_v2(Bucket="ftm")["Contents"]
    return [o["Key"] for o in listed if o["Key"].endswith(ending)]
