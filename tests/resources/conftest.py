"""What the tests of the resources share.

Rows to write and a clock to write them at; a tokenizer made on the spot, for models made on the spot.
"""

import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from datetime import datetime
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

WORDS = ("margins", "grew", "fell", "demand", "is", "strong", "weak", "flat", "we", "expect", "more", "costs")


@pytest.fixture(scope="session")
def skip_unless_computed() -> Callable[[str, str], None]:
    """A function of backend and precision that skips the test where this processor has no instructions for them.

    That is OpenVINO in bfloat16 without AVX-512; `test_encoders` has what happens there.
    """
    import torch

    from ftm_resources.encoders import openvino_encoder

    module = torch.nn.Sequential(torch.nn.Embedding(64, 16), torch.nn.Linear(16, 6)).eval()
    reasons: dict[tuple[str, str], str] = {}
    try:
        openvino_encoder(module, "openvino", "bfloat16")
    except ValueError as error:
        reasons["openvino", "bfloat16"] = str(error)

    def skip_unless_computed(backend: str, precision: str) -> None:
        if reason := reasons.get((backend, precision)):
            pytest.skip(reason)

    return skip_unless_computed


@pytest.fixture
def topics() -> Callable[[str, int], pa.Table]:
    """A function that makes n rows of `firm_topics`."""

    def topics(quarter: str, n: int) -> pa.Table:
        return pa.table(
            {
                "topic_id": [f"{quarter}:1:{i:03d}" for i in range(n)],
                "firm_id": ["1"] * n,
                "local_topic": pa.array(range(n), pa.int32()),
                "n_sentences": pa.array([3] * n, pa.int32()),
                "keywords": [["price", "mix"]] * n,
                "representative_sentence_ids": [["s"]] * n,
            }
        )

    return topics


@pytest.fixture
def at_clock(monkeypatch: pytest.MonkeyPatch) -> Callable[[datetime], AbstractContextManager[None]]:
    """A context in which this process's clock stands at a moment."""

    @contextmanager
    def at_clock(moment: datetime) -> Iterator[None]:
        with monkeypatch.context() as patched:
            patched.setattr(time, "time", moment.timestamp)
            yield

    return at_clock


@pytest.fixture
def make_tokenizer(tmp_path: Path) -> Callable[[], Any]:
    """A function that makes a BERT tokenizer over a dozen words; it states no limit of its own."""

    def make() -> Any:
        from transformers import BertTokenizerFast

        vocabulary = tmp_path / "vocab.txt"
        vocabulary.write_text("\n".join(("[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *WORDS)))
        return BertTokenizerFast(vocab=str(vocabulary))

    return make
