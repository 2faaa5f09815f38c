"""A disk that is full in earnest: a small tmpfs in a mount namespace of its own, filled at every stage of a write."""

import errno
import subprocess
import sys
from pathlib import Path

import pytest

from ftm_resources.warehouse import Warehouse
from ftm_resources.warehouse.errors import WarehouseError
from ftm_resources.warehouse.full_disk import reporting_full_disk
from ftm_resources.warehouse.pointers import FolderCatalog
from ftm_resources.warehouse.rebuild import from_files

PRELUDE = """
import json, os, sys
from pathlib import Path
import pyarrow as pa
from ftm_resources.warehouse.errors import WarehouseError
from ftm_resources.warehouse.parts import PlanParts
from ftm_resources.warehouse import Warehouse

disk = Path(sys.argv[1])
warehouse = Warehouse(path=str(disk / "warehouse"))

def topics(quarter, n):
    noise = [os.urandom(24).hex() for _ in range(n)]
    return pa.table({
        "topic_id": [f"{quarter}:1:{i:05d}" for i in range(n)], "firm_id": ["1"] * n,
        "local_topic": pa.array(range(n), pa.int32()), "n_sentences": pa.array([3] * n, pa.int32()),
        "keywords": [[x] for x in noise], "representative_sentence_ids": [["s"]] * n,
        "call_share": [0.0] * n, "embedding": [[0.6, 0.8]] * n})

def leave(kib):
    "Fill the disk but for so many KiB."
    ballast = disk / "ballast"
    ballast.unlink(missing_ok=True)
    free = os.statvfs(disk).f_bavail * os.statvfs(disk).f_frsize
    with ballast.open("wb") as file:
        file.write(bytes(max(free - kib * 1024, 0)))

def make_space():
    (disk / "ballast").unlink()

def attempt(work):
    try:
        work()
    except WarehouseError as error:
        return str(error)
    return None

def files(kind):
    return sum(1 for _ in (disk / "warehouse").rglob(kind))
"""

# At the exit of a process that has just read Parquet, Arrow's threads may abort it (apache/arrow#34314).
END = """
sys.stdout.flush()
os._exit(0)
"""


def on_small_disk(script: str, folder: Path, mib: int = 8) -> str:
    """Run a script that is given a disk of so many MiB; return what it printed."""
    folder.mkdir()
    mounted = f'mount -t tmpfs -o size={mib}m none "$1" && shift && exec "$@"'
    command = ["unshare", "--user", "--map-root-user", "--mount", "sh", "-c", mounted, "sh", str(folder)]
    done = subprocess.run(
        [*command, sys.executable, "-c", PRELUDE + script + END, str(folder)],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-3000:]
    return done.stdout


def test_a_write_at_any_fill_is_whole_or_refused_and_leaves_the_old_rows(tmp_path: Path):
    """From no space at all on, in small steps: data files, manifests, metadata and the catalog each run out of it."""
    out = on_small_disk(
        """
warehouse.replace("firm_topics", "2020Q1", [topics("2020Q1", 10)])
refused = []
for kib in range(0, 400, 8):
    before = files("*.parquet")
    leave(kib)
    problem = attempt(lambda: warehouse.replace("firm_topics", "2020Q1", [topics("2020Q1", 1000)]))
    rows = warehouse.read("firm_topics", "2020Q1").num_rows
    assert Warehouse(path=warehouse.root).connect(tables=["firm_topics"]).execute(
        "SELECT count(*) FROM firm_topics").fetchone() == (rows,)
    if problem is None:
        assert rows == 1000, rows
        break
    assert rows == 10, rows
    assert files("*.parquet") == before, "what was written is removed: it would keep the disk full"
    refused.append((kib, problem))
else:
    raise AssertionError("there was never enough space")
make_space()
warehouse.replace("firm_topics", "2020Q1", [topics("2020Q1", 20)])
assert warehouse.read("firm_topics", "2020Q1").num_rows == 20
print(len(refused), {p.split(":")[0] for _, p in refused}, refused[0][1])
""",
        tmp_path / "disk",
    )
    n, _, message = out.partition(" ")
    assert int(n) > 5
    assert "{'firm_topics 2020Q1'}" in message
    assert "no space left" in message
    assert "try again" in message


def test_a_part_is_there_whole_or_not_at_all_and_nothing_is_left_of_it(tmp_path: Path):
    out = on_small_disk(
        """
staging = PlanParts(warehouse, "firm_topics", "2020Q1", "plan", "run")
staging.write(["1"], {"firm_topics": topics("2020Q1", 10)}, {}, 0.0)
leave(16)
problem = attempt(lambda: staging.write(["2"], {"firm_topics": topics("2020Q1", 1000)}, {}, 0.0))
assert staging.find(["1"]) and not staging.find(["2"]) and not staging.ignored
assert not files("*.tmp")
make_space()
staging.write(["2"], {"firm_topics": topics("2020Q1", 1000)}, {}, 0.0)
assert staging.read(staging.find(["2"]), "firm_topics").num_rows == 1000
print(problem)
""",
        tmp_path / "disk",
    )
    assert out.startswith("firm_topics 2020Q1: no space left")


def test_other_errors_pass():
    with pytest.raises(FileNotFoundError), reporting_full_disk("/", "it"):
        raise FileNotFoundError("gone")
    with pytest.raises(WarehouseError, match="it: no space"), reporting_full_disk("/", "it"):
        raise RuntimeError("while writing") from OSError(28, "No space left on device")


def test_a_catalog_is_rebuilt_whole_or_not_at_all(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    warehouse = Warehouse(path=str(tmp_path / "warehouse"))
    warehouse.replace("themes", "2020Q1", [])
    file = tmp_path / "warehouse" / "catalog.db"
    file.write_bytes(b"no database" * 999)
    before = {p.name for p in file.parent.iterdir()}

    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(FolderCatalog, "insert", full)
    with pytest.raises(
        WarehouseError, match=r"the catalog: no space left under .* Existing data is unchanged"
    ):
        from_files(warehouse)
    assert {p.name for p in file.parent.iterdir()} == before
    monkeypatch.undo()
    from_files(warehouse)
    assert warehouse.read("themes", "2020Q1").num_rows == 0
