import json
import subprocess
from dataclasses import replace
from pathlib import Path

import pytest

from benchmarks import kept_results
from benchmarks.kept_results import Made, Results, here

MADE = Made("abc", "2026-11-28", "processor, 2 cores", "full")


def test_a_section_is_kept_with_when_and_where_it_was_measured(tmp_path: Path):
    results = Results(tmp_path / "full")
    assert results.found("whole") is None
    results.keep("whole", MADE, [{"a": 1}])
    assert results.found("whole") == (MADE, [{"a": 1}])
    assert {p.name for p in results.folder.iterdir()} == {"whole.json"}


@pytest.mark.parametrize(
    ("changed", "again"),
    [
        ({"date": "2026-11-29"}, False),
        ({"commit": "abd"}, True),
        ({"machine": "another"}, True),
        ({"form": "quick"}, True),
    ],
)
def test_a_section_is_measured_again_at_another_commit_on_another_machine_or_in_another_form(
    changed: dict[str, str], again: bool, tmp_path: Path
):
    results = Results(tmp_path)
    results.keep("whole", MADE, [])
    results.add(MADE, {"firms": 5, "stage": "themes"})
    other = replace(MADE, **changed)
    assert results.has("whole", other) is not again
    assert len(results.rows(other)) == (not again)
    assert not results.has("real", MADE)


def test_of_a_stage_measured_twice_the_last_row_counts(tmp_path: Path):
    results = Results(tmp_path)
    assert results.rows() == []
    for seconds in (1, 2):
        results.add(MADE, {"firms": 5, "stage": "themes", "seconds": seconds})
    (row,) = results.rows(MADE)
    assert row["seconds"] == 2
    assert len(results.stages.read_text().splitlines()) == 2


def test_the_page_that_a_run_writes_leaves_its_commit_as_it_was_and_other_changes_do_not(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    def git(*arguments: str) -> None:
        identity = ("-c", "user.name=a", "-c", "user.email=a@example.org")
        subprocess.run(["git", *identity, "-C", str(tmp_path), *arguments], check=True, capture_output=True)

    git("init")
    for name in ("docs/benchmarks.md", "code.py"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text("before")
    git("add", ".")
    git("commit", "-m", "all")
    monkeypatch.setattr(kept_results, "_REPOSITORY", tmp_path)
    commit = here("full").commit
    (tmp_path / "docs" / "benchmarks.md").write_text("after")
    assert here("full").commit == commit
    (tmp_path / "code.py").write_text("after")
    assert here("full").commit == commit + "+"
    monkeypatch.setattr(kept_results, "_REPOSITORY", tmp_path / "nowhere")
    assert here("full").commit == "unknown"


def test_this_checkout_has_a_commit_and_this_machine_a_name():
    made = here("quick")
    assert made.form == "quick"
    assert made.commit
    assert "cores" in made.machine
    assert json.dumps(made.__dict__)
