"""Run the benchmarks and write docs/benchmarks.md: `python -m benchmarks --calls FILE [--only SECTION ...]`."""

from __future__ import annotations

import argparse
import json
import platform
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from benchmarks import calls as corpus
from benchmarks import context, embedding, firm_stage, report, scale, theme_stage

if TYPE_CHECKING:
    from collections.abc import Callable

    from benchmarks.calls import Call

RESULTS = Path(".benchmarks")
"""Cached results of each section, from which the page is written; not part of the project."""


def _machine() -> dict[str, Any]:
    info = Path("/proc/cpuinfo").read_text() if Path("/proc/cpuinfo").exists() else ""
    names = {line.partition(":")[2].strip() for line in info.splitlines() if line.startswith("model name")}
    flags = next((line for line in info.splitlines() if line.startswith("flags")), "").split()
    return {
        "processor": ", ".join(sorted(names)) or platform.processor(),
        "cores": info.count("processor\t"),
        "bfloat16": ", ".join(f for f in ("avx512_bf16", "amx_bf16") if f in flags) or "no",
        "system": platform.platform(),
        "python": platform.python_version(),
        **{p: version(p) for p in ("torch", "openvino", "bertopic", "umap-learn", "hdbscan", "scikit-learn")},
    }


def _sections(calls: list[Call]) -> dict[str, Callable[[], Any]]:
    return {
        "embedding": lambda: embedding.table(calls),
        "planted": lambda: firm_stage.clusterings(calls, planted=True),
        "real": lambda: firm_stage.clusterings(calls, planted=False),
        "whole": lambda: firm_stage.whole(calls),
        "context": lambda: {"weights": context.weights(calls), "readers": context.between_readers()},
        "themes": lambda: theme_stage.table(np.concatenate([c.embeddings for c in calls])),
    }


def main() -> None:
    """Run the requested sections and write the page from all cached results."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("--calls", type=Path, required=True, help="Earnings-21 as a file of the files source")
    names = ("embedding", "planted", "real", "whole", "context", "themes", "scale")
    parser.add_argument("--only", nargs="*", choices=names, default=names, help="sections; default: all")
    parser.add_argument(
        "--firms",
        type=int,
        nargs="+",
        default=[500, 1000, 2000, 5000],
        help="numbers of firms in the scale section",
    )
    options = parser.parse_args()
    RESULTS.mkdir(exist_ok=True)
    (RESULTS / "machine.json").write_text(json.dumps(_machine()))
    if set(options.only) - {"scale"}:
        sections = _sections(corpus.embedded(corpus.load(options.calls)))
        for name in (n for n in sections if n in options.only):
            print(f"{name} …", flush=True)
            (RESULTS / f"{name}.json").write_text(json.dumps(sections[name](), default=float))
    if "scale" in options.only:
        scale.run_all(options.firms, RESULTS / "scale.jsonl")
    report.write(RESULTS, Path("docs/benchmarks.md"))


if __name__ == "__main__":
    main()
