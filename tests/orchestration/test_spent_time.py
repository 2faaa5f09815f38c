"""What runs took, from their events: good attempts, failed ones, and those that a lost task left without a word."""

from collections.abc import Iterator

import dagster as dg
import pytest
from dagster._core.events import EngineEventData

from ftm_assets.orchestration.execution import ecs
from ftm_assets.orchestration.spent_time import CHECKS, RUN, Tokens, runs_of, spent
from ftm_resources.price_table import Machine

from .recorded_runs import QUARTER, START, Recorder

NOW = START + 10_000


@pytest.fixture
def instance() -> Iterator[dg.DagsterInstance]:
    with dg.DagsterInstance.ephemeral() as found:
        yield found


@pytest.fixture
def run(instance: dg.DagsterInstance) -> Recorder:
    return Recorder(instance)


def attempts(run: Recorder, now: float = NOW) -> list[tuple[str, int, str, float, float]]:
    """Return (step, attempt, outcome, start after START, seconds), as they were read."""
    return [
        (s.step, s.attempt, s.outcome, round(s.started - START, 3), round(s.seconds, 3))
        for s in spent(run.instance, run.record, now)
    ]


def test_a_step_lasts_from_its_start_to_its_end(run: Recorder):
    run.begin("themes", 10)
    run.succeed("themes", 70)
    run.begin("marts", 70)
    run.fail("marts", 75.5)
    run.end(80, "FAILURE")
    assert attempts(run) == [("themes", 0, "succeeded", 10, 60), ("marts", 0, "failed", 70, 5.5)]
    assert {s.machine for s in spent(run.instance, run.record, NOW)} == {Machine("local")}


def test_a_task_that_lost_its_host_counts_as_an_attempt_of_its_own_on_its_own_machine(run: Recorder):
    step = "firm_topics.firm_topics_chunk[chunk_003]"
    run.task(step, 0, "arn:1")
    run.lose(step, 300)  # nothing of the step itself: its process is gone
    run.task(step, 310, "arn:2", ecs.FARGATE.on_demand)
    run.begin(step, 350)
    run.facts(step, 360, arn="arn:1", kind="late news of the first task")
    run.succeed(step, 400)
    run.end(401)
    first, second = spent(run.instance, run.record, NOW)
    assert attempts(run) == [(step, 0, "restarted", 0, 300), (step, 1, "succeeded", 310, 90)]
    assert (first.stage, second.stage) == ("firm_topics", "firm_topics")
    assert (first.machine.market, second.machine.market) == ("fargate-spot", "fargate")
    assert first.machine.name == second.machine.name == "2 vCPU, 16 GB"


def test_on_aws_a_task_of_which_nothing_is_told_ran_on_an_unknown_machine(run: Recorder):
    run.instance.add_run_tags(run.run_id, {"ecs/task_arn": "arn:run"})
    run.begin("themes", 0)
    run.fail("themes", 60)
    run.task("marts", 60, "arn:1")
    run.succeed("marts", 90)
    run.end(91)
    machines = [s.machine for s in spent(run.instance, run.record, NOW)]
    assert [m.market for m in machines] == ["unknown", "fargate-spot"]


def test_a_task_costs_from_the_pull_of_its_image_where_ecs_tells(run: Recorder):
    run.task("embed", 0, "arn:1", ecs.GPU_HOSTS.spot)
    run.facts("embed", 200, arn="arn:1", began=START + 180, kind="g6.xlarge")
    run.begin("embed", 240)
    run.succeed("embed", 300)
    run.end(301)
    (one,) = spent(run.instance, run.record, NOW)
    assert (one.started - START, one.seconds) == (180, 120), "not while it waited for a host"
    assert one.machine == Machine("spot", kind="g6.xlarge")


def test_what_had_not_ended_lasts_as_long_as_its_run(run: Recorder):
    run.begin("themes", 10)
    assert attempts(run, START + 25) == [("themes", 0, "running", 10, 15)]
    run.end(40, "CANCELED")
    assert attempts(run) == [("themes", 0, "cut_off", 10, 30)]


def test_the_run_s_own_task_is_one_of_its_costs(run: Recorder):
    run.facts(None, 5, arn="arn:run", provider=ecs.FARGATE.on_demand, cpu=1024, memory=4096, has_address=True)
    run.task("themes", 20, "arn:1")
    run.succeed("themes", 60)
    run.end(65)
    themes, own = spent(run.instance, run.record, NOW)
    assert (own.stage, own.step, own.outcome, own.seconds) == (RUN, RUN, "succeeded", 60)
    assert own.machine == Machine("fargate", vcpu=1, memory=4, has_address=True)
    assert themes.stage == "themes"


def test_steps_that_only_check_are_one_stage(run: Recorder):
    for i, step in enumerate(("check_themes", "themes_one_class", "themes")):
        run.begin(step, 10 * i)
        if step != "check_themes":
            evaluated = dg.AssetCheckEvaluation(
                asset_key=dg.AssetKey("themes"), check_name="one_class", passed=True
            )
            run.event("ASSET_CHECK_EVALUATION", step, 10 * i + 1, evaluated)
        if step == "themes":
            run.materialize(step, 10 * i + 2)
        run.fail(step, 10 * i + 5)
    assert [s.stage for s in spent(run.instance, run.record, NOW)] == [CHECKS, CHECKS, "themes"]


CHUNK = "topic_summaries.topic_summaries_chunk[chunk_000]"


def tokens(run: Recorder) -> list[Tokens]:
    return [s.tokens for s in spent(run.instance, run.record, NOW)]


def test_each_attempt_has_the_tokens_that_it_asked_for_also_one_that_failed(run: Recorder):
    run.begin(CHUNK, 0)
    for at, sent, received, usd in ((1, 600, 60, 0.25), (3, 400, 30, 0.125)):
        run.ask(CHUNK, at)
        run.asked(CHUNK, at + 1, sent, received, usd)
    run.fail(CHUNK, 5)
    run.begin("themes", 6)
    run.ask("themes", 6)
    run.asked("themes", 7, 50, 5)
    run.materialize(
        "themes", 8, tokens_in=1_050, tokens_out=95, cost_usd=0.5
    )  # of what another run asked, too
    run.succeed("themes", 9)
    run.begin("marts", 9)
    run.succeed("marts", 10)
    assert tokens(run) == [Tokens(1_000, 90, 0.375), Tokens(50, 5, None), Tokens(0, 0, None)]


def test_what_an_attempt_asked_that_was_killed_meanwhile_is_not_known(run: Recorder):
    run.begin(CHUNK, 0)
    run.ask(CHUNK, 1)
    run.asked(CHUNK, 2, 600, 60, 0.25)
    run.ask(CHUNK, 3)
    run.lose(CHUNK, 400)
    run.begin(CHUNK, 401)
    run.ask(CHUNK, 402)
    run.asked(CHUNK, 403, 400, 30, 0.125)
    run.succeed(CHUNK, 404)
    assert tokens(run) == [Tokens(None, None, None), Tokens(400, 30, 0.125)]


def test_tokens_of_a_server_that_does_not_say_them_are_not_known(run: Recorder):
    run.begin("themes", 0)
    run.ask("themes", 1)
    run.asked("themes", 2, None, None)
    run.succeed("themes", 3)
    assert tokens(run) == [Tokens(None, None, None)]


def test_only_runs_of_the_quarter_are_read_oldest_first(instance: dg.DagsterInstance):
    first, _, last = (Recorder(instance, q) for q in (QUARTER, "2023Q2", QUARTER))
    assert [r.dagster_run.run_id for r in runs_of(instance, QUARTER)] == [first.run_id, last.run_id]


def test_dagster_s_own_events_are_read_as_these_are():
    """A step that asks to be restarted, and one that fails, in a real run."""

    @dg.op
    def again(context: dg.OpExecutionContext) -> None:
        if context.retry_number == 0:
            raise dg.RetryRequested(max_retries=1)

    @dg.op(ins={"after": dg.In(dg.Nothing)})
    def broken() -> None:
        raise ValueError("broken")

    @dg.job
    def both() -> None:
        broken(again())

    with dg.DagsterInstance.ephemeral() as instance:
        both.execute_in_process(instance=instance, raise_on_error=False, tags={"dagster/partition": QUARTER})
        (record,) = runs_of(instance, QUARTER)
        found = spent(instance, record, record.end_time)
    assert [(s.step, s.attempt, s.outcome) for s in found] == [
        ("again", 0, "restarted"),
        ("again", 1, "succeeded"),
        ("broken", 0, "failed"),
    ]
    assert all(0 <= s.seconds < 60 for s in found)


def test_a_run_whose_process_is_gone_does_not_take_time_for_ever(run: Recorder):
    run.begin("themes", 10)
    run.event(
        "ENGINE_EVENT", None, 600, EngineEventData()
    )  # the last that it reported: then `kill -9`, or the machine was off
    ((*_, took),) = attempts(run, START + 7 * 86_400)
    assert took < 86_400


def test_a_lost_run_that_is_marked_as_failed_days_later_did_not_go_on_until_then(run: Recorder):
    run.begin("themes", 10)
    run.event("ENGINE_EVENT", None, 5 * 86_400, EngineEventData())  # what finds lost runs speaks of the run
    run.end(5 * 86_400, "FAILURE")
    assert attempts(run) == [("themes", 0, "cut_off", 10, 7_200)]


def test_marts_whose_tests_fail_are_an_attempt_at_the_marts(run: Recorder):
    run.begin("marts", 0)
    failed = dg.AssetCheckEvaluation(asset_key=dg.AssetKey("theme_panel"), check_name="unique", passed=False)
    run.event("ASSET_CHECK_EVALUATION", "marts", 1, failed)
    run.fail("marts", 2)
    assert [s.stage for s in spent(run.instance, run.record, NOW)] == ["marts"]


@pytest.mark.parametrize(
    ("metadata", "is_shortened"),
    [
        ({"texts_from_cache": 2_554, "texts_embedded": 0}, True),
        ({"texts_from_cache": 30, "texts_embedded": 970}, False),  # what the run itself repeats
        ({"firms_reused": 4, "firms": 8}, True),
        ({"cache_hits": 100, "requests": 5}, True),
        ({"cache_hits": 0, "requests": 105, "firms_reused": 0, "firms": 8}, False),
        ({}, False),
    ],
)
def test_a_stage_that_took_its_work_from_earlier_runs_is_shortened_and_its_run_with_it(
    run: Recorder, metadata: dict[str, int], is_shortened: bool
):
    chunk, commit = (f"sentence_embeddings.sentence_embeddings_{op}" for op in ("chunk[chunk_0]", "commit"))
    run.facts(None, 0, arn="arn:run", cpu=1024, memory=4096, disk=0, has_address=False)
    for step in ("sentences", chunk, commit):
        run.begin(step, 1)
        if step == commit:
            run.materialize(step, 5, **metadata)
        run.succeed(step, 10)
    run.end(11)
    found = {s.step: s.is_shortened for s in spent(run.instance, run.record, START + 20)}
    assert found == {"sentences": False, chunk: is_shortened, commit: is_shortened, RUN: is_shortened}


def test_parts_that_an_attempt_of_the_same_run_saved_shorten_nothing(run: Recorder):
    chunk, commit = (f"firm_topics.firm_topics_{op}" for op in ("chunk[chunk_0]", "commit"))
    run.begin(chunk, 0)
    run.lose(chunk, 50)
    for step in (chunk, commit):
        run.begin(step, 60)
        if step == commit:
            run.materialize(step, 65, firms_reused=7, firms=8)
        run.succeed(step, 70)
    run.end(71)
    assert {s.is_shortened for s in spent(run.instance, run.record, START + 80)} == {False}
