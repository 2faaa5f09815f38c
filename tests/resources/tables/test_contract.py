import math

import pyarrow as pa
import pytest

from ftm_resources.tables import TABLES
from ftm_resources.tables.contract import ContractError

QUARTER = "2020Q1"


def scores(**changes: list[object]) -> pa.Table:
    columns: dict[str, object] = {
        "sentence_id": ["2020Q1:1:0000:000"],
        "label": ["neutral"],
        "p_positive": [0.2],
        "p_neutral": [0.5],
        "p_negative": [0.3],
        "model": ["test"],
    }
    return pa.table(columns | changes)


def test_a_matching_table_gets_its_quarter_and_the_contracts_order():
    table = TABLES["sentence_sentiment"].conform(scores(), quarter=QUARTER)
    assert table.schema.equals(TABLES["sentence_sentiment"].arrow_schema)
    assert table.column("quarter").to_pylist() == [QUARTER]


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"label": ["happy"]}, "column 'label' holds 'happy'; allowed: positive, neutral, negative"),
        ({"label": [None]}, "column 'label' has 1 null values"),
        ({"p_positive": [1.5]}, "column 'p_positive' holds 1.5, outside"),
        ({"p_positive": [math.nan]}, "column 'p_positive' holds nan, outside"),
        ({"p_positive": ["x"]}, "column 'p_positive' is string, not double"),
        ({"mood": ["x"]}, "column 'mood' is not in the contract"),
        ({"quarter": ["2020Q2"]}, "column 'quarter' holds '2020Q2' in a write to 2020Q1"),
    ],
)
def test_a_table_against_the_contract_is_refused_by_column(changes: dict[str, list[object]], message: str):
    with pytest.raises(ContractError, match=message) as error:
        TABLES["sentence_sentiment"].conform(scores(**changes), quarter=QUARTER)
    assert str(error.value).startswith("sentence_sentiment: ")


def test_a_missing_column_is_named():
    with pytest.raises(ContractError, match="column 'model' is missing"):
        TABLES["sentence_sentiment"].conform(scores().drop_columns("model"), quarter=QUARTER)


def test_a_number_that_does_not_fit_is_refused():
    topics = pa.table(
        {
            "topic_id": ["2020Q1:1:000"],
            "firm_id": ["1"],
            "local_topic": [2**40],
            "n_sentences": [1],
            "keywords": [["a"]],
            "representative_sentence_ids": [["s"]],
            "call_share": [0.0],
            "embedding": [[0.6, 0.8]],
        }
    )
    with pytest.raises(ContractError, match="column 'local_topic'"):
        TABLES["firm_topics"].conform(topics, quarter=QUARTER)


@pytest.mark.parametrize("name", TABLES)
def test_every_table_is_documented_keyed_and_partitioned(name: str):
    contract = TABLES[name]
    assert contract.doc
    assert all(c.doc for c in contract.columns)
    assert set(contract.key) <= {c.name for c in contract.own}
    assert not any(contract.column(k).nullable for k in contract.key)
    assert contract.columns[-1].name == "quarter"


@pytest.mark.parametrize("name", TABLES)
def test_references_point_to_columns_that_exist(name: str):
    for column, table, other in TABLES[name].references():
        assert TABLES[name].column(column).type == TABLES[table].column(other).type
