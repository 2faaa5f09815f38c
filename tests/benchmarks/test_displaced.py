"""A few of the seeded attacks, so that the module works and nothing is lost in them."""

from pathlib import Path

from benchmarks.displaced import ATTACKS, table


def test_no_row_and_no_file_is_lost(tmp_path: Path):
    rows, problems = table(4, 7, tmp_path)
    assert problems == []
    assert {row["attack"] for row in rows} == set(ATTACKS)
    assert sum(row["cases"] for row in rows) >= 4
    assert all(row["lost"] == 0 for row in rows)
