"""The bundled sample: fictional earnings calls with planted themes, as a source and as files.

`SampleSource` feeds a deployment; `ftm sample --firms 5000 --quarter 2023Q1 --out DIR` writes the same calls to
`DIR/calls/*.parquet`, in Capital IQ's columns, for the `files` source, and what was planted to `DIR/truth/sentences`
and, by theme and quarter, `DIR/truth/series`. Point `files` at `DIR/calls`. Firm i of (seed, quarter) depends neither
on the number of firms nor on which other quarters are generated. Every 48 consecutive firms include calls in two and in
three versions, two calls of one firm, firms without a link, a tiny call, a very long one, a purely procedural one,
calls after the close on the quarter's last day, and non-ASCII names. Over the quarters themes are born, drift, split,
merge, pause and die (`lifecycle`), and firms enter and leave (`firms.holder`).

The texts are in `text/` (read by `corpus`), their grammar is `grammar`, calls are `speech`, and `planted_series` counts
them.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
from tqdm import tqdm

from ftm_resources.quarters import NEW_YORK
from ftm_resources.sources.base import Progress, TranscriptSource
from ftm_resources.sources.sample.firms import MAX_FIRMS, Firm, Quarter, holder, make_firm
from ftm_resources.sources.sample.planted_series import Lineage, Tally
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
        if firms > MAX_FIRMS:
            raise ValueError(f"the sample has at most {MAX_FIRMS} firms in a quarter, not {firms}")
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

    def series(self, quarter: str) -> pa.Table:
        """Return what was planted in each theme of a quarter (schema SERIES); ValueError if it is not a quarter."""
        return self._tally(quarter).table(self.seed, quarter)

    def lineages(self, quarter: str) -> dict[str, Lineage]:
        """Return the share and the firms of each lineage in a quarter; ValueError if it is not a quarter."""
        return self._tally(quarter).lineages(quarter)

    def _tally(self, quarter: str) -> Tally:
        tally = Tally()
        for _ in self.batches(quarter, tally):
            pass
        return tally

    def batches(self, quarter: str, tally: Tally | None = None) -> Iterator[tuple[pa.Table, pa.Table]]:
        """Yield pairs (components, truth) for a quarter, generated once; count their themes in `tally`."""
        parsed = Quarter.parse(quarter)
        for start in range(0, self.firms, BATCH_FIRMS):
            components = _Columns(COMPONENTS)
            truth = _Columns(TRUTH)
            for index in range(start, min(start + BATCH_FIRMS, self.firms)):
                firm = make_firm(self.seed, index, holder(self.seed, index, quarter))
                for transcript in make_transcripts(self.seed, parsed, firm):
                    _add(firm, transcript, components, truth)
                    if tally:
                        tally.add(firm.company_id, transcript)
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


def write(source: SampleSource, quarters: Sequence[str], out: Path) -> int:
    """Write calls and truth of quarters to folders in `out`; return the number of sentences.

    Calls and sentences have a file per quarter and 500 firms, series a file per quarter. Memory grows neither with the
    number of firms nor with that of quarters. FileExistsError if a folder is not empty, so that two samples are never
    mixed.
    """
    folders = {name: out / name for name in ("calls", "truth/sentences", "truth/series")}
    for folder in folders.values():
        if folder.exists() and any(folder.iterdir()):
            raise FileExistsError(f"{folder} is not empty: choose another --out or remove it first")
        folder.mkdir(parents=True, exist_ok=True)
    label = quarters[0] if len(quarters) == 1 else f"{quarters[0]}..{quarters[-1]}"
    n_sentences = 0
    with tqdm(total=source.firms * len(quarters), unit="firm", desc=f"sample {label}") as bar:
        for quarter in quarters:
            tally = Tally()
            writers: dict[str, pq.ParquetWriter] = {}
            for n, (components, truth) in enumerate(source.batches(quarter, tally)):
                if n % (FILE_FIRMS // BATCH_FIRMS) == 0:
                    _close(writers)
                for name, table in (("calls", capital_iq(components)), ("truth/sentences", truth)):
                    if name not in writers:
                        file = f"{quarter}-{n * BATCH_FIRMS // FILE_FIRMS:04d}.parquet"
                        writers[name] = pq.ParquetWriter(
                            folders[name] / file, table.schema, compression="zstd"
                        )
                    writers[name].write_table(table)
                n_sentences += truth.num_rows
                bar.update(min(BATCH_FIRMS, source.firms - n * BATCH_FIRMS))
            _close(writers)
            pq.write_table(tally.table(source.seed, quarter), folders["truth/series"] / f"{quarter}.parquet")
    return n_sentences


def _close(writers: dict[str, pq.ParquetWriter]) -> None:
    for writer in writers.values():
        writer.close()
    writers.clear()
