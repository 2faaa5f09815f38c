"""What was planted in the themes of a quarter: each one's lineage and event, how much is said of it, and its tone.

Counted from what is generated, so that it is true of any number of firms.
"""

from __future__ import annotations

from collections import Counter
from typing import Any, NamedTuple

import pyarrow as pa

from ftm_resources.sources.sample.lifecycle import gone, living
from ftm_resources.sources.sample.speech import Transcript, expected_tone, shock

SERIES = pa.schema(
    [
        pa.field("quarter", pa.string(), nullable=False),
        pa.field("theme_id", pa.string(), nullable=False),
        pa.field("theme_name", pa.string(), nullable=False),
        pa.field("lineage_id", pa.string(), nullable=False),
        pa.field("event", pa.string(), nullable=False),
        pa.field("related_lineage_id", pa.string()),
        pa.field("n_firms", pa.int32(), nullable=False),
        pa.field("n_sentences", pa.int32(), nullable=False),
        pa.field("share", pa.float64(), nullable=False),
        pa.field("tone", pa.float64()),
        pa.field("planted_tone", pa.float64()),
    ]
)
"""One row per theme that is alive in the quarter or was in the one before, by `theme_id`.

`event`: persists, drifts (its emphasis moves), born, split_from or revived; of a theme that is no longer there: dies,
pauses (it will be revived) or merged_into, with no sentences. `related_lineage_id`: what it was split from or merged
into. Sentences are counted in the last version of each call; `share` is the theme's among the sentences of all themes.
`tone`: (positive - negative) / sentences, as planted in them; null without sentences. `planted_tone`: its expectation
for a statement of any firm about the theme. Openings and questions are neutral, so that `tone` is nearer to zero.
"""


class Lineage(NamedTuple):
    """A lineage in a quarter."""

    share: float
    """Of the sentences of all themes."""
    firms: frozenset[str]
    """Companies that speak of it."""


_SIGN = {"positive": 1, "neutral": 0, "negative": -1}


class Tally:
    """Counts the sentences of each theme while a quarter is generated."""

    def __init__(self) -> None:
        self.sentences: Counter[str] = Counter()
        self.net: Counter[str] = Counter()
        self.firms: dict[str, set[int]] = {}

    def add(self, company_id: int, transcript: Transcript) -> None:
        """Count a transcript, unless a later version of it exists."""
        if not transcript.is_final:
            return
        for turn in transcript.turns:
            for said in turn.sentences:
                if said.theme:
                    theme_id = said.theme.theme_id
                    self.sentences[theme_id] += 1
                    self.net[theme_id] += _SIGN[said.sentiment]
                    self.firms.setdefault(theme_id, set()).add(company_id)

    def lineages(self, quarter: str) -> dict[str, Lineage]:
        """Return the lineages of the quarter that was counted and of which something is said."""
        total = self.sentences.total()
        return {
            t.lineage_id: Lineage(n / total, frozenset(map(str, self.firms[t.theme.theme_id])))
            for t in living(quarter)
            if (n := self.sentences[t.theme.theme_id])
        }

    def table(self, seed: int, quarter: str) -> pa.Table:
        """Return the themes of the quarter that was counted (SERIES)."""
        total = self.sentences.total()
        rows: list[dict[str, Any]] = [
            {
                "theme": t.theme,
                "lineage_id": t.lineage_id,
                "event": t.event,
                "related_lineage_id": t.related,
                "planted_tone": expected_tone(t.tilt + shock(seed, quarter, t.theme.theme_id)),
            }
            for t in living(quarter)
        ]
        rows += [
            {
                "theme": t.theme,
                "lineage_id": t.lineage_id,
                "event": t.event,
                "related_lineage_id": t.related,
                "planted_tone": None,
            }
            for t in gone(quarter)
        ]
        for row in rows:
            theme = row.pop("theme")
            n = self.sentences[theme.theme_id]
            row |= {
                "quarter": quarter,
                "theme_id": theme.theme_id,
                "theme_name": theme.name,
                "n_firms": len(self.firms.get(theme.theme_id, ())),
                "n_sentences": n,
                "share": n / total if total else 0.0,
                "tone": self.net[theme.theme_id] / n if n else None,
            }
        return pa.Table.from_pylist(sorted(rows, key=lambda row: str(row["theme_id"])), schema=SERIES)
