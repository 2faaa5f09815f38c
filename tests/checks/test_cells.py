from collections.abc import Callable
from datetime import date

import pyarrow as pa
import pytest

from ftm_resources.tables import TABLES
from ftm_resources.warehouse import Warehouse

from .conftest import QUARTER

CALL = {
    "theme_id": f"{QUARTER}:theme:000", "transcript_id": "1", "firm_id": "1", "firm_name": "Acme", "quarter": QUARTER,
    "call_date": date(2020, 2, 1), "score": 0.0, "expected_score": 0.0, "mean_strength": 0.5,
    "mean_p_positive": 0.0, "mean_p_neutral": 1.0, "mean_p_negative": 0.0, "n_positive": 0, "n_negative": 0,
}  # fmt: skip


def write(warehouse: Warehouse, table: str, *rows: dict[str, object]) -> None:
    schema = TABLES[table].arrow_schema
    filled = [{f.name: {**CALL, **row}.get(f.name) for f in schema} for row in rows]
    warehouse.replace(table, QUARTER, [pa.Table.from_pylist(filled, schema=schema)])


def cell(section: str, n: int, turns: int) -> dict[str, object]:
    return {
        "section": section, "speaker_type": "executive", "n_neutral": n, "n_sentences": n, "n_turns": turns
    }  # fmt: skip


@pytest.mark.parametrize(
    ("cells", "problem"),
    [
        ([("presentation", 2, 1), ("q_and_a", 3, 2)], None),
        ([("presentation", 2, 1)], "1 theme in a call differ"),
        ([("presentation", 2, 1), ("q_and_a", 3, 1)], "1 theme in a call differ"),
        ([], "1 theme in a call differ"),
    ],
)
def test_the_cells_of_a_call_add_up_to_its_scores(
    warehouse: Warehouse,
    failed: Callable[[str], dict[str, str]],
    cells: list[tuple[str, int, int]],
    problem: str | None,
):
    write(warehouse, "sentiment_scores", {"n_neutral": 5, "n_sentences": 5, "n_turns": 3})
    write(warehouse, "sentiment_cells", *(cell(*c) for c in cells))
    assert failed("sentiment_cells").get("cells_add_up") == problem
