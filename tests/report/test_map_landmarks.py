from pathlib import Path

import numpy as np
import pytest

from ftm_assets.methods.topics.map_layout import landmark_texts
from ftm_assets.report import map_landmarks
from ftm_assets.report.map_landmarks import landmarks
from ftm_resources.models.embedder import Embedder
from ftm_resources.models.loading import ModelLoadError
from ftm_resources.warehouse import Warehouse

N, D = len(landmark_texts()), 3


@pytest.fixture
def embedded(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """How often the landmarks were embedded, by a model that needs no loading."""
    asked: list[int] = []

    def embed(_: Embedder, texts: list[str]) -> np.ndarray:
        asked.append(len(texts))
        return np.full((len(texts), D), 0.5, np.float32)

    monkeypatch.setattr(Embedder, "embed", embed)
    map_landmarks._embedded.cache_clear()
    return asked


def test_landmarks_are_kept_and_then_need_no_model(tmp_path: Path, embedded: list[int]):
    warehouse = Warehouse(path=str(tmp_path))
    model = Embedder().model_name()
    first = landmarks(warehouse, model, D, keep=True)
    map_landmarks._embedded.cache_clear()
    again = landmarks(warehouse, model, D)
    assert not isinstance(first, str)
    assert np.array_equal(first, again)
    assert embedded == [N]
    (kept,) = (tmp_path / "reports").iterdir()
    kept.write_bytes(b"half a file")
    assert not isinstance(landmarks(warehouse, model, D), str)
    assert embedded == [N, N]


def test_topics_of_another_model_have_none(tmp_path: Path, embedded: list[int]):
    said = landmarks(Warehouse(path=str(tmp_path)), "Qwen/Qwen3-Embedding-0.6B", D)
    assert isinstance(said, str)
    assert "embedded by Qwen/Qwen3-Embedding-0.6B" in said
    assert embedded == []
    assert not (tmp_path / "reports").exists()


def test_a_model_that_is_not_here_is_said(
    tmp_path: Path, embedded: list[int], monkeypatch: pytest.MonkeyPatch
):
    def embed(_: Embedder, texts: list[str]) -> np.ndarray:
        raise ModelLoadError(f"no model for {len(texts)} texts")

    monkeypatch.setattr(Embedder, "embed", embed)
    said = landmarks(Warehouse(path=str(tmp_path)), Embedder().model_name(), D)
    assert isinstance(said, str)
    assert "is not here" in said
    assert embedded == []
