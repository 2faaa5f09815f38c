"""A small chunked asset in a process of its own: `python fanned_out.py run|retry`.

FOLDER, from FANNED_OUT, holds its warehouse and what the test and the asset say to each other. The asset writes to
`calls` its process and the firms that it works on. A file `fails` names a firm at which the disk is gone, `fills`
one whose work leaves the disk full, `odd` the firms that fail alone, `pause` the seconds that a group takes.
Prints whether the run succeeded; `retry` re-executes the newest run from failure.
"""

import contextlib
import os
import sys
import time
from collections.abc import Mapping
from pathlib import Path

import dagster as dg
import pyarrow as pa

from ftm_assets.orchestration.execution.executors import ftm_executor
from ftm_assets.orchestration.fan_out import FanOut, FanOutConfig, Task
from ftm_assets.orchestration.io_manager import WarehouseIOManager
from ftm_assets.orchestration.partitions import QUARTERS
from ftm_resources.warehouse import Warehouse

QUARTER = "2020Q1"
FIRMS = [f"{i:03d}" for i in range(24)]
SPLIT = {"chunk_firms": 8, "flush_firms": 2}
FOLDER = Path(os.environ.get("FANNED_OUT", "."))


def sentences() -> pa.Table:
    """Return a sentence per firm."""
    n = len(FIRMS)
    columns: dict[str, object] = {
        "sentence_id": [f"{QUARTER}:{f}:000" for f in FIRMS],
        "position": pa.array([0] * n, pa.int32()),
        "section": ["presentation"] * n,
        "speaker_type": ["executive"] * n,
        "text": [f"Firm {f} speaks." for f in FIRMS],
    }
    return pa.table(columns | dict.fromkeys(("firm_id", "transcript_id", "component_id"), FIRMS))


def said(file: str, default: str = "") -> str:
    """Return what the test has written to a file."""
    path = FOLDER / file
    return path.read_text() if path.exists() else default


def fill() -> None:
    """Leave no space on the disk of FOLDER."""
    with contextlib.suppress(OSError), (FOLDER / "ballast").open("wb", buffering=0) as file:
        while True:
            file.write(bytes(4096))


def work(task: Task) -> Mapping[str, pa.Table]:
    """Score every sentence as neutral."""
    if said("fails") in task.firms:
        raise OSError("the disk is gone")
    if odd := set(said("odd").split()) & set(task.firms):
        raise ValueError(f"{min(odd)} is odd")
    with (FOLDER / "calls").open("a") as calls:
        calls.write(f"{os.getpid()} {' '.join(task.firms)}\n")
    time.sleep(float(said("pause", "0")))
    if said("fills") in task.firms:
        fill()
    ids = task.read("sentences", ["sentence_id"]).column("sentence_id")
    columns = {"sentence_id": ids, "label": ["neutral"] * len(ids), "model": ["test"] * len(ids)}
    scores = {f"p_{c}": [1 / 3] * len(ids) for c in ("positive", "neutral", "negative")}
    return {"sentence_sentiment": pa.table(columns | scores)}


def job() -> dg.JobDefinition:
    """Return the job that makes the asset, with the executor of FTM_EXECUTOR."""
    warehouse = Warehouse(path=str(FOLDER / "warehouse"))
    fan_out = FanOut(
        name="sentence_sentiment",
        tables=["sentence_sentiment"],
        inputs=["sentences"],
        config=FanOutConfig,
        code_version="1",
        work=work,
    )
    definitions = dg.Definitions(
        assets=[fan_out.build(), dg.AssetSpec("sentences", partitions_def=QUARTERS)],
        jobs=[dg.define_asset_job("job", ["sentence_sentiment"])],
        resources={"warehouse": warehouse, "io_manager": WarehouseIOManager(warehouse=warehouse)},
        executor=ftm_executor,
    )
    return definitions.resolve_job_def("job")


def main() -> None:
    """Run the job, or re-execute its newest run from failure."""
    instance = dg.DagsterInstance.get()
    options = None
    if sys.argv[1] == "retry":
        (newest,) = instance.get_runs(limit=1)
        if not newest.is_finished:
            instance.report_run_failed(newest, "its process is gone")  # as run monitoring does
        options = dg.ReexecutionOptions.from_failure(newest.run_id, instance)
    result = dg.execute_job(
        dg.reconstructable(job),
        instance=instance,
        reexecution_options=options,
        run_config={"ops": {"sentence_sentiment": {"config": SPLIT}}},
        tags={"dagster/partition": QUARTER},
    )
    print("success" if result.success else "failure")  # noqa: T201 - what the test reads


if __name__ == "__main__":
    main()
