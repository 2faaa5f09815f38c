"""Whether members speak of their present theme: `python -m benchmarks.present_members --calls FILE` (Earnings-21).

`benchmarks/labels/present_pairs.csv` holds pairs of a sentence and the theme of its topic, members and others, which
two readers judged blind to strength and membership, and `present_themes.csv` their verdict on each theme
(docs/labelling.md). The themes are made again and every bound is applied as the asset applies it, so pairs count only
while their sentence is in the theme that they were read with. Bounds are tuned on the themes of even rank and reported
on those of odd rank, and on random halves. Intervals: 95%, by resampling themes.
"""

from __future__ import annotations

import argparse
from collections import Counter, defaultdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from benchmarks.measure import markdown
from benchmarks.membership import AIM, Labelled, agreement, digest, precision, read
from benchmarks.present_themes import present
from benchmarks.quarter_topics import quarter_of_file
from ftm_assets.methods.tone_agreement import kappa
from ftm_assets.methods.topics.membership import MembershipParams
from ftm_assets.methods.topics.theme_model import ThemeParams
from ftm_resources.tables.categories import COHERENCE_CLASSES

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from numpy.typing import NDArray

    from benchmarks.present_themes import Present
    from benchmarks.quarter_topics import Quarter

    Bools = NDArray[np.bool_]

VERDICTS = ("coherent", "mixed", "junk")
READERS = ("reader1", "reader2")
BOUNDS = np.arange(0.16, 0.441, 0.02).round(2).tolist()
HALVES = 500
"""Random halves of the themes."""


def same_themes(pairs: Iterable[tuple[str, str | None]]) -> dict[str, str]:
    """Return the present theme of each labelled theme: the one that most of its sentences are in, if it is most of it.

    `pairs` has the labelled theme of each sentence, and its present one (None: none).

    >>> same_themes([("a", "x"), ("a", "x"), ("a", None), ("b", "x"), ("c", "y"), ("c", None)])
    {'a': 'x'}
    """
    found: dict[str, Counter[str | None]] = defaultdict(Counter)
    for labelled, now in pairs:
        found[labelled][now] += 1
    return {
        labelled: theme
        for labelled, counts in found.items()
        if (theme := max(counts, key=lambda t: counts[t])) is not None and 2 * counts[theme] > counts.total()
    }


def labelled(quarter: Quarter, made: Present) -> Labelled:
    """Return the pairs whose sentence is still in the theme that it was read with; rows are those of `made.rows`."""
    said = quarter.sentences.select(["sentence_id", "component_id", "text"]).to_pylist()
    sentences = {(s["component_id"].partition(":")[2], digest(s["text"])): s["sentence_id"] for s in said}
    row_of = {s: i for i, s in enumerate(made.rows.column("sentence_id").to_pylist())}
    theme_of = made.rows.column("theme_id").to_pylist()
    pairs = [
        (row_of.get(sentences.get((p["component_id"], p["sha1"]), "")), p) for p in read("present_pairs.csv")
    ]
    same = same_themes((p["theme"], None if i is None else theme_of[i]) for i, p in pairs)
    kept = [
        (i, p) for i, p in pairs if i is not None and p["theme"] in same and same[p["theme"]] == theme_of[i]
    ]
    return Labelled(
        np.array([i for i, _ in kept], dtype=np.int64),
        np.array([int(p["theme"]) for _, p in kept], dtype=np.int64),
        np.array([float(p["weight"]) for _, p in kept]),
        np.array([[float(p[r] == "yes") for r in READERS] for _, p in kept]),
    )


def members_by_bound(quarter: Quarter) -> list[Bools]:
    """Return, for each of `BOUNDS`, which rows of `present` are members."""
    found = []
    for bound in BOUNDS:
        made = present(quarter, ThemeParams(), MembershipParams(min_strength=bound))
        found.append(np.array(made.rows.column("is_member").to_pylist()))
    return found


def by_bound(labels: Labelled, found: Sequence[Bools]) -> list[dict[str, Any]]:
    """Return a row per bound: the share of sentences kept, and of members that speak of their theme."""
    even, rows = labels.themes % 2 == 0, []
    for bound, members in zip(BOUNDS, found, strict=True):
        row: dict[str, Any] = {"min_strength": f"{bound:.2f}", "kept": float(members.mean())}
        for half, among in (("tuned on", even), ("reported", ~even), ("all", even | True)):
            share, within = precision(labels, members, among)
            row |= {f"speak, {half}": share, f"95%, {half}": within}
        rows.append(row)
    return rows


def over_halves(labels: Labelled, found: Sequence[Bools]) -> tuple[float, float]:
    """Return what tuning gives on themes that it did not see, as means over random halves of the themes.

    The bound is the lowest with `AIM` on one half. Returned are its share kept, and the share of members that speak on
    the other half.
    """
    rng, themes = np.random.default_rng(7), np.unique(labels.themes)
    kept = np.array([members.mean() for members in found])
    weights = np.array([members[labels.rows] for members in found]) * labels.weights
    outcomes = []
    for _ in range(HALVES):
        tuned = np.isin(labels.themes, rng.permutation(themes)[: len(themes) // 2])
        own, other = (
            (weights * labels.speaks)[:, half].sum(axis=1) / weights[:, half].sum(axis=1)
            for half in (tuned, ~tuned)
        )
        enough = np.flatnonzero(own >= AIM)
        if len(enough):
            outcomes.append((kept[enough[0]], other[enough[0]]))
    share, speak = np.mean(outcomes, axis=0)
    return float(share), float(speak)


def by_reader(labels: Labelled, members: Bools) -> list[dict[str, Any]]:
    """Return, by each reader, the share of members and of all placed sentences that speak of their theme."""
    rows = []
    for number, reader in enumerate(READERS, 1):
        own = Labelled(labels.rows, labels.themes, labels.weights, labels.readings[:, [number - 1]])
        every = np.ones(len(labels.rows), dtype=bool)
        row: dict[str, Any] = {"reader": reader.removeprefix("reader")}
        for name, chosen in (("members", members), ("placed sentences", np.ones_like(members))):
            share, within = precision(own, chosen, every)
            row[f"{name} that speak"] = f"{share:.2f} ({within})"
        rows.append(row)
    return rows


def by_verdict() -> list[dict[str, Any]]:
    """Return how many themes of each measured class each reader takes for coherent, mixed and junk."""
    themes = read("present_themes.csv")
    rows = []
    for number, reader in enumerate(READERS, 1):
        counts = Counter((t[reader], t["class"]) for t in themes)
        rows += [
            {
                "reader": number,
                "read as": verdict,
                "themes": sum(n for (read_as, _), n in counts.items() if read_as == verdict),
                "of": len(themes),
                **{f"class {c}": counts[verdict, c] for c in COHERENCE_CLASSES},
            }
            for verdict in VERDICTS
        ]
    return rows


def verdicts_agree() -> tuple[float, float]:
    """Return the share of themes on which the two verdicts agree, and Cohen's kappa of three classes."""
    table = np.zeros((3, 3))
    for theme in read("present_themes.csv"):
        table[VERDICTS.index(theme["reader1"]), VERDICTS.index(theme["reader2"])] += 1
    return float(np.trace(table) / table.sum()), float(kappa(table[None])[0])


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.present_members", description=__doc__)
    parser.add_argument("--calls", type=Path, required=True, help="transcripts of Earnings-21")
    quarter = quarter_of_file(parser.parse_args().calls)
    made = present(quarter, ThemeParams(), MembershipParams())
    labels = labelled(quarter, made)
    agreed, chance_free = agreement(labels.readings)
    print(
        f"{len(labels.rows)} of {len(read('present_pairs.csv'))} pairs are still in their theme, in ", end=""
    )
    print(
        f"{len(np.unique(labels.themes))} themes; the readings agree on {agreed:.1%} (kappa {chance_free:.2f})\n"
    )
    members = np.array(made.rows.column("is_member").to_pylist())
    print(markdown(by_reader(labels, members)), "\n")
    found = members_by_bound(quarter)
    bounds = by_bound(labels, found)
    print(markdown(bounds))
    enough = [row for row in bounds if round(row["speak, tuned on"], 3) >= AIM]
    print(f"\nLowest bound with {AIM:.0%} on the themes tuned on: ", end="")
    print(enough[0]["min_strength"] if enough else "none", "\n")
    share, speak = over_halves(labels, found)
    print(
        f"Over {HALVES} random halves of the themes, the lowest bound with {AIM:.0%} on one keeps {share:.1%}, ",
        end="",
    )
    print(f"of which {speak:.1%} speak on the other\n")
    agreed, chance_free = verdicts_agree()
    print(f"Of themes as wholes the readers agree on {agreed:.1%} (kappa {chance_free:.2f})\n")
    print(markdown(by_verdict()))


if __name__ == "__main__":
    main()
