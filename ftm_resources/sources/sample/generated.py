"""The bundled sample: fictional earnings calls with planted themes, as a source and as files.

`SampleSource` feeds a deployment; `ftm sample --firms 5000 --quarter 2023Q1 --out DIR` writes the same calls to
`DIR/calls/*.parquet`, in Capital IQ's columns, for the `files` source, and what was planted to
`DIR/truth/*.parquet`. Point `files` at `DIR/calls`. Firm i of (seed, quarter) does not depend on the number of
firms. Every 48 consecutive firms include calls in two and in three versions, two calls of one firm, firms without
a link, a tiny call, a very long one, a purely procedural one, calls after the close on the quarter's last day, and
non-ASCII names.

The texts are in `text/` (read by `corpus`), their grammar is `grammar`, firms are `firms`, calls `speech`.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
from tqdm import tqdm

from ftm_resources.quarters import NEW_YORK
from ftm_resources.sources.base import Progress, TranscriptSource
from ftm_resources.sources.sample.firms import Firm, Quarter, make_firm
from ftm_resources.sources.sample.speech import Transcript, make_transcripts
from ftm_resources.tables.components import COMPONENTS

DEFAULT_SEED = 7
BATCH_FIRMS = 25
"""Firms per table, and per row group of a file; about 10,000 sentences."""
FILE_FIRMS = 500
"""Firms per file."""

TRUTH = pa.schema(
    [
        pa.field("companyid", pa.string(), nullable=False),
        pa.field("transcriptid", pa.string(), nullable=False),
        pa.field("componentorder", pa.int32(), nullable=False),
        pa.field("position", pa.int32(), nullable=False),
        pa.field("text", pa.string(), nullable=False),
        pa.field("kind", pa.string(), nullable=False),
        pa.field("theme_id", pa.string()),
        pa.field("theme_name", pa.string()),
        pa.field("firm_topic", pa.string()),
        pa.field("sentiment", pa.string(), nullable=False),
    ]
)
"""One row per sentence of every version of every call. `position`: 0-based, within its component. `kind`: theme,
firm_topic, procedural or filler. `sentiment` is planted in themes and firm topics; otherwise neutral."""

_IDS = {"companyid", "transcriptid", "keydevid"}


class SampleSource(TranscriptSource):
    """Generated calls of fictional firms."""

    name = "sample"

    def __init__(self, firms: int = 48, seed: int = DEFAULT_SEED) -> None:
        if firms < 1:
            raise ValueError(f"the sample needs at least one firm, not {firms}")
        self.firms, self.seed = firms, seed

    def provenance(self) -> dict[str, Any]:
        """Return the number of firms and the seed."""
        return {**super().provenance(), "firms": self.firms, "seed": self.seed}

    def components(self, quarter: str, progress: Progress | None = None) -> Iterator[pa.Table]:
        """Yield the components of a quarter (COMPONENTS), 25 firms per table; ValueError if it is not a quarter."""
        done = 0
        for table, _ in self.batches(quarter):
            done += table.num_rows
            if progress:
                progress(done, None)
            yield table

    def truth(self, quarter: str) -> Iterator[pa.Table]:
        """Yield what was planted in each sentence of a quarter (schema TRUTH); ValueError if it is not a quarter."""
        for _, table in self.batches(quarter):
            yield table

    def batches(self, quarter: str) -> Iterator[tuple[pa.Table, pa.Table]]:
        """Yield pairs (components, truth) for a quarter, generated once."""
        parsed = Quarter.parse(quarter)
        for start in range(0, self.firms, BATCH_FIRMS):
            components = _Columns(COMPONENTS)
            truth = _Columns(TRUTH)
            for index in range(start, min(start + BATCH_FIRMS, self.firms)):
                firm = make_firm(self.seed, index)
                for transcript in make_transcripts(self.seed, parsed, firm):
                    _add(firm, transcript, components, truth)
            yield components.table(), truth.table()


class _Columns:
    """Rows collected by column for one table."""

    def __init__(self, schema: pa.Schema) -> None:
        self.schema = schema
        self.values: dict[str, list[Any]] = {name: [] for name in schema.names}

    def add(self, row: dict[str, Any]) -> None:
        for name, values in self.values.items():
            values.append(row[name])

    def table(self) -> pa.Table:
        return pa.table(self.values, schema=self.schema)


def _add(firm: Firm, transcript: Transcript, components: _Columns, truth: _Columns) -> None:
    """Add the rows of one transcript."""
    call: dict[str, Any] = {
        "companyid": str(firm.company_id),
        "companyname": firm.name,
        "transcriptid": str(transcript.transcript_id),
        "mostimportantdateutc": transcript.at,
        "is_date_only": False,
        "gvkey": firm.gvkey,
        "permno": firm.permno,
        "link_date": transcript.at.astimezone(NEW_YORK).date() if firm.permno else None,
        "ticker": firm.ticker,
        "headline": transcript.headline,
        "keydevid": str(transcript.key_dev_id),
        "keydeveventtypename": None,
        "transcriptcollectiontypename": transcript.version,
        "created_at": None,
    }
    for order, turn in enumerate(transcript.turns):
        components.add(
            {
                **call,
                "componentorder": order,
                "componenttext": " ".join(said.text for said in turn.sentences),
                "speakertypename": turn.speaker_type,
                "componenttypename": turn.type,
                "transcriptpersonname": turn.speaker,
            }
        )
        for position, said in enumerate(turn.sentences):
            truth.add(
                {
                    "companyid": call["companyid"],
                    "transcriptid": call["transcriptid"],
                    "componentorder": order,
                    "position": position,
                    "text": said.text,
                    "kind": said.kind,
                    "theme_id": said.theme.theme_id if said.theme else None,
                    "theme_name": said.theme.name if said.theme else None,
                    "firm_topic": said.firm_topic,
                    "sentiment": said.sentiment,
                }
            )


def capital_iq(components: pa.Table) -> pa.Table:
    """Return components as Capital IQ exports them: whole-number ids, times in UTC without a zone."""
    columns: dict[str, pa.ChunkedArray] = {}
    for name in COMPONENTS.names:
        column = components.column(name)
        if name in _IDS:
            column = column.cast(pa.int64())
        elif name == "mostimportantdateutc":
            column = column.cast(pa.timestamp("us"))
        if name not in {"is_date_only", "created_at"}:
            columns[name] = column
    ids, orders = columns["transcriptid"].to_pylist(), columns["componentorder"].to_pylist()
    keys = pa.array([i * 10_000 + o for i, o in zip(ids, orders, strict=True)], pa.int64())
    return pa.table({**columns, "transcriptcomponentid": keys})


def write(source: SampleSource, quarter: str, out: Path) -> int:
    """Write calls and truth of a quarter to folders in `out`, a file per 500 firms; return the number of sentences.

    Memory does not grow with the number of firms. FileExistsError if the folders are not empty, so that two samples
    are never mixed.
    """
    folders = {"calls": out / "calls", "truth": out / "truth"}
    for folder in folders.values():
        if folder.exists() and any(folder.iterdir()):
            raise FileExistsError(f"{folder} is not empty: choose another --out or remove it first")
        folder.mkdir(parents=True, exist_ok=True)
    writers: dict[str, pq.ParquetWriter] = {}
    n_sentences = 0
    with tqdm(total=source.firms, unit="firm", desc=f"sample {quarter}") as bar:
        for n, (components, truth) in enumerate(source.batches(quarter)):
            if n % (FILE_FIRMS // BATCH_FIRMS) == 0:
                _close(writers)
            for name, table in (("calls", capital_iq(components)), ("truth", truth)):
                if name not in writers:
                    part = f"part-{n * BATCH_FIRMS // FILE_FIRMS:04d}.parquet"
                    writers[name] = pq.ParquetWriter(folders[name] / part, table.schema, compression="zstd")
                writers[name].write_table(table)
            n_sentences += truth.num_rows
            bar.update(min(BATCH_FIRMS, source.firms - n * BATCH_FIRMS))
    _close(writers)
    return n_sentences


def _close(writers: dict[str, pq.ParquetWriter]) -> None:
    for writer in writers.values():
        writer.close()
    writers.clear()
