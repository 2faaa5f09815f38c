import pyarrow as pa
import pytest

from ftm_assets.report.gathering import gather
from ftm_assets.report.reported_state import ReportError
from ftm_resources.tables import TABLES
from ftm_resources.warehouse import Warehouse

from .told_quarter import EARLIER, QUARTER


@pytest.mark.parametrize(
    ("table", "quarter", "column", "value"),
    [
        ("theme_sentiment", QUARTER, "score_se", float("inf")),
        ("topic_summaries", QUARTER, "embedding", [1.0, float("inf")]),
        ("theme_panel", EARLIER, "score_se", float("inf")),
        ("topic_quality", EARLIER, "value", float("nan")),
    ],
)
def test_a_number_that_is_none_is_refused_by_table_and_column(
    copied: Warehouse, table: str, quarter: str, column: str, value: object
):
    rows = copied.read(table, quarter).to_pylist()
    # What the contract bounds cannot be written at all.
    rows[0][column] = value
    copied.replace(table, quarter, [pa.Table.from_pylist(rows, schema=TABLES[table].arrow_schema)])
    with pytest.raises(ReportError, match=rf"{table}\.{column} of {quarter} holds 1 value"):
        gather(copied, EARLIER, QUARTER)
