"""A quarter's topics and themes by either method, through the assets: the same tables, comparable in topic_quality."""

from collections import Counter
from pathlib import Path
from typing import Any

import dagster as dg
import pytest

from ftm_assets.definitions import build_definitions
from ftm_assets.methods.topics import published
from ftm_assets.orchestration.deployment import test_resources as resources_under
from ftm_resources.sources.configured import ConfiguredSource
from ftm_resources.warehouse import Warehouse

QUARTER = "2023Q1"
MADE_BEFORE = ("transcripts", "transcript_audit", "sentences", "sentence_embeddings", "sentence_kinds")
OF_FIRMS = ("firm_topics", "sentence_topics", "firm_status")
OF_THEMES = ("themes", "theme_topics", "theme_naming_audit")
OF_MEMBERS = ("theme_sentences", "topic_coherence", "theme_coherence")
MADE_AFTER = (*OF_FIRMS, "topic_summaries", "topic_naming_audit", *OF_THEMES, *OF_MEMBERS, "topic_quality")
PUBLISHED = {"method": "bertopic", "bertopic": {"stop_words": "english", "min_cluster_size": 5}}


class Quarter:
    """Four firms of the sample, embedded; the assets after that by either method."""

    def __init__(self, root: Path) -> None:
        resources = resources_under(root, source=ConfiguredSource(kind="sample", sample_firms=4))
        self.warehouse: Warehouse = resources["warehouse"]
        jobs = [
            dg.define_asset_job("before", selection=list(MADE_BEFORE)),
            dg.define_asset_job("after", selection=list(MADE_AFTER)),
        ]
        everything = build_definitions(resource_overrides=resources)
        self.definitions = dg.Definitions.merge(everything, dg.Definitions(jobs=jobs))
        assert self.run("before").success

    def run(self, job: str, config: dict[str, Any] | None = None) -> dg.ExecuteInProcessResult:
        quiet = {"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}}
        ops = {"ops": {a: {"config": config} for a in ("firm_topics", "themes")}} if config else {}
        return self.definitions.resolve_job_def(job).execute_in_process(
            partition_key=QUARTER, run_config={**quiet, **ops}, raise_on_error=False
        )

    def rows(self, table: str) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = self.warehouse.read(table, QUARTER).to_pylist()
        return found

    def quality(self) -> dict[str, float | None]:
        return {f"{r['level']} {r['metric']}": r["value"] for r in self.rows("topic_quality")}


@pytest.fixture(scope="module")
def quarter(tmp_path_factory: pytest.TempPathFactory) -> Quarter:
    return Quarter(tmp_path_factory.mktemp("quarter"))


@pytest.fixture(scope="module")
def by_graph(quarter: Quarter) -> dict[str, float | None]:
    assert quarter.run("after").success
    return quarter.quality()


@pytest.fixture(scope="module")
def by_bertopic(quarter: Quarter, by_graph: dict[str, float | None]) -> Quarter:  # noqa: ARG001 - the one before
    assert quarter.run("after", PUBLISHED).success
    return quarter


def test_the_published_method_writes_the_same_tables(by_bertopic: Quarter):
    spoken = {r["sentence_id"] for r in by_bertopic.rows("sentence_kinds") if not r["is_procedural"]}
    members = by_bertopic.rows("sentence_topics")
    assert {m["sentence_id"] for m in members} == spoken
    topics = by_bertopic.rows("firm_topics")
    assert {t["topic_id"]: t["n_sentences"] for t in topics} == Counter(
        m["topic_id"] for m in members if m["topic_id"]
    )
    assert {s["status"] for s in by_bertopic.rows("firm_status")} == {"ok"}
    words = {k for t in topics for k in t["keywords"]}
    assert words == {k.lower() for k in words if " " not in k}  # BERTopic's: single words in lower case
    assert {m["topic_id"] for m in by_bertopic.rows("theme_topics")} == {t["topic_id"] for t in topics}


def test_topic_quality_measures_both_so_that_they_can_be_compared(
    by_graph: dict[str, float | None], by_bertopic: Quarter
):
    measured = by_bertopic.quality()
    assert set(measured) == set(by_graph)
    for metric in ("n_topics", "coherence_c_v", "coherence_c_npmi", "diversity", "outlier_share"):
        values = by_graph[f"firm_topics {metric}"], measured[f"firm_topics {metric}"]
        assert None not in values
        assert values[0] != values[1], metric
    assert measured["themes placed_share"] is not None


def test_without_the_extra_the_asset_fails_and_says_what_to_install(
    quarter: Quarter, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(published, "MODULES", ("no_such_umap",))
    before = quarter.warehouse.quarter("firm_topics", QUARTER).content
    result = quarter.run("after", PUBLISHED)
    assert not result.success
    (error,) = (e.step_failure_data.error for e in result.all_events if e.is_step_failure)
    assert "BERTopic needs an extra: pip install -c constraints.txt -e '.[bertopic]'" in str(error)
    assert quarter.warehouse.quarter("firm_topics", QUARTER).content == before
