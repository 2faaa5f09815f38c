"""Where a warehouse is: its root, file system and locks, and other warehouses near a root that holds none.

What belongs here: paths and URIs. Nothing here knows about tables, and only `lock` creates anything.
"""

from __future__ import annotations

import contextlib
import difflib
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Self
from urllib.parse import urlparse

from ftm_resources import locks, settings
from ftm_resources.warehouse.errors import WarehouseError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pyarrow import fs as pafs

CATALOG_FILE = "catalog.db"
"""The SQLite catalog of the tables; it makes a folder a warehouse."""

LOCKS = ".locks"
"""Folder of the writers' locks."""

MAX_NEAR = 5
"""Nearby warehouses that an error lists at most."""

_S3 = ("s3", "s3a")


@dataclass(frozen=True)
class Location:
    """The root of a warehouse: an absolute folder or `s3://bucket/prefix`, without a trailing slash."""

    root: str

    @classmethod
    def of(cls, path: str) -> Self:
        """Return the location for a path as users write it; it may be relative or start with `~`.

        Raises WarehouseError if it has a scheme other than `s3`, or a character that the underlying libraries
        would misread.
        """
        scheme = urlparse(path).scheme
        if scheme in _S3:
            return cls(path.rstrip("/"))
        if "://" in path:
            raise WarehouseError(
                f"a warehouse cannot be at {path!r}: FTM_WAREHOUSE must be a folder or s3://bucket/prefix"
            )
        if found := sorted({"#", "?"} & set(path)):
            raise WarehouseError(
                f"a warehouse cannot be at {path!r}: {' and '.join(found)} in a path would be read as part of a "
                "URI. Choose another folder"
            )
        return cls(str(Path(path).expanduser().resolve()))

    @property
    def is_s3(self) -> bool:
        """Whether it is on S3 with the Glue catalog; otherwise it is a folder with a SQLite catalog."""
        return urlparse(self.root).scheme in _S3

    @property
    def uri(self) -> str:
        """The root as PyIceberg expects it: a URI without escapes, which PyIceberg would not decode."""
        return self.root if self.is_s3 else f"file://{self.root}"

    def uri_of(self, path: str) -> str:
        """Return the URI of a path of `filesystem()`."""
        return f"s3://{path}" if self.is_s3 else f"file://{path}"

    @property
    def file_options(self) -> dict[str, str]:
        """Options for PyIceberg's file access: unlike AWS clients, it does not look up the endpoint itself."""
        now = settings.current()
        endpoint = now.aws_endpoint_url_s3 or now.aws_endpoint_url
        return {"s3.endpoint": endpoint} if endpoint and self.is_s3 else {}

    def filesystem(self) -> tuple[pafs.FileSystem, str]:
        """Return the file system that holds the warehouse and the root's path in it."""
        from pyarrow import fs as pafs  # noqa: PLC0415

        if not self.is_s3:
            return pafs.LocalFileSystem(), self.root
        filesystem, path = pafs.FileSystem.from_uri(self.root)
        return filesystem, path.rstrip("/")

    def require_folder(self) -> None:
        """Raise WarehouseError if the root, or a folder above it, is a file."""
        place = Path(self.root)
        if self.is_s3 or place.is_dir():
            return
        nearest = next(p for p in (place, *place.parents) if p.exists())
        if not nearest.is_dir():
            raise WarehouseError(
                f"a warehouse cannot be at {self.root}: {nearest} is a file. Set FTM_WAREHOUSE to a folder"
            )

    @contextlib.contextmanager
    def lock(self, what: str) -> Iterator[None]:
        """Serialise writers on one machine; see `locks.held` for what happens if its holder hangs.

        For writers only, as it creates the warehouse's folder. It does nothing on S3, where the Glue catalog's
        optimistic commits and their retries suffice.
        """
        if self.is_s3:
            yield
            return
        with locks.held(Path(self.root) / LOCKS / f"{what}.lock", f"the lock {what!r} of {self.root}"):
            yield


def near(root: str) -> list[str]:
    """Return the warehouses near a folder that holds none, those with the most similar path first.

    Searches the folder's subfolders, its nearest existing parent, that parent's subfolders, and in each of those
    the place where the root would be if the first missing part of its path were spelled differently.
    """
    wanted = Path(root)
    above = next(p for p in wanted.parents if p.is_dir())
    rest = wanted.relative_to(above).parts[1:]
    beside = _folders(above)
    candidates = {above, *_folders(wanted), *beside, *(b.joinpath(*rest) for b in beside)}
    found = [str(c) for c in candidates if c != wanted and _holds_catalog(c)]
    found.sort(key=lambda c: (-difflib.SequenceMatcher(None, c, root).ratio(), c))
    return found[:MAX_NEAR]


def _folders(folder: Path) -> list[Path]:
    try:
        return [p for p in folder.iterdir() if p.is_dir()]
    except OSError:  # missing, or not readable
        return []


def _holds_catalog(folder: Path) -> bool:
    try:
        return (folder / CATALOG_FILE).is_file()
    except OSError:
        return False
