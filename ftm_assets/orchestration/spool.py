"""A scratch file of rows that need not fit in memory: written once, read whole or firm by firm."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Self

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence


class Spool:
    """Rows of one schema in a Parquet file of their own, in the order in which they were written.

    `key` names a string column by whose values rows are found again; rows that lie together by it are read once.
    """

    def __init__(self, path: Path, schema: pa.Schema, key: str) -> None:
        self._path, self._key, self._schema = path, key, schema
        self._writer: pq.ParquetWriter | None = pq.ParquetWriter(path, schema, compression="zstd")
        self._values: list[set[str]] = []
        self.rows = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._finish()
        self._path.unlink(missing_ok=True)

    @property
    def values(self) -> set[str]:
        """The distinct values of the key."""
        return set().union(*self._values)

    def write(self, rows: pa.Table) -> None:
        """Add rows; ValueError once some were read."""
        if self._writer is None:
            raise ValueError(f"{self._path} has been read already")
        if rows.num_rows:
            self._writer.write_table(rows, row_group_size=rows.num_rows)
            self._values.append(set(rows.column(self._key).unique().to_pylist()))
            self.rows += rows.num_rows

    def batches(self) -> Iterator[pa.Table]:
        """Yield the rows as they were written."""
        yield from (rows for _, rows in self._groups(None))

    def of(self, values: Sequence[str]) -> pa.Table:
        """Return the rows with these values of the key."""
        wanted = set(values)
        chosen = pa.array(sorted(wanted), pa.string())
        found = [
            rows if held <= wanted else rows.filter(pc.is_in(rows.column(self._key), chosen))
            for held, rows in self._groups(wanted)
        ]
        return pa.concat_tables([self._schema.empty_table(), *found])

    def _groups(self, wanted: set[str] | None) -> Iterator[tuple[set[str], pa.Table]]:
        self._finish()
        if not self.rows:
            return
        with pq.ParquetFile(self._path) as file:
            for i, held in enumerate(self._values):
                if wanted is None or held & wanted:
                    yield held, file.read_row_group(i).cast(self._schema)

    def _finish(self) -> None:
        if self._writer is not None:
            self._writer.close()
            self._writer = None
