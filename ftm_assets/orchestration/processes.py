"""Work on many items, such as firms, in parallel processes."""

import os
from collections.abc import Callable, Iterator, Sequence
from typing import Any, TypeVar

from ftm_assets.orchestration.execution.orphans import end_with
from ftm_resources import settings

Result = TypeVar("Result")

FEWEST_ITEMS = 8
"""Fewer items are worked on in this process: another takes a second to start."""


def n_processes(asked: int) -> int:
    """Return how many processes to use: as many as asked, or for 0 one per CPU that this process may use.

    With the multiprocess executor 0 means one, because steps already run in parallel.
    """
    if asked:
        return asked
    if settings.current().ftm_executor == "multiprocess":
        return 1
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def side_by_side(
    work: Callable[[Any], Result], items: Sequence[Any], asked: int = 0, *, fewest: int = FEWEST_ITEMS
) -> Iterator[Result]:
    """Yield `work(item)` for each item, in the order of items; `work` is a module-level function.

    Fewer than `fewest` items are worked on in this process. Each process uses one thread for linear algebra and is
    kept for the next call; it ends after five idle minutes, or seconds after this process. An exception of `work` is
    raised here.
    """
    n = min(n_processes(asked), len(items))
    if n < 2 or len(items) < fewest:
        yield from map(work, items)
        return
    from joblib import Parallel, delayed, parallel_config  # noqa: PLC0415 - takes a second

    parent = os.getpid()
    with parallel_config(backend="loky", inner_max_num_threads=1):
        jobs = (delayed(_work_for)(parent, work, item) for item in items)
        yield from Parallel(n_jobs=n, return_as="generator", max_nbytes=None)(jobs)


def _work_for(parent: int, work: Callable[[Any], Result], item: Any) -> Result:
    end_with(parent)
    return work(item)
