from pathlib import Path

import pytest

from benchmarks import report
from benchmarks.kept_results import Made, Results
from benchmarks.measure import markdown
from benchmarks.scale import FLOORS, STAGES, START, exponents

MADE = Made("abc1234", "2026-11-28", "processor, 2 cores", "full")


def page_of(results: Results, tmp_path: Path) -> str:
    report.write(results, tmp_path / "docs" / "benchmarks.md")
    return (tmp_path / "docs" / "benchmarks.md").read_text()


def test_a_page_says_what_was_not_run_and_holds_what_was(tmp_path: Path):
    results = Results(tmp_path / "results")
    rows = [
        {"recipe": r, "all s": s, "ours is faster, all": s / 0.5, "ours is faster, rest": s / 0.01}
        for r, s in (("BERTopic default", 2.5), ("predecessor", 6.0), ("ours", 0.5))
    ]
    results.keep("whole", MADE, rows)
    page = page_of(results, tmp_path)
    assert page.count("(not run)") == 6
    assert page.count("Measured on 2026-11-28 at commit abc1234 on processor, 2 cores, full form.") == 1
    assert "| a firm, embedding included: 12 times the predecessor's speed | 12.0 times | yes |" in page
    assert "| the same: 6 times BERTopic's default | 5.0 times | **no** |" in page


def quarter(firms: int, *, exponent: float = 1.0, peak: int = 100, stand_ins: bool = False) -> list[dict]:
    rows = [
        {
            "firms": firms,
            "stage": stage,
            "stand_ins": stand_ins,
            "seconds": 60.0,
            "cpu_seconds": 5.0 + (0 if stage == START else 0.1 * firms**exponent),
            "peak_mib": peak,
            "rows": firms,
        }
        for stage in (START, *STAGES)
    ]
    floors = dict.fromkeys(STAGES, 6.0)
    return [*rows, {"firms": firms, "stage": FLOORS, "stand_ins": stand_ins, "floors": floors}]


def test_each_stage_stands_beside_its_floor_and_the_share_of_it_reached(tmp_path: Path):
    results = Results(tmp_path / "results")
    for row in quarter(250):
        results.add(MADE, row)
    page = page_of(results, tmp_path)
    lines = [line for line in page.splitlines() if line.startswith("| 250 | themes |")]
    assert lines == ["| 250 | themes |  | 60.0 | 30.0 | 100 | 250 | 6.000 | 0.200 |"]
    assert "| 250 | start |  | 60.0 | 5.000 | 100 | 250 |  |  |" in page
    assert "5,000 firms" not in page.partition("## Targets")[2]


@pytest.mark.parametrize(
    ("exponent", "peak", "met"),
    [(1.0, 2559, ["**no**", "yes", "yes"]), (1.2, 2560, ["**no**", "**no**", "**no**"])],
)
def test_targets_of_a_quarter_are_those_of_the_largest(
    exponent: float, peak: int, met: list[str], tmp_path: Path
):
    results = Results(tmp_path / "results")
    for row in (*quarter(2500, exponent=exponent), *quarter(5000, exponent=exponent, peak=peak)):
        results.add(MADE, {**row, "seconds": 400.0 if row["firms"] == 5000 else 1.0})
    targets = page_of(results, tmp_path).partition("## Targets")[2].strip().splitlines()[2:]
    assert [line.split(" | ")[-1].strip(" |") for line in targets] == met
    assert "47 minutes" in targets[0]


def test_a_quarter_with_stand_ins_takes_the_seconds_of_the_models_from_the_largest_with_them(tmp_path: Path):
    results = Results(tmp_path / "results")
    for row in (*quarter(1000), *quarter(5000, stand_ins=True)):
        results.add(MADE, row)
    page = page_of(results, tmp_path)
    text, _, targets = page.partition("## Targets")
    embedding = "sentence_embeddings, topic_summaries: 5.00 times the seconds of 1,000 firms"
    assert f"| {2 * 5 + len(STAGES) - 2} minutes; {embedding} | yes |" in targets
    assert "; sentence_embeddings not measured; topic_summaries not measured | yes |" in targets, (
        "memory of a stand-in is not the model's"
    )
    assert "| 5,000 | themes | yes |" in text
    assert "| sentence_embeddings | 5.000 | 0.333 |" in text
    assert f"Where the time of 5,000 firms goes ({embedding}):" in text
    assert "| 5,000 | sentence_embeddings |" not in text
    assert "| 5,000 | 5,000 |" not in text, "no sum of minutes that the models did not take"
    results = Results(tmp_path / "others")
    for row in quarter(5000, stand_ins=True):
        results.add(MADE, row)
    assert "in 40 minutes" not in page_of(results, tmp_path)


def test_a_quarter_that_is_not_finished_is_on_the_page_without_sums(tmp_path: Path):
    results = Results(tmp_path / "results")
    for row in quarter(5000)[:3]:
        results.add(MADE, row)
    page = page_of(results, tmp_path)
    assert "| 5,000 | sentences |" in page
    assert "## Targets" not in page
    assert "(not run)" not in page.partition("## A generated quarter")[2]


def test_growth_is_the_slope_in_logarithms_beyond_the_start():
    rows = [r for n in (100, 1000, 10_000) for r in quarter(n, exponent=1.5)]
    assert {round(e, 6) for e in exponents(rows).values()} == {1.5}
    assert exponents(quarter(100)) == {}
    assert exponents([*quarter(10), *quarter(20)]) == {}  # less than the start's own seconds


def test_seconds_of_stand_ins_are_no_growth_of_what_they_stand_for():
    rows = [*quarter(1000), *quarter(10_000, stand_ins=True)]
    assert set(exponents(rows)) == set(STAGES) - {"sentence_embeddings", "topic_summaries"}


def test_a_table_is_readable():
    assert markdown([{"a": 1234, "b": 0.12345, "c": None, "d": 1234.5}]).splitlines()[-1] == (
        "| 1,234 | 0.123 |  | 1,234 |"
    )
    assert markdown([]) == "(not run)"
