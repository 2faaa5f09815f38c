"""Where indexes lie, and how one takes the place of another.

In a local warehouse they are in its folder `search`; those of a warehouse on S3 are there too, and copied to a folder
of the user's cache, where they are opened. Each quarter has a folder per build and a small file that names the current
one, which is replaced by renaming: readers see the old index or the new one, and keep the files that they have open.
"""

from __future__ import annotations

import hashlib
import json
import shutil
import uuid
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import platformdirs
from pyarrow import fs

from ftm_resources.locks import held
from ftm_resources.replaced_file import replaced
from ftm_resources.retrieval.building import FORMAT, MANIFEST, open_index, write_index
from ftm_resources.retrieval.checksums import checksum, checksum_of
from ftm_resources.retrieval.indexed_tables import IndexedTables, made_from
from ftm_resources.retrieval.levels import TABLES_READ

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from ftm_resources.retrieval.building import Progress
    from ftm_resources.retrieval.opened_quarter import OpenQuarter
    from ftm_resources.warehouse.warehouse import QuarterTable, Warehouse

FOLDER = "search"
CURRENT = "current.json"
"""Names the current build of a quarter."""


class IndexUnusableError(ValueError):
    """There is no index, or it is outdated or damaged; the message says which."""


@dataclass(frozen=True)
class Built:
    """An index that was made, or one that was still right."""

    folder: Path
    manifest: Mapping[str, Any]
    is_new: bool

    @property
    def n_bytes(self) -> int:
        """Size of its files."""
        return sum(self.manifest["files"].values())


def folder_of(warehouse: Warehouse, quarter: str) -> Path:
    """Return the folder on this machine that holds the builds of a quarter's index."""
    if not warehouse.location.is_s3:
        return Path(warehouse.root) / FOLDER / quarter
    name = hashlib.sha256(warehouse.root.encode()).hexdigest()[:16]
    return platformdirs.user_cache_path("ftm") / FOLDER / name / quarter


def build_index(warehouse: Warehouse, quarter: str, progress: Progress = lambda *_: None) -> Built:
    """Make the index of a quarter if its rows changed since the last one; return it.

    Raises WarehouseError as `Warehouse.together` does.
    """
    tables = warehouse.together(quarter, TABLES_READ)
    target = folder_of(warehouse, quarter)
    with _lock(warehouse, target):
        try:
            folder, manifest = _current(target)
            _require_fitting(manifest, tables)
            _require_whole(folder, manifest)
        except IndexUnusableError:
            pass
        else:
            return Built(folder, manifest, is_new=False)
        name = uuid.uuid4().hex[:12]
        partial = target / f".{name}.partial"
        for left in target.glob(".*.partial"):  # by a killed process
            shutil.rmtree(left)
        try:
            with IndexedTables(warehouse, quarter, tables) as source:
                manifest = write_index(source, partial, progress)
            partial.rename(target / name)
        finally:
            shutil.rmtree(partial, ignore_errors=True)
        if warehouse.location.is_s3:
            _upload(warehouse, quarter, target / name, name)
        with replaced(target / CURRENT) as file:
            file.write_text(json.dumps({"build": name}))
        _remove_others(target, name)
        return Built(target / name, manifest, is_new=True)


def opened_index(warehouse: Warehouse, quarter: str, tables: Mapping[str, QuarterTable]) -> OpenQuarter:
    """Open the index of a quarter that was made from these rows; IndexUnusableError if there is none that is whole."""
    target = folder_of(warehouse, quarter)
    if warehouse.location.is_s3:
        _download(warehouse, quarter, target)
    while True:
        folder, manifest = _current(target)
        try:
            _require_fitting(manifest, tables)
            _require_whole(folder, manifest)
            return open_index(folder, manifest)
        except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
            if not folder.is_dir() and _named(target) != folder.name:
                continue  # replaced while it was being opened
            if isinstance(error, IndexUnusableError):
                raise
            raise IndexUnusableError(f"the index is damaged: {folder} ({error})") from error


def _named(target: Path) -> str | None:
    """Return the name of the current build; None if it cannot be read."""
    try:
        return str(json.loads((target / CURRENT).read_text())["build"])
    except (OSError, ValueError, KeyError, TypeError):
        return None


def state_of(warehouse: Warehouse, quarter: str) -> tuple[Any, ...]:
    """Return what changes with a quarter's current index on this machine."""
    file = folder_of(warehouse, quarter) / CURRENT
    if not file.is_file():
        return ()
    about = file.stat()
    return about.st_ino, about.st_mtime_ns


def _current(target: Path) -> tuple[Path, dict[str, Any]]:
    """Return the folder of the current build, and its manifest."""
    file = target / CURRENT
    if not file.is_file():
        raise IndexUnusableError("there is no index")
    try:
        folder = target / str(json.loads(file.read_text())["build"])
        manifest = json.loads((folder / MANIFEST).read_text())
        found = manifest["format"]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise IndexUnusableError(f"the index is damaged: {target} ({error})") from error
    if found != FORMAT:
        raise IndexUnusableError("the index was made by another version of FTM")
    if manifest.get("checksum") != checksum_of(manifest):
        raise IndexUnusableError(f"the index is damaged: {folder / MANIFEST} has another checksum")
    return folder, manifest


def _require_fitting(manifest: Mapping[str, Any], tables: Mapping[str, QuarterTable]) -> None:
    now = made_from(tables)
    changed = sorted(name for name, content in now.items() if manifest["made_from"].get(name) != content)
    if changed:
        raise IndexUnusableError(f"the index is outdated: {', '.join(changed)} changed since it was made")


def _require_whole(folder: Path, manifest: Mapping[str, Any]) -> None:
    for name, size in manifest["files"].items():
        file = folder / name
        found = file.stat().st_size if file.is_file() else None
        if found != size:
            is_there = "missing" if found is None else f"{found:,} bytes instead of {size:,}"
            raise IndexUnusableError(f"the index is damaged: {file} is {is_there}")
        if checksum(file) != manifest["checksums"].get(name):
            raise IndexUnusableError(f"the index is damaged: {file} has another checksum")


def _remove_others(target: Path, name: str) -> None:
    for other in target.iterdir():
        if other.is_dir() and other.name != name:
            shutil.rmtree(other, ignore_errors=True)


@contextmanager
def _lock(warehouse: Warehouse, target: Path) -> Iterator[None]:
    if warehouse.location.is_s3:
        with held(target.with_suffix(".lock"), f"the right to write {target}"):
            yield
    else:
        with warehouse.lock(f"{FOLDER}-{target.name}"):
            yield


def stored_at(warehouse: Warehouse, quarter: str) -> tuple[Any, str]:
    """Return the filesystem of the warehouse, and the path in it of a quarter's indexes."""
    filesystem, root = warehouse.filesystem()
    return filesystem, f"{root}/{FOLDER}/{quarter}"


def _upload(warehouse: Warehouse, quarter: str, folder: Path, name: str) -> None:
    """Copy a build to S3, then the file that names it, then remove other builds there."""
    filesystem, place = stored_at(warehouse, quarter)
    fs.copy_files(
        str(folder),
        f"{place}/{name}",
        source_filesystem=fs.LocalFileSystem(),
        destination_filesystem=filesystem,
    )
    with filesystem.open_output_stream(f"{place}/{CURRENT}") as out:
        out.write(json.dumps({"build": name}).encode())
    for other in filesystem.get_file_info(fs.FileSelector(place)):
        if other.type == fs.FileType.Directory and other.base_name != name:
            filesystem.delete_dir(other.path)


def _download(warehouse: Warehouse, quarter: str, target: Path) -> None:
    """Bring the folder of the cache up to date with S3; leave it as it is if nothing is there."""
    filesystem, place = stored_at(warehouse, quarter)
    if filesystem.get_file_info(f"{place}/{CURRENT}").type == fs.FileType.NotFound:
        return
    with filesystem.open_input_stream(f"{place}/{CURRENT}") as file:
        name = str(json.loads(file.read())["build"])
    with _lock(warehouse, target):
        if not (target / name).is_dir():
            partial = target / f".{name}.partial"
            shutil.rmtree(partial, ignore_errors=True)
            partial.mkdir(parents=True)
            try:
                fs.copy_files(
                    f"{place}/{name}", str(partial), source_filesystem=filesystem,
                    destination_filesystem=fs.LocalFileSystem(),
                )  # fmt: skip
                partial.rename(target / name)
            finally:
                shutil.rmtree(partial, ignore_errors=True)
        with replaced(target / CURRENT) as file_:
            file_.write_text(json.dumps({"build": name}))
        _remove_others(target, name)
