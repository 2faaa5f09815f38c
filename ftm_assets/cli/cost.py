"""`ftm cost`: what quarters will take and cost, said before they run."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from ftm_assets.cli import screen
from ftm_assets.cli.failing import CommandError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ftm_assets.cli.cost_forecast import Forecast, Line
    from ftm_resources.price_table import Prices

commands = typer.Typer()

_FEW = 0.01
"""Share of a quarter's cost, or seconds, below which stages share a line."""


@commands.command(rich_help_panel="Run")
def cost(
    firms: Annotated[int, typer.Option("--firms", metavar="N", min=1, help="Firms of a quarter.")] = 5000,
    quarters: Annotated[int, typer.Option("--quarters", metavar="N", min=1, help="Quarters.")] = 8,
    on: Annotated[
        Literal["aws", "local"], typer.Option("--on", help="On the stacks of infra/, or on one machine.")
    ] = "aws",
    sentences: Annotated[
        int | None,
        typer.Option(
            "--sentences", metavar="N", min=1, help="Sentences of a firm in a quarter; default: as measured."
        ),
    ] = None,
    gpu: Annotated[
        Literal["g4dn.xlarge", "g5.xlarge", "g6.xlarge"],
        typer.Option("--gpu", help="Host with a GPU, on AWS."),
    ] = "g6.xlarge",
    extractive: Annotated[
        bool,
        typer.Option("--extractive", help="Names without a language model, on AWS; on one machine always."),
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON, with every stage and price.")] = False,
) -> None:
    """Forecast what quarters will take and cost, stage by stage.

    Seconds are those of earlier runs, as `run_costs` has them, in proportion to the sentences to read; of what was
    never run there, those of the documentation. Prices are in a table with a date and a source for each, which
    `FTM_PRICES` replaces. Nothing is started, and nobody is asked.
    """
    from ftm_assets.cli import cost_forecast as counting
    from ftm_assets.cli.cost_measured import measured
    from ftm_resources import price_table
    from ftm_resources.warehouse import Warehouse

    prices = price_table.current()
    known = measured(Warehouse(), on_aws=on == "aws")
    per_firm = sentences or round(known.sentences) or counting.Plan.sentences
    plan = counting.Plan(firms, quarters, per_firm, gpu, is_named_by_model=on == "aws" and not extractive)
    count = counting.on_aws if on == "aws" else counting.on_this_machine
    found = count(plan, prices, known, counting.steps())
    if as_json:
        typer.echo(_json(found, prices, on))
        return
    if on == "aws" and found.spot is None and not any(line.spot for line in found.lines):
        raise CommandError(f"{prices.file} has no price of Fargate: add fargate_vcpu and fargate_gb.")
    _show(found, prices, on)


def _show(found: Forecast, prices: Prices, on: str) -> None:
    from ftm_assets.cli.cost_forecast import GOAL_USD
    from ftm_resources.endpoint.forecast import duration

    plan, console = found.plan, screen.console()
    title = (
        f"{screen.count(plan.quarters, 'quarter')} of {screen.count(plan.firms, 'firm')}, "
        f"{screen.count(plan.sentences, 'sentence')} a firm, on {'AWS' if on == 'aws' else 'one machine'}"
    )
    is_priced = on == "aws" or found.spot is not None
    columns = ("one quarter", "machine", "time", *(("Spot $", "On-Demand $") if is_priced else ()))
    rows = [
        (_stage(line), _place(line), duration(line.seconds), *(_usd(line) if is_priced else ()))
        for line in _grouped(found.lines)
    ]
    whole = duration(sum(line.seconds for line in found.lines))
    rows.append(
        (
            "in all",
            "",
            whole,
            *((_amount(found.spot), _amount(found.on_demand)) if is_priced else ()),
        )
    )
    console.print(screen.table(title, columns, rows, left=2))
    told = []
    if is_priced:
        both = "Spot {}, On-Demand {}" if on == "aws" else "{}"
        told.append(
            (
                screen.count(plan.quarters, "quarter"),
                both.format(_money(found.spot_in_all), _money(found.on_demand_in_all)),
            )
        )
    if found.once:
        told.append(("", "run together, with one start and stop of the model's server for all"))
    if on == "aws":
        told += list(_standing(found))
        told.append(
            (
                "",
                f"{_money(found.in_a_month)} a quarter, on Spot, if all run within one month, its part included",
            )
        )
        told.append(("goal", _goal(found.spot, GOAL_USD)))
    told.append(("seconds", _measured(found)))
    if is_priced:
        told.append(
            (
                "prices",
                f"{prices.name} table, {prices.regions}, {prices.span}; `--json` has each with its source",
            )
        )
    console.print(screen.facts(told))


def _grouped(lines: tuple[Line, ...]) -> list[Line]:
    """Return the lines, of which those that come to little are one."""
    from ftm_assets.cli.cost_forecast import Line

    usd, seconds = sum(line.spot or 0 for line in lines), sum(line.seconds for line in lines)
    few = [
        line for line in lines if (line.spot or 0) < _FEW * usd or (not usd and line.seconds < _FEW * seconds)
    ]
    if len(few) < 2:
        return list(lines)
    spot, on_demand = ([getattr(line, c) for line in few] for c in ("spot", "on_demand"))
    rest = Line(
        f"{len(few)} other stages", None, sum(line.seconds for line in few), "",
        None if None in spot else sum(spot), None if None in on_demand else sum(on_demand),
        is_measured=all(line.is_measured for line in few),
    )  # fmt: skip
    return [*(line for line in lines if line not in few), rest]


def _stage(line: Line) -> str:
    return f"{line.stage}{'' if line.is_measured else ' *'}"


def _place(line: Line) -> str:
    return line.machine or "various"


def _usd(line: Line) -> tuple[str, str]:
    return _amount(line.spot), _amount(line.on_demand)


def _amount(usd: float | None) -> str:
    return "no price" if usd is None else f"{usd:,.2f}"


def _money(usd: float | None) -> str:
    return "has no price" if usd is None else f"${usd:,.2f}"


def _standing(found: Forecast) -> Iterator[tuple[str, str]]:
    by_stack: dict[str, float] = {}
    for item in found.standing:
        by_stack[item.stack] = by_stack.get(item.stack, 0.0) + (item.usd or 0.0)
    parts = ", ".join(f"{stack} {usd:,.2f}" for stack, usd in sorted(by_stack.items(), key=lambda i: -i[1]))
    yield "each month", f"{_money(found.monthly)} while the stacks exist and run ({parts})"


def _goal(usd: float | None, goal: float) -> str:
    said = f"below ${goal:.0f} a quarter on Spot"
    if usd is None:
        return f"{said}: cannot be told without every price"
    return f"{said}: {'met' if usd < goal else 'missed'}, without what is paid by the month"


def _measured(found: Forecast) -> str:
    by_default = [line for line in (*found.lines, *found.once) if not line.is_measured]
    said = []
    if found.measured.quarters and len(by_default) < len(found.lines):
        named = ", ".join(found.measured.quarters)
        firms = screen.count(round(found.measured.firms), "firm")
        said.append(f"measured in {named} ({firms}), in proportion to sentences")
    if by_default:
        said.append("* the documentation's, in part assumed: docs/costs.md says which")
    return "; ".join(said)


def _json(found: Forecast, prices: Prices, on: str) -> str:
    import json
    from dataclasses import asdict

    from ftm_assets.cli.cost_forecast import GOAL_USD

    told: dict[str, Any] = {
        "on": on,
        **asdict(found.plan),
        "stages": [asdict(line) for line in found.lines],
        "once": [asdict(line) for line in found.once],
        "usd_of_a_quarter": {"spot": found.spot, "on_demand": found.on_demand},
        "usd_in_all": {"spot": found.spot_in_all, "on_demand": found.on_demand_in_all},
        "each_month": [asdict(item) for item in found.standing],
        "usd_each_month": found.monthly if found.standing else None,
        "usd_of_a_quarter_in_a_month": found.in_a_month if found.standing else None,
        "goal_usd_of_a_quarter": GOAL_USD,
        "measured_in": list(found.measured.quarters),
        "measured_firms": found.measured.firms,
        "prices": [{**asdict(p), "as_of": p.as_of.isoformat()} for p in prices.rows],
    }
    return json.dumps(told, indent=2)
