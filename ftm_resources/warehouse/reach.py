"""Which files the metadata of a table refers to.

What belongs here: following references from metadata files and snapshots down to data files.
"""

from __future__ import annotations

import contextlib
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from ftm_resources.tables import NAMESPACE
from ftm_resources.warehouse.damage import reporting_damage, state

if TYPE_CHECKING:
    from collections.abc import Iterable

    from pyiceberg.io import FileIO
    from pyiceberg.table import Table as IcebergTable
    from pyiceberg.table.snapshots import Snapshot

    from ftm_resources.warehouse.location import Location


@dataclass
class Reach:
    """The references in one table. Paths are those of the warehouse's file system; each manifest is read once."""

    location: Location
    name: str
    _manifests: dict[str, frozenset[str]] = field(default_factory=dict, init=False)

    def needed(self, table: IcebergTable, live: set[int]) -> set[str]:
        """Return the files that the table's metadata and these snapshots refer to.

        Raises WarehouseError, naming the file, if a manifest cannot be read.
        """
        metadata = table.metadata
        uris = {table.metadata_location, *(e.metadata_file for e in metadata.metadata_log)}
        uris |= {s.statistics_path for s in [*metadata.statistics, *metadata.partition_statistics]}
        found = {self.location.path_of(uri) for uri in uris}
        for snapshot in metadata.snapshots:
            if snapshot.snapshot_id in live:
                with reporting_damage(table.scan(snapshot_id=snapshot.snapshot_id), self.name, None):
                    found |= self._of_snapshot(snapshot, table.io)
        return found

    def of_snapshots(self, table: IcebergTable, wanted: Iterable[int]) -> set[str]:
        """Return the files that these snapshots refer to, as far as their manifests can be read."""
        found: set[str] = set()
        for snapshot_id in wanted:
            if (snapshot := table.snapshot_by_id(snapshot_id)) is not None:
                with contextlib.suppress(Exception):  # a broken Avro file can make its reader raise anything
                    found |= self._of_snapshot(snapshot, table.io)
        return found

    def of_metadata(self, file: str) -> set[str]:
        """Return the files that the snapshots in a metadata file refer to, as far as they can be read."""
        uri = f"{self.location.uri}/{NAMESPACE}/{self.name}/metadata/{file}"
        found = state(self.location, uri)
        return (
            set()
            if found is None
            else self.of_snapshots(found, {s.snapshot_id for s in found.metadata.snapshots})
        )

    def _of_snapshot(self, snapshot: Snapshot, io: FileIO) -> set[str]:
        found = {self.location.path_of(snapshot.manifest_list)}
        for manifest in snapshot.manifests(io):
            path = self.location.path_of(manifest.manifest_path)
            if path not in self._manifests:
                entries = manifest.fetch_manifest_entry(io)
                self._manifests[path] = frozenset(
                    self.location.path_of(e.data_file.file_path) for e in entries
                )
            found |= {path, *self._manifests[path]}
        return found
