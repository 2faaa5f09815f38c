"""A whole quarter from WRDS: one connection, and every call accounted for."""

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from ftm_resources.models.embedder import Embedder
from ftm_resources.sources.configured import ConfiguredSource

from .conftest import QUICK, Deployment, failures

if TYPE_CHECKING:
    from benchmarks.wrds_server import Library

pytestmark = pytest.mark.integration
QUARTER = "2023Q1"


def test_only_transcripts_connects_to_wrds_and_the_coverage_follows_every_call(
    library: "Library", tmp_path: Path, quick_model: str
):
    library.add_sample(14, QUARTER)
    source = ConfiguredSource(kind="capital_iq")
    deployment = Deployment(tmp_path, source, embedder=Embedder(model=quick_model), sentiment=QUICK)
    before = library.server.log.read_text().count("connection received")
    result = deployment.run(QUARTER)
    assert result.success, failures(result)
    assert library.server.log.read_text().count("connection received") == before + 1
    db = deployment.warehouse.connect(quarter=QUARTER)
    reached = dict(
        db.execute("SELECT step, sum(n_calls) FILTER (NOT is_lost) FROM coverage GROUP BY step").fetchall()
    )
    stored = {
        "seen": "SELECT count(*) FROM transcript_audit",
        "link": "SELECT count(DISTINCT transcript_id) FROM transcripts",
        "scores": "SELECT count(DISTINCT transcript_id) FROM sentiment_scores",
    }
    for step, sql in stored.items():
        assert db.execute(sql).fetchone() == (reached[step],)
    lost = db.execute("SELECT outcome, n_firms_lost FROM coverage WHERE step = 'link' AND is_lost").fetchall()
    assert lost == [("no GVKEY", 1)]
