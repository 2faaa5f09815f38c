"""The table of hits: each with its scores, its text, its parents and, on request, its nearest sentences."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pyarrow as pa

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from ftm_resources.retrieval.merging import Candidate
    from ftm_resources.retrieval.searched import Row, SearchedQuarter, Vector

_CHILD = pa.struct(
    [
        *((n, pa.string()) for n in ("sentence_id", "text", "firm_id", "firm_name")),
        ("call_date", pa.date32()),
        *((n, pa.string()) for n in ("section", "speaker_type", "speaker_name")),
        ("topic_id", pa.string()),
        ("topic_name", pa.string()),
        ("similarity", pa.float32()),
    ]
)


def _field(name: str, kind: pa.DataType, doc: str) -> pa.Field:
    return pa.field(name, kind, metadata={"doc": doc})


_S, _I, _D = pa.string(), pa.int32(), pa.float64()

HITS = pa.schema(
    [
        _field("rank", _I, "From 1"),
        _field("level", _S, "theme, topic or sentence"),
        _field("id", _S, "theme_id, topic_id or sentence_id"),
        _field("quarter", _S, "Calendar quarter of the call"),
        _field("score", _D, "Sum over both rankings of 1 / (60 + rank): what hits are ordered by"),
        _field(
            "calibrated", _D, "Similarity on the scale of its level: 0 is a query's usual tenth hit there"
        ),
        _field("similarity", _D, "Cosine to the query; null by words alone"),
        _field("bm25", _D, "BM25's share of the most possible; null if not among the best by words"),
        _field(
            "is_near",
            pa.bool_(),
            "Whether it is about the query as far as scores tell: found by its words, or calibrated at least −1",
        ),
        _field("name", _S, "Name of a theme or topic; null for a sentence"),
        _field("text", _S, "The sentence, summary of the topic or description of the theme"),
        _field("theme_id", _S, "Its theme; a sentence has one if it counts there"),
        _field("theme_name", _S, "Name of that theme"),
        _field("topic_id", _S, "Its topic"),
        _field("topic_name", _S, "Name of that topic"),
        _field(
            "tone",
            _D,
            "(positive − negative) / scored sentences; of a sentence 1, 0 or −1; null if not scored",
        ),
        _field("firm_id", _S, "The firm; null for a theme"),
        _field("firm_name", _S, "Its name"),
        _field("ticker", _S, "Its ticker"),
        _field("permno", pa.int64(), "CRSP's PERMNO"),
        _field(
            "transcript_id",
            _S,
            "The call; of a topic, that of most of its sentences that meet the filters, or the later",
        ),
        _field("call_date", pa.date32(), "New York date of that call"),
        _field("section", _S, "presentation or q_and_a; sentences only"),
        _field("speaker_type", _S, "Kind of speaker; sentences only"),
        _field("speaker_name", _S, "Speaker; sentences only"),
        _field("n_topics", _I, "Topics in the theme; themes only"),
        _field("n_sentences", _I, "Sentences in the theme or topic"),
        _field("topics_found", _I, "Topics of the same theme among the candidates that are not listed"),
        _field(
            "sentences_found",
            _I,
            "Sentences of the same topic or theme among the candidates that are not listed",
        ),
        _field(
            "duplicates",
            pa.list_(_S),
            "Ids of those by its firm with the same words that are not listed",
        ),
        _field("children", pa.list_(_CHILD), "Nearest sentences of the topic or theme, if asked for"),
        _field(
            "is_exact", pa.bool_(), "Whether every vector of the quarter was compared, as it has no index"
        ),
    ]
)
"""The columns of hits; the metadata of each says what it is."""


def shown(
    hits: Sequence[Candidate],
    quarters: Mapping[str, SearchedQuarter],
    *,
    vector: Vector | None,
    children: int = 0,
) -> list[dict[str, Any]]:
    """Return the rows of HITS for hits, best first, from their quarters under the filter."""
    rows = []
    topics = {q: [c.row for c in hits if (c.quarter, c.level) == (q, "topic")] for q in quarters}
    calls = {name: quarter.calls_under_filter(topics[name]) for name, quarter in quarters.items()}
    for rank, c in enumerate(hits, 1):
        quarter = quarters[c.quarter]
        rows.append(
            {
                "rank": rank,
                "level": c.level,
                "quarter": c.quarter,
                "score": c.score,
                "calibrated": None if vector is None else c.calibrated,
                "similarity": None if vector is None else c.cosine,
                "bm25": c.bm25,
                "is_near": c.is_near,
                "topics_found": c.topics_found,
                "sentences_found": c.sentences_found,
                "duplicates": [quarters[d.quarter].strings(d.level, d.row)["id"] for d in c.duplicates],
                "is_exact": quarter.is_exact,
                **_about(quarter, c, calls[c.quarter]),
                "children": _children(quarter, c, vector, children),
            }
        )
    return rows


def _about(quarter: SearchedQuarter, c: Candidate, calls: Mapping[Row, dict[str, Any]]) -> dict[str, Any]:
    """Return what a row says of itself and of its parents; `calls` are those of topics under a filter."""
    own = quarter.strings(c.level, c.row)
    about = {**own, "name": own.get("name"), "tone": quarter.tone(c.level, c.row)}
    about.pop("keywords", None)
    about |= {**_parent(quarter, "topic", c.topic), **_parent(quarter, "theme", c.theme)}
    if c.level == "sentence":
        about |= quarter.spoken(c.row)
    if c.level == "topic":
        about["n_topics"] = None
    if c.level != "theme":
        chosen = calls.get(c.row) if c.level == "topic" else None
        about |= chosen or quarter.call(c.level, c.row)
    return about


def _children(
    quarter: SearchedQuarter, c: Candidate, vector: Vector | None, n: int
) -> list[dict[str, Any]] | None:
    """Return the sentences of a topic or theme that meet the filter and are nearest to the query."""
    if not n or vector is None or c.level == "sentence":
        return None
    made = []
    for row, similarity in quarter.nearest_sentences(c.level, c.row, vector, n):
        own, held = quarter.strings("sentence", row), quarter.call("sentence", row)
        made.append(
            {
                "sentence_id": own["id"],
                "text": own["text"],
                **{name: held.get(name) for name in ("firm_id", "firm_name", "call_date")},
                **quarter.spoken(row),
                "speaker_name": own["speaker_name"],
                **_parent(quarter, "topic", quarter.topic_of(row)),
                "similarity": similarity,
            }
        )
    return made


def _parent(quarter: SearchedQuarter, level: str, row: Row | None) -> dict[str, Any]:
    """Return the id and name of a topic or theme by its row; nothing without one."""
    if row is None:
        return {}
    own = quarter.strings(level, row)
    return {f"{level}_id": own["id"], f"{level}_name": own["name"]}
