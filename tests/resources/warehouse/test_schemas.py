import pytest

from ftm_resources.tables import TABLES
from ftm_resources.warehouse.schemas import iceberg_schema


@pytest.mark.parametrize("name", TABLES)
def test_columns_keep_their_order_their_nullability_and_their_documentation(name: str):
    columns, fields = TABLES[name].columns, iceberg_schema(TABLES[name]).fields
    assert [(f.name, not f.required, f.doc) for f in fields] == [(c.name, c.nullable, c.doc) for c in columns]
    assert [f.field_id for f in fields] == list(range(1, len(columns) + 1))
