"""Transcribers' marks are removed, what people said in brackets is not."""

import pytest

from ftm_assets.methods.text.normalising import normalised

MARKS = """
[Foreign Language]
[ Foreign Language ]
[Operator Instructions]
(Operator Instructions)
[Indecipherable]
[indiscernible]
[Inaudible]
(inaudible)
<inaudible>
{inaudible}
{crosstalk}
[Crosstalk]
[cross-talk]
[inaudible 00:12:34]
[indiscernible] [00:12:34]
[00:12:34]
[Inaudible - technical difficulty]
(ph)
[ph]
[ph?]
[phonetic]
(sic)
[sp]
[technical difficulty]
[Technical Difficulties]
(technical difficulty)
[Audio Gap]
[Audio Break]
[Break]
[Laughter]
(Laughter)
(Laughs)
[Applause]
[Music]
[Video Presentation]
[Video Playing]
[Audio starts in progress]
[Call Dropped]
[Interpreted]
[Speaking Japanese]
[Speaks in Foreign Language]
[Spanish spoken]
(through interpreter)
[translation]
[in progress]
[12:30]
(inaudible 12:30)
(00:12:34)
[Video]
[Overlapping Speakers]
[Multiple Speakers]
[No Audible Response]
[Unidentified Participant]
*laughs*
((inaudible))
""".strip().splitlines()

SAID = """
(in millions)
[our guidance]
(the break)
(break)
(foreign)
(a gap in supply)
[Foreign exchange]
(phase 2)
[China]
(laughter is medicine)
(EBITDA)
[Q3]
(technical term)
(the operator)
<$5
{x}
[audio products]
(sic transit)
(2023)
(9:30 a.m.)
(12:30)
(at 9:30 PM)
(pH)
[pH]
(translation)
(in progress)
(interpretation)
(spelling)
[music] revenue
[Video] sales
[audio] content
[music] and [video] revenue
""".strip().splitlines()


@pytest.mark.parametrize("mark", MARKS)
def test_a_mark_is_removed_wherever_it_stands(mark):
    assert normalised(mark) == ""
    assert normalised(f"{mark}.") == ""
    assert normalised(f"{mark} Demand rose.") == "Demand rose."
    assert normalised(f"Demand {mark} rose {mark}, then fell {mark}.") == "Demand rose, then fell."
    assert normalised(f"Demand rose. {mark}. It fell. {mark}") == "Demand rose. It fell."
    assert normalised(f"Demand rose.\n\n{mark}\n\nIt fell.") == "Demand rose.\n\nIt fell."
    assert normalised(f"Demand rose {mark.upper()} {mark.lower()} again.") == "Demand rose again."


@pytest.mark.parametrize("said", SAID)
def test_what_was_said_in_brackets_stays(said):
    text = f"Demand {said} rose {said}."
    assert normalised(text) == text


def test_a_mark_that_is_broken_over_lines_or_escaped_is_removed():
    assert (
        normalised("We [Operator\nInstructions] grew &lt;inaudible&gt; and [Foreign\xa0Language] fell.")
        == "We grew and fell."
    )
