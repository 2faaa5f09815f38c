"""Quarters that are open for search: by their index, or read into memory where none can be used."""

from __future__ import annotations

import threading
import time
import warnings
from collections import OrderedDict
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ftm_resources.retrieval.building import in_memory
from ftm_resources.retrieval.index_folder import IndexUnusableError, opened_index, state_of
from ftm_resources.retrieval.indexed_tables import IndexedTables
from ftm_resources.retrieval.levels import TABLES_READ
from ftm_resources.retrieval.quarter_spans import quarters_among

if TYPE_CHECKING:
    from collections.abc import Iterable

    from ftm_resources.retrieval.opened_quarter import OpenQuarter
    from ftm_resources.warehouse.warehouse import Warehouse

_KEPT_OPEN = 16
"""Quarters that stay open between searches."""

_TRUSTED_SECONDS = 60.0
"""Seconds for which a quarter on S3 is taken to be unchanged; a local one is looked at each time."""


class NoIndexWarning(UserWarning):
    """A quarter is searched without an index; the message says why and how to make one."""


def quarters_of(warehouse: Warehouse, asked: str | Iterable[str] | None) -> list[str]:
    """Return the stored quarters that are asked for, sorted (see `search`).

    Raises WarehouseError if there is none of a name or range, ValueError if it is not a quarter.
    """
    return quarters_among(_stored(warehouse), asked, warehouse.no_such_quarter)


def _stored(warehouse: Warehouse) -> list[str]:
    """Return the quarters that any of the tables holds, sorted; looked up again if the catalog changed."""
    if warehouse.location.is_s3:
        return warehouse.pin().quarters(TABLES_READ)
    state = warehouse.location.catalog_state()
    known = _quarters.get(warehouse.root)
    if known is None or known[0] != state:
        known = _quarters[warehouse.root] = state, tuple(warehouse.pin().quarters(TABLES_READ))
    return list(known[1])


_quarters: dict[str, tuple[tuple[int, ...], tuple[str, ...]]] = {}


@dataclass(frozen=True)
class _Kept:
    state: tuple[Any, ...]
    seconds: float
    opened: OpenQuarter


_kept: OrderedDict[tuple[str, str], _Kept] = OrderedDict()
_keeping = threading.Lock()


def opened_quarter(warehouse: Warehouse, quarter: str) -> OpenQuarter:
    """Return a quarter, open for search; it stays open until its tables or its index change.

    Without a usable index, the quarter is read into memory, with a NoIndexWarning.
    """
    key = (warehouse.root, quarter)
    with _keeping:
        state = _state(warehouse, quarter)
        kept = _kept.get(key)
        is_trusted = not warehouse.location.is_s3 or (
            kept and time.monotonic() - kept.seconds < _TRUSTED_SECONDS
        )
        if kept is not None and kept.state == state and is_trusted:
            _kept.move_to_end(key)
            return kept.opened
        tables = warehouse.together(quarter, TABLES_READ)
        try:
            opened = opened_index(warehouse, quarter, tables)
        except IndexUnusableError as error:
            warnings.warn(
                f"{quarter}: {error}. It is read into memory and every vector is compared, which takes longer. "
                f"Materialize search_index for {quarter} to make the index",
                NoIndexWarning,
                stacklevel=3,
            )
            with IndexedTables(warehouse, quarter, tables) as source:
                opened = in_memory(source)
        # The state from before reading: a commit since then must be seen by the next search.
        _kept[key] = _Kept(state, time.monotonic(), opened)
        while len(_kept) > _KEPT_OPEN:
            _kept.popitem(last=False)
        return opened


def _state(warehouse: Warehouse, quarter: str) -> tuple[Any, ...]:
    """Return what changes whenever a table of a local warehouse does, or an index on this machine."""
    return *warehouse.location.catalog_state(), *state_of(warehouse, quarter)
