"""What the quarter cost: in all, and by stage, as `run_costs` had it when the page was made.

What belongs here: the words of a cost. Of what has no price, it is said how long it took.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from ftm_assets.methods.wording import counted, dollars
from ftm_assets.report.payload import Fact, Measure
from ftm_resources.endpoint.forecast import duration
from ftm_resources.tables.cost_tables import PRICED_ROWS, USD_SUM

if TYPE_CHECKING:
    import duckdb

HEADING = "Cost"

_MARKETS = {"fargate": "Fargate", "fargate-spot": "Fargate Spot", "spot": "Spot", "on-demand": "On-Demand"}

_AT_LEAST = "at least "

MOST_STAGES = 12
"""Stages listed one by one, most seconds first; the others are one line."""


class _Stage(NamedTuple):
    """What a stage took in all runs; in the order of `_BY_STAGE`."""

    name: str
    seconds: float
    without_price: float
    """Seconds of machines without a price."""
    lost: float
    """Seconds in attempts that failed."""
    usd: float | None
    """Of machines and tokens, as far as they are known; None if nothing has a price."""
    tokens: int
    """As far as they are known."""
    lacks_tokens: bool
    """Whether the tokens of an attempt are not known."""
    lacks_tokens_usd: bool
    lacks_usd: bool
    """Whether a part has no price, so that `usd` is the least."""
    machines: list[str]

    @property
    def told(self) -> str:
        """The stage in words."""
        told = [f"{duration(self.seconds)} on {' and '.join(_machine(m) for m in self.machines)}"]
        if self.lost:
            told.append(f"{duration(self.lost)} of it in attempts that failed")
        if self.tokens:
            told.append(f"{_AT_LEAST * self.lacks_tokens}{self.tokens:,} tokens")
        elif self.lacks_tokens:
            told.append("an unknown number of tokens")
        if self.usd is not None:
            told.append(f"{_AT_LEAST * self.lacks_usd}{dollars(self.usd)}")
        return "; ".join(told)


_BY_STAGE = f"""
    SELECT stage, sum(seconds), coalesce(sum(seconds) FILTER (lacks_machine_usd), 0),
        coalesce(sum(seconds) FILTER (has_failed), 0),
        {USD_SUM}, coalesce(sum(tokens_in + tokens_out), 0), bool_or(tokens_in + tokens_out IS NULL),
        bool_or(lacks_tokens_usd), bool_or(lacks_usd),
        list_sort(list(DISTINCT coalesce(machine, '') || ' ' || market))
    FROM {PRICED_ROWS} GROUP BY stage ORDER BY 2 DESC, 1
"""  # noqa: S608 - a constant

_RUNS = "SELECT count(DISTINCT run_id), min(priced_on), max(priced_on) FROM run_costs"


def told_cost(db: duckdb.DuckDBPyConnection) -> tuple[tuple[Measure, ...], tuple[Fact, ...]]:
    """Return the measures of the quarter's cost, and facts by stage; nothing if no run was recorded."""
    stages = [_Stage(*row) for row in db.execute(_BY_STAGE).fetchall()]
    n_runs, first, last = db.execute(_RUNS).fetchone() or (0, None, None)
    if not stages:
        return (), ()
    lost = sum(s.lost for s in stages)
    measures = [
        Measure(
            "Machine time",
            f"Of {counted(n_runs, 'run')} until the page was made; machines side by side are each counted"
            f"{f'; {duration(lost)} of it in attempts that failed' if lost else ''}",
            round(sum(s.seconds for s in stages), 1), "seconds", (), None,
        )
    ]  # fmt: skip
    priced = [s.usd for s in stages if s.usd is not None]
    if priced:
        name = "Cost of the quarter"
        meaning = "Machines, servers of models and tokens, until the page was made"
        if first is not None:
            meaning += f"; prices of {first}{'' if first == last else f' to {last}'}"
        if any(s.lacks_usd for s in stages):
            without = sum(s.without_price for s in stages)
            lacking = [duration(without)] if without else []
            if any(s.lacks_tokens_usd for s in stages):
                lacking.append("some tokens")
            name += ", at least"
            meaning += f"; {' and '.join(lacking)} have no price"
        measures.insert(0, Measure(name, meaning, round(sum(priced), 4), "USD", (), None))
    facts = [Fact(HEADING, stage.name, stage.told) for stage in stages[:MOST_STAGES]]
    if others := stages[MOST_STAGES:]:
        told = duration(sum(s.seconds for s in others))
        if rest := [s.usd for s in others if s.usd is not None]:
            told += f", {_AT_LEAST * any(s.lacks_usd for s in others)}{dollars(sum(rest))}"
        facts.append(Fact(HEADING, counted(len(others), "other stage"), told))
    return tuple(measures), tuple(facts)


def _machine(text: str) -> str:
    """Return a machine and its market in words.

    >>> _machine("local local"), _machine("g6.xlarge spot"), _machine(" on-demand"), _machine(" unknown")
    ('one machine', 'g6.xlarge (Spot)', 'an unknown machine (On-Demand)', 'an unknown machine')
    """
    name, _, market = text.rpartition(" ")
    if market == "local":
        return "one machine"
    of = f" ({_MARKETS[market]})" if market in _MARKETS else ""
    return f"{name or 'an unknown machine'}{of}"
