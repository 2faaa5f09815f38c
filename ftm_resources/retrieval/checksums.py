"""Checksums of an index: of whole files, or of both ends of those that are too large to read at each opening."""

from __future__ import annotations

import json
import zlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

WHOLE_UP_TO = 64_000_000
"""Bytes of a file up to which all of it is read; of a larger one, the first and last END."""

END = 1_000_000


def checksum(file: Path) -> int:
    """Return the CRC-32 of a file, or of both ends of a large one."""
    size, found = file.stat().st_size, 0
    with file.open("rb") as opened:
        if size > WHOLE_UP_TO:
            found = zlib.crc32(opened.read(END))
            opened.seek(size - END)
        while block := opened.read(END):
            found = zlib.crc32(block, found)
    return found


def checksum_of(manifest: Mapping[str, Any]) -> int:
    """Return the CRC-32 of what a manifest says besides its own checksum."""
    said = {name: value for name, value in manifest.items() if name != "checksum"}
    return zlib.crc32(json.dumps(said, sort_keys=True).encode())
