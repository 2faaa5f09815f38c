"""Two small quarters from the stacks' outputs to tables on S3 and in Glue, as tasks of a local ECS, named by a model.

Each run is launched as the daemon would launch it, from the task definition and with the environment of the stack. Its
steps execute in its process, because a process for each would take minutes; test_ecs_requests.py has steps as tasks.
The model answers only while its service wants a server: the sensor starts it and stops it.
"""

import json
import re
import shutil
import time
from collections.abc import Iterator
from typing import Any

import dagster as dg
import pytest
from dagster._core.code_pointer import ModuleCodePointer
from dagster._core.definitions.reconstruct import ReconstructableRepository
from dagster._core.launcher.base import LaunchRunContext

from ftm_assets.definitions import QUARTER_JOB
from ftm_assets.orchestration import service_time
from ftm_assets.orchestration.model_services import NAME, model_services_sensor
from ftm_resources.endpoint.ecs_service import ModelServices
from ftm_resources.sources.configured import ConfiguredSource
from ftm_resources.tables import QUARTERLY
from ftm_resources.warehouse import Warehouse
from tests.integration.conftest import MAY_BE_EMPTY, QUICK, Deployment, failures
from tests.scripted_llm import Reply, ScriptedLlm

from .conftest import REPOSITORY, LocalAws

pytestmark = pytest.mark.integration
FIRMS = 4
CONFIG = {"themes": {"config": {"min_firms": 2}}}  # four firms are fewer than a theme asks for
QUARTERS = ("2023Q1", "2023Q2")
AS_FAR_AS_THEMES = (
    *(
        "transcripts",
        "transcript_audit",
        "firm_attributes",
        "sentences",
        "sentence_embeddings",
        "sentence_kinds",
    ),
    *("firm_topics", "sentence_topics", "firm_status", "topic_summaries", "topic_naming_audit"),
    *("themes", "theme_topics", "theme_naming_audit"),
)
DEADLINE_SECONDS = 1800
IDLE_SECONDS = 2.0


class Daemon:
    """The parts of Dagster's daemon that this needs: it launches runs and evaluates the sensor."""

    def __init__(self, instance: dg.DagsterInstance) -> None:
        self.instance, self.cursor, self.said = instance, None, []
        pointer = ModuleCodePointer("ftm_assets.definitions", "defs", str(REPOSITORY))
        self._job = ReconstructableRepository(pointer).get_reconstructable_job(QUARTER_JOB)

    def create(self, quarter: str, assets: frozenset[dg.AssetKey] | None = None) -> dg.DagsterRun:
        job = self._job.get_definition()
        return self.instance.create_run_for_job(
            job.get_subset(asset_selection=assets) if assets else job,
            asset_selection=assets,
            run_config={"ops": CONFIG},
            tags={"dagster/partition": quarter},
            job_code_origin=self._job.get_python_origin(),
        )

    def launch(self, quarter: str, assets: frozenset[dg.AssetKey] | None = None) -> str:
        run = self.create(quarter, assets)
        self.instance.run_launcher.launch_run(LaunchRunContext(run, workspace=None))
        return run.run_id

    def look(self) -> str:
        """Evaluate the sensor once."""
        services = ModelServices(idle_seconds=IDLE_SECONDS)
        context = dg.build_sensor_context(self.instance, cursor=self.cursor, resources={NAME: services})
        self.said.append(str(model_services_sensor(context).skip_message))
        self.cursor = context.cursor
        return self.said[-1]

    def look_until_stopped(self) -> None:
        end = time.monotonic() + 60
        while not re.search("stopped|not running", self.look()):
            assert time.monotonic() < end, self.said
            time.sleep(0.5)

    def begun(self, run_id: str, step: str) -> bool:
        starts = self.instance.all_logs(run_id, of_type=dg.DagsterEventType.STEP_START)
        return any(str(e.step_key).startswith(step) for e in starts)

    def run(self, run_id: str) -> dg.DagsterRun:
        found = self.instance.get_run_by_id(run_id)
        assert found
        return found


@pytest.fixture(scope="module")
def llm(aws: LocalAws, quick_model: str) -> Iterator[ScriptedLlm]:
    """What answers at LLM_BASE_URL, while the service has a server."""
    server = ScriptedLlm()
    models = server.models

    def listed(asked: int) -> Reply:
        return models(asked) if aws.desired("ftm-vllm") else Reply.error(503)

    server.models = listed
    with pytest.MonkeyPatch.context() as patch:
        settings = {
            "LLM_BASE_URL": server.url,  # in the network of the stack, vllm.ftm.internal
            "LLM_MODEL": "test-model",
            "FTM_SAMPLE_FIRMS": str(FIRMS),
            "FTM_SENTIMENT_MODEL": QUICK.model,
            "FTM_EMBEDDING_MODEL": quick_model,
        }
        # What is asked of ECS is recorded; files and catalog take the shorter way.
        settings |= {f"AWS_ENDPOINT_URL_{service}": aws.direct_url for service in ("S3", "GLUE")}
        aws.environment |= {**settings, "FTM_EXECUTOR": "in_process"}
        for name, value in {**settings, "FTM_WAREHOUSE": aws.account.outputs["storage"]["Warehouse"]}.items():
            patch.setenv(name, str(value))
        yield server
    server.close()


@pytest.fixture(scope="module")
def daemon(aws: LocalAws, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Daemon]:
    home = tmp_path_factory.mktemp("dagster")
    shutil.copy(REPOSITORY / "infra" / "dagster" / "aws.yaml", home / "dagster.yaml")
    aws.environment["DAGSTER_HOME"] = str(home)
    aws.run_tasks = True
    with dg.DagsterInstance.from_config(str(home)) as instance:
        yield Daemon(instance)


def test_a_run_that_dies_leaves_no_server_behind(aws: LocalAws, daemon: Daemon):
    """It is at its topics when its task is gone; the daemon's monitoring marks it as failed."""
    run = daemon.create("2023Q3")
    daemon.instance.report_dagster_event(dg.DagsterEvent("PIPELINE_START", QUARTER_JOB), run.run_id)
    begun = dg.DagsterEvent("STEP_START", QUARTER_JOB, step_key="firm_topics.firm_topics_plan")
    daemon.instance.report_dagster_event(begun, run.run_id)
    assert "started" in daemon.look()
    assert aws.desired("ftm-vllm") == 1
    daemon.instance.report_run_failed(daemon.run(run.run_id), "the task is gone")
    daemon.look_until_stopped()
    assert [r["desiredCount"] for r in aws.requests("UpdateService")] == [1, 0]
    assert aws.desired("ftm-vllm") == 0


@pytest.fixture(scope="module")
def backfill(aws: LocalAws, daemon: Daemon, llm: ScriptedLlm) -> list[str]:
    """Both quarters, overlapping: the second is launched when the first is at its topics. The ids of the runs.

    The second is made as far as its themes, all that a server is needed for: the rest of it would take half a minute.
    """
    assert llm.bodies == []
    aws.asked.clear()
    launched = [daemon.launch(QUARTERS[0])]
    end = time.monotonic() + DEADLINE_SECONDS
    while not (len(launched) == 2 and all(daemon.run(r).is_finished for r in launched)):
        daemon.look()
        if len(launched) == 1 and daemon.begun(launched[0], "firm_topics"):
            launched.append(daemon.launch(QUARTERS[1], frozenset(map(dg.AssetKey, AS_FAR_AS_THEMES))))
        assert time.monotonic() < end, daemon.said[-5:]
        time.sleep(2)
    for run_id in launched:
        failed = daemon.instance.all_logs(run_id, of_type=dg.DagsterEventType.STEP_FAILURE)
        said = [str(e.dagster_event.step_failure_data.error) for e in failed if e.dagster_event]
        assert daemon.run(run_id).status == dg.DagsterRunStatus.SUCCESS, said
    daemon.look_until_stopped()
    return launched


@pytest.fixture(scope="module")
def warehouse(backfill: list[str]) -> Warehouse:
    assert backfill
    return Warehouse()


def test_both_quarters_are_made_on_s3(warehouse: Warehouse):
    assert warehouse.root.startswith("s3://ftm-warehouse-")
    for quarter, tables in zip(QUARTERS, (QUARTERLY, AS_FAR_AS_THEMES), strict=True):
        empty = {t for t in tables if not warehouse.read(t, quarter).num_rows}
        assert empty <= MAY_BE_EMPTY


def test_each_run_was_a_task_of_the_stack_with_its_quarter_as_a_tag(aws: LocalAws, backfill: list[str]):
    asked = {
        tags["dagster/run_id"]: (r["taskDefinition"].rpartition("/")[2].partition(":")[0], tags)
        for r in aws.requests("RunTask")
        if "dagster/run_id" in (tags := {t["key"]: t["value"] for t in r.get("tags", [])})
    }
    for run_id, quarter in zip(backfill, QUARTERS, strict=True):
        family, tags = asked[run_id]
        assert family == "ftm-runs"
        assert (tags["project"], tags["quarter"], tags["stage"]) == ("ftm", quarter, "run")


def test_the_llm_was_started_once_and_stopped_after_the_last_quarter(
    aws: LocalAws, daemon: Daemon, backfill: list[str], llm: ScriptedLlm
):
    assert backfill
    told = [(r["cluster"], r["service"], r["desiredCount"]) for r in aws.requests("UpdateService")]
    print(json.dumps(aws.requests("UpdateService"), indent=2))  # noqa: T201 - what to show
    assert told[:2] == [("ftm", "ftm-vllm", 1), ("ftm", "ftm-vllm", 0)]
    assert aws.desired("ftm-vllm") == 0
    assert "started" in " ".join(daemon.said)
    assert llm.bodies, "a model named"


def test_the_costs_of_the_run_and_of_the_server_are_recorded(
    warehouse: Warehouse, daemon: Daemon, backfill: list[str]
):
    rows = warehouse.read("run_costs", QUARTERS[0]).to_pylist()
    assert {r["run_id"] for r in rows} == {backfill[0]}
    by_stage = {stage: [r for r in rows if r["stage"] == stage] for stage in {r["stage"] for r in rows}}
    (own,) = by_stage["run"]
    assert (own["market"], own["machine"], own["outcome"]) == ("fargate", "1 vCPU, 4 GB", "running")
    assert own["usd"] > 0
    assert {"themes", "topic_summaries", "checks"} <= set(by_stage)
    assert sum(r["tokens_in"] for r in by_stage["topic_summaries"]) > 0, "of the names that the model gave"
    (served,) = by_stage["llm_service"]
    assert served["seconds"] > 0
    assert (served["market"], served["usd"]) == ("unknown", None), (
        "moto gives a service no task, so no host is known"
    )
    # The daemon's sensor has the costs made once more after both runs; here, what it would write then.
    after = {k.what: k.seconds for k in service_time.kept(daemon.instance, backfill[0])}
    assert after["llm"] >= served["seconds"]


def test_the_rows_are_those_of_a_local_warehouse(
    aws: LocalAws, warehouse: Warehouse, tmp_path_factory: pytest.TempPathFactory
):
    sample = ConfiguredSource(kind="sample", sample_firms=FIRMS)
    local = Deployment(tmp_path_factory.mktemp("local"), sample, sentiment=QUICK)
    aws.set_desired("ftm-vllm", 1)
    result = local.run(QUARTERS[0], config=CONFIG)
    aws.set_desired("ftm-vllm", 0)
    assert result.success, failures(result)
    assert result.get_asset_check_evaluations()
    for table in QUARTERLY:
        there = warehouse.quarter(table, QUARTERS[0]).content
        assert there == local.warehouse.quarter(table, QUARTERS[0]).content, table


def test_the_tables_are_in_glue_and_nothing_is_left_in_staging(aws: LocalAws, warehouse: Warehouse):
    import boto3

    assert warehouse.exists()
    listed = boto3.client("glue").get_tables(DatabaseName="ftm")["TableList"]
    assert {t["Name"] for t in listed} == {*QUARTERLY, "run_costs"}
    bucket = aws.account.outputs["storage"]["WarehouseBucket"]
    objects = boto3.client("s3").list_objects_v2(Bucket=bucket, Prefix="warehouse/staging/")
    assert [o["Key"] for o in objects.get("Contents", []) if o["Size"]] == []


def test_a_researcher_reads_them_with_duckdb(warehouse: Warehouse):
    connection = warehouse.connect()
    sql = """
        SELECT quarter, count(*) FROM theme_topics JOIN sentence_topics USING (quarter, topic_id)
        JOIN sentences USING (quarter, sentence_id) GROUP BY quarter ORDER BY quarter
    """
    read: list[tuple[Any, ...]] = connection.execute(sql).fetchall()
    assert [quarter for quarter, n in read if n] == list(QUARTERS)
