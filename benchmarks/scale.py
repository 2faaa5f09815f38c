"""A generated quarter at increasing numbers of firms, stage by stage, run with the `dagster` command.

`python -m benchmarks.scale --firms 100 200 --out DIR` keeps a row per stage in DIR. A run that was killed resumes, if
started again with the same DIR, with the first stage that has no row.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import psutil

from benchmarks import word_vectors
from benchmarks.kept_results import Made, Results, here
from ftm_resources.warehouse.parts import FOLDER

START = "start"
"""No stage: loading the definitions, which every stage does."""
FLOORS = "floors"
"""No stage either: the row with the stages' floors (see `floors`)."""
STAGES = (
    *("transcripts", "sentences", "sentence_embeddings", "sentence_kinds"),
    *("firm_topics", "topic_summaries", "themes"),
)
"""From text to themes."""
AFTER = (
    *("sentence_sentiment", "theme_sentences", "sentiment_scores"),
    *("theme_sentiment", "firm_theme_sentiment", "quarter_report"),
)
"""Stages that follow, which are measured but not counted in the minutes from text to themes."""
STOOD_IN = ("sentence_embeddings", "topic_summaries", "sentence_sentiment")
"""Stages that run a model, which a quarter with stand-ins says nothing about: they take hours at 5,000 firms."""
QUARTER = "2023Q1"
_EVERY = 0.25
"""Seconds between memory samples."""


def run(
    firms: int,
    folder: Path,
    stages: Sequence[str] = (*STAGES, *AFTER),
    kills: Mapping[str, float] | None = None,
    keep: Callable[[dict[str, Any]], None] | None = None,
    before: Sequence[dict[str, Any]] = (),
    *,
    stand_ins: bool = False,
) -> list[dict[str, Any]]:
    """Materialize each stage of a quarter of generated firms; return seconds, CPU seconds and peak memory of each.

    Each row is handed to `keep` as soon as it is measured; `before` are rows of an earlier attempt. `START` and
    `FLOORS` may be among the stages.

    `seconds` covers the whole command, including its start (about 5 s). `peak_mib` is the largest sum of the memory of
    all its processes, in MiB, sampled every quarter of a second (see `memory_and_cpu`). `rows` and `files` count the
    rows and data files of the table's quarter afterwards. A stage in `kills` is killed with SIGKILL, with all its
    processes, after the given seconds and started again; its row covers both attempts.

    With `stand_ins`, word vectors embed and word lists score, which takes minutes: the stages of `STOOD_IN` then count
    for nothing, the others have as many rows of the same width. `stand_ins` of each row says so.
    """
    environment = os.environ | {
        "FTM_WAREHOUSE": str(folder / "warehouse"),
        "FTM_SAMPLE_FIRMS": str(firms),
        "FTM_SOURCE": "sample",
        "DAGSTER_HOME": str(folder / "home"),
        "DAGSTER_DISABLE_TELEMETRY": "1",
    }
    (folder / "home").mkdir(parents=True, exist_ok=True)
    if stand_ins:
        environment |= {"FTM_EMBEDDING_MODEL": str(folder / "words"), "FTM_SENTIMENT_MODEL": "word-lists"}
        if not (folder / "words").exists():
            word_vectors.save(folder / "words")
    found = []
    for number, stage in enumerate(stages, 1):
        print(f"{firms:,} firms, {stage} ({number} of {len(stages)}) …", flush=True)
        log = folder / f"{stage}.log"
        if stage == FLOORS:
            row = {
                "firms": firms,
                "stage": stage,
                "stand_ins": stand_ins,
                **_floors(folder, [*before, *found]),
            }
            found.append(row)
            if keep:
                keep(row)
            continue
        command = [
            *(sys.executable, "-m", "dagster", "asset", "materialize", "--select", stage),
            *("--partition", QUARTER, "-m", "ftm_assets.definitions"),
        ]
        if stage == START:
            command = [sys.executable, "-m", "dagster", "asset", "list", "-m", "ftm_assets.definitions"]
        kill_after = (kills or {}).get(stage)
        moments = [None] if kill_after is None else [kill_after, None]
        attempts = [_attempt(command, environment, log, after) for after in moments]
        if attempts[-1].status:
            raise RuntimeError(f"{stage} of {firms} firms failed; see {log}:\n{log.read_text()[-3000:]}")
        rows, files = _held(stage, environment)
        row = {
            "firms": firms,
            "stage": stage,
            "stand_ins": stand_ins,
            "seconds": round(sum(a.seconds for a in attempts), 1),
            "killed_after": kill_after,
            "cpu_seconds": round(sum(a.cpu_seconds for a in attempts), 1),
            "peak_mib": round(max(a.peak for a in attempts) / 2**20),
            "rows": rows,
            "files": files,
            "warehouse_mib": round(
                sum(f.stat().st_size for f in (folder / "warehouse").rglob("*") if f.is_file()) / 2**20
            ),
        }
        print(json.dumps(row), flush=True)
        found.append(row)
        if keep:
            keep(row)
    return found


def _floors(folder: Path, rows: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """Return the floor of each stage in CPU seconds, measured in a process of its own."""
    start = next((r["cpu_seconds"] for r in rows if r["stage"] == START), 0.0)
    command = [sys.executable, "-m", "benchmarks.floors", "--warehouse", str(folder / "warehouse")]
    done = subprocess.run(  # noqa: S603 - our own command
        [*command, "--start", str(start)], check=True, stdout=subprocess.PIPE, text=True
    )
    return {"floors": json.loads(done.stdout.splitlines()[-1])}


class _Attempt(NamedTuple):
    status: int
    seconds: float
    cpu_seconds: float
    peak: int


def _attempt(
    command: Sequence[str], environment: dict[str, str], log: Path, kill_after: float | None
) -> _Attempt:
    started, peak, used = time.perf_counter(), 0, 0.0
    with log.open("w") as out:
        process = psutil.Popen(command, env=environment, stdout=out, stderr=out)
        while process.poll() is None:
            memory, cpu = memory_and_cpu(process.pid)
            peak, used = max(peak, memory), max(used, cpu)
            if kill_after and time.perf_counter() - started > kill_after:
                for doomed in [*process.children(recursive=True), process]:
                    with contextlib.suppress(psutil.NoSuchProcess):
                        doomed.kill()
                process.wait()
            time.sleep(_EVERY)
    return _Attempt(process.returncode, time.perf_counter() - started, used, peak)


def memory_and_cpu(pid: int) -> tuple[int, float]:
    """Return the bytes in memory and CPU seconds of a process and its descendants, including children that have ended.

    A page that n of them share, as a fork shares its parent's, counts a n-th for each (on Linux: PSS; elsewhere USS).
    """
    memory, cpu = 0, 0.0
    try:
        parent = psutil.Process(pid)
        for process in [parent, *parent.children(recursive=True)]:
            held = process.memory_full_info()
            memory += getattr(held, "pss", held.uss)
            times = process.cpu_times()
            cpu += times.user + times.system
        ended = parent.cpu_times()
        cpu += ended.children_user + ended.children_system
    except psutil.NoSuchProcess:  # it ended while we sampled; the next sample will be right
        return 0, 0.0
    return memory, cpu


def _held(table: str, environment: dict[str, str]) -> tuple[int | None, int | None]:
    """Return the numbers of rows and data files of the table's quarter; None for what is no table."""
    from ftm_resources.tables import TABLES  # noqa: PLC0415
    from ftm_resources.warehouse import Warehouse  # noqa: PLC0415

    if table not in TABLES:
        return None, None
    warehouse = Warehouse(path=environment["FTM_WAREHOUSE"])
    rows = warehouse.read(table, QUARTER, columns=[TABLES[table].columns[0].name]).num_rows
    return rows, len(warehouse.data_files(table, quarter=QUARTER))


def exponents(rows: list[dict[str, Any]]) -> dict[str, float]:
    """Return the growth exponent of each stage: the slope of log CPU seconds over log firms; 1 is linear.

    The CPU seconds of `START` are taken off: they are the same at every size and would hide growth. A stage that takes
    less than that again has no exponent. Rows of models' stages that stand-ins computed are left out.
    """
    slopes = {}
    start = {r["firms"]: r["cpu_seconds"] for r in rows if r["stage"] == START}
    for stage in (*STAGES, *AFTER):
        own = [
            (r["firms"], own)
            for r in rows
            if r["stage"] == stage
            and not (stage in STOOD_IN and r["stand_ins"])
            and (own := r["cpu_seconds"] - start.get(r["firms"], 0.0)) > start.get(r["firms"], 0.0)
        ]
        if len({firms for firms, _ in own}) > 1:
            firms, seconds = np.log(np.array(own, dtype=float)).T
            slopes[stage] = float(np.polyfit(firms, seconds, 1)[0])
    return slopes


def run_all(
    sizes: Sequence[int],
    results: Results,
    made: Made,
    folder: Path,
    *,
    stages: Sequence[str] = (START, *STAGES, *AFTER, FLOORS),
    kills: Mapping[str, float] | None = None,
    stand_ins_from: int | None = None,
) -> None:
    """Run each size, and keep each stage's row as soon as it is measured; stages that have one are not run again.

    A quarter that is not finished stays in `folder`, and is begun anew if it was measured at another commit. `kills`
    apply to the largest size only. Quarters of at least `stand_ins_from` firms have stand-ins for the models.
    """
    for firms in sizes:
        stand_ins = stand_ins_from is not None and firms >= stand_ins_from
        own = (folder / f"{firms}{'-stand-ins' * stand_ins}").resolve()
        there = [r for r in results.rows(made) if (r["firms"], r["stand_ins"]) == (firms, stand_ins)]
        names = {r["stage"] for r in there}
        if set(stages) <= names:
            print(f"{firms:,} firms: measured already", flush=True)
            continue
        if not own.exists() or not there:
            shutil.rmtree(own, ignore_errors=True)
            there, names = [], set()
        # A killed stage begins anew: its saved parts would make it look fast.
        shutil.rmtree(own / "warehouse" / FOLDER, ignore_errors=True)
        run(
            firms,
            own,
            [s for s in stages if s not in names],
            kills if firms == max(sizes) else None,
            lambda row: results.add(made, row),
            there,
            stand_ins=stand_ins,
        )
        shutil.rmtree(own)


def main() -> None:
    """Run the requested sizes."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.scale", description=__doc__)
    parser.add_argument(
        "--firms",
        type=int,
        nargs="+",
        default=[500, 1000, 2000, 5000],
        help="numbers of firms; default: 500 1000 2000 5000",
    )
    parser.add_argument("--out", type=Path, required=True, help="folder of the results")
    parser.add_argument("--folder", type=Path, help="folder of the warehouses; default: OUT/quarters")
    parser.add_argument("--stages", nargs="+", default=[START, *STAGES, *AFTER, FLOORS], help="default: all")
    parser.add_argument(
        "--kill",
        nargs="*",
        default=[],
        metavar="STAGE=SECONDS",
        help="kill a stage of the largest size after SECONDS and start it again",
    )
    parser.add_argument(
        "--stand-ins-from",
        type=int,
        metavar="FIRMS",
        help="in quarters of at least this many firms, word vectors and word lists replace the models",
    )
    options = parser.parse_args()
    kills = {stage: float(seconds) for stage, _, seconds in (k.partition("=") for k in options.kill)}
    known = (START, *STAGES, *AFTER, FLOORS)
    if unknown := {*kills, *options.stages} - set(known):
        parser.error(f"unknown stage {', '.join(sorted(unknown))}; stages are {', '.join(known)}")
    folder = options.folder or options.out / "quarters"
    run_all(
        options.firms,
        Results(options.out),
        here("full"),
        folder,
        stages=options.stages,
        kills=kills,
        stand_ins_from=options.stand_ins_from,
    )


if __name__ == "__main__":
    main()
