"""Plan → chunks → commit on a small asset of its own, in a real Dagster instance and a real warehouse."""

import os
import time
from collections import Counter
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import dagster as dg
import pyarrow as pa
import pytest

from ftm_assets.assets.warehouse_maintenance import warehouse_maintenance
from ftm_assets.orchestration.fan_out import FanOut, FanOutConfig, Task, failures_allowed
from ftm_assets.orchestration.io_manager import WarehouseIOManager
from ftm_assets.orchestration.partitions import QUARTERS
from ftm_resources.warehouse import Warehouse
from ftm_resources.warehouse.parts import FOLDER

QUARTER = "2020Q1"


class Config(FanOutConfig):
    label: str = "neutral"


def sentences(firms: list[str]) -> pa.Table:
    n = len(firms)
    return pa.table(
        {
            "sentence_id": [f"{QUARTER}:{f}:000" for f in firms],
            "firm_id": firms,
            "transcript_id": firms,
            "component_id": firms,
            "position": pa.array([0] * n, pa.int32()),
            "section": ["presentation"] * n,
            "speaker_type": ["executive"] * n,
            "text": [f"Firm {f} speaks." for f in firms],
        }
    )


def scored(task: Task) -> Mapping[str, pa.Table]:
    ids = task.read("sentences", ["sentence_id"]).column("sentence_id")
    n = len(ids)
    columns = {"sentence_id": ids, "label": [task.config.label] * n, "model": ["test"] * n}
    return {
        "sentence_sentiment": pa.table(
            columns | {f"p_{c}": [1 / 3] * n for c in ("positive", "neutral", "negative")}
        )
    }


class Runner:
    """Runs the chunked asset against one instance and one warehouse."""

    def __init__(self, root: Path) -> None:
        self.warehouse = Warehouse(path=str(root / "warehouse"))
        (root / "dagster").mkdir()
        self.instance = dg.DagsterInstance.local_temp(str(root / "dagster"))
        self.calls: list[tuple[str, ...]] = []

    def run(
        self,
        work: Callable[[Task], Mapping[str, pa.Table]] = scored,
        *,
        code_version: str = "1",
        identity: Callable[[Any], Mapping[str, Any]] = lambda _: {},
        fields: Mapping[str, Any] | None = None,
        **config: object,
    ) -> dg.ExecuteInProcessResult:
        def counted(task: Task) -> Mapping[str, pa.Table]:
            self.calls.append(task.firms)
            return work(task)

        fan_out = FanOut(
            name="sentence_sentiment",
            tables=["sentence_sentiment"],
            inputs=["sentences"],
            config=Config,
            code_version=code_version,
            work=counted,
            identity=identity,
            **(fields or {}),
        )
        return dg.materialize(
            [fan_out.build(), dg.AssetSpec("sentences", partitions_def=QUARTERS)],
            resources={
                "warehouse": self.warehouse,
                "io_manager": WarehouseIOManager(warehouse=self.warehouse),
            },
            partition_key=QUARTER,
            instance=self.instance,
            run_config={"ops": {"sentence_sentiment": {"config": config}}},
            raise_on_error=False,
        )

    def rows(self) -> list[str]:
        written = self.warehouse.quarter("sentence_sentiment", QUARTER)
        return written.read(["sentence_id"]).column("sentence_id").to_pylist()


@pytest.fixture
def firms() -> list[str]:
    return [f"{i:03d}" for i in range(25)]


@pytest.fixture
def runner(tmp_path: Path, firms: list[str]) -> Runner:
    runner = Runner(tmp_path)
    runner.warehouse.replace("sentences", QUARTER, [sentences(firms)])
    return runner


def failure(result: dg.ExecuteInProcessResult) -> str:
    events = [e for e in result.all_events if e.event_type == dg.DagsterEventType.STEP_FAILURE]
    return str(events[0].step_failure_data.error)


def test_every_firm_of_every_chunk_arrives_in_order(runner: Runner, firms: list[str]):
    result = runner.run(chunk_firms=10, flush_firms=4)
    assert result.success
    assert runner.rows() == [f"{QUARTER}:{f}:000" for f in firms]
    assert [len(c) for c in runner.calls] == [4, 4, 2, 4, 4, 2, 4, 1]


def test_a_chunk_at_work_writes_to_the_event_log(runner: Runner, monkeypatch: pytest.MonkeyPatch):
    """Otherwise the server that it uses is stopped in the middle (`model_services`)."""
    monkeypatch.setattr("ftm_resources.progress.TOLD_EVERY", 0.0)
    result = runner.run(chunk_firms=10, flush_firms=5)
    said = [e.user_message for e in runner.instance.all_logs(result.run_id)]
    done = [m.partition("chunk ")[2] for m in said if "firms of chunk" in m]
    assert done == ["0: 5 done", "0: 10 done", "1: 5 done", "1: 10 done", "2: 5 done"]


def test_staging_is_gone_after_the_commit(runner: Runner):
    runner.run(chunk_firms=10)
    assert not list((Path(runner.warehouse.root) / FOLDER).rglob("*.parquet"))


def test_a_quarter_without_firms_commits_an_empty_table(runner: Runner):
    runner.warehouse.replace("sentences", QUARTER, [])
    assert runner.run().success
    assert runner.rows() == []


def test_a_failed_run_goes_on_behind_the_last_part(runner: Runner):
    def dies_at_015(task: Task) -> Mapping[str, pa.Table]:
        if "015" in task.firms:
            raise OSError("the disk is gone")
        return scored(task)

    assert not runner.run(dies_at_015, chunk_firms=10, flush_firms=5).success
    done = len(runner.calls)
    assert runner.run(chunk_firms=10, flush_firms=5).success
    assert [c[0] for c in runner.calls[done:]] == ["015"], "only what was not flushed is computed again"
    assert len(runner.rows()) == 25


@pytest.mark.parametrize("change", [{"label": "positive"}, {"code_version": "2"}])
def test_another_config_or_code_version_starts_afresh(runner: Runner, change: dict[str, str]):
    def dies(task: Task) -> Mapping[str, pa.Table]:
        if "020" in task.firms:
            raise OSError("the disk is gone")
        return scored(task)

    runner.run(dies, flush_firms=5)
    done = len(runner.calls)
    assert runner.run(flush_firms=5, **change).success
    assert len(runner.calls) - done == 5


def test_a_chunk_that_would_compute_otherwise_than_planned_is_refused(runner: Runner):
    """Steps of one run may land on processors of two kinds: their vectors must not mix."""
    precisions = iter(["bfloat16", "float32"])
    result = runner.run(identity=lambda _: {"embedder": {"precision": next(precisions)}})
    assert not result.success
    assert "planned with" in failure(result)
    assert "FTM_EMBEDDING_PRECISION" in failure(result)
    assert runner.calls == []


def test_one_firm_that_raises_costs_the_others_nothing(runner: Runner):
    def raises_for_007(task: Task) -> Mapping[str, pa.Table]:
        if "007" in task.firms:
            raise ValueError("007 is odd")
        return scored(task)

    result = runner.run(raises_for_007, flush_firms=5, max_failed_share=0.05)
    assert result.success
    assert len(runner.rows()) == 24
    metadata = result.asset_materializations_for_node("sentence_sentiment")[0].metadata
    assert metadata["firms_failed"].value == 1
    assert metadata["failures"].value == {"007": "ValueError: 007 is odd"}


def test_more_failed_firms_than_allowed_fail_the_asset_and_leave_the_old_table(runner: Runner):
    runner.run()

    def raises_for_two(task: Task) -> Mapping[str, pa.Table]:
        if {"007", "008"} & set(task.firms):
            raise ValueError("odd")
        return scored(task)

    result = runner.run(raises_for_two, code_version="2", flush_firms=5, max_failed_share=0.05)
    assert not result.success
    assert "2 of 25 firms failed, more than the 1 that max_failed_share=0.05 allows" in failure(result)
    assert len(runner.rows()) == 25


def test_after_a_refused_commit_the_next_run_computes_the_parts_with_failures_again(
    runner: Runner, firms: list[str]
):
    def raises_for(*odd: str, why: str) -> Callable[[Task], Mapping[str, pa.Table]]:
        def work(task: Task) -> Mapping[str, pa.Table]:
            if set(odd) & set(task.firms):
                raise ValueError(why)
            return scored(task)

        return work

    refused = runner.run(raises_for("007", "008", why="no connection"), flush_firms=5)
    assert "2 of 25 firms failed" in failure(refused)
    again = runner.run(raises_for(*firms, why="out of memory"), flush_firms=5)
    assert "5 of 25 firms failed" in failure(again), "the four healthy parts are reused, the fifth is not"
    assert "out of memory" in failure(again)
    assert "no connection" not in failure(again)
    done = len(runner.calls)
    mended = runner.run(flush_firms=5)
    assert mended.success
    assert runner.calls[done:] == [("005", "006", "007", "008", "009")]
    assert runner.rows() == [f"{QUARTER}:{f}:000" for f in firms]
    metadata = mended.asset_materializations_for_node("sentence_sentiment")[0].metadata
    assert metadata["firms_failed"].value == 0
    assert metadata["firms_reused"].value == 20


@pytest.mark.parametrize(("pooled", "n"), [(max, 10), (sum, 25)])
def test_the_counts_of_chunks_become_one(runner: Runner, pooled: Callable[[Any], int], n: int):
    def work(task: Task) -> Mapping[str, pa.Table]:
        task.prepared["seen"] += len(task.firms)
        return scored(task)

    fields = {"prepare": lambda _: Counter(), "counts": lambda counter: counter, "pooled": pooled}
    result = runner.run(work, chunk_firms=10, flush_firms=4, fields=fields)
    assert result.success
    assert result.asset_materializations_for_node("sentence_sentiment")[0].metadata["seen"].value == n


def test_a_run_commits_its_own_failures_whatever_another_run_of_the_plan_writes_meanwhile(runner: Runner):
    def raises_for_007(task: Task) -> Mapping[str, pa.Table]:
        if "007" in task.firms:
            raise ValueError("007 is odd")
        return scored(task)

    def overtaken(task: Task) -> Mapping[str, pa.Table]:
        if "020" in task.firms:  # the last group: another run computes all of them first, and stops
            for firm in ("007", "008"):
                runner.run(fails(firm), flush_firms=5)
        return raises_for_007(task)

    def fails(odd: str) -> Callable[[Task], Mapping[str, pa.Table]]:
        def work(task: Task) -> Mapping[str, pa.Table]:
            if "020" in task.firms:
                raise OSError("the disk is gone")
            if odd in task.firms:
                raise ValueError(f"{odd} of another run")
            return scored(task)

        return work

    result = runner.run(overtaken, flush_firms=5)
    assert result.success
    metadata = result.asset_materializations_for_node("sentence_sentiment")[0].metadata
    assert metadata["failures"].value == {"007": "ValueError: 007 is odd"}
    assert len(runner.rows()) == 24


@pytest.mark.parametrize(
    ("n_firms", "share", "allowed"),
    [(0, 0.01, 0), (1, 0.01, 0), (2, 0.01, 1), (99, 0.01, 1), (100, 0.01, 1), (250, 0.01, 2), (50, 0.0, 0),
     (100, 0.29, 29), (1, 1.0, 1), (7, 1.0, 7)],
)  # fmt: skip
def test_a_share_of_the_firms_may_fail_and_of_few_firms_one(n_firms: int, share: float, allowed: int):
    assert failures_allowed(n_firms, share) == allowed


def test_one_failed_firm_does_not_stop_a_small_quarter(runner: Runner):
    def raises_for_007(task: Task) -> Mapping[str, pa.Table]:
        if "007" in task.firms:
            raise ValueError("007 is odd")
        return scored(task)

    assert runner.run(raises_for_007, flush_firms=5).success
    assert not runner.run(raises_for_007, flush_firms=5, max_failed_share=0.0, code_version="2").success


def test_every_field_of_how_it_is_split_is_seen_in_how_it_runs(runner: Runner):
    """Those of `label` and `code_version` are science; a new field needs its example here."""

    def seen(**config: object) -> tuple[int, list[int], bool]:
        runner.calls.clear()
        result = runner.run(raises_for_007, code_version=str(config), **config)
        chunks = [e for e in result.all_events if e.is_step_success and "_chunk[" in (e.step_key or "")]
        return len(chunks), [len(c) for c in runner.calls if len(c) > 1], result.success

    def raises_for_007(task: Task) -> Mapping[str, pa.Table]:
        if "007" in task.firms:
            raise ValueError("007 is odd")
        return scored(task)

    examples = {
        "chunk_firms": (10, (3, [10, 10, 5], True)),
        "flush_firms": (20, (1, [20, 5], True)),
        "max_failed_share": (0.0, (1, [25], False)),
    }
    assert set(examples) == set(FanOutConfig.model_fields)
    assert seen() == (1, [25], True)
    for field, (value, expected) in examples.items():
        assert seen(**{field: value}) == expected, field


def test_the_config_is_recorded_with_the_quarter(runner: Runner):
    runner.run(flush_firms=5, max_failed_share=0.05)
    recorded = runner.warehouse.provenance("sentence_sentiment", QUARTER)["config"]
    assert (recorded["flush_firms"], recorded["max_failed_share"]) == (5, 0.05)


@pytest.mark.parametrize("damage", ["truncate", "delete", "flip"])
def test_a_corrupt_part_is_ignored_counted_and_computed_again(runner: Runner, damage: str):
    def dies(task: Task) -> Mapping[str, pa.Table]:
        if "020" in task.firms:
            raise OSError("the disk is gone")
        return scored(task)

    runner.run(dies, flush_firms=5)
    part = sorted((Path(runner.warehouse.root) / FOLDER).rglob("*.parquet"))[0]
    content = part.read_bytes()
    if damage == "delete":
        part.unlink()
    else:
        part.write_bytes(content[:50] if damage == "truncate" else content[:50] + b"\0\0" + content[52:])
    result = runner.run(flush_firms=5)
    assert result.success
    metadata = result.asset_materializations_for_node("sentence_sentiment")[0].metadata
    assert metadata["parts_ignored"].value == 1
    assert metadata["firms_reused"].value == 15
    assert len(runner.rows()) == 25


def test_a_part_that_vanishes_before_the_commit_is_a_loud_failure(runner: Runner):
    def work(task: Task) -> Mapping[str, pa.Table]:
        if "020" in task.firms:  # the last group: take away an earlier one behind the step's back
            sorted((Path(runner.warehouse.root) / FOLDER).rglob("*.json"))[0].unlink()
        return scored(task)

    result = runner.run(work, flush_firms=5)
    assert not result.success
    assert "5 planned firms are in no part" in failure(result)
    assert runner.warehouse.quarters("sentence_sentiment") == []


def test_a_damaged_input_file_ends_the_step_by_name_and_costs_no_firm(runner: Runner):
    (uri,) = runner.warehouse.data_files("sentences")
    path = Path(uri.removeprefix("file://"))
    whole = path.read_bytes()

    def cut_short(task: Task) -> Mapping[str, pa.Table]:
        path.write_bytes(whole[:100])
        return scored(task)

    result = runner.run(cut_short, max_failed_share=1)
    assert not result.success
    assert f"data file {uri} has 100 bytes, but {len(whole)} were written" in failure(result)
    path.write_bytes(whole)
    assert runner.run().success
    assert len(runner.rows()) == 25


def test_maintenance_in_the_middle_of_a_resumed_run_takes_nothing_that_the_run_needs(
    tmp_path: Path, firms: list[str], monkeypatch: pytest.MonkeyPatch
):
    """Its parts and its input are two months old, and the input is replaced while it runs."""
    runner = Runner(tmp_path)
    root, long_ago = Path(runner.warehouse.root), time.time() - 60 * 86400
    with monkeypatch.context() as clock:
        clock.setattr(time, "time", lambda: long_ago)
        runner.warehouse.replace("sentences", QUARTER, [sentences(firms)])

    def dies(task: Task) -> Mapping[str, pa.Table]:
        if "020" in task.firms:
            raise OSError("the disk is gone")
        return scored(task)

    assert not runner.run(dies, flush_firms=5).success
    abandoned = root / FOLDER / "firm_topics" / QUARTER / "plan" / "part.parquet"
    abandoned.parent.mkdir(parents=True)
    abandoned.touch()
    for path in root.rglob("*"):
        os.utime(path, (long_ago, long_ago))

    def maintained(task: Task) -> Mapping[str, pa.Table]:
        runner.warehouse.replace("sentences", QUARTER, [sentences(firms)])  # other rows would end the run
        strictest = {"keep_days": 1, "keep_last": 1, "grace_days": 1 / 24}
        done = dg.materialize(
            [warehouse_maintenance],
            resources={"warehouse": runner.warehouse},
            instance=runner.instance,
            run_config={"ops": {warehouse_maintenance.op.name: {"config": strictest}}},
        )
        (event,) = done.asset_materializations_for_node(warehouse_maintenance.op.name)
        assert event.metadata["oldest_unfinished_run"].value != "none"
        return scored(task)

    result = runner.run(maintained, flush_firms=5)
    assert result.success
    assert not abandoned.exists()
    assert [c[0] for c in runner.calls[5:]] == ["020"], "the old parts are reused"
    assert runner.rows() == [f"{QUARTER}:{f}:000" for f in firms], "of the input that was planned"
