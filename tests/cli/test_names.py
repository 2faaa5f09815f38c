"""`ftm names` on a small warehouse: what it refuses; what it measures is in the integration tests."""

from pathlib import Path

import pyarrow as pa
import pytest

from ftm_resources.tables import TABLES
from ftm_resources.warehouse import Warehouse
from tests import small_topics as quarter_with_topics

QUARTER = quarter_with_topics.QUARTER


@pytest.fixture
def stored(place: Path) -> Warehouse:
    """The small quarter, with a status for each of its firms."""
    made = quarter_with_topics.write(place / "warehouse")
    counts = {"n_sentences": 17, "n_topics": 4, "outlier_share": 0.06, "seconds": 1.0}
    rows = [
        {"firm_id": firm, "status": "ok", "reason": None, "quarter": QUARTER, **counts}
        for firm in quarter_with_topics.FIRMS
    ]
    table = pa.Table.from_pylist(rows, schema=TABLES["firm_status"].arrow_schema)
    made.replace("firm_status", QUARTER, [table])
    return made


def test_names_of_other_topics_are_not_compared_with_these(ftm, stored: Warehouse):
    made_from = {"inputs": {"firm_topics": {"snapshot_id": "1", "content": "other rows"}}}
    names = stored.read("topic_summaries", QUARTER)
    stored.replace("topic_summaries", QUARTER, [names], provenance=made_from)
    done = ftm("names", "compare", QUARTER)
    assert done.exit_code == 0
    assert (
        f"Materialize topic_summaries for {QUARTER}; until then views show its last complete" in done.stderr
    )
    done = ftm("names", "compare", QUARTER, "extractive", "extractive")
    assert done.exit_code == 0, done.output
    assert "Names of 2023Q1" in done.stdout


def test_a_quarter_that_is_not_there_is_refused_with_those_that_are(ftm, stored: Warehouse):
    refused = ftm("names", "compare", "2019Q4")
    assert refused.exit_code == 1
    assert f"no quarter 2019Q4 in {stored.root}; it holds {QUARTER}" in refused.stderr
