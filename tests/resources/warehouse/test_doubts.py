"""Clean-up refuses what it cannot explain, and removes what it can, however much that is."""

import os
import shutil
import uuid
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from ftm_resources.warehouse import Warehouse, catalog, cleanup, history, metadata_files, repair
from ftm_resources.warehouse.cleanup import RUNS, Policy, maintain
from ftm_resources.warehouse.errors import RefusedCleanupError
from ftm_resources.warehouse.rebuild import from_files

TABLE, Q1 = "firm_topics", "2020Q1"
LATER = Policy(keep=timedelta(days=1), keep_last=1, now=datetime.now(UTC) + timedelta(days=8))


@pytest.fixture
def warehouse(tmp_path: Path, topics: Callable) -> Warehouse:
    """A quarter that was replaced five times, and another table."""
    warehouse = Warehouse(path=str(tmp_path / "warehouse"))
    for n in range(1, 6):
        warehouse.replace(TABLE, Q1, [topics(Q1, n)])
    warehouse.replace("themes", Q1, [])
    return warehouse


def data(warehouse: Warehouse) -> list[Path]:
    return sorted((Path(warehouse.root) / "ftm" / TABLE / "data").rglob("*.parquet"))


def files(warehouse: Warehouse) -> set[Path]:
    return {p for p in Path(warehouse.root).rglob("*") if p.is_file() and p.parent.name != ".locks"}


def metadata(warehouse: Warehouse) -> Path:
    return Path(warehouse.root) / "ftm" / TABLE / "metadata"


def test_a_young_warehouse_whose_quarter_was_replaced_often_is_cleaned(warehouse: Warehouse):
    """Four of five files go: far more than half, and each for a reason."""
    assert maintain(warehouse, replace(LATER, max_removed_share=0))[TABLE].files_removed > 4
    assert len(data(warehouse)) == 1
    assert warehouse.read(TABLE, Q1).num_rows == 5


def test_a_clean_up_that_was_interrupted_goes_on(warehouse: Warehouse, monkeypatch: pytest.MonkeyPatch):
    """Snapshots have expired, and no file was removed yet."""
    with monkeypatch.context() as patched:
        patched.setattr(cleanup, "_orphans", lambda *_: [])
        maintain(warehouse, LATER)
    assert len(data(warehouse)) == 5
    maintain(warehouse, replace(LATER, max_removed_share=0))
    assert len(data(warehouse)) == 1


@pytest.mark.parametrize("dry_run", [True, False])
def test_data_whose_metadata_was_deleted_stays(warehouse: Warehouse, dry_run: bool):
    for path in metadata(warehouse).iterdir():
        if path.name.startswith(("00002", "00003", "00004", "00005")):
            path.unlink()
    first = next(metadata(warehouse).glob("00001-*"))
    (metadata(warehouse) / history.HINT).unlink()
    catalog = Path(warehouse.root) / "catalog.db"
    catalog.unlink()
    from_files(warehouse)
    assert warehouse.table(TABLE).metadata_location.endswith(first.name)
    before = files(warehouse)
    with pytest.raises(
        RefusedCleanupError, match=r"no metadata mentions 4 of its 5 data files .*--max-removed-share 1"
    ):
        maintain(warehouse, replace(LATER, dry_run=dry_run))
    assert files(warehouse) == before
    maintain(warehouse, replace(LATER, max_removed_share=1))
    assert len(data(warehouse)) == 1


def test_a_file_that_was_never_finished_is_no_reason_for_doubt(warehouse: Warehouse):
    whole = data(warehouse)[0].read_bytes()
    for i in range(20):
        data(warehouse)[0].with_name(f"killed-{i}.parquet").write_bytes(whole[: 100 + i])
    maintain(warehouse, replace(LATER, max_removed_share=0))
    assert len(data(warehouse)) == 1


@pytest.mark.parametrize(("share", "goes"), [(0.5, False), (0.7, True)])
def test_finished_files_that_nothing_mentions_go_up_to_the_share(
    warehouse: Warehouse, share: float, goes: bool
):
    maintain(warehouse, LATER)
    (only,) = data(warehouse)
    for i in range(2):
        shutil.copy(only, only.with_name(f"stray-{i}.parquet"))
    policy = replace(LATER, max_removed_share=share)
    if goes:
        assert maintain(warehouse, policy)[TABLE].files_removed == 2
    else:
        with pytest.raises(RefusedCleanupError, match="2 of its 3 data files"):
            maintain(warehouse, policy)
    assert len(data(warehouse)) == (1 if goes else 3)


def test_a_refusal_spares_the_folders_of_runs_and_not_the_other_tables(warehouse: Warehouse):
    warehouse.replace("firm_status", Q1, [])
    warehouse.replace("firm_status", Q1, [])
    left = Path(warehouse.root) / RUNS / "r1" / "value"
    left.parent.mkdir(parents=True)
    left.touch()
    mine = next(metadata(warehouse).glob("00005-*"))
    foreign = mine.with_name(mine.name.replace("00005-", "00009-"))
    table_id = str(warehouse.table(TABLE).metadata.table_uuid)
    foreign.write_text(mine.read_text().replace(table_id, "00000000-0000-0000-0000-000000000001"))
    before = files(warehouse)
    with pytest.raises(RefusedCleanupError, match="belongs to another table of that name") as refused:
        maintain(warehouse, LATER)
    assert set(refused.value.found) == {"themes", "firm_status", "staging", "runs"}
    assert refused.value.found["firm_status"].snapshots_expired
    assert left.exists()
    assert {p for p in before if TABLE in p.parts} <= files(warehouse)


def test_nothing_is_removed_through_a_link(warehouse: Warehouse, tmp_path: Path):
    folder = Path(warehouse.root) / "ftm" / TABLE / "data"
    shutil.move(folder, tmp_path / "data")
    folder.symlink_to(tmp_path / "data")
    with pytest.raises(RefusedCleanupError, match="is a link to"):
        maintain(warehouse, LATER)
    assert len(list((tmp_path / "data").rglob("*.parquet"))) == 5
    assert os.path.islink(folder)  # noqa: PTH114


def test_an_attempt_as_old_as_the_oldest_listed_state_is_no_reason_for_doubt(
    tmp_path: Path, topics: Callable, monkeypatch: pytest.MonkeyPatch
):
    """Its parent is no longer listed, although nothing was lost."""
    monkeypatch.setitem(catalog._TABLE_PROPERTIES, "write.metadata.previous-versions-max", "2")
    warehouse = Warehouse(path=str(tmp_path / "warehouse"))
    for n in range(1, 6):
        warehouse.replace(TABLE, Q1, [topics(Q1, n)])
    listed = [metadata_files.basename(e.metadata_file) for e in warehouse.table(TABLE).metadata.metadata_log]
    oldest = next(f for f in history.states(warehouse.location, TABLE) if f.name == listed[0])
    assert oldest.before[-1] not in listed
    attempt = metadata(warehouse) / f"{oldest.version:05d}-{uuid.uuid4()}.metadata.json"
    shutil.copy(metadata(warehouse) / oldest.name, attempt)
    assert history.unknown(warehouse.location, warehouse.table(TABLE)) is None


def test_a_quarter_known_only_to_deleted_metadata_keeps_its_data(warehouse: Warehouse, topics: Callable):
    """One file of six: far less than half, but all that there is of the quarter."""
    warehouse.replace(TABLE, "2020Q2", [topics("2020Q2", 4)])
    (metadata(warehouse) / history.states(warehouse.location, TABLE)[0].name).unlink()
    repair.restore(warehouse, TABLE)
    before = files(warehouse)
    with pytest.raises(RefusedCleanupError, match=r"any data file of 2020Q2.*--max-removed-share 1"):
        maintain(warehouse, LATER)
    assert files(warehouse) == before
    maintain(warehouse, replace(LATER, max_removed_share=1))
    assert [p.parent.name for p in data(warehouse)] == ["quarter=2020Q1"]


@pytest.mark.parametrize("harm", [Path.unlink, lambda p: p.write_bytes(p.read_bytes()[:100])])
def test_nothing_is_removed_while_the_current_state_is_not_whole(
    warehouse: Warehouse, topics: Callable, harm: Callable
):
    harm(max(data(warehouse), key=lambda p: p.stat().st_mtime_ns))
    before = files(warehouse)
    with pytest.raises(
        RefusedCleanupError, match=r"the current state is not whole.*materialize firm_topics for 2020Q1"
    ):
        maintain(warehouse, LATER)
    assert files(warehouse) == before
    warehouse.replace(TABLE, Q1, [topics(Q1, 2)])
    maintain(warehouse, LATER)
    assert warehouse.read(TABLE, Q1).num_rows == 2
