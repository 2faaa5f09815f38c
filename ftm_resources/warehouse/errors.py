"""Exceptions and warnings of the warehouse."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from ftm_resources.warehouse.cleanup import Kept


class WarehouseError(OSError):
    """The warehouse cannot do what was asked; the message says how to fix it.

    An OSError, because a chunked step stops on OSErrors: the storage failed, not the firm being processed.
    """


class NoWarehouseError(WarehouseError):
    """There is no warehouse at the location to be read."""


class LostCatalogError(WarehouseError):
    """The catalog knows less than the files in the folder prove; the message names the tables and the remedy."""


class RefusedCleanupError(WarehouseError):
    """Clean-up refused some tables, which lost nothing; the message gives each reason."""

    def __init__(self, reasons: Sequence[str], found: Mapping[str, Kept]) -> None:
        super().__init__("\n".join(reasons))
        self.found = found
        """What was done in the other tables."""


class MixedGenerationsWarning(UserWarning):
    """Some tables of a quarter were made from outdated rows of others; the message says which to materialize."""
