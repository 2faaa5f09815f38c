"""Turns that a transcript repeats, and that must count once.

What belongs here: which turns are repeats. A long turn that was already spoken word for word is a repeat: nobody says
that much twice by chance. Short turns ("Thank you.", "Next question, please.") recur in every call, so they are repeats
only next to a long one, in a passage that is repeated in order, or in a transcript that repeats as a whole.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

LONG_WORDS, LONG_CHARACTERS = 8, 40
"""A turn of at least this many words and characters is long.

In the 44 calls of Earnings-21 the longest turn that anyone but an operator says twice has 5 words and 30 characters
("Thank you. Next question, please."), apart from a recorded text that plays four times while the line is held.
"""

VERY_LONG_WORDS = 20
"""A turn of this many words is a repeat under any speaker's name; two analysts may open with the same courtesy."""

FEWEST_DISTINCT = 3
"""A transcript with fewer distinct turns is not taken to repeat as a whole."""


@dataclass(frozen=True)
class Turn:
    """One turn of a transcript."""

    words: str
    """What is said: the words in lower case, joined by blanks."""
    speaker_type: str
    speaker: str | None = None

    @property
    def is_long(self) -> bool:
        """Whether it is too long to be said twice by chance; outside ASCII (Japanese has no blanks) by length alone."""
        return len(self.words) >= LONG_CHARACTERS and (
            self.words.count(" ") + 1 >= LONG_WORDS or not self.words.isascii()
        )

    def repeats(self, other: Turn) -> bool:
        """Return whether it repeats the other turn: the same words and, unless very long, the same speaker.

        A speaker without a name or type may be anyone.
        """
        return self.words == other.words and (
            self.words.count(" ") + 1 >= VERY_LONG_WORDS
            or (
                (
                    self.speaker_type == other.speaker_type
                    or "unknown" in (self.speaker_type, other.speaker_type)
                )
                and (self.speaker == other.speaker or None in (self.speaker, other.speaker))
            )
        )


def repeated_turns(turns: Sequence[Turn]) -> list[int]:
    """Return the positions of the turns of a transcript, in order, that repeat an earlier one.

    >>> long = Turn("we opened nine plants and hired four hundred people there", "executive")
    >>> thanks = Turn("thank you", "analyst")
    >>> repeated_turns([long, thanks, thanks, long, thanks])
    [3, 4]
    """
    if len({t.words for t in turns}) >= FEWEST_DISTINCT:
        for n in range(FEWEST_DISTINCT, len(turns) // 2 + 1):
            if len(turns) % n == 0 and all(turns[i].repeats(turns[i - n]) for i in range(n, len(turns))):
                return list(range(n, len(turns)))
    first: dict[str, list[int]] = {}
    found: set[int] = set()
    for i, turn in enumerate(turns):
        if not turn.is_long or turn.speaker_type == "operator":
            continue
        earlier = first.setdefault(turn.words, [])
        if (original := next((j for j in earlier if turns[j].repeats(turn)), None)) is None:
            earlier.append(i)
            continue
        found |= {i, *_around(turns, original, i)}
    return sorted(found)


def _around(turns: Sequence[Turn], original: int, repeat: int) -> set[int]:
    """Return the short turns next to a repeat that are repeated with it, up to the next turn that is not."""
    found = set()
    for step in (1, -1):
        i, j = original + step, repeat + step
        while 0 <= i < j < len(turns) and i < repeat and j > original and turns[i].repeats(turns[j]):
            found.add(j)
            i, j = i + step, j + step
    return found
