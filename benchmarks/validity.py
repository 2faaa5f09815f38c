"""The page docs/validity.md: how far to trust kinds, tone, membership and themes, measured on the calls handed out.

`python -m benchmarks.validity --calls FILE` runs the measurements below one by one, each in a process of its own, keeps
what each printed, and writes the page; `--only NAME ...` runs some again, and `--only scale` what takes longest. The
tone's table is the one that `benchmarks.train_tone` left beside the weights: training again takes a quarter of an hour.
The measurements take as long on two idle cores.
"""

from __future__ import annotations

import argparse
import csv
import re
import subprocess
import sys
from collections import Counter
from pathlib import Path
from textwrap import fill

import numpy as np

from ftm_assets.methods.topics.membership import MembershipParams

PAGE = Path("docs") / "validity.md"
LABELS = Path(__file__).parent / "labels"
_REAL = {"clustering": "real calls: shipped"}
_TOPICS = {"names of": "topic", "rules": "extractive-4", "reading": "4"}
_THEMES = {"names of": "theme", "rules": "coverage", "reading": "3"}
_FIRST = {"judged by": "embeddings", "reader": "first"}
_SECOND = {"judged by": "embeddings", "reader": "second"}
_READ = ("{} of {}", "themes", "of")
_COHERENT = ("{} of {}", "coherent", "number")
_BOUND = f"{MembershipParams().min_strength:.2f}"
RESULTS = Path(".benchmarks") / "validity"
"""What each measurement printed last; not part of the project."""

INTRODUCTION = """\
How far can the numbers be trusted? Everything here is measured on the 44 calls of Earnings-21, with labels read by a
language model (see [labelling.md](labelling.md)); no person has read them. Two readings of one model agree more than
two people would: they bound consistency, not truth. `python -m benchmarks.validity --calls FILE` makes the page.
[methods.md](methods.md) says what follows for each number.

*Before* is the version before labels existed, as a reader measured it on 53 other calls. Intervals in brackets are 95%,
by resampling calls (of membership: themes; of stability: what is left out; of names: Wilson's)."""

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
    "present": (
        "Whether members speak of their theme",
        ("benchmarks.present_members",),
        "300 members and 120 other sentences of the present themes' topics, drawn at random, members of each theme and "
        "others by strength, read by two readers who knew neither strength nor membership "
        "([labelling.md](labelling.md)); *speak* is their mean, weighted by what a pair stands for. Before: 44% "
        "(37-51%). What remains weak: themes of one word with several meanings (*Rates*, *Costs*, *Margin and exit*) "
        "and of no subject (*Reality and brain*). Measured coherence does not find them: of the themes that a reader "
        "calls mixed or junk it calls all but two coherent. The table is from before topics got their latest names, "
        "which move themes: with those, 286 pairs in 37 themes are left, by which 72% of the members speak, at 66% "
        "kept.",
    ),
    "members": (
        "Whether other ways of making themes have better members",
        (),
        "Members of the themes of these calls, drawn at random, read blind to how the themes were made: by "
        "*descriptions* alone, *shipped*, or with topics' sentences *undamped* ([stability.md](stability.md)). One "
        "reader, the same model that built this, so levels are lenient: it says yes to more than the two readers of "
        "the section above, and more in its first reading than in its second. Compare rows of one reading.",
    ),
    "membership": (
        "How well the strength of a sentence tells",
        ("benchmarks.membership",),
        "Two blind readings of the themes that were made when labels began; *speak* is their mean. Strength has to be "
        "judged on these, since bounds on it were. No bound reaches 75% at 60% kept. What remains weak: broad "
        "financial themes.",
    ),
    "themes": (
        "How themes hold together",
        ("benchmarks.present_themes",),
        "Coherence is measured, not read: the mean strength of core sentences. Its bounds were set on 47 older themes. "
        "Topics whose sentences hardly speak of their theme are *mixed* and have no members.",
    ),
    "stability": (
        "Whether a theme would be there again",
        ("benchmarks.stability",),
        "Before: adding a firm moved 14% of the cells (ARI 0.86), leaving out a tenth gave ARI 0.70-0.80. *One "
        "clustering* is how themes were made then. What remains weak: with 44 firms a third of the topics is in no "
        "theme, and a firm less still moves one cell in twenty ([stability.md](stability.md)).",
    ),
    "scale": (
        "The same with 1,000 and 5,000 firms",
        ("benchmarks.stability", "--only-generated", "--generated", "1000", "5000"),
        "Generated firms of 20 topics each: vectors planted around 250 and 600 themes, since embedding as many calls "
        "would take hours. So no filter applies and topics have no sentences: *consensus* is the clusterer alone. "
        "What remains weak: with 5,000 firms a firm less, a five-thousandth of the topics, still moves one cell in "
        "thirteen, hardly fewer than a tenth of the firms does: what moves is chance between planted themes that are "
        "near to each other.",
    ),
    "names": (
        "What topics and themes are called",
        (),
        "Names that no language model wrote, by the first reader of each reading; intervals are of one reader, and "
        "readers differ in severity. Before: `extractive-2`. *Coverage* is what `extractive-4`, the present rules, was "
        "made of after the third reading. *Half-theme*: themes of half the firms, which nobody had seen. What remains "
        "weak: topics and themes of several subjects have a wide heading or a vague one "
        "([labelling.md](labelling.md)).",
    ),
}
"""Section → title, module and options that measure it, what to know when reading the table."""

LONG = ("scale",)
"""Sections that are measured only where named."""

_ESTIMATE = ("{} ({})", "estimate", "95% interval")
AIMS = (
    ("not business: recall", "0.78", "", "kinds", _FIRST, ("{}", "recall")),
    ("not business: kappa, second reader", "", "", "kinds", _SECOND, ("{}", "kappa")),
    ("tone: kappa, second reader", "0.27", "0.55", "tone", {"measure": "kappa second"}, _ESTIMATE),
    ("tone: F1 of negatives, second reader", "0.36", "0.55", "tone", {"measure": "f1 negative second"}, _ESTIMATE),
    ("net tone less the first reader's", "-0.12", "within 0.03", "tone", {"measure": "net tone difference"}, _ESTIMATE),
    ("the same, second reader", "", "within 0.03", "tone", {"measure": "net tone second difference"}, _ESTIMATE),
    (
        "members that speak of their theme, two readings of older themes", "0.44 (0.37-0.51)", "0.75", "membership",
        {"min_strength": _BOUND}, ("{} ({})", "speak, all", "95%, all"),
    ),
    ("share of these sentences kept", "1", "0.60", "membership", {"min_strength": _BOUND}, ("{}", "kept")),
    (
        "the same, two readings of the present themes", "", "0.75", "present",
        {"min_strength": _BOUND}, ("{} ({})", "speak, all", "95%, all"),
    ),
    ("share of these sentences kept", "", "0.60", "present", {"min_strength": _BOUND}, ("{}", "kept")),
    ("coherent themes, first reader", "", "40 of 51", "present", {"reader": "1", "read as": "coherent"}, _READ),
    ("coherent themes, second reader", "", "40 of 51", "present", {"reader": "2", "read as": "coherent"}, _READ),
    ("junk themes, first reader", "", "none", "present", {"reader": "1", "read as": "junk"}, _READ),
    ("junk themes, second reader", "", "none", "present", {"reader": "2", "read as": "junk"}, _READ),
    ("coherent themes, as measured", "", "40 of 51", "themes", {"themes": "shipped"}, _COHERENT),
    ("one firm less: ARI", "0.86", "0.95", "stability", _REAL, ("{}", "one firm less: ARI")),
    ("one firm less: cells", "0.86", "0.97", "stability", _REAL, ("{}", "one less: cells")),
    ("a tenth less: ARI", "0.70-0.80", "0.90", "stability", _REAL, ("{}", "a tenth less: ARI")),
    ("planted themes: ARI", "0.74", "0.85", "stability", {"clustering": "sample: shipped"}, ("{}", "planted ARI")),
    ("names of themes: good", "", "0.70", "names", _THEMES, ("{}", "good")),
    ("names of themes: wrong", "0.29", "0.05", "names", _THEMES, ("{}", "wrong")),
    ("names of 100 topics: good", "0.55", "0.70", "names", _TOPICS, ("{}", "good")),
    ("names of 100 topics: wrong", "0.15", "0.05", "names", _TOPICS, ("{}", "wrong")),
)  # fmt: skip
"""What was aimed at: name, before, aim, section, cells of the row that has it, and its cells with how to show them."""


def summary(results: dict[str, str]) -> str:
    """Return the table of what was before, aimed at, and is now."""
    lines = ["| figure | before | aim | now |", "| --- | --- | --- | --- |"]
    for name, before, aim, section, cells, (shown, *columns) in AIMS:
        found = [row for row in rows(results.get(section, "")) if cells.items() <= row.items()]
        now = shown.format(*(found[0][c] for c in columns)) if found else "(not measured)"
        lines.append(f"| {name} | {before} | {aim} | {now} |")
    return "\n".join(lines)


def rows(text: str) -> list[dict[str, str]]:
    r"""Return the rows of the Markdown tables in a text.

    >>> rows("| a | b |\n| --- | --- |\n| 1 | 2 |\n")
    [{'a': '1', 'b': '2'}]
    """
    found: list[dict[str, str]] = []
    header: list[str] = []
    for line in text.splitlines():
        if not line.startswith("|"):
            header = []
        elif not header:
            header = [cell.strip() for cell in line.strip("|").split("|")]
        elif not line.startswith("| ---"):
            cells = [cell.strip() for cell in line.strip().removeprefix("|").removesuffix("|").split("|")]
            found.append(dict(zip(header, cells, strict=False)))
    return found


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
    parts = ["# How far to trust the numbers", INTRODUCTION, summary(results)]
    for name, (title, command, text) in SECTIONS.items():
        how = f"`python -m {command[0]}`" if command else COUNTED[name]
        parts += [
            f"## {title}",
            fill(f"{text} Measured by {how}.", 120, break_long_words=False, break_on_hyphens=False),
            results.get(name, "(not measured)"),
        ]
    return "\n\n".join(parts) + "\n"


def _tone() -> str:
    from benchmarks.train_tone import markdown  # noqa: PLC0415
    from ftm_resources.models import tone_classifier  # noqa: PLC0415

    return markdown(tone_classifier.left_out()["table"])


def _names() -> str:
    """Return the readers' verdicts on names as a table."""
    with (LABELS / "names.csv").open(newline="") as file:
        verdicts = Counter((r["level"], r["rules"], r["round"], r["reader1"]) for r in csv.DictReader(file))
    lines = ["| names of | rules | reading | names | good | vague | wrong |", f"|{' --- |' * 7}"]
    for level, rules, reading in sorted({key[:3] for key in verdicts}):
        of = [verdicts[level, rules, reading, verdict] for verdict in ("good", "vague", "wrong")]
        lines.append(
            f"| {' | '.join([level, rules, reading, str(sum(of)), *(wilson(n, sum(of)) for n in of)])} |"
        )
    return "\n".join(lines)


def wilson(n: int, of: int) -> str:
    """Return a share with its 95% interval (Wilson 1927, Journal of the American Statistical Association 22).

    >>> wilson(25, 47)
    '0.53 (0.39-0.67)'
    """
    z, share = 1.96, n / of
    middle = (share + z**2 / (2 * of)) / (1 + z**2 / of)
    half = z * (share * (1 - share) / of + z**2 / (4 * of**2)) ** 0.5 / (1 + z**2 / of)
    return f"{share:.2f} ({middle - half:.2f}-{middle + half:.2f})"


def _members() -> str:
    """Return which share of the members that were read speak of their theme, as a table."""
    from benchmarks.measure import markdown  # noqa: PLC0415
    from benchmarks.membership import interval  # noqa: PLC0415

    with (LABELS / "theme_members.csv").open(newline="") as file:
        read = [
            row for row in csv.DictReader(file) if float(row["strength"]) >= MembershipParams().min_strength
        ]
    found = []
    for reading, themes in sorted({(r["reading"], r["version"]) for r in read}):
        own = [r for r in read if (r["reading"], r["version"]) == (reading, themes)]
        says = np.array([r["speaks"] == "yes" for r in own], dtype=np.float64)
        of = np.array([int(r["theme"]) for r in own])
        within = interval(lambda pairs, says=says: float(says[pairs].mean()), of)
        found.append(
            {
                "reading": reading,
                "themes": themes,
                "members read": len(own),
                "speak": f"{says.mean():.2f} ({within})",
            }
        )
    return markdown(found)


READ = {"tone": _tone, "names": _names, "members": _members}
"""Sections whose table is read from what is in the project."""

COUNTED = {
    "tone": "`python -m benchmarks.train_tone`",
    "names": "counting `benchmarks/labels/names.csv`",
    "members": "counting `benchmarks/labels/theme_members.csv`",
}
"""How these were measured."""


def main() -> None:
    """Measure, and write the page."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.validity", description=__doc__)
    parser.add_argument(
        "--calls", type=Path, required=True, help="the calls of Earnings-21, as one file for FTM_SOURCE=files"
    )
    parser.add_argument(
        "--only", nargs="*", choices=tuple(SECTIONS), default=[n for n in SECTIONS if n not in LONG]
    )
    options = parser.parse_args()
    RESULTS.mkdir(parents=True, exist_ok=True)
    for name in options.only:
        (RESULTS / f"{name}.md").write_text(measure(name, options.calls))
    found = {n: f.read_text() for n in SECTIONS if (f := RESULTS / f"{n}.md").exists()}
    PAGE.write_text(page(found))


if __name__ == "__main__":
    main()
