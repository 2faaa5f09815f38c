"""Market data from WRDS: CRSP's daily stock file, CIZ or legacy, and the Fama-French factors."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from math import isnan
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from ftm_resources import settings
from ftm_resources.sources.base import Problem, SourceError
from ftm_resources.sources.returns.market_source import MISSING_CODES, THOUSAND, MarketSource, with_delisting
from ftm_resources.sources.wrds.postgres import Access, Wrds, one_at_a_time
from ftm_resources.sources.wrds.schema import TableName
from ftm_resources.tables.returns_tables import DAILY, FACTORS

if TYPE_CHECKING:
    from datetime import date

FIRMS_AT_ONCE = 200
"""Firms per query: about 75,000 rows of a quarter's days."""

_CIZ = """
SELECT permno, dlycaldt, dlyret, dlyprc, shrout, dlyvol, dlycap, NULL, NULL FROM {daily}
WHERE permno = ANY(:permnos) AND dlycaldt BETWEEN :first AND :last
ORDER BY permno, dlycaldt
"""
# A firm may be delisted on a day for which the daily file has no row.
_LEGACY = """
SELECT coalesce(d.permno, x.permno), coalesce(d.date, x.dlstdt), d.ret, d.prc, d.shrout, d.vol, NULL, x.dlret, x.dlstcd
FROM (SELECT * FROM {daily} WHERE permno = ANY(:permnos) AND date BETWEEN :first AND :last) d
FULL JOIN (
    SELECT * FROM {delisting}
    WHERE permno = ANY(:permnos) AND dlstdt BETWEEN :first AND :last AND dlstcd >= 200
) x ON x.permno = d.permno AND x.dlstdt = d.date
ORDER BY 1, 2
"""
# Code 100 is a firm that is still listed.
_FACTORS = (
    "SELECT date, mktrf, smb, hml, umd, rf FROM {factors} WHERE date BETWEEN :first AND :last ORDER BY date"
)

_COLUMNS = """
SELECT a.attname FROM pg_catalog.pg_attribute a
JOIN pg_catalog.pg_class c ON c.oid = a.attrelid JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
WHERE n.nspname = :schema AND c.relname = :name AND a.attnum > 0
"""


class WrdsMarket(MarketSource):
    """CRSP and Fama-French on WRDS, under the names that the settings give."""

    name = "wrds"

    def __init__(self) -> None:
        """Take the tables from the settings; SourceError, naming the setting, if a name is invalid."""
        now = settings.current()
        self._daily = _table("WRDS_DAILY_TABLE", now.wrds_daily_table)
        self._delisting = _table("WRDS_DELISTING_TABLE", now.wrds_delisting_table)
        self._factors = _table("WRDS_FACTOR_TABLE", now.wrds_factor_table)

    def provenance(self) -> dict[str, Any]:
        """Return the tables' names."""
        return {**super().provenance(), "daily": str(self._daily), "factors": str(self._factors)}

    def daily(self, permnos: Sequence[int], first: date, last: date) -> Iterator[pa.Table]:
        """Yield the returns, FIRMS_AT_ONCE firms per table."""
        access = Access.from_settings()
        with one_at_a_time(access), Wrds(access) as wrds:
            query = self._query(wrds)
            for start in range(0, len(permnos), FIRMS_AT_ONCE):
                asked = {
                    "permnos": list(permnos[start : start + FIRMS_AT_ONCE]),
                    "first": first,
                    "last": last,
                }
                rows = _rows(wrds, query, asked, self._daily)
                try:
                    yield _daily(rows)
                except ValueError as error:
                    raise _error(self._daily, str(error), "Report the row to WRDS.") from error

    def factors(self, first: date, last: date) -> pa.Table:
        """Return the factors, which WRDS has as decimals."""
        access = Access.from_settings()
        with one_at_a_time(access), Wrds(access) as wrds:
            query = _FACTORS.format(factors=self._factors.sql)
            rows = _rows(wrds, query, {"first": first, "last": last}, self._factors)
        columns = list(zip(*rows, strict=True)) or [()] * 6
        of = dict(zip(("date", "mkt_rf", "smb", "hml", "umd", "rf"), columns, strict=True))
        arrays = [pa.array([_plain(v) for v in of[f.name]], f.type) for f in FACTORS]
        return pa.table(arrays, schema=FACTORS)

    def _query(self, wrds: Wrds) -> str:
        """Return the query for the format that the daily table has."""
        asked = {"schema": self._daily.schema, "name": self._daily.name}
        columns = {name for (name,) in _rows(wrds, _COLUMNS, asked, self._daily)}
        if not columns or "dlycaldt" in columns:  # if there is no such table, the query itself says so
            return _CIZ.format(daily=self._daily.sql)
        if "ret" in columns:
            return _LEGACY.format(daily=self._daily.sql, delisting=self._delisting.sql)
        raise _error(
            self._daily,
            "has neither dlycaldt (CIZ) nor ret (legacy)",
            "Set WRDS_DAILY_TABLE to CRSP's daily stock file, such as crsp.dsf_v2.",
        )


def _table(setting: str, value: str) -> TableName:
    schema, _, name = value.partition(".")
    try:
        return TableName(schema, name)
    except ValueError as error:
        advice = f"Set {setting} to schema.table, such as crsp.dsf_v2."
        raise SourceError(
            [Problem(setting, None, None, f"{value!r}: {error}")], advice=advice, of="returns"
        ) from error


def _rows(wrds: Wrds, query: str, asked: dict[str, Any], table: TableName) -> list[tuple[Any, ...]]:
    try:
        return wrds.rows(query, asked, str(table))
    except SourceError as error:
        raise SourceError(error.problems, error.n_problems, advice=error.advice, of="returns") from error


def _error(table: TableName, message: str, advice: str) -> SourceError:
    return SourceError([Problem(str(table), None, None, message)], advice=advice, of="returns")


def _daily(rows: Sequence[tuple[Any, ...]]) -> pa.Table:
    """Return rows of either query in our columns and units; ValueError, naming it, for a row that makes no sense."""
    columns: dict[str, list[Any]] = {name: [] for name in DAILY.names}
    before = None
    for permno, day, ret, price, shrout, volume, cap, delisting, code in rows:
        number = int(permno)
        key = (number, _plain(day))
        if key == before:
            raise ValueError(f"PERMNO {number} has two rows on {day}")
        before = key
        total = with_delisting(_return(ret), _return(delisting), None if code is None else int(code))
        if total is not None and total < -1:
            raise ValueError(f"PERMNO {number} on {day}: return {total} is below -1")
        # A negative price is the middle of bid and ask; 0 is none.
        dollars = abs(float(price)) if price else None
        shares = None if shrout is None else float(shrout) * THOUSAND
        value = None if cap is None else float(cap) * THOUSAND
        if value is None and dollars is not None and shares is not None:
            value = dollars * shares
        traded = None if volume is None or volume < 0 else float(volume)
        for name, found in zip(DAILY.names, (*key, total, dollars, shares, traded, value), strict=True):
            columns[name].append(found)
    return pa.table(columns, schema=DAILY)


def _return(value: Any) -> float | None:
    return None if value is None or isnan(value) or float(value) in MISSING_CODES else float(value)


def _plain(value: Any) -> Any:
    """Return a number as a float and a day as a date."""
    if value is None or hasattr(value, "year"):
        return value.date() if hasattr(value, "hour") else value
    return float(value)
