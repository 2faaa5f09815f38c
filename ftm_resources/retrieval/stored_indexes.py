"""What is stored of indexes, without opening them: whether each is current, and those of quarters that are gone."""

from __future__ import annotations

import json
import shutil
from typing import TYPE_CHECKING, Any

from pyarrow import fs

from ftm_resources.retrieval.building import FORMAT, MANIFEST
from ftm_resources.retrieval.index_folder import CURRENT, FOLDER, folder_of, stored_at
from ftm_resources.retrieval.indexed_tables import made_from
from ftm_resources.retrieval.levels import TABLES_READ
from ftm_resources.warehouse.across import Across
from ftm_resources.warehouse.cleanup import Kept, maintain
from ftm_resources.warehouse.errors import WarehouseError

if TYPE_CHECKING:
    from collections.abc import Iterable

    from ftm_resources.warehouse import Warehouse
    from ftm_resources.warehouse.cleanup import Policy


def index_states(warehouse: Warehouse, quarters: Iterable[str]) -> dict[str, str]:
    """Return quarter → `current`, `outdated` (other rows are shown now, or another version made it) or `none`.

    Reads what each index says of itself; whether its files are whole is seen when it is opened. `unknown` if the
    tables are damaged.
    """
    found = {}
    across: Across | None = None
    for quarter in quarters:
        about = _manifest(warehouse, quarter)
        if about is None:
            found[quarter] = "none"
            continue
        try:
            across = across or Across.of(warehouse, TABLES_READ)
            now = made_from(across.tables(quarter))
        except WarehouseError:  # `ftm quarters` says which is damaged
            found[quarter] = "unknown"
            continue
        is_current = about.get("format") == FORMAT and about.get("made_from") == now
        found[quarter] = "current" if is_current else "outdated"
    return found


def maintain_all(warehouse: Warehouse, policy: Policy) -> dict[str, Kept]:
    """Clean up the tables (see `maintain`), then the indexes; what was counted of these is there if there are any."""
    found = maintain(warehouse, policy)
    if (indexes := sweep_indexes(warehouse, dry_run=policy.dry_run)) != Kept():
        found[FOLDER] = indexes
    return found


def sweep_indexes(warehouse: Warehouse, *, dry_run: bool = False) -> Kept:
    """Remove the indexes of quarters that no table holds any more; return what was counted, of the warehouse."""
    held = set(warehouse.pin().quarters(TABLES_READ))
    filesystem, root = warehouse.filesystem()
    listed = filesystem.get_file_info(
        fs.FileSelector(f"{root}/{FOLDER}", recursive=True, allow_not_found=True)
    )
    start = len(f"{root}/{FOLDER}/")
    kept = Kept()
    gone: set[str] = set()
    for info in listed:
        if info.type != fs.FileType.File:
            continue
        quarter = info.path[start:].partition("/")[0]
        if quarter in held:
            kept += Kept(files=1, bytes=info.size)
        else:
            gone.add(quarter)
            kept += Kept(files_removed=1, bytes_removed=info.size)
    for quarter in () if dry_run else sorted(gone):
        with warehouse.lock(f"{FOLDER}-{quarter}"):
            filesystem.delete_dir(stored_at(warehouse, quarter)[1])
        if warehouse.location.is_s3:
            shutil.rmtree(folder_of(warehouse, quarter), ignore_errors=True)
    return kept


def _manifest(warehouse: Warehouse, quarter: str) -> dict[str, Any] | None:
    """Return what a quarter's current index says of itself; {} if that cannot be read, None if there is none."""
    filesystem, place = stored_at(warehouse, quarter)
    if filesystem.get_file_info(f"{place}/{CURRENT}").type != fs.FileType.File:
        return None
    try:
        with filesystem.open_input_stream(f"{place}/{CURRENT}") as file:
            build = str(json.loads(file.read())["build"])
        with filesystem.open_input_stream(f"{place}/{build}/{MANIFEST}") as file:
            about: dict[str, Any] = json.loads(file.read())
    except (OSError, ValueError, KeyError, TypeError):
        return {}
    return about
