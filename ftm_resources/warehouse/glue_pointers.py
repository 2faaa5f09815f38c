"""AWS Glue as a catalog of FTM's tables. Loading it loads boto3, which only the extra `aws` installs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pyiceberg.catalog.glue import GlueCatalog, _construct_table_input
from pyiceberg.exceptions import CommitFailedException
from pyiceberg.serializers import FromInputFile

from ftm_resources.tables import NAMESPACE
from ftm_resources.warehouse.history import note_commit
from ftm_resources.warehouse.pointers import NotingCatalog

if TYPE_CHECKING:
    from ftm_resources.warehouse.location import Location


MAX_COMMENT = 255
"""Bytes of UTF-8 that Glue takes as a column's comment: 255 characters by AWS's model of it, bytes by its guide; it
refuses a table with a longer one."""


class CloudCatalog(NotingCatalog, GlueCatalog):
    """AWS Glue's catalog."""

    def __init__(self, place: Location, **properties: str) -> None:
        self.place, self._written = place, {}
        options: dict[str, Any] = {"warehouse": place.root, **place.file_options, **properties}
        super().__init__("ftm", **options)

    def point(self, name: str, new: str, old: str | None) -> None:
        """Make a metadata file current; `old` is the one that is, None to register the table.

        Raises CommitFailedException if another one is current.
        """
        if old is None:
            self.register_table((NAMESPACE, name), new)
        else:
            found = self.glue.get_table(DatabaseName=NAMESPACE, Name=name)["Table"]
            if found["Parameters"]["metadata_location"] != old:
                raise CommitFailedException(f"{name} was changed by another process; try again")
            metadata = FromInputFile.table_metadata(self._load_file_io(location=new).new_input(new))
            given = _construct_table_input(name, new, metadata.properties, metadata, found, old)
            self._update_glue_table(NAMESPACE, name, given, found["VersionId"])
        note_commit(self.place, name, new)

    def pointer(self, name: str) -> str | None:
        """Return the URI of a table's current metadata file, as recorded; None if there is no such table."""
        try:
            found = self.glue.get_table(DatabaseName=NAMESPACE, Name=name)
        except self.glue.exceptions.EntityNotFoundException:
            return None
        recorded: str = found["Table"]["Parameters"]["metadata_location"]
        return recorded

    def _create_glue_table(self, database_name: str, table_name: str, table_input: Any) -> None:
        super()._create_glue_table(database_name, table_name, _shortened(table_input))

    def _update_glue_table(
        self, database_name: str, table_name: str, table_input: Any, version_id: str
    ) -> None:
        super()._update_glue_table(database_name, table_name, _shortened(table_input), version_id)


def _shortened(table: Any) -> Any:
    """Return a table as Glue is told of it, with comments that it takes; the Iceberg schema has them in full."""
    for column in table.get("StorageDescriptor", {}).get("Columns", ()):
        if "Comment" in column:
            column["Comment"] = _cut(column["Comment"])
    return table


def _cut(comment: str) -> str:
    """Return a comment of at most MAX_COMMENT bytes, of whole words."""
    raw, more = comment.encode(), " …"
    if len(raw) <= MAX_COMMENT:
        return comment
    return raw[: MAX_COMMENT - len(more.encode())].decode(errors="ignore").rsplit(" ", 1)[0] + more
