"""Vendors' words for speakers and components, by meaning."""

import pytest

from ftm_assets.methods.calls.turn_types import is_known_component, is_known_speaker, section, speaker_type
from ftm_resources.tables.categories import SECTIONS, SPEAKER_TYPES

SPEAKERS = {
    "operator": "Operator, operators, Conference Operator, Coordinator, CONFERENCE_OPERATOR, Operator 1, "
    "Unidentified Operator, Conference Call Coordinator, Operator/Moderator",
    "executive": "Executives, Executive, EXECUTIVES, Corporate Participants, corporate_participant, "
    "CorporateParticipant, Management, Company Representative, "
    "IR, Investor Relations, CEO, Chief Financial Officer, Board Members, A, "
    "Unidentified Company Representative, Senior Vice President, Managing Director & CEO, "
    "Chief Host Officer, Director of Operator Services, Analyst Relations Manager, Media Relations, "
    "Executive Moderator, Guest Services Director, Corporate Operator",
    "analyst": "Analysts, Analyst, analyst(s), Conference Call Participants, Call Participants, Sell-Side, Q, "
    "Unidentified Analyst, Research Analyst",
    "shareholder": "Shareholders, Shareholder, Stockholder, Retail Investors",
    "attendee": "Attendees, Attendee, Audience, Audience Member, Media, Press, Guest Speaker",
    "unknown": "Unknown, Unidentified Speaker, Participants, Speaker 5, Robot, Managing Director, Host, Moderator, "
    "Facilitator, Operator Services, Hotel Operator, Marketing Coordinator",
}


@pytest.mark.parametrize(
    ("kind", "name"), [(k, n) for k, names in SPEAKERS.items() for n in names.split(", ")]
)
def test_a_speaker_type_is_read_by_its_meaning(kind: str, name: str):
    assert speaker_type(name) == kind


@pytest.mark.parametrize(
    "name", ["Unknown", "Unidentified Speaker", "Participants", "Host", "Moderator", None, ""]
)
def test_that_a_vendor_does_not_know_who_speaks_is_understood(name: str | None):
    assert speaker_type(name) == "unknown"
    assert is_known_speaker(name)


def test_the_types_are_those_of_the_contract():
    assert set(SPEAKERS) == set(SPEAKER_TYPES)
    assert {s for n in ("Question", "Presenter Speech") if (s := section(n))} == set(SECTIONS)
    assert not is_known_speaker("Robot")


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("Presentation Operator Message", "presentation"),
        ("Presenter Speech", "presentation"),
        ("PRESENTER_SPEECH", "presentation"),
        ("Management Discussion Section", "presentation"),
        ("Prepared Remarks", "presentation"),
        ("Question", "q_and_a"),
        ("questions", "q_and_a"),
        ("Answer", "q_and_a"),
        ("Question and Answer Operator Message", "q_and_a"),
        ("Unknown Question and Answer Message", "q_and_a"),
        ("QUESTION AND ANSWER SECTION", "q_and_a"),
        ("Q&A", "q_and_a"),
        ("Q", "q_and_a"),
        ("A", "q_and_a"),
        ("Operator Message", None),
        ("Closing Remarks", None),
        ("Unknown", None),
        (None, None),
    ],
)
def test_a_component_type_is_read_by_its_meaning(name: str | None, said: str | None):
    assert section(name) == said
    assert is_known_component(name)


def test_a_component_type_without_a_word_that_is_known_is_not_known():
    assert section("Fireside") is None
    assert not is_known_component("Fireside")
