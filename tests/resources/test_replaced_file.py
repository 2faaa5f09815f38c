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


def test_two_writers_do_not_share_a_path(tmp_path: Path):
    with replaced(tmp_path / "f", by="a") as one, replaced(tmp_path / "f", by="b") as other:
        one.write_text("1")
        other.write_text("2")
        assert one != other
    assert (tmp_path / "f").read_text() == "1", "the last to end"
