"""Sentences per second of the bundled classifier beside the embedder: `python -m benchmarks.tone_speed --calls F`."""

from __future__ import annotations

import argparse
import time
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING, Literal

from benchmarks.train_tone import LABELLED
from ftm_assets.methods.tone_labels import locate, read_labels
from ftm_resources.models.embedder import Embedder
from ftm_resources.models.sentiment import SentimentScorer
from ftm_resources.sources.files.transcript_files import FilesSource

if TYPE_CHECKING:
    from collections.abc import Sequence

ROUNDS = 5


def rates(texts: Sequence[str], precision: Literal["float32", "bfloat16"]) -> tuple[float, float, float]:
    """Return the median sentences per second of embedder and classifier, and of the rounds' ratios.

    The two take turns, so that other load on the machine disturbs both.
    """
    embedder, scorer = Embedder(precision=precision), SentimentScorer(precision=precision)
    embedder.embed(texts[:64])
    scorer.score(texts[:64])
    embedding, scoring = [], []
    for _ in range(ROUNDS):
        started = time.perf_counter()
        embedder.embed(texts)
        between = time.perf_counter()
        scorer.score(texts)
        embedding.append(between - started)
        scoring.append(time.perf_counter() - between)
    ratio = median(e / s for e, s in zip(embedding, scoring, strict=True))
    return len(texts) / median(embedding), len(texts) / median(scoring), ratio


def main() -> None:
    """Print the rates of each precision."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.tone_speed", description=__doc__)
    parser.add_argument(
        "--calls", type=Path, required=True, help="the calls of Earnings-21, as one file for FTM_SOURCE=files"
    )
    parser.add_argument("--sentences", type=int, default=1000)
    options = parser.parse_args()
    source = FilesSource(options.calls)
    parts = (part for quarter in sorted(source.quarters()) for part in source.components(quarter))
    texts = locate(read_labels(LABELLED), parts).texts
    texts = texts[:: max(1, len(texts) // options.sentences)]
    for precision in ("float32", "bfloat16"):
        embedding, scoring, ratio = rates(texts, precision)
        print(f"{precision}: embedder {embedding:.0f}/s, classifier {scoring:.0f}/s, ratio {ratio:.2f}")


if __name__ == "__main__":
    main()
