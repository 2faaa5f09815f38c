"""Transcribers' marks: what a transcript notes in brackets about the recording, not about the business.

Belongs here: the vocabulary of such marks ("[Foreign Language]", "(inaudible)", "[Operator Instructions]") and their
removal. Words in brackets that are not in the vocabulary stay: "(in millions)" was said or printed.
"""

from __future__ import annotations

import re

_TIME = r"(?:at )?\d{1,2}:\d{2}(?::\d{2})?(?:[.,]\d+)?(?: ?[ap]\.?m\.?)?"
_LANGUAGES = (
    r"(?:foreign|japanese|chinese|mandarin|cantonese|korean|spanish|portuguese|french|german|italian|russian"
    r"|hebrew|dutch|swedish|norwegian|danish|finnish|greek|turkish|arabic|hindi|thai|vietnamese|polish)"
)
_SOUNDS = (
    r"in ?audible|indecipherable|indiscernible|undecipherable|unintelligible|incomprehensible|not audible|unclear"
    r"|laugh(?:s|ter|ing)?|chuckl(?:es?|ing)|applause|cough(?:s|ing)?|sighs?|clears throat|cross[ -]?talk(?:ing)?"
    r"|(?:over ?lapping|simultaneous|multiple) (?:conversations?|speakers?|voices?|speech|speaking|talking|dialogue)"
    r"|multiple people (?:speaking|talking)|speakers? overlap|voice overlap|background (?:noise|conversation|music)"
    r"|(?:no|no audible|inaudible) (?:response|answer|reply|question|remark)"
    r"|(?:music|video|audio|tape|recording|film|clip|advertisement|commercial)"
    r"(?: (?:clip|presentation|tape))? (?:plays?|playing|played|starts?|begins?|ends?|ended|stops?|shown)"
    r"|(?:video|audio) (?:presentation|clip|tape)|background sounds?"
)
_TECHNICAL = (
    r"technical (?:difficult(?:y|ies)|problems?|issues?|glitch(?:es)?|interruption)"
    r"|(?:audio|sound|line|phone|call|connection|microphone|mic|recording|transmission|signal)"
    r" (?:gap|breaks?|breaking up|cuts?(?: out| off)?|drops?(?: out)?|dropped|lost|loss|malfunction|difficult(?:y|ies)"
    r"|problems?|issues?|interruption|interrupted|failure|distortion|distorted|muted|missing|skips?|off"
    r"|ended|disconnected|inaudible)"
    r"|(?:gap|break|loss|drop|cut|skip) in (?:audio|sound|recording|tape|transmission)|off[- ]mi(?:c|ke)(?:rophone)?"
    r"|speaks? off[- ]mi(?:c|ke)(?:rophone)?|(?:abrupt )?(?:start|beginning|end) of (?:the )?(?:audio|recording|call"
    r"|tape)|(?:audio|recording|call) (?:starts|begins|ends)(?: (?:in progress|abruptly))?"
    r"|(?:starts|joined) in progress"
)
_LANGUAGE = (
    rf"(?:(?:spoken |speaks? |speaking |said )?(?:in )?(?:a )?{_LANGUAGES} (?:language|spoken|speech))"
    rf"|(?:speaks?|speaking|spoken|interpreted(?: from)?|translated(?: from)?)(?: in)?(?: a)? {_LANGUAGES}"
    r"(?: language)?|foreign languages?|foreign words?|(?:through|via|by) (?:an? |the )?(?:interpreter|translator)"
    r"|interpreted|simultaneous (?:interpretation|translation)|voice ?-?over"
)
# The acidity "(pH)" was said.
_SPELLING = r"(?!(?-i:pH))ph(?:onetic)?|sic|sp"
_PROCEDURE = (
    r"operator'?s? instructions?|(?:conference )?operator provides instructions?|instructions? (?:given|provided)"
    r"|(?:unidentified|unknown|unverified) (?:speakers?|participants?|analysts?|male"
    r"|compan(?:y|ies) representatives?|female|audience members?|voice|man|woman)|speaker unknown|no name given"
)
_ANYWHERE = rf"{_SOUNDS}|{_TECHNICAL}|{_LANGUAGE}|{_SPELLING}|{_PROCEDURE}"
# Words that a person may have put in round brackets; in others they are a transcriber's. So is a time: "(12:30)" may
# have been printed.
_SQUARE_ONLY = (
    "audio|beep|blank|break|foreign|gap|in progress|instructions?|interpretation|music|noise|pause|recess|redacted"
    "|silence|skip|spelling|tone|translation|video"
)
_CLOCK = r"(?:at )?\d{1,2}:\d{2}(?: ?[ap]\.?m\.?)?"
# What an editor supplied: "[music] and [video] revenue".
_NOUN = (
    "revenues?|sales|growth|business(?:es)?|segments?|divisions?|subscri(?:bers?|ptions?)|content|games?|streaming"
    "|advertising|ads|products?|markets?|rights|royalt(?:y|ies)|services?|platforms?|librar(?:y|ies)|catalogs?"
    "|conferencing|equipment|devices?|publishing|industry|categor(?:y|ies)|usage|views|licensing|titles?|traffic|costs?"
)
_SUPPLIED = (
    rf"(?:music|video|audio)[\]}}>］】] (?:(?:and|or) [\[{{<]?(?:music|video|audio)[\]}}>]? )?(?:{_NOUN})\b"
)


def _bracketed(words: str) -> str:
    """Return a pattern for one or several of `words`, with times, as the content of a pair of brackets.

    Groups are atomic and quantifiers bounded, so that matching is linear whatever stands in the brackets.
    """
    one = rf"(?>(?:{words}|{_TIME})(?![a-z0-9]))"
    return rf" ?{one}(?:[ ,;:/.–—-]{{0,5}}+{one}){{0,5}}+[ .?!]{{0,5}}+"


_MARK = (
    rf"(?:[(（]{{1,3}}(?!{_CLOCK}[)）]){_bracketed(_ANYWHERE)}[)）]{{1,3}}"
    rf"|[\[{{<［【]{{1,3}}(?!{_SUPPLIED}){_bracketed(f'{_ANYWHERE}|{_SQUARE_ONLY}')}[\]}}>］】]{{1,3}}"
    rf"|\*{{1,2}}{_bracketed(_ANYWHERE)}\*{{1,2}})"
)
_CLOSES = r"[.,;:!?…]"
_REMOVED = re.compile(
    # After the end of a sentence or at the beginning of a line, a mark's own full stop is removed with it.
    rf"(?P<own>(?:(?<=[.!?…])|^)(?:[ ]?{_MARK})++{_CLOSES}{{0,5}}+)"
    rf"|(?:[ ]?{_MARK})++(?P<tight>(?=\s|{_CLOSES}|[)\]\"']|\Z))?",
    re.IGNORECASE | re.MULTILINE,
)


def without_marks(text: str) -> str:
    """Return `text`, whose blanks are single, without transcribers' marks and without the gaps that they leave.

    >>> without_marks("Demand [ph] rose (inaudible). [Foreign Language]. Sales (in millions) fell.")
    'Demand rose. Sales (in millions) fell.'
    """
    return _REMOVED.sub(lambda m: "" if m["own"] is not None or m["tight"] is not None else " ", text)
