"""The page docs/benchmarks.md, generated from the results of the sections."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from benchmarks.measure import markdown
from benchmarks.scale import STAGES, exponents


def write(results: Path, page: Path) -> None:
    """Write the page; a section without results says so."""

    def found(name: str) -> Any:
        path = results / f"{name}.json"
        return json.loads(path.read_text()) if path.exists() else None

    parts = ["# Benchmarks", INTRODUCTION]
    machine = found("machine")
    parts.append(
        "\n".join(f"- {k}: {v}" for k, v in machine.items()) if machine else "(machine not recorded)"
    )
    scale = results / "scale.jsonl"
    rows = [json.loads(line) for line in scale.read_text().splitlines()] if scale.exists() else None
    for title, text, render, value in (
        ("Sentences to vectors", EMBEDDING, _embedding, found("embedding")),
        ("From a call to its topics", WHOLE, markdown, found("whole")),
        ("Clusterings on planted passages", PLANTED, markdown, found("planted")),
        ("Clusterings on real calls", REAL, markdown, found("real")),
        ("Sentences in their context", CONTEXT, _context, found("context")),
        ("Themes", THEMES, markdown, found("themes")),
        ("A generated quarter", SCALE, _scale, rows),
    ):
        parts += [f"## {title}", text, _section(render, value)]
    if targets := _targets(found, rows):
        parts += ["## Targets", markdown(targets)]
    page.parent.mkdir(exist_ok=True)
    page.write_text("\n\n".join(parts) + "\n")


def _section(render: Callable[[Any], str], value: Any) -> str:
    return render(value) if value else "(not run)"


def _embedding(value: Any) -> str:
    rows, floor = value
    return markdown(rows) + "\n\n" + markdown([{"floor": k, "": v} for k, v in floor.items()])


def _context(value: Any) -> str:
    ari, ami, n = value["readers"]
    agreement = f"Two readers of one call agree at ARI {ari:.3f}, AMI {ami:.3f} ({n} sentences)."
    return f"{markdown(value['weights'])}\n\n{agreement}"


def _scale(rows: list[dict[str, Any]]) -> str:
    sizes = sorted({r["firms"] for r in rows})
    text = markdown(sorted(rows, key=lambda r: (r["firms"], STAGES.index(r["stage"]))))
    totals = [
        {
            "firms": n,
            "sentences": next(r["rows"] for r in rows if r["firms"] == n and r["stage"] == "sentences"),
            "minutes": sum(r["seconds"] for r in rows if r["firms"] == n) / 60,
            "CPU minutes": sum(r["cpu_seconds"] for r in rows if r["firms"] == n) / 60,
            "peak MiB": max(r["peak_mib"] for r in rows if r["firms"] == n),
        }
        for n in sizes
    ]
    text += "\n\n" + markdown(totals)
    if slopes := exponents(rows):
        exponent = [{"stage": k, "exponent": v} for k, v in slopes.items()]
        text += f"\n\nGrowth (slope of log seconds over log firms, {len(sizes)} sizes):\n\n" + markdown(
            exponent
        )
    return text


def _targets(found: Callable[[str], Any], scale: list[dict[str, Any]] | None) -> list[dict[str, str]]:
    """Return the targets measured so far, each with the result and whether it is met."""
    rows: list[dict[str, str]] = []

    def add(target: str, value: str, *, met: bool) -> None:
        rows.append({"target": target, "found": value, "met": "yes" if met else "**no**"})

    if whole := found("whole"):
        by = {r["recipe"]: r for r in whole}
        for target, recipe, key, least in (
            ("a firm, embedding included: 15 times the predecessor's speed", "predecessor", "all", 15),
            ("the same: 5 times BERTopic's default", "BERTopic default", "all", 5),
            ("without embedding: 200 times the predecessor's", "predecessor", "rest", 200),
        ):
            times = by[recipe][f"ours is faster, {key}"]
            add(target, f"{times:.1f} times", met=times >= least)
    for section in ("planted", "real"):
        if table := found(section):
            by = {r["clustering"]: r for r in table}
            for key in (
                "planted ARI",
                "C_NPMI",
                "C_V",
                "diversity",
                "ARI between seeds",
                "between row orders",
            ):
                if key in by["ours"]:
                    mine, theirs = by["ours"][key], by["predecessor"][key]
                    add(
                        f"{section} calls: {key} at least the predecessor's",
                        f"{mine:.3f} to {theirs:.3f}",
                        met=mine >= theirs,
                    )
            if section == "real":
                giants = by["ours"]["firms with a topic above 40%"]
                add("no firm with a topic above 40%", f"{giants} firms", met=giants == 0)
                low, high = map(int, by["ours"]["usual calls"].split("-"))
                add(
                    "18-32 topics per call of 250-500 sentences",
                    f"{low}-{high}",
                    met=low >= 18 and high <= 32,
                )
    if themes := found("themes"):
        large = {r["recipe"]: r for r in themes if r["topics"] == 100_000}
        mine, theirs = large["ours"], large["predecessor"]
        times = mine["faster than predecessor"]
        add("100,000 topics: 3 times the predecessor's speed", f"{times:.1f} times", met=times >= 3)
        add(
            "recovery above it (ARI reassigned)",
            f"{mine['ARI reassigned']:.3f} to {theirs['ARI reassigned']:.3f}",
            met=mine["ARI reassigned"] > theirs["ARI reassigned"],
        )
        add("70% of topics placed", f"{mine['placed']:.1%}", met=mine["placed"] >= 0.7)
        add("under 4 GiB", f"{mine['peak MiB']:,} MiB", met=mine["peak MiB"] < 4096)
    for firms in {r["firms"] for r in scale or []} & {5000}:
        minutes = sum(r["seconds"] for r in scale or [] if r["firms"] == firms) / 60
        add("5,000 firms, text to themes, in about an hour", f"{minutes:.0f} minutes", met=minutes <= 66)
    return rows


INTRODUCTION = """\
Written by `python -m benchmarks --calls components.parquet` (install with `pip install -e '.[bench]'`); every
figure comes from that command. Everything compared runs in one session on one machine, taking turns where possible.
CPU seconds are shown next to wall seconds because other work on the machine affects them less.

*Predecessor* is the configuration of the system that this one replaces: per firm UMAP (15 neighbours, 10 d, min_dist
0.01, cosine), HDBSCAN (6/2, leaf), unigrams and bigrams, KeyBERTInspired and MMR 0.3, outliers reassigned;
for themes UMAP (30 neighbours, 15 d) and HDBSCAN (20/6). *BERTopic default* is the library with its defaults. The
calls are the 44 of Earnings-21 (Del Rio et al. 2021); the model is all-MiniLM-L6-v2."""

EMBEDDING = """\
Every row embeds the same 3,000 sentences. The floor is the model's floating-point operations divided by the rate of a
plain matrix product on this machine: this model cannot run faster here."""

WHOLE = """\
Seconds per firm from sentences to keywords on every second call; the recipes take turns. Each recipe makes its own
keywords; the predecessor's time excludes its second round of keywords after outliers are reassigned."""

PLANTED = """\
25 sets of 25 passages of 14 consecutive sentences, each from a different call, plus 15% stray sentences; all
clusterings get keywords from the same method. The passages are contiguous, which favours *ours*: *Sentences in their
context* shows how much of the gain is real, and *ours, each sentence alone* shows results without it. ARI between
seeds and between row orders measures stability. Coherence is measured on the speaker turns of all 44 calls. *Largest
topic* is the largest share of a firm's sentences in one topic, over all firms."""

REAL = "The 44 calls themselves. Their true topics are unknown, so there is no ARI against them."

CONTEXT = """\
Before clustering, the vectors of the sentences before and after in the same speaker turn are added to a sentence's
vector with this weight. Results are compared, over five seeds, with the topics that a reader gave to the 1,371
sentences of five calls one by one, in shuffled order (`benchmarks/labels/topics.csv`; the reader was a language
model). Pairs *far apart* are in different turns and more than five sentences apart, where adjacency cannot help."""

THEMES = """\
Themes planted around differences of real sentence embeddings, with log-normal sizes and 10% noise; each row runs in
a separate process after a warm-up. *Reassigned* means that unassigned topics go to the nearest theme."""

SCALE = """\
`dagster asset materialize`, one stage after the other, for generated firms with extractive names. Seconds cover the
whole command, including about five seconds to start. Memory is that of all its processes, sampled four times a second;
a page that several of them share counts once (PSS). A stage with *killed after* was killed (SIGKILL) after that many
seconds and started again; its seconds cover both attempts."""
