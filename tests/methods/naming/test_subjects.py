import re

from ftm_assets.methods.naming.rules import check_name
from ftm_assets.methods.naming.subjects import FINANCIAL, GENERAL, SUBJECTS, SUBJECTS_OF

WIDE = (FINANCIAL, GENERAL)


def test_headings_are_names_by_the_rules_and_each_occurs_once():
    headings = [s.heading for s in (*SUBJECTS, *WIDE)]
    assert [check_name(h) for h in headings] == headings
    assert len(set(headings)) == len(headings)


def test_terms_are_one_or_two_words_and_wide_headings_are_known_by_many():
    assert {len(term) for s in (*SUBJECTS, *WIDE) for term in s.terms} == {1, 2}
    assert all(len(s.terms) > 20 for s in WIDE)


def test_no_heading_claims_a_direction():
    signs = re.compile(r"\b(?:growth|decline|increase|headwind|weak|strong|improve)", re.IGNORECASE)
    assert not [s.heading for s in SUBJECTS if signs.search(s.heading)]


def test_a_term_leads_to_all_its_subjects():
    found = {SUBJECTS[i].heading for i in SUBJECTS_OF["lend",]} | {
        SUBJECTS[i].heading for i in SUBJECTS_OF["loan",]
    }
    assert found == {"Loans and credit", "Debt and financing"}
