"""The inputs of a step, or of a command that reads several tables: quarters that exist and are of one generation.

What belongs here: refusing, before anything is computed, inputs that were never written or were not made from each
other.
"""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING

import dagster as dg

from ftm_resources import settings
from ftm_resources.warehouse.errors import MixedGenerationsWarning, WarehouseError
from ftm_resources.warehouse.snapshots import quarter_key

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping
    from logging import Logger

    from ftm_resources.warehouse import QuarterTable, Warehouse
    from ftm_resources.warehouse.pinned import Pinned

ALLOW_MIXED = "ftm/allow_mixed_generations"
"""Run tag: `true` does for one run what FTM_ALLOW_MIXED_GENERATIONS does for all."""


def pinned_inputs(
    warehouse: Warehouse,
    pinned: Pinned,
    quarter: str,
    tables: Collection[str],
    *,
    run: dg.DagsterRun,
    log: Logger | dg.DagsterLogManager,
) -> dict[str, QuarterTable]:
    """Return a quarter of each table, as pinned.

    Raises a Failure that says what to materialize first if a table was never written for the quarter, or if the
    tables and their inputs are not of one generation. FTM_ALLOW_MIXED_GENERATIONS, or the run's tag ALLOW_MIXED,
    turns the latter into a warning.
    """
    found = {name: warehouse.quarter(name, quarter, pinned=pinned) for name in tables}
    if problem := _absent(found, quarter):
        raise dg.Failure(problem, allow_retries=False)
    if problem := _mixed(pinned, quarter, tables):
        if run.tags.get(ALLOW_MIXED) != "true" and not settings.current().ftm_allow_mixed_generations:
            raise dg.Failure(
                f"{problem}. To compute from them anyway, set FTM_ALLOW_MIXED_GENERATIONS=true, or give the run the "
                f"tag {ALLOW_MIXED}=true.",
                allow_retries=False,
            )
        log.warning(f"{problem}. Continuing, because mixed generations are allowed")
    return found


def consistent(warehouse: Warehouse, quarter: str, tables: Collection[str]) -> dict[str, QuarterTable]:
    """Return a quarter of each table, pinned at once, for a reader outside a run.

    Raises WarehouseError if there is no warehouse, and where `pinned_inputs` raises a Failure.
    FTM_ALLOW_MIXED_GENERATIONS turns a mixture into a MixedGenerationsWarning.
    """
    pinned, quarter = warehouse.pin(), quarter_key(quarter)
    found = {name: warehouse.quarter(name, quarter, pinned=pinned) for name in tables}
    if problem := _absent(found, quarter):
        raise WarehouseError(problem) if quarter in pinned.quarters() else warehouse.no_such_quarter(quarter)
    if problem := _mixed(pinned, quarter, tables):
        if not settings.current().ftm_allow_mixed_generations:
            raise WarehouseError(f"{problem}. To read them anyway, set FTM_ALLOW_MIXED_GENERATIONS=true.")
        warnings.warn(
            f"{problem}. Continuing, because mixed generations are allowed",
            MixedGenerationsWarning,
            stacklevel=2,
        )
    return found


def _absent(found: Mapping[str, QuarterTable], quarter: str) -> str:
    """Return which tables were never written for the quarter and what to do about it; empty if all were."""
    absent = [name for name, table in found.items() if not table.is_written]
    if not absent:
        return ""
    return (
        f"{', '.join(absent)} of {quarter} was never materialized. Materialize it first: `ftm run --quarter "
        f"{quarter}` makes the whole quarter"
    )


def _mixed(pinned: Pinned, quarter: str, tables: Collection[str]) -> str:
    """Return how the tables are of mixed generations and what to materialize; empty if they are of one."""
    mixtures = pinned.mixtures(quarter, tables)
    if not mixtures:
        return ""
    problems = "; ".join(map(str, mixtures))
    again = ", ".join(pinned.to_materialize(quarter, list(tables), mixtures, readers=tables))
    return f"{quarter} is of mixed generations: {problems}. Materialize {again} of {quarter} first"
