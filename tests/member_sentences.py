"""A quarter of calls, topics, themes and member sentences as its rows say, that the joined views are read over."""

import re
from datetime import UTC, date, datetime
from pathlib import Path

import pyarrow as pa

from ftm_resources.tables import TABLES
from ftm_resources.warehouse import Warehouse
from tests import small_topics

QUARTER = small_topics.QUARTER
THEMES = [f"{QUARTER}:theme:{k:03d}" for k in range(3)]
LEFT_OUT = f"{QUARTER}:1:000"
"""A topic in a theme of which none of its sentences speaks."""
SECOND = f"{QUARTER}:2:001"
"""A topic one of whose sentences counts in another theme too."""

_NAMED = {
    "outcome": "named", "reason": None, "model": "m", "prompt_version": "1", "is_cached": False, "n_attempts": 1,
    "tokens_in": 200, "tokens_out": 20, "seconds": 0.5, "cost": 0.001,
    "answered_at": datetime(2023, 5, 1, 12, 30, 15, 250_000, tzinfo=UTC),
}  # fmt: skip


def membership() -> tuple[list[dict], list[dict]]:
    """Return rows of theme_sentences and of sentence_sentiment: of each topic, the first sentence does not count."""
    made = small_topics.rows()
    theme = {row["topic_id"]: row["theme_id"] for row in made["theme_topics"]}
    belongs, tones, seen = [], [], set()
    for row in made["sentence_topics"]:
        topic = row["topic_id"]
        tones.append(
            {
                "sentence_id": row["sentence_id"], "label": "positive", "p_positive": 0.8, "p_neutral": 0.1,
                "p_negative": 0.1, "model": "m",
            }
        )  # fmt: skip
        if theme.get(topic) is None:
            continue
        is_member = topic in seen and topic != LEFT_OUT
        own = {
            "sentence_id": row["sentence_id"],
            "topic_id": topic,
            "firm_id": row["firm_id"],
            "strength": 0.5,
        }
        why = {"is_second": False, "reason": None if is_member else "weak", "margin": 0.1}
        belongs.append({**own, **why, "theme_id": theme[topic], "is_member": is_member})
        if topic == SECOND and topic not in seen:
            second = {"is_second": True, "reason": None, "margin": -0.1}
            belongs.append({**own, **second, "theme_id": THEMES[2], "is_member": True})
            belongs.append({**own, **second, "theme_id": THEMES[0], "is_member": False})
        seen.add(topic)
    return belongs, tones


def write(folder: Path) -> Warehouse:
    """Write the quarter to a new warehouse in `folder`."""
    made = small_topics.rows()
    made["theme_sentences"], made["sentence_sentiment"] = membership()
    for row in (*made["sentences"], *made["transcripts"]):
        # Of each topic, sentences 1 and 3 are of the second call.
        area = int(found[1]) if (found := re.search(r"area (\d)", row["text"])) else 1
        row["transcript_id"] = f"c{row['firm_id']}{area % 2}"
        if "call_date" in row:
            row["call_date"] = date(2023, 1 + area % 2, 10)
            row["call_at"] = datetime(2023, 1 + area % 2, 10, 15, tzinfo=UTC)
    for row in made["transcripts"]:
        # The first call of each firm is under its old name.
        is_last = row["transcript_id"].endswith("1")
        row |= {
            "firm_name": "New" if is_last else "Old",
            "permno": 10 + int(row["firm_id"]),
            "gvkey": "001690",
        }
        row["link_date"] = row["call_date"]
    for audit, key in (("topic_naming_audit", "topic_id"), ("theme_naming_audit", "theme_id")):
        named = made["firm_topics" if key == "topic_id" else "themes"]
        made[audit] = [{key: row[key], "firm_id": row.get("firm_id"), **_NAMED} for row in named]
    held = Warehouse(path=str(folder))
    for name, rows in made.items():
        if name == "sentence_embeddings":
            continue
        names = {c.name for c in TABLES[name].columns}
        filled = [
            {key: value for key, value in row.items() if key in names}
            | {"quarter": QUARTER}
            | ({"embedding": [1.0, 0.0]} if "embedding" in names else {})
            for row in rows
        ]
        held.replace(name, QUARTER, [pa.Table.from_pylist(filled, schema=TABLES[name].arrow_schema)])
    return held
