"""Fundamentals from WRDS: Compustat's quarterly file, linked to CRSP's PERMNOs as of the end of each fiscal quarter."""

from __future__ import annotations

from math import isnan
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from ftm_resources import settings
from ftm_resources.sources.base import Problem, SourceError
from ftm_resources.sources.returns.fundamentals_source import MILLION, FundamentalsSource, book_equity
from ftm_resources.sources.wrds.links import LINK_PRIMARY, LINK_TYPES
from ftm_resources.sources.wrds.postgres import Access, Wrds, one_at_a_time
from ftm_resources.sources.wrds.schema import TableName
from ftm_resources.tables.sort_tables import FUNDAMENTALS

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from datetime import date

FIRMS_AT_ONCE = 1_000
"""Firms per query: about 10,000 rows of a quarter's span."""

# Industrial format, standardised, domestic, consolidated: one row per firm and fiscal quarter, but for firms that
# changed their fiscal year, or had two links; of those, the better link's earliest report comes first.
_QUERY = """
SELECT l.lpermno, f.datadate, f.rdq, f.epspxq, f.prccq, f.ajexq,
    f.seqq, f.ceqq, f.pstkq, f.atq, f.ltq, f.txditcq
FROM {fundamentals} f JOIN {links} l ON l.gvkey = f.gvkey
    AND (l.linkdt IS NULL OR l.linkdt <= f.datadate) AND (l.linkenddt IS NULL OR l.linkenddt >= f.datadate)
WHERE l.lpermno = ANY(:permnos) AND f.datadate BETWEEN :first AND :last
    AND f.indfmt = 'INDL' AND f.datafmt = 'STD' AND f.popsrc = 'D' AND f.consol = 'C'
    AND l.linktype = ANY(:types) AND l.linkprim = ANY(:primary)
ORDER BY l.lpermno, f.datadate, array_position(:types, l.linktype::text),
    array_position(:primary, l.linkprim::text), f.rdq NULLS LAST, f.gvkey
"""


class WrdsFundamentals(FundamentalsSource):
    """Compustat on WRDS, under the names that the settings give."""

    name = "wrds"

    def __init__(self) -> None:
        """Take the tables from the settings; SourceError, naming the setting, if a name is invalid."""
        now = settings.current()
        self._table = _table("WRDS_FUNDAMENTALS_TABLE", now.wrds_fundamentals_table)
        self._links = _table("WRDS_LINK_TABLE", now.wrds_link_table)

    def provenance(self) -> dict[str, Any]:
        """Return the tables' names."""
        return {**super().provenance(), "fundamentals": str(self._table), "links": str(self._links)}

    def rows(self, permnos: Sequence[int], first: date, last: date) -> pa.Table:
        """Return the rows asked for; a date of report before the end of its quarter is taken as unknown."""
        access = Access.from_settings()
        query = _QUERY.format(fundamentals=self._table.sql, links=self._links.sql)
        found: list[tuple[Any, ...]] = []
        with one_at_a_time(access), Wrds(access) as wrds:
            for start in range(0, len(permnos), FIRMS_AT_ONCE):
                asked = {
                    "permnos": list(permnos[start : start + FIRMS_AT_ONCE]),
                    "first": first,
                    "last": last,
                    "types": list(LINK_TYPES),
                    "primary": list(LINK_PRIMARY),
                }
                try:
                    found += wrds.rows(query, asked, str(self._table))
                except SourceError as error:
                    raise SourceError(
                        error.problems, error.n_problems, advice=error.advice, of="fundamentals"
                    ) from error
        return _made(found)


def _table(setting: str, value: str) -> TableName:
    schema, _, name = value.partition(".")
    try:
        return TableName(schema, name)
    except ValueError as error:
        advice = f"Set {setting} to schema.table, such as comp.fundq."
        raise SourceError(
            [Problem(setting, None, None, f"{value!r}: {error}")], advice=advice, of="fundamentals"
        ) from error


def _made(rows: Iterable[tuple[Any, ...]]) -> pa.Table:
    """Return the rows of the query in our columns and units; of several with one key, the first."""
    made: dict[tuple[int, Any], dict[str, Any]] = {}
    for permno, ended, known, eps, price, adjustment, *accounts in rows:
        key = (int(permno), _day(ended))
        reported = _day(known)
        equity = book_equity(*map(_number, accounts))
        made.setdefault(
            key,
            {
                "permno": key[0],
                "fiscal_date": key[1],
                "known_date": None if reported is None or reported < key[1] else reported,
                "eps": _number(eps),
                "price": None if (p := _number(price)) is None else abs(p),
                "adjustment": _number(adjustment),
                "book_equity": None if equity is None else equity * MILLION,
                "sue": None,
            },
        )
    return pa.Table.from_pylist(list(made.values()), schema=FUNDAMENTALS)


def _number(value: Any) -> float | None:
    return None if value is None or isnan(value) else float(value)


def _day(value: Any) -> Any:
    return value.date() if hasattr(value, "hour") else value
