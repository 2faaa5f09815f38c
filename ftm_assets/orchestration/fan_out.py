"""Plan → chunks → commit: how every chunked asset runs, written once.

The plan splits the firms of the quarter into chunks and pins the snapshots that they read. Each chunk is a
mapped step that works through its firms in groups and saves a part per group; after a restart it resumes after
the last saved part. Parts with failed firms belong to the run that wrote them; the next run computes them again.
The commit fails if a planned firm is in no part; it never writes an incomplete table.
"""

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import dagster as dg
import pyarrow as pa
from pydantic import Field

from ftm_assets.orchestration.execution.ecs import op_tags
from ftm_assets.orchestration.execution.notice import has_notice, notice
from ftm_assets.orchestration.io_manager import Rows
from ftm_assets.orchestration.outputs import asset_outs, write_tables
from ftm_assets.orchestration.partitions import QUARTERS
from ftm_assets.orchestration.unfinished import is_over
from ftm_resources.expected import plainly
from ftm_resources.progress import also_told, bar, note
from ftm_resources.tables import TABLES
from ftm_resources.warehouse import QuarterTable, Warehouse
from ftm_resources.warehouse.parts import Part, PlanParts, digest

INTERRUPTIONS = 3
"""How often a step is restarted within its run after its machine shut down."""


class FanOutConfig(dg.Config):
    """How a chunked asset is split; this does not change its result."""

    chunk_firms: int = Field(default=500, ge=1, description="Firms per chunk; each chunk is a mapped step")
    flush_firms: int = Field(
        default=50, ge=1, description="Firms per saved part; a killed step loses at most one"
    )
    max_failed_share: float = Field(
        default=0.01,
        ge=0,
        le=1,
        description="Share of the quarter's firms that may fail before the asset fails. Unless the share is 0, one "
        "firm may always fail in a quarter of two or more",
    )


class SideBySideConfig(FanOutConfig):
    """How an asset is split if several processes can work on its firms in parallel."""

    processes: int = Field(
        default=0, ge=0, description="Processes that work on firms in parallel; 0: one per CPU"
    )


@dataclass(frozen=True)
class Task:
    """The input of the work on a group of firms."""

    quarter: str
    firms: tuple[str, ...]
    inputs: Mapping[str, QuarterTable]
    config: Any
    resources: Any
    step: dg.OpExecutionContext
    progress: Callable[[int, int], None] = lambda _done, _total: None
    """Called by the work with the amounts done and in total, in any unit."""
    prepared: Any = None
    """What `FanOut.prepare` returned."""

    def read(self, table: str, columns: Sequence[str] | None = None) -> pa.Table:
        """Return the group's rows of an input table."""
        return self.inputs[table].read(columns, firms=self.firms)

    def of(self, firms: Sequence[str]) -> "Task":
        """Return the same task for other firms."""
        return replace(self, firms=tuple(firms))


@dataclass(frozen=True)
class Committed:
    """What a commit describes its quarter from: the parts, their rows by table, and the inputs."""

    staging: PlanParts
    parts: Sequence[Part]
    inputs: Mapping[str, QuarterTable]

    def table(self, name: str, columns: Sequence[str] | None = None) -> pa.Table:
        """Return these columns (default: all) of all rows of a table, which must fit in memory."""
        parts = [self.staging.read(part, name) for part in self.parts if name in part.files]
        parts = parts or [TABLES[name].empty()]
        return pa.concat_tables([p.select(columns) for p in parts] if columns else parts)


@dataclass(frozen=True)
class FanOut:
    """A chunked asset: what it reads and writes, and the work on a group of firms."""

    name: str
    tables: Sequence[str]
    """Tables written, the asset's own first."""
    inputs: Sequence[str]
    """Tables read; the firms of the first are the ones planned."""
    config: type[FanOutConfig]
    code_version: str
    work: Callable[[Task], Mapping[str, pa.Table]]
    """Rows of each table for the task's firms. An exception fails only the firm that raises it, except
    `dagster.Failure`, OSError and ImportError, which fail the step: the environment is at fault, not the firm."""
    prepare: Callable[[Task], Any] = lambda _: None
    """Makes what all groups of a chunk share, from a task of the chunk, once per step that has work left."""
    counts: Callable[[Any], Mapping[str, int]] = lambda _: {}
    """Counts, from what was prepared, for the commit's metadata."""
    pooled: Callable[[Sequence[int]], int] = max
    """One count from those of the chunks: by default of something that all of them see."""
    identity: Callable[[Any], Mapping[str, Any]] = lambda _: {}
    """What the result depends on besides inputs, code and config, from the resources: e.g. the model's name."""
    on_failure: Callable[[Task, str], Mapping[str, pa.Table]] | None = None
    """Rows that stand for a failed firm, given a task of that firm and the reason."""
    describe: Callable[[Committed], Mapping[str, Mapping[str, Any]]] = lambda _: {}
    """Materialization metadata by table."""
    resources: frozenset[str] = frozenset()
    kinds: frozenset[str] = field(default_factory=frozenset)
    pool: str | None = None
    loads: str = ""
    """What `identity` loads, which may take a while, in words."""

    def build(self) -> dg.AssetsDefinition:
        """Return the graph asset of the three steps."""
        plan, chunk, commit = self._plan_op(), self._chunk_op(), self._commit_op()

        @dg.config_mapping(config_schema=self.config.to_config_schema().as_field())
        def configure(value: dict[str, Any]) -> dict[str, Any]:
            return {plan.name: {"config": value}}

        def compose(**tables: Any) -> dict[str, Any]:
            planned, chunks = plan(**tables)
            committed = commit(planned, chunks.map(chunk).collect())
            return {t: getattr(committed, t) if len(self.tables) > 1 else committed for t in self.tables}

        return dg.graph_multi_asset(
            name=self.name,
            outs=asset_outs(self.tables, code_version=self.code_version, kinds=set(self.kinds)),
            ins={t: dg.AssetIn() for t in self.inputs},
            partitions_def=QUARTERS,
            config=configure,
            group_name=TABLES[self.name].group,  # a graph's assets do not inherit it from their outs
            can_subset=len(self.tables) > 1,
        )(_with_parameters(compose, self.inputs))

    def _plan_op(self) -> dg.OpDefinition:
        @dg.op(
            name=f"{self.name}_plan",
            tags=op_tags(f"{self.name}_plan"),
            ins={t: dg.In(QuarterTable) for t in self.inputs},
            out={"planned": dg.Out(dict), "chunks": dg.DynamicOut(dict)},
            config_schema=self.config.to_config_schema().as_field(),
            required_resource_keys=set(self.resources),
            description="Split the firms of the quarter into chunks and pin the snapshots that they read",
        )
        @plainly
        def plan(context: dg.OpExecutionContext, **tables: QuarterTable) -> Iterator[Any]:
            config = self.config(**context.op_config)
            firms = tables[self.inputs[0]].firms()
            if self.loads:
                note(f"{self.name} {context.partition_key}: loading {self.loads}")
            science = config.model_dump(exclude=set(SideBySideConfig.model_fields))
            identity = {
                "code_version": self.code_version,
                "config": science,
                "inputs": {t: q.content for t, q in tables.items()},
                "models": dict(self.identity(context.resources)),
            }
            starts = range(0, len(firms), config.chunk_firms)
            chunks = [firms[i : i + config.chunk_firms] for i in starts]
            planned = {
                "plan_id": digest(identity),
                "identity": identity,
                "config": config.model_dump(),
                "snapshots": {t: q.snapshot_id for t, q in tables.items()},
                "n_firms": len(firms),
                "chunks": chunks,
            }
            context.log.info(f"{self.name}: {len(firms)} firms in {len(chunks)} chunks")
            yield dg.Output(planned, "planned")
            for i, chunk in enumerate(chunks):
                work = {k: planned[k] for k in ("plan_id", "config", "snapshots", "identity")}
                yield dg.DynamicOutput({**work, "index": i, "firms": chunk}, f"chunk_{i:03d}", "chunks")

        return plan

    def _chunk_op(self) -> dg.OpDefinition:
        @dg.op(
            name=f"{self.name}_chunk",
            tags=op_tags(f"{self.name}_chunk"),
            ins={"chunk": dg.In(dict)},
            out=dg.Out(dict),
            required_resource_keys={"warehouse", *self.resources},
            pool=self.pool,
            description="Work through a chunk's firms, saving a part per group",
        )
        @plainly
        def chunk(context: dg.OpExecutionContext, chunk: dict[str, Any]) -> dict[str, Any]:
            warehouse, quarter = context.resources.warehouse, context.partition_key
            staging = PlanParts(warehouse, self.name, quarter, chunk["plan_id"], context.run_id)
            staging.claim()
            inputs = _inputs(warehouse, quarter, chunk)
            config = self.config(**chunk["config"])
            task = Task(quarter, tuple(chunk["firms"]), inputs, config, context.resources, context)
            reused = computed = 0
            is_as_planned = False
            was_told = has_notice()
            with (
                notice() as told_to_end,
                bar(f"{self.name} {quarter} chunk {chunk['index']}", "firms", len(chunk["firms"])) as move,
            ):
                reach = also_told(move, context.log.info, f"{self.name}: firms of chunk {chunk['index']}")
                for group in _groups(chunk["firms"], config):
                    if told_to_end.is_set():
                        self._stop(context, reused + computed, len(chunk["firms"]), again=was_told)
                    if staging.find(group) is None:
                        if not is_as_planned:
                            self._refuse_other_models(chunk["identity"]["models"], context.resources)
                            is_as_planned = True
                            task = replace(task, prepared=self.prepare(task))
                        start = reused + computed

                        def within(done: int, total: int, start: int = start, n: int = len(group)) -> None:
                            reach(start + n * done // max(total, 1))

                        part = self._compute(replace(task, firms=tuple(group), progress=within))
                        staging.write(group, *part)
                        computed += len(group)
                    else:
                        reused += len(group)
                    reach(reused + computed)
            return {
                "index": chunk["index"],
                "run_id": context.run_id,
                "firms_computed": computed,
                "firms_reused": reused,
                "parts_ignored": staging.ignored,
                "counts": dict(self.counts(task.prepared)) if task.prepared is not None else {},
            }

        return chunk

    def _stop(self, context: dg.OpExecutionContext, done: int, n_firms: int, *, again: bool) -> None:
        """End the step, so that another process resumes it; fail if this process had been told to stop before."""
        what = f"{self.name}: interrupted after {done} of {n_firms} firms in this chunk (saved)"
        if again:
            raise dg.Failure(f"{what}. Materialize the asset again to resume.")
        context.log.warning(what)
        raise dg.RetryRequested(max_retries=INTERRUPTIONS)

    def _refuse_other_models(self, planned: Mapping[str, Any], resources: Any) -> None:
        """Raise a Failure if this process would compute with other models, or in another precision."""
        here = dict(self.identity(resources))
        if digest(here) != digest(planned):
            raise dg.Failure(
                f"{self.name}: planned with {planned}, but this process has {here}. All steps of a run must have "
                "the same settings; if their processors differ, set FTM_EMBEDDING_PRECISION and "
                "FTM_SENTIMENT_PRECISION to float32. Then materialize the asset again.",
                allow_retries=False,
            )

    def _commit_op(self) -> dg.OpDefinition:
        @dg.op(
            name=f"{self.name}_commit",
            tags=op_tags(f"{self.name}_commit"),
            ins={"planned": dg.In(dict), "chunks": dg.In(list)},
            out={t: dg.Out(Rows, is_required=False) for t in self.tables},
            required_resource_keys={"warehouse"},
            description="Check that every planned firm is in a part, then replace the quarter",
        )
        @plainly
        def commit(
            context: dg.OpExecutionContext, planned: dict[str, Any], chunks: list[dict[str, Any]]
        ) -> Iterator[dg.Output]:
            staging = PlanParts(
                context.resources.warehouse,
                self.name,
                context.partition_key,
                planned["plan_id"],
                context.run_id,
            )
            staging.claim()
            config = self.config(**planned["config"])
            # A commit re-executed alone is in another run than the chunks whose parts it commits.
            runs = {c["index"]: c["run_id"] for c in chunks}
            parts = _complete(
                self.name,
                [
                    (group, replace(staging, run_id=runs.get(i, context.run_id)).find(group))
                    for i, chunk in enumerate(planned["chunks"])
                    for group in _groups(chunk, config)
                ],
            )
            failures = {firm: why for part in parts for firm, why in part.failures.items()}
            _refuse_many_failures(self.name, failures, planned["n_firms"], config.max_failed_share)
            counted = sorted({name for chunk in chunks for name in chunk["counts"]})
            counts = {name: self.pooled([c["counts"].get(name, 0) for c in chunks]) for name in counted}
            shared = {
                "firms": planned["n_firms"],
                "firms_failed": len(failures),
                "firms_reused": sum(c["firms_reused"] for c in chunks),
                "parts_ignored": sum(c["parts_ignored"] for c in chunks),
                **counts,
                "seconds": round(sum(part.seconds for part in parts), 3),
                "config": planned["config"],
                "models": planned["identity"]["models"],
            }
            if failures:
                shared["failures"] = dict(list(failures.items())[:20])
            read = _inputs(context.resources.warehouse, context.partition_key, planned)
            described = self.describe(Committed(staging, parts, read))
            inputs = {
                t: {"snapshot_id": str(snapshot), "content": planned["identity"]["inputs"][t]}
                for t, snapshot in planned["snapshots"].items()
            }
            tables = {
                table: (
                    Rows(staging.stream(parts, table), inputs, models=planned["identity"]["models"]),
                    {**shared, **described.get(table, {})},
                )
                for table in self.tables
            }
            yield from write_tables(
                context,
                context.resources.warehouse,
                tables,
                code_version=self.code_version,
                config=planned["config"],
            )
            # Every output above is committed by now, so this run no longer needs the parts.
            staging.clear(lambda run_id: is_over(context.instance, run_id))

        return commit

    def _compute(self, task: Task) -> tuple[dict[str, pa.Table], dict[str, str], float]:
        """Return the group's rows by table, the firms that failed with their reasons, and the seconds."""
        started = time.perf_counter()
        try:
            return dict(self.work(task)), {}, time.perf_counter() - started
        except (dg.Failure, OSError, ImportError):
            raise
        except Exception as error:  # noqa: BLE001 - any firm's exception is a row with its reason, counted at commit
            if len(task.firms) == 1:
                reason = f"{type(error).__name__}: {error}"
                task.step.log.warning(f"{self.name}: firm {task.firms[0]} failed: {reason}")
                rows = dict(self.on_failure(task, reason)) if self.on_failure else {}
                return rows, {task.firms[0]: reason}, time.perf_counter() - started
        # A firm of the group failed: run each firm alone, so that the others are not lost with it.
        rows_by_table: dict[str, list[pa.Table]] = {t: [] for t in self.tables}
        failures: dict[str, str] = {}
        for firm in task.firms:
            rows, failed, _ = self._compute(task.of([firm]))
            failures |= failed
            for table, found in rows.items():
                rows_by_table[table].append(found)
        merged = {t: pa.concat_tables(found) for t, found in rows_by_table.items() if found}
        return merged, failures, time.perf_counter() - started


def _inputs(warehouse: Warehouse, quarter: str, plan: Mapping[str, Any]) -> dict[str, QuarterTable]:
    """Return the inputs as the plan pinned them."""
    contents = plan["identity"]["inputs"]
    return {t: QuarterTable(warehouse, t, quarter, s, contents[t]) for t, s in plan["snapshots"].items()}


def _groups(firms: Sequence[str], config: FanOutConfig) -> list[list[str]]:
    return [list(firms[i : i + config.flush_firms]) for i in range(0, len(firms), config.flush_firms)]


def _complete(name: str, found: Sequence[tuple[Sequence[str], Part | None]]) -> list[Part]:
    """Return the parts of all groups; raise a Failure, which may be retried, if any is missing."""
    missing = [firm for group, part in found if part is None for firm in group]
    if missing:
        raise dg.Failure(
            f"{name}: {len(missing)} planned firms are in no part, e.g. {', '.join(missing[:5])}. A chunk was "
            "skipped or its part is corrupt. Materialize the asset again: finished parts are kept.",
        )
    return [part for _, part in found if part is not None]


def failures_allowed(n_firms: int, max_failed_share: float) -> int:
    """Return how many of a quarter's firms may fail.

    The share of them, rounded down, but at least one, so that a single failure does not stop a quarter of fewer
    than 100 firms. The minimum of one does not apply if the share is 0 or the quarter has a single firm.
    """
    allowed = int(max_failed_share * n_firms + 1e-9)  # 0.29 of 100 is 29, though the product is 28.99...
    return max(allowed, 1) if max_failed_share and n_firms > 1 else allowed


def _refuse_many_failures(name: str, failures: Mapping[str, str], n_firms: int, share: float) -> None:
    allowed = failures_allowed(n_firms, share)
    if len(failures) > allowed:
        examples = "\n".join(f"  {firm}: {why}" for firm, why in list(failures.items())[:5])
        raise dg.Failure(
            f"{name}: {len(failures)} of {n_firms} firms failed, more than the {allowed} that "
            f"max_failed_share={share:g} allows:\n{examples}\n"
            "Materialize the asset again once the cause is gone: parts with failed firms are computed again.",
            allow_retries=False,
        )


def _with_parameters(function: Callable[..., Any], names: Sequence[str]) -> Callable[..., Any]:
    """Give a `**kwargs` function named parameters: Dagster reads a graph's inputs from its signature."""
    import inspect  # noqa: PLC0415

    def call(*args: Any, **kwargs: Any) -> Any:
        return function(**dict(zip(names, args, strict=False)), **kwargs)

    parameters = [inspect.Parameter(n, inspect.Parameter.POSITIONAL_OR_KEYWORD) for n in names]
    call.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
    call.__name__ = function.__name__
    return call
