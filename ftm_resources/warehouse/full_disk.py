"""A full disk: one error for every way in which the libraries beneath say so."""

from __future__ import annotations

import contextlib
import errno
import shutil
from typing import TYPE_CHECKING

from ftm_resources.warehouse.errors import WarehouseError

if TYPE_CHECKING:
    from collections.abc import Iterator

_FULL = {errno.ENOSPC, errno.EDQUOT}
_SQLITE_FULL = "database or disk is full"


@contextlib.contextmanager
def reporting_full_disk(root: str, what: str) -> Iterator[None]:
    """Turn an error for want of space into a WarehouseError that says where, and what becomes of `what`."""
    try:
        yield
    except Exception as error:
        if not _is_full(error):
            raise
        free = shutil.disk_usage(root).free / 2**20
        raise WarehouseError(
            f"{what}: no space is left for it under {root} ({free:,.0f} MiB free, or a quota is used up). What was "
            "there before is unchanged. Make space (`ftm cleanup` removes what nothing needs) and materialize "
            "again: finished parts are kept."
        ) from error


def _is_full(error: BaseException | None) -> bool:
    if error is None:
        return False
    if (isinstance(error, OSError) and error.errno in _FULL) or _SQLITE_FULL in str(error):
        return True
    return _is_full(error.__cause__) or _is_full(error.__context__)
