"""Which sentences speak of their theme: `python -m benchmarks.membership --calls FILE` (Earnings-21).

Compares strengths by labelled pairs of a sentence and a theme (docs/labelling.md), tunes the bound on the themes of
even rank and reports it on those of odd rank, and compares coherence with a reading of each theme. The labels belong to
a fixed partition of the sentences into topics and themes, so that they keep their meaning when the clustering changes.
Intervals: 95%, by resampling themes. Sentences are embedded once and kept in `.benchmarks/`.
"""

from __future__ import annotations

import argparse
import csv
import hashlib
from collections import defaultdict
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa

from benchmarks.kept_vectors import kept_vectors
from benchmarks.measure import markdown
from ftm_assets.methods.tone_agreement import kappa
from ftm_assets.methods.topics import membership
from ftm_assets.methods.topics.membership import NONE, MembershipParams, Sentences
from ftm_assets.methods.topics.theme_coherence import without_weak_themes
from ftm_assets.methods.vectors import unit
from ftm_resources.tables.categories import COHERENCE_CLASSES

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import NDArray

    Floats = NDArray[np.float64]
    Ints = NDArray[np.int64]
    Bools = NDArray[np.bool_]

LABELS = Path(__file__).parent / "labels"
QUARTER = "2023Q1"
"""The quarter that all calls are said to be of."""
AIM = 0.75
"""Share of members that should speak of their theme."""
RESAMPLED = 1_000


@dataclass(frozen=True)
class Labelled:
    """The labelled pairs: arrays of equal length."""

    rows: Ints
    """Index of the sentence in `Quarter.sentences`."""
    themes: Ints
    weights: Floats
    """Sentences that each pair stands for."""
    readings: Floats
    """(n, 2): whether each reading says that the sentence speaks of the theme."""

    @property
    def speaks(self) -> Floats:
        """Share of the readings by which the sentence speaks of the theme."""
        mean: Floats = self.readings.mean(axis=1)
        return mean


@dataclass(frozen=True)
class Quarter:
    """The partition, embedded."""

    sentences: Sentences
    theme_of_topic: Ints
    descriptions: Floats

    @property
    def themes(self) -> Ints:
        """Theme of each sentence."""
        topics = self.sentences.topics
        return np.where(topics == NONE, NONE, self.theme_of_topic[topics])


def texts_of(calls: Path) -> tuple[dict[tuple[str, str], list[tuple[int, str]]], pa.Table]:
    """Return the sentences by component and hash, with their positions, and the calls' names."""
    from ftm_assets.methods.calls.transcript_versions import build_transcripts  # noqa: PLC0415
    from ftm_assets.methods.text.sentence_splitting import build_sentences  # noqa: PLC0415
    from ftm_assets.orchestration.partitions import QUARTERS  # noqa: PLC0415
    from ftm_resources.duck import ConfiguredDuckDB  # noqa: PLC0415
    from ftm_resources.sources.files.transcript_files import FilesSource  # noqa: PLC0415

    source, database = FilesSource(calls), ConfiguredDuckDB().connect()
    found: dict[tuple[str, str], list[tuple[int, str]]] = defaultdict(list)
    names = []
    for quarter in QUARTERS.get_partition_keys():
        if not (parts := list(source.components(quarter))):
            continue
        transcripts, _ = build_transcripts(pa.concat_tables(parts), quarter, database=database)
        names.append(transcripts.select(["firm_id", "firm_name", "ticker", "speaker_name", "transcript_id"]))
        rows = build_sentences(transcripts, quarter)
        columns = (rows.column(c).to_pylist() for c in ("component_id", "position", "text"))
        for component, position, text in zip(*columns, strict=True):
            found[component.partition(":")[2], digest(text)].append((position, text))
    return found, pa.concat_tables(names)


def digest(text: str) -> str:
    """Return what the labels hold instead of a sentence's text."""
    return hashlib.sha1(text.encode()).hexdigest()[:8]  # noqa: S324 - an identity, not a secret


def read(name: str) -> list[dict[str, str]]:
    """Return the rows of a file of labels."""
    with (LABELS / name).open(newline="") as file:
        return list(csv.DictReader(file))


def build(calls: Path) -> tuple[Quarter, Labelled]:
    """Return the partition with its vectors, and the labels; sentences that the splitting changed are left out."""
    found, names = texts_of(calls)
    firm_of = dict(zip(*(names.column(c).to_pylist() for c in ("transcript_id", "firm_id")), strict=True))
    kept, texts, places = [], [], []
    for row in read("theme_partition.csv"):
        same = found.get((row["component_id"], row["sha1"]), [])
        if same:
            place, text = min(same, key=lambda s: abs(s[0] - int(row["position"])))
            kept.append(row)
            texts.append(text)
            places.append(place)
    firms = [firm_of[row["component_id"].partition(":")[0]] for row in kept]
    keys = [f"{firm}:{row['topic']}" if row["topic"] else "" for firm, row in zip(firms, kept, strict=True)]
    topic_ids = sorted(set(keys) - {""})
    index = {topic: i for i, topic in enumerate(topic_ids)}
    theme_of = dict(zip(keys, (int(row["theme"] or NONE) for row in kept), strict=True))
    topics = np.array([index.get(key, NONE) for key in keys], dtype=np.int64)
    sentences = Sentences(
        [f"{row['component_id']}:{row['position']}" for row in kept],
        firms,
        [row["component_id"] for row in kept],
        np.array(places, dtype=np.int64),
        topics,
        kept_vectors("membership-sentences", texts).astype(np.float64),
    )
    described = descriptions(sentences, texts, topic_ids, names)
    quarter = Quarter(sentences, np.array([theme_of[t] for t in topic_ids], dtype=np.int64), described)
    return quarter, labels_of(sentences)


def labels_of(sentences: Sentences) -> Labelled:
    """Return the labelled pairs."""
    row_of = {sentence: i for i, sentence in enumerate(sentences.ids)}
    pairs = [
        (row_of[key], row)
        for row in read("theme_sentences.csv")
        if (key := f"{row['component_id']}:{row['position']}") in row_of
    ]
    return Labelled(
        np.array([i for i, _ in pairs], dtype=np.int64),
        np.array([int(row["theme"]) for _, row in pairs], dtype=np.int64),
        np.array([float(row["weight"]) for _, row in pairs]),
        np.array([[float(row[r] == "yes") for r in ("reader1", "reader2")] for _, row in pairs]),
    )


def descriptions(
    sentences: Sentences, texts: Sequence[str], topic_ids: Sequence[str], names: pa.Table
) -> Floats:
    """Return the embedding of each topic's keywords and summary, made as the assets make them."""
    from ftm_assets.methods.naming.digests import topic_digests  # noqa: PLC0415
    from ftm_assets.methods.naming.extractive import ExtractiveNamer  # noqa: PLC0415
    from ftm_assets.methods.naming.summaries import embedded_label  # noqa: PLC0415
    from ftm_assets.methods.text.firm_names import known_names  # noqa: PLC0415
    from ftm_assets.methods.topics.keywords import class_keywords  # noqa: PLC0415

    known = known_names(names.select(["firm_id", "firm_name", "ticker", "speaker_name"]))
    vectors = unit(sentences.embeddings.astype(np.float64))
    members = [np.flatnonzero(sentences.topics == t) for t in range(len(topic_ids))]
    of_firm: dict[str, list[int]] = defaultdict(list)
    for topic, key in enumerate(topic_ids):
        of_firm[key.partition(":")[0]].append(topic)
    keywords: dict[int, list[str]] = {}
    for firm, own in of_firm.items():
        said = [[texts[i] for i in members[t].tolist()] for t in own]
        keywords |= dict(zip(own, class_keywords(said, exclude=known.get(firm, []), top_n=10), strict=True))
    central = []
    for rows in members:
        order = rows[np.argsort(-(vectors[rows] @ vectors[rows].mean(axis=0)), kind="stable")].tolist()
        readable = [i for i in order if 8 <= len(texts[i].split()) <= 60]
        central.append([sentences.ids[i] for i in (readable or order)[:5]])
    topics = pa.table(
        {
            "topic_id": [f"{QUARTER}:{t}" for t in topic_ids],
            "firm_id": [t.partition(":")[0] for t in topic_ids],
            "n_sentences": [len(rows) for rows in members],
            "keywords": [keywords[t] for t in range(len(topic_ids))],
            "representative_sentence_ids": central,
        }
    )
    given = pa.table({"sentence_id": sentences.ids, "text": list(texts)})
    named = ExtractiveNamer().name(topic_digests(topics, given, known))
    labels = [embedded_label(n, keywords[t]) for t, n in enumerate(named)]
    both = kept_vectors("membership-topics", [*(n.summary for n in named), *labels]).astype(np.float64)
    return unit(both[: len(named)] + both[len(named) :])


@dataclass(frozen=True)
class Measured:
    """The quarter's strengths: candidates, and those that the asset takes."""

    candidates: dict[str, Floats]
    """Of every sentence; NaN without a theme."""
    found: membership.Strengths
    profiles: membership.Profiles


def measure(quarter: Quarter, params: MembershipParams) -> Measured:
    """Return the strengths, all with the same context and centring."""
    sentences = quarter.sentences
    context = membership.in_topic_context(sentences, params.turn_weight)
    means = membership.TopicMeans(len(quarter.theme_of_topic))
    means.add(context, sentences.topics)

    def of(weight: float) -> tuple[membership.Strengths, membership.Profiles]:
        profiles = membership.build_profiles(means, quarter.descriptions, quarter.theme_of_topic, weight)
        return membership.strengths(context, sentences.topics, profiles), profiles

    def spread(values: Floats) -> Floats:
        whole = np.full(len(sentences.ids), np.nan)
        whole[found.rows] = values
        return whole

    found, profiles = of(params.description_weight)
    (spoken, _), (described, _) = of(0.0), of(1.0)
    sums = np.zeros((len(profiles.themes), context.shape[1]))
    inside = quarter.theme_of_topic != NONE
    np.add.at(sums, quarter.theme_of_topic[inside], profiles.topics[inside])
    others = sums[quarter.themes[found.rows]] - profiles.topics[sentences.topics[found.rows]]
    centred = unit(context[found.rows] - profiles.mean)
    candidates = {
        "the topic's own sentences": found.in_topic,
        "the theme's sentences": spoken.own,
        "the same, without the own topic": (centred * unit(others)).sum(axis=1),
        "margin of the theme's sentences": spoken.own - spoken.other,
        "the theme's descriptions": described.own,
        "sentences and descriptions (shipped)": found.own,
        "the same + half its margin": found.own + (found.own - found.other) / 2,
    }
    return Measured({name: spread(values) for name, values in candidates.items()}, found, profiles)


def rows_of(
    quarter: Quarter, measured: Measured, params: MembershipParams
) -> tuple[Bools, dict[str, dict[str, Any]]]:
    """Return which sentences are members, by the rule of the asset, and the rows of `theme_coherence` by theme."""
    topics = [f"{i:04d}" for i in range(len(quarter.theme_of_topic))]
    themes = [str(i) for i in range(len(measured.profiles.themes))]
    made = membership.firm_rows(quarter.sentences, measured.found, measured.profiles, topics, themes, params)
    rows, _, of_themes = without_weak_themes(*made, themes, params.min_coherence)
    index = {sentence: i for i, sentence in enumerate(quarter.sentences.ids)}
    members = np.zeros(len(index), dtype=bool)
    for sentence, is_member in zip(
        *(rows.column(c).to_pylist() for c in ("sentence_id", "is_member")), strict=True
    ):
        members[index[sentence]] |= is_member
    return members, {row["theme_id"]: row for row in of_themes.to_pylist()}


def auc(score: Floats, speaks: Floats, weights: Floats) -> float:
    """Return the probability that a sentence that speaks of its theme has the higher score; ties count half."""
    order = np.argsort(score, kind="stable")
    yes, no = (weights * speaks)[order], (weights * (1 - speaks))[order]
    below = np.cumsum(no) - no / 2
    return float((yes * below).sum() / (yes.sum() * no.sum()))


def interval(value: Callable[[Ints], float], themes: Ints, seed: int = 7) -> str:
    """Return the 95% interval of a value of pairs, given their indices, when themes are resampled."""
    rng, present = np.random.default_rng(seed), np.unique(themes)
    by_theme = {t: np.flatnonzero(themes == t) for t in present.tolist()}
    drawn = [
        value(np.concatenate([by_theme[t] for t in rng.choice(present, len(present)).tolist()]))
        for _ in range(RESAMPLED)
    ]
    low, high = np.nanquantile(drawn, [0.025, 0.975])
    return f"{low:.2f}-{high:.2f}"


def precision(labels: Labelled, members: Bools, among: Bools) -> tuple[float, str]:
    """Return the share of members among these pairs that speak of their theme, and its interval."""
    chosen = members[labels.rows] & among

    def share(pairs: Ints) -> float:
        own = pairs[chosen[pairs]]
        total = labels.weights[own].sum()
        return float((labels.weights[own] * labels.speaks[own]).sum() / total) if total else float("nan")

    every = np.arange(len(labels.rows))
    return share(every), interval(share, labels.themes)


def agreement(readings: Floats) -> tuple[float, float]:
    """Return the share of pairs on which the two readings agree, and Cohen's kappa."""
    table = np.zeros((2, 2))
    np.add.at(table, tuple(readings.astype(np.int64).T), 1)
    return float(np.trace(table) / table.sum()), float(kappa(table[None])[0])


def by_strength(labels: Labelled, measured: Measured) -> list[dict[str, Any]]:
    """Return a row per candidate strength."""
    rows = []
    for name, values in measured.candidates.items():
        score, placed = values[labels.rows], values[~np.isnan(values)]

        def area(pairs: Ints, score: Floats = score) -> float:
            return auc(score[pairs], labels.speaks[pairs], labels.weights[pairs])

        row: dict[str, Any] = {
            "strength": name,
            "AUC": area(np.arange(len(score))),
            "95%": interval(area, labels.themes),
        }
        for kept in (0.5, 0.6, 0.7):
            members = values >= np.quantile(placed, 1 - kept)
            row[f"speak, {kept:.0%} kept"] = precision(labels, members, np.ones(len(score), dtype=bool))[0]
        rows.append(row)
    return rows


EVERY = MembershipParams(min_strength=-1.0, min_margin=-2.0, min_member_share=0.0, min_coherence=-1.0)
"""Every sentence of a theme's topics is a member."""


def by_bound(labels: Labelled, measured: Measured, quarter: Quarter) -> list[dict[str, Any]]:
    """Return a row per bound: kept, and precision on the themes of even and of odd rank."""
    even, placed, rows = labels.themes % 2 == 0, quarter.themes != NONE, []
    bounds = [MembershipParams(min_strength=b) for b in np.arange(0.16, 0.361, 0.02).round(2).tolist()]
    chosen = MembershipParams()
    for name, params in (
        ("no bound", EVERY),
        ("only weak themes left out", replace(EVERY, min_coherence=chosen.min_coherence)),
        (f"{chosen.min_strength:.2f}, weak themes kept", replace(chosen, min_coherence=-1.0)),
        *((f"{p.min_strength:.2f}", p) for p in bounds),
    ):
        members, _ = rows_of(quarter, measured, params)
        row: dict[str, Any] = {"min_strength": name, "kept": float(members[placed].mean())}
        for half, among in (("tuned on", even), ("reported", ~even), ("all", even | True)):
            share, within = precision(labels, members, among)
            row |= {f"speak, {half}": share, f"95%, {half}": within}
        rows.append(row)
    return rows


def by_theme(quarter: Quarter, measured: Measured) -> list[dict[str, Any]]:
    """Return, by the reader's verdict on the theme, how many themes are of each class."""
    _, themes = rows_of(quarter, measured, MembershipParams())
    counts = {v: dict.fromkeys(COHERENCE_CLASSES, 0) for v in ("coherent", "mixed", "junk")}
    for row in read("themes.csv"):
        counts[row["verdict"]][themes[row["theme"]]["coherence_class"]] += 1
    return [
        {"read as": verdict, **{f"class {c}": n for c, n in of.items()}} for verdict, of in counts.items()
    ]


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.membership", description=__doc__)
    parser.add_argument("--calls", type=Path, required=True, help="transcripts of Earnings-21")
    quarter, labels = build(parser.parse_args().calls)
    params = MembershipParams()
    measured = measure(quarter, params)
    agreed, chance_free = agreement(labels.readings)
    print(f"{len(labels.rows)} pairs of {len(np.unique(labels.themes))} themes; ", end="")
    print(f"the readings agree on {agreed:.1%} (kappa {chance_free:.2f})\n")
    print(markdown(by_strength(labels, measured)), "\n")
    bounds = by_bound(labels, measured, quarter)
    print(markdown(bounds))
    enough = [row for row in bounds[3:] if round(row["speak, tuned on"], 3) >= AIM]
    print(f"\nLowest bound with {AIM:.0%} on the themes tuned on: ", end="")
    print(enough[0]["min_strength"] if enough else "none", "\n")
    print(markdown(by_theme(quarter, measured)))


if __name__ == "__main__":
    main()
