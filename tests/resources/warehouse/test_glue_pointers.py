"""What Glue is told of a table, held against AWS's own model of the service: `moto` takes texts of any length."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from typing import Any

import pytest
from pyiceberg.catalog.glue import _construct_table_input
from pyiceberg.partitioning import UNPARTITIONED_PARTITION_SPEC
from pyiceberg.schema import Schema
from pyiceberg.table.metadata import new_table_metadata
from pyiceberg.table.sorting import UNSORTED_SORT_ORDER

from ftm_resources.tables import TABLES
from ftm_resources.warehouse import Warehouse
from ftm_resources.warehouse.glue_pointers import MAX_COMMENT, _shortened
from ftm_resources.warehouse.schemas import iceberg_schema


def beyond(shape: Any, value: Any, path: str) -> Iterator[str]:
    """Yield the places that are longer than the model of the service allows."""
    if shape.type_name == "structure":
        for name, inner in shape.members.items():
            if name in value:
                yield from beyond(inner, value[name], f"{path}.{name}")
    elif shape.type_name == "list":
        for inner in value:
            yield from beyond(shape.member, inner, f"{path}[]")
    elif shape.type_name == "map":
        for key, inner in value.items():
            yield from beyond(shape.key, key, f"{path}.{key}")
            yield from beyond(shape.value, inner, f"{path}.{key}")
    elif shape.type_name == "string" and len(value) > shape.metadata.get("max", len(value)):
        yield path


@pytest.fixture(scope="module")
def table_input() -> Any:
    """AWS's model of a table as Glue is told of it."""
    import boto3

    glue = boto3.session.Session().client("glue", region_name="us-east-1")
    return glue.meta.service_model.shape_for("TableInput")


def told(schema: Schema) -> dict[str, Any]:
    metadata = new_table_metadata(schema, UNPARTITIONED_PARTITION_SPEC, UNSORTED_SORT_ORDER, "s3://ftm/t", {})
    made: Any = _construct_table_input("t", "s3://ftm/t/metadata/0.metadata.json", {}, metadata)
    return made


def test_glue_takes_what_it_is_told_of_every_table(table_input: Any):
    shortened = 0
    for name, contract in TABLES.items():
        whole = told(iceberg_schema(contract))
        shortened += sum("Comment" in place for place in beyond(table_input, whole, name))
        given = _shortened(whole)
        assert list(beyond(table_input, given, name)) == []
        columns = given["StorageDescriptor"]["Columns"]
        assert [c["Name"] for c in columns] == [c.name for c in contract.columns]
        assert max(len(c["Comment"].encode()) for c in columns) <= MAX_COMMENT
        assert all(c["Comment"][:200] == contract.column(c["Name"]).doc[:200] for c in columns)
        assert all(c["Name"] == c["Name"].lower() for c in columns), "Glue and Athena know lower case alone"
    assert shortened > 0


def test_a_table_with_a_long_comment_is_made_and_changed_in_glue(
    warehouse_on_s3: Callable[[], AbstractContextManager[Warehouse]],
):
    import boto3

    with warehouse_on_s3() as warehouse:
        for _ in range(2):
            warehouse.replace("sentiment_scores", "2020Q1", [])
            found = boto3.client("glue").get_table(DatabaseName="ftm", Name="sentiment_scores")["Table"]
            (comment,) = [
                c["Comment"] for c in found["StorageDescriptor"]["Columns"] if c["Name"] == "score_se"
            ]
            assert len(comment.encode()) <= MAX_COMMENT
            assert comment.endswith(" …")
        doc = TABLES["sentiment_scores"].column("score_se").doc
        assert warehouse.table("sentiment_scores").schema().find_field("score_se").doc == doc
