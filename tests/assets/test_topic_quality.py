"""The measures of a small quarter whose topics and themes are the sample's planted ones, in a real warehouse."""

from collections import Counter
from pathlib import Path
from typing import Any

import dagster as dg
import pyarrow as pa
import pytest

from ftm_assets.assets.topic_quality import TREND_QUARTERS
from ftm_assets.definitions import build_definitions
from ftm_assets.orchestration.deployment import test_resources as resources_under
from ftm_assets.orchestration.specs import readable
from ftm_resources.sources.configured import ConfiguredSource
from ftm_resources.sources.sample.generated import DEFAULT_SEED
from ftm_resources.tables import TABLES
from ftm_resources.warehouse import Warehouse

from .planted_quarter import FIRMS, QUARTER, tables

READ = (
    *("sentences", "sentence_kinds", "sentence_embeddings", "firm_topics", "sentence_topics"),
    *("firm_status", "themes", "theme_topics", "theme_coherence"),
)
"""The tables that the asset reads."""

SAMPLE = {"name": "sample", "firms": FIRMS, "seed": DEFAULT_SEED}


class World:
    """A warehouse with the tables that quality reads, and the asset over it."""

    def __init__(
        self,
        root: Path,
        quarter: dict[str, list[dict[str, Any]]],
        source: dict[str, Any] | None = None,
        config: dict[str, Any] | None = None,
    ) -> None:
        """Fill the warehouse; `source` is where the quarter's calls came from, `config` that of `firm_topics`."""
        self.warehouse = Warehouse(path=str(root))
        self.quarter = quarter
        for name in READ:
            filled = [{**row, "quarter": QUARTER} for row in quarter.get(name, ())]
            made = {"config": config} if config and name == "firm_topics" else {}
            self.warehouse.replace(
                name,
                QUARTER,
                [pa.Table.from_pylist(filled, schema=TABLES[name].arrow_schema)],
                provenance=made,
            )
        self.warehouse.replace("transcripts", QUARTER, [], provenance={"source": source} if source else {})
        resources = resources_under(root, source=ConfiguredSource(kind="files", path="/nowhere"))
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
    return World(tmp_path_factory.mktemp("w"), tables(), SAMPLE)


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
    classes = [row["coherence_class"] for row in world.quarter["theme_coherence"]]
    assert rows["themes", "weak_share"] == (pytest.approx(classes.count("weak") / len(classes)), len(classes))
    assert rows["themes", "mixed_share"] == (0.0, len(classes))


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
            assert shown.value == readable({metric: value})[metric]
    assert metadata["seconds"].value > 0


def test_the_trend_shows_the_newest_quarters_side_by_side(measured: tuple[dict[str, Any], object]):
    trend = measured[0]["trend"]
    quarters = [column.name for column in trend.schema.columns][1:]
    assert len(quarters) == TREND_QUARTERS
    assert quarters[-1] == QUARTER
    (diversity,) = (r.data for r in trend.records if r.data["measure"] == "themes_diversity")
    assert 0.130 in diversity.values()
    assert 0.001 not in diversity.values()


def test_the_same_quarter_measures_the_same(world: World, measured: tuple[dict[str, Any], object]):
    assert world.measure()[0]["content"] == measured[0]["content"]


def test_checks_run_with_the_quarter_and_compare_it_with_the_others(
    measured: tuple[object, dict[str, dg.AssetCheckEvaluation]],
):
    checks = measured[1]
    assert {n for n in ("contract", "key_unique", "quarter_pure") if not checks[n].passed} == set()
    assert checks["seed_stability"].passed
    assert checks["themes_diversity"].metadata["limit"].value == pytest.approx(0.065 - 0.1)


def test_stability_is_that_of_the_config_which_the_topics_were_made_with(tmp_path: Path):
    coarse = World(tmp_path, tables(), config={"sentences_per_topic": 1000.0, "usual_topics": 0, "gone": 1})
    metadata, _ = coarse.measure()
    assert metadata["firm_topics_config"].value["sentences_per_topic"] == 1000.0
    assert coarse.rows()["firm_topics", "seed_stability"] == (1.0, FIRMS), "one topic each, whatever the seed"


def test_one_giant_theme_of_calls_of_another_source_is_noticed(tmp_path: Path):
    world = World(tmp_path, tables(giant=True), {"name": "files"})
    _, checks = world.measure()
    assert not checks["largest_theme"].passed
    assert checks["largest_theme"].metadata["value"].value == 1.0
    rows = world.rows()
    assert rows["themes", "recovery_ari"] == (None, 0)
    assert rows["themes", "placed_share"][0] == 1.0


def test_a_quarter_without_calls_has_no_rows_and_passes(tmp_path: Path):
    world = World(tmp_path, {name: [] for name in tables()}, SAMPLE)
    _, checks = world.measure()
    assert world.rows() == {}
    assert [name for name, check in checks.items() if not check.passed] == []
