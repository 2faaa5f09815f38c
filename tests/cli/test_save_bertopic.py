"""`ftm bertopic` on a small warehouse: what it saves is what BERTopic loads."""

import re
from collections.abc import Callable
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from typer.testing import CliRunner, Result

from ftm_assets.cli.main import app
from ftm_resources.warehouse import Warehouse

QUARTER = "2023Q1"


@pytest.fixture
def ftm(small_topics: Warehouse, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Result]:
    monkeypatch.setenv("FTM_WAREHOUSE", small_topics.root)
    return lambda *arguments: CliRunner().invoke(app, ["bertopic", *map(str, arguments)])


def test_the_command_saves_what_bertopic_loads(ftm: Callable[..., Result], tmp_path: Path):
    from bertopic import BERTopic

    done = ftm(QUARTER, "--level", "firm", "--firm", "3", "--out", tmp_path / "of3")
    assert done.exit_code == 0, done.output
    assert "4 topics of 17 documents" in done.output
    loaded = BERTopic.load(str(tmp_path / "of3"))
    documents = pq.read_table(tmp_path / "of3" / "documents.parquet")
    assert loaded.topics_ == documents.column("topic").to_pylist()
    assert loaded.get_topic_info().set_index("Topic")["CustomName"][1] == f"{QUARTER}:3:001 Copper mining"
    assert loaded.c_tf_idf_.shape[0] == 5
    # By the model beside which it was saved.
    assert loaded.transform(["The miners dig for copper"])[0][0] == 1


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["2019Q4"], "no quarter 2019Q4 in .*; it holds 2023Q1"),
        (
            [QUARTER, "--level", "firm", "--firm", "99"],
            "firm 99 has no topics in 2023Q1; 3 firms do, e.g. 1, 2, 3",
        ),
    ],
)
def test_what_is_not_there_is_said_in_a_line(
    ftm: Callable[..., Result], tmp_path: Path, arguments: list[str], message: str
):
    done = ftm(*arguments, "--out", tmp_path / "x")
    assert done.exit_code == 1
    assert re.search(message, done.output)
    assert not (tmp_path / "x").exists()


@pytest.mark.parametrize("arguments", [["--level", "firm"], ["--firm", "1"]])
def test_a_level_and_a_firm_that_do_not_go_together_are_wrong_usage(
    ftm: Callable[..., Result], tmp_path: Path, arguments: list[str]
):
    done = ftm(QUARTER, *arguments, "--out", tmp_path / "x")
    assert done.exit_code == 2
    assert "--level firm needs --firm" in done.output
