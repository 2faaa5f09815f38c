import os
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from ftm_resources.sources.base import SourceWarning
from ftm_resources.sources.files.found_files import find
from ftm_resources.sources.files.tabular import ENDINGS
from ftm_resources.sources.files.transcript_files import FilesSource
from tests.calls_in_files import problems, read, row, write


def refused(path: Path) -> list[str]:
    return [str(p) for p in find(path).problems]


def names(path: Path) -> list[str]:
    return [str(p.relative_to(path)) for p in find(path).files]


def test_a_folder_is_read_with_its_subfolders_and_what_is_left_out_is_named(tmp_path: Path):
    (tmp_path / "2020" / ".old").mkdir(parents=True)
    write(tmp_path / "a.csv", [row()])
    write(tmp_path / "2020" / "b.CSV", [row(transcriptid=56)])
    for name in ("README.md", ".hidden.csv", "_draft.csv", "2020/calls.xls", "2020/calls.txt", ".DS_Store"):
        (tmp_path / name).write_text("broken")
    with pytest.warns(SourceWarning) as told:
        assert sorted(read(tmp_path).column("transcriptid").to_pylist()) == ["55", "56"]
    assert {str(w.message) for w in told} == {
        "not read: .hidden.csv (hidden), 2020/.old (hidden), 2020/calls.txt (if it is a table, rename it to .tsv "
        "(tabs) or .csv), 2020/calls.xls (save it as .xlsx), README.md (another kind of file), _draft.csv (hidden)"
    }


def test_at_most_twenty_names_are_listed(tmp_path: Path):
    write(tmp_path / "a.csv", [row()])
    for i in range(25):
        (tmp_path / f"{i}.pdf").touch()
    with pytest.warns(SourceWarning, match="and 5 more$"):
        read(tmp_path)


def test_links_that_lead_nowhere_and_to_themselves_are_refused(tmp_path: Path):
    write(tmp_path / "a.csv", [row()])
    (tmp_path / "b.csv").symlink_to(tmp_path / "gone.csv")
    (tmp_path / "c").symlink_to("c")
    (tmp_path / "d").symlink_to(tmp_path / "gone")
    first, second, third = refused(tmp_path)
    assert first.startswith(f"b.csv: is a link to {tmp_path}/gone.csv: No such file")
    assert second.startswith("c: is a link to c: Too many levels of symbolic links")
    assert third.startswith(f"d: is a link to {tmp_path}/gone: No such file")


def test_links_are_followed_once(tmp_path: Path):
    elsewhere, calls = tmp_path / "elsewhere", tmp_path / "calls"
    elsewhere.mkdir()
    calls.mkdir()
    write(elsewhere / "a.csv", [row()])
    write(calls / "b.csv", [row(transcriptid=56)])
    (calls / "2020").symlink_to(elsewhere)
    (calls / "again").symlink_to(elsewhere)
    (calls / "loop").symlink_to(calls)
    (calls / "c.csv").symlink_to("b.csv")
    os.link(calls / "b.csv", calls / "hard.csv")
    assert names(calls) == ["2020/a.csv", "b.csv"]
    assert find(calls).left_out == {
        "again": "the same as 2020",
        "loop": "the same as .",
        "c.csv": "the same as b.csv",
        "hard.csv": "the same as b.csv",
    }


def test_pipes_sockets_and_devices_are_refused_and_not_waited_for(tmp_path: Path):
    os.mkfifo(tmp_path / "a.csv")
    with socket.socket(socket.AF_UNIX) as bound:
        bound.bind(str(tmp_path / "b.csv"))
        (tmp_path / "c.csv").symlink_to("/dev/null")
        assert refused(tmp_path) == [f"{name}.csv: is not a regular file" for name in "abc"]
        assert refused(tmp_path / "a.csv") == ["a.csv: is not a regular file"]


UNREADABLE = """
import os, sys
from pathlib import Path
from ftm_resources.sources.files.transcript_files import FilesSource
os.setgroups([])
os.setgid(65534)
os.setuid(65534)
try:
    FilesSource(sys.argv[1]).files()
except ValueError as error:
    print(error)
sys.stdout.flush()
os._exit(0)
"""


@pytest.fixture
def open_folder() -> Iterator[Path]:
    """A folder that other users of the machine may enter, which pytest's own is not."""
    with tempfile.TemporaryDirectory() as folder:
        Path(folder).chmod(0o755)
        yield Path(folder)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become another user")
def test_a_folder_and_a_file_that_may_not_be_read_are_refused(open_folder: Path):
    (open_folder / "2020").mkdir()
    for name in ("a.csv", "b.csv", "2020/c.csv", "notes.docx"):
        write(open_folder / name, [row()])
    for name in ("b.csv", "2020", "notes.docx"):
        (open_folder / name).chmod(0)
    done = subprocess.run(
        [sys.executable, "-c", UNREADABLE, str(open_folder)], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr[-2000:]
    assert (
        "2 problems\n  b.csv: cannot be read: Permission denied\n  2020: cannot be read: Permission"
        in done.stdout
    )


@pytest.mark.parametrize(
    ("path", "message"),
    [
        ("s3://bucket/calls.csv", "s3:// is not read: copy the files to a folder of this machine"),
        ("/work/s3:/bucket/calls.csv", "s3:// is not read"),
        ("gs://bucket/calls", "gs:// is not read"),
        ("az://container/calls", "az:// is not read"),
        ("https://host/calls.csv", "https:// is not read"),
        ("file:///calls.csv", "give the path alone, without file://"),
        ("nowhere", "there is no such file or folder"),
    ],
)
def test_uris_and_paths_that_are_not_there_are_refused(tmp_path: Path, path: str, message: str, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for given in (path, Path(path), Path(path).absolute()):
        assert message in str(problems(given))


def test_a_folder_may_be_named_like_a_uri(tmp_path: Path):
    folder = tmp_path / "s3:" / "bucket"
    folder.mkdir(parents=True)
    write(folder / "a.csv", [row()])
    assert read(folder).num_rows == 1


@pytest.mark.parametrize(
    ("name", "advice"),
    [("a.xls", "save it as .xlsx"), ("a.json", "convert it to CSV"), ("a.csv.bz2", "unpack it")],
)
def test_other_endings_are_refused_with_what_to_do(tmp_path: Path, name: str, advice: str):
    (tmp_path / name).touch()
    (found,) = refused(tmp_path / name)
    assert found.startswith(f"{name}: must end in one of {', '.join(ENDINGS)}: {advice}")
    assert "contains no" in refused(tmp_path)[0]


def test_names_that_a_terminal_would_misread_are_shown_escaped(tmp_path: Path):
    name = b"a\xff\x1b[31m\n[red].csv"
    Path(os.fsdecode(os.fsencode(tmp_path) + b"/" + name)).write_bytes(b"x\n")
    found = problems(tmp_path)[0]
    assert found.startswith(r"a\xff\x1b[31m\n[red].csv: the columns ")
    assert len(FilesSource(tmp_path).provenance()["sha256"]) == 64
