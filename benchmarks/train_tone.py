"""Train the bundled sentiment classifier and measure it on calls left out: `python -m benchmarks.train_tone`.

Writes the weights and `left_out.json` to ftm_resources/models/tone/ and prints the table of `ftm evaluate sentiment`
for the calls left out: three folds of whole calls, each scored by a classifier that learned from the other two. The
shipped one learns from all. A temperature and an offset per class calibrate what a classifier says. They are fitted on
scores of calls left out: those of the other two folds for the table, those of all three for the shipped classifier.

It takes an hour or two on two cores. Each finished fold is kept in --work, so a run that was stopped resumes.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import time
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from benchmarks import tone_training
from benchmarks.tone_training import Recipe
from ftm_assets.methods.tone_agreement import agreement
from ftm_assets.methods.tone_labels import Labelled, locate, read_labels
from ftm_resources.models import tone_classifier
from ftm_resources.sources.files.transcript_files import FilesSource
from ftm_resources.tables import LABELS

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

LABELLED = Path(__file__).parent / "labels" / "sentences.csv"
FOLDS = 3
CALIBRATING_STEPS = 40


def folds(calls: Sequence[str], n: int = FOLDS) -> NDArray[np.int64]:
    """Return the fold of each sentence: whole calls, the largest first, each into the smallest fold so far."""
    names, where, counts = np.unique(np.asarray(calls), return_inverse=True, return_counts=True)
    fold_of, sizes = np.zeros(len(names), np.int64), np.zeros(n)
    for call in np.argsort(-counts, kind="stable"):
        fold_of[call] = sizes.argmin()
        sizes[fold_of[call]] += counts[call]
    return fold_of[where]


def calibration(logits: NDArray[np.float64], tone: NDArray[np.int64]) -> tuple[float, NDArray[np.float64]]:
    """Return a temperature and three offsets, applied as softmax(logits / temperature + offsets).

    The offsets are such that the most probable classes are as frequent as the labels, so that net tone is not biased;
    the temperature is the one of greatest likelihood given them (Guo et al., 2017, On Calibration of Modern Neural
    Networks). Both in turn, from logits (n, 3) and places in `LABELS` (n,).
    """
    wanted = np.bincount(tone, minlength=len(LABELS)) / len(tone)
    offsets = np.zeros(len(LABELS))
    for step in range(400):
        found = np.bincount((logits + offsets).argmax(axis=1), minlength=len(LABELS)) / len(tone)
        offsets += 0.5 * (1 - step / 400) * (np.log(wanted) - np.log(np.maximum(found, 1e-6)))
    offsets -= offsets.mean()
    temperatures = np.geomspace(0.3, 4, CALIBRATING_STEPS)
    losses = [_loss((logits + offsets) / t, tone) for t in temperatures]
    best = float(temperatures[int(np.argmin(losses))])
    return best, offsets / best


def probabilities(logits: NDArray[np.float64], by: tuple[float, NDArray[np.float64]]) -> NDArray[np.float64]:
    """Return calibrated probabilities, float64 (n, 3)."""
    scaled = logits / by[0] + by[1]
    weights = np.exp(scaled - scaled.max(axis=1, keepdims=True))
    shares: NDArray[np.float64] = weights / weights.sum(axis=1, keepdims=True)
    return shares


def part_of(labelled: Labelled, kept: NDArray[np.bool_]) -> Labelled:
    """Return the sentences that are kept."""
    texts = [text for text, is_kept in zip(labelled.texts, kept.tolist(), strict=True) if is_kept]
    arrays = (labelled.calls, labelled.sections, labelled.first, labelled.second)
    return Labelled(texts, *(a[kept] for a in arrays), labelled.n_missing, labelled.n_changed)


def left_out(labelled: Labelled, scored: NDArray[np.float64], fold: NDArray[np.int64]) -> NDArray[np.float64]:
    """Return the probabilities of calls left out: each fold calibrated on the others, at least one."""
    found = np.zeros_like(scored)
    for own in set(fold.tolist()):
        others = (fold != own) & (labelled.first >= 0)
        found[fold == own] = probabilities(
            scored[fold == own], calibration(scored[others], labelled.first[others])
        )
    return found


def main() -> None:
    """Train, write and print."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.train_tone", description=__doc__)
    parser.add_argument(
        "--calls", type=Path, required=True, help="the calls of Earnings-21, as one file for FTM_SOURCE=files"
    )
    parser.add_argument("--labels", type=Path, default=LABELLED)
    parser.add_argument("--work", type=Path, default=Path(".benchmarks/tone"), help="finished folds")
    parser.add_argument("--out", type=Path, default=tone_classifier.FOLDER)
    parser.add_argument("--seed", type=int, default=0)
    some = {"choices": range(2, FOLDS + 1), "default": FOLDS}
    parser.add_argument("--measured", type=int, help="folds to measure; two are faster", **some)
    parser.add_argument(
        "--threads", type=int, default=1, help="of torch; another number gives other last bits"
    )
    for name, value in asdict(Recipe()).items():
        if not isinstance(value, tuple):
            parser.add_argument(f"--{name.replace('_', '-')}", type=type(value), default=value)
    options = parser.parse_args()
    recipe = Recipe(**{n: getattr(options, n) for n in asdict(Recipe()) if n != "shares"})
    import torch

    torch.set_num_threads(options.threads)
    source = FilesSource(options.calls)
    parts = (part for quarter in sorted(source.quarters()) for part in source.components(quarter))
    labelled = locate(read_labels(options.labels), parts)
    fold = folds(labelled.calls.tolist())
    work = options.work / _state(recipe, options.seed, labelled)
    work.mkdir(parents=True, exist_ok=True)
    hidden = _entering(work, labelled.texts, recipe.first_layer)
    scored = np.zeros((len(fold), len(LABELS)))
    for own in range(options.measured):
        rows = np.flatnonzero(fold == own)
        scored[rows] = _kept(
            work / f"fold_{own}.npy", recipe, hidden, labelled, fold != own, rows, options.seed
        )
    seen = fold < options.measured
    measured = part_of(labelled, seen)
    table = agreement(left_out(measured, scored[seen], fold[seen]), measured)
    print(markdown(table), flush=True)
    net = _whole(work / "all.pt", recipe, hidden, labelled, options.seed)
    toned = seen & (labelled.first >= 0)
    weights = _calibrated(
        tone_training.learned(net, recipe), calibration(scored[toned], labelled.first[toned])
    )
    write(weights, options.out, recipe, {"calls": sorted(set(labelled.calls.tolist())), "table": table})


def markdown(table: dict[str, Any]) -> str:
    """Return the measures as docs/tone.md shows them."""
    lines = ["| measure | estimate | 95% interval |", "| --- | --- | --- |"]
    for name, (estimate, low, high) in table["measures"].items():
        lines.append(f"| {name.replace('_', ' ')} | {estimate:.3f} | {low:.3f} to {high:.3f} |")
    lines += [
        "",
        "| section | sentences | accuracy | kappa first | f1 negative | net tone | reader's |",
        "| --- " * 7 + "|",
    ]
    for name, own in table["sections"].items():
        shown = ("accuracy", "kappa_first", "f1_negative", "net_tone", "net_tone_reader")
        lines.append(f"| {name} | {own['n']:,} | {' | '.join(f'{own[k]:.3f}' for k in shown)} |")
    return "\n".join(lines)


def write(weights: dict[str, Any], folder: Path, recipe: Recipe, told: dict[str, Any]) -> None:
    """Write the weights in float16, and beside them what is told of them."""
    import torch
    from safetensors.torch import save_file  # noqa: PLC0415

    folder.mkdir(parents=True, exist_ok=True)
    halves = {
        name: tensor.detach().to(torch.float16).contiguous() for name, tensor in sorted(weights.items())
    }
    metadata = {"name": tone_classifier.NAME, "base": tone_classifier.base_version()}
    save_file(halves, str(folder / tone_classifier.WEIGHTS), metadata=metadata)
    (folder / tone_classifier.WEIGHTS).chmod(0o644)
    told = {"name": tone_classifier.NAME, "recipe": asdict(recipe), "folds": FOLDS, **told}
    (folder / tone_classifier.LEFT_OUT).write_text(json.dumps(told, indent=1) + "\n", encoding="utf-8")


def _state(recipe: Recipe, seed: int, labelled: Labelled) -> str:
    """Return a name for what is kept of this recipe, seed, labels and texts."""
    said = (asdict(recipe), seed, labelled.texts, labelled.first.tolist())
    return hashlib.sha256(repr(said).encode()).hexdigest()[:12]


def _entering(work: Path, texts: list[str], first_layer: int) -> tone_training.Hidden:
    file = work / f"entering_{first_layer}.npz"
    if not file.exists():
        hidden = tone_training.entering(texts, first_layer)
        np.savez(file, flat=hidden.flat, lengths=hidden.lengths)
    with np.load(file) as kept:
        return tone_training.Hidden(kept["flat"], kept["lengths"])


def _kept(
    file: Path,
    recipe: Recipe,
    hidden: tone_training.Hidden,
    labelled: Labelled,
    trained: NDArray[np.bool_],
    rows: NDArray[np.int64],
    seed: int,
) -> NDArray[np.float64]:
    if not file.exists():
        started = time.perf_counter()
        net = tone_training.learn(hidden, labelled.first, np.flatnonzero(trained), recipe, seed)
        np.save(file, tone_training.logits(net, hidden, rows))
        print(f"{file.stem}: {time.perf_counter() - started:.0f} s", flush=True)
    found: NDArray[np.float64] = np.load(file)
    return found


def _whole(file: Path, recipe: Recipe, hidden: tone_training.Hidden, labelled: Labelled, seed: int) -> Any:
    import torch

    if not file.exists():
        net = tone_training.learn(hidden, labelled.first, np.arange(len(labelled.first)), recipe, seed)
        torch.save(net.state_dict(), file)
    net = tone_training.network(recipe)
    net.load_state_dict(torch.load(file, weights_only=True))
    return net.eval()


def _calibrated(weights: dict[str, Any], by: tuple[float, NDArray[np.float64]]) -> dict[str, Any]:
    """Return the weights with temperature and offsets folded into the linear layer."""
    import torch

    layer, (temperature, offsets) = tone_classifier.LINEAR, by
    return weights | {
        f"{layer}.weight": weights[f"{layer}.weight"] / temperature,
        f"{layer}.bias": weights[f"{layer}.bias"] / temperature + torch.from_numpy(offsets).float(),
    }


def _loss(logits: NDArray[np.float64], tone: NDArray[np.int64]) -> float:
    top = logits.max(axis=1)
    return float(
        (np.log(np.exp(logits - top[:, None]).sum(axis=1)) + top - logits[np.arange(len(tone)), tone]).mean()
    )


if __name__ == "__main__":
    main()
