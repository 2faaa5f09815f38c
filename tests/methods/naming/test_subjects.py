import re

from ftm_assets.methods.naming.rules import check_name
from ftm_assets.methods.naming.subjects import SUBJECTS, SUBJECTS_OF, WIDE


def test_headings_are_names_by_the_rules_and_each_occurs_once():
    headings = [s.heading for s in (*SUBJECTS, *WIDE)]
    assert [check_name(h) for h in headings] == headings
    for kind in (SUBJECTS, WIDE):
        assert len({s.heading for s in kind}) == len(kind)


def test_terms_are_one_or_two_words_and_none_knows_a_wide_heading_alone():
    assert {len(term) for s in (*SUBJECTS, *WIDE) for term in s.terms} == {1, 2}
    assert all(len(s.terms) > 5 for s in WIDE)


def test_no_heading_claims_a_direction():
    signs = re.compile(r"\b(?:growth|decline|increase|headwind|weak|strong|improve)", re.IGNORECASE)
    assert not [s.heading for s in SUBJECTS if signs.search(s.heading)]


def test_a_term_leads_to_all_its_subjects():
    found = {SUBJECTS[i].heading for i in SUBJECTS_OF["lend",]} | {
        SUBJECTS[i].heading for i in SUBJECTS_OF["loan",]
    }
    assert found == {"Loans and credit", "Debt and financing"}
