"""The measures of a small quarter whose topics and themes are the sample's planted ones, in a real warehouse."""

import hashlib
from collections import Counter
from pathlib import Path
from typing import Any

import dagster as dg
import numpy as np
import pyarrow as pa
import pytest

from ftm_assets.assets.topic_quality import TREND_QUARTERS
from ftm_assets.definitions import build_definitions
from ftm_assets.orchestration.deployment import test_resources as resources_under
from ftm_resources.sources.configured import ConfiguredSource
from ftm_resources.sources.sample.generated import SampleSource
from ftm_resources.tables import TABLES
from ftm_resources.warehouse import Warehouse

QUARTER = "2023Q1"
FIRMS = 3


def planted() -> list[dict[str, Any]]:
    """The sentences of the sample, once each, with the subject that was planted."""
    rows = pa.concat_tables(SampleSource(FIRMS).truth(QUARTER)).to_pylist()
    for row in rows:
        component = f"{QUARTER}:{row['transcriptid']}:{row['componentorder']:04d}"
        row |= {"component_id": component, "sentence_id": f"{component}:{row['position']:03d}"}
        subject = row["theme_id"] or row["firm_topic"]
        row["topic_id"] = subject and f"{QUARTER}:{row['companyid']}:{subject}"
    return rows


def direction(topic: str | None) -> np.ndarray:
    """A unit vector per topic; any direction for a sentence of none."""
    digest = hashlib.blake2b(str(topic).encode(), digest_size=4).digest()
    vector = np.random.default_rng(int.from_bytes(digest)).normal(size=64)
    return (vector / np.linalg.norm(vector)).astype(np.float32)


def tables(*, giant: bool = False) -> dict[str, list[dict[str, Any]]]:
    """A quarter whose topics are the planted subjects, its themes the planted themes or all in one."""
    said = planted()
    spoken = [r for r in said if r["kind"] != "procedural"]
    sizes = Counter((r["topic_id"], r["companyid"]) for r in spoken if r["topic_id"])
    theme_of = {r["topic_id"]: r["theme_id"] and f"{QUARTER}:theme:{r['theme_id']}" for r in spoken}
    if giant:
        theme_of = dict.fromkeys(theme_of, f"{QUARTER}:theme:000")
    names = {r["topic_id"]: r["theme_name"] or r["firm_topic"] for r in spoken}
    themes = sorted({theme_of[t] for t, _ in sizes if theme_of[t]})
    per_firm = Counter(firm for _, firm in sizes)
    status = [
        {
            "firm_id": firm,
            "status": "ok" if per_firm[firm] else "too_small",
            "n_sentences": len(own),
            "n_topics": per_firm[firm],
            "outlier_share": sum(not r["topic_id"] for r in own) / len(own),
            "seconds": 0.1,
        }
        for firm in sorted({r["companyid"] for r in said})
        if (own := [r for r in spoken if r["companyid"] == firm])
    ]
    return {
        "sentences": [
            {
                **{k: r[k] for k in ("sentence_id", "component_id", "position", "text")},
                "firm_id": r["companyid"],
                "transcript_id": r["transcriptid"],
                "section": "presentation",
                "speaker_type": "executive",
                "is_procedural": r["kind"] == "procedural",
            }
            for r in said
        ],
        "sentence_embeddings": [
            {
                "sentence_id": r["sentence_id"],
                "firm_id": r["companyid"],
                "embedding": direction(r["topic_id"]) + 0.05 * direction(r["sentence_id"]),
            }
            for r in said
        ],
        "firm_topics": [
            {
                "topic_id": topic,
                "firm_id": firm,
                "local_topic": i,
                "n_sentences": n,
                "keywords": names[topic].split(),
                "representative_sentence_ids": [],
            }
            for i, ((topic, firm), n) in enumerate(sorted(sizes.items()))
        ],
        "sentence_topics": [
            {
                "sentence_id": r["sentence_id"],
                "firm_id": r["companyid"],
                "topic_id": r["topic_id"],
                "strength": 0.5,
            }
            for r in spoken
        ],
        "firm_status": status,
        "themes": [
            {
                "theme_id": theme,
                "name": theme,
                "description": theme,
                "keywords": names[next(t for t, _ in sizes if theme_of[t] == theme)].split(),
                "n_topics": 1,
                "n_firms": 1,
                "n_sentences": 1,
                "largest_firm_share": 1.0,
                "naming_method": "extractive",
                "embedding": direction(theme),
            }
            for theme in themes
        ],
        "theme_topics": [
            {
                "topic_id": topic,
                "theme_id": theme_of[topic],
                "firm_id": firm,
                "reason": None if theme_of[topic] else "outlier",
            }
            for topic, firm in sorted(sizes)
        ],
    }


class World:
    """A warehouse with the tables that quality reads, and the asset over it."""

    def __init__(self, root: Path, quarter: dict[str, list[dict[str, Any]]], **source: Any) -> None:
        self.warehouse = Warehouse(path=str(root))
        self.quarter = quarter
        for name, rows in quarter.items():
            filled = [{**row, "quarter": QUARTER} for row in rows]
            self.warehouse.replace(
                name, QUARTER, [pa.Table.from_pylist(filled, schema=TABLES[name].arrow_schema)]
            )
        resources = resources_under(root, source=ConfiguredSource(**source))
        job = dg.define_asset_job("quality", selection=["topic_quality"])
        everything = build_definitions(resource_overrides=resources)
        self.job = dg.Definitions.merge(everything, dg.Definitions(jobs=[job])).resolve_job_def("quality")

    def measure(self) -> tuple[dict[str, Any], dict[str, dg.AssetCheckEvaluation]]:
        """Materialize the quality of the quarter; its metadata, and its checks by name."""
        quiet = {"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}}
        result = self.job.execute_in_process(partition_key=QUARTER, run_config=quiet)
        (event,) = result.get_asset_materialization_events()
        checks = {c.check_name: c for c in result.get_asset_check_evaluations()}
        return dict(event.materialization.metadata), checks

    def rows(self) -> dict[tuple[str, str], tuple[float | None, int]]:
        stored = self.warehouse.read("topic_quality", QUARTER).to_pylist()
        return {(r["level"], r["metric"]): (r["value"], r["n"]) for r in stored}


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> World:
    return World(tmp_path_factory.mktemp("w"), tables(), kind="sample", sample_firms=FIRMS)


@pytest.fixture(scope="module")
def measured(world: World) -> tuple[dict[str, Any], dict[str, dg.AssetCheckEvaluation]]:
    for i in range(TREND_QUARTERS + 2):
        earlier = f"{2019 + i // 4}Q{i % 4 + 1}"
        row = {"level": "themes", "metric": "diversity", "value": i / 100, "n": 1, "quarter": earlier}
        rows = pa.Table.from_pylist([row], schema=TABLES["topic_quality"].arrow_schema)
        world.warehouse.replace("topic_quality", earlier, [rows])
    return world.measure()


@pytest.mark.usefixtures("measured")
def test_shares_are_those_counted_in_the_tables(world: World):
    rows, topics, members = world.rows(), world.quarter["firm_topics"], world.quarter["theme_topics"]
    placed = Counter(m["theme_id"] for m in members if m["theme_id"])
    assert rows["firm_topics", "n_topics"] == (len(topics), FIRMS)
    outliers = sum(not r["topic_id"] for r in world.quarter["sentence_topics"])
    spoken = len(world.quarter["sentence_topics"])
    assert rows["firm_topics", "outlier_share"] == (pytest.approx(outliers / spoken), FIRMS)
    assert rows["themes", "placed_share"] == (pytest.approx(placed.total() / len(topics)), len(topics))
    largest = max(placed.values()) / placed.total()
    assert rows["themes", "largest_theme_share"] == (pytest.approx(largest), placed.total())


@pytest.mark.usefixtures("measured")
def test_planted_themes_are_recovered_and_planted_topics_are_stable(world: World):
    rows = world.rows()
    scores = {m: rows["themes", f"recovery_{m}"] for m in ("ari", "ami", "homogeneity")}
    n_planted = sum(m["theme_id"] is not None for m in world.quarter["theme_topics"])
    assert scores == dict.fromkeys(scores, (pytest.approx(1.0), n_planted))
    assert rows["firm_topics", "seed_stability"][0] > 0.9


def test_the_pages_numbers_are_the_tables(world: World, measured: tuple[dict[str, Any], object]):
    metadata, _ = measured
    for (level, metric), (value, _) in world.rows().items():
        shown = metadata.get(f"{level}_{metric}")
        if value is None:
            assert shown is None
        else:
            assert isinstance(shown.value, float)
            assert shown.value == pytest.approx(value)
    assert metadata["seconds"].value > 0


def test_the_trend_shows_the_newest_quarters_side_by_side(measured: tuple[dict[str, Any], object]):
    head, _, *lines = measured[0]["trend"].value.splitlines()
    quarters = head.split(" | ")[1:]
    assert len(quarters) == TREND_QUARTERS
    assert quarters[-1].startswith(QUARTER)
    diversity = next(line for line in lines if line.startswith("| themes_diversity"))
    assert "| 0.130 |" in diversity
    assert "0.001" not in diversity


def test_the_same_quarter_measures_the_same(world: World, measured: tuple[dict[str, Any], object]):
    assert world.measure()[0]["content"] == measured[0]["content"]


def test_checks_run_with_the_quarter_and_compare_it_with_the_others(
    measured: tuple[object, dict[str, dg.AssetCheckEvaluation]],
):
    checks = measured[1]
    assert {n for n in ("contract", "key_unique", "quarter_pure") if not checks[n].passed} == set()
    assert checks["seed_stability"].passed
    assert checks["themes_diversity"].metadata["limit"].value == pytest.approx(0.065 - 0.1)


def test_one_giant_theme_of_calls_of_another_source_is_noticed(tmp_path: Path):
    world = World(tmp_path, tables(giant=True), kind="files", path=str(tmp_path))
    _, checks = world.measure()
    assert not checks["largest_theme"].passed
    assert checks["largest_theme"].metadata["value"].value == 1.0
    rows = world.rows()
    assert rows["themes", "recovery_ari"] == (None, 0)
    assert rows["themes", "placed_share"][0] == 1.0


def test_a_quarter_without_calls_has_no_rows_and_passes(tmp_path: Path):
    world = World(tmp_path, {}, kind="sample", sample_firms=1)
    _, checks = world.measure()
    assert world.rows() == {}
    assert [name for name, check in checks.items() if not check.passed] == []
