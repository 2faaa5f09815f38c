"""Sentences: splitting a speaker turn, and the `sentences` table of a quarter.

The splitter is sentencex, followed by a pass that corrects its errors on earnings calls: financial abbreviations,
answers that look like abbreviations ("No. We do"), apostrophes before a year (read as quotation marks), list numbers,
and the ellipses of speakers who break off. A line break is always a boundary, as `normalising` leaves none within a
sentence. `kinds.py` judges what kind each sentence is.
"""

from __future__ import annotations

import re
from itertools import pairwise

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from ftm_assets.methods.text.tokens import is_hesitation
from ftm_resources.tables import TABLES

LANGUAGE = "en"
READ = ("component_id", "firm_id", "transcript_id", "component_order", "section", "speaker_type", "text")
"""Columns of `transcripts` that are read: quarters of versions of FTM that lacked others can be split again."""

COMPONENTS_AT_ONCE = 20_000
"""Speaker turns held as Python strings at a time: about 15 MB of text."""

FALSE_START_WORDS = 8
"""At most this many words before an ellipsis are a false start, which belongs to the sentence that replaces it."""

LONGEST_SENTENCE = 1_500
"""A longer piece is split at the best place within it. The longest sentence of the real calls has 703 characters."""

# Where a piece that is too long is split, the best places first.
_BREAKS = tuple(
    map(
        re.compile,
        (
            r"[.!?…][\"')]*\s",
            r"[。！？]",
            r";\s",
            r":\s|\s[–—-]+\s",
            r",\s(?=(?:and|but|so|or)\b)",
            r"[,，、]",
            r"\s",
        ),
    )
)

# Quotation marks are replaced by blanks, because sentencex never splits between two of them: it would read
# "in ' 21. We grew. In ' 22" as one quotation. After a bullet it would not split at all.
_QUOTE = re.compile(r"""["“”„«»‘•]|(?<!\w)['’]|['’](?!\w)""")
_LINE = re.compile(r"[^\n]+")
# sentencex takes quadratic time over a long line without blanks: it gets a line in parts, cut behind a full stop that
# cannot belong to an abbreviation.
_PART = re.compile(r".{1,1000}(?:.*?(?:[。！？｡।؟۔]|．(?!\d))|.*)")
_OPENING = "([\"'“‘"

# These never end a sentence: they belong to the next word.
_ANNOUNCES = frozenset({"approx", "vs", "cf", "i.e", "e.g", "incl", "excl", "avg", "mr", "mrs", "ms", "dr"})
# These end a sentence only before a capitalised word; so do abbreviations without a vowel (bn, bps, mgmt).
_CONTINUES = re.compile(
    r"(?:cos?|inc|corp|cap|dept|div|est|etc|fig|gov|gen|intl|jr|op|prod|q[1-4]|qoq|sr|univ|yoy|[ap]\.m"
    r"|[b-df-hj-np-tv-z]{2,5})\Z"
)
_ZONE = re.compile(r"(?:Eastern|Central|Mountain|Pacific|London|New York|[A-Z]{2,4}T|GMT|UTC)\b")
_FIGURE = re.compile(r"[$€£]?\d")
_LIST_NUMBER = re.compile(r"\(?(?:\d{1,2}|[a-zA-Z])[.)]\Z")

_CAPITAL = "A-ZÀ-ÖØ-Þ"
_STARTER = (
    r"(?:And|But|So|Um|Uh|We|The|This|That|It|Our|In|On|If|You|Yeah|Then|They|There|As|At|For|With|Now|However|"
    r"References)\b"
)
# Boundaries that sentencex misses because the word before the full stop can be an abbreviation.
_MISSED = re.compile(
    r"(?<![\w.'’-])(?:[Nn]o|[Mm]e|[Mm]ay|[Mm]iss|[Oo]k|OK|etc|Ken|(?<=, )(?:Al|Art|Cal|Del|Jan))\."
    rf"[\"'”)]*\s+(?=[\"'“(]?[{_CAPITAL}])"
    rf"|\s[A-Z]{{1,2}}\.\s+(?={_STARTER})"
    r"|\s[A-Z]{2}\.\s+(?=I\b)"
    rf"|\bwww\.\S{{1,200}}\.\s+(?=[{_CAPITAL}])"
)
_BROKEN_OFF = re.compile(rf"(?:…|(?<!\.)\.{{3,}}+)[\"'”)]*+\s++(?=[{_CAPITAL}])")
_LOOK_BACK = 400
"""Whether a sentence ends is decided by at most this many characters before its end."""
_ELLIPSIS = re.compile(r"…|\.\.\.+")
_WORD = re.compile(r"[\w'’-]+")


def split(text: str) -> list[str]:
    """Return the sentences of `text` in order, verbatim, without surrounding whitespace.

    Nothing but whitespace is lost, for any Unicode text. No sentence is empty; a piece without a letter or digit stays
    with its neighbour. Text that is only whitespace has no sentences.
    """
    boundaries = _boundaries(text)
    pieces = (text[i:j].strip() for i, j in zip([0, *boundaries], [*boundaries, len(text)], strict=True))
    return [p for p in pieces if p]


def build_sentences(transcripts: pa.Table, quarter: str) -> pa.Table:
    """Return the `sentences` table: all components except the operator's, split.

    A component's sentences depend only on the component, so the function may be called per chunk of calls.

    Parameters
    ----------
    transcripts : pyarrow.Table
        Rows of `transcripts` in any order, with columns component_id, firm_id, transcript_id, component_order,
        section, speaker_type and text.
    quarter : str
        The quarter of the rows.

    Returns
    -------
    pyarrow.Table
        `sentences`, ordered by call and position in the call.

    Raises
    ------
    ContractError
        If the result does not match the contract.

    Examples
    --------
    >>> spoken = {
    ...     "component_id": "2023Q1:9:0001",
    ...     "firm_id": "1",
    ...     "transcript_id": "9",
    ...     "component_order": 1,
    ...     "section": "presentation",
    ...     "speaker_type": "executive",
    ...     "text": "Good morning. Sales grew in the U.S. market.",
    ... }
    >>> sentences = build_sentences(pa.Table.from_pylist([spoken]), "2023Q1")
    >>> sentences.select(["sentence_id", "text"]).to_pylist()[1]
    {'sentence_id': '2023Q1:9:0001:001', 'text': 'Sales grew in the U.S. market.'}

    """
    order = pc.sort_indices(
        transcripts, sort_keys=[("transcript_id", "ascending"), ("component_order", "ascending")]
    )
    read = transcripts.select(READ)
    starts = range(0, len(order), COMPONENTS_AT_ONCE)
    parts = [_sentences_of(read.take(order.slice(i, COMPONENTS_AT_ONCE)), quarter) for i in starts]
    return pa.concat_tables(parts) if parts else TABLES["sentences"].empty()


def _sentences_of(components: pa.Table, quarter: str) -> pa.Table:
    spoken = components.filter(pc.not_equal(components["speaker_type"], "operator"))
    pieces = [split(text) for text in spoken["text"].to_pylist()]
    counts = np.fromiter((len(p) for p in pieces), dtype=np.int64, count=len(pieces))
    row = np.repeat(np.arange(len(pieces)), counts)
    position = np.arange(len(row)) - np.repeat(np.cumsum(counts) - counts, counts)
    copied = spoken.select(["firm_id", "transcript_id", "component_id", "section", "speaker_type"]).take(row)
    ids = [
        f"{component}:{place:03d}"
        for component, n in zip(spoken["component_id"].to_pylist(), counts.tolist(), strict=True)
        for place in range(n)
    ]
    sentences = (
        copied.append_column("sentence_id", pa.array(ids, pa.string()))
        .append_column("position", pa.array(position, pa.int32()))
        .append_column("text", pa.array([s for p in pieces for s in p], pa.string()))
    )
    return TABLES["sentences"].conform(sentences, quarter=quarter)


def _boundaries(text: str) -> list[int]:
    """Return the ascending offsets at which sentences begin, except the first."""
    found: set[int] = set()
    broken_off: set[int] = set()
    lines: set[int] = set()
    for line in _LINE.finditer(text):
        begin = line.start()
        lines.add(begin)
        found.update(begin + b for b in _possible(line[0]))
        broken_off.update(begin + m.end() for m in _BROKEN_OFF.finditer(line[0]))
    kept: list[int] = []
    start = looked = 0
    speaks = False
    for b in sorted((found | broken_off | lines) - {0, len(text)}):
        speaks = speaks or _has_word(text[looked:b])
        looked = b
        if not speaks:
            continue
        before = text[max(start, b - _LOOK_BACK) : b]
        if b in lines:
            ends = True
        elif b in broken_off:
            ends = _is_new_thought(before, text[b : b + 60])
        else:
            ends = not _joins(before, text[b : b + 12])
        if ends:
            kept.append(b)
            start, speaks = b, False
    last = next((i for i in range(len(text) - 1, -1, -1) if text[i].isalnum()), -1)
    while kept and kept[-1] > last:
        kept.pop()
    return [b for i, j in pairwise([0, *kept, len(text)]) for b in _bounded(text, i, j)][1:]


def _possible(line: str) -> set[int]:
    """Return the offsets in a line at which sentences may begin."""
    import sentencex

    masked = _QUOTE.sub(" ", line)
    found = {m.end() for m in _MISSED.finditer(line)}
    end = 0
    for part in _PART.findall(masked):
        for piece in sentencex.segment(LANGUAGE, part):
            end += len(piece)
            found.add(_after_gap(line, end - len(piece) + len(piece.rstrip())))
    return found


def _bounded(text: str, start: int, end: int) -> list[int]:
    """Return `start` and the offsets at which the sentence from `start` to `end` is split because it is too long."""
    starts = [start]
    while end - start > LONGEST_SENTENCE:
        low, high = start + LONGEST_SENTENCE // 4, start + LONGEST_SENTENCE
        matches = (list(pattern.finditer(text, low, high)) for pattern in _BREAKS)
        start = next((m[-1].end() for m in matches if m), high)
        starts.append(start)
    words = [any(c.isalnum() for c in text[i:j]) for i, j in pairwise([*starts, end])]
    # A part without a letter or digit stays with the one before it; the first, with the one after it.
    first = words.index(True) if any(words) else 0
    return [starts[0], *(s for s, w in zip(starts[first + 1 :], words[first + 1 :], strict=True) if w)]


def _after_gap(text: str, end: int) -> int:
    """Return the offset of the first character after `end` that follows its closing quotes and whitespace."""
    while end < len(text) and _QUOTE.match(text, end):
        end += 1
    while end < len(text) and text[end].isspace():
        end += 1
    return end


def _has_word(text: str) -> bool:
    return any(c.isalnum() for c in text)


def _joins(before: str, after: str) -> bool:
    """Return whether the piece that begins with `after` continues the sentence `before`."""
    token = before.rsplit(None, 1)[-1] if before.strip() else ""
    word = token[:-1].lstrip(_OPENING).lower()
    continued = after[:1].islower()
    if _LIST_NUMBER.match(before.strip()):
        return True
    if token.endswith(('"', "”", "'", "’")):
        return continued
    if not token.endswith("."):
        return False
    if continued:
        stammer = after.lower().split()[0] == word  # "and. and"
        return stammer or word in _ANNOUNCES or bool(_CONTINUES.match(word))
    time_of_day = word in {"a.m", "p.m"} and _ZONE.match(after)
    return word in _ANNOUNCES or bool(time_of_day) or (word == "est" and bool(_FIGURE.match(after)))


def _is_new_thought(before: str, after: str) -> bool:
    """Return whether a capital after an ellipsis begins a new sentence rather than repairing the one broken off."""
    last = next((t for t in reversed(_ELLIPSIS.split(before)) if t.strip()), "")
    said = [w.lower() for w in _WORD.findall(last) if not is_hesitation(w)]
    follows = _WORD.findall(after)
    if len(said) <= FALSE_START_WORDS or last.endswith("-") or not follows or is_hesitation(follows[0]):
        return False
    return follows[0].lower() not in said[-2:]
