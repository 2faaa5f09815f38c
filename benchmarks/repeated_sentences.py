"""How many tokens of a quarter are embedded that need not be: repeated sentences, and those about the call.

`python -m benchmarks.repeated_sentences --calls FILE` counts in real calls, `--firms N` in N generated ones. A sentence
said before in the same group of firms is not embedded again; one said in an earlier group is, and *across groups* is
what could be saved. *Repeated at n firms* draws firms at random, to show how repetition grows with their number.
"""

from __future__ import annotations

import argparse
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa

from benchmarks.measure import markdown
from ftm_assets.methods.calls.transcript_versions import build_transcripts
from ftm_assets.methods.text.kinds import is_procedural, judge
from ftm_assets.methods.text.sentence_splitting import build_sentences
from ftm_assets.orchestration.fan_out import FanOutConfig
from ftm_assets.orchestration.partitions import QUARTERS
from ftm_resources.duck import ConfiguredDuckDB
from ftm_resources.sources.files.transcript_files import FilesSource
from ftm_resources.sources.sample.generated import SampleSource

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from numpy.typing import NDArray

    Tokenized = list[tuple[list[str], NDArray[np.int64], NDArray[np.bool_]]]
    """Per firm: the digests of its sentences, their tokens, and whether each is procedural by words and form."""

QUARTER = "2023Q1"
GROUP = FanOutConfig().flush_firms
DRAWS = 20


def split(components: pa.Table, quarter: str) -> pa.Table:
    """Return all sentences of some calls."""
    spoken, _ = build_transcripts(components, quarter, database=ConfiguredDuckDB().connect())
    return build_sentences(spoken, quarter)


def real(path: Path) -> Iterator[pa.Table]:
    """Yield the sentences of each quarter of a file."""
    for quarter in QUARTERS.get_partition_keys():
        if parts := list(FilesSource(path).components(quarter)):
            yield split(pa.concat_tables(parts), quarter)


def generated(firms: int) -> Iterator[pa.Table]:
    """Yield the sentences of generated firms, a few firms at a time."""
    for components in SampleSource(firms).components(QUARTER):
        yield split(components, QUARTER)


def counted(tables: Iterator[pa.Table], tokenize: Callable[[list[str]], list[list[int]]]) -> Tokenized:
    """Return what is counted of each firm."""
    found: Tokenized = []
    for table in tables:
        texts = table["text"].to_pylist()
        tokens = np.fromiter(map(len, tokenize(texts)), np.int64, len(texts))
        procedural = is_procedural(judge(table))
        firms = np.asarray(table["firm_id"].to_pylist())
        for firm in dict.fromkeys(firms.tolist()):
            own = np.flatnonzero(firms == firm)
            found.append(([texts[i] for i in own], tokens[own], procedural[own]))
    return found


def repeated(firms: Tokenized, group: int) -> tuple[float, float]:
    """Return the shares of tokens and of sentences said before by a firm of the same group of `group` firms."""
    again = np.zeros(2)
    whole = np.zeros(2)
    for start in range(0, len(firms), group):
        seen: set[int] = set()
        for texts, tokens, _ in islice(firms, start, start + group):
            for text, n in zip(texts, tokens.tolist(), strict=True):
                key = hash(text)
                if key in seen:
                    again += n, 1
                seen.add(key)
                whole += n, 1
    share = again / whole
    return float(share[0]), float(share[1])


def tables(firms: Tokenized) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """Return the shares of a quarter, and the growth of repetition with the number of firms."""
    tokens = np.concatenate([t for _, t, _ in firms])
    procedural = np.concatenate([p for _, _, p in firms])
    levels = {"within a firm": 1, f"within {GROUP} firms": GROUP, "within the quarter": len(firms)}
    found = {name: repeated(firms, size) for name, size in levels.items()}
    rows = [{"repeated": name, "of tokens": t, "of sentences": s} for name, (t, s) in found.items()]
    whole, group = found["within the quarter"], found[f"within {GROUP} firms"]
    rows.append(
        {"repeated": "across groups", "of tokens": whole[0] - group[0], "of sentences": whole[1] - group[1]}
    )
    rows.append(
        {
            "repeated": "(about the call, or empty)",
            "of tokens": float(tokens[procedural].sum() / tokens.sum()),
            "of sentences": float(procedural.mean()),
        }
    )
    dice = np.random.default_rng(0)
    sizes = [n for n in (1, 5, 11, 22, 44, 100, 500, 1000, 2000) if n < len(firms)]
    growth = []
    for size in [*sizes, len(firms)]:
        draws = [_drawn(firms, dice, size) for _ in range(max(1, min(DRAWS, len(firms) // size * 2)))]
        shares = np.mean([repeated(d, size) for d in draws], axis=0)
        growth.append({"firms": size, "of tokens": float(shares[0]), "of sentences": float(shares[1])})
    return rows, growth


def _drawn(firms: Tokenized, dice: np.random.Generator, size: int) -> Tokenized:
    return [firms[i] for i in dice.choice(len(firms), size, replace=False).tolist()]


def main(arguments: Sequence[str] | None = None) -> None:
    """Print both tables."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.repeated_sentences", description=__doc__)
    which = parser.add_mutually_exclusive_group(required=True)
    which.add_argument(
        "--calls", type=Path, help="the calls of Earnings-21, as one file for FTM_SOURCE=files"
    )
    which.add_argument("--firms", type=int, help="number of generated firms")
    options = parser.parse_args(arguments)
    from ftm_resources.models.embedder import Embedder  # noqa: PLC0415

    tokenize = Embedder()._load().tokenize
    if tokenize is None:
        raise ValueError("the model has no tokenizer")
    firms = counted(real(options.calls) if options.calls else generated(options.firms), tokenize)
    n_tokens = sum(int(t.sum()) for _, t, _ in firms)
    print(f"{len(firms)} firms, {sum(len(t) for t, _, _ in firms):,} sentences, {n_tokens:,} tokens\n")
    for table in tables(firms):
        print(markdown(table), "\n")


if __name__ == "__main__":
    main()
