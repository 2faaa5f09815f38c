"""Digests of topics and themes, the input of every namer, built from the tables."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from ftm_assets.methods.naming.headings import GENERAL
from ftm_assets.methods.naming.rules import Digest
from ftm_assets.methods.text.firm_names import firm_name_forms
from ftm_assets.methods.vectors import as_matrix, unit

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import pyarrow as pa
    from numpy.typing import NDArray

MAX_SENTENCES = 8
"""Maximum sentences per topic: those farther from its centre add little to a name."""


MAX_EVIDENCE = 30
"""Maximum sentences per topic in which names are sought; a name must be used in several of them."""


def topic_digests(
    topics: pa.Table,
    sentences: pa.Table,
    names: Mapping[str, Sequence[str]],
    *,
    members: pa.Table | None = None,
    vectors: pa.Table | None = None,
    max_sentences: int = MAX_SENTENCES,
) -> list[Digest]:
    """Return a digest per topic (row of `firm_topics`), in order.

    `topics` has topic_id, firm_id, keywords and representative_sentence_ids; `sentences` has sentence_id and text of
    at least those, and component_id if `members` (`sentence_topics`) is given, from which the evidence is taken;
    `names` lists for each firm the names to keep out of topic names; `vectors` is `sentence_embeddings`. Raises
    KeyError if a sentence is missing.
    """
    ids, texts = (sentences.column(c).to_pylist() for c in ("sentence_id", "text"))
    text_of = dict(zip(ids, texts, strict=True))
    of_topic: dict[str, list[str]] = {}
    turn_of: dict[str, str] = {}
    if members is not None:
        of_topic = sentences_of(members)
        turn_of = dict(zip(ids, sentences.column("component_id").to_pylist(), strict=True))
    rows = topics.to_pylist()
    centres = None if vectors is None else topic_vectors([t["topic_id"] for t in rows], of_topic, vectors)
    digests = []
    for place, topic in enumerate(rows):
        central = topic["representative_sentence_ids"]
        more = dict.fromkeys([*central, *of_topic.get(topic["topic_id"], ())])
        digests.append(
            Digest(
                id=topic["topic_id"],
                kind="topic",
                keywords=tuple(topic["keywords"]),
                sentences=tuple(text_of[s] for s in central[:max_sentences]),
                exclude=tuple(names.get(topic["firm_id"], ())),
                group=topic["firm_id"],
                evidence=tuple((text_of[s], turn_of[s]) for s in list(more)[:MAX_EVIDENCE])
                if turn_of
                else (),
                vector=None if centres is None else tuple(centres[place].tolist()),
            )
        )
    return digests


def sentences_of(members: pa.Table) -> dict[str, list[str]]:
    """Return the sentence ids of each topic in `sentence_topics`, strongest first."""
    found: dict[str, list[tuple[float, str]]] = {}
    columns = (members.column(c).to_pylist() for c in ("sentence_id", "topic_id", "strength"))
    for sentence, topic, strength in zip(*columns, strict=True):
        if topic is not None:
            found.setdefault(topic, []).append((-strength, sentence))
    return {topic: [s for _, s in sorted(own)] for topic, own in found.items()}


def topic_vectors(
    topic_ids: Sequence[str], of_topic: Mapping[str, Sequence[str]], vectors: pa.Table
) -> NDArray[np.float64]:
    """Return the mean embedding of each topic's sentences, scaled to unit length (n, d); zero without sentences.

    `vectors` has sentence_id and embedding.
    """
    place = {s: i for i, s in enumerate(vectors.column("sentence_id").to_pylist())}
    matrix = as_matrix(vectors.column("embedding"))
    total = np.zeros((len(topic_ids), matrix.shape[1]))
    for row, topic in enumerate(topic_ids):
        if own := [place[s] for s in of_topic.get(topic, ())]:
            total[row] = matrix[own].sum(axis=0, dtype=np.float64)
    return unit(total)


def theme_digests(
    themes: pa.Table,
    central_topic_ids: Sequence[Sequence[str]],
    topics: pa.Table,
    theme_topics: pa.Table | None = None,
) -> list[Digest]:
    """Return a digest per theme, in order.

    `themes` has theme_id and keywords, and embedding if names are to be chosen by meaning; `central_topic_ids` lists
    the topics of each, most central first; `topics` has topic_id, name, summary and firm_name of at least those.
    With `theme_topics` (topic_id, theme_id) all topics of a theme are evidence, and `topics` has firm_id and keywords
    too.
    """
    columns = (topics.column(c).to_pylist() for c in ("topic_id", "name", "summary", "firm_name"))
    topic = {topic_id: shown for topic_id, *shown in zip(*columns, strict=True)}
    evidence = {} if theme_topics is None else _evidence(central_topic_ids, topics, theme_topics)
    vectors = themes.column("embedding").to_pylist() if "embedding" in themes.column_names else []
    digests = []
    for place, (theme, central) in enumerate(
        zip(themes.select(["theme_id", "keywords"]).to_pylist(), central_topic_ids, strict=True)
    ):
        names, summaries, firms = zip(*(topic[t] for t in central), strict=True)
        shown = evidence.get(theme["theme_id"], [])
        firms_of: dict[str, set[str]] = {}
        for t, _, firm in shown:
            firms_of.setdefault(topic[t][0], set()).add(firm)
        firms = (*firms, *(topic[t][2] for t, _, _ in shown))
        digests.append(
            Digest(
                id=theme["theme_id"],
                kind="theme",
                keywords=tuple(theme["keywords"]),
                sentences=summaries,
                names=names,
                n_firms=tuple(len(firms_of[n]) for n in names) if shown else (),
                exclude=tuple(sorted({form for firm in set(firms) for form in firm_name_forms(firm)})),
                evidence=tuple((text, firm) for _, text, firm in shown),
                vector=tuple(vectors[place]) if vectors else None,
            )
        )
    return digests


def _evidence(
    central_topic_ids: Sequence[Sequence[str]], topics: pa.Table, theme_topics: pa.Table
) -> dict[str, list[tuple[str, str, str]]]:
    """Return (topic, text, firm) of each theme's topics, the central ones first."""
    rows = {t["topic_id"]: t for t in topics.select([*_SHOWN]).to_pylist()}
    first = {t for central in central_topic_ids for t in central}
    found: dict[str, list[tuple[str, str, str]]] = {}
    pairs = zip(*(theme_topics.column(c).to_pylist() for c in ("topic_id", "theme_id")), strict=True)
    for topic_id, theme_id in sorted(
        (p for p in pairs if p[1] is not None), key=lambda p: (p[0] not in first, p[0])
    ):
        t = rows[topic_id]
        name = [] if t["name"] in GENERAL else [t["name"]]
        text = ". ".join([*name, *t["keywords"], t["summary"]])
        found.setdefault(theme_id, []).append((topic_id, text, t["firm_id"]))
    return found


_SHOWN = ("topic_id", "firm_id", "name", "keywords", "summary")
