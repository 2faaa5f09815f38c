"""Full disks: one error for all the ways in which the underlying libraries report them."""

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
    """Turn an out-of-space error while writing `what` into a WarehouseError that says where, and what to do."""
    try:
        yield
    except Exception as error:
        if not _is_full(error):
            raise
        free = shutil.disk_usage(root).free / 2**20
        raise WarehouseError(
            f"{what}: no space left under {root} ({free:,.0f} MiB free, or a quota is exhausted). Existing data is "
            "unchanged. Free some space (`ftm cleanup` removes files that are no longer needed) and try again; "
            "finished parts are kept."
        ) from error


def _is_full(error: BaseException | None) -> bool:
    if error is None:
        return False
    if (isinstance(error, OSError) and error.errno in _FULL) or _SQLITE_FULL in str(error):
        return True
    return _is_full(error.__cause__) or _is_full(error.__context__)
