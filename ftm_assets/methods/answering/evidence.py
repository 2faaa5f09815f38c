"""What an answer may rest on: sentences of calls, each with who said it, when, and what it was found by."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping


ROOM = ((3, 8), (6, 4))
"""Ranks up to which a theme or topic may bring how many of its sentences; those behind bring LEAST_ROOM."""

LEAST_ROOM = 2

MOST_CHILDREN = max(n for _, n in ROOM)
"""Children of a hit that evidence can use."""


@dataclass(frozen=True)
class Found:
    """The hit of a search by which a sentence came to be evidence."""

    level: str
    """theme, topic or sentence."""
    id: str
    rank: int
    """Of the hit, from 1."""
    score: float


@dataclass
class Quotation:
    """A sentence of a call."""

    sentence_id: str
    text: str
    firm: str
    quarter: str
    call_date: str
    speaker: str
    topic: str | None = None
    theme: str | None = None
    found: list[Found] = field(default_factory=list)
    """By what it was found; the best hit first."""

    @property
    def source(self) -> str:
        """Who said it, and when."""
        return ", ".join(part for part in (self.firm, self.speaker, self.call_date) if part)


@dataclass(frozen=True)
class Context:
    """A theme or topic that was found: what its sentences are about. It is no quotation and cannot be cited."""

    level: str
    id: str
    name: str
    text: str
    firm: str
    quarter: str


@dataclass(frozen=True)
class Evidence:
    """Quotations, best first, and the themes and topics that were found with them."""

    quotations: list[Quotation]
    contexts: list[Context]


def gathered(hits: Iterable[Mapping[str, Any]]) -> Evidence:
    """Return the evidence in the hits of a search (see `search`), of which themes and topics have their children.

    A sentence that several hits lead to is there once, with all of them. Better hits bring more of their sentences, and
    hits that are not near the question bring none, unless there is no other.
    """
    hits = list(hits)
    hits = [hit for hit in hits if hit["is_near"]] or hits
    quotations: dict[str, Quotation] = {}
    contexts: list[Context] = []
    for hit in hits:
        found = Found(hit["level"], hit["id"], hit["rank"], hit["score"])
        names = {"topic": hit["topic_name"], "theme": hit["theme_name"]}
        if hit["level"] == "sentence":
            _add(quotations, found, hit, sentence_id=hit["id"], quarter=hit["quarter"], **names)
            continue
        if hit["level"] == "theme":
            names["theme"] = hit["name"]
        contexts.append(
            Context(
                hit["level"],
                hit["id"],
                hit["name"] or hit["id"],
                hit["text"] or "",
                hit["firm_name"] or "",
                hit["quarter"],
            )
        )
        room = next((n for last, n in ROOM if hit["rank"] <= last), LEAST_ROOM)
        for child in (hit["children"] or ())[:room]:
            own = {**names, "topic": child["topic_name"]}
            _add(quotations, found, child, sentence_id=child["sentence_id"], quarter=hit["quarter"], **own)
    return Evidence(list(quotations.values()), contexts)


def _add(
    quotations: dict[str, Quotation],
    found: Found,
    said: Mapping[str, Any],
    *,
    sentence_id: str,
    quarter: str,
    topic: str | None,
    theme: str | None,
) -> None:
    made = quotations.setdefault(
        sentence_id,
        Quotation(
            sentence_id,
            said["text"],
            said["firm_name"] or said["firm_id"] or "",
            quarter,
            str(said["call_date"] or quarter),
            said["speaker_type"] or "",
        ),
    )
    made.topic, made.theme = made.topic or topic, made.theme or theme
    made.found.append(found)
