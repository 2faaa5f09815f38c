"""The page on validity: every section has its place, measured or not, and nothing but tables and words."""

from benchmarks.validity import SECTIONS, measure, page, tables


def test_a_section_that_was_not_measured_says_so():
    made = page({"kinds": "| a |\n| --- |\n| 1 |"})
    assert made.count("(not measured)") == len(SECTIONS) - 1
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
    assert "| theme | extractive-3 | 2 | 53% | 23% | 23% |" in measure("names", tmp_path)
