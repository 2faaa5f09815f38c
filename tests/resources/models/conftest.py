"""A tokenizer made on the spot, for models made on the spot; and what this processor cannot compute."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

WORDS = ("margins", "grew", "fell", "demand", "is", "strong", "weak", "flat", "we", "expect", "more", "costs")


@pytest.fixture(scope="session")
def skip_unless_computed() -> Callable[[str, str], None]:
    """A function of backend and precision that skips the test where this processor has no instructions for them.

    That is OpenVINO in bfloat16 without AVX-512; `test_encoders` has what happens there.
    """
    import torch

    from ftm_resources.models.openvino_models import openvino_encoder

    module = torch.nn.Sequential(torch.nn.Embedding(64, 16), torch.nn.Linear(16, 6)).eval()
    reasons: dict[tuple[str, str], str] = {}
    try:
        openvino_encoder(module, "openvino", "bfloat16", 64)
    except ValueError as error:
        reasons["openvino", "bfloat16"] = str(error)

    def skip_unless_computed(backend: str, precision: str) -> None:
        if reason := reasons.get((backend, precision)):
            pytest.skip(reason)

    return skip_unless_computed


@pytest.fixture
def make_tokenizer(tmp_path: Path) -> Callable[[], Any]:
    """A function that makes a BERT tokenizer over a dozen words; it states no limit of its own."""

    def make() -> Any:
        from transformers import BertTokenizerFast

        vocabulary = tmp_path / "vocab.txt"
        vocabulary.write_text("\n".join(("[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *WORDS)))
        return BertTokenizerFast(vocab=str(vocabulary))

    return make
