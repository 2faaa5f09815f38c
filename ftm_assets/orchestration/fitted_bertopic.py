"""A quarter's stored topics or themes as a fitted BERTopic model: what `ftm bertopic` saves, for use in Python."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal, NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from ftm_assets.methods.topics.bertopic_model import fitted
from ftm_assets.methods.vectors import as_matrix
from ftm_assets.orchestration.inputs import consistent
from ftm_resources.models.embedder import Embedder
from ftm_resources.warehouse import QuarterTable, Warehouse

_OF_FIRM = (
    *("firm_topics", "topic_summaries", "sentence_topics"),
    *("sentences", "sentence_embeddings", "transcripts"),
)
_OF_QUARTER = ("themes", "theme_topics", "topic_summaries", "transcripts")

Level = Literal["firm", "theme"]


class Fitted(NamedTuple):
    """A fitted BERTopic and the documents that it was fitted to."""

    model: Any
    """`bertopic.BERTopic`; its topic numbers are the ranks in our ids, and its custom labels begin with the id."""
    documents: pa.Table
    """document_id, firm_id, call_date, text, embedding (float32), topic (BERTopic's number, -1 for none) and topic_id
    or theme_id; in the order in which they were fitted."""

    @property
    def texts(self) -> list[str]:
        """The documents' texts, as BERTopic's methods expect them."""
        texts: list[str] = self.documents.column("text").to_pylist()
        return texts

    @property
    def embeddings(self) -> np.ndarray[Any, np.dtype[np.float32]]:
        """The documents' vectors, float32 (n, d)."""
        return as_matrix(self.documents.column("embedding"))


def to_bertopic(
    warehouse: Warehouse,
    quarter: str,
    level: Level = "theme",
    *,
    firm: str | None = None,
    embedder: Embedder | None = None,
) -> Fitted:
    """Return a quarter's themes, or the topics of one firm, as a fitted BERTopic with its documents.

    At level `theme` a document is a firm's topic, its text the topic's name and summary, its date that of the firm's
    first call; at level `firm` it is a sentence of `firm`. `embedder` embeds new texts (default: the configured one).

    Raises ValueError if `firm` is missing at level `firm` or given at level `theme`, LookupError if the quarter has no
    such topics, WarehouseError if a table does not have the quarter or its tables are of mixed generations, and
    MissingExtraError without the extra `ftm[bertopic]`.
    """
    if (level == "firm") != (firm is not None):
        raise ValueError("level firm needs a firm, and level theme takes none")
    stored = consistent(warehouse, quarter, _OF_FIRM if firm else _OF_QUARTER)
    documents, topics = _of_firm(stored, quarter, firm) if firm else _of_quarter(stored, quarter)
    embedder = embedder or Embedder()
    result = Fitted(None, documents)
    model = fitted(
        result.texts,
        result.embeddings,
        documents.column("topic").to_numpy(),
        keywords=topics.column("keywords").to_pylist(),
        labels=[
            f"{i} {name}".strip()
            for i, name in zip(*(topics.column(c).to_pylist() for c in ("id", "name")), strict=True)
        ],
        embed=embedder.embed,
        model_name=embedder.source(),
    )
    return result._replace(model=model)


def _of_firm(stored: Mapping[str, QuarterTable], quarter: str, firm: str) -> tuple[pa.Table, pa.Table]:
    """Return the firm's sentences as documents, and its topics by number: id, name, keywords."""
    topics = stored["firm_topics"].read(["topic_id", "local_topic", "keywords"], firms=[firm])
    if not topics.num_rows:
        known = stored["firm_topics"].firms()
        some = ", ".join(known[:5])
        raise LookupError(f"firm {firm} has no topics in {quarter}; {len(known)} firms do, e.g. {some}")
    topics = topics.sort_by("local_topic")
    summaries = stored["topic_summaries"].read(["topic_id", "name"], firms=[firm])
    names = _looked_up(topics.column("topic_id"), summaries.column("topic_id"), summaries.column("name"))
    members = stored["sentence_topics"].read(["sentence_id", "firm_id", "topic_id"], firms=[firm])
    members = members.sort_by("sentence_id")
    ids = members.column("sentence_id")
    sentences = stored["sentences"].read(["sentence_id", "transcript_id", "text"], firms=[firm])
    vectors = stored["sentence_embeddings"].read(["sentence_id", "embedding"], firms=[firm])
    calls = stored["transcripts"].read(["transcript_id", "call_date"], firms=[firm])
    spoken = _looked_up(ids, sentences.column("sentence_id"), sentences.column("transcript_id"))
    documents = pa.table(
        {
            "document_id": ids,
            "firm_id": members.column("firm_id"),
            "call_date": _looked_up(spoken, calls.column("transcript_id"), calls.column("call_date")),
            "text": _looked_up(ids, sentences.column("sentence_id"), sentences.column("text")),
            "embedding": _looked_up(ids, vectors.column("sentence_id"), vectors.column("embedding")),
            "topic": _numbers(members.column("topic_id"), topics.column("topic_id")),
            "topic_id": members.column("topic_id"),
        }
    )
    return documents, pa.table(
        {
            "id": topics.column("topic_id"),
            "name": pc.fill_null(names, ""),
            "keywords": topics.column("keywords"),
        }
    )


def _of_quarter(stored: Mapping[str, QuarterTable], quarter: str) -> tuple[pa.Table, pa.Table]:
    """Return the topics of all firms as documents, and the themes by number: id, name, keywords."""
    themes = stored["themes"].read(["theme_id", "name", "keywords"]).sort_by("theme_id")
    if not themes.num_rows:
        raise LookupError(f"{quarter} has no themes")
    members = stored["theme_topics"].read(["topic_id", "firm_id", "theme_id"]).sort_by("topic_id")
    ids, firms = members.column("topic_id"), members.column("firm_id")
    summaries = stored["topic_summaries"].read(["topic_id", "name", "summary", "embedding"])
    calls = stored["transcripts"].read(["firm_id", "call_date"])
    calls = calls.group_by("firm_id").aggregate([("call_date", "min")])
    texts = pc.binary_join_element_wise(summaries.column("name"), summaries.column("summary"), ". ")
    documents = pa.table(
        {
            "document_id": ids,
            "firm_id": firms,
            "call_date": _looked_up(firms, calls.column("firm_id"), calls.column("call_date_min")),
            "text": _looked_up(ids, summaries.column("topic_id"), texts),
            "embedding": _looked_up(ids, summaries.column("topic_id"), summaries.column("embedding")),
            "topic": _numbers(members.column("theme_id"), themes.column("theme_id")),
            "theme_id": members.column("theme_id"),
        }
    )
    return documents, pa.table(
        {
            "id": themes.column("theme_id"),
            "name": themes.column("name"),
            "keywords": themes.column("keywords"),
        }
    )


def _looked_up(keys: pa.ChunkedArray, known: pa.ChunkedArray, values: pa.ChunkedArray) -> pa.ChunkedArray:
    """Return the value of each key; null if the key is unknown."""
    return values.take(pc.index_in(keys, known.combine_chunks()))


def _numbers(ids: pa.ChunkedArray, known: pa.ChunkedArray) -> pa.ChunkedArray:
    """Return the position of each id among those known, -1 for null."""
    return pc.cast(pc.fill_null(pc.index_in(ids, known.combine_chunks(), skip_nulls=True), -1), pa.int64())
