"""How the bundled sentiment classifier learns: MiniLM's last layers and a linear layer, on cached hidden states.

What belongs here: the network and its optimisation, on arrays. Folds, calibration and files are in `train_tone`.
"""

from __future__ import annotations

import copy
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from ftm_resources.models import tone_classifier
from ftm_resources.tables import LABELS

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    import torch
    from numpy.typing import NDArray

BATCH_TOKENS = 1024
SCORED_TOKENS = 4096
POSITIVE, NEUTRAL, NEGATIVE = range(len(LABELS))


@dataclass(frozen=True)
class Recipe:
    """What was chosen on calls left out; docs/tone.md has what else was tried."""

    first_layer: int = 3
    """The first of the encoder's six layers that is trained; those before it are the package's."""
    epochs: int = 3
    rate: float = 2e-4
    """AdamW's peak rate, after 6% of the steps, falling to 3% of it; the linear layer learns at five times that."""
    decay: float = 0.05
    smoothing: float = 0.05
    """Label smoothing."""
    dropout: float = 0.1
    token_dropout: float = 0.05
    """Share of tokens that attention and pooling do not see."""
    average: float = 0.99
    """Decay of the moving average of the weights, which is what is kept."""
    shares: tuple[float, float, float] = (0.6, 0.5, 1.0)
    """Share of the positive, neutral and negative sentences that an epoch sees, so that negatives are not lost."""
    toneless: float = 0.2
    """Likewise of sentences that are not about the business, which count as neutral."""


@dataclass
class Hidden:
    """The hidden states of n texts that enter the first trained layer, one text after the other."""

    flat: NDArray[np.float16]
    """(tokens of all texts, width)."""
    lengths: NDArray[np.int64]
    """(n,): tokens of each text."""

    def __post_init__(self) -> None:
        self.starts = np.cumsum(self.lengths) - self.lengths

    def padded(self, rows: NDArray[np.int64]) -> tuple[torch.Tensor, torch.Tensor]:
        """Return float32 (rows, tokens, width) and which of the tokens are there, bool (rows, tokens)."""
        import torch

        longest = int(self.lengths[rows].max())
        states = np.zeros((len(rows), longest, self.flat.shape[1]), np.float32)
        for i, row in enumerate(rows):
            states[i, : self.lengths[row]] = self.flat[
                self.starts[row] : self.starts[row] + self.lengths[row]
            ]
        there = np.arange(longest) < self.lengths[rows][:, None]
        return torch.from_numpy(states), torch.from_numpy(there)


def entering(texts: Sequence[str], first_layer: int) -> Hidden:
    """Return the hidden states that enter a layer of the package's model, for texts cut off as when they are scored."""
    import torch
    from transformers import AutoModel, AutoTokenizer

    base = tone_classifier.base_path()
    encoder = AutoModel.from_pretrained(base, local_files_only=True).eval()
    encoder.encoder.layer = encoder.encoder.layer[:first_layer]
    tokenizer = AutoTokenizer.from_pretrained(base, local_files_only=True)
    ids = tokenizer(list(texts), truncation=True, max_length=tone_classifier.MAX_TOKENS)["input_ids"]
    lengths = np.array([len(i) for i in ids], np.int64)
    hidden = Hidden(np.empty((int(lengths.sum()), encoder.config.hidden_size), np.float16), lengths)
    with torch.inference_mode():
        for length in np.unique(lengths):
            rows = np.flatnonzero(lengths == length)
            for part in np.array_split(rows, -(-len(rows) * length // SCORED_TOKENS)):
                states = encoder(input_ids=torch.tensor([ids[i] for i in part])).last_hidden_state
                for row, state in zip(part, states.numpy().astype(np.float16), strict=True):
                    hidden.flat[hidden.starts[row] : hidden.starts[row] + length] = state
    return hidden


def network(recipe: Recipe) -> Any:
    """Return the trainable part: from padded states and which tokens are there to logits (rows, 3)."""
    import torch
    from torch import nn
    from torch.nn import functional as F  # noqa: N812 - the usual name
    from transformers import AutoModel

    encoder = AutoModel.from_pretrained(tone_classifier.base_path(), local_files_only=True)
    heads, width = encoder.config.num_attention_heads, encoder.config.hidden_size

    class Network(nn.Module):
        """The encoder's layers as transformers computes them, without its bookkeeping, which is slow on a CPU."""

        def __init__(self) -> None:
            super().__init__()
            self.layers = encoder.encoder.layer[recipe.first_layer :]
            self.linear = nn.Linear(width, len(LABELS))
            nn.init.normal_(self.linear.weight, std=0.02)
            nn.init.zeros_(self.linear.bias)

        def forward(self, states: torch.Tensor, there: torch.Tensor) -> torch.Tensor:
            mask = torch.zeros(there.shape).masked_fill(~there, -1e4)[:, None, None, :].to(torch.bfloat16)
            with torch.autocast("cpu", torch.bfloat16):
                for layer in self.layers:
                    states = self.attended(layer, states, mask)
            seen = there.float()[..., None]
            mean = (states.float() * seen).sum(1) / seen.sum(1)
            found: torch.Tensor = self.linear(self.dropped(mean))
            return found

        def attended(self, layer: Any, states: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
            own, out = layer.attention.self, layer.attention.output
            asked, keys, values = (
                part(states).unflatten(2, (heads, -1)).transpose(1, 2)
                for part in (own.query, own.key, own.value)
            )
            mixed = (
                F.scaled_dot_product_attention(asked, keys, values, attn_mask=mask).transpose(1, 2).flatten(2)
            )
            states = out.LayerNorm(self.dropped(out.dense(mixed)) + states)
            wide = F.gelu(layer.intermediate.dense(states))
            normed: torch.Tensor = layer.output.LayerNorm(self.dropped(layer.output.dense(wide)) + states)
            return normed

        def dropped(self, x: torch.Tensor) -> torch.Tensor:
            return F.dropout(x, recipe.dropout, self.training)

    return Network()


def learn(hidden: Hidden, tone: NDArray[np.int64], rows: NDArray[np.int64], recipe: Recipe, seed: int) -> Any:
    """Return the network trained on `rows`; `tone` is a place in `LABELS`, or below zero for none."""
    import torch
    from torch.nn.functional import cross_entropy

    rng = np.random.default_rng(seed)
    torch.manual_seed(seed)
    net = network(recipe)
    kept = copy.deepcopy(net).eval()
    weights = [p for p in net.layers.parameters() if p.ndim > 1]
    others = [p for p in net.layers.parameters() if p.ndim <= 1]
    groups = [
        {"params": weights, "weight_decay": recipe.decay, "times": 1.0},
        {"params": others, "weight_decay": 0.0, "times": 1.0},
        {"params": list(net.linear.parameters()), "weight_decay": 0.0, "times": 5.0},
    ]
    optimizer = torch.optim.AdamW(groups, lr=recipe.rate, betas=(0.9, 0.98), fused=True)
    target = np.where(tone < 0, NEUTRAL, tone)
    plan = [b for _ in range(recipe.epochs) for b in _epoch(hidden, tone, rows, recipe, rng)]
    for step, batch in enumerate(plan):
        net.train()
        states, there = hidden.padded(batch)
        lost = torch.rand(there.shape) < recipe.token_dropout
        lost[:, 0] = False
        done = step / len(plan)
        for group in optimizer.param_groups:
            group["lr"] = recipe.rate * group["times"] * min(1, done / 0.06) * max(0.03, (1 - done) / 0.94)
        loss = cross_entropy(
            net(states, there & ~lost), torch.from_numpy(target[batch]), label_smoothing=recipe.smoothing
        )
        optimizer.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(net.parameters(), 1.0)
        optimizer.step()
        decay = min(recipe.average, (step + 1) / (step + 10))
        with torch.no_grad():
            for mean, now in zip(kept.parameters(), net.parameters(), strict=True):
                mean.lerp_(now, 1 - decay)
    return kept


def logits(net: Any, hidden: Hidden, rows: NDArray[np.int64]) -> NDArray[np.float64]:
    """Return float64 (rows, 3)."""
    import torch

    found = np.empty((len(rows), len(LABELS)))
    order = np.argsort(hidden.lengths[rows], kind="stable")
    with torch.inference_mode():
        for part in _filled(order, hidden.lengths[rows], SCORED_TOKENS):
            found[part] = net(*hidden.padded(rows[part])).numpy()
    return found


def learned(net: Any, recipe: Recipe) -> dict[str, torch.Tensor]:
    """Return what was trained under the names that `tone_classifier.classifier` expects."""
    named = {
        f"encoder.layer.{recipe.first_layer + int(name.split('.')[0])}.{name.partition('.')[2]}": tensor
        for name, tensor in net.layers.state_dict().items()
    }
    return named | {f"{tone_classifier.LINEAR}.{n}": t for n, t in net.linear.state_dict().items()}


def _epoch(
    hidden: Hidden, tone: NDArray[np.int64], rows: NDArray[np.int64], recipe: Recipe, rng: np.random.Generator
) -> Iterator[NDArray[np.int64]]:
    share = np.where(tone[rows] < 0, recipe.toneless, np.array(recipe.shares)[tone[rows]])
    drawn = rows[rng.random(len(rows)) < share]
    rng.shuffle(drawn)
    drawn = drawn[np.argsort(hidden.lengths[drawn] + rng.normal(0, 1.5, len(drawn)), kind="stable")]
    batches = list(_filled(drawn, hidden.lengths, BATCH_TOKENS))
    yield from (batches[i] for i in rng.permutation(len(batches)))


def _filled(rows: NDArray[np.int64], lengths: NDArray[np.int64], budget: int) -> Iterator[NDArray[np.int64]]:
    """Yield consecutive rows whose number times the longest of them is within the budget, at least one."""
    batch: list[int] = []
    longest = 0
    for row in rows.tolist():
        longest = max(longest, int(lengths[row]))
        if batch and longest * (len(batch) + 1) > budget:
            yield np.array(batch, np.int64)
            batch, longest = [], int(lengths[row])
        batch.append(row)
    if batch:
        yield np.array(batch, np.int64)
