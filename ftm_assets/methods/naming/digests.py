"""Digests of topics and themes, the input of every namer, built from the tables."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ftm_assets.methods.naming.rules import Digest
from ftm_assets.methods.text.firm_names import firm_name_forms

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import pyarrow as pa

MAX_SENTENCES = 8
"""Maximum sentences per topic: those farther from its centre add little to a name."""

MAX_KEYWORDS = 5
"""Maximum keywords of a topic in the evidence of its theme: later ones are of single sentences."""


def topic_digests(
    topics: pa.Table,
    sentences: pa.Table,
    names: Mapping[str, Sequence[str]],
    *,
    max_sentences: int = MAX_SENTENCES,
) -> list[Digest]:
    """Return a digest per topic (row of `firm_topics`), in order.

    `topics` has topic_id, firm_id, keywords and representative_sentence_ids; `sentences` has sentence_id and text of
    at least those; `names` lists for each firm the names to keep out of topic names. Raises KeyError if a sentence is
    missing.
    """
    ids, texts = (sentences.column(c).to_pylist() for c in ("sentence_id", "text"))
    text_of = dict(zip(ids, texts, strict=True))
    return [
        Digest(
            id=topic["topic_id"],
            kind="topic",
            keywords=tuple(topic["keywords"]),
            sentences=tuple(text_of[s] for s in topic["representative_sentence_ids"][:max_sentences]),
            exclude=tuple(names.get(topic["firm_id"], ())),
            group=topic["firm_id"],
        )
        for topic in topics.to_pylist()
    ]


def theme_digests(
    themes: pa.Table,
    central_topic_ids: Sequence[Sequence[str]],
    topics: pa.Table,
    theme_topics: pa.Table | None = None,
) -> list[Digest]:
    """Return a digest per theme, in order.

    `themes` has theme_id and keywords; `central_topic_ids` lists the topics of each, most central first; `topics` has
    topic_id, name, summary and firm_name of at least those. With `theme_topics` (topic_id, theme_id) all topics of a
    theme are evidence, and `topics` has firm_id and keywords too.
    """
    columns = (topics.column(c).to_pylist() for c in ("topic_id", "name", "summary", "firm_name"))
    topic = {topic_id: shown for topic_id, *shown in zip(*columns, strict=True)}
    evidence = {} if theme_topics is None else _evidence(central_topic_ids, topics, theme_topics)
    digests = []
    for theme, central in zip(
        themes.select(["theme_id", "keywords"]).to_pylist(), central_topic_ids, strict=True
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
        text = ". ".join([*t["keywords"][:MAX_KEYWORDS], t["summary"]])
        found.setdefault(theme_id, []).append((topic_id, text, t["firm_id"]))
    return found


_SHOWN = ("topic_id", "firm_id", "name", "keywords", "summary")
