"""sentence_embeddings with a cache: what is not embedded again, and what the materialization says of it."""

from pathlib import Path

import dagster as dg
import numpy as np
import pyarrow as pa
import pytest

from ftm_assets.assets.sentence_embeddings import sentence_embeddings
from ftm_assets.methods.vectors import as_matrix
from ftm_assets.orchestration.io_manager import WarehouseIOManager
from ftm_assets.orchestration.partitions import QUARTERS
from ftm_resources.models.embedder import Embedder
from ftm_resources.warehouse import Warehouse

QUARTER = "2020Q1"
N = 70
"""Sentences of a firm: enough to be kept."""


def sentences(said: dict[str, list[str]]) -> pa.Table:
    rows = [(firm, i, text) for firm, texts in said.items() for i, text in enumerate(texts)]
    firms = [firm for firm, _, _ in rows]
    return pa.table(
        {
            "sentence_id": [f"{QUARTER}:{firm}:{i:03d}" for firm, i, _ in rows],
            "firm_id": firms,
            "transcript_id": firms,
            "component_id": firms,
            "position": pa.array([i for _, i, _ in rows], pa.int32()),
            "section": ["presentation"] * len(rows),
            "speaker_type": ["executive"] * len(rows),
            "text": [text for _, _, text in rows],
        }
    )


def counts(warehouse: Warehouse) -> tuple[int, int]:
    result = dg.materialize(
        [sentence_embeddings, dg.AssetSpec("sentences", partitions_def=QUARTERS)],
        resources={
            "warehouse": warehouse,
            "io_manager": WarehouseIOManager(warehouse=warehouse),
            "embedder": Embedder(device="cpu", precision="float32"),
        },
        partition_key=QUARTER,
        run_config={"ops": {"sentence_embeddings": {"config": {"chunk_firms": 2, "flush_firms": 1}}}},
    )
    told = result.asset_materializations_for_node("sentence_embeddings")[0].metadata
    return told["texts_embedded"].value, told["texts_from_cache"].value


@pytest.mark.parametrize("is_kept", [False, True], ids=["without", "with"])
def test_a_run_after_another_splitting_embeds_only_new_sentences_if_there_is_a_cache(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, is_kept: bool
):
    if is_kept:
        monkeypatch.setenv("FTM_EMBEDDING_CACHE", str(tmp_path / "cache"))
    else:
        monkeypatch.delenv("FTM_EMBEDDING_CACHE", raising=False)
    warehouse = Warehouse(path=str(tmp_path / "warehouse"))
    said = {firm: [f"Plant {i} of {firm} runs." for i in range(N)] for firm in ("001", "002")}
    said["003"] = [*said["001"], "Plant 3 is new."]
    warehouse.replace("sentences", QUARTER, [sentences(said)])
    assert counts(warehouse) == ((2 * N + 1, N) if is_kept else (3 * N + 1, 0)), (
        "003 is in another chunk than 001"
    )
    read = warehouse.read("sentence_embeddings", QUARTER).sort_by("sentence_id")
    vectors = as_matrix(read["embedding"])
    assert np.allclose(vectors[:N], vectors[2 * N : 3 * N], atol=1e-6)
    said["002"] = [*said["002"][1:], "Plant 0 of 002 runs, and so does the next."]
    warehouse.replace("sentences", QUARTER, [sentences(said)])
    assert counts(warehouse) == ((2, 3 * N - 1) if is_kept else (3 * N + 1, 0))
