"""A small quarter in memory, table by table, whose topics and themes are those planted in the sample."""

import hashlib
from collections import Counter
from typing import Any

import numpy as np
import pyarrow as pa

from ftm_resources.sources.sample.generated import SampleSource

QUARTER = "2023Q1"
FIRMS = 3


def planted() -> list[dict[str, Any]]:
    """The sentences of the sample, once each, with the subject that was planted."""
    rows = pa.concat_tables(SampleSource(FIRMS).truth(QUARTER)).to_pylist()
    for row in rows:
        component = f"{QUARTER}:{row['transcriptid']}:{row['componentorder']:04d}"
        row |= {"component_id": component, "sentence_id": f"{component}:{row['position']:03d}"}
        subject = row["theme_id"] or row["firm_topic"]
        row["topic_id"] = subject and f"{QUARTER}:{row['companyid']}:{subject}"
    return rows


def direction(topic: str | None) -> np.ndarray:
    """A unit vector per topic; any direction for a sentence of none."""
    digest = hashlib.blake2b(str(topic).encode(), digest_size=4).digest()
    vector = np.random.default_rng(int.from_bytes(digest)).normal(size=64)
    return (vector / np.linalg.norm(vector)).astype(np.float32)


def tables(*, giant: bool = False, noise: float = 0.05) -> dict[str, list[dict[str, Any]]]:
    """A quarter whose topics are the planted subjects, its themes the planted themes or all in one.

    `noise` is how far a sentence's vector is from its topic's.
    """
    said = planted()
    spoken = [r for r in said if r["kind"] != "procedural"]
    sizes = Counter((r["topic_id"], r["companyid"]) for r in spoken if r["topic_id"])
    theme_of = {r["topic_id"]: r["theme_id"] and f"{QUARTER}:theme:{r['theme_id']}" for r in spoken}
    if giant:
        theme_of = dict.fromkeys(theme_of, f"{QUARTER}:theme:000")
    names = {r["topic_id"]: r["theme_name"] or r["firm_topic"] for r in spoken}
    themes = sorted({theme_of[t] for t, _ in sizes if theme_of[t]})
    per_firm = Counter(firm for _, firm in sizes)
    status = [
        {
            "firm_id": firm,
            "status": "ok" if per_firm[firm] else "too_small",
            "n_sentences": len(own),
            "n_topics": per_firm[firm],
            "outlier_share": sum(not r["topic_id"] for r in own) / len(own),
            "seconds": 0.1,
        }
        for firm in sorted({r["companyid"] for r in said})
        if (own := [r for r in spoken if r["companyid"] == firm])
    ]
    return {
        "sentences": [
            {
                **{k: r[k] for k in ("sentence_id", "component_id", "position", "text")},
                "firm_id": r["companyid"],
                "transcript_id": r["transcriptid"],
                "section": "presentation",
                "speaker_type": "executive",
            }
            for r in said
        ],
        "sentence_kinds": [
            {
                "sentence_id": r["sentence_id"],
                "firm_id": r["companyid"],
                "kind": "call" if r["kind"] == "procedural" else "business",
                "p_business": 0.1 if r["kind"] == "procedural" else 0.9,
                "p_call": 0.9 if r["kind"] == "procedural" else 0.1,
                "p_empty": 0.0,
                "is_procedural": r["kind"] == "procedural",
                "method": "words",
            }
            for r in said
        ],
        "sentence_embeddings": [
            {
                "sentence_id": r["sentence_id"],
                "firm_id": r["companyid"],
                "embedding": direction(r["topic_id"]) + noise * direction(r["sentence_id"]),
            }
            for r in said
        ],
        "firm_topics": [
            {
                "topic_id": topic,
                "firm_id": firm,
                "local_topic": i,
                "n_sentences": n,
                "keywords": names[topic].split(),
                "representative_sentence_ids": [],
                "call_share": 0.1,
                "embedding": direction(topic),
            }
            for i, ((topic, firm), n) in enumerate(sorted(sizes.items()))
        ],
        "sentence_topics": [
            {
                "sentence_id": r["sentence_id"],
                "firm_id": r["companyid"],
                "topic_id": r["topic_id"],
                "strength": 0.5,
            }
            for r in spoken
        ],
        "firm_status": status,
        "themes": [
            {
                "theme_id": theme,
                "name": theme,
                "description": theme,
                "keywords": names[next(t for t, _ in sizes if theme_of[t] == theme)].split(),
                "n_topics": 1,
                "n_firms": 1,
                "n_sentences": 1,
                "largest_firm_share": 1.0,
                "naming_method": "extractive",
                "embedding": direction(theme),
            }
            for theme in themes
        ],
        "theme_coherence": [
            {
                "theme_id": theme,
                "n_sentences": 1,
                "n_members": i % 2,
                "n_member_firms": i % 2,
                "member_share": float(i % 2),
                "coherence": 0.5 if i % 2 else 0.3,
                "coherence_class": "coherent" if i % 2 else "weak",
            }
            for i, theme in enumerate(themes)
        ],
        "theme_topics": [
            {
                "topic_id": topic,
                "theme_id": theme_of[topic],
                "firm_id": firm,
                "reason": None if theme_of[topic] else "outlier",
                "detail": None,
            }
            for topic, firm in sorted(sizes)
        ],
    }
