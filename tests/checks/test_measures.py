import re

import dagster as dg
import numpy as np
import pyarrow as pa
import pytest

from ftm_assets.assets.firm_topics import FirmTopicsConfig
from ftm_assets.assets.themes import ThemesConfig
from ftm_assets.checks.build import build_checks
from ftm_assets.checks.measures import (
    BY_REASON,
    COMPARED,
    LIMITS,
    SMALL_QUARTER_TOPICS,
    Limit,
    largest_by_chance,
)
from ftm_assets.methods.topics.firm_model import FirmParams
from ftm_assets.methods.topics.theme_model import ThemeParams
from ftm_resources.tables import TABLES
from ftm_resources.tables.categories import THEME_REASONS
from ftm_resources.warehouse import Warehouse

QUARTER = "2020Q1"
QUALITY = {limit.name for limit in LIMITS} | {f"{level}_{metric}" for level, metric in COMPARED}


def write_quality(
    warehouse: Warehouse, measures: dict[tuple[str, str], float | None], quarter: str = QUARTER, n: int = 500
) -> None:
    rows = [
        {"level": level, "metric": metric, "value": value, "n": n, "quarter": quarter}
        for (level, metric), value in measures.items()
    ]
    schema = TABLES["topic_quality"].arrow_schema
    warehouse.replace("topic_quality", quarter, [pa.Table.from_pylist(rows, schema=schema)])


def at_the_limits(beyond: float = 0.0, n: int = 500) -> dict[tuple[str, str], float]:
    return {(m.level, m.metric): m.at(n) + (beyond if m.is_upper else -beyond) for m in LIMITS}


def test_topics_at_the_limits_of_quality_pass(warehouse: Warehouse, failed):
    write_quality(warehouse, at_the_limits())
    assert failed("topic_quality") == {}


def test_topics_beyond_a_limit_are_warned_of_and_one_giant_theme_is_an_error(warehouse: Warehouse, evaluate):
    write_quality(warehouse, at_the_limits(0.01, SMALL_QUARTER_TOPICS), n=SMALL_QUARTER_TOPICS)
    found = {n: e.severity for n, e in evaluate("topic_quality").items() if not e.passed}
    warnings = dict.fromkeys((m.name for m in LIMITS), dg.AssetCheckSeverity.WARN)
    assert found == warnings | {"largest_theme": dg.AssetCheckSeverity.ERROR}


def test_a_giant_theme_of_a_small_quarter_is_a_warning(warehouse: Warehouse, evaluate):
    write_quality(warehouse, {("themes", "largest_theme_share"): 0.9}, n=SMALL_QUARTER_TOPICS - 1)
    found = evaluate("topic_quality")["largest_theme"]
    assert (found.passed, found.severity) == (False, dg.AssetCheckSeverity.WARN)
    assert found.description == (
        "One theme holds 90% of the placed topics (expected of so many: at most 25%)"
    )
    assert found.metadata["limit"].value == pytest.approx(
        largest_by_chance(SMALL_QUARTER_TOPICS - 1), abs=1e-4
    )


@pytest.mark.parametrize(
    ("n_topics", "share", "passes"),
    [
        *((7, 1.0, True), (8, 1.0, False), (28, 0.5, True), (28, 0.9, False)),
        *((150, 0.16, True), (150, 0.35, False), (2000, 0.15, True), (2000, 0.16, False)),
    ],
)
def test_the_largest_theme_is_held_to_what_is_usual_of_so_many_topics(
    warehouse: Warehouse, evaluate, n_topics: int, share: float, passes: bool
):
    write_quality(warehouse, {("themes", "largest_theme_share"): share}, n=n_topics)
    assert evaluate("topic_quality")["largest_theme"].passed == passes


@pytest.mark.parametrize("n_topics", [60, 200, 1000])
def test_sizes_of_chance_exceed_the_limit_in_one_quarter_of_twenty(n_topics: int):
    params, rng = ThemeParams(), np.random.default_rng(1)
    n = round(min(params.granularity * n_topics**0.5, n_topics / params.min_topics))
    largest = rng.dirichlet(np.ones(n), size=4000).max(axis=1)
    assert 0.02 < (largest > largest_by_chance(n_topics)).mean() < 0.08


@pytest.mark.parametrize(
    ("counts", "said", "advised"),
    [
        ({"dominated": 4, "few firms": 3}, "4 of the 7 others are left out as dominated", "max_firm_share"),
        ({"dominated": 1, "few firms": 3}, "3 of the 4 others are left out as few firms", "min_firms"),
        ({"outlier": 2}, "2 of the 2 others are left out as outlier", "join_similarity"),
        ({"procedural": 1}, "1 of the 1 others are left out as procedural", "max_procedural_share"),
        ({}, "change the setting of themes", "the commonest reason"),
    ],
)
def test_topics_without_a_theme_are_explained_by_their_commonest_reason(
    warehouse: Warehouse, evaluate, counts: dict[str, int], said: str, advised: str
):
    write_quality(warehouse, {("themes", "placed_share"): 0.25})
    reasons = [reason for reason, n in counts.items() for _ in range(n)]
    rows = [
        {"topic_id": f"{i}", "firm_id": "a", "theme_id": None, "quarter": QUARTER, "reason": reason}
        | {"detail": None, "strength": 0.0}
        for i, reason in enumerate(reasons)
    ]
    schema = TABLES["theme_topics"].arrow_schema
    warehouse.replace("theme_topics", QUARTER, [pa.Table.from_pylist(rows, schema=schema)])
    warehouse.replace("themes", QUARTER, [], provenance={"config": {"min_firms": 2, "n_keywords": 10}})
    found = evaluate("topic_quality")["placed_share"]
    assert found.description == "Only 25% of the topics are in a theme (expected: at least 55%)"
    advice = found.metadata["advice"].value
    assert said in advice
    assert advised in advice
    assert advice.endswith("themes was made with min_firms = 2")


def test_every_reason_has_its_advice():
    assert set(BY_REASON) == set(THEME_REASONS)


def test_what_could_not_be_measured_passes_and_says_so(warehouse: Warehouse, evaluate):
    write_quality(warehouse, dict.fromkeys(at_the_limits()), n=0)
    found = evaluate("topic_quality")
    assert {found[name].description for name in QUALITY} == {"not measured, or too little to judge"}
    assert all(e.passed for e in found.values())


@pytest.mark.parametrize(
    ("others", "value", "passes"),
    [
        ([0.30, 0.10], 0.11, True),
        ([0.30, 0.10], 0.09, False),
        ([0.30, 0.10, 0.30], 0.19, False),
        ([0.90], 0.10, True),
        ([], 0.10, True),
    ],
)
def test_coherence_may_not_fall_far_below_the_median_of_the_other_quarters(
    warehouse: Warehouse, others: list[float], value: float, passes: bool, failed
):
    for i, other in enumerate(others):
        write_quality(warehouse, {("themes", "coherence_c_npmi"): other}, quarter=f"201{i}Q1")
    write_quality(warehouse, {("themes", "coherence_c_npmi"): value})
    assert set(failed("topic_quality")) == (set() if passes else {"themes_coherence_c_npmi"})


def test_a_check_of_quality_says_what_to_do():
    docs = {s.name: s.description for c in build_checks() for s in c.check_specs if s.name in QUALITY}
    assert set(docs) == QUALITY
    assert all(" If not, " in doc for doc in docs.values())


def test_a_limit_that_is_crossed_says_what_the_quarter_was_made_with(warehouse: Warehouse, evaluate):
    write_quality(warehouse, {("firm_topics", "seed_stability"): 0.4})
    topics = TABLES["firm_topics"].empty()
    warehouse.replace("firm_topics", QUARTER, [topics], provenance={"config": {"n_neighbors": 3, "seed": 7}})
    found = evaluate("topic_quality")["seed_stability"]
    assert found.description == "Clusterings with different seeds agree by only 0.40 (expected: at least 0.6)"
    advice = found.metadata["advice"].value
    assert advice.startswith("the topics are partly chance")
    assert advice.endswith("; firm_topics was made with n_neighbors = 3, seed = 7")
    write_quality(warehouse, {("firm_topics", "seed_stability"): 0.9})
    assert evaluate("topic_quality")["seed_stability"].description == "0.900, within the limit of 0.600"


@pytest.mark.parametrize("limit", LIMITS, ids=lambda m: m.name)
def test_what_a_limit_advises_to_change_is_a_field_of_that_config(limit: Limit):
    offered = {"firm_topics": FirmTopicsConfig, "themes": ThemesConfig}[limit.level].model_fields
    assert set(limit.parameters) <= set(offered)
    advised = {
        w for w in re.findall(r"[a-z_]+", limit.doc) if w in FirmParams.__dataclass_fields__ and "_" in w
    }
    assert advised <= set(limit.parameters) | {"min_firms"}
