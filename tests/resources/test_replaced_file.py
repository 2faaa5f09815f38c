import os
from pathlib import Path

import pytest

from ftm_resources.replaced_file import replaced


def test_a_file_appears_once_it_is_complete(tmp_path: Path):
    file = tmp_path / "rows.csv"
    file.write_text("old")
    with replaced(file) as partial:
        partial.write_text("new")
        assert file.read_text() == "old"
    assert file.read_text() == "new"
    assert [p.name for p in tmp_path.iterdir()] == ["rows.csv"]


def test_after_an_error_the_old_file_is_there_and_nothing_else(tmp_path: Path):
    file = tmp_path / "rows.csv"
    file.write_text("old")

    def write() -> None:
        with replaced(file) as partial:
            partial.write_text("half")
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        write()
    assert file.read_text() == "old"
    assert [p.name for p in tmp_path.iterdir()] == ["rows.csv"]


@pytest.mark.parametrize(("by", "by_other"), [("a", "b"), ("", "")])
def test_two_writers_do_not_share_a_path(tmp_path: Path, by: str, by_other: str):
    with replaced(tmp_path / "f", by=by) as one, replaced(tmp_path / "f", by=by_other) as other:
        one.write_text("1")
        other.write_text("2")
        assert one != other
    assert (tmp_path / "f").read_text() == "1", "the last to end"


def test_what_a_killed_process_left_is_removed_after_a_day(tmp_path: Path):
    old, new, other = (tmp_path / name for name in (".f.1.partial", ".f.2.partial", ".g.1.partial"))
    for left in (old, new, other):
        left.write_text("half")
    for left in (old, other):
        os.utime(left, (0, 0))
    with replaced(tmp_path / "f") as partial:
        partial.write_text("whole")
    assert {p.name for p in tmp_path.iterdir()} == {"f", new.name, other.name}
