"""What is kept of a model's answer: claims that cite quotations which were shown, with quotes that are in them.

A citation of nothing that was shown is removed and counted, and so is a claim that is left without any; words in
quotation marks that no cited sentence holds are marked. Links are not shown unless a cited sentence holds them.
"""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from ftm_assets.methods.answering.questions import label
from ftm_assets.methods.naming.prompts import as_data
from ftm_assets.methods.naming.replies import json_objects
from ftm_assets.methods.naming.rules import plain_text

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ftm_assets.methods.answering.evidence import Quotation

MOST_READ, MOST_CHARACTERS = 30, 1500
"""Claims of a reply, and characters of a claim, that are looked at."""

NOT_VERBATIM = "[not a quotation]"
NO_LINK = "[link removed]"

_NUMBER = re.compile(r"[Ss]?\s*(\d{1,4})")
_PAIRS = (
    *['""', "“”", "„“", "‟”", "«»", "»«", "‹›", "›‹", "””", "″″", "＂＂", "「」", "『』", "❝❞", "〝〞"],
)
"""Marks that open and close a quote."""


def _quoted() -> re.Pattern[str]:
    """Return the pattern of a quote: from a mark to the one that closes it, to any other, or to the end."""
    every = "".join(dict.fromkeys("".join(_PAIRS)))
    forms = []
    for pair in _PAIRS:
        opens, closes = pair[0], pair[1]
        begin = rf"(?<!\d){opens}" if opens in '"″' else opens  # 12" is a length
        forms += [f"{begin}([^{opens}{closes}]+){closes}", f"{begin}([^{every}]+)[{every}]", f"{begin}(.+)$"]
    # Where it is no apostrophe; '90s is one.
    forms.append(r"(?<!\w)['‘‚‛❛](?!\d\ds\b)(\S|\S.*?\S)['’❜](?!\w)")
    forms.append(r"(?<!\w)[‘❛](?!\d\ds\b)(.{4,})$")
    return re.compile("|".join(forms), re.DOTALL)


_QUOTED = _quoted()
_LATEX_QUOTED = re.compile(r"``([^`']+)''")
# With any scheme or none; a name such as Booking.com is no link.
_LINK = re.compile(
    r"(?:\b[a-z][a-z0-9+.-]*://|\bwww\.|\bmailto:)\S+?(?=[.,;:!?)\]\"”’]*(?:\s|$))"
    r"|(?<![\w.@-])(?:(?:[a-z0-9-]{2,}\.)+[a-z]{2,24}|\d{1,3}(?:\.\d{1,3}){3})(?::\d+)?/\S*?"
    r"(?=[.,;:!?)\]\"”’]*(?:\s|$))"
    r"|(?<![\w.@-])[a-z0-9-]+\.(?:[a-z0-9-]{2,}\.)+[a-z]{2,24}\b(?!\.?[\w/])",
    re.IGNORECASE,
)
_ALIKE = str.maketrans({"’": "'", "‘": "'", **dict.fromkeys("–—−", "-")})
_MINUS = "−"
# Neither part of a word nor between two numbers.
_IS_MINUS = re.compile(r"(?<![\w%)])(?<![\d%] )-(?=[$€£¥]?\.?\d)")
_MENTION = re.compile(r"\s*[\[(](?:S\d+(?:\s*,\s*)?)+[\])]")


class AnswerError(ValueError):
    """A reply that cannot be used; the message tells the model what to correct."""


@dataclass(frozen=True)
class Claim:
    """A statement with the sentences that it rests on."""

    text: str
    cites: tuple[Quotation, ...]


@dataclass
class Checked:
    """The claims that were kept, and what was not."""

    claims: list[Claim] = field(default_factory=list)
    invented: int = 0
    """Citations of nothing that was shown."""
    unsupported: int = 0
    """Claims that were left out, as they cite nothing that was shown."""
    not_verbatim: int = 0
    """Quotes that no cited sentence holds; marked in the text."""
    links: int = 0
    """Links that no cited sentence holds; removed."""


def checked(reply: str, shown: Sequence[Quotation]) -> Checked:
    """Return what is kept of a reply to the question about the quotations `shown`.

    Raises AnswerError if the reply holds no JSON object with claims.
    """
    found = json_objects(reply)
    claims = next((f["claims"] for f in reversed(found) if "claims" in f), None)
    if claims is None:  # of a reply that was cut off, the claims that are complete
        claims = [f for f in found if {"text", "cites"} <= f.keys()] or None
    if not isinstance(claims, list):
        raise AnswerError('the reply holds no complete JSON object {"claims": [...]}')
    by_number = {label(i): quotation for i, quotation in enumerate(shown)}
    made, said = Checked(), list[str]()
    for claim in claims[:MOST_READ]:
        text = claim.get("text") if isinstance(claim, dict) else None
        if not isinstance(text, str) or not (text := _tidied(text)):
            raise AnswerError('each claim must be {"text": "...", "cites": ["S1"]}')
        cites: dict[str, Quotation] = {}
        for cited in _numbers(claim.get("cites")):
            if cited in by_number:
                cites[cited] = by_number[cited]
            else:
                made.invented += 1
        if not cites:
            made.unsupported += 1
            continue
        if all(text != before for before in said):  # small models say a thing again and again
            said.append(text)
            made.claims.append(Claim(_verified(text, list(cites.values()), made), tuple(cites.values())))
    return made


def _tidied(text: str) -> str:
    """Return the text of a claim as plain text, without numbers of quotations."""
    return plain_text(_LATEX_QUOTED.sub(r'"\1"', _MENTION.sub("", text[:MOST_CHARACTERS])))


def _numbers(cites: Any) -> list[str]:
    """Return the numbers that a claim cites, as `label` writes them; what is no number stays as it is."""
    if isinstance(cites, (str, int)):
        cites = [cites]
    found = []
    for cite in cites if isinstance(cites, list) else ():
        number = _NUMBER.fullmatch(str(cite).strip(" []()"))
        found.append(f"S{int(number[1])}" if number else str(cite))
    return list(dict.fromkeys(found))


def _verified(text: str, cites: Sequence[Quotation], made: Checked) -> str:
    """Return a claim in which quotes and links that no cited sentence holds are marked or removed, and counted."""
    said = [_compared(quotation.text) for quotation in cites]
    linked = {link[0] for quotation in cites for link in _LINK.finditer(quotation.text)}

    def mark(quote: re.Match[str]) -> str:
        words = _compared(quote[quote.lastindex or 0]).strip(" .,;:…")
        if not words or any(_holds(sentence, words) for sentence in said):
            return quote[0]
        made.not_verbatim += 1
        return f"{quote[0]} {NOT_VERBATIM}"

    def remove(link: re.Match[str]) -> str:
        if link[0] in linked:
            return link[0]
        made.links += 1
        return NO_LINK

    return _QUOTED.sub(mark, _LINK.sub(remove, text))


def _holds(sentence: str, quoted: str) -> bool:
    """Return whether a sentence holds a quote as whole words and whole numbers, with their signs."""
    signs = f"{_MINUS}＜＞~"
    before = rf"(?<!\d[.,])(?<![{signs}])(?<![{signs}][$€£¥])" + (r"(?<!\w)" if quoted[0].isalnum() else "")
    after = r"(?!\w)(?![.,]\d)" if quoted[-1].isalnum() else ""
    return re.search(before + re.escape(quoted) + after, sentence) is not None


def _compared(text: str) -> str:
    """Return text as quotes are compared: as a model was shown it, with one kind of apostrophe.

    A minus is kept; other dashes are left out, as those that stand alone are Markdown to some models.
    """
    alike = _IS_MINUS.sub(_MINUS, unicodedata.normalize("NFKC", text).translate(_ALIKE))
    return " ".join(as_data(alike.replace("-", " ")).casefold().split())
