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
_QUOTED = re.compile(r"[\"“”„«»]([^\"“”„«»]+)[\"“”„«»]")
_LINK = re.compile(r"(?:https?://|www\.)\S+", re.IGNORECASE)
# Dashes that stand alone are Markdown to some models.
_ALIKE = str.maketrans({"’": "'", "‘": "'", **dict.fromkeys("-–—", " ")})
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
        if not isinstance(text, str) or not (text := plain_text(_MENTION.sub("", text[:MOST_CHARACTERS]))):
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

    def mark(quote: re.Match[str]) -> str:
        words = _compared(quote[1]).strip(" .,;:…")
        if any(words in sentence for sentence in said):
            return quote[0]
        made.not_verbatim += 1
        return f"{quote[0]} {NOT_VERBATIM}"

    def remove(link: re.Match[str]) -> str:
        if any(link[0] in quotation.text for quotation in cites):
            return link[0]
        made.links += 1
        return NO_LINK

    return _QUOTED.sub(mark, _LINK.sub(remove, text))


def _compared(text: str) -> str:
    """Return text as quotes are compared: as a model was shown it, with one kind of apostrophe and without dashes."""
    plain = as_data(unicodedata.normalize("NFKC", text).translate(_ALIKE)).casefold()
    return " ".join(plain.split())
