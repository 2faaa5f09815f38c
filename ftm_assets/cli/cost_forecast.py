"""What quarters will take and cost, by stage: from what earlier runs took, else from `cost_defaults`.

What belongs here: counting. The steps and their sizes are those of the job of a quarter, so that none is forgotten;
what was measured comes from `run_costs`, prices from the price table.
"""

from __future__ import annotations

import math
from collections import defaultdict
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from ftm_assets.cli import cost_defaults as defaults
from ftm_assets.orchestration import pools
from ftm_assets.orchestration.execution import ecs
from ftm_assets.orchestration.spent_time import CHECKS, RUN
from ftm_resources.price_table import HOURS_PER_MONTH, Machine

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from ftm_resources.price_table import Prices

GOAL_USD, GOAL_FIRMS = 15.0, 5_000
"""What a quarter of so many firms is to stay below, on Spot."""

LLM_SERVICE, GPU_HOSTS = "llm_service", "gpu_hosts"

LLM_STEP = "topic_summaries_chunk"
"""The step that waits for names."""


@dataclass(frozen=True)
class Plan:
    """What is to be computed, and on what."""

    firms: int
    quarters: int
    sentences: int = defaults.SENTENCES
    """Of a firm in a quarter."""
    gpu: str = "g6.xlarge"
    """Instance type of the hosts with a GPU."""
    is_named_by_model: bool = True
    """False: extractive names, without a server."""
    cores: int = defaults.CORES
    """Of one machine, if it is not AWS."""

    @property
    def chunks(self) -> int:
        """Chunks of firms, each a mapped step of a chunked asset."""
        return math.ceil(self.firms / defaults.CHUNK_FIRMS)

    @property
    def scale(self) -> float:
        """How many times the quarter of `cost_defaults` one of these has to read."""
        return self.firms * self.sentences / (defaults.FIRMS * defaults.SENTENCES)


@dataclass(frozen=True)
class Step:
    """A step of the job of a quarter."""

    name: str
    stage: str
    size: ecs.Size
    pool: str | None

    @property
    def is_chunk(self) -> bool:
        """Whether it is mapped over the chunks."""
        return self.name.endswith("_chunk")


@dataclass(frozen=True)
class Measured:
    """What stages took in earlier runs, a quarter."""

    quarters: tuple[str, ...] = ()
    firms: float = 0.0
    """Mean over the quarters."""
    sentences: float = 0.0
    """Mean of a firm's."""
    seconds: Mapping[str, Mapping[tuple[str, str], float]] = field(default_factory=dict)
    """Stage → (machine, market) → seconds, the mean over the quarters."""

    def is_enough_for(self, plan: Plan) -> bool:
        """Return whether these quarters are large enough to tell of the plan's.

        What starting a task takes does not grow with firms.
        """
        return self.firms * defaults.MOST_TIMES >= plan.firms


@dataclass(frozen=True)
class Line:
    """A stage of one quarter. USD are None where a price is missing."""

    stage: str
    tasks: int | None
    seconds: float
    """Of all its tasks together."""
    machine: str
    spot: float | None
    on_demand: float | None
    is_measured: bool
    source: str
    """Where its seconds are from."""
    lacks: tuple[str, ...] = ()
    """Items, each with its market, that have no price."""


@dataclass(frozen=True)
class Standing:
    """What costs by the month, whether or not anything runs."""

    stack: str
    name: str
    usd: float | None
    lacks: tuple[str, ...] = ()
    """Items, each with its market, that have no price."""


@dataclass(frozen=True)
class Forecast:
    """A forecast."""

    plan: Plan
    lines: tuple[Line, ...]
    standing: tuple[Standing, ...]
    measured: Measured
    elapsed: float
    """Seconds from the start of a quarter to its end."""

    @property
    def elapsed_in_all(self) -> float:
        """Seconds that all quarters take, one after the other."""
        return self.plan.quarters * self.elapsed

    @property
    def spot(self) -> float | None:
        """USD of a quarter as the stacks buy: Spot where they ask for it."""
        return _sum(line.spot for line in self.lines)

    @property
    def on_demand(self) -> float | None:
        """USD of a quarter if no Spot can be had."""
        return _sum(line.on_demand for line in self.lines)

    @property
    def spot_in_all(self) -> float | None:
        """USD of all quarters as the stacks buy."""
        return _times(self.plan.quarters, self.spot)

    @property
    def on_demand_in_all(self) -> float | None:
        """USD of all quarters if no Spot can be had."""
        return _times(self.plan.quarters, self.on_demand)

    @property
    def months(self) -> int:
        """Months begun until all quarters are done, one after the other."""
        return math.ceil(self.elapsed_in_all / (HOURS_PER_MONTH * 3600)) or 1

    @property
    def in_a_month(self) -> float | None:
        """USD of a quarter with its part of what always costs, over the months that all quarters take."""
        return _times(1 / self.plan.quarters, _sum([self.spot_in_all, _times(self.months, self.monthly)]))

    @property
    def monthly(self) -> float | None:
        """USD of a month of what always costs."""
        return _sum(s.usd for s in self.standing)

    @property
    def by_stack(self) -> dict[str, float | None]:
        """Stack → its USD of a month; None if a price is missing."""
        stacks = dict.fromkeys(s.stack for s in self.standing)
        return {stack: _sum(s.usd for s in self.standing if s.stack == stack) for stack in stacks}

    @property
    def lacks(self) -> tuple[str, ...]:
        """Every item, with its market, that has no price and needs one."""
        of = [*(line.lacks for line in self.lines), *(item.lacks for item in self.standing)]
        return tuple(dict.fromkeys(item for lacks in of for item in lacks))


def steps() -> list[Step]:
    """Return the steps of the job of a quarter."""
    import dagster as dg

    from ftm_assets.definitions import QUARTER_JOB, build_definitions

    job = build_definitions().resolve_job_def(QUARTER_JOB)
    found = []
    for node in job.all_node_defs:
        if not isinstance(node, dg.OpDefinition):
            continue
        is_sized = "ecs/cpu" in node.tags
        stage = node.name
        for suffix in ("_plan", "_chunk", "_commit"):
            stage = stage.removesuffix(suffix)
        found.append(Step(node.name, stage if is_sized else CHECKS, ecs.size_of(node.name), node.pool))
    return found


def on_aws(plan: Plan, prices: Prices, measured: Measured, of: Sequence[Step]) -> Forecast:
    """Return the forecast of quarters on AWS, of the steps `of`."""
    naming = _naming_seconds(plan) if plan.is_named_by_model else 0.0
    stages: defaultdict[str, list[Step]] = defaultdict(list)
    for step in of:
        stages[step.stage].append(step)
    lines = [_measured_line(stage, plan, prices, measured) or _line(stage, own, plan, prices, naming)
             for stage, own in stages.items()]  # fmt: skip
    hosts = min(plan.chunks, pools.LIMITS["gpu"]) if any(s.size.gpus for s in of) else 0
    host = Machine("spot", kind=plan.gpu)
    if hosts:
        lines.append(_priced(prices, GPU_HOSTS, hosts * defaults.HOST_IDLE_SECONDS, host))
    seconds, task = _run_seconds(of, plan, naming), _fargate(ecs.RUN, "fargate")
    run = _measured_line(RUN, plan, prices, measured) or _priced(
        prices, RUN, seconds, task, tasks=1, is_spot=False
    )
    lines.append(run)
    if plan.is_named_by_model:
        kept = defaults.SERVICE_START_SECONDS + naming + defaults.SERVICE_IDLE_SECONDS
        server = Machine("on-demand", kind=plan.gpu)
        lines.append(
            _measured_line(LLM_SERVICE, plan, prices, measured)
            or _priced(prices, LLM_SERVICE, kept, server, tasks=1, is_spot=False)
        )
    lines.sort(key=lambda line: (-(line.spot or 0.0), -line.seconds, line.stage))
    return Forecast(plan, tuple(lines), tuple(standing(plan, prices)), measured, run.seconds)


def on_this_machine(plan: Plan, prices: Prices, measured: Measured, of: Sequence[Step]) -> Forecast:
    """Return the forecast of quarters on one machine with cores like those of the benchmarks, names extractive.

    USD follow from a price of `local`, as market `local`, if the table has one.
    """
    stages: defaultdict[str, float] = defaultdict(float)
    sources: defaultdict[str, list[str]] = defaultdict(list)
    for step in of:
        tasks = plan.chunks if step.is_chunk else 1
        work = defaults.WORK.get(step.name)
        stages[step.stage] += tasks * defaults.LOCAL_START_SECONDS
        stages[step.stage] += work.seconds(plan.cores, plan.scale) if work else 0.0
        sources[step.stage] += [work.source] if work else []
    local = Machine("local")
    lines = [
        _measured_line(stage, plan, prices, measured)
        or _priced(prices, stage, seconds, local, source=_sources(sources[stage]))
        for stage, seconds in stages.items()
    ]
    lines.sort(key=lambda line: (-line.seconds, line.stage))
    return Forecast(plan, tuple(lines), (), measured, sum(line.seconds for line in lines))


def standing(plan: Plan, prices: Prices) -> list[Standing]:
    """Return what each stack costs a month while it runs, and the storage of what the plan makes."""
    stored = plan.firms * plan.quarters * defaults.WAREHOUSE_GB_PER_FIRM
    service = _fargate(ecs.Size(cpu=512, memory=4096), "fargate")
    found = [
        Standing(
            "dagster", name, _times(HOURS_PER_MONTH, prices.per_hour(service)), _lacking(prices, service)
        )
        for name in ("daemon", "UI")
    ]
    for stack, name, amount, item in (
        ("dagster", "database db.t4g.micro", HOURS_PER_MONTH, "db.t4g.micro"),
        ("dagster", "its disk, 20 GB", 20, "rds_disk"),
        ("dagster", "secrets", 2, "secret"),
        ("network", "endpoint of Glue", HOURS_PER_MONTH, "interface_endpoint"),
        ("cluster", f"images, {defaults.IMAGES_GB} GB", defaults.IMAGES_GB, "ecr_storage"),
        ("vllm", "DNS zone", 1, "dns_zone"),
        ("vllm", "metrics of its alarm", 2, "alarm_metric"),
        ("storage", f"S3, {stored:,.0f} GB of these quarters", stored, "s3_storage"),
    ):
        usd = prices.usd(item)
        found.append(
            Standing(stack, name, _times(amount, usd), () if usd is not None else (_item(item, "on-demand"),))
        )
    return found


def _line(stage: str, of: Sequence[Step], plan: Plan, prices: Prices, naming: float) -> Line:
    """Return a stage by the defaults."""
    seconds: defaultdict[Machine, float] = defaultdict(float)
    tasks = 0
    for step in of:
        n = plan.chunks if step.is_chunk else 1
        tasks += n
        seconds[_machine(step, plan)] += n * _start(step) + _work(step, plan, naming)
    largest = max(seconds, key=lambda m: seconds[m])
    made = [_priced(prices, stage, s, m) for m, s in seconds.items()]
    return Line(
        stage, tasks, sum(seconds.values()), largest.name,
        _sum(line.spot for line in made), _sum(line.on_demand for line in made), is_measured=False,
        source=_sources([_source(step, plan) for step in of]), lacks=_all_lacks(made),
    )  # fmt: skip


def _measured_line(stage: str, plan: Plan, prices: Prices, measured: Measured) -> Line | None:
    """Return a stage as it was measured, in proportion to what there is to read; None if it was not, or of too few."""
    of = measured.seconds.get(stage)
    if not of or not measured.is_enough_for(plan):
        return None
    factor = plan.firms * plan.sentences / (measured.firms * measured.sentences)
    made = [
        _priced(
            prices, stage, seconds * factor, Machine.named(name, market, has_address=market != "local"),
            is_spot=stage not in {RUN, LLM_SERVICE},
        )
        for (name, market), seconds in of.items()
    ]  # fmt: skip
    largest = max(made, key=lambda line: line.seconds)
    total = sum(line.seconds for line in made)
    return Line(
        stage, None, total, largest.machine,
        _sum(line.spot for line in made), _sum(line.on_demand for line in made), is_measured=True,
        source=f"run_costs of {', '.join(measured.quarters)}", lacks=_all_lacks(made),
    )  # fmt: skip


def _priced(
    prices: Prices,
    stage: str,
    seconds: float,
    machine: Machine,
    *,
    tasks: int | None = None,
    is_spot: bool = True,
    source: str = defaults.ASSUMED,
) -> Line:
    wanted, sure = machine.spot if is_spot else machine, machine.on_demand
    spot, on_demand = (_times(seconds / 3600, prices.per_hour(m)) for m in (wanted, sure))
    lacks = tuple(dict.fromkeys((*_lacking(prices, wanted), *_lacking(prices, sure))))
    return Line(
        stage, tasks, seconds, machine.name, spot, on_demand, is_measured=False, source=source, lacks=lacks
    )


def _lacking(prices: Prices, machine: Machine) -> tuple[str, ...]:
    return tuple(_item(item, market) for item, market in prices.lacking(machine))


def _item(item: str, market: str) -> str:
    return f"{item or 'a machine of unknown type'} ({market})"


def _all_lacks(lines: Iterable[Line]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(item for line in lines for item in line.lacks))


def _source(step: Step, plan: Plan) -> str:
    """Return where the seconds of a step's work are from."""
    work = defaults.WORK.get(step.name)
    is_assumed = (step.name == LLM_STEP and plan.is_named_by_model) or (step.size.gpus and work and work.gpu)
    return work.source if work and not is_assumed else defaults.ASSUMED


def _sources(of: Iterable[str]) -> str:
    """Return where the seconds of a stage are from; the starts of its tasks are assumed in any case."""
    return "; ".join(sorted({*of, defaults.ASSUMED}))


def _machine(step: Step, plan: Plan) -> Machine:
    return Machine("spot", kind=plan.gpu) if step.size.gpus else _fargate(step.size, "fargate-spot")


def _fargate(size: ecs.Size, market: str) -> Machine:
    """Return the task of a size, with the address that it has in a public subnet."""
    return Machine(market, "", size.cpu / 1024, size.memory / 1024, size.storage or 0, has_address=True)


def _start(step: Step) -> float:
    return defaults.GPU_START_SECONDS if step.size.gpus else defaults.START_SECONDS


def _work(step: Step, plan: Plan, naming: float) -> float:
    """Return the seconds of all tasks of a step, apart from starting them."""
    if step.name == LLM_STEP and plan.is_named_by_model:
        return naming * _at_once(step, plan)  # as many tasks wait for the server as its pool lets
    work = defaults.WORK.get(step.name)
    if work is None:
        return 0.0
    if step.size.gpus and work.gpu is not None:
        return plan.scale * work.gpu
    return work.seconds(step.size.cpu / 1024, plan.scale)


def _at_once(step: Step, plan: Plan) -> int:
    return min(plan.chunks, pools.LIMITS.get(step.pool or "", plan.chunks)) if step.is_chunk else 1


def _run_seconds(of: Sequence[Step], plan: Plan, naming: float) -> float:
    """Return how long a run waits for its steps, one stage after the other, checks beside them."""
    return sum(
        math.ceil((plan.chunks if s.is_chunk else 1) / _at_once(s, plan)) * _start(s)
        + _work(s, plan, naming) / _at_once(s, plan)
        for s in of
        if s.stage != CHECKS
    )


def _naming_seconds(plan: Plan) -> float:
    return plan.firms * defaults.REQUESTS_PER_FIRM / defaults.REQUESTS_PER_SECOND[plan.gpu]


def _times(amount: float, usd: float | None) -> float | None:
    return None if usd is None else amount * usd


def _sum(values: Iterable[float | None]) -> float | None:
    """Return the sum; None if one of the values is None: a sum of some prices would say too little."""
    total = 0.0
    for value in values:
        if value is None:
            return None
        total += value
    return total
