from typing import Any

import pyarrow as pa
import pytest

from ftm_resources.tables import TABLES
from ftm_resources.warehouse import Warehouse

QUARTER = "2020Q1"
NONE: dict[str, Any] = {"firms": [], "first_firms": 0}


def turns(speakers: list[str], component: str | None = None) -> pa.Table:
    schema = TABLES["transcripts"].arrow_schema
    filled = {f.name: "x" for f in schema if f.type == pa.string() and not f.nullable}
    filled |= {"quarter": QUARTER, "section": "q_and_a", "component_type": component, "component_order": 0}
    filled |= {"call_at": 0, "call_date": 0}
    rows = [{**filled, "speaker_type": s, "component_id": f"{QUARTER}:{i}"} for i, s in enumerate(speakers)]
    return pa.Table.from_pylist(rows, schema=schema)


@pytest.mark.parametrize(
    ("rows", "config", "failing"),
    [
        (turns(["executive"] * 9 + ["unknown"], "Presenter Speech"), NONE, set()),
        (turns(["executive"] * 8 + ["unknown"] * 2), NONE, {"known_turn_types"}),
        (turns(["executive"] * 9, "Fireside"), NONE, {"known_turn_types"}),
        (turns(["executive"] * 9), NONE | {"firms": ["x"]}, {"whole_quarter"}),
        (turns(["executive"] * 9), NONE | {"first_firms": 3}, {"whole_quarter"}),
    ],
)
def test_what_is_unknown_and_what_is_left_out_on_purpose_is_said(
    warehouse: Warehouse, failed, rows: pa.Table, config: dict[str, Any], failing: set[str]
):
    warehouse.replace("transcripts", QUARTER, [rows], provenance={"config": config})
    found = {"known_turn_types", "whole_quarter"} & set(failed("transcripts"))
    assert found == failing
