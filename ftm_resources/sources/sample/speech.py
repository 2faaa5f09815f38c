"""What a sample firm says in a quarter: its events, their speaker turns, and each sentence's true labels."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from statistics import NormalDist
from typing import Literal

from ftm_resources.sources.sample.corpus import SENTIMENTS, Aspect, Theme, corpus
from ftm_resources.sources.sample.firms import TILT, Firm, Quarter, Subject, call_time
from ftm_resources.sources.sample.grammar import Dice, Phrase, Scope, Slot, say, sentence
from ftm_resources.sources.sample.lifecycle import living, pick_aspect

Kind = Literal["theme", "firm_topic", "procedural", "filler"]
KINDS: tuple[Kind, ...] = ("theme", "firm_topic", "procedural", "filler")

_OPERATOR, _EXECUTIVES, _ANALYSTS = "Operator", "Executives", "Analysts"
_OPENING, _SPEECH = "Presentation Operator Message", "Presenter Speech"
_QUESTION, _ANSWER = "Question", "Answer"
_Q_OPERATOR = "Question and Answer Operator Message"

_REDRAWS = 8
"""Attempts at a claim that is new in the event."""
_PLACE_OR_MONTH = re.compile(r"\b(?:in|outside|around) (?:the )?[A-Z]")
_VERSIONS = ("Spellchecked Copy", "Edited Copy", "Proofed Copy")

_SHOCK, _MOOD, _STANCE, _PASSAGE = 0.3, 0.25, 0.3, 0.35
"""Standard deviations of what moves sentiment: a theme's quarter, a firm's quarter, its topic, a paragraph."""

_GARBLED_SHARE = 0.04
"""Share of an earlier version's sentences in which the transcriber missed a word."""


@dataclass(frozen=True)
class Sentence:
    """One sentence and its true labels."""

    text: str
    kind: Kind
    theme: Theme | None = None
    firm_topic: str | None = None
    sentiment: str = "neutral"


@dataclass
class Turn:
    """One component: a speaker's turn."""

    type: str
    speaker_type: str
    speaker: str
    sentences: list[Sentence] = field(default_factory=list)


@dataclass(frozen=True)
class Transcript:
    """One version of one event."""

    transcript_id: int
    key_dev_id: int
    version: str
    headline: str
    at: datetime
    turns: list[Turn]

    @property
    def is_final(self) -> bool:
        """Whether no later version of the event exists."""
        return self.version == _VERSIONS[-1]


@dataclass(frozen=True)
class _Topic:
    """A theme or one of the firm's subjects, as discussed in one quarter."""

    theme: Theme | None
    subject: Subject | None
    aspects: tuple[Aspect, ...]
    tilt: float
    emphasis: tuple[float, ...] | None = None
    """Share of each aspect; None: all the same."""

    def pick_aspect(self, dice: Dice) -> Aspect:
        return pick_aspect(self.aspects, self.emphasis, dice)


def make_transcripts(seed: int, quarter: Quarter, firm: Firm) -> list[Transcript]:
    """Return all versions of all events of a firm in a quarter, earlier versions first."""
    dice = Dice(f"calls:{seed}:{quarter.key}:{firm.index}")
    topics = _topics(seed, quarter, firm, dice)
    transcripts: list[Transcript] = []
    for call in range(2 if "two_calls" in firm.oddities else 1):
        at = call_time(quarter, firm, dice, call)
        speaker = _Speaker(quarter, firm, at, topics, dice)
        year, number = quarter.reported
        day = f"{at:%b} {at.day}, {at.year}"
        if call == 0:
            turns = speaker.earnings_call(_length(firm, dice))
            headline = f"{firm.name}, Q{number} {year} Earnings Call, {day}"
        else:
            turns = speaker.conference(dice.integer(60, 140))
            headline = f"{firm.name} Presents at {dice.pick(corpus().pools['event'])}, {day}"
        versions = 3 if "three_versions" in firm.oddities else 2 if "two_versions" in firm.oddities else 1
        transcripts += [
            Transcript(
                transcript_id=quarter.index * 10_000_000 + firm.index * 10 + 3 * call + place,
                key_dev_id=quarter.index * 2_000_000 + firm.index * 2 + call,
                version=version,
                headline=headline,
                at=at,
                turns=turns if version == _VERSIONS[-1] else _garbled(turns, dice),
            )
            for place, version in enumerate(_VERSIONS[-versions:])
        ]
    return transcripts


def _length(firm: Firm, dice: Dice) -> int:
    """Return the approximate number of sentences in the call."""
    usual = dice.integer(275, 500)
    return 1_500 if "very_long" in firm.oddities else 0 if "tiny" in firm.oddities else usual


def _topics(seed: int, quarter: Quarter, firm: Firm, dice: Dice) -> list[_Topic]:
    """Draw the themes that the firm discusses this quarter; add its own subjects."""
    at = quarter.year + (quarter.number - 1) / 4
    alive = {t.theme.theme_id: t for t in living(quarter.key)}
    known = [theme.theme_id for theme in corpus().themes]
    # A theme that is away takes its draw all the same, so that the rest of what the firm says stays as it is.
    themes = [alive.pop(theme_id, None) for theme_id in known]
    themes += alive.values()
    weights = []
    for t in themes:
        chance = 2.0 ** dice.normal(0.4)
        weights.append(
            t.popularity(firm.sector.name, at) * firm.theme_taste[t.sources[0].theme_id] * chance if t else 0
        )
    chosen = dice.pick_several(themes, weights, dice.integer(9, 13))
    mood = firm.tilt + dice.normal(_MOOD)
    topics = [
        _Topic(
            t.theme,
            None,
            t.theme.aspects,
            t.tilt + shock(seed, quarter.key, t.theme.theme_id) + mood + dice.normal(_STANCE),
            t.emphasis,
        )
        for t in chosen
        if t
    ]
    return topics + [_Topic(None, s, (s.aspect,), mood + 0.1 + dice.normal(0.5)) for s in firm.subjects]


def shock(seed: int, quarter: str, theme_id: str) -> float:
    """Return the shift in sentiment on a theme that all firms share in this quarter only."""
    return Dice(f"drift:{seed}:{quarter}:{theme_id}").normal(_SHOCK)


def expected_tone(lean: float) -> float:
    """Return the mean of (positive - negative) over the statements about a theme of this lean.

    The mean over what firms, their moods, topics and paragraphs add to the lean, at 99 quantiles of their sum.
    """
    spread = NormalDist(lean, math.hypot(TILT, _MOOD, _STANCE, _PASSAGE))
    shares = [sentiment_shares(x) for x in spread.quantiles(100)]
    return sum(s[0] - s[2] for s in shares) / len(shares)


def _garbled(turns: list[Turn], dice: Dice) -> list[Turn]:
    """Return the turns as in an earlier version, in which some words were not understood."""
    return [replace(turn, sentences=[_garble(s, dice) for s in turn.sentences]) for turn in turns]


def _garble(said: Sentence, dice: Dice) -> Sentence:
    words = said.text.split(" ")
    if len(words) < 6 or not dice.chance(_GARBLED_SHARE):
        return said
    words[dice.integer(2, len(words) - 3)] = "[indiscernible]"
    return replace(said, text=" ".join(words))


class _Speaker:
    """Composes the events of one firm in one quarter."""

    def __init__(self, quarter: Quarter, firm: Firm, at: datetime, topics: list[_Topic], dice: Dice) -> None:
        self.firm, self.topics, self.dice, self.texts = firm, topics, dice, corpus()
        self.heard: set[str] = set()
        self.scope: Scope = {
            **self.texts.words,
            **quarter.words(at),
            "segment": firm.sector.segments,
            "place": tuple((place,) for place in firm.places),
            "person": tuple((manager,) for manager in firm.managers),
            "firm": firm.spoken_name,
            "ceo": firm.chief_executive,
            "cfo": firm.chief_financial,
            "ir": firm.investor_relations,
            "first_ceo": firm.chief_executive.split()[0],
            "first_cfo": firm.chief_financial.split()[0],
            "first_ir": firm.investor_relations.split()[0],
        }
        shares = [1.0 + 2.0 * dice.uniform() ** 2 for _ in topics]
        self.weights = [
            share * (1.0 if topic.theme else 0.7) for share, topic in zip(shares, topics, strict=True)
        ]

    def earnings_call(self, length: int) -> list[Turn]:
        """Return a call of about this many sentences; 0 asks for one of five to ten."""
        firm = self.firm
        if length == 0:
            opening = Turn(_OPENING, _OPERATOR, _OPERATOR, self.lines("opening")[:1])
            speech = Turn(_SPEECH, _EXECUTIVES, firm.chief_executive)
            speech.sentences += self.lines("greeting")[:1] + self.paragraph(
                self.topics[0], 5, is_spoken=False
            )
            return [opening, speech]
        is_procedural = "procedural_only" in firm.oddities
        turns = [
            Turn(_OPENING, _OPERATOR, _OPERATOR, self.lines("opening")),
            Turn(_SPEECH, _EXECUTIVES, firm.investor_relations, self.lines("safe_harbor")),
        ]
        speeches = self.speeches(0 if is_procedural else round(0.5 * length))
        turns += speeches
        turns.append(Turn(_Q_OPERATOR, _OPERATOR, _OPERATOR, self.lines("q_and_a_start")))
        spoken = sum(len(turn.sentences) for turn in turns)
        while not is_procedural and spoken < length - 15:
            exchange = self.exchange()
            spoken += sum(len(turn.sentences) for turn in exchange)
            turns += exchange
        turns.append(Turn(_Q_OPERATOR, _OPERATOR, _OPERATOR, self.lines("last_question")))
        turns.append(Turn(_ANSWER, _EXECUTIVES, firm.chief_executive, self.lines("closing")))
        turns.append(Turn(_Q_OPERATOR, _OPERATOR, _OPERATOR, self.lines("sign_off")))
        return turns

    def conference(self, length: int) -> list[Turn]:
        """Return a talk at an investor conference: one speech, then the host's questions, no operator."""
        speech = Turn(_SPEECH, _EXECUTIVES, self.firm.chief_executive, self.lines("greeting")[1:])
        for topic in self.dice.pick_several(self.topics, self.weights, 4):
            speech.sentences += self.paragraph(topic, self.dice.integer(4, 9), is_spoken=False)
        turns = [speech]
        spoken = len(speech.sentences)
        while spoken < length:
            exchange = self.exchange()[1:]
            spoken += sum(len(turn.sentences) for turn in exchange)
            turns += exchange
        return turns

    def speeches(self, length: int) -> list[Turn]:
        """Return the prepared remarks: two executives, a paragraph per topic, and more for large topics."""
        ceo = Turn(_SPEECH, _EXECUTIVES, self.firm.chief_executive, self.lines("greeting"))
        cfo = Turn(_SPEECH, _EXECUTIVES, self.firm.chief_financial, [self.one("procedural", "cfo_greeting")])
        ceo.sentences += self.remarks(2)
        left, queue = length, list(self.topics) if length else []
        while queue:
            topic = queue.pop(int(self.dice.uniform() * len(queue)))
            turn = cfo if topic.theme and topic.theme.is_financial else ceo
            turn.sentences += self.paragraph(topic, self.dice.integer(5, 11), is_spoken=False)
            left = length - len(ceo.sentences) - len(cfo.sentences)
            if not queue and left > 8:
                queue = self.dice.pick_several(self.topics, self.weights, max(1, left // 9))
        ceo.sentences.append(self.one("procedural", "handover"))
        cfo.sentences += [*self.remarks(1), self.one("procedural", "to_questions")]
        return [ceo, cfo]

    def exchange(self) -> list[Turn]:
        """Return one analyst's turn in the queue: announcement, question, answer, follow-up, thanks."""
        dice, firm, pools = self.dice, self.firm, self.texts.pools
        analyst = f"{dice.pick(pools['first'])} {dice.pick(pools['surname'])}"
        self.scope = {**self.scope, "analyst": analyst, "first_analyst": analyst.split(maxsplit=1)[0]}
        announced = [self.one("procedural", "next_question"), self.one("procedural", "go_ahead")]
        turns = [Turn(_Q_OPERATOR, _OPERATOR, _OPERATOR, announced)]
        for follow_up in range(dice.integer(1, 3)):
            (topic,) = dice.pick_several(self.topics, self.weights, 1)
            aspect = topic.pick_aspect(dice)
            question = Turn(_QUESTION, _ANALYSTS, analyst)
            if follow_up == 0:
                question.sentences.append(self.one("procedural", "analyst_hello"))
            else:
                question.sentences.append(self.one("filler", "understood"))
            question.sentences += self.question(topic, aspect)
            financial = bool(topic.theme and topic.theme.is_financial)
            first, second = firm.chief_executive, firm.chief_financial
            answerer, other = (second, first) if financial else (first, second)
            answer = Turn(_ANSWER, _EXECUTIVES, answerer)
            if follow_up == 0 and dice.chance(0.6):
                answer.sentences.append(self.one("procedural", "executive_hello"))
            elif dice.chance(0.4):
                answer.sentences.append(self.one("filler", "agree"))
            answer.sentences += self.paragraph(topic, dice.integer(4, 9), is_spoken=True, aspect=aspect)
            turns += [question, answer]
            if dice.chance(0.3):
                added = self.paragraph(topic, dice.integer(2, 4), is_spoken=True, has_opener=False)
                turns.append(Turn(_ANSWER, _EXECUTIVES, other, added))
        if dice.chance(0.3):
            turns.append(Turn(_QUESTION, _ANALYSTS, analyst, [self.one("filler", "understood")]))
            turns.append(Turn(_ANSWER, _EXECUTIVES, firm.chief_executive, [self.one("filler", "agree")]))
        thanks = [self.one("procedural", "analyst_thanks")]
        return [*turns, Turn(_QUESTION, _ANALYSTS, analyst, thanks)]

    def question(self, topic: _Topic, aspect: Aspect) -> list[Sentence]:
        """Return an analyst's question: sometimes what it is about, then one or two questions."""
        scope, frames = self.topic_scope(topic, aspect), self.texts.lines["questions"]
        said = []
        if self.dice.chance(0.6):
            said.append(self.claim(topic, frames["say"], scope))
        said += [self.claim(topic, frames["ask"], scope, mark="?") for _ in range(self.dice.integer(1, 2))]
        return said

    def paragraph(
        self,
        topic: _Topic,
        length: int,
        *,
        is_spoken: bool,
        has_opener: bool = True,
        aspect: Aspect | None = None,
    ) -> list[Sentence]:
        """Return a run of sentences about a topic, mostly about one aspect of it, in one mood."""
        dice, texts = self.dice, self.texts
        main = aspect or topic.pick_aspect(dice)
        shares = sentiment_shares(topic.tilt + dice.normal(_PASSAGE))
        said: list[Sentence] = []
        if has_opener and dice.chance(0.35 if is_spoken else 0.55):
            openers = texts.lines["openers"]["answer" if is_spoken else "prepared"]
            said.append(self.claim(topic, openers, self.topic_scope(topic, main)))
        last: Phrase | None = None
        while len(said) < length:
            scope = self.topic_scope(topic, main if dice.chance(0.8) else topic.pick_aspect(dice))
            sentiment = SENTIMENTS[_place(shares, dice.uniform())]
            frame = dice.pick(texts.claims[sentiment])
            if frame.phrase is last:
                continue
            last = frame.phrase
            lead = ""
            if is_spoken and dice.chance(0.35):
                lead = "spoken"
            elif frame.takes_lead and dice.chance(0.25):
                lead = "lead"
            said.append(self.claim(topic, (frame.phrase,), scope, sentiment=sentiment, lead=lead))
        return said

    def claim(
        self,
        topic: _Topic,
        frames: Sequence[Phrase],
        scope: Scope,
        *,
        sentiment: str = "neutral",
        lead: str = "",
        mark: str = ".",
    ) -> Sentence:
        """Return a claim about a topic, preferably one not yet made in this event."""
        for _ in range(_REDRAWS):
            text = say(self.dice.pick(frames), scope, self.dice)
            if text not in self.heard:
                break
        self.heard.add(text)
        if lead:
            before = say((Slot(lead),), scope, self.dice)
            # Not "in Texas, sales fell in Europe".
            if not (_PLACE_OR_MONTH.search(before) and _PLACE_OR_MONTH.search(text)):
                text = f"{before} {text}"
        return Sentence(
            sentence(text, mark),
            "theme" if topic.theme else "firm_topic",
            topic.theme,
            topic.subject.subject_id if topic.subject else None,
            sentiment,
        )

    def topic_scope(self, topic: _Topic, aspect: Aspect) -> Scope:
        """Return the slots for speaking about an aspect of a topic."""
        return {**self.scope, **aspect, **(topic.subject.words if topic.subject else {})}

    def lines(self, name: str) -> list[Sentence]:
        """Return all procedural lines with this name, in order."""
        phrases = self.texts.lines["procedural"][name]
        return [Sentence(sentence(say(p, self.scope, self.dice)), "procedural") for p in phrases]

    def one(self, section: Literal["procedural", "filler"], name: str) -> Sentence:
        """Return one line with this name."""
        phrase = self.dice.pick(self.texts.lines[section][name])
        return Sentence(sentence(say(phrase, self.scope, self.dice)), section)

    def remarks(self, count: int) -> list[Sentence]:
        """Return up to `count` general remarks."""
        return [self.one("filler", "remarks") for _ in range(self.dice.integer(0, count))]


def sentiment_shares(tilt: float) -> tuple[float, float, float]:
    """Return the probabilities of positive, neutral and negative at lean t: softmax of (1.2 t, 0.3, -1.2 t)."""
    weights = (math.exp(1.2 * tilt), math.exp(0.3), math.exp(-1.2 * tilt))
    total = sum(weights)
    return (weights[0] / total, weights[1] / total, weights[2] / total)


def _place(shares: Sequence[float], at: float) -> int:
    """Return the index of the share that `at` in [0, 1) falls into."""
    for i, share in enumerate(shares[:-1]):
        if at < share:
            return i
        at -= share
    return len(shares) - 1
