import pytest

from ftm_resources.tables import TABLES
from ftm_resources.warehouse.iceberg_schema import iceberg_schema


@pytest.mark.parametrize("name", TABLES)
def test_a_table_is_stored_as_its_contract_says(name: str):
    contract = TABLES[name]
    schema = iceberg_schema(contract)
    assert [f.name for f in schema.fields] == [c.name for c in contract.columns]
    assert [f.doc for f in schema.fields] == [c.doc for c in contract.columns]
    assert [f.required for f in schema.fields] == [not c.nullable for c in contract.columns]
    assert schema.as_arrow().field("quarter").type in {contract.column("quarter").type, "large_string"}
