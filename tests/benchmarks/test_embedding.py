from typing import Any

import pytest

from benchmarks.embedding import matmul_rate, operations


def counted(model: Any, tokens: int) -> int:
    """What torch counts in one pass, with attention spelt out as matrix products."""
    import torch
    from torch.utils.flop_counter import FlopCounterMode

    with torch.inference_mode(), FlopCounterMode(display=False) as counter:
        model(input_ids=torch.ones(1, tokens, dtype=torch.long))
    total: int = counter.get_total_flops()
    return total


@pytest.mark.parametrize("kind", ["bert", "qwen3"])
@pytest.mark.parametrize("tokens", [8, 33])
def test_operations_are_those_that_torch_counts(kind: str, tokens: int):
    from transformers import BertConfig, BertModel, Qwen3Config, Qwen3Model

    shape: dict[str, Any] = {
        "vocab_size": 50, "hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 4,
        "intermediate_size": 48, "attn_implementation": "eager",
    }  # fmt: skip
    if kind == "bert":
        model: Any = BertModel(BertConfig(**shape), add_pooling_layer=False)
    else:
        model = Qwen3Model(Qwen3Config(**shape, num_key_value_heads=2, head_dim=16))
    # Rotary positions are a product too, a thousandth of the rest at real sizes.
    assert operations(model.config, [tokens]) == pytest.approx(counted(model, tokens), rel=0.01)


def test_a_rate_is_positive_and_below_what_any_processor_does():
    assert 1e8 < matmul_rate("float32", size=256) < 1e15
