"""The page on validity: every section has its place, measured or not, and nothing but tables and words."""

from benchmarks.measure import markdown
from benchmarks.present_members import by_verdict
from benchmarks.validity import SECTIONS, measure, page, summary, tables


def test_a_section_that_was_not_measured_says_so():
    made = page({"kinds": "| a |\n| --- |\n| 1 |"})
    assert made.count("\n\n(not measured)\n") == len(SECTIONS) - 1
    for title, *_ in SECTIONS.values():
        assert f"## {title}\n" in made


def test_progress_and_loading_are_no_part_of_a_table():
    printed = "Loading weights: 3%|#  |\nembedded\n\n\n\n| a |\n| --- |\n| 1 |\n"
    assert tables(printed) == "embedded\n\n| a |\n| --- |\n| 1 |"


def test_the_tones_table_is_the_one_beside_the_weights(tmp_path):
    made = measure("tone", tmp_path)
    assert "| kappa second |" in made
    assert "q_and_a" in made


def test_the_verdicts_on_names_are_counted(tmp_path):
    assert "| theme | extractive-3 | 2 | 47 | 0.53 (0.39-0.67) | 0.23 (0.14-0.37) |" in measure(
        "names", tmp_path
    )


def test_what_was_aimed_at_is_read_from_the_tables(tmp_path):
    found = {name: measure(name, tmp_path) for name in ("tone", "names")}
    made = summary({**found, "present": markdown(by_verdict())})
    assert "| names of themes: good |  | 0.70 | 0.73 (0.59-0.83) |" in made
    assert "| tone: kappa, second reader | 0.27 | 0.55 | 0.567 (0.496 to 0.631) |" in made
    assert "| planted themes: ARI | 0.74 | 0.85 | (not measured) |" in made
    assert "| coherent themes, first reader |  | 40 of 51 | 31 of 48 |" in made
