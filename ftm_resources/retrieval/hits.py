"""The table of hits: each with its scores, its text, its parents and, on request, its nearest sentences."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa

from ftm_resources.retrieval.levels import NOT_SCORED
from ftm_resources.tables.categories import SECTIONS, SPEAKER_TYPES

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

    from ftm_resources.retrieval.merging import Candidate
    from ftm_resources.retrieval.opened_quarter import Chosen, OpenQuarter

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
    quarters: Mapping[str, OpenQuarter],
    *,
    vector: NDArray[np.float32] | None,
    chosen: Mapping[str, Mapping[str, Chosen]],
    children: int = 0,
) -> list[dict[str, Any]]:
    """Return the rows of HITS for hits, best first."""
    rows = []
    calls = {name: _calls_of_topics(hits, quarter, chosen[name]) for name, quarter in quarters.items()}
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
                "duplicates": [
                    quarter_.levels[d.level].strings(d.row)["id"] for d, quarter_ in _of(c, quarters)
                ],
                "is_exact": quarter.is_exact,
                **_about(quarter, c, calls[c.quarter]),
                "children": _children(quarter, c, vector, chosen[c.quarter]["sentence"], children),
            }
        )
    return rows


def _of(c: Candidate, quarters: Mapping[str, OpenQuarter]) -> list[tuple[Candidate, OpenQuarter]]:
    return [(d, quarters[d.quarter]) for d in c.duplicates]


def _calls_of_topics(
    hits: Sequence[Candidate], quarter: OpenQuarter, chosen: Mapping[str, Chosen]
) -> dict[int, int]:
    """Return topic → the call of most of its sentences that meet the filter; nothing where no filter limits topics."""
    topics = [c.row for c in hits if c.level == "topic" and c.quarter == quarter.quarter]
    mask = chosen["sentence"].mask
    if not topics or chosen["topic"].mask is None or mask is None:
        return {}
    columns = quarter.levels["sentence"].columns
    kept = np.flatnonzero(mask & np.isin(columns["topic"], topics) & (columns["call"] >= 0))
    pairs, counts = np.unique(
        np.stack([columns["topic"][kept], columns["call"][kept]]), axis=1, return_counts=True
    )
    # Later entries replace earlier ones: the largest count, of equals the later call, is the last.
    order = np.lexsort((pairs[1], counts))
    return dict(zip(pairs[0][order].tolist(), pairs[1][order].tolist(), strict=True))


def _about(quarter: OpenQuarter, c: Candidate, calls: Mapping[int, int]) -> dict[str, Any]:
    """Return what a row says of itself and of its parents; `calls` are those of topics under a filter."""
    level = quarter.levels[c.level]
    own = level.strings(c.row)
    about = {**own, "name": own.get("name")}
    about.pop("keywords", None)
    topic, theme = c.topic, c.theme
    about |= {**_parent(quarter, "topic", topic), **_parent(quarter, "theme", theme)}
    if c.level == "sentence":
        label = int(level.columns["label"][c.row])
        about |= {"tone": None if label == NOT_SCORED else float(label), **_spoken(quarter, c.row)}
    else:
        tone = float(level.columns["tone"][c.row])
        about["tone"] = None if np.isnan(tone) else tone
    if c.level == "topic":
        about["n_topics"] = None
    if c.level != "theme":
        call = int(level.columns["call"][c.row])
        if c.level == "topic":
            call = calls.get(c.row, call)
        about |= _call(quarter, call)
    return about


def _children(
    quarter: OpenQuarter, c: Candidate, vector: NDArray[np.float32] | None, chosen: Chosen, n: int
) -> list[dict[str, Any]] | None:
    """Return the sentences of a topic or theme that meet the filter and are nearest to the query."""
    if not n or vector is None or c.level == "sentence":
        return None
    sentences, topics = quarter.levels["sentence"], quarter.levels["topic"]
    if not sentences.n:
        return []
    of_topic = sentences.columns["topic"]
    if c.level == "topic":
        mask = of_topic == c.row
    else:
        is_its = np.append(
            topics.columns["theme"] == c.row, False
        )  # the last place is of sentences without a topic
        mask = is_its[of_topic] & (sentences.columns["is_member"] == 1)
    if chosen.mask is not None:
        mask &= chosen.mask
    rows, found = sentences.vectors.nearest(vector, n, mask)
    made = []
    for row, similarity in zip(rows.tolist(), found.tolist(), strict=True):
        own = sentences.strings(row)
        held = _call(quarter, int(sentences.columns["call"][row]))
        made.append(
            {
                "sentence_id": own["id"],
                "text": own["text"],
                **{name: held.get(name) for name in ("firm_id", "firm_name", "call_date")},
                **_spoken(quarter, row),
                "speaker_name": own["speaker_name"],
                **_parent(quarter, "topic", int(of_topic[row])),
                "similarity": similarity,
            }
        )
    return made


def _parent(quarter: OpenQuarter, level: str, row: int) -> dict[str, Any]:
    """Return the id and name of a topic or theme by its row; nothing for −1."""
    if row < 0:
        return {}
    own = quarter.levels[level].strings(row)
    return {f"{level}_id": own["id"], f"{level}_name": own["name"]}


def _spoken(quarter: OpenQuarter, sentence: int) -> dict[str, str]:
    columns = quarter.levels["sentence"].columns
    section, speaker = columns["section"][sentence], columns["speaker"][sentence]
    return {"section": SECTIONS[section], "speaker_type": SPEAKER_TYPES[speaker]}


def _call(quarter: OpenQuarter, call: int) -> dict[str, Any]:
    """Return what is known of a call by its number; nothing for −1."""
    held: list[dict[str, Any]] = quarter.calls.slice(call, 1).to_pylist() if call >= 0 else [{}]
    return held[0]
