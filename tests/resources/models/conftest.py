"""A tokenizer made on the spot, for models made on the spot."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

WORDS = ("margins", "grew", "fell", "demand", "is", "strong", "weak", "flat", "we", "expect", "more", "costs")


@pytest.fixture
def make_tokenizer(tmp_path: Path) -> Callable[[], Any]:
    """A function that makes a BERT tokenizer over a dozen words; it states no limit of its own."""

    def make() -> Any:
        from transformers import BertTokenizerFast

        vocabulary = tmp_path / "vocab.txt"
        vocabulary.write_text("\n".join(("[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *WORDS)))
        return BertTokenizerFast(vocab=str(vocabulary))

    return make
