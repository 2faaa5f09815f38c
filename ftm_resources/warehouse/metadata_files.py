"""The metadata files in a table's folder: where they are and what their names say."""

from __future__ import annotations

import contextlib
import os
import re
from typing import TYPE_CHECKING, Any

from ftm_resources.tables import NAMESPACE

if TYPE_CHECKING:
    from ftm_resources.warehouse.location import Location

SUFFIX = ".metadata.json"
NAME = re.compile(
    r"(?P<version>\d{5,})-[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}" + re.escape(SUFFIX)
)


def names(location: Location, name: str) -> list[str]:
    """Return the names of a table's metadata files, newest version first."""
    return sorted((n for n in listed(location, name) if NAME.fullmatch(n)), key=version_of, reverse=True)


def basename(uri: str) -> str:
    """Return the last component of a URI or path."""
    return uri.rpartition("/")[2]


def version_of(name: str) -> int:
    """Return the number in the name of a metadata file; -1 if it has none."""
    found = NAME.fullmatch(name)
    return int(found["version"]) if found else -1


def listed(location: Location, name: str) -> list[str]:
    """Return the names of all files in a table's metadata folder."""
    from pyarrow import fs as pafs  # noqa: PLC0415

    filesystem, folder = folder_of(location, name)
    if not location.is_s3:
        with contextlib.suppress(FileNotFoundError, NotADirectoryError):
            return os.listdir(folder)  # noqa: PTH208 - several times per table loaded
        return []
    return [f.base_name for f in filesystem.get_file_info(pafs.FileSelector(folder, allow_not_found=True))]


def folder_of(location: Location, name: str) -> tuple[Any, str]:
    """Return a table's metadata folder: the filesystem, and the path in it."""
    filesystem, root = location.filesystem()
    return filesystem, f"{root}/{NAMESPACE}/{name}/metadata"
