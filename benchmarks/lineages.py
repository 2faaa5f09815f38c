"""Quarters of themes whose true lineages are known, for `links`: simulated, of the sample, and of a warehouse.

Simulated quarters imitate what clustering anew does to themes: their vectors scatter, large ones come in two pieces,
neighbours come as one, small ones are missing. The sample's are either given (each planted theme of a firm is a topic,
each planted theme a theme) or the pipeline's own, read from a warehouse beside the truth that `ftm sample` wrote.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from ftm_assets.methods.topics.keywords import class_keywords
from ftm_assets.methods.topics.quality import planted_themes
from ftm_assets.methods.vectors import as_matrix, unit
from ftm_resources import quarters
from ftm_resources.sources.sample.generated import SampleSource

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from numpy.typing import NDArray

D = 384
"""Dimensions of simulated vectors, those of all-MiniLM-L6-v2."""
MIN_FIRMS = 3
"""A planted theme that fewer firms speak of in a quarter is no theme there."""


OWN = "a firm's own subject"


@dataclass
class Quarter:
    """The themes of a quarter as a linker sees them, and their true lineages."""

    key: str
    vectors: NDArray[np.float64]
    """(n, d), unit rows, centred on the mean of the quarter's topics."""
    keywords: list[list[str]]
    firms: list[list[str]]
    sizes: list[int]
    """Sentences."""
    lineages: list[str | None]
    """None: no lineage accounts for most of the theme."""
    names: list[str] = field(default_factory=list)
    raw: NDArray[np.float64] | None = None
    """(n, d), unit rows, not centred."""
    events: list[str] = field(default_factory=list)
    """What was planted in each theme's lineage in this quarter; empty if nothing is known."""
    planted: list[dict[str, Any]] = field(default_factory=list)
    """Rows of the sample's series, also of lineages that went."""


@dataclass(frozen=True)
class Simulation:
    """How quarters are simulated.

    With the defaults, cosines and the scores of the simpler rules are near those first measured for them: of the same
    theme in two quarters 0.78 (5% below 0.58), of the nearest other 0.40 (5% above 0.53); F1 of pairs 0.26-0.33,
    0.60-0.62 and 0.74-0.81.
    """

    n_quarters: int = 40
    n_lineages: int = 51
    n_families: int = 12
    n_firms: int = 200
    family: float = 0.57
    """Squared cosine of lineages of one family."""
    scatter: float = 0.42
    """Median length of a theme's noise beside its lineage's unit vector."""
    drift: float = 0.08
    """Length of a lineage's step from quarter to quarter."""
    split: float = 0.3
    """Share of quarters in which a lineage comes in two pieces: of the largest 1.5 times this, of the smallest half."""
    apart: float = 0.42
    """How far the pieces lie to both sides."""
    merge: float = 0.2
    """Share of quarters in which a lineage comes as one with another of its family."""
    missing: float = 0.12
    """Mean share of quarters in which a living lineage is not found."""


def simulated(seed: int, how: Simulation | None = None) -> list[Quarter]:
    """Return quarters drawn around moving lineages; the same for the same seed."""
    how, rng = how or Simulation(), np.random.default_rng(seed)

    def directions(n: int) -> NDArray[np.float64]:
        return unit(rng.normal(size=(n, D)))

    n = how.n_lineages
    family = rng.integers(how.n_families, size=n)
    centres = unit(
        np.sqrt(how.family) * directions(how.n_families)[family] + np.sqrt(1 - how.family) * directions(n)
    )
    sides = directions(n)
    size = rng.lognormal(0, 0.7, n)
    rank = size.argsort().argsort() / n
    is_mortal = rng.random(n) < 0.3
    first = np.where(is_mortal, rng.integers(0, how.n_quarters - 8, n), 0)
    last = np.where(is_mortal, np.minimum(first + rng.integers(8, how.n_quarters, n), how.n_quarters), 99)
    taste = rng.normal(size=(n, how.n_firms)) + 0.8 * rng.normal(size=(how.n_families, how.n_firms))[family]
    general = directions(1)[0]
    found = []
    for t in range(how.n_quarters):
        centres = unit(centres + how.drift * directions(n))
        is_here = (t >= first) & (t < last) & (rng.random(n) > 2 * how.missing * (1 - rank))
        pieces: list[tuple[int, NDArray[np.float64], float]] = []
        taken: set[int] = set()
        for i in rng.permutation(np.flatnonzero(is_here)).tolist():
            if i in taken:
                continue
            mates = [j for j in np.flatnonzero(is_here & (family == family[i])) if j not in taken and j != i]
            chance = rng.random()
            taken.add(i)
            if mates and chance < how.merge:
                j = int(rng.choice(mates))
                taken.add(j)
                mixed = size[i] * centres[i] + size[j] * centres[j]
                pieces.append((i if size[i] >= size[j] else j, mixed, size[i] + size[j]))
            elif chance > 1 - how.split * (0.5 + rank[i]):
                side = unit((sides[i] + directions(1)[0])[None])[0]
                part = rng.uniform(0.3, 0.7)
                pieces.append((i, centres[i] + how.apart * side, part * size[i]))
                pieces.append((i, centres[i] - how.apart * side, (1 - part) * size[i]))
            else:
                pieces.append((i, centres[i], size[i]))
        lines = np.array([p[0] for p in pieces])
        noise = how.scatter * rng.lognormal(0, 0.3, len(pieces))
        vectors = unit(np.array([p[1] for p in pieces])) + noise[:, None] * directions(len(pieces))
        found.append(
            Quarter(
                quarters.shifted("2010Q1", t),
                unit(vectors),
                [_words(rng, int(i), int(family[i])) for i in lines],
                [_firms(rng, taste[i], p[2]) for i, p in zip(lines, pieces, strict=True)],
                [int(100 * p[2]) + 1 for p in pieces],
                [f"lineage {i}" for i in lines],
                raw=unit(1.1 * general + vectors),
            )
        )
    return found


def _words(rng: np.random.Generator, lineage: int, family: int) -> list[str]:
    """Return ten keywords: mostly of the lineage's thirty, some of its family's and some of all."""
    own = [f"word {lineage}.{k}" for k in range(30)]
    near = [f"word of family {family}.{k}" for k in range(15)]
    weights = np.concatenate([0.9 ** np.arange(30), 0.3 * np.ones(15), 0.1 * np.ones(40)])
    words = [*own, *near, *(f"word {k}" for k in range(40))]
    return [words[i] for i in rng.choice(len(words), 10, replace=False, p=weights / weights.sum())]


def _firms(rng: np.random.Generator, taste: NDArray[np.float64], size: float) -> list[str]:
    chance = 1 / (1 + np.exp(2.2 - 1.5 * taste - np.log(size)))
    firms = [f"firm {k}" for k in np.flatnonzero(rng.random(len(taste)) < chance)]
    return firms or [f"firm {int(taste.argmax())}"]


def given(firms: int, keys: Sequence[str], cache: Path, per_topic: int = 3) -> list[Quarter]:
    """Return the sample's quarters with their planted themes as themes, embedded by the bundled model.

    A topic is a firm's sentences in a planted theme; its vector is the mean of `per_topic` of them, a theme's that of
    its topics. Quarters are kept in `cache`, named by quarter and number of firms.
    """
    cache.mkdir(parents=True, exist_ok=True)
    found = []
    for key in keys:
        file = cache / f"given-{firms}-{per_topic}-{key}.parquet"
        if not file.exists():
            pq.write_table(_topics_given(firms, key, per_topic), file)
        found.append(_quarter(key, pq.read_table(file).to_pylist(), lineages_of(firms, key, cache)))
    return found


def lineages_of(firms: int, key: str, cache: Path) -> dict[str, dict[str, Any]]:
    """Return the rows of the sample's series by theme, kept in `cache`."""
    file = cache / f"series-{firms}-{key}.parquet"
    if not file.exists():
        pq.write_table(SampleSource(firms).series(key), file)
    return {row["theme_id"]: row for row in pq.read_table(file).to_pylist()}


def _topics_given(firms: int, key: str, per_topic: int) -> pa.Table:
    from ftm_resources.models.embedder import Embedder  # noqa: PLC0415 - loads torch

    texts: dict[tuple[str, str, bool], list[str]] = defaultdict(list)
    for table in SampleSource(firms).truth(key):
        for row in table.to_pylist():
            if row["kind"] in {"theme", "firm_topic"}:
                subject = row["theme_id"] or row["firm_topic"]
                texts[row["companyid"], subject, row["theme_id"] is not None].append(row["text"])
    chosen = {
        k: [said[i] for i in np.linspace(0, len(said) - 1, min(per_topic, len(said))).astype(int)]
        for k, said in texts.items()
    }
    vectors = Embedder().embed([t for said in chosen.values() for t in said])
    ends = np.cumsum([len(said) for said in chosen.values()])
    rows = [
        {
            "firm": firm,
            "theme": subject if is_theme else None,
            "n": len(texts[firm, subject, is_theme]),
            "texts": said,
            "vector": part.mean(axis=0).tolist(),
        }
        for ((firm, subject, is_theme), said), part in zip(
            chosen.items(), np.split(vectors, ends[:-1]), strict=True
        )
    ]
    return pa.Table.from_pylist(rows)


def _quarter(key: str, topics: list[dict[str, Any]], planted: dict[str, dict[str, Any]]) -> Quarter:
    vectors = unit(np.array([t["vector"] for t in topics]))
    mean = vectors.mean(axis=0)
    of: dict[str, list[int]] = defaultdict(list)
    for i, topic in enumerate(topics):
        if topic["theme"]:
            of[topic["theme"]].append(i)
    kept = {theme: rows for theme, rows in sorted(of.items()) if len(rows) >= MIN_FIRMS}
    keywords = class_keywords([[t for i in rows for t in topics[i]["texts"]] for rows in kept.values()])
    means = np.array([vectors[rows].mean(axis=0) for rows in kept.values()])
    return Quarter(
        key,
        unit(means - mean),
        keywords,
        [sorted({topics[i]["firm"] for i in rows}) for rows in kept.values()],
        [sum(topics[i]["n"] for i in rows) for rows in kept.values()],
        [planted[theme]["lineage_id"] for theme in kept],
        [planted[theme]["theme_name"] for theme in kept],
        unit(means),
        [planted[theme]["event"] for theme in kept],
        list(planted.values()),
    )


def stored(warehouse: Path, truth: Path | None, keys: Sequence[str]) -> list[Quarter]:
    """Return the themes of a warehouse; their lineages from the folder `truth` of `ftm sample`, or none.

    A topic is of the planted theme that accounts for most of its sentences; a theme of the lineage that accounts for
    most sentences of those topics, if for at least half. Firms' own subjects make themes too, of their plants or
    partners say, which are of no lineage.
    """
    from ftm_resources.warehouse import Warehouse  # noqa: PLC0415

    store = Warehouse(path=str(warehouse))
    found = []
    for key in keys:
        themes, topics, of_theme, summaries, sentences, of_topic = (
            store.read(t, key)
            for t in (
                *("themes", "firm_topics", "theme_topics", "topic_summaries", "sentences"),
                "sentence_topics",
            )
        )
        lineage_of: dict[str, str] = {}
        series: list[dict[str, Any]] = []
        if truth:
            files = sorted((truth / "sentences").glob(f"{key}-*.parquet"))
            said = pa.concat_tables([pq.read_table(f) for f in files])
            series = pq.read_table(truth / "series" / f"{key}.parquet").to_pylist()
            lineage = {row["theme_id"]: row["lineage_id"] for row in series}
            subjects = planted_themes(_with_subjects(said), sentences, of_topic)
            lineage_of = {t: lineage.get(subject, OWN) for t, subject in subjects.items()}
        size = dict(zip(topics["topic_id"].to_pylist(), topics["n_sentences"].to_pylist(), strict=True))
        vectors = unit(as_matrix(summaries["embedding"]).astype(np.float64))
        row_of = {t: i for i, t in enumerate(summaries["topic_id"].to_pylist())}
        members: dict[str, list[dict[str, Any]]] = defaultdict(list)
        for row in of_theme.to_pylist():
            if row["theme_id"]:
                members[row["theme_id"]].append(row)
        rows = [r for r in themes.to_pylist() if r["theme_id"] in members]
        means = np.array(
            [vectors[[row_of[m["topic_id"]] for m in members[r["theme_id"]]]].mean(axis=0) for r in rows]
        )
        found.append(
            Quarter(
                key,
                unit(means - vectors.mean(axis=0)),
                [r["keywords"] for r in rows],
                [sorted({m["firm_id"] for m in members[r["theme_id"]]}) for r in rows],
                [sum(size[m["topic_id"]] for m in members[r["theme_id"]]) for r in rows],
                [_mostly(members[r["theme_id"]], lineage_of, size) for r in rows],
                [r["name"] for r in rows],
                unit(means),
                planted=series,
            )
        )
        event = {row["lineage_id"]: row["event"] for row in series}
        found[-1].events = [event.get(str(lineage), "") for lineage in found[-1].lineages] if series else []
    return found


def _with_subjects(truth: pa.Table) -> pa.Table:
    """Return the truth of sentences with OWN as the theme of those about a firm's own subject."""
    themes = [
        theme or (subject and OWN)
        for theme, subject in zip(*(truth[c].to_pylist() for c in ("theme_id", "firm_topic")), strict=True)
    ]
    place = truth.schema.get_field_index("theme_id")
    return truth.set_column(place, "theme_id", pa.array(themes, pa.string()))


def _mostly(members: list[dict[str, Any]], lineage_of: dict[str, str], size: dict[str, int]) -> str | None:
    counts: Counter[str] = Counter()
    for member in members:
        if lineage := lineage_of.get(member["topic_id"]):
            counts[lineage] += size[member["topic_id"]]
    (lineage, n), *_ = counts.most_common(1) or [(OWN, 0)]
    return lineage if lineage != OWN and n >= counts.total() / 2 else None
