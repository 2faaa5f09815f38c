"""What is copied of a quarter: the rows that go together, their embedding model, and what tells them from others."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ftm_resources.postgres.database import PublishError
from ftm_resources.postgres.layout import LAYOUT, READ
from ftm_resources.retrieval.indexed_tables import IndexedTables
from ftm_resources.warehouse import WarehouseError
from ftm_resources.warehouse.across import Across
from ftm_resources.warehouse.embedded_by import embedder_of
from ftm_resources.warehouse.snapshots import is_elsewhere, source_of

if TYPE_CHECKING:
    from collections.abc import Mapping

    import duckdb

    from ftm_resources.warehouse import Warehouse
    from ftm_resources.warehouse.warehouse import QuarterTable

_WITH_VECTORS = ("sentence_embeddings", "topic_summaries", "themes")


def shown_now(warehouse: Warehouse) -> Across:
    """Return all quarters of what a copy is made of, as `connect` shows them; later writes do not change them."""
    return Across.of(warehouse, READ)


@dataclass(frozen=True)
class QuarterState:
    """The rows of a quarter that `connect` over all quarters shows; later writes do not change them."""

    quarter: str
    model: str
    """The embedding model that made the vectors that are shown; "" if that was not recorded."""
    _across: Across

    @classmethod
    def of(cls, across: Across, quarter: str, *, allows_mixed: bool) -> QuarterState:
        """Return what is shown of a quarter (`across` is of `shown_now`).

        Raises WarehouseError if a table lacks it, or its newest rows do not go together or not with what is shown of
        other quarters; with `allows_mixed` only if no rows that go together within the quarter are left. Raises
        PublishError if its vectors are of different models.
        """
        if not across.holds(quarter):
            raise across.warehouse.no_such_quarter(quarter)
        found = across.mixtures(quarter)
        if not allows_mixed and (found or not across.is_newest(quarter)):
            why = (
                " ".join(_about(across, quarter)) or f"It does not go together: {'; '.join(map(str, found))}."
            )
            raise WarehouseError(
                f"{quarter} is not published. {why} To publish what is shown of it all the same, allow mixed "
                "generations."
            )
        if within := [str(m) for m in found if not is_elsewhere(m.source) and not is_elsewhere(m.table)]:
            raise WarehouseError(
                f"{quarter} is not published: no complete generation of it is left ({'; '.join(within)}). "
                f"{' '.join(_about(across, quarter))}"
            )
        if absent := [name for name, table in across.tables(quarter).items() if not table.is_written]:
            raise WarehouseError(
                f"{quarter} is not published: it has no {', '.join(absent)}. Materialize what is missing."
            )
        return cls(quarter, _model(across, quarter), across)

    def connect(self) -> duckdb.DuckDBPyConnection:
        """Return a DuckDB connection whose views hold these rows."""
        return self._across.connect(self.quarter)

    def indexed_tables(self) -> IndexedTables:
        """Return these rows as an index of them would be made."""
        return IndexedTables(self._across.warehouse, self.quarter, self._across.tables(self.quarter))

    def stamp(self, vectors: str) -> str:
        """Return what tells a copy of these rows, in this layout, from any other."""
        return stamp_of(self._across.tables(self.quarter), vectors)


def stamp_of(tables: Mapping[str, QuarterTable], vectors: str) -> str:
    """Return what tells a copy of these tables' rows, with vectors of this type and in this layout, from any other."""
    layout = [(t.name, dict(t.columns), t.query, dict(t.references), t.indexed, t.level) for t in LAYOUT]
    contents = sorted((name, table.content) for name, table in tables.items())
    return hashlib.sha256(repr((contents, vectors, layout)).encode()).hexdigest()


def _about(across: Across, quarter: str) -> list[str]:
    """Return the warnings that are about a quarter, or about those that it was made from."""
    newest = across.shown.pinned.present(quarter)
    keys = {key for name in READ if (write := newest(name)) is not None for key in write.inputs}
    named = {quarter, *(source_of(key, quarter)[1] for key in keys)}
    return [said for said in across.said if any(q in said for q in named)]


def _model(across: Across, quarter: str) -> str:
    writes = {name: across.write(name, quarter) for name in _WITH_VECTORS}
    made = {n: str(embedder_of(w.provenance()).get("model", "")) for n, w in writes.items() if w is not None}
    # What an earlier version of FTM wrote, and themes, whose vectors are means of topics', name none.
    recorded = {name: model for name, model in made.items() if model}
    if len(set(recorded.values())) > 1:
        by = ", ".join(f"{name} by {model}" for name, model in recorded.items())
        raise PublishError(
            f"{quarter} is not published: different models made its vectors ({by}), so they cannot be compared. "
            "Materialize them again with one model"
        )
    return next(iter(recorded.values()), "")


def dimension_of(db: duckdb.DuckDBPyConnection, quarter: str) -> int:
    """Return the number of dimensions of a quarter's vectors. Raises PublishError if it has none, or several."""
    # One row of each: rows of another length are found when they are copied.
    sql = "SELECT len(embedding) FROM {} WHERE embedding IS NOT NULL LIMIT 1"
    found = {row[0] for table in _WITH_VECTORS for row in db.execute(sql.format(table)).fetchall()}
    if len(found) != 1:
        has = f"embeddings of {sorted(found)} dimensions" if found else "no embeddings"
        raise PublishError(f"{quarter} cannot be published: it has {has}")
    return int(found.pop())
