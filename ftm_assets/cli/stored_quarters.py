"""A stored quarter in words: its state, its source, its cost, and which tables do not fit together."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from ftm_assets.methods.wording import dollars
from ftm_resources.tables.cost_tables import PRICED_ROWS, RUN_COSTS, USD_SUM
from ftm_resources.warehouse.snapshots import source_of

if TYPE_CHECKING:
    from ftm_resources.warehouse import Warehouse
    from ftm_resources.warehouse.status import QuarterStatus


def state(quarter: QuarterStatus) -> str:
    """Return `damaged`, `mixed`, `incomplete` or `complete`."""
    if quarter.damaged:
        return "damaged"
    return "complete" if quarter.is_complete else "mixed" if quarter.mixtures else "incomplete"


def source(quarter: QuarterStatus) -> str:
    """Return where the calls came from; for files, with the file's name."""
    if not quarter.source:
        return "unknown"
    name = str(quarter.source["name"])
    return f"{name} {Path(quarter.source['path']).name}" if "path" in quarter.source else name


def notes(quarter: QuarterStatus, *, details: bool = False) -> list[str]:
    """Return what is damaged, missing or does not fit together, and what to materialize.

    Tables that do not fit are one line, or with `details` a line for each of them and each of its inputs.
    """
    found = list(quarter.damaged)
    if details:
        found += [
            *map(str, quarter.mixtures),
            *([f"to fix it, materialize {', '.join(again)}"] if (again := quarter.to_materialize) else []),
        ]
    elif quarter.mixtures:
        found.append(_outdated(quarter))
    if quarter.missing:
        found.append(f"missing: {', '.join(quarter.missing)}")
    return found


NOT_KNOWN = "not known"

_COSTS = f"""
    SELECT quarter, {USD_SUM} AS known, bool_or(lacks_usd)
    FROM {PRICED_ROWS}
    GROUP BY quarter
"""  # noqa: S608 - a constant


def costs(warehouse: Warehouse) -> dict[str, str]:
    """Return what the runs of quarters cost; nothing if no quarter's cost has a price.

    `at least` where a part of a quarter's cost has no price, `not known` where no part has one.
    """
    if RUN_COSTS not in warehouse.pin().names:
        return {}
    with warehouse.connect(tables=(RUN_COSTS,), newest=True) as db:
        rows = db.execute(_COSTS).fetchall()
    if all(usd is None for _, usd, _ in rows):
        return {}
    return {
        quarter: NOT_KNOWN if usd is None else f"{'at least ' if is_part else ''}{dollars(usd)}"
        for quarter, usd, is_part in rows
    }


def _outdated(quarter: QuarterStatus) -> str:
    """Return how many tables do not go with what, and what to materialize: 3 tables do not go with themes, 2019Q3."""
    tables = {source_of(mixture.table, quarter.quarter) for mixture in quarter.mixtures}
    own = len({name for name, of in tables if of == quarter.quarter})
    sources = [source_of(mixture.source, quarter.quarter) for mixture in quarter.mixtures]
    names = dict.fromkeys(name for name, of in sources if of == quarter.quarter)
    earlier = sorted({of for _, of in sources if of != quarter.quarter})
    others = [f"{len(earlier)} quarters ({earlier[0]} to {earlier[-1]})"] if len(earlier) > 3 else earlier
    apart = ", ".join([*names, *others])
    again = ", ".join(quarter.to_materialize)
    do = "1 table does" if own == 1 else f"{own or len(tables)} tables do"
    return f"{do} not go with {apart}; to fix it, materialize {again}"
