"""The topics of a quarter in one process, as the assets make them: of the calls of a file, or of the sample.

Calls of several quarters in one file are treated as one quarter, which `stability` needs: 44 calls spread over seven.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa

from benchmarks.kept_vectors import kept_vectors
from ftm_assets.methods.calls.transcript_versions import build_transcripts
from ftm_assets.methods.naming.digests import topic_digests
from ftm_assets.methods.naming.extractive import ExtractiveNamer
from ftm_assets.methods.naming.summaries import embedded_label
from ftm_assets.methods.text.firm_names import known_names
from ftm_assets.methods.text.kinds import is_procedural, judge
from ftm_assets.methods.text.sentence_splitting import build_sentences
from ftm_assets.methods.topics.firm_model import model_firm
from ftm_assets.methods.topics.quality import planted_themes
from ftm_assets.methods.vectors import as_lists, unit
from ftm_assets.orchestration.partitions import QUARTERS
from ftm_resources.duck import ConfiguredDuckDB
from ftm_resources.sources.files.transcript_files import FilesSource
from ftm_resources.sources.sample.generated import SampleSource

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

QUARTER = "2023Q1"
"""The quarter that all calls are said to be of."""


@dataclass(frozen=True)
class Quarter:
    """The topics of a quarter and what they were made from."""

    topics: pa.Table
    """As `theme_model.model_themes` takes them."""
    sentences: pa.Table
    """All sentences."""
    sentence_topics: pa.Table
    vectors: NDArray[np.floating]
    """(rows of sentence_topics, d): the embedding of each."""


def of_file(path: Path) -> pa.Table:
    """Return the topics of all calls of a transcript file, as `model_themes` takes them."""
    return quarter_of_file(path).topics


def quarter_of_file(path: Path) -> Quarter:
    """Return the calls of a transcript file as one quarter."""
    source = FilesSource(path)
    transcripts = [
        build_transcripts(pa.concat_tables(parts), quarter, database=ConfiguredDuckDB().connect())[0]
        for quarter in QUARTERS.get_partition_keys()
        if (parts := list(source.components(quarter)))
    ]
    if not transcripts:
        raise ValueError(f"{path}: no calls")
    return _quarter(transcripts)


def of_sample(firms: int) -> pa.Table:
    """Return the topics of the sample's first firms, with the theme `planted` in each (null: none)."""
    source = SampleSource(firms)
    components = pa.concat_tables(source.components(QUARTER))
    transcripts = build_transcripts(components, QUARTER, database=ConfiguredDuckDB().connect())[0]
    made = _quarter([transcripts])
    planted = planted_themes(pa.concat_tables(source.truth(QUARTER)), made.sentences, made.sentence_topics)
    found = [planted.get(t) for t in made.topics.column("topic_id").to_pylist()]
    return made.topics.append_column("planted", pa.array(found, pa.string()))


def _quarter(transcripts: list[pa.Table]) -> Quarter:
    said = pa.concat_tables(transcripts)
    sentences = pa.concat_tables([build_sentences(t, QUARTER) for t in transcripts])
    # As `sentence_kinds` judges them: the sentences of a call in spoken order.
    sentences = sentences.sort_by([(c, "ascending") for c in ("transcript_id", "component_id", "position")])
    vectors = kept_vectors("quarter-sentences", sentences.column("text").to_pylist(), "auto")
    p = judge(sentences, vectors)
    business = np.flatnonzero(~is_procedural(p))
    spoken, vectors, doubt = sentences.take(pa.array(business)), vectors[business], 1 - p[business, 0]
    names = known_names(said.select(["firm_id", "firm_name", "ticker", "speaker_name"]))
    firm_of = np.array(spoken.column("firm_id").to_pylist())
    topics, of_sentences = [], []
    for firm in sorted(set(firm_of.tolist())):
        rows = np.flatnonzero(firm_of == firm)
        own = spoken.take(pa.array(rows))
        result = model_firm(
            own.column("sentence_id").to_pylist(),
            own.column("text").to_pylist(),
            vectors[rows],
            turns=own.column("component_id").to_pylist(),
            positions=own.column("position").to_pylist(),
            firm_id=firm,
            firm_names=names.get(firm, []),
            quarter=QUARTER,
            not_business=doubt[rows].tolist(),
        )
        topics.append(result.firm_topics)
        of_sentences.append(result.sentence_topics)
    found = pa.concat_tables(topics)
    digests = topic_digests(found, sentences.select(["sentence_id", "text"]), names)
    named = ExtractiveNamer().name(digests)
    keywords = found.column("keywords").to_pylist()
    labels = [embedded_label(n, k) for n, k in zip(named, keywords, strict=True)]
    # As `topic_summaries` embeds a topic.
    described = kept_vectors("quarter-topics", [*(n.summary for n in named), *labels], "auto")
    total = described[: len(named)].astype(np.float64) + described[len(named) :]
    firms = said.group_by("firm_id").aggregate([("firm_name", "min")])
    firm_names = dict(zip(*(firms.column(c).to_pylist() for c in ("firm_id", "firm_name_min")), strict=True))
    table = pa.table(
        {
            **{c: found.column(c) for c in ("topic_id", "firm_id", "n_sentences", "keywords", "call_share")},
            "firm_name": pa.array([firm_names[f] for f in found.column("firm_id").to_pylist()], pa.string()),
            "name": pa.array([n.name for n in named], pa.string()),
            "summary": pa.array([n.summary for n in named], pa.string()),
            "embedding": as_lists(unit(total).astype(np.float32)),
            "sentence_embedding": found.column("embedding"),
        }
    )
    placed = pa.concat_tables(of_sentences)
    row_of = {s: i for i, s in enumerate(spoken.column("sentence_id").to_pylist())}
    rows = [row_of[s] for s in placed.column("sentence_id").to_pylist()]
    return Quarter(table, sentences, placed, vectors[rows])
