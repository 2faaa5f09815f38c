"""Taking over a moved or copied warehouse, also when it is killed on the way."""

import json
import os
import shutil
import signal
from collections.abc import Callable
from pathlib import Path

import pytest
from pyiceberg.table import StaticTable

from ftm_resources.warehouse import (
    Warehouse,
    WarehouseError,
    history,
    metadata_files,
    repair,
    rooted_io,
    tags,
)
from ftm_resources.warehouse.adoption import adopt, move
from ftm_resources.warehouse.pointers import FolderCatalog

OTHER_DISK = "/dev/shm"  # noqa: S108 - nothing is written there
TABLE, Q1, Q2 = "firm_topics", "2020Q1", "2020Q2"


@pytest.fixture
def moved(tmp_path: Path, topics: Callable) -> Warehouse:
    """A warehouse whose metadata names a folder that does not exist; two quarters, a replacement and a tag."""
    warehouse = Warehouse(path=str(tmp_path / "before"))
    warehouse.replace(TABLE, Q1, [topics(Q1, 3)], provenance={"run_id": "r1"})
    tags.tag(warehouse, Q1, "paper")
    warehouse.replace(TABLE, Q1, [topics(Q1, 4)], provenance={"run_id": "r2"})
    warehouse.replace(TABLE, Q2, [topics(Q2, 5)])
    warehouse.replace("themes", Q1, [])
    return Warehouse(path=str(Path(warehouse.root).rename(tmp_path / "after")))


def content(warehouse: Warehouse) -> list:
    """All that must be the same before and after: rows, history, tags, provenance, and each manifest's entries."""
    found: list = []
    for name, table in warehouse.tables().items():
        metadata = table.metadata
        found += [name, metadata.table_uuid, metadata.refs, metadata.snapshot_log, metadata.properties]
        for snapshot in metadata.snapshots:
            found += [snapshot.model_copy(update={"manifest_list": ""})]
            for manifest in snapshot.manifests(table.io):
                found.append([manifest[i] for i in range(2, len(manifest))])
                for entry in manifest.fetch_manifest_entry(table.io, discard_deleted=False):
                    data = entry.data_file
                    fields = [v for i in range(len(data)) if (v := data[i]) != data.file_path]
                    found.append([entry.status, entry.snapshot_id, entry.sequence_number, fields])
            scan = table.scan(snapshot_id=snapshot.snapshot_id)
            found.append(scan.to_arrow().sort_by("quarter").num_rows)
    return [*found, repair.verify(warehouse, Q1), tags.tags(warehouse), warehouse.provenance(TABLE, Q1)]


def uris(warehouse: Warehouse, name: str) -> set[str]:
    """Every URI that a program which knows nothing of FTM finds, from the metadata file down."""
    table = StaticTable.from_metadata(f"file://{warehouse.root}/ftm/{name}")  # by the version hint
    found = {table.location(), *(e.metadata_file for e in table.metadata.metadata_log)}
    for snapshot in table.metadata.snapshots:
        found.add(snapshot.manifest_list)
        for manifest in snapshot.manifests(table.io):
            assert (
                manifest.manifest_length
                == Path(manifest.manifest_path.removeprefix("file://")).stat().st_size
            )
            found |= {manifest.manifest_path}
            found |= {e.data_file.file_path for e in manifest.fetch_manifest_entry(table.io)}
    return found


def test_only_the_uris_change_and_all_of_them_do(moved: Warehouse):
    before = content(moved)
    assert all("before" in uri for uri in {moved.table(TABLE).location()})
    adopted = adopt(moved)
    assert adopted.tables == dict.fromkeys(
        [TABLE, "themes"], f"file://{Path(moved.root).with_name('before')}"
    )
    assert content(moved) == before
    for name in (TABLE, "themes"):
        assert all(uri.startswith(f"file://{moved.root}/ftm/{name}") for uri in uris(moved, name))
    assert adopt(moved).unchanged == [TABLE, "themes"]


def test_an_adopted_table_is_read_by_other_engines(moved: Warehouse):
    adopt(moved)
    table = StaticTable.from_metadata(f"file://{moved.root}/ftm/{TABLE}")
    assert table.scan().to_arrow().num_rows == 9


@pytest.mark.parametrize("at", range(1, 14, 3))
def test_it_can_be_killed_at_every_change_and_repeated(moved: Warehouse, at: int):
    before = content(moved)
    if not (child := os.fork()):
        left = at

        def dying(change: Callable) -> Callable:
            def changed(*args: object) -> object:
                nonlocal left
                left -= 1
                if not left:
                    os.kill(os.getpid(), signal.SIGKILL)
                return change(*args)

            return changed

        rooted_io.RootedFileIO.new_output = dying(rooted_io.RootedFileIO.new_output)  # type: ignore[method-assign]
        FolderCatalog.point = dying(FolderCatalog.point)  # type: ignore[method-assign]
        try:
            adopt(moved)
        finally:
            os._exit(0)
    _, status = os.waitpid(child, 0)
    assert content(moved) == before, f"killed: {os.WIFSIGNALED(status)}"
    adopt(moved)
    assert content(moved) == before
    assert {moved.table(n).location() for n in (TABLE, "themes")} == {
        f"file://{moved.root}/ftm/{n}" for n in (TABLE, "themes")
    }


def test_an_earlier_state_that_cannot_be_read_is_left_and_said(moved: Warehouse):
    table = moved.table(TABLE)
    first = min(table.metadata.snapshots, key=lambda s: s.sequence_number or 0)
    Path(moved.location.path_of(first.manifest_list)).unlink()
    (damaged,) = adopt(moved).damaged
    assert "only an earlier state needs it" in damaged
    assert "2020Q1.paper" in damaged
    assert moved.read(TABLE, Q1).num_rows == 4
    assert all(uri.startswith(f"file://{moved.root}/") for uri in [moved.table(TABLE).location()])


def test_damage_to_the_current_state_is_an_error_and_changes_nothing(moved: Warehouse):
    snapshot = moved.table(TABLE).current_snapshot()
    assert snapshot is not None
    Path(moved.location.path_of(snapshot.manifest_list)).unlink()
    pointer = moved.table(TABLE).metadata_location
    with pytest.raises(WarehouseError, match="run `ftm restore firm_topics`"):
        adopt(moved)
    assert moved.table(TABLE).metadata_location == pointer


def test_a_move_takes_everything_along(moved: Warehouse, tmp_path: Path):
    (Path(moved.root) / "replies").mkdir()
    (Path(moved.root) / "replies" / "x").write_text("kept")
    before = content(moved)
    target, adopted = move(moved, f"{tmp_path}/new/../deeper/place/")
    there = Warehouse(path=target.root)
    assert target.root == f"{tmp_path}/deeper/place"
    assert len(adopted.tables) == 2
    assert content(there) == before
    assert (Path(there.root) / "replies" / "x").read_text() == "kept"
    assert not Path(moved.root).exists()


@pytest.mark.parametrize(
    ("to", "why"),
    [
        ("{home}/taken", "exists"),
        ("{home}/after/inside", "inside the warehouse itself"),
        ("{home}/file/x", "is a file"),
        (f"{OTHER_DISK}/ftm-warehouse-of-a-test", "another file system"),
        ("s3://bucket/x", "only a folder can be moved"),
        ("{home}/score=1", "as a column"),
    ],
)
def test_a_move_that_cannot_be_made_changes_nothing(moved: Warehouse, tmp_path: Path, to: str, why: str):
    (tmp_path / "taken").mkdir()
    (tmp_path / "file").touch()
    if to.startswith(OTHER_DISK) and not Path(OTHER_DISK).is_dir():
        pytest.skip(f"this system has no {OTHER_DISK}")
    before = sorted(tmp_path.rglob("*"))
    with pytest.raises(WarehouseError, match=why):
        move(moved, to.format(home=tmp_path))
    assert [p for p in sorted(tmp_path.rglob("*")) if ".locks" not in str(p)] == [
        p for p in before if ".locks" not in str(p)
    ]


def test_a_lost_catalog_is_rebuilt_before_it_is_adopted(moved: Warehouse):
    (Path(moved.root) / "catalog.db").unlink()
    with pytest.raises(WarehouseError, match="Run `ftm restore --from-files`"):
        adopt(moved)


def test_the_hint_names_the_adopted_state(moved: Warehouse):
    adopt(moved)
    assert history.hint(moved.location, TABLE) == metadata_files.basename(
        moved.table(TABLE).metadata_location
    )
    newest = Path(moved.root) / "ftm" / TABLE / "metadata" / (history.hint(moved.location, TABLE) or "")
    assert json.loads(newest.read_text())["location"] == f"file://{moved.root}/ftm/{TABLE}"
    shutil.rmtree(newest.parent.parent / "data")
    with pytest.raises(WarehouseError, match="is missing"):
        moved.read(TABLE, Q1)
