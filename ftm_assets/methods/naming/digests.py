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
    themes: pa.Table, central_topic_ids: Sequence[Sequence[str]], topics: pa.Table
) -> list[Digest]:
    """Return a digest per theme, in order.

    `themes` has theme_id and keywords; `central_topic_ids` lists the topics of each, most central first; `topics`
    has topic_id, name, summary and firm_name of at least those.
    """
    columns = (topics.column(c).to_pylist() for c in ("topic_id", "name", "summary", "firm_name"))
    topic = {topic_id: shown for topic_id, *shown in zip(*columns, strict=True)}
    digests = []
    for theme, central in zip(
        themes.select(["theme_id", "keywords"]).to_pylist(), central_topic_ids, strict=True
    ):
        names, summaries, firms = zip(*(topic[t] for t in central), strict=True)
        digests.append(
            Digest(
                id=theme["theme_id"],
                kind="theme",
                keywords=tuple(theme["keywords"]),
                sentences=summaries,
                names=names,
                exclude=tuple(sorted({form for firm in firms for form in firm_name_forms(firm)})),
            )
        )
    return digests
