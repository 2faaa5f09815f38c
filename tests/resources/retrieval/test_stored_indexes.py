"""What is said of stored indexes without opening them, and which are removed."""

import shutil
from pathlib import Path

import pytest

from ftm_resources.retrieval import index_folder
from ftm_resources.retrieval.index_folder import CURRENT, FOLDER, build_index
from ftm_resources.retrieval.levels import TABLES_READ
from ftm_resources.retrieval.stored_indexes import index_states, sweep_indexes
from ftm_resources.warehouse import Warehouse
from ftm_resources.warehouse.cleanup import Kept

from .conftest import QUARTER


def state(warehouse: Warehouse) -> str:
    return index_states(warehouse, [QUARTER])[QUARTER]


def test_an_index_is_current_until_its_rows_change(warehouse: Warehouse):
    assert state(warehouse) == "none"
    built = build_index(warehouse, QUARTER)
    assert state(warehouse) == "current"
    warehouse.replace("themes", QUARTER, [warehouse.read("themes", QUARTER).slice(1)])
    assert state(warehouse) == "outdated"
    build_index(warehouse, QUARTER)
    assert state(warehouse) == "current"
    (built.folder.parent / CURRENT).write_text("{")
    assert state(warehouse) == "outdated", "what cannot be read must be made again"


def test_of_a_damaged_table_nothing_is_said(warehouse: Warehouse):
    build_index(warehouse, QUARTER)
    for file in Path(warehouse.root).rglob("*.metadata.json"):
        if "/themes/" in file.as_posix():
            file.write_text("{")
    assert state(warehouse) == "unknown"


def test_only_the_indexes_of_quarters_that_are_gone_are_removed(warehouse: Warehouse):
    assert sweep_indexes(warehouse) == Kept()
    build_index(warehouse, QUARTER)
    root = Path(warehouse.root) / FOLDER
    shutil.copytree(root / QUARTER, root / "1999Q1")
    files = [f for f in (root / QUARTER).rglob("*") if f.is_file()]
    counted = Kept(
        files=len(files),
        bytes=sum(f.stat().st_size for f in files),
        files_removed=len(files),
        bytes_removed=sum(f.stat().st_size for f in files),
    )
    assert sweep_indexes(warehouse, dry_run=True) == counted
    assert (root / "1999Q1").is_dir()
    assert sweep_indexes(warehouse) == counted
    assert [f.name for f in root.iterdir()] == [QUARTER]
    assert sweep_indexes(warehouse).files_removed == 0
    assert state(warehouse) == "current"


def test_an_index_on_s3_is_looked_at_there(
    warehouse_on_s3, template: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):

    monkeypatch.setattr(index_folder.platformdirs, "user_cache_path", lambda *_: tmp_path)
    local = Warehouse(path=str(template))
    with warehouse_on_s3() as held:
        for name in TABLES_READ:
            held.replace(name, QUARTER, [local.read(name, QUARTER)])
        assert state(held) == "none"
        build_index(held, QUARTER)
        assert state(held) == "current"
        filesystem, root = held.filesystem()
        with filesystem.open_output_stream(f"{root}/{FOLDER}/1999Q1/x") as out:
            out.write(b"1234")
        assert sweep_indexes(held).bytes_removed == 4
        assert state(held) == "current"
