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
        Literal["g4dn.xlarge", "g5.xlarge", "g6.xlarge"] | None,
        typer.Option("--gpu", help="Host with a GPU, on AWS; default: g6.xlarge."),
    ] = None,
    cores: Annotated[
        int | None,
        typer.Option(
            "--cores", metavar="N", min=1, help="Cores of the one machine; default: 2, as measured."
        ),
    ] = None,
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

    if on == "local" and gpu:
        raise CommandError(
            "--gpu is the host on AWS, and --on local counts one machine without a GPU: leave one out."
        )
    if on == "aws" and cores:
        raise CommandError("--cores is of one machine: add --on local, or leave it out.")
    prices = price_table.current()
    known = measured(Warehouse(), on_aws=on == "aws")
    per_firm = sentences or round(known.sentences) or counting.Plan.sentences
    plan = counting.Plan(
        firms,
        quarters,
        per_firm,
        gpu or counting.Plan.gpu,
        is_named_by_model=on == "aws" and not extractive,
        cores=cores or counting.Plan.cores,
    )
    count = counting.on_aws if on == "aws" else counting.on_this_machine
    found = count(plan, prices, known, counting.steps())
    if as_json:
        typer.echo(_json(found, prices, on))
        return
    if on == "aws" and found.spot is None and not any(line.spot for line in found.lines):
        raise CommandError(f"{prices.file} has no price of Fargate: add fargate_vcpu and fargate_gb.")
    _show(found, prices, on)


def _show(found: Forecast, prices: Prices, on: str) -> None:
    from ftm_resources.endpoint.forecast import duration

    plan, console = found.plan, screen.console()
    place = f"{screen.count(plan.sentences, 'sentence')} a firm, on AWS" if on == "aws" else "on one machine"
    title = f"{screen.count(plan.quarters, 'quarter')} of {screen.count(plan.firms, 'firm')}, {place}"
    is_priced = on == "aws" or found.spot is not None
    columns = ("Spot $", "On-Demand $") if on == "aws" else ("$",) if is_priced else ()

    def usd(spot: float | None, on_demand: float | None) -> tuple[str, ...]:
        return tuple(_amount(usd) for usd in (spot, on_demand)[: len(columns)])

    rows = [
        (_stage(line), _place(line), duration(line.seconds), *usd(line.spot, line.on_demand))
        for line in _grouped(found.lines, is_priced=is_priced)
    ]
    whole = duration(sum(line.seconds for line in found.lines))
    rows.append(("in all", "", whole, *usd(found.spot, found.on_demand)))
    console.print(screen.table(title, ("one quarter", "machine", "task time", *columns), rows, left=2))
    console.print(screen.facts(_told(found, prices, on, is_priced=is_priced)))


def _told(found: Forecast, prices: Prices, on: str, *, is_priced: bool) -> Iterator[tuple[str, str]]:
    """Yield what stands below the table."""
    from ftm_assets.cli.cost_forecast import GOAL_FIRMS, GOAL_USD
    from ftm_resources import settings
    from ftm_resources.endpoint.forecast import duration

    plan = found.plan
    all_of_them = screen.count(plan.quarters, "quarter")
    if is_priced:
        both = "Spot {}, On-Demand {}" if on == "aws" else "{}"
        yield all_of_them, both.format(_money(found.spot_in_all), _money(found.on_demand_in_all))
    several = f", {duration(found.elapsed_in_all)} for {all_of_them} one after the other"
    yield "elapsed", f"{duration(found.elapsed)} a quarter{several if plan.quarters > 1 else ''}"
    if on == "aws":
        yield from _standing(found)
        if found.in_a_month is not None:
            months = "one month" if found.months == 1 else f"{found.months:,} months"
            with_part = f"{_money(found.in_a_month)} a quarter, on Spot, if all run within {months}"
            yield "", f"{with_part}, its part included"
        if plan.firms >= GOAL_FIRMS:
            yield "goal", _goal(found.spot, found.in_a_month, GOAL_USD)
    else:
        sentences, cores = screen.count(plan.sentences, "sentence"), screen.count(plan.cores, "core")
        yield "counted", f"{sentences} a firm; {cores} where marked *; no GPU; names extractive"
    yield "seconds", _measured(found)
    if is_priced:
        yield (
            "prices",
            f"{prices.name} table, {prices.regions}, {prices.span}; `--json` has each with its source",
        )
    region = settings.region() if on == "aws" else None
    if elsewhere := prices.elsewhere(region):
        yield "region", f"{region}, but these prices are of {elsewhere}: name a table of yours in FTM_PRICES"
    if found.lacks and on == "aws":
        yield "no price", f"of {', '.join(found.lacks)}: add what {prices.file.name} lacks"
    elif found.lacks:
        yield "no price", "of this machine: FTM_PRICES may name a table with a row `local,local,hour,…`"


def _grouped(lines: tuple[Line, ...], *, is_priced: bool) -> list[Line]:
    """Return the lines, of which those that come to little are one; never one whose price is missing."""
    from ftm_assets.cli.cost_forecast import Line

    of = [(line.spot if is_priced else line.seconds) for line in lines]
    least = _FEW * sum(amount or 0 for amount in of)
    few = [
        line
        for line, amount in zip(lines, of, strict=True)
        if amount is not None and amount < least and not (is_priced and line.on_demand is None)
    ]
    if len(few) < 2:
        return list(lines)
    spot, on_demand = (
        sum(usd or 0 for usd in of) for of in zip(*((x.spot, x.on_demand) for x in few), strict=True)
    )
    machines = {line.machine for line in few}
    rest = Line(
        f"{len(few)} other stages", None, sum(line.seconds for line in few),
        machines.pop() if len(machines) == 1 else "", spot, on_demand,
        is_measured=all(line.is_measured for line in few), source="",
    )  # fmt: skip
    return [*(line for line in lines if line not in few), rest]


def _stage(line: Line) -> str:
    return f"{line.stage}{'' if line.is_measured else ' *'}"


def _place(line: Line) -> str:
    return line.machine or "various"


def _amount(usd: float | None) -> str:
    return "no price" if usd is None else f"{usd:,.2f}"


def _money(usd: float | None) -> str:
    return "not known" if usd is None else f"${usd:,.2f}"


def _standing(found: Forecast) -> Iterator[tuple[str, str]]:
    # What has no price comes first, then what costs most.
    ordered = sorted(found.by_stack.items(), key=lambda item: (item[1] is not None, -(item[1] or 0.0)))
    parts = ", ".join(f"{stack} {_amount(usd)}" for stack, usd in ordered)
    yield "each month", f"{_money(found.monthly)} while the stacks exist and run ({parts})"


def _goal(usd: float | None, in_a_month: float | None, goal: float) -> str:
    """Return whether the goal is met, without what is paid by the month and with a quarter's part of it.

    >>> _goal(9.84, 20.85, 15)
    'below $15 a quarter on Spot: met without what is paid by the month ($9.84), missed with it ($20.85)'
    """
    said = f"below ${goal:.0f} a quarter on Spot: "
    if usd is None:
        return f"{said}cannot be told without every price"
    without = f"{'met' if usd < goal else 'missed'} without what is paid by the month ({_money(usd)})"
    if in_a_month is None:
        return f"{said}{without}; with it, cannot be told without every price"
    if (usd < goal) == (in_a_month < goal):
        return f"{said}{without}, and with it ({_money(in_a_month)})"
    return f"{said}{without}, missed with it ({_money(in_a_month)})"


def _measured(found: Forecast) -> str:
    by_default = [line for line in found.lines if not line.is_measured]
    said = []
    if found.measured.quarters and len(by_default) < len(found.lines):
        named = ", ".join(found.measured.quarters)
        firms = screen.count(round(found.measured.firms), "firm")
        said.append(f"measured in {named} ({firms}), in proportion to sentences")
    elif found.measured.quarters and not found.measured.is_enough_for(found.plan):
        named = ", ".join(found.measured.quarters)
        said.append(
            f"not those of {named}: too few firms to tell of {screen.count(found.plan.firms, 'firm')}"
        )
    if by_default:
        said.append("* the documentation's, in part assumed: docs/costs.md says which")
    return "; ".join(said)


def _json(found: Forecast, prices: Prices, on: str) -> str:
    import json
    from dataclasses import asdict

    from ftm_assets.cli.cost_defaults import FIGURES
    from ftm_assets.cli.cost_forecast import GOAL_FIRMS, GOAL_USD
    from ftm_assets.orchestration.pools import LIMITS
    from ftm_resources import settings

    told: dict[str, Any] = {
        "on": on,
        **asdict(found.plan),
        **({"cores": None} if on == "aws" else {"gpu": None}),
        "stages": [asdict(line) for line in found.lines],
        "elapsed_seconds": {"quarter": found.elapsed, "in_all": found.elapsed_in_all},
        "usd_of_a_quarter": {"spot": found.spot, "on_demand": found.on_demand},
        "usd_in_all": {"spot": found.spot_in_all, "on_demand": found.on_demand_in_all},
        "each_month": [asdict(item) for item in found.standing],
        "usd_each_month": found.monthly if found.standing else None,
        "usd_of_a_quarter_in_a_month": found.in_a_month if found.standing else None,
        "goal_usd_of_a_quarter": GOAL_USD if on == "aws" and found.plan.firms >= GOAL_FIRMS else None,
        "without_price": list(found.lacks),
        "region": settings.region() if on == "aws" else None,
        "measured_in": list(found.measured.quarters) if found.measured.is_enough_for(found.plan) else [],
        "measured_firms": found.measured.firms,
        "defaults": [{"name": n, "value": value, "source": source} for n, (value, source) in FIGURES.items()],
        "tasks_at_once": LIMITS,
        "prices": [{**asdict(p), "as_of": p.as_of.isoformat()} for p in prices.rows],
    }
    return json.dumps(told, indent=2)
