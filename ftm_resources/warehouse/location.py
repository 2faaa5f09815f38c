"""Where a warehouse is: its root, file system and locks, and other warehouses near a root that holds none.

What belongs here: paths and URIs. Iceberg's metadata names files by absolute URIs, under the root at which a table
was made; `under` says which file that is at the root where the warehouse is now. Only `lock` creates anything.
"""

from __future__ import annotations

import contextlib
import difflib
import functools
import os
import re
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Self

from ftm_resources import locks, settings
from ftm_resources.tables import NAMESPACE, TABLES
from ftm_resources.warehouse.errors import WarehouseError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pyarrow import fs as pafs

CATALOG_FILE = "catalog.db"
"""The SQLite catalog of the tables; it makes a folder a warehouse."""

LOCKS = ".locks"
"""Folder of the writers' locks."""

S3_SECONDS = 60
"""Until a request to S3 is given up without a byte; pyarrow's own 3 are too few for a busy task or server."""

MAX_NEAR = 5
"""Nearby warehouses that an error lists at most."""

_MANAGED = (NAMESPACE, LOCKS, "staging", "runs", "replies", "search", "reports")
"""Folders of a warehouse that FTM writes to and cleans up."""

ROOT = "ftm.root"
"""Property of PyIceberg's file access (`rooted_io`): the URI of the root that it is confined to."""

_S3 = "s3://"

_SCHEME = re.compile(r"\s*(?:([a-z][a-z0-9+.-]+):/+|(s3[an]?):)", re.IGNORECASE)
"""The beginning of a URI, also with slashes missing. One letter is a drive of Windows."""

_BUCKET = re.compile(r"[A-Za-z0-9._-]+")
"""More than what AWS allows today: other servers, and old buckets, have capitals and underscores too."""

_ALIASES = ("s3", "s3a", "s3n")
"""Schemes of S3: Hadoop and Spark call it by the others."""

_IN_TABLE = re.compile(rf".*/{NAMESPACE}/(?P<file>[^/]+/(?:data|metadata)/.+)", re.DOTALL)
"""A file of a table; the last folder of that name counts, since the root's own path may contain one."""


@dataclass(frozen=True)
class Location:
    """The root of a warehouse: an absolute folder or `s3://bucket/prefix`, without a trailing slash."""

    root: str

    @classmethod
    def of(cls, path: str) -> Self:
        """Return the location for a path as users write it; it may be relative or start with `~`.

        `s3a://` and `s3n://` are `s3://`, in any case. Raises WarehouseError if it has another scheme, no bucket or
        options, or a name that cannot be stored or that DuckDB would take for a column of FTM's tables.
        """
        refused = f"a warehouse cannot be at {path!r}: "
        if "\0" in path or path != path.encode(errors="replace").decode():
            raise WarehouseError(f"{refused}it has characters that cannot be stored. Choose another folder")
        if (uri := _SCHEME.match(path)) is None:
            root = str(Path(path).expanduser().resolve())
        else:
            # The rest of a URI is not repeated: it may hold a key.
            refused, place = f"a warehouse cannot be at {uri[0]}…: ", path[uri.end() :].rstrip("/")
            bucket, *folders = place.split("/")
            if (uri[1] or "").lower() not in _ALIASES or not uri[0].endswith("://") or not bucket:
                raise WarehouseError(f"{refused}FTM_WAREHOUSE must be a folder or s3://bucket/prefix")
            if not _BUCKET.fullmatch(bucket) or set("?#") & set(place):
                raise WarehouseError(
                    f"{refused}leave keys, ports and options out of FTM_WAREHOUSE, which takes s3://bucket/prefix "
                    "alone; AWS's own variables have them"
                )
            if any(folder in {"", ".", ".."} or not folder.isprintable() for folder in folders):
                raise WarehouseError(f"{refused}a folder in it has no name, or one that is not plain text")
            root = f"{_S3}{place}"
        for folder in root.split("/"):
            if "=" in folder and folder.partition("=")[0].lower() in _columns():
                raise WarehouseError(
                    f"{refused}DuckDB would read the folder {folder!r} as a column of the tables. Choose another folder"
                )
        return cls(root)

    @property
    def is_s3(self) -> bool:
        """Whether it is on S3 with the Glue catalog; otherwise it is a folder with a SQLite catalog."""
        return self.root.startswith(_S3)

    @property
    def uri(self) -> str:
        """The root as PyIceberg expects it: a URI without escapes, which PyIceberg would not decode."""
        return self.root if self.is_s3 else f"file://{self.root}"

    def path_of(self, uri: str) -> str:
        """Return the path in `filesystem()` of a file that metadata calls `uri`."""
        return under(self.uri, uri).removeprefix("file://").removeprefix(_S3)

    @property
    def file_options(self) -> dict[str, str]:
        """Options for PyIceberg's file access: confined to the root, and on S3 the endpoint, which it does not know."""
        endpoint = _endpoint()
        confined = {"py-io-impl": "ftm_resources.warehouse.rooted_io.RootedFileIO", ROOT: self.uri}
        if not self.is_s3:
            return confined
        return (
            confined
            | {"s3.request-timeout": str(S3_SECONDS)}
            | ({"s3.endpoint": endpoint} if endpoint else {})
        )

    def filesystem(self) -> tuple[pafs.FileSystem, str]:
        """Return the file system that holds the warehouse and the root's path in it."""
        from pyarrow import fs as pafs  # noqa: PLC0415

        if not self.is_s3:
            return pafs.LocalFileSystem(), self.root
        found, path = pafs.FileSystem.from_uri(self.root)  # asks for the bucket's region
        patient = pafs.S3FileSystem(
            region=found.region, endpoint_override=_endpoint(), request_timeout=S3_SECONDS
        )
        return patient, path.rstrip("/")

    def catalog_state(self) -> tuple[int, ...]:
        """Return what changes with each write to a warehouse in a folder; empty on S3, or if there is no catalog."""
        catalog = Path(self.root) / CATALOG_FILE
        if self.is_s3 or not catalog.is_file():
            return ()
        about = catalog.stat()
        return about.st_ino, about.st_mtime_ns, about.st_size

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

    @property
    def shares_catalog(self) -> bool:
        """Whether a link shares the catalog's file with another folder, as `cp -al` does."""
        file = Path(self.root) / CATALOG_FILE
        return not self.is_s3 and file.is_file() and (file.is_symlink() or file.stat().st_nlink > 1)

    def require_own_catalog(self) -> None:
        """Raise WarehouseError if another folder shares the catalog: a commit would change that warehouse too."""
        if self.shares_catalog:
            raise WarehouseError(
                f"{self.root}/{CATALOG_FILE} is a link: another folder shares it, and writing here would change that "
                "warehouse too. Nothing was changed. Run `ftm adopt` to give this folder a catalog of its own"
            )

    def require_no_links(self, folder: str, spared: str, *, folders_only: bool = False) -> None:
        """Raise WarehouseError if a symbolic link leads out of a folder: what it leads to may be another's.

        `spared` says what did not happen. With `folders_only`, links to single files are allowed.
        """
        if self.is_s3:
            return
        top = Path(self.root) / folder
        links = [p for p in (top, *top.parents) if p.is_relative_to(self.root) and p.is_symlink()]
        for at, folders, files in os.walk(top):
            links += [
                p for n in (*folders, *(() if folders_only else files)) if (p := Path(at, n)).is_symlink()
            ]
        if links:
            raise WarehouseError(
                f"{folder}: {spared}, because {links[0]} is a link to {links[0].resolve()}: another warehouse may "
                "need what is there. Replace the link with what it points to"
            )

    def require_not_inside(self) -> None:
        """Raise WarehouseError if a new warehouse would be in a folder that another one manages and cleans up."""
        here = Path(self.root)
        if self.is_s3 or (here / CATALOG_FILE).exists():
            return
        for above in here.parents:
            if here.relative_to(above).parts[0] in _MANAGED and _holds_catalog(above):
                raise WarehouseError(
                    f"a warehouse cannot be at {here}: that folder is managed by the warehouse at {above}, whose "
                    "clean-up removes files there. Set FTM_WAREHOUSE to a folder elsewhere"
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
        file = Path(self.root) / LOCKS / f"{what}.lock"
        with contextlib.ExitStack() as held:
            try:
                held.enter_context(locks.held(file, f"the lock {what!r} of {self.root}"))
            except PermissionError as error:
                raise WarehouseError(
                    f"you may not write to {self.root} ({error}); nothing was changed. Reading needs no permission to "
                    "write; to write, ask the owner of the folder"
                ) from error
            yield


@functools.cache
def _columns() -> frozenset[str]:
    """Return the names of all columns in lower case, as DuckDB compares them."""
    return frozenset(c.name.lower() for table in TABLES.values() for c in table.columns)


def _endpoint() -> str | None:
    """Return the address of S3 that the settings name; None: AWS's own."""
    now = settings.current()
    return now.aws_endpoint_url_s3 or now.aws_endpoint_url or None


def under(root: str, uri: str) -> str:
    """Return the URI, under the URI `root`, of the file that metadata calls `uri`.

    Raises WarehouseError if it is not the file of a table.
    """
    found = _IN_TABLE.fullmatch(uri)
    if found is None or ".." in found["file"].split("/"):
        raise WarehouseError(
            f"{uri} is not in the folder of a table, so it does not belong to the warehouse at {root}; it was neither "
            "read nor changed. Another program wrote it: materialize that table again"
        )
    return f"{root}/{NAMESPACE}/{found['file']}"


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
