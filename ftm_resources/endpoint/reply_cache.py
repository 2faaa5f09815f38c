"""The reply cache: a model's replies, kept so that no request is sent twice. Deleting it only costs new requests.

The replies for one model and prompt are a folder of append-only files. On disk each process appends every reply, as
it arrives, to its own file, so SIGKILL loses none of them. On S3, which cannot append, it writes an object every few
seconds.
"""

from __future__ import annotations

import json
import time
import uuid
from collections import deque
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from typing import Any

from pyarrow import fs as pafs

FLUSH_SECONDS = 2.0
"""On S3, the longest that a reply waits before it is written."""

MOST_TOKENS = 2**24
"""Larger token counts are invalid: no model has such a context."""


@dataclass(frozen=True, slots=True)
class Reply:
    """A server's reply to one request. ValueError, when kept and when read, for values that no table can hold."""

    text: str
    finish_reason: str
    tokens_in: int
    """As reported by the server; 0 if it does not report it."""
    tokens_out: int
    seconds: float
    """From the request to the reply, including retries."""
    arrived_at: float
    """Seconds since 1970."""
    thinks: bool = False
    """Whether the reply includes the model's reasoning."""
    is_repair: bool = False
    """Whether it is the second reply, after an unusable one; its tokens and seconds include both."""

    def __post_init__(self) -> None:
        texts = all(isinstance(t, str) for t in (self.text, self.finish_reason))
        counts = all(type(n) is int and 0 <= n <= MOST_TOKENS for n in (self.tokens_in, self.tokens_out))
        times = all(isinstance(t, int | float) and 0 <= t < 2**33 for t in (self.seconds, self.arrived_at))
        if not (texts and counts and times and {type(self.thinks), type(self.is_repair)} == {bool}):
            raise ValueError("not a reply")
        self.text.encode()  # neither files nor tables can hold a lone surrogate


class ReplyCache:
    """The replies in one folder; for use by one process, for any number of calls."""

    def __init__(self, filesystem: pafs.FileSystem, folder: str) -> None:
        self._fs, self._folder = filesystem, folder
        self._appends = isinstance(filesystem, pafs.LocalFileSystem)
        self._path = f"{folder}/{time.strftime('%Y%m%dT%H%M%S', time.gmtime())}-{uuid.uuid4().hex[:12]}"
        self._replies: dict[str, Reply] | None = None
        self._file: Any = None
        self._waiting: deque[bytes] = deque()
        self._n_objects = 0
        self._flushed_at = time.monotonic()
        self._background = ThreadPoolExecutor(1, thread_name_prefix="replies")
        self.dropped = 0
        """Number of entries ignored because they were truncated, corrupt or invalid."""

    def get(self, key: str) -> Reply | None:
        """Return the latest reply for this request key as of the first call; None if there is none."""
        if self._replies is None:
            self._replies = self._load()
        return self._replies.get(key)

    def put(self, key: str, reply: Reply) -> None:
        """Store a reply for the next run. On disk it survives the death of this process once this returns."""
        line = json.dumps({"key": key, **asdict(reply)}).encode() + b"\n"
        if self._appends:
            if self._file is None:
                self._fs.create_dir(self._folder, recursive=True)
                self._file = self._fs.open_append_stream(f"{self._path}.jsonl", compression=None)
            self._file.write(line)
            return
        self._waiting.append(line)
        if time.monotonic() - self._flushed_at >= FLUSH_SECONDS:
            self._flushed_at = time.monotonic()
            self._background.submit(self._flush)  # a slow write must not delay requests in flight

    def flush(self) -> None:
        """Wait until all stored replies are in the folder; OSError if they cannot be written."""
        self._background.submit(self._flush).result()

    def _flush(self) -> None:
        if self._file is not None:
            self._file.close()
            self._file = None
        lines = [self._waiting.popleft() for _ in range(len(self._waiting))]
        if lines:
            try:
                with self._fs.open_output_stream(f"{self._path}-{self._n_objects:06d}.jsonl") as stream:
                    stream.write(b"".join(lines))
            except OSError:
                self._waiting.extendleft(reversed(lines))  # for the next flush
                raise
            self._n_objects += 1

    def _load(self) -> dict[str, Reply]:
        found: dict[str, Reply] = {}
        files = self._fs.get_file_info(pafs.FileSelector(self._folder, allow_not_found=True))
        paths = sorted(f.path for f in files if f.extension == "jsonl")
        with ThreadPoolExecutor(16) as pool:
            for line in (line for content in pool.map(self._read, paths) for line in content.splitlines()):
                try:
                    row = json.loads(line)
                    key, reply = row.pop("key"), Reply(**row)
                    if not isinstance(key, str):
                        raise TypeError(key)
                except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
                    self.dropped += 1  # a line cut off by a killed process, or invalid values
                    continue
                if key not in found or found[key].arrived_at <= reply.arrived_at:
                    found[key] = reply
        return found

    def _read(self, path: str) -> bytes:
        try:
            with self._fs.open_input_stream(path, compression=None) as stream:
                return bytes(stream.read())
        except OSError:
            self.dropped += 1
            return b""
