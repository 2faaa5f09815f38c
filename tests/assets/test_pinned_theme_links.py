"""Pinned themes over a small quarter with real embeddings."""

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import dagster as dg
import pyarrow as pa
import pytest

from ftm_assets.assets.pinned_theme_links import TABLES, pinned_theme_links
from ftm_resources.models.embedder import Embedder
from ftm_resources.tables import TABLES as CONTRACTS
from ftm_resources.warehouse import Warehouse
from tests.small_topics import FIRMS, QUARTER

INPUTS = ("themes", "theme_topics", "topic_summaries", "firm_topics", "sentence_topics", "sentences")
DICTIONARY = """name,description,seed_phrases
Shipping,The price of freight by sea.,ocean freight; container rates
Medicine,Clinical trials of vaccines.,vaccine trials
Football,Matches and their players.,penalty kick
"""


def run(
    warehouse: Warehouse, monkeypatch: pytest.MonkeyPatch, path: Path | None, **config: Any
) -> dict[str, list[Any]]:
    monkeypatch.delenv("FTM_PINNED_THEMES", raising=False)
    if path:
        monkeypatch.setenv("FTM_PINNED_THEMES", str(path))
    context = SimpleNamespace(partition_key=QUARTER, selected_output_names=set(TABLES), retry_number=0)
    context.op_execution_context = context
    function: Any = pinned_theme_links.op.compute_fn.decorated_fn
    outputs = function(
        context,
        function.__annotations__["config"](**config),
        warehouse,
        Embedder(precision="float32"),
        **{name: warehouse.quarter(name, QUARTER) for name in INPUTS},
    )
    return {o.output_name: [row for b in o.value.batches for row in b.to_pylist()] for o in outputs}


@pytest.fixture
def dictionary(tmp_path: Path) -> Path:
    path = tmp_path / "pinned.csv"
    path.write_text(DICTIONARY)
    return path


def test_themes_and_topics_link_to_what_was_pinned_and_coverage_counts_by_hand(
    small_topics: Warehouse, dictionary: Path, monkeypatch: pytest.MonkeyPatch
):
    made = run(small_topics, monkeypatch, dictionary)
    names = {t["theme_id"]: t["name"] for t in small_topics.read("themes", QUARTER).to_pylist()}
    linked = {names[r["theme_id"]]: r["series_id"] for r in made["pinned_theme_links"]}
    assert linked == {
        "Ocean Freight Rates": "pinned:shipping",
        "Vaccine Trials": "pinned:medicine",
    }
    coverage = {r["series_id"]: r for r in made["pinned_coverage"]}
    shipping, football = coverage["pinned:shipping"], coverage["pinned:football"]
    assert shipping["n_seed_sentences"] == 4 * len(FIRMS), "four of each firm's sentences name it"
    assert (shipping["n_topics"], shipping["n_firms"]) == (3, 3)
    assert shipping["topic_coverage"] == 1.0
    assert (football["n_seed_sentences"], football["n_topics"], football["topic_coverage"]) == (0, 0, None)


def test_without_a_dictionary_there_is_nothing_to_link(
    small_topics: Warehouse, monkeypatch: pytest.MonkeyPatch
):
    assert run(small_topics, monkeypatch, None) == {name: [] for name in TABLES}


def test_topics_of_another_embedding_model_are_refused(
    tmp_path: Path, dictionary: Path, monkeypatch: pytest.MonkeyPatch
):
    warehouse = Warehouse(path=str(tmp_path / "warehouse"))
    for name in INPUTS:
        models = {"embedder": {"model": "another/model"}}
        warehouse.replace(name, QUARTER, [CONTRACTS[name].empty()], provenance={"models": models})
    with pytest.raises(dg.Failure, match="embedded by another/model, but the embedder is now"):
        run(warehouse, monkeypatch, dictionary)


def test_a_higher_floor_links_less(
    small_topics: Warehouse, dictionary: Path, monkeypatch: pytest.MonkeyPatch
):
    made = run(small_topics, monkeypatch, dictionary, floor=1.0, topic_floor=1.0)
    assert made["pinned_theme_links"] == made["pinned_topic_links"] == []
    assert len(made["pinned_coverage"]) == 3


def test_links_are_not_removed_because_the_dictionary_is_not_named(
    small_topics: Warehouse, dictionary: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    made = run(small_topics, monkeypatch, dictionary)
    held = Warehouse(path=str(tmp_path / "held"))
    for name in INPUTS:
        held.replace(name, QUARTER, [small_topics.read(name, QUARTER)])
    rows = pa.Table.from_pylist(
        [{**row, "quarter": QUARTER} for row in made["pinned_coverage"]],
        schema=CONTRACTS["pinned_coverage"].arrow_schema,
    )
    source = {"source": {"path": str(dictionary)}}
    held.replace("pinned_coverage", QUARTER, [rows], provenance=source)
    with pytest.raises(
        dg.Failure, match=r"links to 3 pinned themes of .*pinned.csv. Set it; or, to remove them"
    ):
        run(held, monkeypatch, None)
    assert run(held, monkeypatch, None, remove=True) == {name: [] for name in TABLES}
    assert len(run(held, monkeypatch, dictionary)["pinned_coverage"]) == 3, (
        "another dictionary may replace them"
    )
