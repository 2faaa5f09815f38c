from collections.abc import Callable
from pathlib import Path

import pytest

from ftm_assets.cli.warehouse import main
from ftm_resources.warehouse import Warehouse


@pytest.fixture
def warehouse(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, topics: Callable) -> Warehouse:
    monkeypatch.setenv("FTM_WAREHOUSE", str(tmp_path / "warehouse"))
    warehouse = Warehouse()
    warehouse.replace("firm_topics", "2020Q1", [topics("2020Q1", 3)])
    return warehouse


def test_a_tag_notes_tables_that_were_not_made_from_each_other(
    warehouse: Warehouse, capsys: pytest.CaptureFixture[str]
):
    stale = {"inputs": {"firm_topics": {"snapshot_id": "1", "content": "other"}}}
    warehouse.replace("themes", "2020Q1", [], provenance=stale)
    assert main(["tag", "2020Q1", "paper-v1"]) == 0
    assert capsys.readouterr().out.splitlines() == [
        "2020Q1 as of now is paper-v1; tables: 2",
        "Note: themes was made from other firm_topics than these",
    ]


@pytest.mark.usefixtures("warehouse")
def test_no_tags_are_listed_as_such(capsys: pytest.CaptureFixture[str]):
    assert main(["tags"]) == 0
    assert capsys.readouterr().out == "no tags\n"


@pytest.mark.usefixtures("warehouse")
@pytest.mark.parametrize(
    ("arguments", "why"),
    [
        (["tag", "2021Q1", "paper-v1"], "2021Q1 is in no table of"),
        (["tag", "2020Q1", "a b"], "'a b' cannot be a tag"),
        (["untag", "2020Q1", "paper-v1"], "no tag 'paper-v1' of 2020Q1. Tags: none"),
        (["verify", "2021Q1"], "2021Q1 is in no table of"),
    ],
)
def test_what_cannot_be_done_says_why(capsys: pytest.CaptureFixture[str], arguments: list[str], why: str):
    assert main(arguments) == 1
    assert why in capsys.readouterr().err


def test_a_damaged_table_fails_the_verification_by_file(
    warehouse: Warehouse, capsys: pytest.CaptureFixture[str]
):
    (uri,) = warehouse.data_files("firm_topics")
    path = Path(uri.removeprefix("file://"))
    path.write_bytes(path.read_bytes()[:100])
    assert main(["verify", "2020Q1"]) == 1
    assert f"{path.name} has 100 bytes where" in capsys.readouterr().err


def test_a_table_that_does_not_exist_is_refused(capsys: pytest.CaptureFixture[str]):
    with pytest.raises(SystemExit):
        main(["restore", "nothing"])
    assert "invalid choice: 'nothing'" in capsys.readouterr().err
