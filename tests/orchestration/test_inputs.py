"""What a step reads: refused where it is not there, or not of one generation; with the real IO manager."""

import logging
import threading
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import dagster as dg
import pyarrow as pa
import pytest

from ftm_assets.orchestration.inputs import ALLOW_MIXED, REREADS, consistent, pinned_inputs
from ftm_assets.orchestration.io_manager import Rows, WarehouseIOManager
from ftm_assets.orchestration.outputs import asset_outs, write_tables
from ftm_assets.orchestration.partitions import QUARTERS
from ftm_resources.tables import TABLES
from ftm_resources.warehouse import QuarterTable, Warehouse
from ftm_resources.warehouse.cleanup import Policy, maintain
from ftm_resources.warehouse.errors import MixedGenerationsWarning, WarehouseError
from ftm_resources.warehouse.status import status

QUARTER = "2020Q1"
TOPICS = ("firm_topics", "sentence_topics")


class Size(dg.Config):
    n: int = 3


def _topics(quarter: str, n: int) -> pa.Table:
    columns: dict[str, Any] = {
        "topic_id": [f"{quarter}:1:{i:03d}" for i in range(n)],
        "firm_id": ["1"] * n,
        "local_topic": pa.array(range(n), pa.int32()),
        "n_sentences": pa.array([3] * n, pa.int32()),
        "keywords": [["price"]] * n,
        "representative_sentence_ids": [["s"]] * n,
        "call_share": [0.0] * n,
        "embedding": [[0.6, 0.8]] * n,
    }
    return pa.table(columns)


def _members(topics: pa.Table, column: str) -> pa.Table:
    n = topics.num_rows
    rows = {"topic_id": topics.column("topic_id"), "firm_id": topics.column("firm_id")}
    if column == "theme_id":
        return pa.table(
            {
                **rows,
                "theme_id": ["t"] * n,
                "reason": pa.nulls(n, pa.string()),
                "detail": pa.nulls(n, pa.string()),
            }
        )
    return pa.table({"sentence_id": rows["topic_id"], **rows, "strength": [0.5] * n})


# As the assets of a quarter: topics in two tables, themes from one of them, scores from both of them.
@dg.multi_asset(
    outs=asset_outs(TOPICS, code_version="1", kinds=set()),
    can_subset=True,
    partitions_def=QUARTERS,
)
def firm_topics(context: dg.AssetExecutionContext, config: Size, warehouse: Warehouse) -> Any:
    rows = _topics(context.partition_key, config.n)
    made = {"firm_topics": (Rows.of(rows), {}), "sentence_topics": (Rows.of(_members(rows, "topic_id")), {})}
    yield from write_tables(
        context.op_execution_context, warehouse, made, code_version="1", config=config.model_dump()
    )


@dg.asset(partitions_def=QUARTERS)
def theme_topics(firm_topics: QuarterTable) -> Rows:
    return Rows.of(_members(firm_topics.read(), "theme_id"), firm_topics)


@dg.asset(partitions_def=QUARTERS)
def sentiment_scores(theme_topics: QuarterTable, sentence_topics: QuarterTable) -> Rows:
    assert theme_topics.read().num_rows == sentence_topics.read().num_rows
    return Rows.of(TABLES["sentiment_scores"].empty(), theme_topics, sentence_topics)


@dg.asset(partitions_def=QUARTERS)
def theme_sentiment(sentiment_scores: QuarterTable) -> Rows:
    return Rows.of(TABLES["theme_sentiment"].empty(), sentiment_scores)


@pytest.fixture
def warehouse(tmp_path: Path) -> Warehouse:
    return Warehouse(path=str(tmp_path / "warehouse"))


@pytest.fixture
def run(warehouse: Warehouse) -> Callable[..., str]:
    """Materialize a selection; return why it failed, nothing where it did not."""
    assets = [firm_topics, theme_topics, sentiment_scores, theme_sentiment]

    def run(
        *selection: str, n: int = 3, tags: Mapping[str, str] | None = None, quarter: str = QUARTER
    ) -> str:
        definitions = dg.Definitions(
            assets=assets,
            jobs=[
                dg.define_asset_job(
                    "job", selection=list(selection) or [a.key.path[-1] for a in assets[1:]] + [*TOPICS]
                )
            ],
            resources={"warehouse": warehouse, "io_manager": WarehouseIOManager(warehouse=warehouse)},
        )
        config: dict[str, Any] = {}
        if not selection or "firm_topics" in selection:
            config["ops"] = {"firm_topics": {"config": {"n": n}}}
        result = definitions.resolve_job_def("job").execute_in_process(
            partition_key=quarter, run_config=config, tags=tags, raise_on_error=False
        )
        failed = [e.step_failure_data for e in result.all_events if e.is_step_failure]
        return " ".join(
            str(f.user_failure_data.description if f.user_failure_data else f.error) for f in failed
        )

    return run


def test_a_whole_run_and_one_asset_of_it_again_pass(run: Callable[..., str]):
    assert run() == ""
    assert run("sentiment_scores") == ""
    assert run(n=5) == "", "the whole quarter with other topics"


def test_scores_of_old_themes_and_new_topics_are_refused_with_what_to_materialize(
    run: Callable[..., str], warehouse: Warehouse
):
    run()
    before = warehouse.quarter("sentiment_scores", QUARTER)
    assert run("firm_topics", n=5) == ""
    problem = run("sentiment_scores")
    assert "theme_topics was made from other rows of firm_topics" in problem
    assert f"Materialize theme_topics of {QUARTER} first" in problem
    assert warehouse.quarter("sentiment_scores", QUARTER) == before
    assert run("theme_topics", "sentiment_scores") == ""
    assert "sentiment_scores" not in run("theme_sentiment")


def test_what_was_made_from_it_is_refused_too(run: Callable[..., str]):
    """The mart's one input is as old as the mart: what that was made from is not."""
    run()
    run("firm_topics", "theme_topics", n=5)
    assert f"Materialize sentiment_scores of {QUARTER} first" in run("theme_sentiment")


def test_topics_made_again_with_the_same_rows_are_the_same_generation(run: Callable[..., str]):
    run()
    assert run("firm_topics") == ""
    assert run("sentiment_scores") == ""


def test_one_table_of_a_step_is_never_replaced_without_the_other(run: Callable[..., str]):
    run()
    assert run("sentence_topics", "theme_topics", "sentiment_scores") == ""


def test_a_step_killed_between_its_two_tables_is_noticed_by_what_reads_them(
    run: Callable[..., str], warehouse: Warehouse
):
    run()
    held = warehouse.provenance("sentence_topics", QUARTER)
    made = {"run_id": "killed", "inputs": {}, "together": held["together"]}
    warehouse.replace(
        "sentence_topics", QUARTER, [_members(_topics(QUARTER, 2), "topic_id")], provenance=made
    )
    problem = run("sentiment_scores")
    assert "belong to one step, but were not written by the same run" in problem
    assert "Materialize sentence_topics" in problem or "Materialize firm_topics" in problem


def test_mixing_can_be_allowed_by_a_tag_of_the_run(run: Callable[..., str]):
    run()
    run("firm_topics", n=5)
    assert "AssertionError" in run("sentiment_scores", tags={ALLOW_MIXED: "true"}), (
        "it ran, on unequal tables"
    )
    assert f"{ALLOW_MIXED}=true" in run("sentiment_scores", tags={ALLOW_MIXED: "no"})


def test_mixing_can_be_allowed_by_the_environment(run: Callable[..., str], monkeypatch: pytest.MonkeyPatch):
    run()
    run("firm_topics", n=5)
    assert "set FTM_ALLOW_MIXED_GENERATIONS=true" in run("sentiment_scores")
    monkeypatch.setenv("FTM_ALLOW_MIXED_GENERATIONS", "true")
    assert "AssertionError" in run("sentiment_scores"), "it ran, on unequal tables"


def test_other_quarters_do_not_matter(run: Callable[..., str]):
    run()
    run(quarter="2020Q2")
    run("firm_topics", n=5)
    assert run("sentiment_scores", quarter="2020Q2") == ""


def test_an_input_that_was_never_written_is_named(run: Callable[..., str], warehouse: Warehouse):
    run(quarter="2020Q2")
    problem = run("theme_topics")
    assert f"firm_topics of {QUARTER} was never materialized. Materialize it first: `ftm run" in problem
    assert not warehouse.quarter("theme_topics", QUARTER).is_written


def test_an_input_of_a_warehouse_that_is_not_there_is_no_empty_warehouse(
    run: Callable[..., str], warehouse: Warehouse
):
    assert "no warehouse at" in run("theme_topics")
    assert not (Path(warehouse.root) / "catalog.db").exists()


READ = ("firm_topics", "theme_topics")


def test_a_reader_outside_a_run_gets_tables_that_later_writes_do_not_change(
    run: Callable[..., str], warehouse: Warehouse
):
    run()
    stored = consistent(warehouse, "2020q1", READ)
    run(n=5)
    assert [stored[t].read().num_rows for t in READ] == [3, 3]


def test_a_reader_outside_a_run_gets_the_last_complete_generation_of_a_mixed_quarter(
    run: Callable[..., str], warehouse: Warehouse, monkeypatch: pytest.MonkeyPatch
):
    run()
    run("firm_topics", n=5)
    said = "theme_topics was made from other rows of firm_topics. Materialize theme_topics"
    with pytest.warns(MixedGenerationsWarning, match=said):
        stored = consistent(warehouse, QUARTER, READ)
    assert [stored[t].read().num_rows for t in READ] == [3, 3]
    monkeypatch.setenv("FTM_ALLOW_MIXED_GENERATIONS", "true")
    with pytest.warns(MixedGenerationsWarning, match=said):
        stored = consistent(warehouse, QUARTER, READ)
    assert [stored[t].read().num_rows for t in READ] == [5, 3]


def test_a_reader_outside_a_run_is_refused_a_mixture_without_a_complete_generation(
    run: Callable[..., str], warehouse: Warehouse
):
    run("firm_topics", "theme_topics")
    gone = {"firm_topics": {"content": "of a warehouse that is gone"}}
    rows = warehouse.read("theme_topics", QUARTER)
    for _ in range(2):
        warehouse.replace("theme_topics", QUARTER, [rows], provenance={"run_id": "b", "inputs": gone})
    now = datetime.now(UTC) + timedelta(days=400)
    maintain(warehouse, Policy(keep=timedelta(days=1), keep_last=1, now=now))
    with pytest.raises(
        WarehouseError, match=r"made from other rows of firm_topics.*no complete generation is left"
    ):
        consistent(warehouse, QUARTER, READ)


def test_the_slower_of_two_runs_of_a_quarter_is_told_who_came_first(
    run: Callable[..., str], warehouse: Warehouse
):
    """The other run replaces the topics while this one computes themes from those it has read."""
    run("firm_topics")

    @dg.asset(name="theme_topics", partitions_def=QUARTERS)
    def slower(firm_topics: QuarterTable) -> Rows:
        rows = _members(firm_topics.read(), "theme_id")
        assert run("firm_topics", n=5) == ""
        return Rows.of(rows, firm_topics)

    def result(**tags: str) -> dg.ExecuteInProcessResult:
        return dg.materialize(
            [slower, dg.AssetSpec("firm_topics", partitions_def=QUARTERS)],
            partition_key=QUARTER,
            resources={"io_manager": WarehouseIOManager(warehouse=warehouse)},
            tags=tags,
            raise_on_error=False,
        )

    failed = next(e for e in result().all_events if e.is_step_failure).step_failure_data
    winner = warehouse.provenance("firm_topics", QUARTER)["run_id"]
    assert f"Run {winner} replaced firm_topics at 20" in str(failed.error)
    assert "nothing was written" in str(failed.error)
    assert not warehouse.quarter("theme_topics", QUARTER).is_written
    run("firm_topics")
    assert result(**{ALLOW_MIXED: "true"}).success


@pytest.fixture
def overtaken(run: Callable[..., str], warehouse: Warehouse) -> Callable[..., list[str]]:
    """Make topics and themes in one run while another makes n topics between the two; return the failures."""

    def overtaken(n: int, **tags: str) -> list[str]:
        @dg.asset(name="theme_topics", partitions_def=QUARTERS, deps=["firm_topics"])
        def between(context: dg.AssetExecutionContext) -> Rows:
            assert run("firm_topics", n=n) == ""
            return Rows.of(_members(_topics(context.partition_key, 3), "theme_id"))

        @dg.asset(name="sentiment_scores", partitions_def=QUARTERS, deps=[between])
        def after(firm_topics: QuarterTable) -> Rows:
            return Rows.of(TABLES["sentiment_scores"].empty(), firm_topics)

        with dg.DagsterInstance.ephemeral() as instance:
            result = dg.materialize(
                [firm_topics, between, after],
                partition_key=QUARTER,
                resources={"warehouse": warehouse, "io_manager": WarehouseIOManager(warehouse=warehouse)},
                instance=instance,
                tags=tags,
                raise_on_error=False,
            )
        failed = [e.step_failure_data for e in result.all_events if e.is_step_failure]
        return [str(f.user_failure_data.description if f.user_failure_data else f.error) for f in failed]

    return overtaken


def test_a_run_does_not_go_on_with_what_another_made_in_place_of_its_own(
    overtaken: Callable[..., list[str]], warehouse: Warehouse
):
    """The step reads the topics for the first time after the other run has replaced those of its own run."""
    (said,) = overtaken(5)
    winner = warehouse.provenance("firm_topics", QUARTER)["run_id"]
    assert f"another run replaced firm_topics of {QUARTER}" in said
    assert f"run {winner} wrote other rows at 20" in said
    assert f"start a new run of {QUARTER}" in said
    assert not warehouse.quarter("sentiment_scores", QUARTER).is_written


def test_a_run_goes_on_if_another_made_the_same_rows_or_if_mixing_is_allowed(
    overtaken: Callable[..., list[str]],
):
    assert overtaken(3) == []
    assert overtaken(5, **{ALLOW_MIXED: "true"}) == []


@pytest.mark.parametrize(("n", "is_refused"), [(3, False), (5, True)])
def test_a_re_execution_goes_on_with_what_its_parent_made_unless_another_run_replaced_it(
    run: Callable[..., str], warehouse: Warehouse, n: int, is_refused: bool
):
    run("firm_topics")
    parent = warehouse.provenance("firm_topics", QUARTER)["run_id"]
    assert run("firm_topics", n=n) == ""
    pinned = warehouse.pin()
    again = dg.DagsterRun("job", run_id="again", parent_run_id=parent, root_run_id=parent)

    def read() -> Mapping[str, QuarterTable]:
        return pinned_inputs(
            warehouse, pinned, QUARTER, ["firm_topics"], run=again, log=logging.getLogger("test")
        )

    if is_refused:
        with pytest.raises(dg.Failure, match=f"run {parent} made it, and run"):
            read()
    else:
        assert read()["firm_topics"].is_written


def test_a_reader_outside_a_run_is_told_what_is_not_there(run: Callable[..., str], warehouse: Warehouse):
    with pytest.raises(WarehouseError, match="no warehouse at"):
        consistent(warehouse, QUARTER, READ)
    run("firm_topics")
    with pytest.raises(WarehouseError, match=f"theme_topics of {QUARTER} was never materialized"):
        consistent(warehouse, QUARTER, READ)
    with pytest.raises(WarehouseError, match=f"no quarter 2019Q4 in .*; it holds {QUARTER}"):
        consistent(warehouse, "2019Q4", READ)


def _rebuild(warehouse: Warehouse, n: int) -> None:
    """Replace the topics as a run of another quarter does that links this one again."""
    provenance = {"run_id": "of another quarter", "rebuilt": "an earlier quarter has changed"}
    rows = _topics(QUARTER, n)
    warehouse.replace("firm_topics", QUARTER, [rows], provenance=provenance)


def test_a_step_whose_input_was_rebuilt_meanwhile_reads_it_again(warehouse: Warehouse):
    attempts = []
    _rebuild(warehouse, 3)

    @dg.asset(name="theme_topics", partitions_def=QUARTERS)
    def slower(firm_topics: QuarterTable) -> Rows:
        rows = firm_topics.read()
        attempts.append(rows.num_rows)
        if len(attempts) == 1:
            _rebuild(warehouse, 5)
        return Rows.of(_members(rows, "theme_id"), firm_topics)

    result = dg.materialize(
        [slower, dg.AssetSpec("firm_topics", partitions_def=QUARTERS)],
        partition_key=QUARTER,
        resources={"io_manager": WarehouseIOManager(warehouse=warehouse)},
        raise_on_error=False,
    )
    assert result.success
    assert attempts == [3, 5]
    assert warehouse.read("theme_topics", QUARTER).num_rows == 5


def _half_rebuilt(warehouse: Warehouse, tables: tuple[str, ...] = TOPICS[1:]) -> None:
    """Make some tables of the topics again, as a run of another quarter does that is not through yet."""
    for name in tables:
        held = warehouse.provenance(name, QUARTER)
        made = {"run_id": "of another quarter", "inputs": {}, "together": held["together"], "rebuilt": "why"}
        warehouse.replace(name, QUARTER, [warehouse.read(name, QUARTER)], provenance=made)


@pytest.fixture
def brief_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ftm_assets.orchestration.inputs.WAIT_SECONDS", 0.1)


@pytest.mark.usefixtures("brief_waits")
def test_a_step_waits_while_a_run_of_another_quarter_is_between_two_tables_of_its_input(
    run: Callable[..., str], warehouse: Warehouse, capfd: pytest.CaptureFixture[str]
):
    run()
    _half_rebuilt(warehouse)
    rest = threading.Timer(0.5, _half_rebuilt, (warehouse, TOPICS[:1]))
    rest.start()
    assert run("sentiment_scores") == ""
    rest.join()
    assert "waiting for a run of another quarter" in capfd.readouterr().err
    assert [q.mixtures for q in status(warehouse)] == [[]]


@pytest.mark.usefixtures("brief_waits")
def test_tables_that_nobody_goes_on_to_rebuild_are_refused_in_the_end(
    run: Callable[..., str], warehouse: Warehouse, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr("ftm_assets.orchestration.inputs.WAITS", 3)
    run()
    _half_rebuilt(warehouse)
    problem = run("sentiment_scores")
    assert "belong to one step, but were not written by the same run" in problem
    assert "Materialize" in problem


def test_what_another_run_replaced_is_said_at_once_though_the_chain_has_moved_too(warehouse: Warehouse):
    """That the chain may come right does not bring this run's own rows back."""
    warehouse.replace("firm_topics", "2019Q4", [_topics("2019Q4", 2)])
    there = {"firm_topics@2019Q4": warehouse.quarter("firm_topics", "2019Q4").provenance()}
    for run_id, n in (("mine", 3), ("other", 5)):
        made = {"run_id": run_id, "inputs": there}
        warehouse.replace("firm_topics", QUARTER, [_topics(QUARTER, n)], provenance=made)
    warehouse.replace("firm_topics", "2019Q4", [_topics("2019Q4", 4)])
    with pytest.raises(dg.Failure, match="another run replaced firm_topics"):
        pinned_inputs(
            warehouse,
            warehouse.pin(),
            QUARTER,
            ["firm_topics"],
            run=dg.DagsterRun("job", run_id="mine"),
            log=logging.getLogger(),
            is_chain_judged=False,
        )


def _read_beside_a_writer_of(
    warehouse: Warehouse, other: str, writes: int
) -> tuple[dg.ExecuteInProcessResult, list[int]]:
    """Read the topics of this and another quarter while a run of that one replaces them this often."""
    attempts: list[int] = []
    warehouse.replace("firm_topics", QUARTER, [_topics(QUARTER, 3)])

    @dg.asset(name="theme_topics", partitions_def=QUARTERS)
    def slower(firm_topics: QuarterTable) -> Rows:
        there = warehouse.quarter("firm_topics", other)
        attempts.append(there.read().num_rows)
        if len(attempts) <= writes:
            made = {"run_id": f"of {other}"}
            warehouse.replace("firm_topics", other, [_topics(other, len(attempts))], provenance=made)
        return Rows.of(_members(firm_topics.read(), "theme_id"), firm_topics, there)

    result = dg.materialize(
        [slower, dg.AssetSpec("firm_topics", partitions_def=QUARTERS)],
        partition_key=QUARTER,
        resources={"io_manager": WarehouseIOManager(warehouse=warehouse)},
        raise_on_error=False,
    )
    return result, attempts


@pytest.mark.parametrize("other", ["2019Q4", "2020Q2"])
def test_runs_of_other_quarters_do_not_exclude_each_other(warehouse: Warehouse, other: str):
    """As in a backfill of two quarters at once, one of which looks back at the other."""
    result, attempts = _read_beside_a_writer_of(warehouse, other, writes=2)
    assert result.success
    assert attempts == [0, 1, 2], "first it was not there, then it was made, then made again"
    assert f"firm_topics@{other}" in warehouse.provenance("theme_topics", QUARTER)["inputs"]
    assert warehouse.pin().mixtures(QUARTER, ["theme_topics"]) == []


def test_an_input_of_another_quarter_that_never_stands_still_is_named(warehouse: Warehouse):
    result, attempts = _read_beside_a_writer_of(warehouse, "2019Q4", writes=REREADS + 1)
    assert not result.success
    assert len(attempts) == REREADS + 1
    (failed,) = [e.step_failure_data for e in result.all_events if e.is_step_failure]
    assert "Run of 2019Q4 replaced firm_topics@2019Q4" in failed.user_failure_data.description
    assert not warehouse.quarter("theme_topics", QUARTER).is_written


def test_rows_that_were_rebuilt_after_this_run_made_them_are_still_its_own(warehouse: Warehouse):
    @dg.asset(name="firm_topics", partitions_def=QUARTERS)
    def made(context: dg.AssetExecutionContext) -> Rows:
        return Rows.of(_topics(context.partition_key, 3))

    @dg.asset(name="theme_topics", partitions_def=QUARTERS, deps=[made])
    def between() -> Rows:
        _rebuild(warehouse, 5)
        return Rows.of(_members(_topics(QUARTER, 3), "theme_id"))

    @dg.asset(name="sentiment_scores", partitions_def=QUARTERS, deps=[between])
    def after(firm_topics: QuarterTable) -> Rows:
        assert firm_topics.read().num_rows == 5
        return Rows.of(TABLES["sentiment_scores"].empty(), firm_topics)

    resources = {"warehouse": warehouse, "io_manager": WarehouseIOManager(warehouse=warehouse)}
    result = dg.materialize(
        [made, between, after], partition_key=QUARTER, resources=resources, raise_on_error=False
    )
    assert result.success


def test_an_input_of_another_quarter_is_recorded_by_its_quarter_and_compared(warehouse: Warehouse):
    earlier, never = "2019Q4", "2019Q3"
    warehouse.replace("firm_topics", earlier, [_topics(earlier, 2)])
    warehouse.replace("firm_topics", QUARTER, [_topics(QUARTER, 3)])

    @dg.asset(name="theme_topics", partitions_def=QUARTERS)
    def over_time(firm_topics: QuarterTable) -> Rows:
        others = [warehouse.quarter("firm_topics", q) for q in (earlier, never)]
        return Rows.of(_members(firm_topics.read(), "theme_id"), firm_topics, *others)

    dg.materialize(
        [over_time, dg.AssetSpec("firm_topics", partitions_def=QUARTERS)],
        partition_key=QUARTER,
        resources={"io_manager": WarehouseIOManager(warehouse=warehouse)},
    )
    inputs = warehouse.provenance("theme_topics", QUARTER)["inputs"]
    assert set(inputs) == {"firm_topics", "firm_topics@2019Q4", "firm_topics@2019Q3"}

    def mixed() -> list[str]:
        return [str(m) for m in warehouse.pin().mixtures(QUARTER, ["theme_topics"])]

    assert mixed() == []
    warehouse.replace("firm_topics", never, [_topics(never, 1)])
    assert mixed() == ["theme_topics was made before firm_topics@2019Q3 existed"]
    with pytest.warns(MixedGenerationsWarning, match="firm_topics@2019Q3 existed"):
        warehouse.connect(quarter=QUARTER)
