"""Market data in files: daily returns and factors, CSV, Parquet or Feather, in CRSP's CIZ or legacy column names.

A file has either returns (permno, date, ret and more) or factors (date, mktrf, smb, hml, rf, umd); which one, its
columns say. Every value of every row is checked, also those that no quarter needs.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from datetime import date
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from ftm_resources.sources.base import MAX_PROBLEMS
from ftm_resources.sources.files.problems import Expected, Problems
from ftm_resources.sources.files.tabular import batches
from ftm_resources.sources.returns.keyed_files import KeyedFiles, column, day, number, permno, refuse_repeats
from ftm_resources.sources.returns.market_source import (
    MISSING_CODES,
    PERFORMANCE,
    THOUSAND,
    MarketSource,
    with_delisting,
)
from ftm_resources.tables.returns_tables import DAILY, FACTORS

ADVICE = "Nothing was written. Correct the files, or export them again from CRSP, and run again."

_NAMES = {
    "permno": ("permno",),
    "date": ("date", "dlycaldt", "caldt"),
    "ret": ("ret", "dlyret"),
    "price": ("price", "prc", "dlyprc"),
    "shares": ("shares",),
    "shares_in_thousands": ("shrout",),
    "volume": ("volume", "vol", "dlyvol"),
    "market_cap": ("marketcap",),
    "market_cap_in_thousands": ("dlycap",),
    "delisting_ret": ("dlret",),
    "delisting_code": ("dlstcd",),
    "mkt_rf": ("mktrf",),
    "smb": ("smb",),
    "hml": ("hml",),
    "umd": ("umd", "mom"),
    "rf": ("rf",),
}
_OF_FACTORS = ("date", "mkt_rf", "smb", "hml", "umd", "rf")
EXPECTED = Expected(
    {given: name for name, all_given in _NAMES.items() for given in all_given},
    (("permno", "date", "ret"), _OF_FACTORS),
)
"""The columns, by the names that CRSP (CIZ, then legacy), Ken French and our own tables give them."""

_LETTERS = frozenset("ABCDEPRST")
"""Letters that CRSP's legacy exports write for a return that is missing."""
_RETURNS = frozenset({"ret", "delisting_ret"})
_MUST = frozenset({"permno", "date", "mkt_rf", "smb", "hml", "rf"})
_MOST_FACTOR = 0.5
"""No factor has moved so far in a day; in percent, many have."""
_MOST_RF = 0.001
"""A day's risk-free rate was at most 0.0006, in 1981; in percent, or as a rate per year, it is larger."""
_MOST_APART = 30.0
"""Times that market values may differ from price times shares; thousands differ by a thousand."""
_LEAST_USUAL_CAP = 1e6
"""Half of all market values are larger by far, in dollars; in thousands of dollars or of shares, smaller."""
_MOST_USUAL = 0.2
"""Half of the firms' moves are smaller by far; in percent, larger."""
_ENOUGH_MOVES = 50
"""With fewer, it cannot be told whether returns are in percent."""


class FilesMarket(MarketSource):
    """Market data in the files at a path."""

    name = "files"

    def __init__(self, path: str | Path) -> None:
        """Take a file, or a folder whose files are read, including subfolders."""
        self._files = KeyedFiles(path, of="returns", advice=ADVICE)

    def provenance(self) -> dict[str, Any]:
        """Return the path and the SHA-256 of the files' names and contents."""
        return {**super().provenance(), **self._files.provenance()}

    def daily(self, permnos: Sequence[int], first: date, last: date) -> Iterator[pa.Table]:
        """Yield the returns as one table, once all files are found sound; those asked for are held in memory."""
        rows = self._read("permno", DAILY, first, last, pa.array(permnos, pa.int64()))
        yield rows.sort_by([("permno", "ascending"), ("date", "ascending")])

    def factors(self, first: date, last: date) -> pa.Table:
        """Return the factors, as decimals."""
        return self._read("mkt_rf", FACTORS, first, last, None).sort_by("date")

    def _read(
        self, mark: str, schema: pa.Schema, first: date, last: date, permnos: pa.Array | None
    ) -> pa.Table:
        """Return the rows within the days of the files that have the column `mark`."""
        parts: list[pa.Table] = []
        found: list[Problems] = []
        sound = True
        for file in self.files():
            problems = Problems(self._files.label(file), expected=EXPECTED)
            for raw in batches(file, problems):
                if mark not in raw.column_names:
                    break
                rows = _parsed(raw, problems)
                within = pc.and_(
                    pc.greater_equal(rows.column("date"), first), pc.less_equal(rows.column("date"), last)
                )
                if permnos is not None:
                    within = pc.and_(within, pc.is_in(rows.column("permno"), permnos))
                rows = rows.filter(pc.fill_null(within, fill_value=False))
                columns = [rows.column(f.name).cast(f.type) for f in schema]
                place = pa.array([len(found)] * rows.num_rows, pa.int64())
                also = ("row", "is_delisting", "cap_ratio")
                parts.append(
                    pa.table(
                        [*columns, *(rows.column(c) for c in also), place], [*schema.names, *also, "file"]
                    )
                )
            found.append(problems)
            sound = sound and not problems.count
        whole = pa.concat_tables(parts) if parts else None
        if sound and whole is not None:
            refuse_repeats(whole, found, ["permno", "date"] if permnos is not None else ["date"])
            _refuse_units(whole, found, mark)
            if permnos is not None:
                _refuse_repeated_delistings(whole, found)
        self._files.refuse(found)
        if whole is None:
            what = (
                "daily returns (permno, date, ret)"
                if permnos is not None
                else "factors (date, mktrf, smb, ...)"
            )
            raise self._files.error(f"no file has {what}")
        return whole.select(schema.names).cast(schema)

    def files(self) -> list[Path]:
        """Return the files to read, sorted; SourceError if there are none, or some cannot be read."""
        return self._files.files()


def _parsed(raw: pa.Table, problems: Problems) -> pa.Table:
    """Return a batch in our columns, types and units; what cannot be read is a problem of its row and null."""
    n = raw.num_rows
    found: dict[str, pa.ChunkedArray] = {"row": raw.column("row")}
    readers: dict[str, tuple[Callable[[Any], Any], pa.DataType]] = {
        "permno": (permno, pa.int64()),
        "date": (day, pa.date32()),
    }
    for name in raw.column_names:
        if name != "row":
            read, kind = readers.get(name, (partial(_number, is_return=name in _RETURNS), pa.float64()))
            found[name] = column(raw, name, read, kind, problems, must=name in _MUST)
    for name in _NAMES:
        found.setdefault(name, pa.chunked_array([pa.nulls(n, pa.float64())]))
    found["price"] = pc.abs(_unless_zero(found["price"]))  # negative: the middle of bid and ask
    found["volume"] = pc.if_else(pc.less(found["volume"], 0), None, found["volume"])
    for name in ("shares", "market_cap"):
        found[name] = pc.coalesce(found[name], pc.multiply(found[f"{name}_in_thousands"], THOUSAND))
    cap = pc.multiply(found["price"], found["shares"])
    found["cap_ratio"] = pc.divide(found["market_cap"], cap)
    found["market_cap"] = pc.coalesce(found["market_cap"], cap)
    found["is_delisting"] = pc.or_(
        found["delisting_ret"].is_valid(),
        pc.is_in(found["delisting_code"], pa.array(sorted(PERFORMANCE), pa.float64())),
    )
    if found["delisting_ret"].null_count < n or found["delisting_code"].null_count < n:
        parts = zip(*(found[c].to_pylist() for c in ("ret", "delisting_ret", "delisting_code")), strict=True)
        total = [with_delisting(r, d, None if c is None else int(c)) for r, d, c in parts]
        found["ret"] = pa.chunked_array([pa.array(total, pa.float64())])
    return pa.table(found)


def _number(value: Any, *, is_return: bool) -> float | None:
    if is_return and isinstance(value, str) and value.strip() in _LETTERS:
        return None
    found = number(value)
    if is_return and found in MISSING_CODES:
        return None
    if is_return and found is not None and found < -1:
        raise ValueError("is below -1: returns are decimals, and -1 is a loss of everything")
    return found


def _unless_zero(prices: pa.ChunkedArray) -> pa.ChunkedArray:
    return pc.if_else(pc.equal(prices, 0.0), None, prices)


def _refuse_units(rows: pa.Table, found: Sequence[Problems], mark: str) -> None:
    """Record files whose returns or factors are in percent, or whose market values or shares are in thousands."""
    for at, problems in enumerate(found):
        own = rows.filter(pc.equal(rows.column("file"), at))
        if mark == "permno":
            _refuse_units_of_firms(own, problems)
            continue
        for name in ("mkt_rf", "smb", "hml", "umd", "rf"):
            most = _MOST_RF if name == "rf" else _MOST_FACTOR
            if (pc.max(pc.abs(own.column(name))).as_py() or 0.0) > most:
                problems.add(
                    None,
                    name,
                    f"a day's is over {100 * most:g}%: it must be a decimal per day, not percent (divide by 100) or a "
                    "rate per year",
                )


def _refuse_units_of_firms(rows: pa.Table, problems: Problems) -> None:
    moves = np.abs(rows.column("ret").drop_null().to_numpy())
    moves = moves[moves > 0]
    if len(moves) >= _ENOUGH_MOVES and np.median(moves) > _MOST_USUAL:
        problems.add(
            None, "ret", "half of the moves are over 20% a day: returns must be decimals, not percent"
        )
    ratios = rows.column("cap_ratio").drop_null().to_numpy()
    ratios = ratios[ratios > 0]
    if len(ratios) and not 1 / _MOST_APART <= (usual := float(np.median(ratios))) <= _MOST_APART:
        problems.add(
            None,
            "market_cap",
            f"market values are usually {usual:.3g} times price times shares: `marketcap` is in dollars and `shares` "
            "in shares; CRSP's `dlycap` and `shrout`, in thousands, are known by these names",
        )
    caps = rows.column("market_cap").drop_null().to_numpy()
    if len(caps) >= _ENOUGH_MOVES and np.median(caps) < _LEAST_USUAL_CAP:
        problems.add(
            None,
            "market_cap",
            "half of the market values are under a million dollars: `shares` must be shares and `marketcap` dollars; "
            "CRSP's `shrout` and `dlycap`, in thousands, are known by these names",
        )


def _refuse_repeated_delistings(rows: pa.Table, found: Sequence[Problems]) -> None:
    """Record firms that are delisted on several days: each day's return would be that of the delisting."""
    delisted = rows.filter(rows.column("is_delisting")).sort_by(
        [("permno", "ascending"), ("date", "ascending")]
    )
    permnos = delisted.column("permno").to_numpy()
    for at in np.flatnonzero(permnos[1:] == permnos[:-1])[: MAX_PROBLEMS + 1] + 1:
        row: dict[str, Any] = delisted.slice(int(at), 1).to_pylist()[0]
        found[row["file"]].add(
            row["row"],
            "delisting_ret",
            f"PERMNO {row['permno']} is delisted on an earlier day too: `dlret` and `dlstcd` belong to the day of the "
            "delisting alone, not to each of the firm's",
        )
