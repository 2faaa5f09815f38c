import pytest

from ftm_resources.tables.components import COLLECTION_TYPES, finality, less_final


def test_collection_types_are_ranked_as_capital_iq_finishes_a_transcript():
    assert [finality(t) for t in COLLECTION_TYPES] == [1, 2, 3, 4]


@pytest.mark.parametrize("name", [None, "", "Draft"])
def test_a_type_that_is_not_known_is_the_least_final(name: str | None):
    assert finality(name) == 0


def test_case_and_blanks_do_not_matter():
    assert finality(" proofed COPY ") == finality("Proofed Copy")


def test_why_another_was_taken_names_both_types():
    assert less_final("7", "Audited Copy", "Edited Copy") == (
        "transcript 7 is the audited copy, this one the edited copy"
    )
    assert less_final("7", "Audited Copy", None).endswith("this one the version of no known type")
