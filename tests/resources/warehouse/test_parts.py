"""Parts of plans on which several runs work: what a run that has finished may remove."""

import json
import os
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pyarrow as pa
import pytest

from ftm_resources.warehouse import Warehouse
from ftm_resources.warehouse.parts import FOLDER, PlanParts

QUARTER = "2020Q1"


@pytest.fixture
def parts(tmp_path: Path, topics: Callable[[str, int], pa.Table]) -> Callable[..., PlanParts]:
    """A function that makes a plan with a part, claimed by a run."""
    warehouse = Warehouse(path=str(tmp_path / "warehouse"))

    def parts(plan: str, run: str, **claim: object) -> PlanParts:
        made = PlanParts(warehouse, "firm_topics", QUARTER, plan, run)
        made.claim()
        made.write(["1"], {"firm_topics": topics(QUARTER, 1)}, {}, 1.0)
        file = folder(made) / f"in-use-{run}"
        file.write_text(json.dumps({**json.loads(file.read_text()), **claim}))
        return made

    return parts


@pytest.fixture
def living() -> Iterator[int]:
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as process:
        yield process.pid


@pytest.fixture
def dead() -> int:
    process = subprocess.Popen([sys.executable, "-c", ""])
    process.wait()
    return process.pid


def folder(parts: PlanParts) -> Path:
    return Path(parts.warehouse.root, FOLDER, parts.asset, parts.quarter, parts.plan_id)


def nobody(run_id: str) -> bool:
    assert run_id
    return False


def test_a_run_removes_its_own_parts(parts: Callable[..., PlanParts]):
    mine = parts("plan", "a")
    mine.clear(nobody)
    assert not folder(mine).exists()
    mine.clear(nobody)


def test_parts_of_a_living_run_stay_whatever_its_plan(parts: Callable[..., PlanParts], living: int):
    mine, other, same = parts("plan", "a"), parts("other", "b", pid=living), parts("plan", "c", pid=living)
    mine.clear(nobody)
    assert other.find(["1"])
    assert same.find(["1"]), "it reuses the parts of the run that has finished"
    same.clear(nobody)
    assert not folder(same).exists()
    assert other.find(["1"])


def test_parts_of_a_run_whose_process_is_gone_are_removed(parts: Callable[..., PlanParts], dead: int):
    mine, other = parts("plan", "a"), parts("other", "b", pid=dead)
    mine.clear(nobody)
    assert not folder(other).exists()


def test_parts_of_an_earlier_run_of_this_process_are_removed(parts: Callable[..., PlanParts]):
    mine, other = parts("plan", "a"), parts("other", "b")
    assert json.loads((folder(other) / "in-use-b").read_text())["pid"] == os.getpid()
    mine.clear(nobody)
    assert not folder(other).exists()


def test_of_a_run_on_another_machine_only_the_instance_knows(parts: Callable[..., PlanParts], dead: int):
    mine, other = parts("plan", "a"), parts("other", "b", pid=dead, host=f"not-{socket.gethostname()}")
    mine.clear(nobody)
    assert other.find(["1"])
    mine = parts("plan", "a")
    mine.clear(lambda run_id: run_id == "b")
    assert not folder(other).exists()


def test_parts_that_another_run_claims_too_stay(parts: Callable[..., PlanParts], living: int, dead: int):
    mine, other, _ = parts("plan", "a"), parts("other", "b", pid=living), parts("other", "c", pid=dead)
    mine.clear(nobody)
    assert other.find(["1"])


@pytest.mark.parametrize("claim", ["", "{", "[1]", '{"run_id": "b", "pid": "x", "host": 3}'])
def test_parts_with_a_claim_that_cannot_be_read_stay(parts: Callable[..., PlanParts], claim: str):
    mine, other = parts("plan", "a"), parts("other", "b")
    (folder(other) / "in-use-b").write_text(claim)
    mine.clear(lambda _: False)
    assert other.find(["1"])
