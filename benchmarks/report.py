"""The page docs/benchmarks.md, generated from the results of the sections."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from benchmarks.floors import WORK
from benchmarks.kept_results import Made, Results
from benchmarks.measure import markdown
from benchmarks.scale import AFTER, FLOORS, STAGES, START, STOOD_IN, exponents


def write(results: Results, page: Path) -> None:
    """Write the page; a section without results says so, one with them says when and where they were measured."""

    def found(name: str) -> Any:
        kept = results.found(name)
        return kept and kept[1]

    parts = ["# Benchmarks", INTRODUCTION]
    machine = found("machine")
    parts.append(
        "\n".join(f"- {k}: {v}" for k, v in machine.items()) if machine else "(machine not recorded)"
    )
    rows = results.rows()
    for title, text, render, name in (
        ("Sentences to vectors", EMBEDDING, _embedding, "embedding"),
        ("From a call to its topics", WHOLE, markdown, "whole"),
        ("Clusterings on planted passages", PLANTED, markdown, "planted"),
        ("Clusterings on real calls", REAL, markdown, "real"),
        ("Sentences in their context", CONTEXT, _context, "context"),
        ("Themes", THEMES, markdown, "themes"),
    ):
        kept = results.found(name)
        parts += [f"## {title}", text, *([str(kept[0])] if kept else []), _section(render, kept and kept[1])]
    made = list(dict.fromkeys(str(Made(**row["made"])) for row in rows))
    parts += ["## A generated quarter", SCALE, *made, _section(_scale, rows)]
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
    floors = {(r["firms"], r["stand_ins"]): r["floors"] for r in rows if r["stage"] == FLOORS}
    order = (START, *STAGES, *AFTER)
    measured = sorted(
        (r for r in rows if r["stage"] != FLOORS),
        key=lambda r: (r["firms"], r["stand_ins"], order.index(r["stage"])),
    )
    shown = [r for r in measured if not (r["stand_ins"] and r["stage"] in STOOD_IN)]
    parts = [markdown([_with_floor(r, floors.get((r["firms"], r["stand_ins"]), {})) for r in shown])]
    sizes = sorted({r["firms"] for r in measured if r["stage"] == STAGES[-1]})
    if whole := [n for n in sizes if _is_whole(n, measured)]:
        parts.append(markdown([_total(n, measured) for n in whole]))
    if timed := _seconds(LARGEST, rows):
        seconds, how = timed
        total = sum(seconds.values())
        parts += [
            f"Where the time of {LARGEST:,} firms goes{' (' + how.removeprefix('; ') + ')' if how else ''}:",
            markdown([{"stage": k, "minutes": v / 60, "share": v / total} for k, v in seconds.items()]),
        ]
    if floors:
        parts += [
            "What each floor consists of:",
            markdown([{"stage": s, "floor": w} for s, w in WORK.items()]),
        ]
    if slopes := exponents(rows):
        parts.append(
            f"Growth (slope of log CPU seconds, less the start's, over log firms; {len(sizes)} sizes):"
        )
        parts.append(markdown([{"stage": k, "exponent": v} for k, v in slopes.items()]))
    return "\n\n".join(parts)


def _with_floor(row: dict[str, Any], floors: dict[str, float]) -> dict[str, Any]:
    shown = {k: v for k, v in row.items() if k != "made"}
    shown["stand_ins"] = "yes" if row["stand_ins"] else ""
    floor = floors.get(row["stage"])
    share = floor / row["cpu_seconds"] if floor and row["cpu_seconds"] else None
    return {**shown, "floor, CPU s": floor, "share of it reached": share}


def _total(firms: int, rows: list[dict[str, Any]]) -> dict[str, Any]:
    """Return the sums from text to themes."""
    own = [r for r in rows if r["firms"] == firms and r["stage"] in STAGES and not r["stand_ins"]]
    return {
        "firms": firms,
        "sentences": next(r["rows"] for r in own if r["stage"] == "sentences"),
        "minutes, text to themes": sum(r["seconds"] for r in own) / 60,
        "CPU minutes": sum(r["cpu_seconds"] for r in own) / 60,
        "peak MiB": max(r["peak_mib"] for r in own),
    }


def _is_whole(firms: int, rows: list[dict[str, Any]]) -> bool:
    """Return whether every stage from text to themes was measured, with the models."""
    return {r["stage"] for r in rows if r["firms"] == firms and not r["stand_ins"]} >= set(STAGES)


def _seconds(firms: int, rows: list[dict[str, Any]]) -> tuple[dict[str, float], str] | None:
    """Return the seconds of each stage from text to themes, and what was scaled; None if not all were measured.

    Of a quarter with stand-ins, those of the models are scaled from the largest quarter with the models, by sentences.
    """
    largest = max((r["firms"] for r in rows if _is_whole(r["firms"], rows)), default=None)
    stands_in = not _is_whole(firms, rows)
    own = [r for r in rows if r["firms"] == firms and r["stage"] in STAGES and r["stand_ins"] is stands_in]
    seconds = {r["stage"]: r["seconds"] for r in own}
    if set(seconds) < set(STAGES) or (stands_in and largest is None):
        return None
    if not stands_in:
        return seconds, ""
    sentences = {r["firms"]: r["rows"] for r in rows if r["stage"] == "sentences"}
    factor = sentences[firms] / sentences[largest]
    scaled = {
        r["stage"]: r["seconds"] * factor
        for r in rows
        if r["firms"] == largest and not r["stand_ins"] and r["stage"] in set(STAGES) & set(STOOD_IN)
    }
    return seconds | scaled, f"; {', '.join(scaled)}: {factor:.2f} times the seconds of {largest:,} firms"


def _targets(found: Callable[[str], Any], scale: list[dict[str, Any]]) -> list[dict[str, str]]:
    """Return the targets measured so far, each with the result and whether it is met."""
    rows: list[dict[str, str]] = []

    def add(target: str, value: str, *, met: bool) -> None:
        rows.append({"target": target, "found": value, "met": "yes" if met else "**no**"})

    if whole := found("whole"):
        by = {r["recipe"]: r for r in whole}
        for target, recipe, key, least in (
            ("a firm, embedding included: 12 times the predecessor's speed", "predecessor", "all", 12),
            ("the same: 6 times BERTopic's default", "BERTopic default", "all", 6),
            ("without embedding: 120 times the predecessor's", "predecessor", "rest", 120),
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
                if (topics := by["ours"]["usual calls"]) != "none":
                    low, high = map(int, topics.split("-"))
                    add("18-32 topics per call of 250-500 sentences", topics, met=low >= 18 and high <= 32)
    large = {r["recipe"]: r for r in found("themes") or [] if r["topics"] == 100_000}
    if large:
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
    if timed := _seconds(LARGEST, scale):
        minutes, how = sum(timed[0].values()) / 60, timed[1]
        add("5,000 firms, text to themes, in 40 minutes", f"{minutes:.0f} minutes{how}", met=minutes < 40)
        memory = [r for r in scale if r["firms"] == LARGEST and "peak_mib" in r]
        stood_in = {r["stage"] for r in memory if r["stand_ins"] and r["stage"] in STOOD_IN}
        own = [r for r in memory if not (r["stand_ins"] and r["stage"] in STOOD_IN)]
        peak, stage = max((r["peak_mib"], r["stage"]) for r in own)
        unknown = "".join(f"; {s} not measured" for s in sorted(stood_in - {r["stage"] for r in own}))
        add("5,000 firms: no stage above 2.5 GiB", f"{peak:,} MiB ({stage}){unknown}", met=peak < 2560)
    if slopes := exponents(scale):
        stage, slope = max(slopes.items(), key=lambda item: item[1])
        add("growth of no stage above 1.0", f"{slope:.2f} ({stage})", met=round(slope, 2) <= 1.0)
    return rows


LARGEST = 5000
"""Firms of the quarter that the targets are about."""


INTRODUCTION = """\
Written by `python -m benchmarks --calls components.parquet` (after `pip install -c constraints.txt -e '.[bench]'`);
every figure comes from that command. It takes hours; with `--quick` minutes, for rough figures on a page of their own.
If it is killed, start it again: it goes on with what is not measured yet. Everything compared runs in one session on
one machine, taking turns where possible. CPU seconds are shown next to wall seconds because other work on the machine
affects them less.

*Predecessor* is the configuration of the system that this one replaces: per firm UMAP (15 neighbours, 10 d, min_dist
0.01, cosine), HDBSCAN (6/2, leaf), unigrams and bigrams, KeyBERTInspired and MMR 0.3, outliers reassigned;
for themes UMAP (30 neighbours, 15 d) and HDBSCAN (20/6). *BERTopic default* is the library with its defaults. The
calls are the 44 of Earnings-21 (Del Rio et al. 2021); the model is all-MiniLM-L6-v2."""

EMBEDDING = """\
Every row embeds the same 3,000 sentences. The floor is the model's floating-point operations divided by the rate of a
plain matrix product on this machine: this model cannot run faster here."""

WHOLE = """\
Seconds per firm from sentences to keywords; the recipes take turns. Each recipe makes its own
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
seconds and started again; its seconds cover both attempts. *Start* loads the definitions, as every stage does. The
floor is what the libraries alone take for work that the method cannot do without, measured on some firms of the same
quarter and scaled to all (`python -m benchmarks.floors`): nothing of ours is in it. In a quarter with *stand-ins*
(`--stand-ins-from`) word vectors embed and word lists score, so that all other stages are measured at its size in
minutes; the three in which a model runs grow with the sentences, and are not shown."""
