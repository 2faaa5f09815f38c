"""What vendors call speakers and components, by meaning: the contract's speaker types and sections.

What belongs here: the vendors' words. Capital IQ, LSEG (Refinitiv), FactSet and public collections name the same
things differently; case, number, underscores and word order do not matter. A name that none of the words explains is
`unknown`, and the materialization says how many turns have it.
"""

from __future__ import annotations

import re

_TITLES = """
    executive exec manager officer ceo cfo coo cto cio cmo chief president vp evp svp avp vicepresident chairman
    chairwoman chairperson chair director treasurer controller secretary counsel founder cofounder corporate company
    """
_OF_THE_FIRM = "a management mgmt board head presenter representative spokesperson issuer respondent"
SPEAKER_WORDS: tuple[tuple[str, tuple[str, ...]], ...] = (
    ("executive", ("ir", "relation")),
    (
        "analyst",
        (
            "analyst",
            "q",
            "questioner",
            "call participant",
            "sell side",
            "buy side",
            "sellside",
            "buyside",
            "equity research",
        ),
    ),
    ("executive", tuple(_TITLES.split())),
    ("shareholder", ("shareholder", "stockholder", "unitholder", "investor")),
    ("attendee", ("attendee", "audience", "media", "press", "journalist", "reporter", "guest", "listener")),
    ("executive", tuple(_OF_THE_FIRM.split())),
)
"""Speaker types and the words that say them, strongest first: "Analyst Relations" is no analyst.

Words of a pair must stand together. LSEG's "Conference Call Participants" are the analysts; "Participants" alone may be
anyone. FactSet marks who asks with Q and who answers with A. "Managing Director" is a title on both sides.
"""

_NOBODY = """
    unknown unidentified unspecified undefined unnamed other speaker participant person voice male female man woman
    not identified moderator host facilitator
    """
NOBODY = frozenset(_NOBODY.split())
"""Words with which a vendor says that it does not know. A moderator or host may be anyone, an executive too."""

OPERATORS = frozenset({"operator", "coordinator"})
_BESIDE_OPERATORS = (
    "conference call telephone phone teleconference webcast audio event meeting the message instruction"
)
BESIDE_OPERATORS = frozenset(_BESIDE_OPERATORS.split())
"""Words that may stand beside those of an operator. With any other ("Operator Services") it may be someone else.

What operators say is left out of `sentences`, so only who plainly is one counts as one.
"""

_QUESTIONS = "question answer q a qa qna qanda questioner respondent inquiry"
QUESTION_WORDS = frozenset(_QUESTIONS.split())
_PRESENTATION = """
    presentation presenter prepared introduction introductory opening speech statement management disclaimer safe
    """
PRESENTATION_WORDS = frozenset(_PRESENTATION.split())
_ANYWHERE = "operator message instruction closing concluding conclusion remark comment section turn"
ANYWHERE = frozenset(_ANYWHERE.split())
"""Words of component types that stand in either section: the place of the turn decides."""


def speaker_type(name: str | None) -> str:
    """Return the contract's type of a speaker whom a vendor calls `name`; `unknown` if its words do not say.

    >>> [speaker_type(n) for n in ("Executives", "Conference Call Participants", "Chief Financial Officer", "Robot")]
    ['executive', 'analyst', 'executive', 'unknown']
    """
    words = [w for w in _words(name) if not w.isdecimal()]
    if OPERATORS & set(words) and (OPERATORS | BESIDE_OPERATORS | NOBODY).issuperset(words):
        return "operator"
    # FactSet's A stands alone: "Speaker A" is anyone.
    said = f" {' '.join(w for w in words if w != 'a' or len(words) == 1)} ".replace(
        " managing director ", " "
    )
    for kind, known in SPEAKER_WORDS:
        if any(f" {word} " in said for word in known):
            return kind
    return "unknown"


def is_known_speaker(name: str | None) -> bool:
    """Return whether the words of a speaker type are understood, "Unknown" among them.

    >>> is_known_speaker("Unidentified Speaker"), is_known_speaker("Robot"), is_known_speaker(None)
    (True, False, True)
    """
    return speaker_type(name) != "unknown" or NOBODY.issuperset(_words(name))


def section(component_type: str | None) -> str | None:
    """Return the section that a component type says, or None if it says neither.

    >>> [section(n) for n in ("Unknown Question and Answer Message", "Q&A", "Presenter_Speech", "Operator Message")]
    ['q_and_a', 'q_and_a', 'presentation', None]
    """
    words = set(_words(component_type))
    letters = {"q", "a"}
    if words & (QUESTION_WORDS - letters) or (words & letters and (words <= letters or words >= letters)):
        return "q_and_a"
    return "presentation" if words & PRESENTATION_WORDS else None


def is_known_component(name: str | None) -> bool:
    """Return whether the words of a component type are understood, even if it may stand in either section.

    >>> is_known_component("Closing Remarks"), is_known_component("Fireside")
    (True, False)
    """
    return section(name) is not None or (ANYWHERE | NOBODY).issuperset(_words(name))


def _words(name: str | None) -> list[str]:
    """Return the words of a name in lower case and the singular."""
    parted = re.sub(r"(?<=[a-z])(?=[A-Z])", " ", name or "").lower()
    return [_singular(w) for w in re.findall(r"[^\W_]+", parted)]


def _singular(word: str) -> str:
    if len(word) < 3 or not word.endswith("s") or word.endswith("ss"):
        return word
    return f"{word[:-3]}y" if word.endswith("ies") else word[:-1]
