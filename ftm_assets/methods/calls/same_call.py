"""Whether two transcripts of a firm are versions of one call.

What belongs here: the comparison of two transcripts, by event, time and words. Words decide where there are enough of
them; events and times decide where there are not. Each decision concerns two transcripts only, whatever others there
are, so that the runs of two neighbouring quarters, each of which sees the other's last days, decide alike.
"""

from __future__ import annotations

import re
from collections import defaultdict
from dataclasses import dataclass
from itertools import combinations
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import pyarrow as pa

from ftm_assets.methods.text.procedural import mark_procedural
from ftm_assets.methods.text.sentence_splitting import split
from ftm_resources import quarters
from ftm_resources.tables.components import NEIGHBOUR_DAYS, Rank, why_preferred

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence
    from datetime import date, datetime

    import numpy.typing as npt

PASSAGE_WORDS = 10
"""Words in a row that two transcripts are compared by; a shorter turn is a passage of its own."""

SAME_CALL_OVERLAP = 0.3
"""Share of the shorter transcript's passages also found in the other, at or above which both are one call.

MEASURED
"""

UNLIKE_OVERLAP = 0.1
"""Below this share, two transcripts that are long enough are different calls, even with one event id or start."""

NEARLY_ALL_OVERLAP = 0.8
"""From this share on, two transcripts are one call whatever their event ids and dates: words corrected here and there.

Short transcripts must reach it too: with ten passages, one sentence of boilerplate makes more than SAME_CALL_OVERLAP.
"""

FEWEST_PASSAGES = 30
"""With fewer passages in the shorter one, transcripts cannot be called unlike; about three sentences."""

CLEARLY_LONG = 1000
"""Passages from which an overlap of twice SAME_CALL_OVERLAP cannot be boilerplate, so that sentences need no reading."""


@dataclass(frozen=True)
class Version:
    """One transcript of a firm, as far as it matters for which call it is of."""

    transcript: str
    firm: str
    day: date
    """The date of the call in New York."""
    start: datetime | None
    """When the call began (UTC); None if only the date is known."""
    event: str | None
    headline: str | None
    words: str
    """A digest of all its words."""
    rank: Rank


class Verdict(NamedTuple):
    """Whether two transcripts are one call."""

    is_same: bool
    share: float = 0.0
    """How much of the shorter is in the other; 0 if that was not needed."""
    note: str | None = None
    """What deserves a note in the audit, with {other} for the other transcript."""


class Fate(NamedTuple):
    """What becomes of a version: its status in the audit and the reason."""

    status: str
    reason: str | None


class Likeness:
    """How alike two transcripts are in what they say about the business; each text is prepared once."""

    def __init__(self, turns: Callable[[str], Sequence[str]]) -> None:
        """Take what returns the turns of a transcript, without those of operators."""
        self._turns = turns
        self._all: dict[str, npt.NDArray[np.int64]] = {}
        self._business: dict[str, npt.NDArray[np.int64]] = {}

    def __call__(self, one: str, other: str) -> tuple[float, int]:
        """Return the share of the shorter's passages found in the other, and how many passages it has."""
        share, n = _overlap(self._passages(one), self._passages(other))
        if share < UNLIKE_OVERLAP or (n >= CLEARLY_LONG and share >= 2 * SAME_CALL_OVERLAP):
            return share, n
        # What every call of a firm says (safe harbour, hand-over) makes short ones look alike.
        return _overlap(self._business_passages(one), self._business_passages(other))

    def _passages(self, transcript: str) -> npt.NDArray[np.int64]:
        if transcript not in self._all:
            self._all[transcript] = _passages(self._turns(transcript))
        return self._all[transcript]

    def _business_passages(self, transcript: str) -> npt.NDArray[np.int64]:
        if transcript not in self._business:
            said = [(str(i), s) for i, turn in enumerate(self._turns(transcript)) for s in split(turn)]
            table = pa.table(
                {
                    "component_id": pa.array([i for i, _ in said], pa.string()),
                    "text": pa.array([s for _, s in said], pa.string()),
                }
            )
            turns: defaultdict[str, list[str]] = defaultdict(list)
            for (i, sentence), is_procedural in zip(said, mark_procedural(table), strict=True):
                if not is_procedural:
                    turns[i].append(sentence)
            self._business[transcript] = _passages([" ".join(t) for t in turns.values()])
        return self._business[transcript]


def choose(
    versions: Iterable[Version], turns: Callable[[str], Sequence[str]], quarter: str
) -> dict[tuple[str, str], Fate]:
    """Return what becomes of each version of the quarter's calls, by transcript and firm.

    A version is left out if a better one of the same call exists; `versions` may hold those of the days around the
    quarter, which are compared but not judged. `turns` returns what is said in a transcript, as for Likeness.
    """
    fates: dict[tuple[str, str], Fate] = {}
    firms: defaultdict[str, list[Version]] = defaultdict(list)
    for v in versions:
        firms[v.firm].append(v)
    for found in firms.values():
        better: defaultdict[str, list[Version]] = defaultdict(list)
        notes: defaultdict[str, list[str]] = defaultdict(list)
        for worse, best in _of_one_call(found, Likeness(turns), notes):
            better[worse.transcript].append(best)
        for v in found:
            if quarters.of_date(v.day) == quarter:
                fates[v.transcript, v.firm] = _fate(v, better, notes[v.transcript], quarter)
    return fates


def _of_one_call(
    versions: Sequence[Version], likeness: Likeness, notes: dict[str, list[str]]
) -> Iterator[tuple[Version, Version]]:
    """Yield the pairs that are one call, the better version last; add what deserves a note to `notes`."""
    pairs: list[tuple[Version, Version]] = []
    claims: defaultdict[str, dict[str, float]] = defaultdict(dict)
    for pair in combinations(sorted(versions, key=lambda v: v.rank), 2):
        verdict = compare(*pair, likeness)
        for v, w in (pair, pair[::-1]):
            if verdict.note:
                notes[v.transcript].append(verdict.note.format(other=w.transcript))
            if verdict.is_same and v.event is None and w.event is not None:
                known = claims[v.transcript].get(w.event, 0.0)
                claims[v.transcript][w.event] = max(known, verdict.share)
        if verdict.is_same:
            pairs.append(pair)
    own = {transcript: _own_event(events) for transcript, events in claims.items()}
    for one, other in pairs:
        if all(v.event or w.event is None or own[v.transcript] == w.event for v, w in ((one, other), (other, one))):
            yield one, other


def _own_event(claims: dict[str, float]) -> str | None:
    """Return the event, of those that a version without one may be of, that it is most like; None if none is."""
    best = max(sorted(claims), key=lambda event: claims[event])
    return best if len(claims) == 1 or claims[best] > 0 else None


def compare(one: Version, other: Version, likeness: Likeness) -> Verdict:
    """Return whether two transcripts of a firm are one call."""
    days = abs((one.day - other.day).days)
    is_near = days <= NEIGHBOUR_DAYS
    if not is_near and quarters.of_date(one.day) != quarters.of_date(other.day):
        return Verdict(False)
    if one.words == other.words:
        return Verdict(True, 1.0)
    share, n = likeness(one.transcript, other.transcript)
    is_long = n >= FEWEST_PASSAGES
    is_unlike = is_long and share < UNLIKE_OVERLAP
    if is_long and share >= NEARLY_ALL_OVERLAP:
        return Verdict(True, share)
    if one.event is not None and one.event == other.event:
        if (is_near and not is_unlike) or (is_long and share >= SAME_CALL_OVERLAP):
            return Verdict(True, share)
        what = "other words" if is_near else f"a call {days} days away"
        return Verdict(False, share, f"transcript {{other}} has the same event id {one.event}, but is {what}")
    if None not in (one.event, other.event) or not is_near:
        return Verdict(False, share)
    is_alike = share >= (SAME_CALL_OVERLAP if is_long else NEARLY_ALL_OVERLAP)
    return Verdict(is_alike or (_share_a_time(one, other) and not is_unlike), share)


def _share_a_time(one: Version, other: Version) -> bool:
    """Return whether the two begin at one time; bare dates say so only together with one headline."""
    if one.start is not None:
        return one.start == other.start
    return other.start is None and one.day == other.day and bool(one.headline) and one.headline == other.headline


def _fate(
    version: Version, better: dict[str, list[Version]], notes: Iterable[str], quarter: str
) -> Fate:
    """Return the fate of a version; `better` holds the better versions of its call, and theirs in turn."""
    found = better.get(version.transcript)
    if not found:
        return Fate("kept", "; ".join(sorted(notes)) or None)
    kept = max(found, key=lambda v: v.rank)
    while further := better.get(kept.transcript):
        kept = max(further, key=lambda v: v.rank)
    its = quarters.of_date(kept.day)
    where = "" if its == quarter else f", and is of {its}"
    if kept.words == version.words:
        return Fate("duplicate", f"same text as transcript {kept.transcript}{where}")
    return Fate("superseded", why_preferred(kept.rank, version.rank) + where)


_WORD = re.compile(r"[^\W_]+")


def _passages(turns: Iterable[str]) -> npt.NDArray[np.int64]:
    """Return the sorted distinct hashes of the passages of some turns."""
    found: list[npt.NDArray[np.int64]] = [np.zeros(0, np.int64)]
    for turn in turns:
        words = np.array([hash(w) for w in _WORD.findall(turn.lower())], np.int64).view(np.uint64)
        if not len(words):
            continue
        n = min(PASSAGE_WORDS, len(words))
        window = np.lib.stride_tricks.sliding_window_view(words, n)
        found.append((window * _FACTORS[:n]).sum(axis=1, dtype=np.uint64).view(np.int64))
    return np.unique(np.concatenate(found))


def _overlap(one: npt.NDArray[np.int64], other: npt.NDArray[np.int64]) -> tuple[float, int]:
    n = min(len(one), len(other))
    return (len(np.intersect1d(one, other, assume_unique=True)) / n if n else 0.0), n


_FACTORS = np.random.default_rng(7).integers(1, 2**63, PASSAGE_WORDS, dtype=np.uint64) | np.uint64(1)
