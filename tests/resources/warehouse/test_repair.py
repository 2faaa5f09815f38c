"""Damaged files of a table: named in the error, and the way back that the error and the README tell of."""

import json
import os
import re
import shutil
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import duckdb
import pytest

from ftm_assets.cli.stored_quarters import notes, state
from ftm_resources.warehouse import Warehouse, damage, tags
from ftm_resources.warehouse.adoption import adopt
from ftm_resources.warehouse.cleanup import Policy, maintain
from ftm_resources.warehouse.errors import WarehouseError
from ftm_resources.warehouse.repair import restore, verify
from ftm_resources.warehouse.status import status

TABLE = "firm_topics"


@pytest.fixture
def warehouse(tmp_path: Path, topics: Callable) -> Warehouse:
    """A table whose first quarter has been replaced once and whose second was written last, and an empty one."""
    warehouse = Warehouse(path=str(tmp_path / "warehouse"))
    warehouse.replace("themes", "2020Q1", [])
    for quarter, n in [("2020Q1", 3), ("2020Q1", 5), ("2020Q2", 2000)]:
        warehouse.replace(TABLE, quarter, [topics(quarter, n)])
    return warehouse


def delete(path: Path) -> None:
    path.unlink()


def truncate(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:30])


def overwrite(path: Path) -> None:
    content = path.read_bytes()
    path.write_bytes(content[:4] + bytes(len(content) - 300) + content[-296:])


def data_file(warehouse: Warehouse, quarter: str) -> Path:
    (uri,) = warehouse.data_files(TABLE, quarter=quarter)
    return Path(uri.removeprefix("file://"))


def metadata_file(warehouse: Warehouse, kind: str) -> Path:
    table = warehouse.table(TABLE)
    snapshot = table.current_snapshot()
    assert snapshot is not None
    uri = {
        "metadata": table.metadata_location,
        "manifest list": snapshot.manifest_list,
        "manifest": snapshot.manifests(table.io)[0].manifest_path,
    }[kind]
    return Path(uri.removeprefix("file://"))


@pytest.mark.parametrize(
    ("harm", "says"),
    [(delete, "is missing"), (truncate, "has 30 bytes, but .* were written"), (overwrite, "cannot be read")],
)
def test_a_damaged_data_file_is_named_and_materializing_again_mends_it(
    warehouse: Warehouse, topics: Callable, harm: Callable, says: str
):
    path = data_file(warehouse, "2020Q2")
    harm(path)
    message = rf"{TABLE} 2020Q2: data file file://{path} {says}.*; materialize {TABLE} for 2020Q2 again"
    with pytest.raises(WarehouseError, match=message):
        warehouse.read(TABLE, "2020Q2")
    assert warehouse.read(TABLE, "2020Q1").num_rows == 5, "the other quarters can be read"
    with pytest.raises((duckdb.Error, WarehouseError)):
        warehouse.connect().execute("SELECT max(topic_id) FROM firm_topics").fetchall()
    checked, (problem,) = verify(warehouse, "2020Q2")
    assert path.name in problem
    warehouse.replace(TABLE, "2020Q2", [topics("2020Q2", 4)])
    assert warehouse.read(TABLE, "2020Q2").num_rows == 4
    assert warehouse.connect().execute("SELECT count(*) FROM firm_topics").fetchone() == (9,)
    assert verify(warehouse, "2020Q2") == (checked, [])


@pytest.mark.parametrize("kind", ["metadata", "manifest list", "manifest"])
@pytest.mark.parametrize("harm", [delete, truncate])
def test_damaged_metadata_is_named_and_restoring_goes_back_to_the_newest_readable_state(
    warehouse: Warehouse, topics: Callable, kind: str, harm: Callable
):
    path = metadata_file(warehouse, kind)
    harm(path)
    message = rf"{TABLE}: .*{path.name}.*; restore it from a backup, or run `ftm "
    for read in (
        lambda: warehouse.read(TABLE, "2020Q2"),
        lambda: warehouse.connect(tables=[TABLE]),
        lambda: warehouse.replace(TABLE, "2020Q2", [topics("2020Q2", 1)]),
    ):
        with pytest.raises(WarehouseError, match=message + f"restore {TABLE}`"):
            read()
    assert warehouse.read("themes", "2020Q1").num_rows == 0, "the other tables can be read"
    restored = restore(warehouse, TABLE)
    assert restored.went_back
    assert warehouse.read(TABLE, "2020Q1").num_rows == 5
    with pytest.raises(WarehouseError, match="does not hold 2020Q2; it holds 2020Q1"):
        warehouse.read(TABLE, "2020Q2")  # the write of the damaged file is undone
    warehouse.replace(TABLE, "2020Q2", [topics("2020Q2", 2)])
    assert warehouse.connect().execute("SELECT count(*) FROM firm_topics").fetchone() == (7,)


def test_every_writer_and_reader_is_refused_alike_and_no_empty_table_takes_its_place(warehouse: Warehouse):
    delete(metadata_file(warehouse, "metadata"))
    for _ in range(2):
        with pytest.raises(WarehouseError, match="restore firm_topics"):
            warehouse.table(TABLE)


def test_restoring_what_can_be_read_does_nothing(warehouse: Warehouse):
    before = warehouse.table(TABLE).metadata_location
    assert not restore(warehouse, TABLE).went_back
    assert warehouse.table(TABLE).metadata_location == before


def test_a_table_does_not_go_back_to_nothing_unless_told(warehouse: Warehouse):
    """Every state but that of its creation is gone."""
    for path in (Path(warehouse.root) / "ftm" / TABLE / "metadata").glob("*.metadata.json"):
        if not path.name.startswith("00000-"):
            delete(path)
    before = {p: p.read_bytes() for p in Path(warehouse.root).rglob("*") if p.is_file()}
    with pytest.raises(
        WarehouseError, match=r"the empty table as it was created.*`ftm restore firm_topics --to-nothing`"
    ):
        restore(warehouse, TABLE)
    assert {p: p.read_bytes() for p in Path(warehouse.root).rglob("*") if p.is_file()} == before
    assert restore(warehouse, TABLE, to_nothing=True).committed_at is None
    assert warehouse.quarters(TABLE) == []


def test_what_was_rolled_back_keeps_its_files_for_the_grace_period(warehouse: Warehouse):
    harmed = metadata_file(warehouse, "manifest list")
    data = data_file(warehouse, "2020Q1")
    delete(harmed)
    assert restore(warehouse, TABLE).went_back
    assert restore(warehouse, TABLE).went_back is False
    maintain(
        warehouse, Policy(keep=timedelta(days=1), keep_last=1, now=datetime.now(UTC) + timedelta(days=5))
    )
    assert data.exists()
    assert warehouse.read(TABLE, "2020Q1").num_rows == 5


def test_restoring_without_any_readable_metadata_says_what_is_left_to_do(warehouse: Warehouse):
    for path in (Path(warehouse.root) / "ftm" / TABLE / "metadata").glob("*.metadata.json"):
        delete(path)
    with pytest.raises(WarehouseError, match=r"no metadata file under .* restore that folder from a backup"):
        restore(warehouse, TABLE)


def test_rows_that_are_not_those_written_are_found_though_every_file_can_be_read(
    warehouse: Warehouse, topics: Callable
):
    path = data_file(warehouse, "2020Q1")
    foreign = Warehouse(path=f"{warehouse.root}-2")
    foreign.replace(TABLE, "2020Q1", [topics("2020Q1", 5).set_column(1, "firm_id", [["2"] * 5])])
    path.write_bytes(data_file(foreign, "2020Q1").read_bytes())
    assert verify(warehouse, "2020Q1")[1] == [
        "firm_topics 2020Q1: its rows have changed since they were written; materialize firm_topics for 2020Q1 again"
    ]
    assert verify(warehouse, "2020Q2") == (1, [])


def test_an_error_that_no_file_explains_stays_what_it_is(warehouse: Warehouse):
    scan = warehouse.table(TABLE).scan()
    with pytest.raises(ZeroDivisionError), damage.reporting_damage(scan, TABLE, "2020Q1"):
        _ = 1 / 0


@pytest.mark.parametrize("harm", [delete, truncate])
def test_a_damaged_data_file_is_named_by_all_who_show_or_keep_its_quarter(
    warehouse: Warehouse, harm: Callable
):
    path = data_file(warehouse, "2020Q2")
    harm(path)
    remedy = rf"{path.name} .*; materialize {TABLE} for 2020Q2 again"
    for use in (
        warehouse.connect,
        lambda: warehouse.connect(quarter="2020Q2"),
        lambda: tags.tag(warehouse, "2020Q2", "paper"),
    ):
        with pytest.raises(WarehouseError, match=remedy):
            use()
    first, second = status(warehouse)
    assert (first.damaged, len(second.damaged), second.is_complete) == ([], 1, False)
    assert re.search(remedy, second.damaged[0])
    assert any(re.search(remedy, note) for note in notes(second))
    assert state(second) == "damaged"
    tags.tag(warehouse, "2020Q1", "paper")
    assert warehouse.connect(quarter="2020Q1").execute("SELECT count(*) FROM firm_topics").fetchone() == (5,)


def _without_snapshots(path: Path) -> None:
    path.write_text(json.dumps({**json.loads(path.read_text()), "snapshots": None}))


def _folder(path: Path) -> None:
    path.unlink()
    path.mkdir()


@pytest.mark.parametrize(
    "harm", [lambda p: p.write_text("[" * 100_000), lambda p: p.write_text("[]"), _without_snapshots, _folder]
)
def test_metadata_of_any_content_is_damage_with_a_remedy(warehouse: Warehouse, harm: Callable):
    path = metadata_file(warehouse, "metadata")
    harm(path)
    with pytest.raises(WarehouseError, match=rf"{path.name} cannot be read.*`ftm restore {TABLE}`"):
        warehouse.read(TABLE, "2020Q2")
    assert restore(warehouse, TABLE).went_back
    assert warehouse.read(TABLE, "2020Q1").num_rows == 5


def test_restoring_a_copy_of_hard_links_first_asks_for_a_catalog_of_its_own(
    warehouse: Warehouse, tmp_path: Path
):
    shutil.copytree(warehouse.root, tmp_path / "copy", copy_function=os.link)
    original = Path(warehouse.root) / "catalog.db"
    was = original.read_bytes()
    copy = Warehouse(path=str(tmp_path / "copy"))
    metadata = metadata_file(warehouse, "metadata")
    (tmp_path / "copy" / metadata.relative_to(warehouse.root)).unlink()
    with pytest.raises(WarehouseError, match=r"another folder shares it.*`ftm adopt`"):
        restore(copy, TABLE)
    with pytest.raises(WarehouseError, match=f"`ftm restore {TABLE}`"):
        adopt(copy)
    assert restore(copy, TABLE).went_back
    adopt(copy)
    assert copy.read(TABLE, "2020Q1").num_rows == 5
    assert original.read_bytes() == was
    assert warehouse.read(TABLE, "2020Q2").num_rows == 2000
