from pathlib import Path

import pytest

from benchmarks import gpu
from ftm_resources.models.embedder import Embedder
from ftm_resources.warehouse import Warehouse

TEXTS = [f"Margins rose by {i} points{' and more' * (i % 5)}." for i in range(60)]


@pytest.mark.parametrize("encoder", ["MiniLM-L6", "Qwen3-Embedding-8B"])
def test_the_benchmark_runs_on_small_models_alone_and_in_the_asset(encoder: str, tmp_path: Path):
    model = gpu.saved(encoder, tmp_path / encoder, "cpu", tiny=True)
    embedder = Embedder(model=model, device="cpu", precision="float32")
    row = gpu.alone(embedder, TEXTS, peak=1e12)
    assert row["texts"] == len(TEXTS)
    assert row["share of matmul"] > 0
    warehouse = Warehouse(path=str(tmp_path / "warehouse"))
    n = gpu.PER_FIRM + 7
    warehouse.replace("sentences", gpu.QUARTER, gpu.sentences(gpu.shuffled(TEXTS, n), n))
    assert gpu.asset(embedder, warehouse)["sentences"] == n


def test_shuffled_texts_have_the_words_and_hardly_any_is_there_twice():
    texts = ["a b c d e f g h", "one", "i j k l m n o p q"]
    made = list(gpu.shuffled(texts, 300))
    assert [sorted(t.split()) for t in made] == [sorted(texts[i % 3].split()) for i in range(300)]
    assert len(set(made)) > 190
