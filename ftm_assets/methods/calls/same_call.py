"""Whether two transcripts of a firm are versions of one call.

What belongs here: the comparison of two transcripts, by event, time and words. Words decide where there are enough of
them; events and times decide where there are not. Each decision depends on two transcripts only, so that the runs of
neighbouring quarters, which share a few days, decide alike.
"""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from dataclasses import dataclass
from itertools import combinations
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import pyarrow as pa

from ftm_assets.methods.text.kinds import judge
from ftm_assets.methods.text.sentence_splitting import split
from ftm_resources import quarters
from ftm_resources.tables.categories import SENTENCE_KINDS
from ftm_resources.tables.components import NEIGHBOUR_DAYS, Rank, why_preferred

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence
    from datetime import date, datetime

    import numpy.typing as npt

_Key = tuple[str, str]
"""A transcript and the firm that it is read for."""

PASSAGE_WORDS = 10
"""Words in a row that make a passage, by which transcripts are compared; a shorter turn is one passage."""

SAME_CALL_OVERLAP = 0.2
"""Share of the shorter transcript's passages also found in the other, at or above which both are one call.

No two of Earnings-21's 44 calls share more than 0.002 of their passages. If every twentieth word of a call is another,
0.6 are left, and 0.2 if every seventh is. A firm's own calls share what it reads in each, which does not count.
"""

UNLIKE_OVERLAP = 0.05
"""Below this share, two transcripts that are long enough are different calls, even with one event id or start."""

NEARLY_ALL_OVERLAP = 0.8
"""From this share on, two transcripts are one call whatever their event ids and dates: words corrected here and there.

Short transcripts must reach it too: with ten passages, one sentence of boilerplate makes more than SAME_CALL_OVERLAP.
"""

FEWEST_PASSAGES = 30
"""With fewer passages in the shorter one, transcripts cannot be called unlike; about three sentences."""

NEAR_DAYS = 3
"""Days between two versions of a call whose start was revised. Those of nearly the same words may be further apart."""

SAME_WORDS = 0.9
"""Share of the shorter one's words also in the other, from which alike transcripts of two events are one call.

A noisy copy has most words of every turn; two sessions of one day that share what is read have those of half the turns.
"""

ALIKE_WORDS = 0.6
"""Share of the longer one's words also in the other, from which short transcripts of neighbouring days are one call."""

UNLIKE_WORDS = 0.2
"""Below this share of the shorter one's long words, short transcripts are parts of a call or two calls."""

READ_IN_EVERY_CALL = 0.8
"""Probability of being about the call from which a sentence says nothing of which call it is."""

LEAST_OF_WHOLE = 0.5
"""A version with less than this share of the longest one's characters is a part of the call, and never preferred."""

CLEARLY_LONG = 1000
"""Passages from which an overlap of twice SAME_CALL_OVERLAP cannot be boilerplate, which then need not be found."""


@dataclass(frozen=True)
class Version:
    """One transcript of a firm: what decides which call it belongs to."""

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

    def __init__(self, turns: Mapping[_Key, Sequence[str]]) -> None:
        """Take the turns of each (transcript, firm), without those of operators."""
        self._turns = turns
        self._all: dict[_Key, npt.NDArray[np.int64]] = {}
        self._business: dict[_Key, npt.NDArray[np.int64]] = {}
        self._words: dict[_Key, Counter[str]] = {}

    def prepare(self, pairs: Iterable[tuple[_Key, _Key]]) -> None:
        """Read what the pairs need at once: sentences are judged faster together."""
        doubtful = {key for pair in pairs if self._is_doubtful(*self._share(*pair)) for key in pair}
        self._read(sorted(doubtful - self._business.keys()))

    def __call__(self, one: _Key, other: _Key) -> tuple[float, int]:
        """Return the share of the shorter's passages found in the other, and how many passages it has."""
        share, n = self._share(one, other)
        if not self._is_doubtful(share, n):
            return share, n
        self.prepare([(one, other)])
        return _overlap(self._business[one], self._business[other])

    def words(self, one: _Key, other: _Key) -> tuple[int, int, int]:
        """Return how many words about the business both have, and how many each has."""
        self._read(sorted({one, other} - self._words.keys()))
        ours, theirs = self._words[one], self._words[other]
        return (ours & theirs).total(), ours.total(), theirs.total()

    def share_long_words(self, one: _Key, other: _Key) -> bool:
        """Return whether two short transcripts have words in common, or one says nothing about the business."""
        self._read(sorted({one, other} - self._words.keys()))
        ours, theirs = ({w for w in self._words[k] if len(w) > 3 or not w.isascii()} for k in (one, other))
        fewer = min(len(ours), len(theirs))
        return not fewer or len(ours & theirs) >= UNLIKE_WORDS * fewer

    def _is_doubtful(self, share: float, n: int) -> bool:
        """Return whether what a firm says in every call (safe harbour, hand-over) might make the two look alike."""
        return share >= alike_from(n) and (n < CLEARLY_LONG or share < 2 * SAME_CALL_OVERLAP)

    def _share(self, one: _Key, other: _Key) -> tuple[float, int]:
        for key in (one, other):
            if key not in self._all:
                self._all[key] = _passages(self._turns[key])
        return _overlap(self._all[one], self._all[other])

    def _read(self, keys: Sequence[_Key]) -> None:
        """Read what the transcripts say about the business."""
        turns: dict[_Key, dict[int, list[str]]] = {key: {} for key in keys}
        said = [
            (key, i, sentence)
            for key in keys
            for i, turn in enumerate(self._turns[key])
            for sentence in split(turn)
        ]
        columns = {
            "transcript_id": [str(key) for key, *_ in said],
            "component_id": [f"{key} {i}" for key, i, _ in said],
            "text": [sentence for *_, sentence in said],
        }
        table = pa.table({name: pa.array(v, pa.string()) for name, v in columns.items()})
        about_call = judge(table)[:, SENTENCE_KINDS.index("call")] if said else ()
        for (key, i, sentence), p in zip(said, about_call, strict=True):
            if p < READ_IN_EVERY_CALL:
                turns[key].setdefault(i, []).append(sentence)
        for key, own in turns.items():
            joined = [" ".join(t) for t in own.values()]
            self._business[key] = _passages(joined)
            self._words[key] = Counter(w for t in joined for w in _WORD.findall(t.lower()))


def choose(
    versions: Iterable[Version], turns: Mapping[_Key, Sequence[str]], quarter: str
) -> dict[_Key, Fate]:
    """Return what becomes of each version of the quarter's calls, by transcript and firm.

    A version is left out if a better one of the same call exists; `versions` may hold those of the days around the
    quarter, which are compared but not judged. `turns` is as for Likeness.
    """
    fates: dict[_Key, Fate] = {}
    firms: defaultdict[str, list[Version]] = defaultdict(list)
    for v in versions:
        firms[v.firm].append(v)
    likeness = Likeness(turns)
    likeness.prepare(
        (_key(one), _key(other))
        for found in firms.values()
        for one, other in combinations(found, 2)
        if one.words != other.words and _may_be_one(one, other)
    )
    for found in firms.values():
        better: defaultdict[str, list[Version]] = defaultdict(list)
        notes: defaultdict[str, list[str]] = defaultdict(list)
        pairs = list(_of_one_call(found, likeness, notes))
        standing = _standing(found, pairs)
        for pair in pairs:
            worse, best = sorted(pair, key=lambda v: standing[v.transcript])
            better[worse.transcript].append(best)
        for v in found:
            if quarters.of_date(v.day) == quarter:
                fates[v.transcript, v.firm] = _fate(v, better, standing, notes[v.transcript], quarter)
    return fates


def _of_one_call(
    versions: Sequence[Version], likeness: Likeness, notes: dict[str, list[str]]
) -> Iterator[tuple[Version, Version]]:
    """Yield the pairs that are one call; add what deserves a note to `notes`."""
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
        if all(
            v.event or w.event is None or own[v.transcript] == w.event
            for v, w in ((one, other), (other, one))
        ):
            yield one, other


def _standing(
    versions: Sequence[Version], pairs: Sequence[tuple[Version, Version]]
) -> dict[str, tuple[bool, Rank]]:
    """Return for each version whether it has the whole call, and its rank: of one call, the greatest is kept.

    Calls are compared as a whole, since "less than half of the other" by pairs could run in a circle.
    """
    call = {v.transcript: {v.transcript} for v in versions}
    for one, other in pairs:
        if call[one.transcript] is not call[other.transcript]:
            call[one.transcript] |= call[other.transcript]
            for transcript in call[other.transcript]:
                call[transcript] = call[one.transcript]
    size = {v.transcript: v.rank.characters for v in versions}
    longest = {t: max(size[u] for u in own) for t, own in call.items()}
    return {
        v.transcript: (size[v.transcript] >= LEAST_OF_WHOLE * longest[v.transcript], v.rank) for v in versions
    }


def _own_event(claims: dict[str, float]) -> str | None:
    """Return the event that a version without an event id belongs to: the most alike; None if that cannot be told."""
    best = max(sorted(claims), key=lambda event: claims[event])
    return best if len(claims) == 1 or claims[best] > 0 else None


def alike_from(n: int) -> float:
    """Return the share from which two transcripts are alike, if the shorter has `n` passages."""
    return SAME_CALL_OVERLAP if n >= FEWEST_PASSAGES else NEARLY_ALL_OVERLAP


def compare(one: Version, other: Version, likeness: Likeness) -> Verdict:
    """Return whether two transcripts of a firm are one call."""
    days = abs((one.day - other.day).days)
    is_near = days <= NEAR_DAYS
    if not _may_be_one(one, other):
        return Verdict(False)
    if one.words == other.words:
        return Verdict(True, 1.0)
    keys = _key(one), _key(other)
    share, n = likeness(*keys)
    is_long = n >= FEWEST_PASSAGES
    is_alike = share >= alike_from(n)
    note = None
    if is_long and share >= NEARLY_ALL_OVERLAP:
        is_same = True
    elif one.event is not None and one.event == other.event:
        is_same = (is_near and not _is_unlike(keys, share, n, likeness)) or (is_long and is_alike)
        what = "other words" if is_near else f"a call {days} days away"
        note = f"transcript {{other}} has the same event id {one.event}, but is {what}"
    elif None in (one.event, other.event):
        is_same = is_near and (is_alike or (not is_long and days <= 1 and _has_same_words(keys, likeness)))
        if not is_same and is_near and _share_a_time(one, other):
            is_same = not _is_unlike(keys, share, n, likeness)
            note = "transcript {other} has the same start, but is other words"
    else:
        is_same = False
        if is_near and is_long and is_alike:
            both, ours, theirs = likeness.words(*keys)
            is_same = share >= 2 * SAME_CALL_OVERLAP and both >= SAME_WORDS * min(ours, theirs)
            note = f"transcript {{other}} has another event id, but {share:.0%} of the passages"
    return Verdict(is_same, share, None if is_same else note)


def _is_unlike(keys: tuple[_Key, _Key], share: float, n: int, likeness: Likeness) -> bool:
    """Return whether two transcripts have too little in common to be versions of one call."""
    return share < UNLIKE_OVERLAP if n >= FEWEST_PASSAGES else not likeness.share_long_words(*keys)


def _has_same_words(keys: tuple[_Key, _Key], likeness: Likeness) -> bool:
    both, ours, theirs = likeness.words(*keys)
    return both > 0 and both >= ALIKE_WORDS * max(ours, theirs)


def _may_be_one(one: Version, other: Version) -> bool:
    """Return whether the run of either's quarter sees both: only then do all runs decide alike."""
    is_seen = abs((one.day - other.day).days) <= NEIGHBOUR_DAYS
    return is_seen or quarters.of_date(one.day) == quarters.of_date(other.day)


def _key(version: Version) -> _Key:
    return version.transcript, version.firm


def _share_a_time(one: Version, other: Version) -> bool:
    """Return whether the two begin at one time; bare dates say so only together with one headline."""
    if one.start is not None:
        return one.start == other.start
    return (
        other.start is None and one.day == other.day and bool(one.headline) and one.headline == other.headline
    )


def _fate(
    version: Version,
    better: dict[str, list[Version]],
    standing: Mapping[str, tuple[bool, Rank]],
    notes: Iterable[str],
    quarter: str,
) -> Fate:
    """Return the fate of a version; `better` holds the better versions of its call, and theirs in turn."""
    found = better.get(version.transcript)
    if not found:
        return Fate("kept", "; ".join(sorted(notes)) or None)
    kept = max(found, key=lambda v: standing[v.transcript])
    while further := better.get(kept.transcript):
        kept = max(further, key=lambda v: standing[v.transcript])
    its = quarters.of_date(kept.day)
    where = "" if its == quarter else f", and is of {its}"
    if kept.words == version.words:
        return Fate("duplicate", f"same text as transcript {kept.transcript}{where}")
    if standing[kept.transcript][0] and not standing[version.transcript][0]:
        part = version.rank.characters / kept.rank.characters
        return Fate(
            "superseded", f"transcript {kept.transcript} has the whole call, this one {part:.0%} of it{where}"
        )
    return Fate("superseded", why_preferred(kept.rank, version.rank) + where)


# Where words have no blanks between them, each character counts as one.
_UNSPACED = r"\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u9fff\uf900-\ufaff"
_WORD = re.compile(rf"[{_UNSPACED}]|[^\W_{_UNSPACED}]+")


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
