"""Jobs shaped as a chunked asset, whose steps do nothing; what runs in the local AWS."""

import os
import signal
import time
from collections.abc import Iterator

import dagster as dg

from ftm_assets.orchestration.execution.ecs import op_tags
from ftm_assets.orchestration.execution.executors import ftm_executor


@dg.op(tags=op_tags("sentence_embeddings_plan"), out=dg.DynamicOut(int))
def sentence_embeddings_plan() -> Iterator[dg.DynamicOutput[int]]:
    """Plan two chunks."""
    for i in range(2):
        yield dg.DynamicOutput(i, f"chunk_{i}")


@dg.op(tags=op_tags("sentence_embeddings_chunk"))
def sentence_embeddings_chunk(chunk: int) -> int:
    """Stand for the work on a GPU."""
    return chunk


@dg.op
def check(chunks: list[int]) -> int:
    """Stand for a check, which has no tags; its host is about to be taken away, but not yet."""
    os.kill(os.getpgrp(), signal.SIGTERM)  # to the task's main process, as ECS does
    time.sleep(1)
    return sum(chunks)


@dg.op(tags=op_tags("firm_topics_chunk"))
def firm_topics_chunk(total: int) -> None:
    """Fail by itself, which no retry helps."""
    raise ValueError(f"{total} is what the step computed")


@dg.job(executor_def=ftm_executor)
def fan() -> None:
    """Plan, map, collect, fail."""
    firm_topics_chunk(check(sentence_embeddings_plan().map(sentence_embeddings_chunk).collect()))


@dg.op(tags=op_tags("sentence_embeddings_chunk"))
def waiting_chunk(chunk: int) -> None:
    """Wait to be stopped."""
    time.sleep(600 + chunk)


@dg.job(executor_def=ftm_executor)
def waiting() -> None:
    """Plan, map, wait."""
    sentence_embeddings_plan().map(waiting_chunk)
