"""A small quarter with topics and themes as its rows say: three firms, four subjects, three themes."""

from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pyarrow as pa

from ftm_resources.models.embedder import Embedder
from ftm_resources.tables import TABLES
from ftm_resources.warehouse import Warehouse

QUARTER = "2023Q1"
SUBJECTS = ("ocean freight rates", "copper mining", "vaccine trials", "mortgage lending")
FIRMS = ("1", "2", "3")


def rows() -> dict[str, list[dict[str, Any]]]:
    """Three firms with two calls each, a topic per subject and call sentences of it, and an outlier each."""
    made: dict[str, list[dict[str, Any]]] = {t: [] for t in ("transcripts", "sentences", "sentence_topics")}
    made |= {
        t: [] for t in ("sentence_embeddings", "firm_topics", "topic_summaries", "theme_topics", "themes")
    }
    for firm in FIRMS:
        spoken = [
            (k, f"We expect {s} to improve in area {i}.") for i in range(4) for k, s in enumerate(SUBJECTS)
        ]
        for i, (k, text) in enumerate([*spoken, (None, "The weather was fine.")]):
            call = f"c{firm}{i % 2}"
            ids = {"sentence_id": f"{QUARTER}:{call}:0001:{i:03d}", "firm_id": firm}
            component = f"{QUARTER}:{call}:{i:04d}"
            day = date(2023, 1 + i % 2, 10)
            made["transcripts"].append(
                {
                    "component_id": component, "firm_id": firm, "firm_name": "A", "transcript_id": call,
                    "call_at": datetime(day.year, day.month, day.day, 15, tzinfo=UTC), "call_date": day,
                    "component_order": i, "section": "presentation", "speaker_type": "executive", "text": text,
                    "verbatim_text": text,
                }
            )  # fmt: skip
            made["sentences"].append(
                {
                    **ids, "transcript_id": call, "component_id": component, "position": 0,
                    "section": "presentation", "speaker_type": "executive", "text": text,
                }
            )  # fmt: skip
            topic = None if k is None else f"{QUARTER}:{firm}:{k:03d}"
            made["sentence_topics"].append({**ids, "topic_id": topic, "strength": 0.5})
            made["sentence_embeddings"].append({**ids, "text": text})
        for k, subject in enumerate(SUBJECTS):
            topic = {"topic_id": f"{QUARTER}:{firm}:{k:03d}", "firm_id": firm}
            own = {
                "local_topic": k,
                "n_sentences": 4,
                "keywords": [subject],
                "representative_sentence_ids": [],
                "call_share": 0.1,
                "text": f"We expect {subject} to improve.",
            }
            made["firm_topics"].append({**topic, **own})
            name = {"name": subject.capitalize(), "summary": f"{subject} in areas.", "text": subject}
            said = {"naming_method": "extractive", "model": "m", "prompt_version": "1"}
            made["topic_summaries"].append({**topic, **name, **said})
            theme = f"{QUARTER}:theme:{k:03d}" if k < 3 else None
            why = {"reason": None if theme else "outlier", "detail": None}
            made["theme_topics"].append({**topic, "theme_id": theme, **why})
    for k, subject in enumerate(SUBJECTS[:3]):
        made["themes"].append(
            {
                "theme_id": f"{QUARTER}:theme:{k:03d}", "name": subject.title(), "description": "d", "text": subject,
                "keywords": [subject, "areas"], "n_topics": 3, "n_firms": 3, "n_sentences": 12,
                "largest_firm_share": 0.34, "naming_method": "extractive",
            }
        )  # fmt: skip
    return made


def write(folder: Path) -> Warehouse:
    """Write the quarter to a new warehouse in `folder`."""
    warehouse = Warehouse(path=str(folder))
    embedder = Embedder(precision="float32")
    for name, own in rows().items():
        if "embedding" in {c.name for c in TABLES[name].columns}:
            for row, vector in zip(own, embedder.embed([r.pop("text") for r in own]), strict=True):
                row["embedding"] = vector
        filled = [{**row, "quarter": QUARTER} for row in own]
        warehouse.replace(name, QUARTER, [pa.Table.from_pylist(filled, schema=TABLES[name].arrow_schema)])
    return warehouse
