"""Exceptions and warnings of the warehouse."""

from __future__ import annotations


class WarehouseError(OSError):
    """The warehouse cannot do what was asked; the message says how to fix it.

    An OSError, because a chunked step stops on OSErrors: the storage failed, not the firm being processed.
    """


class NoWarehouseError(WarehouseError):
    """There is no warehouse at the location to be read."""


class MixedGenerationsWarning(UserWarning):
    """Some tables of a quarter were made from outdated rows of others; the message says which to materialize."""
