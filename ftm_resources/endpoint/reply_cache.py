"""The reply cache: what a model answered, kept in the warehouse's own storage so that nothing is asked twice.

A quarter's replies of one table and one way of asking (model, prompt version, parameters) are a folder of
append-only files. On disk each process appends each reply, as it comes, to a file of its own, so that SIGKILL
loses none that had arrived; on S3, which cannot append, it puts an object every second. Files that no one
writes any more are merged into Parquet when a folder holds many. Deleting the folder costs requests, no more.
"""

from __future__ import annotations

import contextlib
import json
import os
import threading
import time
import uuid
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, fields
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.parquet as pq
from pyarrow import fs as pafs

from ftm_resources.warehouse.parts import digest

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from ftm_resources.warehouse import Warehouse

FOLDER = "replies"

FLUSH_SECONDS = 1.0
"""On S3, how long a reply waits for its object; on disk, how long until it is safe from a power cut too."""

MERGE_FILES = 16
"""A folder with so many old files is merged when it is opened."""

MERGE_AGE_SECONDS = 3600.0
"""Files untouched for so long have no writer: a process flushes every second while it works."""

_SCHEMA = pa.schema(
    [
        ("key", pa.string()),
        ("text", pa.string()),
        ("finish_reason", pa.string()),
        ("tokens_in", pa.int64()),
        ("tokens_out", pa.int64()),
        ("seconds", pa.float64()),
        ("arrived_at", pa.float64()),
    ]
)


@dataclass(frozen=True, slots=True)
class Reply:
    """What a server answered to one request."""

    text: str
    finish_reason: str
    tokens_in: int
    """As the server counted; 0 where it does not say."""
    tokens_out: int
    seconds: float
    """From the request to the reply, retries included."""
    arrived_at: float
    """Seconds since 1970."""


_FIELDS = tuple(f.name for f in fields(Reply))


class ReplyCache:
    """The replies of one table's quarter to one way of asking; for one process, any number of calls."""

    def __init__(self, warehouse: Warehouse, table: str, quarter: str, identity: Mapping[str, Any]) -> None:
        self._fs, root = warehouse.filesystem()
        self._folder = f"{root}/{FOLDER}/{table}/{quarter}/{digest(dict(identity))}"
        self._is_local = isinstance(self._fs, pafs.LocalFileSystem)
        self._name = f"{time.strftime('%Y%m%dT%H%M%S', time.gmtime())}-{uuid.uuid4().hex[:12]}"
        self._replies: dict[str, Reply] | None = None
        self._file: int | None = None
        self._waiting: list[str] = []
        self._n_objects = 0
        self._flushed_at = time.monotonic()
        self._lock = threading.Lock()
        self._background: ThreadPoolExecutor | None = None
        self.ignored = 0
        """Lines and files found torn or corrupt, and passed over."""

    def get(self, key: str) -> Reply | None:
        """Return the latest reply to the request with this key that was there when the cache was opened."""
        if self._replies is None:
            self._replies = self._load()
        return self._replies.get(key)

    def put(self, key: str, reply: Reply) -> None:
        """Keep a reply, for the next run. On disk it survives the death of this process once this returns."""
        line = json.dumps(_row(key, reply)) + "\n"
        if self._is_local:
            os.write(self._opened(), line.encode())
        else:
            with self._lock:
                self._waiting.append(line)
        if time.monotonic() - self._flushed_at >= FLUSH_SECONDS:
            # In a thread: a slow disk or a slow put must not hold up the requests in flight.
            self._flushed_at = time.monotonic()
            self._background = self._background or ThreadPoolExecutor(1, thread_name_prefix="replies")
            self._background.submit(self._flush)

    def flush(self) -> None:
        """Return once everything kept is in the warehouse's storage."""
        if self._background is not None:
            self._background.shutdown()
            self._background = None
        self._flush()
        if self._file is not None:
            os.close(self._file)
            self._file = None

    def _opened(self) -> int:
        if self._file is None:
            folder = Path(self._folder)
            folder.mkdir(parents=True, exist_ok=True)
            flags = os.O_CREAT | os.O_WRONLY | os.O_APPEND
            self._file = os.open(folder / f"{self._name}.jsonl", flags, 0o644)
        return self._file

    def _flush(self) -> None:
        if self._is_local:
            if self._file is not None:
                os.fsync(self._file)
            return
        with self._lock:
            lines, self._waiting = self._waiting, []
        if lines:
            self._n_objects += 1
            try:
                self._put(f"{self._folder}/{self._name}-{self._n_objects:06d}.jsonl", "".join(lines).encode())
            except OSError:
                with self._lock:  # the next flush tries again; the last one, in `flush`, raises
                    self._waiting = lines + self._waiting
                raise

    def _put(self, path: str, content: bytes) -> None:
        with self._fs.open_output_stream(path) as stream:
            stream.write(content)

    def _load(self) -> dict[str, Reply]:
        found: dict[str, Reply] = {}
        selector = pafs.FileSelector(self._folder, allow_not_found=True)
        files = sorted(
            (f for f in self._fs.get_file_info(selector) if f.base_name.endswith((".jsonl", ".parquet"))),
            key=lambda f: f.base_name,
        )
        with ThreadPoolExecutor(16) as pool:
            for replies in pool.map(lambda f: list(self._read(f.path)), files):
                for key, reply in replies:
                    if key not in found or found[key].arrived_at <= reply.arrived_at:
                        found[key] = reply
        self._merge(files, found)
        return found

    def _read(self, path: str) -> Iterator[tuple[str, Reply]]:
        try:
            with self._fs.open_input_stream(path) as stream:
                content = stream.read()
            if path.endswith(".parquet"):
                rows = pq.read_table(pa.BufferReader(content)).to_pylist()
            else:
                rows = list(self._lines(bytes(content)))
        except (OSError, pa.ArrowException):
            self.ignored += 1
            return
        for row in rows:
            try:
                yield row.pop("key"), Reply(**row)
            except (KeyError, TypeError, AttributeError):
                self.ignored += 1

    def _lines(self, content: bytes) -> Iterator[Any]:
        for line in content.splitlines():
            try:
                yield json.loads(line)
            except ValueError:  # the last line of a process that died in the middle of it
                self.ignored += 1

    def _merge(self, files: list[pafs.FileInfo], replies: Mapping[str, Reply]) -> None:
        """Write the replies of files without a writer as one file, then remove those files.

        `replies` are all that were found. A file is gone only after its replies are in the new one, so neither
        a crash nor a second process that merges at the same time loses any.
        """
        old = [f for f in files if time.time() - f.mtime.timestamp() > MERGE_AGE_SECONDS]
        if len(old) < MERGE_FILES:
            return
        rows = [_row(key, reply) for key, reply in sorted(replies.items())]
        sink = pa.BufferOutputStream()
        pq.write_table(pa.Table.from_pylist(rows, _SCHEMA), sink, compression="zstd")
        path = f"{self._folder}/{self._name}-merged"
        if self._is_local:
            self._put(f"{path}.tmp", sink.getvalue().to_pybytes())
            self._fs.move(f"{path}.tmp", f"{path}.parquet")
        else:
            self._put(f"{path}.parquet", sink.getvalue().to_pybytes())
        for file in old:
            with contextlib.suppress(FileNotFoundError):
                self._fs.delete_file(file.path)


def _row(key: str, reply: Reply) -> dict[str, Any]:
    return {"key": key, **{name: getattr(reply, name) for name in _FIELDS}}
