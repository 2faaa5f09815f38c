"""Which rows are searched: the filter, and which calls meet it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from ftm_resources.tables.categories import SECTIONS, SPEAKER_TYPES

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import date

    from numpy.typing import NDArray

    Mask = NDArray[np.bool_]


@dataclass(frozen=True)
class Wanted:
    """Which rows are searched. An empty tuple allows all; ids of firms may be tickers too."""

    firms: tuple[str, ...] = ()
    permnos: tuple[int, ...] = ()
    speakers: tuple[str, ...] = ()
    sections: tuple[str, ...] = ()
    since: date | None = None
    until: date | None = None
    with_procedural: bool = False
    """Sentences about the call itself, too."""

    def __post_init__(self) -> None:
        for what, given, known in (
            ("speaker", self.speakers, SPEAKER_TYPES),
            ("section", self.sections, SECTIONS),
        ):
            if unknown := [g for g in given if g not in known]:
                raise ValueError(f"there is no {what} {unknown[0]!r}; choose from {', '.join(known)}")
        if self.since and self.until and self.since > self.until:
            raise ValueError(f"since ({self.since}) is after until ({self.until})")


def firms_without_calls(wanted: Wanted, calls: pa.Table) -> list[str]:
    """Return the wanted firms and PERMNOs, as text, of which none of the calls (CALLS) is."""
    held = {name: set(calls[name].to_pylist()) for name in ("firm_id", "ticker", "permno")}
    tickers = {t.upper() for t in held["ticker"] if t}
    return [
        *(f for f in wanted.firms if f not in held["firm_id"] and f.upper() not in tickers),
        *(f"PERMNO {p}" for p in wanted.permnos if p not in held["permno"]),
    ]


def calls_wanted(wanted: Wanted, calls: pa.Table) -> Mask | None:
    """Return the mask (n,) of the calls (CALLS) that meet the filter; None if it does not limit them."""
    limits = []
    if wanted.firms:
        named = [f.upper() for f in wanted.firms]
        tickers = pc.is_in(pc.utf8_upper(calls["ticker"]), value_set=_array(named, "ticker", calls))
        ids = pc.is_in(calls["firm_id"], value_set=_array(wanted.firms, "firm_id", calls))
        limits.append(pc.or_(ids, tickers))
    if wanted.permnos:
        limits.append(pc.is_in(calls["permno"], value_set=_array(wanted.permnos, "permno", calls)))
    if wanted.since:
        limits.append(pc.greater_equal(calls["call_date"], wanted.since))
    if wanted.until:
        limits.append(pc.less_equal(calls["call_date"], wanted.until))
    if not limits:
        return None
    mask = np.ones(calls.num_rows, np.bool_)
    for limit in limits:
        mask &= limit.fill_null(False).to_numpy(zero_copy_only=False)
    return mask


def _array(values: Sequence[Any], column: str, calls: pa.Table) -> pa.Array:
    return pa.array(values, calls.schema.field(column).type)
