"""The inputs of a step, or of a command that reads several tables: quarters that exist and are of one generation.

What belongs here: refusing, before anything is computed, inputs that were never written, were not made from each
other, or were made by this run and replaced by another since.
"""

from __future__ import annotations

import time
import warnings
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import dagster as dg

from ftm_resources import settings
from ftm_resources.warehouse.errors import MixedGenerationsWarning, WarehouseError
from ftm_resources.warehouse.snapshots import NOT_COMPARED, is_elsewhere, quarter_key, source_of

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence
    from logging import Logger

    from ftm_resources.warehouse import QuarterTable, Warehouse
    from ftm_resources.warehouse.generations import Mixture
    from ftm_resources.warehouse.pinned import Pinned

ALLOW_MIXED = "ftm/allow_mixed_generations"
"""Run tag: `true` does for one run what FTM_ALLOW_MIXED_GENERATIONS does for all."""


REREADS = 10
"""How often a step reads its input again because a run of another quarter has replaced it meanwhile."""

WAITS, WAIT_SECONDS, MOST_WAITS = 36, 5.0, 360
"""How often, and how long each time, a step waits for a run of another quarter that may be making its input again, if
nothing changes meanwhile. Three minutes are enough for the daemon to notice that the run was killed, and for its retry
to go on."""


def pinned_inputs(
    warehouse: Warehouse,
    pinned: Pinned,
    quarter: str,
    tables: Collection[str],
    *,
    run: dg.DagsterRun,
    log: Logger | dg.DagsterLogManager,
    is_chain_judged: bool = True,
) -> dict[str, QuarterTable]:
    """Return a quarter of each table, as pinned.

    Raises a Failure that says what to materialize first if a table was never written for the quarter, if another run
    has replaced what this one made of it, or if the tables and their inputs are not of one generation. If a run of
    another quarter that links this one again explains the latter, the step waits for it and is retried.
    FTM_ALLOW_MIXED_GENERATIONS, or the run's tag ALLOW_MIXED, turns the latter two into a warning. Without
    `is_chain_judged`, it is no matter whether what they were made from in other quarters has changed since: links of a
    tagged quarter stay as they are, and those after it go on from them.
    """
    found = {name: warehouse.quarter(name, quarter, pinned=pinned) for name in tables}
    if problem := _absent(found, quarter):
        raise dg.Failure(problem, allow_retries=False)
    runs = {
        run.run_id,
        run.parent_run_id,
        run.root_run_id,
    }  # a re-execution goes on with what its parent made
    taken = taken_over(pinned, found, runs)
    mixtures = _mixtures(pinned, quarter, tables, is_chain_judged=is_chain_judged)
    if problem := taken or _told(pinned, quarter, tables, mixtures):
        if not allows_mixed(run):
            if not taken and _comes_right(warehouse, quarter, tables, log, is_chain_judged=is_chain_judged):
                raise dg.RetryRequested(max_retries=REREADS)
            raise dg.Failure(
                f"{problem}. To compute from them anyway, set FTM_ALLOW_MIXED_GENERATIONS=true, or give the run the "
                f"tag {ALLOW_MIXED}=true.",
                allow_retries=False,
            )
        log.warning(f"{problem}. Continuing, because mixed generations are allowed")
    return found


def allows_mixed(run: dg.DagsterRun) -> bool:
    """Return whether a run may compute from tables of mixed generations."""
    return run.tags.get(ALLOW_MIXED) == "true" or settings.current().ftm_allow_mixed_generations


def taken_over(pinned: Pinned, tables: Mapping[str, QuarterTable], runs: Collection[str | None]) -> str:
    """Return which of these tables other runs have replaced, with other rows, since one of `runs` made them.

    Empty if none. All runs of a quarter write the same tables, and each would otherwise go on with the rows that the
    other wrote last, and show that one's result as its own. Rows that a run of another quarter rebuilt from this one's
    are still this one's.
    """
    for name, table in tables.items():
        writes = [w for w in pinned.writes(name).get(table.quarter, []) if not w.rebuilt]
        own = [write for write in writes if write.run_id in runs]
        if not own or own[-1].content in {table.content, writes[-1].content}:
            continue
        by = writes[-1]
        return (
            f"another run replaced {name} of {table.quarter}: run {own[-1].run_id} made it, and run "
            f"{by.run_id or '(unknown)'} wrote other rows at {by.at.isoformat(timespec='seconds')}. Two runs of one "
            f"quarter with different config or input exclude each other: wait until the other has ended, then start a "
            f"new run of {table.quarter} if you want this run's result instead"
        )
    return ""


def refuse_replaced(
    warehouse: Warehouse, table: str, quarter: str, inputs: Mapping[str, Any], *, run: dg.DagsterRun
) -> None:
    """Raise a Failure if another run has replaced an input, with other rows, since this run read it.

    `inputs` maps tables, or the keys of other quarters' (see `snapshots.source_key`), to what `QuarterTable.provenance`
    returned. Without this, the slower of two runs of a quarter
    would put its table beside the other's. A run that may mix generations is not refused. Runs of other quarters do not
    exclude this one: if such a run has rebuilt the input, or made one of its own quarter, the step is retried, as it
    only has to read again.
    """
    if allows_mixed(run) or not inputs:
        return
    pinned = warehouse.pin()
    for key, read in inputs.items():
        name, of_quarter = source_of(key, quarter)
        now = warehouse.quarter(name, of_quarter, pinned=pinned)
        if read["content"] in {now.content, NOT_COMPARED}:
            continue
        made = warehouse.provenance(name, of_quarter)
        when = (
            datetime.fromtimestamp(made["committed_at_ms"] / 1000, UTC).isoformat(timespec="seconds")
            if made
            else "?"
        )
        who = f"Run {made.get('run_id') or '(unknown)'} replaced {key} at {when}, after this run had read it"
        if made.get("rebuilt") or of_quarter != quarter:
            # Shown only if it happens again each time.
            why = dg.Failure(
                f"{table} {quarter}: {who}. Materialize it again once runs of other quarters have ended"
            )
            raise dg.RetryRequested(max_retries=REREADS) from why
        raise dg.Failure(
            f"{table} {quarter}: another run came first. {who}; nothing was written. Two runs of one quarter with "
            f"different input exclude each other: wait until the other has ended, then materialize {quarter} again if "
            "you want this run's input instead.",
            allow_retries=False,
        )


def consistent(warehouse: Warehouse, quarter: str, tables: Collection[str]) -> dict[str, QuarterTable]:
    """Return a quarter of each table, all of one generation, for a reader outside a run.

    If the quarter is being rematerialized, or only partly was, this is its last complete generation, with a
    MixedGenerationsWarning (see `Warehouse.together`). Raises WarehouseError if there is no warehouse, if a table was
    never written for the quarter, or if no complete generation is left. With FTM_ALLOW_MIXED_GENERATIONS it returns
    the newest rows of each table, with a warning that names the mixture.
    """
    pinned, quarter = warehouse.pin(), quarter_key(quarter)
    found = {name: warehouse.quarter(name, quarter, pinned=pinned) for name in tables}
    if problem := _absent(found, quarter):
        raise WarehouseError(problem) if quarter in pinned.quarters() else warehouse.no_such_quarter(quarter)
    mixtures = _mixtures(pinned, quarter, tables)
    if not mixtures:
        return found
    if not settings.current().ftm_allow_mixed_generations:
        return warehouse.together(quarter, tables)
    warnings.warn(
        f"{_told(pinned, quarter, tables, mixtures)}. Continuing, because mixed generations are allowed",
        MixedGenerationsWarning,
        stacklevel=2,
    )
    return found


def _comes_right(
    warehouse: Warehouse,
    quarter: str,
    tables: Collection[str],
    log: Logger | dg.DagsterLogManager,
    *,
    is_chain_judged: bool,
) -> bool:
    """Wait while a run of another quarter may be at work on these tables; return whether they are then of one kind.

    Gives up when nothing has changed for WAITS, or after MOST_WAITS.
    """
    left, before = WAITS, warehouse.pin()
    for n in range(MOST_WAITS):
        mixtures = _mixtures(before, quarter, tables, is_chain_judged=is_chain_judged)
        if not mixtures:
            return True
        if not left or not _may_be_at_work(before, quarter, mixtures):
            break
        if n == 0:
            log.info(
                f"{', '.join(tables)} of {quarter}: waiting for a run of another quarter that may be linking it again, "
                f"until nothing has changed for {WAITS * WAIT_SECONDS:.0f} s"
            )
        time.sleep(WAIT_SECONDS)
        now = warehouse.pin()
        now.mixtures(quarter, tables)
        left, before = (left - 1 if now.is_as(before) else WAITS), now
    return False


def _may_be_at_work(pinned: Pinned, quarter: str, mixtures: Sequence[Mixture]) -> bool:
    """Return whether a run of another quarter that links quarters again explains one of these mixtures.

    It has then made only some of the quarter's links again, or not yet begun with those of this quarter.
    """
    present = pinned.present(quarter)
    for mixture in mixtures:
        one, other = present(mixture.table), present(mixture.source)
        if one is None or other is None:
            continue
        is_half = mixture.source in one.together and bool(one.rebuilt or other.rebuilt)
        if is_half or is_elsewhere(mixture.source):
            return True
    return False


def _absent(found: Mapping[str, QuarterTable], quarter: str) -> str:
    """Return which tables were never written for the quarter and what to do about it; empty if all were."""
    absent = [name for name, table in found.items() if not table.is_written]
    if not absent:
        return ""
    return (
        f"{', '.join(absent)} of {quarter} was never materialized. Materialize it first: `ftm run --quarter "
        f"{quarter}` makes the whole quarter"
    )


def _mixtures(
    pinned: Pinned, quarter: str, tables: Collection[str], *, is_chain_judged: bool = True
) -> list[Mixture]:
    """Return how the tables are of mixed generations, as far as it is judged."""
    found = pinned.mixtures(quarter, tables)
    return [mixture for mixture in found if is_chain_judged or not is_elsewhere(mixture.source)]


def _told(pinned: Pinned, quarter: str, tables: Collection[str], mixtures: Sequence[Mixture]) -> str:
    """Return how the tables are of mixed generations and what to materialize; empty if they are of one."""
    if not mixtures:
        return ""
    problems = "; ".join(map(str, mixtures))
    again = ", ".join(pinned.to_materialize(quarter, list(tables), mixtures, readers=tables))
    return f"{quarter} is of mixed generations: {problems}. Materialize {again} of {quarter} first"
