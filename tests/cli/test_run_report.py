"""What `ftm run` shows at its end: what this run made, and nobody else's result."""

import pytest

from ftm_assets.cli import run_report
from ftm_assets.cli.failing import CommandError


def _show(warehouse, run_id: str) -> None:
    run_report.show(warehouse, "2020Q1", run_id=run_id, warnings=[], held={}, seconds=1.0)


def test_a_run_does_not_show_as_its_own_what_another_has_made_since(warehouse, topics, capsys):
    for run_id, n in (("a", 4), ("b", 5)):
        warehouse.replace("firm_topics", "2020Q1", [topics("2020Q1", n)], provenance={"run_id": run_id})
    with pytest.raises(
        CommandError, match=r"not shown: another run replaced firm_topics.*run a made it, and run b"
    ):
        _show(warehouse, "a")
    assert capsys.readouterr().out == ""
    _show(warehouse, "b")
    assert "Themes of 2020Q1" in capsys.readouterr().out


def test_the_same_rows_made_by_another_run_are_shown(warehouse, topics, capsys):
    for run_id in ("a", "b"):
        warehouse.replace("firm_topics", "2020Q1", [topics("2020Q1", 4)], provenance={"run_id": run_id})
    _show(warehouse, "a")
    assert "Themes of 2020Q1" in capsys.readouterr().out
