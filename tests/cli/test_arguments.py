from pathlib import Path

import pytest

from ftm_assets.cli.arguments import outputs
from ftm_assets.cli.failing import CommandError


def test_files_to_write_are_absolute_and_of_the_home_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    (tmp_path / "there.html").write_text("mine")
    assert outputs([Path("~/page.html")], force=False) == [tmp_path / "page.html"]
    with pytest.raises(CommandError, match="already there"):
        outputs([Path("~/there.html")], force=False)
    assert outputs([Path("~/there.html")], force=True) == [tmp_path / "there.html"]


@pytest.mark.parametrize(
    ("name", "makes_folder", "said"),
    [
        ("folder", False, "is a folder"),
        ("no/page.html", False, "there is no folder"),
        ("file/page.html", False, "is a file, not a folder"),
        ("file/sub/page.html", True, "is a file, not a folder"),
    ],
)
def test_what_cannot_be_written_is_said_in_words(tmp_path: Path, name: str, makes_folder: bool, said: str):
    (tmp_path / "folder").mkdir()
    (tmp_path / "file").write_text("mine")
    with pytest.raises(CommandError, match=said):
        outputs([tmp_path / name], force=True, makes_folder=makes_folder)


def test_a_folder_that_is_made_need_not_be_there(tmp_path: Path):
    file = tmp_path / "new" / "sub" / "a.pdf"
    assert outputs([file], force=False, makes_folder=True) == [file]


def test_a_folder_without_the_right_to_write_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    # Root may write anywhere, so the answer of the system is given.
    monkeypatch.setattr("os.access", lambda *_: False)
    with pytest.raises(CommandError, match="may not be written to"):
        outputs([tmp_path / "page.html"], force=False)
