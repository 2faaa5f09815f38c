"""What the warehouse raises and warns with."""

from __future__ import annotations


class WarehouseError(OSError):
    """The warehouse cannot do what was asked; the message says what to do about it.

    An OSError, for a chunked step ends on those: the storage failed, not the firm that was being read.
    """


class NoWarehouseError(WarehouseError):
    """Nothing was ever written where a warehouse was to be read."""


class MixedGenerationsWarning(UserWarning):
    """Tables of a quarter were not made from each other; the message says which, and what to materialize."""
