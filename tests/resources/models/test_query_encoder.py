"""A query without torch: the same vector as the model's own, or none for models of another kind."""

import json
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from ftm_resources.models.embedder import Embedder
from ftm_resources.models.query_encoder import query_encoder


def folder() -> Path:
    source = Embedder().source()
    assert source
    return Path(source)


def test_a_query_has_the_vector_that_the_model_gives_the_same_text():
    texts = [
        "freight costs",
        "",
        "What did Müller AG say about 12.5% – ocean freight?",
        "运费 \U0001f600",
        "word " * 600,
    ]
    embedder = Embedder(precision="float32")
    for text, wanted in zip(texts, embedder.embed(texts), strict=True):
        assert embedder.embed_query(text) == pytest.approx(wanted, abs=1e-5), text


def test_a_query_imports_no_torch():
    script = (
        "import sys; from ftm_resources.models.embedder import Embedder; "
        "print(len(Embedder().embed_query('freight')), 'torch' in sys.modules, 'transformers' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["384", "False", "False"]


@pytest.mark.parametrize(
    ("file", "change"),
    [
        ("config.json", {"hidden_act": "relu"}),
        ("config.json", {"architectures": ["MPNetModel"]}),
        ("1_Pooling/config.json", {"pooling_mode_mean_tokens": False, "pooling_mode_cls_token": True}),
        ("1_Pooling/config.json", {"pooling_mode_max_tokens": True}),
        ("config_sentence_transformers.json", {"prompts": {"query": "search: "}}),
    ],
)
def test_a_model_of_another_kind_is_left_to_its_own_library(
    tmp_path: Path, file: str, change: dict[str, object]
):
    copied = tmp_path / "model"
    # The weights are as large as they are.
    shutil.copytree(folder(), copied, copy_function=lambda a, b: Path(b).symlink_to(a))
    about = json.loads((copied / file).read_text())
    (copied / file).unlink()
    (copied / file).write_text(json.dumps(about | change))
    assert query_encoder(str(copied)) is None


def test_a_name_on_the_hub_is_no_folder():
    assert query_encoder("sentence-transformers/none-such") is None


def test_equal_texts_have_equal_bits():
    made = query_encoder(str(folder()))
    assert made is not None
    assert np.array_equal(made.encode("copper"), made.encode("copper"))
