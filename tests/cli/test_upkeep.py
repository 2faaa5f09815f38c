"""Tags, verification, restoring and clean-up, as a person asks for them."""

import os
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from ftm_resources.warehouse import Warehouse


def test_a_tag_notes_tables_that_were_not_made_from_each_other(warehouse: Warehouse, ftm):
    stale = {"inputs": {"firm_topics": {"snapshot_id": "1", "content": "other"}}}
    warehouse.replace("themes", "2020Q1", [], provenance=stale)
    tagged = ftm("tag", "2020q1", "paper-v1")
    assert tagged.exit_code == 0
    assert tagged.stdout.splitlines() == [
        "Tagged 2020Q1 as paper-v1: 2 tables.",
        "Note: themes was made from other rows of firm_topics",
    ]


@pytest.mark.usefixtures("warehouse")
def test_a_tag_is_listed_until_it_is_removed(ftm):
    ftm("tag", "2020Q1", "paper-v1")
    assert "2020Q1    paper-v1        1" in ftm("tags").stdout
    assert ftm("untag", "2020Q1", "paper-v1").stdout == "Removed tag paper-v1 of 2020Q1: 1 table.\n"
    assert ftm("tags").stdout == "There are no tags. Set one with `ftm tag QUARTER TAG`.\n"


@pytest.mark.usefixtures("warehouse")
@pytest.mark.parametrize(
    ("arguments", "why"),
    [
        (["tag", "2021Q1", "paper-v1"], "no quarter 2021Q1 in "),
        (["tag", "2020Q1", "[a b]"], "'[a b]' cannot be a tag"),
        (["untag", "2020Q1", "paper-v1"], "no tag 'paper-v1' of 2020Q1. Tags: none"),
        (["verify", "2021Q1"], "no quarter 2021Q1 in "),
    ],
)
def test_what_cannot_be_done_says_why_and_nothing_else(ftm, arguments: list[str], why: str):
    refused = ftm(*arguments)
    assert refused.exit_code == 1
    assert refused.stderr.startswith(why)
    assert "Traceback" not in refused.output


@pytest.mark.parametrize(
    "arguments",
    [
        ["tags"],
        ["quarters"],
        ["themes", "2020Q1"],
        ["verify", "2020Q1"],
        ["cleanup"],
        ["export", "tables", "2020Q1"],
    ],
    ids=lambda a: a[0],
)
def test_reading_what_is_not_there_makes_nothing(ftm, arguments: list[str], tmp_path: Path):
    if arguments[0] == "export":
        arguments = [*arguments, "--out", str(tmp_path / "out")]
    refused = ftm(*arguments)
    assert refused.exit_code == 1
    assert f"there is no warehouse at {tmp_path / 'warehouse'}" in refused.stderr
    assert not (tmp_path / "warehouse").exists()


def test_a_damaged_table_fails_the_verification_by_file(warehouse: Warehouse, ftm):
    (uri,) = warehouse.data_files("firm_topics")
    path = Path(uri.removeprefix("file://"))
    path.write_bytes(path.read_bytes()[:100])
    refused = ftm("verify", "2020Q1")
    assert refused.exit_code == 1
    assert f"{path.name} has 100 bytes, but" in refused.stderr


def test_a_table_goes_back_to_its_newest_readable_state(warehouse: Warehouse, ftm, topics: Callable):
    warehouse.replace("firm_topics", "2020Q1", [topics("2020Q1", 2)])
    Path(warehouse.table("firm_topics").metadata_location.removeprefix("file://")).unlink()
    assert "Rolled firm_topics back to its state at 20" in ftm("restore", "firm_topics").stdout
    assert ftm("restore", "firm_topics").stdout == "firm_topics can be read; there is nothing to restore.\n"
    assert warehouse.read("firm_topics", "2020Q1").num_rows == 3


def test_a_table_goes_back_to_nothing_only_when_told(warehouse: Warehouse, ftm):
    Path(warehouse.table("firm_topics").metadata_location.removeprefix("file://")).unlink()
    refused = ftm("restore", "firm_topics")
    assert refused.exit_code == 1
    assert "`ftm restore firm_topics --to-nothing`" in refused.stderr
    told = ftm("restore", "firm_topics", "--to-nothing")
    assert "Rolled firm_topics back to its state at creation, without any rows" in told.stdout


@pytest.mark.usefixtures("warehouse")
@pytest.mark.parametrize("arguments", [["restore"], ["restore", "firm_topics", "--from-files"]])
def test_either_a_table_or_the_catalog_is_restored(ftm, arguments: list[str]):
    refused = ftm(*arguments)
    assert refused.exit_code == 2
    assert "either a TABLE or --from-files" in refused.stderr


def test_a_lost_catalog_is_rebuilt_by_the_command_that_every_error_names(warehouse: Warehouse, ftm):
    assert "knows all 1 table; there is nothing" in ftm("restore", "--from-files").stdout
    catalog = Path(warehouse.root) / "catalog.db"
    catalog.write_bytes(b"")
    for command in (
        ["quarters"],
        ["tags"],
        ["verify", "2020Q1"],
        ["cleanup"],
        ["restore", "firm_topics"],
        ["adopt"],
    ):
        refused = ftm(*command)
        assert refused.exit_code == 1
        assert "`ftm restore --from-files`" in refused.stderr
    restored = ftm("restore", "--from-files")
    assert restored.exit_code == 0
    assert "firm_topics" in restored.stdout
    assert f"The old catalog is kept at {catalog}.replaced-" in restored.stdout
    assert warehouse.read("firm_topics", "2020Q1").num_rows == 3


def test_cleanup_says_what_it_refuses_and_does_the_rest(warehouse: Warehouse, ftm):
    moved = Path(warehouse.root).rename(Path(warehouse.root).with_name("moved"))
    moved.rename(warehouse.root)
    folder = Path(warehouse.root) / "ftm" / "firm_topics" / "data"
    folder.rename(moved)
    folder.symlink_to(moved)
    for arguments in ((), ("--yes",)):
        refused = ftm("cleanup", *arguments)
        assert refused.exit_code == 1
        assert "clean-up removed nothing, because" in refused.stderr


def test_a_table_that_does_not_exist_is_refused_with_what_is_near(ftm):
    refused = ftm("restore", "firm_topic")
    assert refused.exit_code == 1
    assert refused.stderr.startswith("There is no table firm_topic. Did you mean firm_topics")


def test_cleanup_shows_what_would_go_and_removes_it_only_when_told(
    warehouse: Warehouse, ftm, topics: Callable
):
    (first,) = warehouse.data_files("firm_topics")
    warehouse.replace("firm_topics", "2020Q1", [topics("2020Q1", 2)])
    stray = Path(first.removeprefix("file://")).with_name("stray.parquet")
    stray.write_bytes(b"x" * 2048)
    long_ago = time.mktime((datetime.now(UTC) - timedelta(days=90)).timetuple())
    os.utime(stray, (long_ago, long_ago))
    shown = ftm("cleanup")
    assert shown.exit_code == 0
    assert "Would be removed" in shown.stdout
    assert "2 KiB" in shown.stdout
    assert "ftm cleanup --yes" in shown.stdout
    assert stray.exists()
    assert "Removed" in ftm("cleanup", "--yes").stdout
    assert not stray.exists()
    assert "There is nothing to remove." in ftm("cleanup").stdout


@pytest.mark.usefixtures("warehouse")
def test_cleanup_refuses_what_would_disturb_a_run(ftm):
    refused = ftm("cleanup", "--grace-days", "0")
    assert refused.exit_code == 1
    assert "a running quarter could lose what it reads" in refused.stderr


@pytest.mark.usefixtures("warehouse")
@pytest.mark.parametrize(
    "option", ["--grace-days=nan", "--grace-days=-1", "--grace-days=inf", "--keep-days=999999999"]
)
def test_days_that_are_no_length_of_time_are_wrong_usage(ftm, option: str):
    refused = ftm("cleanup", option)
    assert refused.exit_code == 2
    assert option.partition("=")[0] in refused.stderr
