"""The data files of a table: Parquet, written in order and in constant memory, hashed while writing."""

from __future__ import annotations

import contextlib
import uuid
from typing import TYPE_CHECKING, Any

import pyarrow.parquet as pq

from ftm_resources.warehouse.fingerprint import Fingerprint
from ftm_resources.warehouse.schemas import with_field_ids

if TYPE_CHECKING:
    import pyarrow as pa
    from pyarrow import fs as pafs
    from pyiceberg.schema import Schema

    from ftm_resources.tables import Table

TARGET_FILE_BYTES = 512 * 1024 * 1024
"""A data file is closed when it reaches this size: two or three files hold a full quarter."""

ROW_GROUP_ROWS = 65_536
"""Rows per Parquet row group: the sentences of about 80 firms, so that reading a chunk skips other firms."""


class DataFiles:
    """The data files of one replacement: split by size, hashed as they are written.

    Fields have the ids of the table's schema `stored`, by which other engines find them.
    """

    def __init__(self, filesystem: pafs.FileSystem, folder: str, contract: Table, stored: Schema) -> None:
        self._fs, self._folder, self._contract = filesystem, folder, contract
        self._schema = with_field_ids(contract.arrow_schema, stored)
        self._fingerprint = Fingerprint(contract)
        self._paths: list[str] = []
        self._sink: Any = None
        self._writer: pq.ParquetWriter | None = None
        filesystem.create_dir(folder, recursive=True)

    def write(self, rows: pa.Table) -> None:
        """Append rows that match the contract; close a file that has reached its target size."""
        if not rows.num_rows:
            return
        if self._writer is None:
            self._open()
        assert self._writer is not None  # noqa: S101 - narrows the type
        self._fingerprint.update(rows)
        self._writer.write_table(rows, row_group_size=ROW_GROUP_ROWS)
        if self._sink.tell() >= TARGET_FILE_BYTES:
            self._close_file()

    def close(self) -> tuple[list[str], int, str]:
        """Close the last file; return all paths, the row count and the fingerprint of the rows."""
        self._close_file()
        return self._paths, self._fingerprint.rows, self._fingerprint.value()

    def discard(self) -> None:
        """Remove the files that were written; nothing refers to them."""
        with contextlib.suppress(OSError):  # on a full disk, closing a file fails too
            self._close_file()
        for path in self._paths:
            with contextlib.suppress(FileNotFoundError):
                self._fs.delete_file(path)

    def _open(self) -> None:
        path = f"{self._folder}/{self._contract.name}-{uuid.uuid4().hex}.parquet"
        self._sink = self._fs.open_output_stream(path)
        self._paths.append(path)
        self._writer = pq.ParquetWriter(self._sink, self._schema, compression="zstd")

    def _close_file(self) -> None:
        if self._writer is not None:
            self._writer.close()
            self._sink.close()
            self._writer = None
