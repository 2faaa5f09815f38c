"""The verdicts on names: the table of the documentation is counted from them."""

import csv
import re
from collections import Counter
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[2]


def test_the_table_in_the_documentation_counts_the_verdicts():
    with (REPOSITORY / "benchmarks" / "labels" / "names.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    counted = Counter((r["level"], r["rules"], r["round"], r["reader1"]) for r in rows)
    text = (REPOSITORY / "docs" / "labelling.md").read_text()
    table = re.findall(
        r"^\| ((?:half-)?theme|topic), ([\w-]+) \| (\d) \| (\d+) \| (\d+) \| (\d+) \|$", text, re.MULTILINE
    )
    assert table
    for level, rules, reading, *verdicts in table:
        found = [counted[level, rules, reading, v] for v in ("good", "vague", "wrong")]
        assert found == list(map(int, verdicts)), (level, rules, reading)
