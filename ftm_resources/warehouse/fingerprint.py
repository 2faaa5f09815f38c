"""Content fingerprints: they tell whether two tables hold the same rows, regardless of files and order."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ftm_resources.duck import ConfiguredDuckDB

if TYPE_CHECKING:
    from collections.abc import Collection

    import pyarrow as pa

    from ftm_resources.tables import Table


class Fingerprint:
    """An order-independent fingerprint of a table's rows, computed batch by batch.

    It is the row count and the sum, modulo 2^128, of DuckDB's 64-bit hash of each row as a struct of the
    contract's columns, or of those of them that it had at an earlier time. Measurements of the run, such as seconds,
    are excluded. To compute it in DuckDB:
    `SELECT count(*), sum(hash({'a': a, 'b': b})::HUGEINT) FROM t`.
    """

    def __init__(self, contract: Table, columns: Collection[str] | None = None) -> None:
        known = (c.name for c in contract.columns if not c.is_measurement)
        columns = [c for c in known if columns is None or c in columns]
        struct = ", ".join(f"'{c}': \"{c}\"" for c in columns)
        self._sql = f"SELECT sum(hash({{{struct}}})::HUGEINT) FROM batch"  # noqa: S608 - contract's own names
        self._connection = ConfiguredDuckDB().connect()
        self._sum = 0
        self.rows = 0

    def update(self, batch: pa.Table) -> None:
        """Add rows of the contract's columns."""
        if not batch.num_rows:
            return
        with self._connection.cursor() as cursor:
            cursor.register("batch", batch)
            (total,) = cursor.execute(self._sql).fetchone() or (0,)
        self._sum = (self._sum + int(total)) % 2**128
        self.rows += batch.num_rows

    def value(self) -> str:
        """Return the row count and the sum as text; tables with the same rows give the same text."""
        return f"{self.rows}-{self._sum:032x}"


def fingerprint(rows: pa.Table, contract: Table) -> str:
    """Return the fingerprint of a whole table."""
    result = Fingerprint(contract)
    result.update(rows)
    return result.value()
