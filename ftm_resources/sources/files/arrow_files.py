"""Transcripts in Parquet and Feather (Arrow's own format)."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from ftm_resources.sources.files import header
from ftm_resources.sources.files.attributes import attribute_name, is_attribute
from ftm_resources.sources.files.problems import Problems


def read_parquet(file: Path, problems: Problems) -> Iterator[pa.Table]:
    """Yield the known columns of a Parquet file, its attributes and `row`."""
    try:
        schema = pq.read_schema(file)
        known = _known(schema, problems)
        # Repeated texts of any length stay what they are in the file: a code per row.
        others = [given for ours, given in (known or {}).items() if is_attribute(ours)]
        texts = [n for n in others if pa.types.is_string(schema.field(n).type)]
        with pq.ParquetFile(file, read_dictionary=texts) as parquet:
            if known:
                batches = parquet.iter_batches(header.BATCH_ROWS, columns=list(known.values()))
                yield from _numbered(batches, known)
    except (pa.ArrowException, OSError) as error:
        problems.add(None, None, f"is not a readable Parquet file: {_reason(error)}")


def read_feather(file: Path, problems: Problems) -> Iterator[pa.Table]:
    """Yield the known columns of a Feather file (version 2), its attributes and `row`."""
    try:
        with pa.memory_map(str(file)) as content, pa.ipc.open_file(content) as arrow:
            known = _known(arrow.schema, problems)
            if known:
                yield from _numbered(_sliced(arrow), known)
    except (pa.ArrowException, OSError) as error:
        problems.add(None, None, f"is not a readable Feather file (version 2): {_reason(error)}")


def _sliced(arrow: pa.ipc.RecordBatchFileReader) -> Iterator[pa.RecordBatch]:
    for i in range(arrow.num_record_batches):
        batch = arrow.get_batch(i)
        batch.validate(full=True)
        for start in range(0, batch.num_rows, header.BATCH_ROWS):
            yield batch.slice(start, header.BATCH_ROWS)


def _known(schema: pa.Schema, problems: Problems) -> dict[str, str] | None:
    """Return the file's name of each known column; None, with a problem, if they are not one value per row."""
    found = header.chosen(schema.names, problems)
    if found is None:
        return None
    for name in [n for n, i in found.items() if is_attribute(n) and not _is_value(schema.types[i])]:
        problems.left_out[attribute_name(name)] = f"it contains {schema.types[found.pop(name)]}"
    nested = {n: schema.types[i] for n, i in found.items() if pa.types.is_nested(schema.types[i])}
    for name, kind in nested.items():
        problems.add(None, name, f"contains {kind}, not one value per row")
    return None if nested else {n: schema.names[i] for n, i in found.items()}


def _is_value(kind: pa.DataType) -> bool:
    """Return whether a column of this type may be an attribute."""
    return not (pa.types.is_nested(kind) or pa.types.is_null(kind))


def _numbered(batches: Iterator[pa.RecordBatch], known: dict[str, str]) -> Iterator[pa.Table]:
    row = 1
    for batch in batches:
        table = pa.table({ours: _column(batch.column(given)) for ours, given in known.items()})
        yield table.append_column("row", pa.array(range(row, row + batch.num_rows), pa.int64()))
        row += batch.num_rows


def _column(values: pa.Array) -> pa.ChunkedArray:
    """Return a column; times of day as text, which is how the other formats have them."""
    return pa.chunked_array([values.cast(pa.string()) if pa.types.is_time(values.type) else values])


def _reason(error: Exception) -> str:
    return str(error).splitlines()[0] if str(error) else type(error).__name__
