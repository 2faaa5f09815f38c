import os
import uuid
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from ftm_resources.warehouse import Warehouse, snapshots, tags
from ftm_resources.warehouse.cleanup import RUNS, Kept, Policy, maintain, maintain_table
from ftm_resources.warehouse.errors import WarehouseError
from ftm_resources.warehouse.parts import FOLDER, PlanParts
from ftm_resources.warehouse.snapshots import ARCHIVE

TABLE = "firm_topics"
NOW = datetime.now(UTC)
STRICT = Policy(keep=timedelta(days=30), keep_last=1, grace=timedelta(days=7))
LATER = replace(STRICT, now=NOW + timedelta(days=40))
"""Seen from there, all that the tests have written is old."""


@pytest.fixture
def warehouse(tmp_path: Path) -> Warehouse:
    return Warehouse(path=str(tmp_path / "warehouse"))


@pytest.fixture
def write(warehouse: Warehouse, topics: Callable) -> Callable[..., None]:
    return lambda quarter, *rows: [warehouse.replace(TABLE, quarter, [topics(quarter, n)]) for n in rows]


def files(warehouse: Warehouse, folder: str = "ftm") -> dict[Path, int]:
    return {p: p.stat().st_size for p in (Path(warehouse.root) / folder).rglob("*") if p.is_file()}


def age(path: Path, days: float) -> Path:
    then = (NOW - timedelta(days=days)).timestamp()
    os.utime(path, (then, then))
    return path


def put(warehouse: Warehouse, path: str, days: float) -> Path:
    found = Path(warehouse.root) / path
    found.parent.mkdir(parents=True, exist_ok=True)
    found.write_bytes(b"left behind")
    return age(found, days)


def test_what_was_replaced_long_ago_goes_and_what_is_current_stays(warehouse: Warehouse, write: Callable):
    write("2020Q1", 3, 4, 5)
    write("2020Q2", 2)
    found = maintain_table(warehouse, TABLE, LATER)
    assert found.snapshots == 1
    assert found.snapshots_expired == 5, "two replacements of two snapshots each, and the first write"
    assert len(list(Path(warehouse.root).rglob("*.parquet"))) == 2
    assert warehouse.read(TABLE, "2020Q1").num_rows == 5
    assert warehouse.read(TABLE, "2020Q2").num_rows == 2


def test_the_report_adds_up_to_what_is_on_disk(warehouse: Warehouse, write: Callable):
    write("2020Q1", 3, 4)
    before = files(warehouse)
    planned = maintain_table(warehouse, TABLE, replace(LATER, dry_run=True))
    assert files(warehouse) == before, "a dry run leaves everything"
    done = maintain_table(warehouse, TABLE, LATER)
    left = files(warehouse)
    removed = {p: n for p, n in before.items() if p not in left}
    assert (done.files_removed, done.bytes_removed) == (len(removed), sum(removed.values()))
    assert (done.files, done.bytes) == (len(left), sum(left.values()))
    assert (planned.snapshots, planned.snapshots_expired) == (done.snapshots, done.snapshots_expired)
    assert {p for p in removed if p.suffix == ".parquet"}, "the data of the replaced quarter"
    assert planned.files_removed == done.files_removed
    again = maintain_table(warehouse, TABLE, LATER)
    assert (again.snapshots_expired, again.files_removed) == (0, 0)


def test_the_newest_writes_are_kept_whatever_their_age(warehouse: Warehouse, write: Callable):
    write("2020Q1", 1, 2, 3, 4)
    maintain_table(warehouse, TABLE, replace(LATER, keep_last=3))
    snapshots = warehouse.table(TABLE).metadata.snapshots
    rows = [warehouse.read(TABLE, "2020Q1", snapshot_id=s.snapshot_id).num_rows for s in snapshots]
    assert sorted(rows) == [0, 0, 0, 2, 3, 4], "three states and the deleting halves of their commits"


def test_age_counts_from_when_a_snapshot_ceased_to_be_current(
    warehouse: Warehouse, write: Callable, at_clock: Callable
):
    """A run that began yesterday pinned what was written two months ago, and has been replaced today."""
    with at_clock(NOW - timedelta(days=60)):
        write("2020Q1", 3)
    pinned = warehouse.quarter(TABLE, "2020Q1")
    write("2020Q1", 5)
    for path in files(warehouse):
        age(path, 60)
    maintain_table(warehouse, TABLE, STRICT)
    assert pinned.read().num_rows == 3
    maintain_table(warehouse, TABLE, LATER)
    with pytest.raises(WarehouseError, match=r"snapshot .* has expired; restart the run that reads it"):
        pinned.read()


def test_a_clock_that_was_set_back_makes_nothing_old(
    warehouse: Warehouse, write: Callable, at_clock: Callable
):
    write("2020Q1", 3)
    pinned = warehouse.quarter(TABLE, "2020Q1")
    with at_clock(NOW - timedelta(days=60)):
        write("2020Q1", 5)
        write("2020Q1", 6)
    assert maintain_table(warehouse, TABLE, STRICT).snapshots_expired == 0
    assert pinned.read().num_rows == 3
    early = maintain(warehouse, replace(LATER, now=NOW - timedelta(days=365)))
    assert sum(early.values(), Kept()).files_removed == 0


def test_a_state_that_was_rolled_back_to_counts_from_when_it_ceased_to_be_current_again(
    warehouse: Warehouse, write: Callable, at_clock: Callable
):
    with at_clock(NOW - timedelta(days=60)):
        write("2020Q1", 3)
        first = warehouse.table(TABLE).current_snapshot()
        assert first is not None
        write("2020Q1", 5)
    table = warehouse.table(TABLE)
    table.manage_snapshots().rollback_to_snapshot(first.snapshot_id).commit()
    pinned = warehouse.quarter(TABLE, "2020Q1")
    assert warehouse.provenance(TABLE, "2020Q1")["rows"] == "3", "what was rolled back is not what it holds"
    write("2020Q1", 7)
    maintain_table(warehouse, TABLE, STRICT)
    assert pinned.read().num_rows == 3
    assert warehouse.provenance(TABLE, "2020Q1")["rows"] == "7"


def test_nothing_younger_than_the_oldest_unfinished_run_goes(warehouse: Warehouse, write: Callable):
    write("2020Q1", 3)
    pinned = warehouse.quarter(TABLE, "2020Q1")
    write("2020Q1", 5)
    put(warehouse, f"{RUNS}/r1/plan/planned.json", 1)
    before = files(warehouse), files(warehouse, RUNS)
    found = maintain(warehouse, replace(LATER, running_since=NOW - timedelta(days=2)), tables=[TABLE])
    assert sum(found.values(), Kept()).files_removed == 0
    assert (files(warehouse), files(warehouse, RUNS)) == before
    assert pinned.read().num_rows == 3


def test_a_tagged_state_never_expires(warehouse: Warehouse, write: Callable):
    write("2020Q2", 2)
    write("2020Q1", 3)
    tags.tag(warehouse, "2020Q1", "paper-v1")
    tagged = warehouse.provenance(TABLE, "2020Q2")
    write("2020Q1", 5, 6)
    write("2020Q2", 7)
    maintain_table(warehouse, TABLE, LATER)
    maintain_table(warehouse, TABLE, LATER)
    assert warehouse.read(TABLE, "2020Q1", as_of="paper-v1").num_rows == 3
    assert warehouse.connect(as_of="paper-v1").execute("SELECT count(*) FROM firm_topics").fetchone() == (3,)
    table = warehouse.table(TABLE)
    head = table.snapshot_by_id(table.metadata.refs["2020Q1.paper-v1"].snapshot_id)
    write_of_q2 = snapshots.writer_of(table, head, "2020Q2")
    assert write_of_q2 is not None
    assert write_of_q2.provenance() == tagged, "what was tagged with it still says what it was made from"
    tags.untag(warehouse, "2020Q1", "paper-v1")
    assert maintain_table(warehouse, TABLE, LATER).snapshots_expired
    assert warehouse.read(TABLE, "2020Q1").num_rows == 6


def test_a_quarter_says_what_it_was_made_from_after_its_snapshot_has_expired(
    warehouse: Warehouse, write: Callable, topics: Callable
):
    made_from = {"run_id": "r1", "inputs": {"sentences": {"snapshot_id": "7", "content": "x"}}}
    warehouse.replace(TABLE, "2020Q1", [topics("2020Q1", 3)], provenance=made_from)
    write("2020Q2", 2)
    before = warehouse.provenance(TABLE, "2020Q1"), warehouse.quarter(TABLE, "2020Q1").content
    maintain_table(warehouse, TABLE, LATER)
    assert len(warehouse.table(TABLE).metadata.snapshots) == 1
    assert (warehouse.provenance(TABLE, "2020Q1"), warehouse.quarter(TABLE, "2020Q1").content) == before
    write("2020Q1", 4)
    assert warehouse.quarter(TABLE, "2020Q1").content.startswith("4-")
    maintain_table(warehouse, TABLE, LATER)
    kept = [k for k in warehouse.table(TABLE).properties if k.startswith(ARCHIVE)]
    assert len(kept) == 1, "that of 2020Q2, expired now; not that of the first 2020Q1"


def test_a_moment_whose_state_has_expired_is_an_error(
    warehouse: Warehouse, write: Callable, at_clock: Callable
):
    for days in (90, 80, 70):
        with at_clock(NOW - timedelta(days=days)):
            write("2020Q1", days)
            if days == 90:
                tags.tag(warehouse, "2020Q1", "first")
    maintain_table(warehouse, TABLE, STRICT)

    def rows(days: float) -> int:
        return warehouse.read(TABLE, "2020Q1", as_of=NOW - timedelta(days=days)).num_rows

    assert rows(69) == 70
    assert rows(91) == 0, "before the first write"
    with pytest.raises(WarehouseError, match="has expired; the next one that is kept is from"):
        rows(75)
    assert warehouse.read(TABLE, "2020Q1", as_of="first").num_rows == 90
    tags.untag(warehouse, "2020Q1", "first")
    maintain_table(warehouse, TABLE, STRICT)
    with pytest.raises(WarehouseError, match="has expired"):
        rows(91)


def test_files_that_nothing_refers_to_go_after_the_grace_period(warehouse: Warehouse, write: Callable):
    write("2020Q1", 3)
    for path in files(warehouse):
        age(path, 60)
    folder = f"ftm/{TABLE}"
    names = [
        "data/quarter=2020Q1/x.parquet",
        "metadata/snap-1-0-x.avro",
        f"metadata/00009-{uuid.uuid4()}.metadata.json",
    ]
    old = [put(warehouse, f"{folder}/{n}", 8) for n in names]
    young = [put(warehouse, f"{folder}/{n}", 6) for n in ("data/quarter=2020Q1/y.parquet", "metadata/y.avro")]
    found = maintain_table(warehouse, TABLE, STRICT)
    assert found.files_removed == len(old)
    assert found.bytes_removed == len(old) * len(b"left behind")
    assert not any(p.exists() for p in old)
    assert all(p.exists() for p in young)
    assert warehouse.read(TABLE, "2020Q1").num_rows == 3


def test_parts_and_run_values_go_as_a_whole_when_untouched_for_the_grace_period(warehouse: Warehouse):
    abandoned = [put(warehouse, f"{FOLDER}/firm_topics/2020Q1/plan1/{n}", 9) for n in ("a.json", "a.parquet")]
    going_on = [
        put(warehouse, f"{FOLDER}/firm_topics/2020Q1/plan2/a.json", 9),
        put(warehouse, f"{FOLDER}/firm_topics/2020Q1/plan2/b.json", 1),
    ]
    resumed = put(warehouse, f"{FOLDER}/firm_topics/2020Q2/plan3/a.json", 90)
    PlanParts(warehouse, "firm_topics", "2020Q2", "plan3", "run").claim()
    old_run = put(warehouse, f"{RUNS}/r1/chunk[0]/result.json", 9)
    run = [
        put(warehouse, f"{RUNS}/r2/plan/planned.json", 9),
        put(warehouse, f"{RUNS}/r2/chunk/result.json", 1),
    ]
    found = maintain(warehouse, STRICT, tables=[])
    assert not any(p.exists() for p in [*abandoned, old_run])
    assert all(p.exists() for p in [*going_on, resumed, *run])
    assert found[FOLDER].files_removed == 2
    assert found[RUNS] == Kept(files=2, bytes=22, files_removed=1, bytes_removed=11)


def test_a_table_with_damaged_metadata_loses_nothing(warehouse: Warehouse, write: Callable):
    write("2020Q1", 3, 4)
    victim = next((Path(warehouse.root) / "ftm" / TABLE / "metadata").glob("*-m0.avro"))
    victim.write_bytes(victim.read_bytes()[:40])
    before = files(warehouse)
    with pytest.raises(WarehouseError, match=victim.name):
        maintain_table(warehouse, TABLE, replace(LATER, keep_last=10))
    assert files(warehouse) == before


@pytest.mark.parametrize(
    "wrong", [{"keep": timedelta(hours=23)}, {"keep_last": 0}, {"grace": timedelta(minutes=59)}]
)
def test_a_policy_that_would_take_from_a_running_quarter_is_refused(wrong: dict):
    with pytest.raises(ValueError, match="a running quarter could lose what it reads"):
        Policy(**wrong)


@pytest.mark.parametrize("share", [-0.1, 1.1, float("nan")])
def test_a_share_that_is_none_is_refused(share: float):
    with pytest.raises(ValueError, match="between 0 and 1"):
        Policy(max_removed_share=share)
