"""The calls used by the benchmarks: real ones from a file, split into sentences as the platform does."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from ftm_assets.methods.calls.transcript_versions import build_transcripts
from ftm_assets.methods.text.kinds import is_procedural, judge
from ftm_assets.methods.text.sentence_splitting import build_sentences
from ftm_assets.orchestration.partitions import QUARTERS
from ftm_resources.duck import ConfiguredDuckDB
from ftm_resources.sources.files.transcript_files import FilesSource

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray


@dataclass
class Call:
    """One firm's quarter: the input of its topics."""

    firm_id: str
    names: list[str]
    """Names of the firm and its speakers, kept out of keywords."""
    sentence_ids: list[str]
    texts: list[str]
    """Non-procedural sentences (judged by words and form) in the order of the call."""
    turns: list[str]
    """Component (speaker turn) of each sentence."""
    embeddings: NDArray[np.float32] = field(default_factory=lambda: np.zeros((0, 0), np.float32))
    """(n, d), unit rows, float32; filled by `embedded`."""


def load(path: Path, quarters: Sequence[str] | None = None) -> list[Call]:
    """Return the calls of a transcript file (by default of all quarters), by firm; ValueError if it has none."""
    calls: list[Call] = []
    database = ConfiguredDuckDB().connect()
    for quarter in quarters or QUARTERS.get_partition_keys():
        parts = list(FilesSource(path).components(quarter))
        if not parts:
            continue
        transcripts, _ = build_transcripts(pa.concat_tables(parts), quarter, database=database)
        sentences = build_sentences(transcripts, quarter)
        sentences = sentences.filter(pa.array(~is_procedural(judge(sentences))))
        for firm in pc.unique(sentences["firm_id"]).to_pylist():
            own = sentences.filter(pc.equal(sentences["firm_id"], firm))
            said = transcripts.filter(pc.equal(transcripts["firm_id"], firm))
            names = {n for c in ("firm_name", "speaker_name") for n in said[c].to_pylist() if n}
            calls.append(
                Call(
                    firm,
                    sorted(names),
                    own["sentence_id"].to_pylist(),
                    own["text"].to_pylist(),
                    own["component_id"].to_pylist(),
                )
            )
    if not calls:
        raise ValueError(f"{path}: no calls")
    return sorted(calls, key=lambda c: c.firm_id)


def embedded(calls: list[Call]) -> list[Call]:
    """Fill in float32 embeddings, so that every clustering gets the same input."""
    from ftm_resources.models.embedder import Embedder  # noqa: PLC0415

    vectors = Embedder(precision="float32").embed([t for c in calls for t in c.texts])
    for call, own in zip(
        calls, np.split(vectors, np.cumsum([len(c.texts) for c in calls])[:-1]), strict=True
    ):
        call.embeddings = own
    return calls
