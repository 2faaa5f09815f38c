"""The page docs/validity.md: how far to trust kinds, tone, membership and themes, measured on the calls handed out.

`python -m benchmarks.validity --calls FILE` runs the measurements below one by one, each in a process of its own, keeps
what each printed, and writes the page; `--only NAME ...` runs some again. The tone's table is the one that
`benchmarks.train_tone` left beside the weights: training again takes a quarter of an hour.
"""

from __future__ import annotations

import argparse
import csv
import re
import subprocess
import sys
from collections import Counter
from pathlib import Path

PAGE = Path("docs") / "validity.md"
NAMES = Path(__file__).parent / "labels" / "names.csv"
RESULTS = Path(".benchmarks") / "validity"
"""What each measurement printed last; not part of the project."""

INTRODUCTION = """\
How far can the numbers be trusted? Everything here is measured on the 44 calls of Earnings-21, with labels read by a
language model (see [labelling.md](labelling.md)); no person has read them. `python -m benchmarks.validity --calls FILE`
makes the page. "Before" is the version before labels existed, as a reader measured it on 53 other calls."""

SECTIONS = {
    "kinds": (
        "What is talk about the call",
        ("benchmarks.train_kinds", "--check"),
        "Before: regular expressions, recall 0.78 on unseen calls. Precision, recall and kappa of *not business* on "
        "whole calls left out. What remains weak: two of 42 unseen sentences with the wording of a hand-over and "
        "business in it are judged to be about the call.",
    ),
    "tone": (
        "What the tone of a sentence is",
        (),
        "Before: word lists, kappa 0.25 to 0.27, F1 of negatives 0.36, net tone 0.13 too low. Each sentence is scored "
        "by a classifier that had not seen its call. What remains weak: questions and answers, and falls of something "
        "bad that is not a cost.",
    ),
    "membership": (
        "What is in a theme",
        ("benchmarks.membership",),
        "Before: 44% (37-51%) of the sentences counted in a theme spoke of it. *Speak* is by the mean of two blind "
        "readings. The default bound is 0.24; it was chosen by the first reading, and the aim of 75% at 60% is not "
        "reached. What remains weak: broad financial themes.",
    ),
    "stability": (
        "Whether a theme would be there again",
        ("benchmarks.stability",),
        "Before: adding a firm moved 14% of the cells (ARI 0.86), leaving out a tenth gave ARI 0.70-0.80. *One "
        "clustering* is how themes were made then. What remains weak: with 44 firms a third of the topics is in no "
        "theme, and a firm less still moves one cell in twenty ([stability.md](stability.md)).",
    ),
    "names": (
        "What topics and themes are called",
        (),
        "Names that no language model wrote. Before: `extractive-2`. What remains weak: the names of themes of several "
        "subjects, and of topics named by one odd sentence ([labelling.md](labelling.md)).",
    ),
}
"""Section → title, module and options that measure it, what to know when reading the table."""


def measure(name: str, calls: Path) -> str:
    """Run a section's measurement and return the tables that it printed."""
    if name in READ:
        return READ[name]()
    module, *options = SECTIONS[name][1]
    command = [sys.executable, "-W", "ignore", "-m", module, "--calls", str(calls), *options]
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)  # noqa: S603 - our own modules
    return tables(done.stdout)


def tables(printed: str) -> str:
    r"""Return the Markdown tables in a text and the lines of words between them, without progress.

    >>> tables("Loading 3%|\n564 pairs\n\n| a |\n| --- |\n| 1 |\n")
    '564 pairs\n\n| a |\n| --- |\n| 1 |'
    """
    lines = [line.rstrip() for line in printed.splitlines() if "%|" not in line and "\r" not in line]
    text = "\n".join(line for line in lines if not line.startswith("Loading"))
    return re.sub(r"\n{3,}", "\n\n", text).strip()


def page(results: dict[str, str]) -> str:
    """Return the page; a section that was not measured says so."""
    parts = ["# How far to trust the numbers", INTRODUCTION]
    for name, (title, command, text) in SECTIONS.items():
        how = f"`python -m {command[0]}`" if command else COUNTED[name]
        parts += [f"## {title}", f"{text} Measured by {how}.", results.get(name, "(not measured)")]
    return "\n\n".join(parts) + "\n"


def _tone() -> str:
    from benchmarks.train_tone import markdown  # noqa: PLC0415
    from ftm_resources.models import tone_classifier  # noqa: PLC0415

    return markdown(tone_classifier.left_out()["table"])


def _names() -> str:
    """Return the readers' verdicts on names as a table."""
    with NAMES.open(newline="") as file:
        verdicts = Counter((r["level"], r["rules"], r["round"], r["reader1"]) for r in csv.DictReader(file))
    lines = ["| names of | rules | reading | good | vague | wrong |", "| --- | --- | --- | --- | --- | --- |"]
    for level, rules, reading in sorted({key[:3] for key in verdicts}):
        of = [verdicts[level, rules, reading, verdict] for verdict in ("good", "vague", "wrong")]
        lines.append(f"| {' | '.join([level, rules, reading, *(f'{n / sum(of):.0%}' for n in of)])} |")
    return "\n".join(lines)


READ = {"tone": _tone, "names": _names}
"""Sections whose table is read from what is in the project."""

COUNTED = {"tone": "`python -m benchmarks.train_tone`", "names": "counting `benchmarks/labels/names.csv`"}
"""How these were measured."""


def main() -> None:
    """Measure, and write the page."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.validity", description=__doc__)
    parser.add_argument("--calls", type=Path, required=True, help="Earnings-21 as a file of the files source")
    parser.add_argument("--only", nargs="*", choices=tuple(SECTIONS), default=tuple(SECTIONS))
    options = parser.parse_args()
    RESULTS.mkdir(parents=True, exist_ok=True)
    for name in options.only:
        (RESULTS / f"{name}.md").write_text(measure(name, options.calls))
    found = {n: f.read_text() for n in SECTIONS if (f := RESULTS / f"{n}.md").exists()}
    PAGE.write_text(page(found))


if __name__ == "__main__":
    main()
