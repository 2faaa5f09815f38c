"""Exceptions and warnings of the warehouse."""

from __future__ import annotations

import warnings
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

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


@contextmanager
def mixtures_told() -> Iterator[list[str]]:
    """Hold warnings back; at the end, the list that is yielded has the texts of the MixedGenerationsWarnings."""
    said: list[str] = []
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always", MixedGenerationsWarning)
        yield said
    said += [str(w.message) for w in told if issubclass(w.category, MixedGenerationsWarning)]
