"""Run the benchmarks and write their page: `python -m benchmarks --calls FILE [--quick] [--only SECTION ...]`.

A section that was measured at this commit, on this machine and in this form is not run again, so a run that was
killed resumes where it stopped; a generated quarter resumes with the first stage that it lacks.
"""

from __future__ import annotations

import argparse
import shlex
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from benchmarks import calls as corpus
from benchmarks import context, embedding, firm_stage, report, scale, theme_stage
from benchmarks.kept_results import Results, here, machine

if TYPE_CHECKING:
    from collections.abc import Callable

    from benchmarks.calls import Call

FOLDER = Path(".benchmarks")
"""Kept results, from which the page is written; not part of the project."""
PAGE = Path("docs/benchmarks.md")
SECTIONS = ("embedding", "planted", "real", "whole", "context", "themes", "scale")
FIRMS = {"full": [500, 1000, 2000, 5000], "quick": [50, 100]}
"""Firms of the generated quarters."""
STAGES = {
    "full": (scale.START, *scale.STAGES, *scale.AFTER, scale.FLOORS),
    "quick": (scale.START, *scale.STAGES, scale.FLOORS),
}
EVERY = 11
"""The quick form takes one call in so many."""


def _sections(calls: list[Call], *, quick: bool) -> dict[str, Callable[[], Any]]:
    some = calls[::EVERY] if quick else calls
    sentences = np.concatenate([c.embeddings for c in calls])
    return {
        "embedding": lambda: embedding.table(some),
        "planted": lambda: firm_stage.clusterings(
            calls, planted=True, n_sets=2 if quick else firm_stage.N_SETS
        ),
        "real": lambda: firm_stage.clusterings(some, planted=False),
        "whole": lambda: firm_stage.whole(some),
        "context": lambda: {"weights": context.weights(calls), "readers": context.between_readers()},
        "themes": lambda: theme_stage.table(sentences, theme_stage.QUICK if quick else theme_stage.FULL),
    }


def main() -> None:
    """Run the requested sections and write the page from all kept results."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "--calls", type=Path, required=True, help="the calls of Earnings-21, as one file for FTM_SOURCE=files"
    )
    parser.add_argument(
        "--quick", action="store_true", help="minutes instead of hours: few calls and firms, rough figures"
    )
    parser.add_argument(
        "--only", nargs="*", choices=SECTIONS, default=SECTIONS, help="sections; default: all"
    )
    parser.add_argument(
        "--firms",
        type=int,
        nargs="+",
        help="numbers of firms in the scale section; default: "
        + ", with --quick ".join(" ".join(map(str, FIRMS[form])) for form in ("full", "quick")),
    )
    parser.add_argument(
        "--stand-ins-from",
        type=int,
        metavar="FIRMS",
        help="in quarters of at least this many firms, word vectors and word lists replace the models: this "
        "measures everything but the models, in minutes instead of hours",
    )
    parser.add_argument("--again", action="store_true", help="measure again what was measured at this commit")
    parser.add_argument(
        "--page", type=Path, help=f"file to write; default: {PAGE}, with --quick {FOLDER}/quick/{PAGE.name}"
    )
    options = parser.parse_args()
    form = "quick" if options.quick else "full"
    results, made = Results(FOLDER / form), here(form)
    asked = [options.calls.name if a == str(options.calls) else a for a in sys.argv[1:]]
    results.keep(
        "machine", made, {"command": shlex.join(["python", "-m", "benchmarks", *asked]), **machine()}
    )
    wanted = [s for s in SECTIONS if s in options.only and (options.again or not results.has(s, made))]
    page = options.page or (results.folder / PAGE.name if options.quick else PAGE)
    if set(wanted) - {"scale"}:
        sections = _sections(corpus.embedded(corpus.load(options.calls)), quick=options.quick)
        for number, name in enumerate(wanted, 1):
            if name in sections:
                print(f"{name} ({number} of {len(wanted)}) …", flush=True)
                results.keep(name, made, sections[name]())
                report.write(results, page)
    if "scale" in wanted:
        if options.again:
            results.stages.unlink(missing_ok=True)
        firms = options.firms or FIRMS[form]
        scale.run_all(
            firms,
            results,
            made,
            results.folder / "quarters",
            stages=STAGES[form],
            stand_ins_from=options.stand_ins_from,
        )
    report.write(results, page)
    print(f"wrote {page}")


if __name__ == "__main__":
    main()
