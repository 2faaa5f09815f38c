"""A copied or moved warehouse: it opens, and never touches what it was made from."""

import hashlib
import os
import shutil
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from ftm_resources.warehouse import Warehouse, WarehouseError, repair, tags
from ftm_resources.warehouse.adoption import adopt
from ftm_resources.warehouse.cleanup import Kept, Policy, maintain
from ftm_resources.warehouse.errors import RefusedCleanupError
from ftm_resources.warehouse.location import ROOT, under
from ftm_resources.warehouse.parts import PlanParts
from ftm_resources.warehouse.rooted_io import RootedFileIO

TABLE, Q1, Q2 = "firm_topics", "2020Q1", "2020Q2"
LATER = Policy(keep=timedelta(days=1), keep_last=1, now=datetime.now(UTC) + timedelta(days=40))
"""Seen from there, all that the tests have written is old."""


@pytest.fixture
def original(tmp_path: Path, topics: Callable) -> Warehouse:
    """A table with a tagged state that has been replaced, another quarter, and an empty table."""
    warehouse = Warehouse(path=str(tmp_path / "original"))
    warehouse.replace(TABLE, Q1, [topics(Q1, 3)], provenance={"run_id": "r1"})
    tags.tag(warehouse, Q1, "paper")
    warehouse.replace(TABLE, Q1, [topics(Q1, 4)])
    warehouse.replace(TABLE, Q2, [topics(Q2, 5)])
    warehouse.replace("themes", Q1, [])
    return warehouse


def digests(folder: Path | str) -> dict[str, str]:
    return {
        str(p.relative_to(folder)): hashlib.sha256(p.read_bytes()).hexdigest()
        for p in Path(folder).rglob("*")
        if p.is_file() and p.parent.name != ".locks"
    }


def rows(warehouse: Warehouse) -> dict[str, int]:
    connection = warehouse.connect(tables=[TABLE], newest=True)
    by_duckdb = dict(connection.execute("SELECT quarter, count(*) FROM firm_topics GROUP BY 1").fetchall())
    assert by_duckdb == {q: warehouse.read(TABLE, q).num_rows for q in warehouse.quarters(TABLE)}
    return by_duckdb


@pytest.mark.parametrize("adopted", [False, True], ids=["as it is", "adopted"])
@pytest.mark.parametrize("original_stays", [True, False], ids=["original there", "original renamed away"])
def test_a_copy_is_a_warehouse_of_its_own(
    original: Warehouse, tmp_path: Path, topics: Callable, adopted: bool, original_stays: bool
):
    before = digests(original.root)
    shutil.copytree(original.root, tmp_path / "copy")
    home = Path(original.root) if original_stays else Path(original.root).rename(tmp_path / "away")
    copy = Warehouse(path=str(tmp_path / "copy"))
    if adopted:
        assert set(adopt(copy).tables) == {TABLE, "themes"}
    assert rows(copy) == {Q1: 4, Q2: 5}
    assert all(uri.startswith(f"file://{copy.root}/") for uri in copy.data_files(TABLE))
    assert copy.read(TABLE, Q1, as_of="paper").num_rows == 3
    copy.replace(TABLE, Q2, [topics(Q2, 7)])
    copy.replace("firm_status", Q2, [])
    tags.tag(copy, Q2, "mine")
    assert repair.verify(copy, Q1)[1] == []
    assert rows(copy) == {Q1: 4, Q2: 7}
    if adopted:
        assert sum(maintain(copy, LATER).values(), Kept()).files_removed
    else:
        held = digests(copy.root)
        with pytest.raises(RefusedCleanupError, match=r"names file://.*/original as .* run `ftm adopt`"):
            maintain(copy, LATER)
        assert digests(copy.root) == held
    assert digests(home) == before
    if not original_stays:
        home.rename(original.root)
    maintain(original, LATER)
    assert rows(original) == {Q1: 4, Q2: 5}
    assert rows(copy) == {Q1: 4, Q2: 7}
    assert (
        copy.read(TABLE, Q1, as_of="paper").num_rows == original.read(TABLE, Q1, as_of="paper").num_rows == 3
    )
    assert [t.name for t in tags.tags(original)] == ["paper"]


def test_a_mounted_folder_keeps_the_name_that_its_metadata_has(
    original: Warehouse, tmp_path: Path, topics: Callable
):
    """A table that is first written at the mount point is named like the others, for the machine it is mounted from."""
    mounted = Warehouse(path=str(Path(original.root).rename(tmp_path / "mounted")))
    mounted.replace("firm_status", Q1, [])
    mounted.replace(TABLE, Q2, [topics(Q2, 6)])
    Path(mounted.root).rename(original.root)
    assert original.table("firm_status").location() == f"file://{original.root}/ftm/firm_status"
    assert rows(original) == {Q1: 4, Q2: 6}
    assert maintain(original, LATER)[TABLE].files_removed


def test_a_link_to_a_warehouse_is_the_warehouse(original: Warehouse, tmp_path: Path):
    (tmp_path / "link").symlink_to(original.root)
    assert Warehouse(path=f"{tmp_path}/link/").root == original.root


def test_a_copy_by_hard_links_shares_no_catalog(original: Warehouse, tmp_path: Path, topics: Callable):
    shutil.copytree(original.root, tmp_path / "copy", copy_function=os.link)
    copy, before = Warehouse(path=str(tmp_path / "copy")), digests(original.root)
    for write in (
        lambda: copy.replace(TABLE, Q2, [topics(Q2, 7)]),
        lambda: tags.tag(copy, Q2, "mine"),
        lambda: tags.untag(copy, Q1, "paper"),
    ):
        with pytest.raises(
            WarehouseError, match=r"catalog\.db is a link: .* run `ftm adopt`|Run `ftm adopt`"
        ):
            write()
    assert digests(original.root) == before
    adopt(copy)
    copy.replace(TABLE, Q2, [topics(Q2, 7)])
    maintain(copy, LATER)
    assert digests(original.root) == before
    assert (rows(original)[Q2], rows(copy)[Q2]) == (5, 7)
    original.replace(TABLE, Q2, [topics(Q2, 6)])
    assert rows(copy)[Q2] == 7


def test_a_catalog_without_its_files_says_where_they_are(original: Warehouse, tmp_path: Path):
    (tmp_path / "copy").mkdir()
    shutil.copy(Path(original.root) / "catalog.db", tmp_path / "copy")
    copy = Warehouse(path=str(tmp_path / "copy"))
    for use in (lambda: copy.read(TABLE, Q1), lambda: repair.restore(copy, TABLE), copy.connect):
        with pytest.raises(WarehouseError, match=f"files are not in {copy.root} but in {original.root}"):
            use()


def test_parts_of_a_copy_are_its_own(original: Warehouse, tmp_path: Path, topics: Callable):
    def parts(warehouse: Warehouse) -> PlanParts:
        return PlanParts(warehouse, TABLE, Q1, "plan", "run")

    parts(original).write(["1"], {TABLE: topics(Q1, 2)}, {}, 0.0)
    shutil.copytree(original.root, tmp_path / "copy")
    shutil.rmtree(Path(original.root) / "staging")
    copy = parts(Warehouse(path=str(tmp_path / "copy")))
    part = copy.find(["1"])
    assert part is not None
    assert copy.read(part, TABLE).num_rows == 2


@pytest.mark.parametrize(
    "uri",
    [
        "file:///etc/passwd",
        "s3://bucket/x.parquet",
        "file:///w/ftm/themes/data/../../../../etc/passwd",
        "file:///w/ftm/themes/other/x.parquet",
        "/w/ftm/data/x",
    ],
)
def test_what_is_no_file_of_a_table_is_neither_read_nor_written(uri: str, tmp_path: Path):
    io = RootedFileIO({ROOT: f"file://{tmp_path}"})
    for use in (io.new_input, io.new_output, io.delete):
        with pytest.raises(WarehouseError, match="does not belong to the warehouse"):
            use(uri)


@pytest.mark.parametrize(
    "recorded",
    [
        "file:///old",
        "file:///old/ftm/themes/data",
        "s3://bucket/a b",
        "file:///a#b?c=%20",
        "file:///new\nline",
    ],
)
def test_a_file_is_looked_for_under_the_root_of_now(recorded: str):
    assert under("file:///now", f"{recorded}/ftm/themes/data/quarter=2020Q1/x.parquet") == (
        "file:///now/ftm/themes/data/quarter=2020Q1/x.parquet"
    )


@pytest.mark.parametrize(
    "name",
    [
        "a#b",
        "a?b",
        "a%20b",
        "a b",
        "it's",
        'q"q',
        "ü日",
        "new\nline",
        "a*b",
        "[ab]",
        "{a,b}",
        "x=1",
        "$HOME",
        "a\\b",
    ],
)
def test_odd_characters_in_the_path_work(tmp_path: Path, topics: Callable, name: str):
    """Beside a copy that a pattern would match too."""
    warehouse = Warehouse(path=str(tmp_path / name))
    warehouse.replace(TABLE, Q1, [topics(Q1, 3)])
    for other in ("aXb", "a"):
        shutil.copytree(warehouse.root, tmp_path / other)
    warehouse.replace(TABLE, Q1, [topics(Q1, 4)])
    assert rows(warehouse) == {Q1: 4}
    tags.tag(warehouse, Q1, "v1")
    maintain(warehouse, replace(LATER, keep_last=2))
    assert repair.verify(warehouse, Q1) == (1, [])
    assert {p.name for p in tmp_path.iterdir()} == {name, "aXb", "a"}


def test_a_pattern_in_the_path_counts_no_neighbour(tmp_path: Path, topics: Callable):
    warehouse = Warehouse(path=str(tmp_path / "a*b"))
    warehouse.replace(TABLE, Q1, [topics(Q1, 3)])
    shutil.copytree(warehouse.root, tmp_path / "aXb")
    assert rows(warehouse) == {Q1: 3}
