"""Procedural sentences and topics: those about the call rather than the business.

A *statement* ("I'll turn the call over", "forward-looking statements", "a replay will be available") makes a sentence
procedural whatever else it says, unless it contains an amount. A *courtesy* (thanks, a greeting, an acknowledgement,
the announcement of a question) does so only if nothing else is said: courtesies are removed from the sentence, and
the rest must consist only of names and words without content. So "Thanks, Brian" is procedural and "Thanks, Brian,
pricing was up 3%" is not. Sentences within the introduction of a call (from safe harbour to hand-over) are
procedural too.

When in doubt, a sentence is kept: silently losing evidence is worse than keeping a greeting.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Sequence
from functools import cache, lru_cache

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from ftm_assets.methods.text.courtesies import COURTESIES, EMPTY_WORDS, OPENS_WITH_NAME, SPOKEN_TO
from ftm_assets.methods.text.statements import EXEMPT, STATEMENTS
from ftm_assets.methods.text.tokens import HESITATION, normal_form, words
from ftm_assets.methods.text.word_lists import CALL_WORDS

BOILERPLATE = ("safe_harbour", "measures")
STRONGEST_KEYWORDS = 5
"""Number of strongest keywords that decide whether a topic is about the call itself."""

INTRODUCTION_GAP = 3
"""Up to this many unmarked sentences in a row, between two marked ones of an introduction, belong to it."""

_NUMBER = r"\d ?%|[$€£] ?\d|\d (?:million|billion|percent|basis points|bps|cents?)\b"
_CHANGE = r"\b(?:increased|decreased|grew|declined|rose|fell)\b"
_HESITATION = rf"(?:,\s*)?\b{HESITATION}\b(?:[,.…?!]|-+)*(?:\s+|$)"
_CUT_WORD = r"(?i)\b(?:(non|pre|post|mid|co|re)|[a-z]{1,4})-+[,…]?\s+"
_BEYOND_ASCII = r"[^\x00-\x7f]"
_LETTER_BEYOND_ASCII = re.compile(r"[^\W\d_a-zA-Z]")
# Thai to Khmer, kana and ideographs.
_WITHOUT_BLANKS = re.compile(
    r"[\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u9fff\uf900-\ufaff]"
)
_REPEATED = re.compile(r"\b(\w+(?:'\w+)?)(?:[,…-]+\s*|\s+)(?=\1\b)", re.IGNORECASE)


def mark_procedural(sentences: pa.Table) -> npt.NDArray[np.bool_]:
    """Return whether each sentence is procedural.

    A mark depends only on the sentence's component, so any chunk of whole components gives the same marks.

    Parameters
    ----------
    sentences : pyarrow.Table
        Columns text and component_id; the sentences of a component are contiguous and in order.

    Returns
    -------
    ndarray of shape (n,), bool
        True for procedural sentences.

    Examples
    --------
    >>> texts = ["Thanks, Brian.", "Thanks, Brian, pricing was up 3%."]
    >>> mark_procedural(pa.table({"component_id": ["1", "1"], "text": texts})).tolist()
    [True, False]

    """
    text = normalized(sentences["text"])
    number = _matches(text, [_NUMBER])
    boilerplate = _matches(text, [p for kind in BOILERPLATE for p in STATEMENTS[kind]]) & ~number
    said = _matches(text, [p for kind in STATEMENTS if kind not in BOILERPLATE for p in STATEMENTS[kind]])
    statement = said & ~number & ~_matches(text, [_CHANGE, *EXEMPT])
    marked = boilerplate | statement | is_courtesy(text)
    return marked | _introductions(sentences["component_id"], boilerplate, marked, number)


def normalized(text: pa.ChunkedArray | pa.Array) -> pa.Array:
    r"""Return `text` as the rules read it: straight apostrophes, no hesitations, stammers and cut-off words.

    Letters beyond ASCII are replaced by ASCII letters, as RE2's `\w`, `\W` and `\b` know no others: it would take a
    Japanese sentence for punctuation, and the end of "Así" for a word of its own.
    """
    if isinstance(text, pa.ChunkedArray):
        text = pa.concat_arrays(text.chunks or [pa.array([], pa.string())])
    foreign = pc.match_substring_regex(text, pattern=_BEYOND_ASCII)
    written = text.filter(foreign).to_pylist()
    text = pc.replace_with_mask(text, foreign, pa.array([_in_ascii_letters(t) for t in written], pa.string()))
    spoken = pc.replace_substring_regex(text, pattern=_HESITATION, replacement=" ")
    whole = pc.replace_substring_regex(spoken, pattern=_CUT_WORD, replacement="\\1")
    straight = pc.replace_substring(whole, pattern="’", replacement="'")
    return pa.array([_REPEATED.sub("", t).strip(" -") for t in straight.to_pylist()], pa.string())


def _in_ascii_letters(text: str) -> str:
    return _LETTER_BEYOND_ASCII.sub(lambda m: _ascii_letters(m[0]), text)


@lru_cache(maxsize=20_000)
def _ascii_letters(letter: str) -> str:
    """Return an accented Latin letter without its accent, and any other as letters that do not spell a word.

    Letters of scripts without blanks are set apart: as one word, a whole sentence would be taken for a short answer.
    """
    base = unicodedata.normalize("NFKD", letter)
    if base[0].isascii() and base[0].isalpha():
        return "".join(c for c in base if c.isascii())
    spelt = "x" + "".join(chr(ord("a") + int(digit, 16)) for digit in f"{ord(letter):x}")
    return f" {spelt} " if _WITHOUT_BLANKS.match(letter) else spelt


def topic_is_procedural(keywords: Sequence[str], name: str = "") -> bool:
    """Return whether a topic is about the call itself, judging by its `keywords` (strongest first) and `name`.

    It is if its name or most of its five strongest keywords are about the call: more than half of the words of each
    are in `word_lists.CALL_WORDS`.

    >>> topic_is_procedural(["question", "follow-up", "operator", "pricing"], "Pricing")
    True
    >>> topic_is_procedural(["pricing", "question"], "Price increases")
    False
    """
    strongest = keywords[:STRONGEST_KEYWORDS]
    return _call_share(name) > 0.5 or sum(_call_share(k) > 0.5 for k in strongest) > len(strongest) / 2


def _call_share(text: str) -> float:
    said = words(text)
    return sum(w in _CALL_FORMS for w in said) / max(len(said), 1)


_CALL_FORMS = frozenset(map(normal_form, CALL_WORDS))


def kinds(text: str) -> list[str]:
    """Return the names of the rules that `text` matches, to explain why it was marked."""
    one = normalized(pa.chunked_array([[text]]))
    found = [kind for kind in STATEMENTS if _matches(one, STATEMENTS[kind])[0]]
    return found + (["courtesy"] if is_courtesy(one)[0] else [])


def is_courtesy(text: pa.Array) -> npt.NDArray[np.bool_]:
    """Return for each normalized sentence whether it consists only of courtesies."""
    rest = text
    for pattern in _cuts():
        rest = pc.replace_substring_regex(rest, pattern=f"(?i){pattern}", replacement=" , ")
    return np.asarray(pc.invert(pc.match_substring_regex(rest, pattern=r"[\pL\pN%$€£]")))


@cache
def _cuts() -> tuple[str, ...]:
    courtesies = "|".join(p for patterns in COURTESIES.values() for p in patterns)
    # Each match includes the space after it, so a second pass is needed for words between two matches.
    empty = rf"\b(?:{EMPTY_WORDS})(?:'s)?(?:[^\w'-]|$)|'(?:s|re|ll|ve|d|m)\b"
    return (*SPOKEN_TO, courtesies, OPENS_WITH_NAME, empty, empty)


def _matches(text: pa.Array, patterns: Iterable[str]) -> npt.NDArray[np.bool_]:
    """Return whether any pattern occurs; one at a time, since RE2 is several times slower on their union."""
    found = np.zeros(len(text), dtype=np.bool_)
    for pattern in patterns:
        found |= np.asarray(pc.match_substring_regex(text, pattern=pattern, ignore_case=True))
    return found


def _introductions(
    component_ids: pa.ChunkedArray,
    boilerplate: npt.NDArray[np.bool_],
    marked: npt.NDArray[np.bool_],
    number: npt.NDArray[np.bool_],
) -> npt.NDArray[np.bool_]:
    """Return whether each unmarked sentence belongs to the introduction of a call.

    It does if at most INTRODUCTION_GAP such sentences in a row, without a number, lie between two marked sentences of
    a component, and either the first of the two is boilerplate or the component contains boilerplate and is mostly
    marked.
    """
    filled = np.zeros(len(marked), dtype=np.bool_)
    if not boilerplate.any():
        return filled
    component = component_ids.combine_chunks().dictionary_encode().indices.to_numpy()
    mostly = np.bincount(component, weights=marked) * 2 >= np.bincount(component)
    holds = np.bincount(component, weights=boilerplate) > 0
    opens = boilerplate | (marked & (mostly & holds)[component])
    starts = np.flatnonzero(opens[:-1] & ~marked[1:] & (component[:-1] == component[1:])) + 1
    for start in starts.tolist():
        for end in range(start, min(start + INTRODUCTION_GAP + 1, len(marked))):
            if component[end] != component[start] or number[end]:
                break
            if marked[end]:
                filled[start:end] = True
                break
    return filled
