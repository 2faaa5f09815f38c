"""A catalog that was lost, or is older than its tables: noticed by every use, and rebuilt from the metadata."""

import shutil
import sqlite3
from collections.abc import Callable
from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from ftm_resources.warehouse import Warehouse, history, metadata_files, repair, tags
from ftm_resources.warehouse import catalog as opening
from ftm_resources.warehouse.cleanup import Policy, maintain
from ftm_resources.warehouse.errors import (
    LostCatalogError,
    NoWarehouseError,
    RefusedCleanupError,
    WarehouseError,
)
from ftm_resources.warehouse.rebuild import from_files
from ftm_resources.warehouse.status import status

TABLE, Q1, Q2 = "firm_topics", "2020Q1", "2020Q2"
LATER = Policy(keep=timedelta(days=1), keep_last=1, now=datetime.now(UTC) + timedelta(days=8))


@pytest.fixture
def warehouse(tmp_path: Path, topics: Callable) -> Warehouse:
    """Two tables; `old.db` beside it is the catalog from before the second table and the second quarter."""
    warehouse = Warehouse(path=str(tmp_path / "warehouse"))
    warehouse.replace(TABLE, Q1, [topics(Q1, 3)])
    tags.tag(warehouse, Q1, "paper")
    shutil.copy(catalog(warehouse), tmp_path / "old.db")
    warehouse.replace(TABLE, Q1, [topics(Q1, 4)])
    warehouse.replace(TABLE, Q2, [topics(Q2, 5)])
    warehouse.replace("themes", Q1, [])
    return warehouse


def catalog(warehouse: Warehouse) -> Path:
    return Path(warehouse.root) / "catalog.db"


def files(warehouse: Warehouse) -> set[Path]:
    return {p for p in (Path(warehouse.root) / "ftm").rglob("*") if p.is_file()}


def metadata(warehouse: Warehouse, name: str = TABLE) -> Path:
    return Path(warehouse.root) / "ftm" / name / "metadata"


HARMS: dict[str, Callable[[Path], object]] = {
    "deleted": lambda p: p.unlink(),
    "emptied": lambda p: p.write_bytes(b""),
    "overwritten": lambda p: p.write_bytes(b"no database" * 999),
    "damaged": lambda p: p.write_bytes(p.read_bytes()[:4096] + bytes(p.stat().st_size - 4096)),
    "replaced by an older one": lambda p: shutil.copy(p.parent.parent / "old.db", p),
}


@pytest.mark.parametrize("hint", [True, False], ids=["with notes", "without notes"])
@pytest.mark.parametrize("harm", HARMS.values(), ids=HARMS)
def test_a_lost_catalog_is_an_error_that_names_the_remedy_and_the_remedy_loses_nothing(
    warehouse: Warehouse, topics: Callable, harm: Callable, hint: bool
):
    """Without notes: of a version of FTM that did not write them."""
    if not hint:
        for name in (TABLE, "themes"):
            (metadata(warehouse, name) / history.HINT).unlink()
    harm(catalog(warehouse))
    before, content = files(warehouse), catalog(warehouse).exists() and catalog(warehouse).read_bytes()
    for use in (
        warehouse.connect,
        lambda: warehouse.connect(tables=[TABLE]),
        lambda: warehouse.read(TABLE, Q1),
        lambda: warehouse.read("themes", Q1),
        lambda: warehouse.quarter(TABLE, Q1),
        warehouse.exists,
        lambda: status(warehouse),
        lambda: tags.tags(warehouse),
        lambda: tags.tag(warehouse, Q1, "new"),
        lambda: repair.restore(warehouse, TABLE),
        lambda: warehouse.replace(TABLE, Q1, [topics(Q1, 1)]),
        lambda: warehouse.replace("firm_status", Q1, []),
        lambda: maintain(warehouse, LATER),
    ):
        with pytest.raises(LostCatalogError, match="Run `ftm restore --from-files`"):
            use()
    assert files(warehouse) == before
    assert (catalog(warehouse).exists() and catalog(warehouse).read_bytes()) == content
    rebuilt = from_files(warehouse)
    assert {t.name for t in rebuilt.tables} == {TABLE, "themes"}
    assert all(not t.notes for t in rebuilt.tables)
    if content is not False:
        assert rebuilt.kept is not None
        assert Path(rebuilt.kept).read_bytes() == content
    assert [warehouse.read(TABLE, q).num_rows for q in (Q1, Q2)] == [4, 5]
    assert warehouse.read(TABLE, Q1, as_of="paper").num_rows == 3
    assert warehouse.read("themes", Q1).num_rows == 0
    assert from_files(warehouse).tables == []
    warehouse.replace(TABLE, Q2, [topics(Q2, 6)])
    maintain(warehouse, LATER)
    assert [warehouse.read(TABLE, q).num_rows for q in (Q1, Q2)] == [4, 6]


def test_only_the_table_that_the_catalog_does_not_know_is_pointed_elsewhere(
    warehouse: Warehouse, tmp_path: Path
):
    shutil.copy(catalog(warehouse), tmp_path / "newer.db")
    warehouse.replace("firm_status", Q1, [])
    shutil.copy(tmp_path / "newer.db", catalog(warehouse))
    with pytest.raises(LostCatalogError, match="does not know 1 of the folder's 3 tables"):
        warehouse.connect()
    rebuilt = from_files(warehouse)
    assert [t.name for t in rebuilt.tables] == ["firm_status"]
    assert rebuilt.unchanged == [TABLE, "themes"]


def test_the_newest_is_decided_by_content_and_not_by_name(warehouse: Warehouse):
    newest = history.states(warehouse.location, TABLE)[0]
    folder = metadata(warehouse)
    decoy = newest.before[0].replace("00000-", "99999-")
    shutil.copy(folder / newest.before[0], folder / decoy)
    (folder / history.HINT).unlink()
    catalog(warehouse).unlink()
    found = {t.name: t.file for t in from_files(warehouse).tables}
    assert found[TABLE] == newest.name
    assert warehouse.read(TABLE, Q2).num_rows == 5


@pytest.mark.parametrize("harm", [Path.unlink, lambda p: p.write_bytes(p.read_bytes()[:100])])
def test_a_table_is_not_rolled_back_by_the_way(warehouse: Warehouse, harm: Callable):
    """Its last commit is damaged as well as the catalog: that takes a decision of its own."""
    newest = history.states(warehouse.location, TABLE)[0]
    harm(metadata(warehouse) / newest.name)
    catalog(warehouse).unlink()
    (table,) = (t for t in from_files(warehouse).tables if t.name == TABLE)
    assert (table.file, table.state) == (newest.name, None)
    assert "is missing or cannot be read; `ftm restore firm_topics` rolls the table back" in table.notes[0]
    with pytest.raises(WarehouseError, match="run `ftm restore firm_topics`"):
        warehouse.read(TABLE, Q1)
    assert warehouse.read("themes", Q1).num_rows == 0
    assert from_files(warehouse).tables == []
    assert repair.restore(warehouse, TABLE).went_back
    assert warehouse.read(TABLE, Q1).num_rows == 4
    data = metadata(warehouse).with_name("data") / f"quarter={Q2}"
    with pytest.raises(
        RefusedCleanupError, match=f"no metadata mentions any data file of {Q2}.*--max-removed-share 1"
    ):
        maintain(warehouse, LATER)
    assert list(data.iterdir())
    assert maintain(warehouse, replace(LATER, max_removed_share=1))
    assert not list(data.iterdir())


def test_damage_is_no_reason_to_point_elsewhere(warehouse: Warehouse):
    """The catalog is right, and one table's metadata is gone: `restore TABLE` says what is lost, this does not."""
    shutil.rmtree(metadata(warehouse, "themes"))
    (metadata(warehouse) / history.states(warehouse.location, TABLE)[0].name).unlink()
    assert from_files(warehouse).tables == []
    with pytest.raises(WarehouseError, match="themes: its metadata file is missing"):
        warehouse.read("themes", Q1)


def test_an_attempt_that_was_never_committed_is_not_taken_for_a_commit(
    warehouse: Warehouse, topics: Callable
):
    """Killed between writing the metadata and the catalog; then the same again, successfully."""
    location = warehouse.location
    attempt = attempted(warehouse)
    assert warehouse.read(TABLE, Q2).num_rows == 5, "it is no reason to refuse"
    assert from_files(warehouse).tables == []
    assert maintain(warehouse, Policy())
    warehouse.replace(TABLE, Q2, [topics(Q2, 9)])
    catalog(warehouse).unlink()
    chosen = next(t for t in from_files(warehouse).tables if t.name == TABLE)
    assert (chosen.file, chosen.notes) == (history.hint(location, TABLE), ())
    assert warehouse.read(TABLE, Q2).num_rows == 9
    maintain(warehouse, LATER)
    assert not attempt.exists()


def attempted(warehouse: Warehouse) -> Path:
    """Write the metadata of a commit, as a process does that is killed before it changes the catalog."""
    known = set(metadata_files.names(warehouse.location, TABLE))
    kept = {p: p.read_bytes() for p in (catalog(warehouse), metadata(warehouse) / history.HINT)}
    with warehouse.table(TABLE).transaction() as transaction:
        transaction.set_properties({"a": "b"})
    for path, content in kept.items():
        path.write_bytes(content)
    (new,) = set(metadata_files.names(warehouse.location, TABLE)) - known
    history.note_attempt(warehouse.location, TABLE, new)
    return metadata(warehouse) / new


def test_an_older_backup_copied_over_the_folder_is_noticed_and_mended(
    warehouse: Warehouse, topics: Callable, tmp_path: Path
):
    """The catalog and the hint are from before the last commit; its metadata and data are still here."""
    shutil.copytree(warehouse.root, tmp_path / "backup")
    warehouse.replace(TABLE, Q2, [topics(Q2, 6)])
    shutil.copytree(tmp_path / "backup", warehouse.root, dirs_exist_ok=True)
    before = files(warehouse)
    for use in (lambda: warehouse.read(TABLE, Q2), lambda: maintain(warehouse, LATER)):
        with pytest.raises(OSError, match=r"and all its data is here.*`ftm restore --from-files`"):
            use()
    assert files(warehouse) == before
    from_files(warehouse)
    assert warehouse.read(TABLE, Q2).num_rows == 6
    maintain(warehouse, LATER)
    assert warehouse.read(TABLE, Q2).num_rows == 6


@pytest.mark.parametrize("later", [False, True], ids=["fewer commits", "more commits"])
def test_the_catalog_of_another_warehouse_is_not_taken_for_damage(
    warehouse: Warehouse, topics: Callable, tmp_path: Path, later: bool
):
    other = Warehouse(path=str(tmp_path / "other"))
    for n in range(1, 10 if later else 2):
        other.replace(TABLE, Q1, [topics(Q1, n)])
    other.replace("themes", Q1, [])
    shutil.copy(catalog(other), catalog(warehouse))
    shutil.rmtree(other.root)
    before = files(warehouse)
    for use in (lambda: warehouse.read(TABLE, Q2), lambda: repair.restore(warehouse, TABLE)):
        with pytest.raises(LostCatalogError, match=r"is not that of its tables.*`ftm restore --from-files`"):
            use()
    assert files(warehouse) == before
    from_files(warehouse)
    assert not repair.restore(warehouse, TABLE).went_back
    assert [warehouse.read(TABLE, q).num_rows for q in (Q1, Q2)] == [4, 5]


@pytest.mark.parametrize("hint", [True, False], ids=["with notes", "without notes"])
def test_the_rows_of_a_commit_that_failed_never_become_current(
    warehouse: Warehouse, topics: Callable, hint: bool
):
    with closing(sqlite3.connect(catalog(warehouse))) as database, database:
        database.execute(
            "CREATE TRIGGER no BEFORE UPDATE ON iceberg_tables BEGIN SELECT RAISE(ABORT, 'disk I/O error'); END"
        )
    before = files(warehouse)
    with pytest.raises(WarehouseError, match=r"the catalog .* cannot be read \(disk I/O error\)"):
        warehouse.replace(TABLE, Q1, [topics(Q1, 9)])
    left = {p.name for p in files(warehouse) - before}
    assert not [n for n in left if n.endswith((".json", ".parquet"))]
    catalog(warehouse).unlink()
    if not hint:
        (metadata(warehouse) / history.HINT).unlink()
    from_files(warehouse)
    assert [warehouse.read(TABLE, q).num_rows for q in (Q1, Q2)] == [4, 5]


@pytest.mark.parametrize("noted", [True, False], ids=["noted", "of an earlier version"])
@pytest.mark.parametrize("hint", [True, False], ids=["with hint", "without hint"])
def test_what_a_killed_writer_left_is_not_current_after_the_catalog_is_lost(
    warehouse: Warehouse, topics: Callable, noted: bool, hint: bool
):
    """An earlier version did not note its attempts, but removed the data of those that failed."""
    kept = {p: p.read_bytes() for p in (catalog(warehouse), metadata(warehouse) / history.HINT)}
    pointer = history.hint(warehouse.location, TABLE)
    warehouse.replace(TABLE, Q1, [topics(Q1, 9)])
    for path, content in kept.items():
        path.write_bytes(content)
    newest = metadata_files.names(warehouse.location, TABLE)[0]
    if noted:
        history.note_attempt(warehouse.location, TABLE, newest)
    else:
        newest_data = max(
            (metadata(warehouse).with_name("data") / f"quarter={Q1}").iterdir(),
            key=lambda p: p.stat().st_mtime_ns,
        )
        newest_data.unlink()
    assert warehouse.read(TABLE, Q1).num_rows == 4, "no reason to refuse"
    catalog(warehouse).unlink()
    if not hint:
        (metadata(warehouse) / history.HINT).unlink()
    (table,) = (t for t in from_files(warehouse).tables if t.name == TABLE)
    assert table.file == pointer
    assert bool(table.notes) is noted
    assert warehouse.read(TABLE, Q1).num_rows == 4


def test_a_catalog_that_is_a_folder_is_moved_aside(warehouse: Warehouse):
    catalog(warehouse).unlink()
    catalog(warehouse).mkdir()
    from_files(warehouse)
    assert warehouse.read(TABLE, Q2).num_rows == 5


def test_a_catalog_that_another_program_holds_is_no_damage(
    warehouse: Warehouse, topics: Callable, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(opening, "SQLITE_SECONDS", 0)
    before = files(warehouse)
    with closing(sqlite3.connect(catalog(warehouse), isolation_level=None)) as browser:
        browser.execute("BEGIN EXCLUSIVE")
        with pytest.raises(WarehouseError, match="is locked: another program"):
            warehouse.read(TABLE, Q1)
        browser.execute("ROLLBACK")
        browser.execute("BEGIN")
        browser.execute("SELECT * FROM iceberg_tables").fetchall()
        with pytest.raises(WarehouseError, match="is locked: another program"):
            warehouse.replace(TABLE, Q1, [topics(Q1, 9)])
    assert warehouse.read(TABLE, Q1).num_rows == 4
    assert not [p for p in files(warehouse) - before if p.suffix == ".json"]


def test_a_journal_of_the_old_catalog_is_not_played_back_into_the_new_one(warehouse: Warehouse):
    catalog(warehouse).write_bytes(b"x" * 5000)
    journal = catalog(warehouse).with_name("catalog.db-journal")
    journal.write_bytes(b"y" * 600)
    kept = from_files(warehouse).kept
    assert not journal.exists()
    assert Path(f"{kept}-journal").read_bytes() == b"y" * 600
    assert warehouse.read(TABLE, Q1).num_rows == 4


def test_two_histories_of_a_table_are_both_kept(warehouse: Warehouse, topics: Callable, tmp_path: Path):
    """A catalog was lost and, by an earlier version, the table created anew in the same folder."""
    other = Warehouse(path=str(tmp_path / "other"))
    other.replace(TABLE, Q1, [topics(Q1, 1)])
    shutil.copytree(metadata(other), metadata(warehouse), dirs_exist_ok=True)
    shutil.copytree(metadata(other).parent / "data", metadata(warehouse).parent / "data", dirs_exist_ok=True)
    shutil.copy(catalog(other), catalog(warehouse))
    catalog(warehouse).unlink()
    (metadata(warehouse) / history.HINT).unlink()
    before = files(warehouse)
    (table,) = (t for t in from_files(warehouse).tables if t.name == TABLE)
    assert "is another history of this table" in table.notes[0]
    assert warehouse.read(TABLE, Q2).num_rows == 5, "the fuller one"
    with pytest.raises(OSError, match=r"clean-up removed nothing, because .* belongs to another table"):
        maintain(warehouse, LATER)
    assert before <= files(warehouse) | {metadata(warehouse) / history.HINT}


def test_a_folder_without_metadata_has_nothing_to_rebuild_from(tmp_path: Path):
    with pytest.raises(NoWarehouseError, match="no metadata of any table"):
        from_files(Warehouse(path=str(tmp_path)))
    assert not list(tmp_path.iterdir())
