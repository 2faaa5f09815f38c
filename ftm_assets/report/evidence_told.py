"""The surest positive and negative sentences of a theme, as they were said.

What belongs here: which sentences are shown, of the many that a theme has. Only members of a theme that count as
positive raise its score, and only negative ones lower it; among these, those of which the scorer is surest come first.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from typing import TYPE_CHECKING

from ftm_assets.report.cut_texts import cut
from ftm_assets.report.payload import Evidence
from ftm_resources.retrieval.repetition import same_words
from ftm_resources.tables.categories import EXPECTED_SCORE

if TYPE_CHECKING:
    import duckdb

SHOWN = 6
"""Most sentences in each direction of a theme."""

OF_A_FIRM = 2
"""Most of them of one firm, so that a theme's tone is not one firm's."""

CHARACTERS = 600
"""A longer sentence is cut."""

_BYTES = CHARACTERS * 3 // 2
"""And one of more bytes of UTF-8."""

_CANDIDATES = 5 * SHOWN
_CANDIDATES_OF_A_FIRM = 2 * OF_A_FIRM
"""Repetitions and too many of a firm are left out of these."""

# The texts of the few candidates are read last.
_DRIVERS = f"""
    WITH scored AS (
        SELECT h.theme, e.sentence_id, f.firm, e.strength AS likeness, v.label, {EXPECTED_SCORE} AS strength
        FROM theme_sentences e
        JOIN sentence_sentiment v USING (sentence_id)
        JOIN told_themes h ON h.theme_id = e.theme_id
        JOIN told_firms f ON f.firm_id = e.firm_id
        WHERE e.is_member AND v.label <> 'neutral'
    ), of_firms AS (
        SELECT * FROM scored QUALIFY row_number() OVER (
            PARTITION BY theme, label, firm ORDER BY abs(strength) DESC, likeness DESC, sentence_id
        ) <= {_CANDIDATES_OF_A_FIRM}
    ), candidates AS (
        SELECT *, row_number() OVER (
            PARTITION BY theme, label ORDER BY abs(strength) DESC, likeness DESC, sentence_id
        ) AS rank
        FROM of_firms QUALIFY rank <= {_CANDIDATES}
    )
    SELECT c.theme, c.label, c.sentence_id, s.text, c.firm, strftime(t.call_date, '%Y-%m-%d'), t.speaker_name,
        s.speaker_type, s.section, c.strength
    FROM candidates c
    JOIN sentences s USING (sentence_id)
    JOIN transcripts t ON t.component_id = s.component_id
    ORDER BY c.theme, c.label, c.rank
"""  # noqa: S608 - constants

Drivers = dict[tuple[int, str], tuple[Evidence, ...]]
"""(theme, label) → its sentences, surest first."""


def drivers(db: duckdb.DuckDBPyConnection) -> Drivers:
    """Return the surest sentences of each theme and label; a theme without any is not in it."""
    found: defaultdict[tuple[int, str], list[Evidence]] = defaultdict(list)
    of_firm: Counter[tuple[int, str, int]] = Counter()
    said: set[tuple[int, tuple[str, ...]]] = set()
    rows = db.execute(_DRIVERS)
    while batch := rows.fetchmany(5_000):
        for theme, label, sentence_id, text, firm, day, speaker, speaker_type, section, strength in batch:
            words = (theme, same_words(text))
            shown = found[theme, label]
            if len(shown) == SHOWN or of_firm[theme, label, firm] == OF_A_FIRM or words in said:
                continue
            said.add(words)
            of_firm[theme, label, firm] += 1
            shown.append(
                Evidence(
                    sentence_id=sentence_id,
                    text=cut(text, CHARACTERS, _BYTES),
                    firm=firm,
                    call_date=day,
                    speaker=speaker,
                    speaker_type=speaker_type,
                    section=section,
                    label=label,
                    strength=round(strength, 4),
                )
            )
    return {key: tuple(shown) for key, shown in found.items()}
