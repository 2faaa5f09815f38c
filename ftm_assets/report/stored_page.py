"""Where the pages of a warehouse lie: in its folder `reports`, on disk or S3, each replaced in one step."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from ftm_resources.replaced_file import replaced

if TYPE_CHECKING:
    from ftm_resources.warehouse import Warehouse

FOLDER = "reports"
"""The folder of the warehouse that holds the pages, and what they share."""

_TYPES = {".html": "text/html; charset=utf-8"}


def store(warehouse: Warehouse, name: str, content: bytes, *, by: str = "") -> str:
    """Write a file of the folder; return where: a path, or a URI on S3.

    `by` tells writers of the same file apart, such as runs. Readers see the old file or the new one.
    """
    if warehouse.location.is_s3:
        filesystem, root = warehouse.filesystem()
        kind = _TYPES.get(Path(name).suffix, "application/octet-stream")
        # S3 shows an object once all of it is there.
        with filesystem.open_output_stream(f"{root}/{FOLDER}/{name}", metadata={"Content-Type": kind}) as out:
            out.write(content)
        return f"{warehouse.root}/{FOLDER}/{name}"
    file = Path(warehouse.root) / FOLDER / name
    file.parent.mkdir(exist_ok=True)
    with replaced(file, by=by) as partial:
        partial.write_bytes(content)
    return str(file)


def stored(warehouse: Warehouse, name: str) -> bytes | None:
    """Return the content of a file of the folder; None if there is none."""
    filesystem, root = warehouse.filesystem()
    try:
        with filesystem.open_input_stream(f"{root}/{FOLDER}/{name}") as file:
            return bytes(file.read())
    except FileNotFoundError:
        return None


def url(place: str) -> str:
    """Return the URL of what `store` wrote.

    >>> url("s3://bucket/warehouse/reports/2023Q1.html")
    's3://bucket/warehouse/reports/2023Q1.html'
    """
    return place if "://" in place else Path(place).as_uri()
