"""The inputs of a step: quarters that exist and belong to one generation.

What belongs here: refusing, before anything is computed, inputs that were never written or were not made from each
other.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import dagster as dg

from ftm_resources import settings

if TYPE_CHECKING:
    from collections.abc import Collection
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
    if absent := [name for name, table in found.items() if not table.is_written]:
        raise dg.Failure(
            f"{', '.join(absent)} of {quarter} was never materialized. Materialize it first: `ftm run --quarter "
            f"{quarter}` makes the whole quarter",
            allow_retries=False,
        )
    if mixtures := pinned.mixtures(quarter, tables):
        problems = "; ".join(map(str, mixtures))
        again = ", ".join(pinned.to_materialize(quarter, list(tables), mixtures, readers=tables))
        text = f"{quarter} is of mixed generations: {problems}. Materialize {again} of {quarter} first"
        if run.tags.get(ALLOW_MIXED) != "true" and not settings.current().ftm_allow_mixed_generations:
            raise dg.Failure(
                f"{text}. To compute from them anyway, set FTM_ALLOW_MIXED_GENERATIONS=true, or give the run the tag "
                f"{ALLOW_MIXED}=true.",
                allow_retries=False,
            )
        log.warning(f"{text}. Continuing, because mixed generations are allowed")
    return found
