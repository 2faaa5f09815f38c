"""Parts: the intermediate results that a chunked asset saves before it commits.

A part holds the rows of a group of firms: one Parquet file per table, and a marker, written last, that lists
the files with their row counts and SHA-256. A part without a valid marker is ignored, so a killed step leaves
nothing half-finished; corrupt parts are counted and computed again. Every run of a plan reuses its parts, except
those with failed firms, which only the run that wrote them uses: the next run tries these firms again.

Two runs may work on a quarter at once, on the same plan or on different ones. Each claims the plan that it works on,
and a run that has finished removes only parts that no living run claims.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import multiprocessing
import os
import socket
import uuid
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.parquet as pq
from pyarrow import fs as pafs

from ftm_resources.locks import process_exists
from ftm_resources.warehouse.full_disk import reporting_full_disk

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from ftm_resources.warehouse.warehouse import Warehouse

FOLDER = "staging"
"""Folder that holds all parts."""

_CLAIM = "in-use-"
"""Start of the name of a file that says which run works on a plan."""


def digest(value: Any) -> str:
    """Return 16 hexadecimal digits that identify a JSON value."""
    canonical = json.dumps(value, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(canonical.encode()).hexdigest()[:16]


def _this_process() -> dict[str, Any]:
    """Return the process of the run; a step may have a child process of its own, which ends before the run."""
    run = multiprocessing.parent_process()
    return {"pid": os.getpid() if run is None else run.pid, "host": socket.gethostname()}


def _is_gone(claim: Mapping[str, Any]) -> bool:
    """Return whether the run of a claim has certainly ended: its process was on this machine, and is gone or ours."""
    here = _this_process()
    if claim["host"] != here["host"] or not isinstance(claim["pid"], int):
        return False
    # A process works on one run at a time, so an earlier run of this one is over.
    return claim["pid"] == here["pid"] or not process_exists(claim["pid"])


@dataclass(frozen=True)
class Part:
    """A finished part, as its marker describes it."""

    firms: tuple[str, ...]
    files: dict[str, dict[str, Any]]
    """Table → path, rows, sha256."""
    failures: dict[str, str]
    """Firm → reason, for firms that raised an error."""
    seconds: float


@dataclass
class PlanParts:
    """The parts of one (asset, quarter, plan); a plan with different inputs, code or config has its own folder."""

    warehouse: Warehouse
    asset: str
    quarter: str
    plan_id: str
    run_id: str
    """The run that reads and writes; it alone sees its parts with failed firms."""
    ignored: int = field(default=0, init=False)
    """Number of parts ignored because they were incomplete or corrupt."""

    def __post_init__(self) -> None:
        self._fs, root = self.warehouse.filesystem()
        self._quarter_folder = f"{root}/{FOLDER}/{self.asset}/{self.quarter}"
        self._folder = f"{self._quarter_folder}/{self.plan_id}"

    def claim(self) -> None:
        """Mark the plan's parts as in use by this run: other runs keep them, and maintenance for its grace period."""
        self._fs.create_dir(self._folder, recursive=True)
        self._put(self._claim(), json.dumps({"run_id": self.run_id, **_this_process()}).encode())

    def write(
        self,
        firms: Sequence[str],
        tables: Mapping[str, pa.Table],
        failures: Mapping[str, str],
        seconds: float,
    ) -> Part:
        """Write the part of a group of firms; it is complete once this returns."""
        name = self._name(firms, with_failures=bool(failures))
        files = {}
        self._fs.create_dir(self._folder, recursive=True)
        for table, rows in tables.items():
            sink = pa.BufferOutputStream()
            pq.write_table(rows, sink, compression="lz4")
            content = sink.getvalue().to_pybytes()
            path = f"{self._folder}/{name}-{table}.parquet"
            self._put(path, content)
            sha256 = hashlib.sha256(content).hexdigest()
            files[table] = {"path": path, "rows": rows.num_rows, "sha256": sha256}
        part = Part(tuple(firms), files, dict(failures), seconds)
        self._put(self._marker(name), json.dumps(part.__dict__).encode())
        return part

    def find(self, firms: Sequence[str]) -> Part | None:
        """Return the finished part of this group of firms, or None; a broken part is counted in `ignored`.

        A part with failed firms is found only by the run that wrote it.
        """
        # The run's own part comes first, so that what another run writes meanwhile cannot take its place.
        for with_failures in (True, False):
            if part := self._found(firms, self._marker(self._name(firms, with_failures=with_failures))):
                return part
        return None

    def _found(self, firms: Sequence[str], marker: str) -> Part | None:
        if self._fs.get_file_info(marker).type != pafs.FileType.File:
            return None
        try:
            found = json.loads(self._get(marker))
            part = Part(tuple(found["firms"]), found["files"], found["failures"], found["seconds"])
            if part.firms != tuple(firms):
                raise ValueError("the marker names other firms")
            for file in part.files.values():
                if hashlib.sha256(self._get(self._here(file))).hexdigest() != file["sha256"]:
                    raise ValueError(f"{file['path']} is not what was written")
        except (OSError, ValueError, KeyError, TypeError):
            self.ignored += 1
            return None
        return part

    def read(self, part: Part, table: str) -> pa.Table:
        """Return one table's rows from a part; OSError if its file is missing or corrupt."""
        file = part.files[table]
        content = self._get(self._here(file))
        if hashlib.sha256(content).hexdigest() != file["sha256"]:
            raise OSError(f"{file['path']} is corrupt: re-execute the run from the failed chunk")
        return pq.read_table(pa.BufferReader(content))

    def stream(self, parts: Sequence[Part], table: str) -> Iterator[pa.Table]:
        """Yield the rows of one table, part by part."""
        return (self.read(part, table) for part in parts if table in part.files)

    def clear(self, is_over: Callable[[str], bool]) -> None:
        """Give up this run's claim, and remove all parts of the quarter that no living run claims.

        `is_over` returns whether a run is known to have ended. A run on this machine has also ended if its process is
        gone. Where neither is certain, the parts are left to maintenance.
        """
        with contextlib.suppress(FileNotFoundError):
            self._fs.delete_file(self._claim())
        selector = pafs.FileSelector(self._quarter_folder, allow_not_found=True)
        for plan in self._fs.get_file_info(selector):
            claims = self._claims(plan.path)
            if (claims or plan.path == self._folder) and all(
                is_over(c["run_id"]) or _is_gone(c) for c in claims
            ):
                with contextlib.suppress(FileNotFoundError):  # the other run has just removed it
                    self._fs.delete_dir(plan.path)

    def _claim(self) -> str:
        return f"{self._folder}/{_CLAIM}{self.run_id}"

    def _claims(self, folder: str) -> list[dict[str, Any]]:
        """Return the claims on a plan; one that cannot be read counts as that of an unknown run."""
        found = []
        for file in self._fs.get_file_info(pafs.FileSelector(folder, allow_not_found=True)):
            if file.base_name.startswith(_CLAIM) and not file.base_name.endswith(".tmp"):
                try:
                    found.append({"run_id": "", "pid": None, "host": "", **json.loads(self._get(file.path))})
                except FileNotFoundError:
                    continue
                except (OSError, ValueError, TypeError):
                    found.append({"run_id": "", "pid": None, "host": ""})
        return found

    def _name(self, firms: Sequence[str], *, with_failures: bool) -> str:
        return f"{digest(list(firms))}-{self.run_id}" if with_failures else digest(list(firms))

    def _here(self, file: Mapping[str, Any]) -> str:
        # By name: in a copied or moved warehouse, the path that was recorded is the original's.
        return f"{self._folder}/{file['path'].rpartition('/')[2]}"

    def _marker(self, name: str) -> str:
        return f"{self._folder}/{name}.json"

    def _put(self, path: str, content: bytes) -> None:
        """Write a file atomically: on disk by renaming a temporary file; on S3 objects appear only when complete."""
        if isinstance(self._fs, pafs.LocalFileSystem):
            # A unique name: a run presumed dead may still be writing the same part.
            temporary = f"{path}.{uuid.uuid4().hex}.tmp"
            try:
                with reporting_full_disk(self.warehouse.root, f"{self.asset} {self.quarter}"):
                    with self._fs.open_output_stream(temporary) as stream:
                        stream.write(content)
                    self._fs.move(temporary, path)
            except BaseException:
                with contextlib.suppress(FileNotFoundError):
                    self._fs.delete_file(temporary)
                raise
        else:
            with self._fs.open_output_stream(path) as stream:
                stream.write(content)

    def _get(self, path: str) -> bytes:
        with self._fs.open_input_stream(path) as stream:
            return bytes(stream.read())
