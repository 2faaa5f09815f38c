"""The rule that market data reach as far around a quarter's calls as what is made from them needs."""

from __future__ import annotations

from typing import TYPE_CHECKING

import dagster as dg

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ftm_resources.warehouse import Warehouse


def refuse_too_few_days(
    warehouse: Warehouse, quarter: str, needed: Mapping[str, int], *, of: str, why: str
) -> None:
    """Raise a Failure if `daily_returns` of a quarter asked its source for fewer trading days than are needed.

    Parameters
    ----------
    warehouse : Warehouse
        Has the config that `daily_returns` was made with; what it does not name is not judged.
    quarter : str
        The quarter of the `daily_returns`.
    needed : mapping
        `days_before` or `days_after` → how many trading days.
    of : str
        The table that needs them, with its quarter.
    why : str
        What needs them; `{n}` stands for their number.

    """
    config = warehouse.provenance("daily_returns", quarter).get("config", {})
    for name, n in needed.items():
        if (asked := config.get(name)) is not None and n > int(asked):
            raise dg.Failure(
                f"{of}: {why.format(n=n)}, but {name} in the config of daily_returns was {asked}. Materialize "
                f"daily_returns of {quarter} with more first",
                allow_retries=False,
            )
