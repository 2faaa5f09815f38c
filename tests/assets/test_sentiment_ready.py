from pathlib import Path

import dagster as dg
import pyarrow.parquet as pq
import pytest

from ftm_assets.assets.sentiment_ready import sentiment_ready
from ftm_resources.tables.joined_views import JOINED_VIEWS
from ftm_resources.warehouse import Warehouse
from tests.member_sentences import write


def test_the_file_holds_the_views_rows(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    warehouse = write(tmp_path / "warehouse")
    monkeypatch.setenv("FTM_EXPORTS", str(tmp_path / "it's here"))
    done = dg.materialize([sentiment_ready], partition_key="2023Q1", resources={"warehouse": warehouse})
    (made,) = done.get_asset_materialization_events()
    (file,) = (tmp_path / "it's here").rglob("*.parquet")
    assert file.parent.name == "sentiment_ready"
    with warehouse.connect(quarter="2023Q1") as db:
        view = db.execute("FROM sentiment_ready ORDER BY theme_id, firm_id, topic_id").to_arrow_table()
    written = pq.read_table(file)
    assert written.schema.names == list(JOINED_VIEWS["sentiment_ready"].columns)
    assert written.to_pylist() == view.to_pylist()
    assert written.num_rows == 10
    assert made.materialization.metadata["rows"].value == written.num_rows
    assert [p.name for p in file.parent.iterdir()] == ["2023Q1.parquet"]


def test_a_quarter_that_is_not_stored_leaves_no_file(
    tmp_path: Path, small_topics: Warehouse, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setenv("FTM_EXPORTS", str(tmp_path))
    done = dg.materialize(
        [sentiment_ready], partition_key="2023Q2", resources={"warehouse": small_topics}, raise_on_error=False
    )
    assert not done.success
    assert list(tmp_path.rglob("*.parquet")) == []
