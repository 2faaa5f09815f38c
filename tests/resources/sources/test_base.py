from ftm_resources.sources.base import Problem, SourceError


def test_an_error_lists_twenty_problems_counts_the_rest_and_says_what_to_do():
    error = SourceError([Problem("a.csv", i, "x", "is odd") for i in range(1, 26)], advice="Mend it.")
    lines = str(error).splitlines()
    assert lines[0] == "transcripts: 25 problems"
    assert lines[1] == "  a.csv row 1, column x: is odd"
    assert lines[-2:] == ["  and 5 more", "Mend it."]
    assert len(error.problems) == 20
