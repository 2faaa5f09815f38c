"""A quarter as a page tells it: six firms, three themes, marts; names and sentences that a page must escape."""

from collections import defaultdict
from datetime import date
from pathlib import Path
from typing import Any

import dagster as dg
import pyarrow as pa

from ftm_assets.assets.marts import build_marts
from ftm_assets.orchestration.dbt_project import MARTS, dbt_resource
from ftm_resources.tables import TABLES
from ftm_resources.warehouse import Warehouse
from tests.assets.spoken_quarter import Call, Quarter, Turn, filled

EARLIER, QUARTER = "2022Q4", "2023Q1"
PLUS, ZERO, MINUS, PROCEDURAL = "positive", "neutral", "negative", "procedural"
FREIGHT, HIRING, VAGUE = range(3)
SCRIPT = '<script>alert("firm")</script> & Sons'
NAMES = {
    "1": SCRIPT,
    "2": "Bolt 'n' \"Nut\" \u2028 Inc",
    "3": "شركة النقل",
    "4": "Rocket 🚀 Co",
    "5": "Dune",
    "6": "Tiny",
}
SAID_TWICE = "Well, freight costs fell by 5%."
"""What firms 1 and 2 say of freight first, but for a filler."""


def quarter() -> Quarter:
    """Firms 1 to 5 speak of freight, 1 to 3 of hiring, 1 to 4 vaguely; 6 is too small to have topics."""
    calls = [
        Call(
            f"c{firm}",
            firm,
            date(2023, 2, int(firm)),
            [
                Turn(
                    [
                        *[(FREIGHT, PLUS)] * (6 - int(firm)),
                        (FREIGHT, ZERO),
                        *([(HIRING, MINUS)] if firm in "123" else []),
                        (None, ZERO),
                        (None, PROCEDURAL),
                    ]
                ),
                Turn(
                    [(FREIGHT, MINUS), *([(VAGUE, PLUS)] if firm in "1234" else [])],
                    "q_and_a",
                    "analyst",
                ),
            ]
            if firm != "6"
            else [Turn([(None, ZERO)])],
            firm_name=name,
        )
        for firm, name in NAMES.items()
    ]
    return Quarter(
        QUARTER,
        calls,
        ("Freight", "Hiring </script>", "Vague"),
        status={"6": "too_small"},
        continues={FREIGHT: (f"{EARLIER}:series:000", f"{EARLIER}:theme:000", 0.8)},
        weak=[VAGUE],
    )


def text_of(sentence_id: str, n: int, topic: str | None) -> str:
    """Return what was said, by the number of the sentence: a repetition, what a page must escape, a long text."""
    firm = sentence_id.split(":")[1].removeprefix("c")
    if topic and topic.endswith(":000") and sentence_id.endswith(":0000:000") and firm in "12":
        return SAID_TWICE if firm == "1" else SAID_TWICE.removeprefix("Well, ").capitalize()
    if firm == "3":
        return f"<img src=x onerror=alert(1)> \u2028 sentence {n} 🚀 </script><script>alert(2)</script>"
    return f"Sentence {n} of firm {firm}: " + "costs of moving goods changed again, " * (
        20 if n % 7 == 0 else 1
    )


def tables() -> dict[str, pa.Table]:
    """Return the tables of the quarter that are no marts."""
    made = quarter().tables()
    topics = {row["sentence_id"]: row["topic_id"] for row in made["sentence_topics"].to_pylist()}
    said = made["sentences"].to_pylist()
    for n, row in enumerate(said):
        row["text"] = text_of(row["sentence_id"], n, topics.get(row["sentence_id"]))
    made["sentences"] = pa.Table.from_pylist(said, schema=TABLES["sentences"].arrow_schema)
    of_topic: defaultdict[str, list[str]] = defaultdict(list)
    for sentence, topic in topics.items():
        if topic:
            of_topic[topic].append(sentence)
    links = made["theme_links"].to_pylist()
    for row in links:
        if row["theme_id"] == f"{QUARTER}:theme:{VAGUE:03d}":
            row["series_name"] = "Vague talk"
    made["theme_links"] = pa.Table.from_pylist(links, schema=TABLES["theme_links"].arrow_schema)
    in_theme = {row["topic_id"]: row["theme_id"] for row in made["theme_topics"].to_pylist()}
    rows: dict[str, list[dict[str, Any]]] = defaultdict(list)
    for topic, sentences in sorted(of_topic.items()):
        _, firm, local = topic.split(":")
        own = {"topic_id": topic, "firm_id": firm}
        rows["firm_topics"].append(
            own
            | {"local_topic": int(local), "n_sentences": len(sentences), "keywords": ["freight", "costs"]}
            | {"representative_sentence_ids": sentences, "call_share": 0.1, "embedding": [0.6, 0.8]}
        )
        rows["topic_summaries"].append(
            own
            | {"name": f"Topic {topic} <b>", "summary": "Freight costs.", "naming_method": "extractive"}
            | {"model": "m", "prompt_version": "1", "embedding": [1.0, float(int(local) % 7)]}
        )
        audited = {"outcome": "extractive", "model": "extractive", "prompt_version": "1", "is_cached": False}
        rows["topic_naming_audit"].append(own | audited)
        if theme := in_theme[topic]:
            rows["topic_coherence"].append(
                own | {"theme_id": theme, "n_sentences": len(sentences), "n_members": len(sentences)}
            )
    themes = made["themes"].column("theme_id").to_pylist()
    asked = {"model": "writer", "prompt_version": "1", "is_cached": False}
    rows["theme_naming_audit"] = [
        {"theme_id": themes[0], "outcome": "named", "n_attempts": 1, "tokens_in": 90, "tokens_out": 10}
        | {"cost": 0.25, **asked},
        {
            "theme_id": themes[1],
            "outcome": "unusable",
            "n_attempts": 2,
            "tokens_in": 200,
            "cost": 0.5,
            **asked,
        },
        # Its reply was kept from an earlier run: its tokens are not of this one.
        {
            "theme_id": themes[2],
            "outcome": "named",
            "tokens_in": 5_000,
            "cost": 0.0,
            **asked,
            "is_cached": True,
        },
    ]
    own_themes = made["themes"].to_pylist()
    own_themes[1]["naming_method"] = "extractive"
    made["themes"] = pa.Table.from_pylist(own_themes, schema=TABLES["themes"].arrow_schema)
    rows["theme_series"] = [
        {"series_id": row["series_id"], "first_quarter": row["series_id"].partition(":")[0]}
        | {"last_quarter": QUARTER, "status": "active"}
        for row in made["theme_links"].to_pylist()
    ]
    away = {"series_id": f"{EARLIER}:series:001", "first_quarter": EARLIER, "last_quarter": EARLIER}
    rows["theme_series"].append(away | {"status": "dormant"})
    rows["topic_quality"] = [
        {"level": level, "metric": metric, "value": value, "n": 300}
        for level, metric, value in (
            ("firm_topics", "outlier_share", 0.4),
            ("themes", "placed_share", 0.8),
            ("themes", "diversity", 0.5),
            ("themes", "recovery_ari", None),
            ("themes", "new_measure", 2.0),
        )
    ]
    return made | {name: filled(name, of, QUARTER) for name, of in rows.items()}


def write(folder: Path) -> Warehouse:
    """Write the quarter and its marts, and of the quarter before what is compared."""
    warehouse = Warehouse(path=str(folder))
    for name, rows in tables().items():
        made: dict[str, Any] = {"run_id": "r", "code_version": "abc"}
        if name == "transcripts":
            made["source"] = {"name": "files", "path": "/home/someone/calls.csv", "sha256": "0f"}
        if name == "themes":
            made["config"] = {"max_firm_share": 0.4, "method": "graph", "bertopic": {"min_df": 1}}
        warehouse.replace(name, QUARTER, [rows], provenance=made)
    definitions = dg.Definitions(
        assets=[build_marts()],
        jobs=[dg.define_asset_job("job", selection=dg.AssetSelection.assets(*MARTS))],
        resources={"dbt": dbt_resource(), "warehouse": warehouse},
    )
    done = definitions.resolve_job_def("job").execute_in_process(
        tags={"dagster/partition": QUARTER}, raise_on_error=False
    )
    assert done.success, [str(e.step_failure_data.error) for e in done.all_events if e.is_step_failure]
    write_earlier(warehouse)
    return warehouse


def write_earlier(warehouse: Warehouse) -> None:
    """Write what a page reads of the quarter before: its panel and its quality."""
    panel = [
        {"series_id": f"{EARLIER}:series:000", "series_name": "Freight", "theme_id": f"{EARLIER}:theme:000"}
        | {"attention": 0.25, "score": 0.1, "score_se": 0.05, "score_df": 4.0, "n_firms": 5},
        {"series_id": f"{EARLIER}:series:001", "series_name": "Tariffs", "theme_id": f"{EARLIER}:theme:001"}
        | {"attention": 0.5, "score": -0.3, "n_firms": 3},
    ]
    warehouse.replace("theme_panel", EARLIER, [filled("theme_panel", panel, EARLIER)])
    quality = [{"level": "themes", "metric": "placed_share", "value": 0.7, "n": 250}]
    warehouse.replace("topic_quality", EARLIER, [filled("topic_quality", quality, EARLIER)])
