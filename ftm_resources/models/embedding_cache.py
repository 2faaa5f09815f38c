"""The embedding cache: vectors by model and digest of the text, in a folder, so that no text is embedded twice.

What belongs here: the files. Each model has a folder of segments; a segment is written once, under another name, and
renamed, so that any number of processes may read and write. It holds no text: a digest per entry, and a checksum with
the vector. A segment with a damaged entry is removed, and its texts are embedded again. Once all segments take more
than the bound, those used longest ago are removed. Deleting the folder costs nothing but embedding again.

What a model is, is known by what it computes: beside its description a folder keeps the vectors of a few texts, and
only a model that gives the same bits uses it. Other weights under the same name, another tokenizer or another processor
are therefore another model. So the cache is for models that give the same bits each time: those on a CPU.
"""

from __future__ import annotations

import hashlib
import json
import logging
import os
import re
import threading
import uuid
import zlib
from contextlib import suppress
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ftm_resources import settings
from ftm_resources.replaced_file import replaced

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from numpy.typing import NDArray

    from ftm_resources.models.loading import Progress

    Vectors = NDArray[np.float32]

_log = logging.getLogger(__name__)

LAYOUT = "ftm-embeddings-1"
"""Folder, within the one that is configured, that holds everything; files laid out in another way need another."""

MODEL_FILE, SUFFIX = "model.json", ".vectors"

KEY_BYTES = 16
"""Of a text's BLAKE2b digest: among a billion texts, two are equal with a probability of 1e-21."""

FEWEST = 64
"""New texts of a call from which on they are kept: embedding fewer again takes less than half a second."""


_REMOTE = re.compile("[a-z][a-z0-9]+:/", re.IGNORECASE)
"""How a path begins that is the address of a store elsewhere."""


def configured() -> Path | None:
    """Return the folder that FTM_EMBEDDING_CACHE names, which exists; None if it is not set.

    SettingsError as from `chosen`, or if the folder cannot be made.
    """
    folder = chosen()
    if folder is None:
        return None
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise _refused(
            f"which cannot be used ({error.strerror}); choose a folder that you can write to"
        ) from error
    return folder


def chosen() -> Path | None:
    """Return the absolute folder that FTM_EMBEDDING_CACHE names, which need not exist; None if it is not set.

    SettingsError, quoting the variable, if it is an address such as s3://bucket/prefix, or a file, or in a place that
    cannot be written to. Makes nothing.
    """
    given = settings.current().ftm_embedding_cache
    if given is None:
        return None
    if _REMOTE.match(given):
        raise _refused("but the cache must be a folder on this machine; unset it")
    folder = Path(given).expanduser().absolute()
    try:
        there = next(place for place in (folder, *folder.parents) if place.exists())
    except OSError as error:
        raise _refused(
            f"which cannot be used ({error.strerror}); choose a folder that you can write to"
        ) from error
    if not there.is_dir():
        what = (
            "which is a file, not a folder" if there == folder else f"but '{there}' is a file, not a folder"
        )
        raise _refused(f"{what}; choose a folder")
    if not os.access(there, os.W_OK | os.X_OK):
        raise _refused("where you cannot write; choose a folder that you can write to")
    return folder


def _refused(why: str) -> settings.SettingsError:
    return settings.SettingsError(f"FTM_EMBEDDING_CACHE is '{settings.current().ftm_embedding_cache}', {why}")


_opened: dict[tuple[str, str, float], EmbeddingCache | None] = {}
_opening = threading.Lock()


def opened(root: Path, described: Mapping[str, Any], probed: Callable[[], Vectors]) -> EmbeddingCache | None:
    """Return the cache of a model in a folder, opened once per process; None, with a warning, if it cannot be used.

    `probed` gives the model's vectors of the texts that tell models apart; see `model_folder` for the others.
    """
    most = settings.current().ftm_embedding_cache_gb
    key = (str(root), json.dumps(dict(described), sort_keys=True), most)
    with _opening:
        if key not in _opened:
            probe = probed()
            try:
                folder = model_folder(root, described, probe)
                _opened[key] = EmbeddingCache(folder, probe.shape[1], int(most * 1e9))
            except OSError as error:
                _log.warning("embedding cache: %s cannot be used, all texts are embedded: %s", root, error)
                _opened[key] = None
        return _opened[key]


def digests(texts: Sequence[str]) -> NDArray[np.uint8]:
    """Return the keys of texts: uint8 (n, KEY_BYTES)."""
    joined = b"".join(
        hashlib.blake2b(t.encode("utf-8", "surrogatepass"), digest_size=KEY_BYTES).digest() for t in texts
    )
    return np.frombuffer(joined, np.uint8).reshape(-1, KEY_BYTES)


def model_folder(root: Path, described: Mapping[str, Any], probe: Vectors) -> Path:
    """Return the folder of a model; create it if there is none.

    Parameters
    ----------
    root : Path
        The configured folder.
    described : mapping
        What the model says of itself, as JSON values.
    probe : ndarray
        Its vectors of some texts, always the same: float32 (n, dimension), of unit length.

    Raises
    ------
    OSError
        If the folder cannot be written.

    """
    said = json.dumps(dict(described), sort_keys=True)
    family = root / LAYOUT / _digest(said.encode())
    for file in sorted(family.glob(f"*/{MODEL_FILE}")):
        before = _probe(file)
        if np.array_equal(before, probe):
            return file.parent
    folder = family / _digest(probe.tobytes())
    folder.mkdir(parents=True, exist_ok=True)
    with replaced(folder / MODEL_FILE) as partial:
        partial.write_text(json.dumps({"model": described, "probe": probe.tolist()}), encoding="utf-8")
    return folder


def _probe(file: Path) -> Vectors:
    """Return the vectors that a model gave; (0, 0) if its file cannot be read, so that it is nobody's."""
    try:
        probe = np.array(json.loads(file.read_text(encoding="utf-8"))["probe"], np.float32)
    except (OSError, ValueError, KeyError, TypeError):
        return np.empty((0, 0), np.float32)
    return probe if probe.ndim == 2 else np.empty((0, 0), np.float32)


def _digest(content: bytes) -> str:
    return hashlib.blake2b(content, digest_size=8).hexdigest()


def completed(
    cache: EmbeddingCache,
    texts: list[str],
    embed: Callable[[list[str], Progress | None], Vectors],
    progress: Progress | None,
) -> tuple[Vectors, int]:
    """Return the vectors of distinct texts (n, width), and how many of them `embed` had to make; those are kept."""
    keys = digests(texts)
    found, kept = cache.get(keys)
    left = np.delete(np.arange(len(texts)), found)

    def further(done: int, _: int) -> None:
        if progress:
            progress(len(found) + done, len(texts))

    further(0, len(texts))
    made = embed([texts[i] for i in left.tolist()], further)
    cache.put(keys[left], made)
    vectors = np.empty((len(texts), made.shape[1]), np.float32)
    vectors[found], vectors[left] = kept, made
    return vectors, len(left)


class EmbeddingCache:
    """The vectors of one model in `folder`, each float32 of length `width`, as they were when it was opened, and ours.

    All models' segments in the same configured folder take at most `most_bytes`. In memory are 16 bytes per entry: one
    percent of the vectors of 384 numbers. May be used by several threads.
    """

    def __init__(self, folder: Path, width: int, most_bytes: int) -> None:
        self._folder, self._most_bytes = folder, most_bytes
        self._record = np.dtype([("check", "<u4"), ("vector", "<f4", (width,))])
        self._lock = threading.Lock()
        self._segments: list[Path] = []
        # Of each entry: the first half of its key, ascending; its segment and its row.
        self._heads = np.empty(0, np.uint64)
        self._places = np.empty((0, 2), np.uint32)
        self._add([(path, _heads(self._keys_in(path))) for path in _by_use(folder.glob(f"*{SUFFIX}"))])

    def get(self, keys: NDArray[np.uint8]) -> tuple[NDArray[np.int64], Vectors]:
        """Return the positions of the keys that are kept (m,), and their vectors (m, width)."""
        with self._lock:
            asked = _heads(keys)
            # The last of equal ones, which was added last, and is removed last.
            at = np.searchsorted(self._heads, asked, side="right") - 1
            rows = np.flatnonzero((at >= 0) & (self._heads[at] == asked)) if len(self._heads) else at[:0]
            places = self._places[at[rows]]
        by_place = np.lexsort(places.T[::-1])
        rows, places = rows[by_place], places[by_place]
        starts = np.flatnonzero(np.diff(places[:, 0], prepend=-1)).tolist() if len(rows) else []
        found, vectors = [], []
        for start, end in pairwise([*starts, len(rows)]):
            read = self._read(self._segments[places[start, 0]], places[start:end, 1], keys[rows[start:end]])
            if read is not None:
                found.append(rows[start:end])
                vectors.append(read)
        if not found:
            return np.empty(0, np.int64), np.empty((0, *self._record["vector"].shape), np.float32)
        return np.concatenate(found), np.concatenate(vectors)

    def put(self, keys: NDArray[np.uint8], vectors: Vectors) -> None:
        """Keep vectors (n, width) by their keys; fewer than FEWEST are not kept.

        What cannot be written is not kept either, with a warning: the vectors themselves are not lost.
        """
        if len(keys) < FEWEST:
            return
        entries = np.empty(len(keys), self._record)
        entries["vector"] = vectors
        entries["check"] = [
            _check(key.tobytes(), vector.tobytes())
            for key, vector in zip(keys, entries["vector"], strict=True)
        ]
        path = self._folder / f"{uuid.uuid4().hex}{SUFFIX}"
        size = keys.nbytes + entries.nbytes
        if size > self._most_bytes:
            return
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
            with replaced(path) as partial, partial.open("wb") as file:
                file.write(keys.tobytes())
                file.write(entries.tobytes())
            self._remove_oldest()
        except OSError as error:
            _log.warning("embedding cache: %d embeddings were not kept: %s", len(keys), error)
            return
        self._add([(path, _heads(keys))])

    def _add(self, segments: Sequence[tuple[Path, NDArray[np.uint64]]]) -> None:
        with self._lock:
            heads, places = [self._heads], [self._places]
            for path, own in segments:
                rows = np.arange(len(own), dtype=np.uint32)
                places.append(np.stack([np.full_like(rows, len(self._segments)), rows], axis=1))
                heads.append(own)
                self._segments.append(path)
            joined = np.concatenate(heads)
            order = np.argsort(joined, kind="stable")
            self._heads, self._places = joined[order], np.concatenate(places)[order]

    def _entries(self, size: int) -> int:
        return size // (KEY_BYTES + self._record.itemsize)

    def _keys_in(self, path: Path) -> NDArray[np.uint8]:
        """Return the keys of a segment; none if it cannot be read, or is removed because it is damaged."""
        try:
            with path.open("rb") as file:
                size = path.stat().st_size
                content = file.read(self._entries(size) * KEY_BYTES)
        except OSError:  # gone, or another user's own
            return np.empty((0, KEY_BYTES), np.uint8)
        if size % (KEY_BYTES + self._record.itemsize):
            return self._discard(path, "it is cut off")
        return np.frombuffer(content, np.uint8).reshape(-1, KEY_BYTES)

    def _read(self, path: Path, rows: NDArray[np.uint32], keys: NDArray[np.uint8]) -> Vectors | None:
        """Return rows of a segment; None if it cannot be read, or is removed because one of them is damaged."""
        step = self._record.itemsize
        read = bytearray()
        try:
            with path.open("rb") as file:
                first = self._entries(path.stat().st_size) * KEY_BYTES
                for row, key in zip(rows.tolist(), keys, strict=True):
                    file.seek(first + row * step)
                    entry = file.read(step)
                    if len(entry) < step or _check(key.tobytes(), entry[4:]) != int.from_bytes(
                        entry[:4], "little"
                    ):
                        self._discard(path, f"entry {row} is not what was written")
                        return None
                    read += entry
            with suppress(OSError):  # removed meanwhile, or another user's
                os.utime(path)
        except OSError:  # gone, or not to be read now
            return None
        return np.ascontiguousarray(np.frombuffer(bytes(read), self._record)["vector"])

    def _discard(self, path: Path, reason: str) -> NDArray[np.uint8]:
        _log.warning("embedding cache: %s is removed and its texts are embedded again: %s", path, reason)
        with suppress(
            OSError
        ):  # another process was first, or it is another user's: it is not read in any case
            path.unlink()
        return np.empty((0, KEY_BYTES), np.uint8)

    def _remove_oldest(self) -> None:
        """Remove segments of any model, those used longest ago first, until the rest are within the bound."""
        every = _by_use(self._folder.parent.parent.glob(f"*/*/*{SUFFIX}*"))
        left = sum(_stat(path, "st_size") for path in every)
        for path in every:
            if left <= self._most_bytes:
                return
            left -= _stat(path, "st_size")
            path.unlink(missing_ok=True)


def _by_use(paths: Iterable[Path]) -> list[Path]:
    """Return the paths, those used longest ago first."""
    return sorted(paths, key=lambda path: (_stat(path, "st_mtime"), path))


def _stat(path: Path, what: str) -> float:
    try:
        return float(getattr(path.stat(), what))
    except FileNotFoundError:  # another process removed it
        return 0.0


def _check(key: bytes, vector: bytes) -> int:
    return zlib.crc32(vector, zlib.crc32(key))


def _heads(keys: NDArray[np.uint8]) -> NDArray[np.uint64]:
    return np.ascontiguousarray(keys[:, :8]).view("<u8")[:, 0].astype(np.uint64, copy=False)
