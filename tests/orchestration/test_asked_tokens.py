"""What a step tells of its asking a language model, however the asking ends."""

import contextlib
from collections.abc import Iterator

import dagster as dg
import pytest
from dagster._core.errors import DagsterExecutionInterruptedError

from ftm_assets.orchestration.asked_tokens import Told, telling, told_by


@pytest.fixture
def instance() -> Iterator[dg.DagsterInstance]:
    with dg.DagsterInstance.ephemeral() as found:
        yield found


def cost(sent: int, received: int) -> float:
    return sent + 10.0 * received


def told(
    instance: dg.DagsterInstance, *replies: tuple[int | None, int | None], end: BaseException | None = None
) -> list[Told]:
    """Return what the events of a run tell whose step gets some replies and then ends."""

    @dg.op
    def ask(context: dg.OpExecutionContext) -> None:
        with telling(context, cost) as usage:
            for reply in replies:
                usage.add(*reply)
            if end is not None:
                raise end

    @dg.job
    def asking() -> None:
        ask()

    with contextlib.suppress(DagsterExecutionInterruptedError, KeyboardInterrupt):
        asking.execute_in_process(instance=instance, raise_on_error=False)
    (run,) = instance.get_runs()
    events = [entry.dagster_event for entry in instance.all_logs(run.run_id) if entry.dagster_event]
    assert {event.step_key for event in events if told_by(event)} == {"ask"}
    return [found for event in events if (found := told_by(event))]


@pytest.mark.parametrize(
    "end", [None, ValueError("a bug"), DagsterExecutionInterruptedError(), KeyboardInterrupt()]
)
def test_it_tells_that_it_asks_and_then_of_every_reply_whatever_ended_it(
    instance: dg.DagsterInstance, end: BaseException | None
):
    assert told(instance, (900, 40), (600, 60), end=end) == [Told(), Told(True, 1_500, 100, 2_500.0)]


@pytest.mark.parametrize("reply", [(None, None), (None, 40), (900, None)])
def test_a_reply_without_its_tokens_leaves_them_unknown(
    instance: dg.DagsterInstance, reply: tuple[int | None, int | None]
):
    assert told(instance, (900, 40), reply) == [Told(), Told(True)]


def test_a_step_that_needs_no_reply_takes_no_tokens(instance: dg.DagsterInstance):
    assert told(instance) == [Told(), Told(True, 0, 0, 0.0)]


def test_without_a_step_nothing_is_told():
    with telling(None, cost) as usage:
        usage.add(1, 1)
    assert usage.sent == 1
