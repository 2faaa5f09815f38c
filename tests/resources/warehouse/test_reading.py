"""Reading creates nothing: what is not there is an error that says what is; no right to write is needed."""

import os
import stat
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from datetime import timedelta
from pathlib import Path

import pyarrow as pa
import pytest
from pydantic import ValidationError

from benchmarks.mixtures import rows_of
from ftm_resources.warehouse import Warehouse, WarehouseError, repair, tags
from ftm_resources.warehouse.cleanup import Policy, maintain
from ftm_resources.warehouse.status import status

QUARTER = "2020Q1"

READS: dict[str, Callable[[Warehouse], object]] = {
    "read": lambda w: w.read("firm_topics", QUARTER),
    "read as of": lambda w: w.read("firm_topics", QUARTER, as_of="2024-05-31"),
    "quarter": lambda w: w.quarter("firm_topics", QUARTER),
    "quarters": lambda w: w.quarters("firm_topics"),
    "connect": lambda w: w.connect(),
    "connect to a quarter": lambda w: w.connect(quarter=QUARTER),
    "connect as of": lambda w: w.connect(as_of="paper-v1"),
    "connect to the newest": lambda w: w.connect(newest=True, tables=["themes"]),
    "provenance": lambda w: w.provenance("firm_topics", QUARTER),
    "dimension": lambda w: w.dimension("sentence_embeddings", QUARTER),
    "data files": lambda w: w.data_files("firm_topics"),
    "table": lambda w: w.table("firm_topics"),
    "tables": lambda w: w.tables(),
    "status": status,
    "tags": tags.tags,
    "tag": lambda w: tags.tag(w, QUARTER, "paper-v1"),
    "untag": lambda w: tags.untag(w, QUARTER, "paper-v1"),
    "verify": lambda w: repair.verify(w, QUARTER),
    "restore": lambda w: repair.restore(w, "firm_topics"),
    "cleanup": lambda w: maintain(w, Policy(keep=timedelta(days=1))),
}


@pytest.mark.parametrize("read", READS.values(), ids=READS)
@pytest.mark.parametrize("is_there", [True, False], ids=["empty folder", "no folder"])
def test_reading_a_warehouse_that_is_not_there_names_it_and_what_is_near(
    tmp_path: Path, read: Callable[[Warehouse], object], is_there: bool
):
    right, wrong = tmp_path / "warehouse", tmp_path / "warehose"
    (right / "sub").mkdir(parents=True)
    (right / "catalog.db").touch()
    if is_there:
        wrong.mkdir()
    before = sorted(tmp_path.rglob("*"))
    with pytest.raises(WarehouseError, match=rf"no warehouse at {wrong}\. Warehouses nearby: {right}\. "):
        read(Warehouse(path=str(wrong)))
    assert sorted(tmp_path.rglob("*")) == before


def test_a_catalog_without_tables_is_no_warehouse(tmp_path: Path):
    """What earlier versions left behind where a mistyped path was read, and a catalog that was cut to nothing."""
    (tmp_path / "catalog.db").touch()
    for _ in range(2):
        with pytest.raises(WarehouseError, match=r"no warehouse at|cannot be read"):
            Warehouse(path=str(tmp_path)).connect()
    assert (tmp_path / "catalog.db").stat().st_size == 0


def test_a_catalog_that_is_no_database_is_named(tmp_path: Path):
    (tmp_path / "catalog.db").write_bytes(b"not a database, whatever its name" * 100)
    with pytest.raises(WarehouseError, match=r"catalog\.db cannot be read"):
        Warehouse(path=str(tmp_path)).connect()


@pytest.fixture
def warehouse(tmp_path: Path, topics: Callable) -> Warehouse:
    warehouse = Warehouse(path=str(tmp_path / "warehouse"))
    warehouse.replace("firm_topics", QUARTER, [topics(QUARTER, 3)])
    warehouse.replace("firm_topics", "2020Q3", [])
    return warehouse


def test_a_table_that_does_not_hold_the_quarter_says_which_it_holds(warehouse: Warehouse):
    with pytest.raises(
        WarehouseError, match=r"firm_topics in .* does not hold 2020Q2; it holds 2020Q1, 2020Q3\."
    ):
        warehouse.read("firm_topics", "2020Q2")
    with pytest.raises(
        WarehouseError, match=r"does not hold 2020Q1; it holds no quarter\. Materialize themes"
    ):
        warehouse.read("themes", QUARTER)
    with pytest.raises(WarehouseError, match=r"no quarter 2019Q4 in .*; it holds 2020Q1, 2020Q3"):
        warehouse.connect(quarter="2019Q4")
    with pytest.raises(WarehouseError, match="no quarter 2019Q4 in "):
        repair.verify(warehouse, "2019Q4")


def test_a_quarter_that_was_written_without_rows_is_there_and_has_none(warehouse: Warehouse):
    assert warehouse.read("firm_topics", "2020Q3").num_rows == 0
    assert warehouse.connect(quarter="2020Q3").execute("SELECT count(*) FROM firm_topics").fetchone() == (0,)
    assert warehouse.quarter("firm_topics", "2020Q3").is_written


def test_a_table_that_waits_for_its_first_write_is_empty_and_stays_uncreated(warehouse: Warehouse):
    """What optional reads rely on: the earlier rows of a mart, the trend of a measure."""
    before = sorted(Path(warehouse.root).rglob("*"))
    connection = warehouse.connect(tables=["themes", "firm_topics"])
    assert connection.execute("SELECT count(*) FROM themes").fetchone() == (0,)
    held = warehouse.quarter("themes", QUARTER)
    assert not held.is_written
    assert held.read(["theme_id"]).num_rows == 0
    assert warehouse.quarters("themes") == []
    assert warehouse.provenance("themes", QUARTER) == {}
    assert warehouse.dimension("sentence_embeddings", QUARTER) is None
    assert sorted(Path(warehouse.root).rglob("*")) == before


def test_a_quarter_that_is_held_from_before_its_first_write_stays_empty(warehouse: Warehouse):
    held = Warehouse(path=warehouse.root).quarter("themes", QUARTER)
    warehouse.replace("themes", QUARTER, [])
    assert not held.is_written
    assert held.read().num_rows == 0


def test_a_mistyped_table_is_an_error_that_names_those_alike(warehouse: Warehouse):
    for read in (
        lambda: warehouse.read("firm_topic", QUARTER),
        lambda: warehouse.quarter("firm_topic", QUARTER),
        lambda: warehouse.connect(tables=["firm_topic"]),
        lambda: warehouse.replace("firm_topic", QUARTER, []),
    ):
        with pytest.raises(WarehouseError, match="no table 'firm_topic'; did you mean firm_topics"):
            read()


@pytest.mark.parametrize("quarter", ["2020q1", "2020-Q1", "2020 q1", " 2020Q1 "])
def test_a_quarter_is_understood_as_people_write_it(warehouse: Warehouse, topics: Callable, quarter: str):
    assert warehouse.read("firm_topics", quarter).num_rows == 3
    assert warehouse.quarter("firm_topics", quarter).read().num_rows == 3
    count = "SELECT count(*) FROM firm_topics"
    assert warehouse.connect(quarter=quarter).execute(count).fetchone() == (3,)
    assert warehouse.provenance("firm_topics", quarter)["rows"] == "3"
    warehouse.replace("firm_topics", quarter, [topics(QUARTER, 4)])
    assert repair.verify(warehouse, quarter) == (1, [])
    assert tags.tag(warehouse, quarter, "v1").quarter == QUARTER


@pytest.mark.parametrize("quarter", ["2020Q5", "2020", "Q1 2020", "20Q1", "", "2020Q1'; DROP TABLE t"])
def test_what_is_no_quarter_is_refused(warehouse: Warehouse, quarter: str):
    for read in (
        lambda: warehouse.read("firm_topics", quarter),
        lambda: warehouse.connect(quarter=quarter),
        lambda: warehouse.quarter("firm_topics", quarter),
        lambda: warehouse.replace("firm_topics", quarter, []),
        lambda: repair.verify(warehouse, quarter),
    ):
        with pytest.raises(WarehouseError, match="is not a quarter such as 2023Q1"):
            read()


@pytest.mark.parametrize("arguments", [{"root": "w"}, {"path": "w", "quarter": "2020Q1"}])
def test_an_unknown_argument_is_refused(arguments: dict[str, str]):
    with pytest.raises(ValidationError, match="Extra inputs are not permitted"):
        Warehouse(**arguments)


READ_ALL = """
import os, sys
from ftm_resources.warehouse import Warehouse, WarehouseError, repair, tags
from ftm_resources.warehouse.status import status

warehouse = Warehouse(path=sys.argv[1])

def read_all():
    assert warehouse.read("firm_topics", "2020Q1").num_rows == 3
    assert warehouse.quarter("firm_topics", "2020Q1").read().num_rows == 3
    assert warehouse.quarters("firm_topics") == ["2020Q1"]
    assert warehouse.connect().execute("SELECT count(*) FROM firm_topics").fetchone() == (3,)
    assert warehouse.read("firm_topics", "2020Q1", as_of="paper-v1").num_rows == 3
    assert [t.name for t in tags.tags(warehouse)] == ["paper-v1"]
    assert repair.verify(warehouse, "2020Q1") == (1, [])
    assert [s.quarter for s in status(warehouse)] == ["2020Q1"]

read_all()
if os.geteuid() == 0 and sys.argv[2:] == ["as nobody"]:
    # What is imported later could not be: a user's own Python is often not readable for others.
    os.setgroups([])
    os.setgid(65534)
    os.setuid(65534)
    read_all()
try:
    warehouse.replace("firm_topics", "2020Q1", [])
except Exception as error:
    print(type(error).__name__)
sys.stdout.flush()
os._exit(0)
"""


def listing(root: Path) -> dict[Path, tuple[int, int]]:
    return {p: (p.stat().st_mtime_ns, p.stat().st_size) for p in root.rglob("*")}


@pytest.fixture
def shared_folder() -> Iterator[Path]:
    """A folder that other users of the machine may enter, which pytest's own is not."""
    with tempfile.TemporaryDirectory() as folder:
        Path(folder).chmod(0o755)
        yield Path(folder)


def test_a_read_only_mount_is_read(shared_folder: Path, topics: Callable):
    warehouse = Warehouse(path=str(shared_folder / "warehouse"))
    warehouse.replace("firm_topics", QUARTER, [topics(QUARTER, 3)])
    tags.tag(warehouse, QUARTER, "paper-v1")
    before = listing(shared_folder)
    mounted = 'mount --bind "$1" "$1" && mount -o remount,bind,ro "$1" && exec "$2" -c "$3" "$1"'
    apart = ["unshare", "--user", "--map-root-user", "--mount", "sh", "-c", mounted, "sh"]
    done = subprocess.run(
        [*apart, warehouse.root, sys.executable, READ_ALL], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr[-3000:]
    assert done.stdout.strip(), "writing is refused"
    assert listing(shared_folder) == before


READING_COMMANDS = """
import os, sys
from typer.testing import CliRunner
os.environ["FTM_WAREHOUSE"] = sys.argv[1]
os.environ["DAGSTER_HOME"] = os.environ["OUT"] + "/home"
from ftm_assets.cli.main import app
export = ["export", "tables", "2020Q1", "--out", os.environ["OUT"] + "/tables"]
themes = ["themes", "2020Q1", "--as-of", "paper-v1"]
for command in (["quarters"], ["verify", "2020Q1"], ["tags"], themes, export, ["doctor"]):
    done = CliRunner().invoke(app, command)
    if done.exit_code:
        sys.exit(f"{command}: {done.output}")
"""


@pytest.mark.integration
def test_commands_that_read_work_on_a_read_only_mount(shared_folder: Path, topics: Callable, tmp_path: Path):
    warehouse = Warehouse(path=str(shared_folder / "warehouse"))
    warehouse.replace("firm_topics", QUARTER, [topics(QUARTER, 3)])
    for table in ("themes", "theme_sentiment"):
        warehouse.replace(table, QUARTER, [rows_of(table, "1", 2)])
    tags.tag(warehouse, QUARTER, "paper-v1")
    mounted = 'mount --bind "$1" "$1" && mount -o remount,bind,ro "$1" && exec "$2" -c "$3" "$1"'
    apart = ["unshare", "--user", "--map-root-user", "--mount", "sh", "-c", mounted, "sh"]
    done = subprocess.run(
        [*apart, warehouse.root, sys.executable, READING_COMMANDS],
        env=os.environ | {"OUT": str(tmp_path)}, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-3000:]


def test_a_colleague_who_may_only_read_can(shared_folder: Path, topics: Callable):
    warehouse = Warehouse(path=str(shared_folder / "warehouse"))
    warehouse.replace("firm_topics", QUARTER, [topics(QUARTER, 3)])
    tags.tag(warehouse, QUARTER, "paper-v1")
    for path in [shared_folder, *shared_folder.rglob("*")]:
        path.chmod(stat.S_IRUSR | stat.S_IRGRP | stat.S_IROTH | (0o111 if path.is_dir() else 0))
    before = listing(shared_folder)
    done = subprocess.run(
        [sys.executable, "-c", READ_ALL, warehouse.root, "as nobody"],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    for path in [shared_folder, *shared_folder.rglob("*")]:
        path.chmod(0o755)
    assert done.returncode == 0, done.stderr[-3000:]
    assert done.stdout.strip(), "writing is refused"
    assert listing(shared_folder).keys() == before.keys()


def test_on_s3_reading_creates_nothing_and_a_mistyped_prefix_is_not_read_as_another(
    warehouse_on_s3: Callable[[], AbstractContextManager[Warehouse]], topics: Callable[[str, int], pa.Table]
):
    import boto3

    with warehouse_on_s3() as warehouse:
        before = boto3.client("glue").get_databases()["DatabaseList"]  # others' too: the account is shared
        for name, read in READS.items():
            with pytest.raises(WarehouseError, match=f"no warehouse at {warehouse.root}"):
                pytest.fail(f"{name}: {read(warehouse)}")
        assert boto3.client("glue").get_databases()["DatabaseList"] == before
        assert "Contents" not in boto3.client("s3").list_objects_v2(Bucket="ftm")
        warehouse.replace("firm_topics", QUARTER, [topics(QUARTER, 3)])
        there = boto3.client("s3").list_objects_v2(Bucket="ftm")["KeyCount"]
        mistyped = Warehouse(path="s3://ftm/warehose")
        for name, use in {**READS, "write": lambda w: w.replace("themes", QUARTER, [])}.items():
            with pytest.raises(
                WarehouseError, match=f"no warehouse at s3://ftm/warehose: .* {warehouse.root}"
            ):
                pytest.fail(f"{name}: {use(mistyped)}")
        assert boto3.client("s3").list_objects_v2(Bucket="ftm")["KeyCount"] == there
        assert warehouse.quarter("themes", QUARTER).is_written is False
