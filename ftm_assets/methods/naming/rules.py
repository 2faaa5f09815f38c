"""The naming contract: a namer's input and output, and the rules for every name and summary.

The namers are in `extractive` (from the text alone) and `by_model`.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from typing import Literal, Protocol

from ftm_assets.methods.naming.heading_words import CURRENCIES
from ftm_assets.methods.naming.word_classes import word_class
from ftm_assets.methods.text.firm_names import holds_firm_name
from ftm_assets.methods.text.tokens import normal, words

MAX_NAME_WORDS = 8
MAX_SUMMARY_CHARACTERS = 400

Progress = Callable[[int, int], None]
"""Called with (number named so far, total)."""

BANNED_WORDS = re.compile(
    r"^(?:various|discussions? (?:of|about|on|around)|overview of|miscellaneous|general (?:discussion|comments)|"
    r"call participants?|topics?\b|themes?\b|summary\b|unknown\b|n/?a$|none$)|"
    r"\bcall participants?\b|\bearnings call\b|\bthe (?:speaker|executive|analyst)s?\b",
    re.IGNORECASE,
)
"""Openings and phrases banned from names: they say that people talked, not what about."""

_JOINTS = frozenset(map(normal, ("and", "of", "in", "for", "the", "on")))
_INITIALISM = re.compile(r"\b(?:[A-Za-z]\.){2,}")
# Characters that `plain_text` might have to change; most sentences contain none.
_MARK = re.compile(r"[*`~|<>\\\[\]_#]")
# Of a list or heading. A sign before a number is the number's, and a year or sum that ends a sentence is no marker.
_MARKER = re.compile(r"(?:(?:#{1,6}|[*>])\s+(?=\w|\*)|(?:[-+]|\d{1,2}[.)])\s+(?=[^\W\d]|\*))")
_BEFORE_NUMBER = re.compile(r"[<>](?=\s?[-+]?[$€£¥]?\.?\d)")
_TIMES = re.compile(r"(?<=\d) \* (?=[$€£¥]?\d)|(?<=\d)\*(?=\d)")
_SENTENCE_END = re.compile(r"[.!?][\"'”’)]*(?=\s|$)")


@dataclass(frozen=True)
class Digest:
    """A namer's input: one topic of a firm, or one theme across firms."""

    id: str
    kind: Literal["topic", "theme"]
    keywords: tuple[str, ...]
    """Strongest first."""
    sentences: tuple[str, ...]
    """Most central first: spoken sentences of a topic, summaries of a theme's topics."""
    names: tuple[str, ...] = ()
    """For a theme: its topics' names, most central first."""
    n_firms: tuple[int, ...] = ()
    """For a theme: for each of `names`, the number of firms with a topic of that name; empty if not counted."""
    exclude: tuple[str, ...] = ()
    """Firm names, tickers, brands and speakers that the name must not contain; see `text.firm_names`."""
    group: str = ""
    """The firm of a topic. Names are made distinct only within a group, so they do not depend on other firms."""
    evidence: tuple[tuple[str, str], ...] = ()
    """For a theme, what an extractive name must hold for: each topic's strongest keywords and summary, with its firm.
    Empty: the sentences, each from a firm of its own."""


Outcome = Literal["named", "repaired", "unusable", "rejected", "unanswered", "down", "extractive"]
"""`named`: by the model's first reply. `repaired`: by its second. All others have an extractive name: `unusable`, both
replies broke a rule; `rejected`, the server refused the request; `unanswered`, it did not answer; `down`, requests to
it had stopped; `extractive`, no model was asked."""

DEGRADED = ("unusable", "rejected", "unanswered", "down")
"""Outcomes in which an extractive name replaces a model's."""


@dataclass(frozen=True)
class Audit:
    """The cost and outcome of naming a digest."""

    outcome: Outcome = "extractive"
    reason: str | None = None
    """Why the model's name was not used, if a model was asked."""
    asked: tuple[str, str] | None = None
    """The model asked and the version of its prompt."""
    is_cached: bool = False
    """Whether its replies came from an earlier run, so that nothing was sent."""
    attempts: int = 0
    """Requests sent, retries included."""
    tokens_in: int = 0
    tokens_out: int = 0
    seconds: float = 0.0
    """From request to reply; for a cached reply, the time of the original request."""
    answered_at: float | None = None
    """Seconds since 1970."""


@dataclass(frozen=True)
class Named:
    """A name and a summary, with their origin."""

    name: str
    summary: str
    naming_method: Literal["extractive", "llm"]
    model: str
    prompt_version: str
    audit: Audit = Audit()


class Namer(Protocol):
    """Names digests; always returns one `Named` per digest, in order."""

    def name(self, digests: Sequence[Digest], progress: Progress | None = None) -> list[Named]:
        """Return a name for each digest, in order."""
        ...


class NamingError(ValueError):
    """A name or summary that breaks a rule. The message is sent to the model, so it says what to correct."""


def plain_text(text: str) -> str:
    """Return `text` on one line, without control characters, invisible characters and Markdown.

    Numbers keep their signs; < and > before a number become full-width, which no tag begins with.

    >>> plain_text("- **Margins** were <5% in 2023. 5 - 6 points")
    'Margins were ＜5% in 2023. 5 - 6 points'
    """
    if text.isascii() and text.isprintable():
        stripped = text.strip()
        if not ("  " in stripped or _MARK.search(stripped) or _MARKER.match(stripped)):
            return stripped
    else:
        text = "".join(
            " " if unicodedata.category(c) in {"Cc", "Zl", "Zp"} else c
            for c in unicodedata.normalize("NFC", text)
            if unicodedata.category(c) not in {"Cf", "Cs", "Co", "Cn"}
        )
    text = re.sub(r"!?\[([^\]]*)\]\([^)]*\)", r"\1", text.strip())  # links and images
    if marker := _MARKER.match(text):
        text = text[marker.end() :]
    text = _TIMES.sub(lambda m: m.group().replace("*", "×"), with_number_signs(text))
    text = re.sub(r"[*`<>\\]+|~{2,}|~(?![$€£¥]?\d)|(?<!\w)_+|_+(?!\w)", "", text.replace("|", " "))
    return re.sub(r"\s+", " ", text).strip()


def with_number_signs(text: str) -> str:
    """Return `text` with < and > before numbers in full width, so that they stay and are no tag's.

    >>> with_number_signs("<5% or <b>")
    '＜5% or <b>'
    """
    return _BEFORE_NUMBER.sub(lambda m: "＜" if m.group() == "<" else "＞", text)


def cut_at_sentence(text: str, *, sentences: int = 2, characters: int = MAX_SUMMARY_CHARACTERS) -> str:
    """Return `text` cut to at most `sentences` sentences and `characters` characters, at the end of a sentence.

    If no sentence ends within the limit, the text is cut after a word and gets an ellipsis.
    """
    masked = _INITIALISM.sub(lambda m: m.group().replace(".", "\0"), text)
    masked = re.sub(
        r"\b(?:Inc|Corp|Co|Ltd|approx|vs|No|Mr|Ms|Dr|St)\.", lambda m: m.group()[:-1] + "\0", masked
    )
    ends = [m.end() for m in _SENTENCE_END.finditer(masked)][:sentences]
    if len(text) <= characters and (not ends or len(ends) < sentences):
        return text
    if fitting := [end for end in ends if end <= characters]:
        return text[: fitting[-1]]
    return text[: characters - 1].rsplit(" ", 1)[0].rstrip(" ,;:-") + "…"


def check_name(name: str, exclude: Sequence[str] = ()) -> str:
    """Return the name as plain text. Raises NamingError if it still breaks a rule after tidying."""
    name = plain_text(name).strip(" \"'“”‘’.,:;-–—")
    words = name.split()
    if not words or not re.search(r"[^\W\d_]", name):
        raise NamingError("the name is empty")
    if len(words) > MAX_NAME_WORDS or len(name) > 100:
        raise NamingError(f"the name has {len(words)} words; at most {MAX_NAME_WORDS} are allowed")
    if not is_english(name):
        raise NamingError("the name is not in English")
    if found := BANNED_WORDS.search(name):
        raise NamingError(f"the name must say what the business is about, without {found.group().strip()!r}")
    if found_currency := next((w for w in words if w.lower() in CURRENCIES), None):
        raise NamingError(
            f"the name must say what the business is about, without the currency {found_currency!r}"
        )
    if holds_firm_name(name, exclude):
        raise NamingError("the name must not contain the company's own name, ticker or brand")
    return name[0].upper() + name[1:] if name[0].islower() and name[1:2].islower() else name


def check_summary(summary: str) -> str:
    """Return the summary as plain text, cut to two sentences. Raises NamingError if nothing usable is left."""
    summary = cut_at_sentence(plain_text(summary).strip(' "“”'))
    if len(re.findall(r"[^\W\d_]+", summary)) < 3:
        raise NamingError("the summary is empty")
    if not is_english(summary):
        raise NamingError("the summary is not in English")
    return summary if summary[-1] in ".!?…" else f"{summary}."


def is_english(text: str) -> bool:
    """Return whether the letters of `text` are mostly Latin: a check of script, not of language."""
    if text.isascii():
        return True
    letters = [c for c in text if c.isalpha()]
    latin = sum("LATIN" in unicodedata.name(c, "") for c in letters)
    return latin >= 0.8 * len(letters)


def name_key(name: str) -> frozenset[str]:
    """Return a key that is equal for names that a reader would take for the same."""
    return frozenset(words(name)) - _JOINTS


def is_allowed(name: str, exclude: Sequence[str], *, is_as_spoken: bool = False) -> bool:
    """Return whether a name obeys the rules of length, wording and the firm's own names."""
    fits = 0 < len(name.split()) <= MAX_NAME_WORDS and any(c.isalpha() for c in name)
    return (
        fits
        and not BANNED_WORDS.search(name)
        and not holds_firm_name(name, exclude, is_as_spoken=is_as_spoken)
    )


def capitalised(text: str) -> str:
    """Return a phrase as plain text with a capital letter, unless it opens with an unusual one (eBay)."""
    text = plain_text(text)
    return text[:1].upper() + text[1:] if text[:2].islower() or len(text) == 1 else text


def told_apart(name: str, digest: Digest, taken: Collection[frozenset[str]]) -> str:
    """Return the name followed, in brackets, by a keyword that makes it unique, a noun if possible."""
    nouns = [k for k in digest.keywords if word_class(k.split()[-1].lower()) == "n"]
    longer = (f"{name} ({keyword})" for keyword in dict.fromkeys((*nouns, *digest.keywords)))
    return next((t for t in longer if name_key(t) not in taken and is_allowed(t, digest.exclude)), name)
