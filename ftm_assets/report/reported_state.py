"""The state of the warehouse that a page is of: which write of each table, and what a reader must know of it.

What belongs here: which quarters are read and whether they go together, before any row is read. One state serves the
whole page, so that a run that replaces a table meanwhile does not show in it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from ftm_resources import settings
from ftm_resources.quarters import between, preceding
from ftm_resources.warehouse.across import Across
from ftm_resources.warehouse.errors import WarehouseError
from ftm_resources.warehouse.generations import mixtures
from ftm_resources.warehouse.snapshots import is_elsewhere

if TYPE_CHECKING:
    from collections.abc import Sequence

    import duckdb

    from ftm_resources.warehouse import Warehouse
    from ftm_resources.warehouse.snapshots import AsOf, Write

READ = (
    *("transcripts", "sentences", "sentence_kinds", "sentence_sentiment"),
    *("firm_topics", "sentence_topics", "firm_status", "topic_summaries", "topic_naming_audit"),
    *(
        "themes",
        "theme_topics",
        "theme_naming_audit",
        "theme_sentences",
        "topic_coherence",
        "theme_coherence",
    ),
    *("sentiment_scores", "sentiment_cells", "theme_links", "theme_series"),
    *("topic_quality", "firm_theme_sentiment", "theme_sentiment", "theme_panel", "coverage", "run_costs"),
)
"""The tables of a quarter that a page is made from."""

MEMORY = "768MB"
"""Memory of each connection's queries; what does not fit goes to DuckDB's temporary folder."""

PANEL = "theme_panel"
"""The table that says what changed between quarters."""


class ReportError(WarehouseError):
    """There is no page to be made of what was asked for; the message says why and what to do."""


@dataclass(frozen=True)
class ReportedState:
    """What a page is made from; later writes do not change it."""

    across: Across
    quarter: str
    """The quarter that the map and the tables show."""
    quarters: tuple[str, ...]
    """The stored quarters of the range, up to `quarter`."""
    missing: tuple[str, ...]
    """Quarters of the range that are not stored."""
    warnings: tuple[str, ...]
    """How what is shown does not go together."""

    @classmethod
    def of(
        cls, warehouse: Warehouse, first: str, last: str | None = None, *, as_of: AsOf | None = None
    ) -> ReportedState:
        """Return the state of one quarter, or of a range of them.

        One quarter is judged by itself, several together, as `Warehouse.connect` does.

        Raises
        ------
        ReportError
            If the range runs backwards, its last quarter is not stored, what is shown of a quarter does not go
            together, or panels of several quarters are outdated; FTM_ALLOW_MIXED_GENERATIONS makes the last two
            warnings.
        WarehouseError
            If there is no warehouse, or no such tag or state.

        """
        quarter = last or first
        if quarter < first:
            raise ReportError(f"{first} to {quarter} runs backwards: name the earlier quarter first")
        alone = quarter if first == quarter else None
        across = Across.of(warehouse, READ, quarter=alone, as_of=as_of)
        wanted = between(first, quarter)
        stored = tuple(q for q in wanted if _is_held(across, q))
        if quarter not in stored:
            raise _absent(across, quarter, as_of)
        warnings = [
            said
            for q in stored
            for said in _told(across, q, READ if q == quarter else (PANEL,), is_range=len(wanted) > 1)
        ]
        missing = tuple(q for q in wanted if q not in stored)
        return cls(across, quarter, stored, missing, tuple(warnings))

    def connect(self) -> duckdb.DuckDBPyConnection:
        """Return a DuckDB connection whose views hold the quarter."""
        return _bounded(self.across.connect(self.quarter))

    def connect_to(self, quarters: Sequence[str], *tables: str) -> duckdb.DuckDBPyConnection:
        """Return a DuckDB connection whose views hold some quarters of these tables."""
        return _bounded(self.across.connect(*quarters, tables=tables))

    def write(self, table: str, quarter: str | None = None) -> Write | None:
        """Return the write of a table that is shown; None if there is none. Default: of the page's quarter."""
        return self.across.write(table, quarter or self.quarter)

    def writes(self) -> dict[str, Write]:
        """Return table → write of the page's quarter, in the order of READ."""
        return {name: write for name in READ if (write := self.write(name)) is not None}

    def quarters_of(self, table: str) -> list[str]:
        """Return the quarters, up to the page's, of which a table has a write in this state, sorted."""
        held = self.across.shown.pinned.quarters([table])
        return [q for q in held if q <= self.quarter and self.write(table, q) is not None]

    def outdated(self, names: Sequence[str]) -> str | None:
        """Return how these tables of the page's quarter do not go with what is shown; None if they do.

        FTM_ALLOW_MIXED_GENERATIONS lets all go together.
        """
        found = mixtures(names, self.across.shown.present(self.quarter))
        if not found or settings.current().ftm_allow_mixed_generations:
            return None
        first, *others = sorted(
            {f"{m.table} {m.what}" for m in found if m.table == names[0]} or map(str, found)
        )
        more = f" (and {len(others)} more)" if others else ""
        if self.across.as_of is None:
            return f"{first}{more}. Materialize {names[0]} of {self.quarter} again."
        return f"{first}{more}, as of {self.across.as_of}. Tag all quarters that it is made from, with the same tag."

    def compared(self) -> tuple[str | None, str | None]:
        """Return the quarter before if changes from it can be shown; else None, and why not if it is stored.

        The rule is that of the exports of panels: neither panel was made from other rows than are shown.
        """
        before = preceding(self.quarter)
        if self.write(PANEL) is None or not _is_held(self.across, before):
            return None, None
        if self.write(PANEL, before) is None:
            return None, f"Changes from {before} are not shown: it has no {PANEL}."
        found = [
            f"{mixture} ({q})"
            for q in (before, self.quarter)
            for mixture in mixtures((PANEL,), self.across.shown.present(q))
        ]
        if found and not settings.current().ftm_allow_mixed_generations:
            return (
                None,
                f"Changes from {before} are not shown, as the panels of the two quarters do not go together: "
                f"{'; '.join(found)}. `ftm quarters` says what to materialize.",
            )
        return before, None


def _bounded(db: duckdb.DuckDBPyConnection) -> duckdb.DuckDBPyConnection:
    db.execute(f"SET memory_limit = '{MEMORY}'")
    return db


def _is_held(across: Across, quarter: str) -> bool:
    return any(across.write(name, quarter) is not None for name in READ)


def _absent(across: Across, quarter: str, as_of: AsOf | None) -> ReportError:
    held = [q for q in across.shown.pinned.quarters(READ) if _is_held(across, q)]
    then = f" as of {as_of}" if as_of else ""
    return ReportError(
        f"no quarter {quarter}{then} in {across.warehouse.root}; it holds {', '.join(held) or 'none'}. Make it with "
        f"`ftm run --quarter {quarter}`"
    )


def _told(across: Across, quarter: str, names: Sequence[str], *, is_range: bool) -> list[str]:
    """Return what to say of a quarter's tables that do not go together, or not with earlier quarters.

    Raises ReportError if that is more than a page may say.
    """
    found = mixtures(names, across.shown.present(quarter))
    listed = "; ".join(map(str, found))
    refused = found if is_range else [m for m in found if not is_elsewhere(m.source)]
    if refused and not settings.current().ftm_allow_mixed_generations:
        what = "panels are outdated" if is_range else "tables are of mixed generations"
        raise ReportError(
            f"{quarter}: its {what}: {listed}. Materialize what `ftm quarters` names, or set "
            "FTM_ALLOW_MIXED_GENERATIONS=true for a page that says so"
        )
    said = [f"{quarter} does not go together: {listed}."] if found else []
    if not across.is_newest(quarter) and across.as_of is None:
        said.append(f"{quarter} is shown as it was before its tables were made again in part.")
    return said
