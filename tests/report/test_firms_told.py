import pytest

from ftm_assets.report.payload import Report

from .told_quarter import NAMES


def test_firms_are_in_the_order_of_their_names_as_they_are(report: Report):
    assert sorted(f.name for f in report.firms) == sorted(NAMES.values())
    assert [f.name for f in report.firms] == sorted(NAMES.values(), key=str.lower)


def test_a_firm_counts_what_it_said_of_the_business_and_of_themes(report: Report):
    found = {f.firm_id: (f.n_sentences, f.n_topics, f.n_members, f.call_dates) for f in report.firms}
    # Firm 1: 7 of freight, one of hiring, one in no theme, one vague; its greeting is not of the business.
    assert found["1"] == (10, 4, 8, ("2023-02-01",))
    assert found["6"] == (1, 0, 0, ("2023-02-06",))


def test_tone_and_rank_are_of_member_sentences(report: Report):
    found = {f.firm_id: f for f in report.firms}
    assert found["1"].score == pytest.approx((5 - 1 - 1) / 8)
    scores = {i: f.score for i, f in found.items() if f.score is not None}
    assert found["6"].score is None
    assert found["6"].rank is None
    for firm, score in scores.items():
        assert found[firm].rank == pytest.approx(sum(s < score for s in scores.values()) / 4)


def test_peers_are_the_other_firms_in_the_themes_that_it_spoke_of(report: Report):
    firm = next(f for f in report.firms if f.firm_id == "1")
    # Freight: 15 positive and 5 negative of 25, of which 5 and 1 of 7 its own. Hiring: all negative.
    freight = (10 - 4) / (25 - 7)
    assert firm.peer_score == pytest.approx((7 * freight + 1 * -1.0) / 8, abs=1e-4)
