"""Reasons for clean-up to refuse: files that look useless may only have lost the pointer to them.

What belongs here: the checks that clean-up makes before it changes a table. Each raises WarehouseError with what was
found and what to do.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ftm_resources.tables import NAMESPACE
from ftm_resources.warehouse import history, metadata_files
from ftm_resources.warehouse.catalog import place
from ftm_resources.warehouse.damage import unusable_data
from ftm_resources.warehouse.errors import WarehouseError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from pyiceberg.table import Table as IcebergTable

    from ftm_resources.warehouse.location import Location
    from ftm_resources.warehouse.reach import Reach

_FOOTER = b"PAR1"
"""The last bytes of every complete Parquet file."""


def require_sound(location: Location, table: IcebergTable) -> None:
    """Require that the table's metadata names this root and that the catalog knows every state in its folder."""
    name = table.name()[-1]
    if table.location() != place(location, name):
        recorded = table.location().removesuffix(f"/{NAMESPACE}/{name}")
        raise WarehouseError(
            f"{name}: clean-up removed nothing, because its metadata names {recorded} as the warehouse's root, not "
            f"{location.uri}. If this folder was moved or copied, run `ftm adopt`; if it is mounted from there, clean "
            "up there"
        )
    if lost := history.unknown(location, table):
        raise WarehouseError(
            f"{name}: clean-up removed nothing, because {lost}. If the catalog is not the newest one, run "
            f"`{history.REBUILD}`; if that state is no longer wanted, move its file away from "
            f"{location.uri}/{NAMESPACE}/{name}/metadata"
        )
    if not location.is_s3 and (harmed := unusable_data(table)):
        quarter, what = next(iter(harmed.items()))
        raise WarehouseError(
            f"{name}: clean-up removed nothing, because the current state is not whole: {what}. An earlier state may "
            f"still hold {quarter}: read it with as_of, or materialize {name} for {quarter} again"
        )
    location.require_no_links(f"{NAMESPACE}/{name}", "clean-up removed nothing")


def require_share(
    reach: Reach,
    table: IcebergTable,
    expired: set[int],
    listed: Mapping[str, int],
    orphans: Mapping[str, int],
    limit: float,
) -> None:
    """Require that at most a share of the table's data files, and of their bytes, is removed without a known reason.

    `listed` and `orphans` map paths to bytes. Known reasons are: the snapshots that need the file have expired, now or
    in a clean-up that was interrupted; it belongs to an attempt that was never committed or was rolled back; it was
    never completely written. So replacing a quarter many times raises no doubt, however much of it expires, but data
    that no metadata mentions does.
    """
    data = {p: n for p, n in listed.items() if f"/{NAMESPACE}/{reach.name}/data/" in p}
    doubtful = {p: n for p, n in orphans.items() if p in data}
    steps: tuple[Callable[[], set[str]], ...] = (
        lambda: reach.of_snapshots(table, expired),
        lambda: _of_attempts(reach, table),
        lambda: _of_earlier(reach, table),
        lambda: {p for p in doubtful if not _is_finished(reach.location, p)},
    )
    for known in steps:
        if not doubtful or (not _exceeds(doubtful, data, limit) and not _emptied(doubtful, data)):
            return
        reasons = known()
        doubtful = {p: n for p, n in doubtful.items() if p not in reasons}
    if limit < 1 and (emptied := _emptied(doubtful, data)):
        raise WarehouseError(
            f"{reach.name}: clean-up removed nothing, because no metadata mentions any data file of "
            f"{', '.join(emptied)}, so that nothing of it would be left in "
            f"{reach.location.uri}/{NAMESPACE}/{reach.name}/data. If a run of that quarter was killed before it was "
            "ever finished, materialize the quarter; if metadata was deleted, restore it from a backup. To remove "
            "these files all the same, run `ftm cleanup --yes --max-removed-share 1`"
        )
    if _exceeds(doubtful, data, limit):
        n, of = sum(doubtful.values()), sum(data.values())
        raise WarehouseError(
            f"{reach.name}: clean-up removed nothing, because no metadata mentions {len(doubtful)} of its "
            f"{len(data)} data files ({n:,} of {of:,} bytes), more than the share of {limit:g} that it removes "
            "unasked. Was metadata deleted? Restore it from a backup; `ftm verify` checks what is left. To remove "
            "these files all the same, run `ftm cleanup --yes --max-removed-share 1`"
        )


def _emptied(doubtful: Mapping[str, int], data: Mapping[str, int]) -> list[str]:
    """Return the quarters of which every data file is doubtful."""
    folders = {p.rpartition("/")[0] for p in doubtful} - {
        p.rpartition("/")[0] for p in data if p not in doubtful
    }
    return sorted(f.rpartition("=")[2] for f in folders)


def _exceeds(doubtful: Mapping[str, int], data: Mapping[str, int], limit: float) -> bool:
    return len(doubtful) > limit * len(data) or sum(doubtful.values()) > limit * sum(data.values())


def _of_attempts(reach: Reach, table: IcebergTable) -> set[str]:
    """Return the files of attempts that were never committed or were rolled back."""
    return {p for file in history.beside(reach.location, table) for p in reach.of_metadata(file)}


def _of_earlier(reach: Reach, table: IcebergTable) -> set[str]:
    """Return the files of the table's earlier states, as far as those can still be read."""
    return {
        p
        for e in table.metadata.metadata_log
        for p in reach.of_metadata(metadata_files.basename(e.metadata_file))
    }


def _is_finished(location: Location, path: str) -> bool:
    filesystem, _ = location.filesystem()
    with filesystem.open_input_file(path) as file:
        size = file.size()
        return bool(size >= len(_FOOTER) and file.read_at(len(_FOOTER), size - len(_FOOTER)) == _FOOTER)
