import json
from pathlib import Path

from benchmarks import report
from benchmarks.measure import markdown
from benchmarks.scale import STAGES, exponents


def test_a_page_says_what_was_not_run_and_holds_what_was(tmp_path: Path):
    results = tmp_path / "results"
    results.mkdir()
    (results / "whole.json").write_text(
        json.dumps(
            [
                {"recipe": r, "all s": s, "ours is faster, all": s / 0.5, "ours is faster, rest": s / 0.01}
                for r, s in (("BERTopic default", 3.0), ("predecessor", 6.0), ("ours", 0.5))
            ]
        )
    )
    report.write(results, tmp_path / "docs" / "benchmarks.md")
    page = (tmp_path / "docs" / "benchmarks.md").read_text()
    assert page.count("(not run)") == 6
    assert "| a firm, embedding included: 15 times the predecessor's speed | 12.0 times | **no** |" in page
    assert "| the same: 5 times BERTopic's default | 6.0 times | yes |" in page


def test_growth_is_the_slope_in_logarithms():
    rows = [{"firms": n, "stage": s, "seconds": 0.01 * n**1.5} for n in (10, 100, 1000) for s in STAGES]
    assert {round(e, 6) for e in exponents(rows).values()} == {1.5}
    assert exponents(rows[: len(STAGES)]) == {}


def test_a_table_is_readable():
    assert markdown([{"a": 1234, "b": 0.12345, "c": None, "d": 1234.5}]).splitlines()[-1] == (
        "| 1,234 | 0.123 |  | 1,234 |"
    )
    assert markdown([]) == "(not run)"
