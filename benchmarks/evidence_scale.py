"""From a theme to its firms and their sentences by SQL, over large quarters side by side: milliseconds, files read.

`python -m benchmarks.evidence_scale --sentences 2000000 --quarters 8` writes quarters of generated rows, in the order
in which the assets write them, and asks `connect()` as a researcher would: firms of a theme, the sentences of one firm
in it, and the theme of a sentence. Each question names its quarter; the plan says how many files were read. With
`--others`, all quarters but the first have that many sentences, and the first is asked.
"""

from __future__ import annotations

import argparse
import re
import tempfile
import time
from datetime import UTC, date, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa

from benchmarks.measure import markdown
from ftm_resources import connect
from ftm_resources.tables import TABLES
from ftm_resources.warehouse import Warehouse

if TYPE_CHECKING:
    from collections.abc import Iterator

    import duckdb

PER_FIRM, TURNS, TOPICS, THEMES = 400, 40, 20, 500
"""Sentences, turns and topics of a firm; themes of a quarter."""

BATCH = 500
"""Firms written at once."""

QUERIES = 40
SAID = "We expect freight costs to fall again in the second half as capacity on lane {} returns."

FIRMS_OF_THEME = """
    SELECT firm_id, count(*) AS n, avg(strength) FROM theme_sentences
    WHERE quarter = $quarter AND theme_id = $theme AND is_member GROUP BY firm_id ORDER BY n DESC, firm_id
"""
SENTENCES_OF_FIRM = """
    SELECT sentence_id, text, speaker_type, call_date, label FROM theme_evidence
    WHERE quarter = $quarter AND theme_id = $theme AND firm_id = $firm AND is_member ORDER BY strength DESC
"""
THEME_OF_SENTENCE = """
    SELECT theme_id, theme_name, topic_name FROM theme_evidence WHERE quarter = $quarter AND sentence_id = $sentence
"""


def tables(quarter: str, firms: range, rng: np.random.Generator) -> Iterator[tuple[str, pa.Table]]:
    """Yield rows of some firms, table by table; topics are in themes by chance."""
    n = len(firms) * PER_FIRM
    firm = np.repeat([f"{i:05d}" for i in firms], PER_FIRM)
    turn = np.tile(np.arange(PER_FIRM) * TURNS // PER_FIRM, len(firms))
    component = np.char.add(np.char.add(f"{quarter}:c", firm), np.char.mod(":%04d", turn))
    sentence = np.char.add(component, np.char.mod(":%03d", np.tile(np.arange(PER_FIRM), len(firms))))
    themes = rng.integers(0, THEMES, (len(firms), TOPICS))
    local = rng.integers(0, TOPICS, n)
    topic = np.char.add(np.char.add(f"{quarter}:", firm), np.char.mod(":%03d", local))
    theme = themes[np.arange(n) // PER_FIRM, local]
    own = {"sentence_id": sentence, "firm_id": firm}
    place = {"section": "presentation", "speaker_type": "executive"}
    call = np.char.add("c", firm)
    yield "sentences", _table("sentences", n, quarter, own | place | {
        "transcript_id": call, "component_id": component, "position": np.arange(n, dtype=np.int32),
        "text": [SAID.format(i) for i in range(n)],
    })  # fmt: skip
    yield "theme_sentences", _table("theme_sentences", n, quarter, own | {
        "theme_id": np.char.mod(f"{quarter}:theme:%03d", theme), "topic_id": topic, "strength": rng.random(n),
        "is_member": rng.random(n) < 0.6, "is_second": False,
    })  # fmt: skip
    p = {"label": "neutral", "model": "m", "p_positive": 0.2, "p_neutral": 0.7, "p_negative": 0.1}
    yield "sentence_sentiment", _table("sentence_sentiment", n, quarter, own | p)
    first = np.arange(0, n, PER_FIRM // TURNS)
    yield "transcripts", _table("transcripts", len(first), quarter, place | {
        "component_id": component[first], "firm_id": firm[first], "firm_name": np.char.add("Firm ", firm[first]),
        "transcript_id": call[first], "call_at": datetime(2023, 2, 1, 15, tzinfo=UTC), "call_date": date(2023, 2, 1),
        "component_order": turn[first].astype(np.int32), "text": SAID * 8, "verbatim_text": SAID * 8,
    })  # fmt: skip
    ids = np.char.add(np.char.add(f"{quarter}:", np.repeat(firm[::PER_FIRM], TOPICS)),
                      np.char.mod(":%03d", np.tile(np.arange(TOPICS), len(firms))))  # fmt: skip
    yield "topic_summaries", _table("topic_summaries", len(ids), quarter, {
        "topic_id": ids, "firm_id": np.repeat(firm[::PER_FIRM], TOPICS), "name": "Freight costs", "summary": "Freight.",
        "naming_method": "extractive", "model": "m", "prompt_version": "1", "embedding": [[1.0, 0.0]] * len(ids),
    })  # fmt: skip


def _table(name: str, n: int, quarter: str, given: dict[str, Any]) -> pa.Table:
    schema = TABLES[name].arrow_schema
    columns = []
    for column in schema:
        value = quarter if column.name == "quarter" else given.get(column.name)
        is_one = value is None or isinstance(value, (str, float, bool, date, datetime))
        columns.append(
            pa.array([value], column.type).take(pa.array(np.zeros(n, np.int64)))
            if is_one
            else pa.array(value, column.type)
        )
    return pa.Table.from_arrays(columns, schema=schema)


def write(warehouse: Warehouse, quarter: str, sentences: int) -> None:
    """Write a quarter's tables, one after the other."""
    firms = sentences // PER_FIRM
    names = ("sentences", "theme_sentences", "sentence_sentiment", "transcripts", "topic_summaries")
    for name in names:
        parts = (
            dict(tables(quarter, range(start, min(firms, start + BATCH)), np.random.default_rng(start)))[name]
            for start in range(0, firms, BATCH)
        )
        warehouse.replace(name, quarter, parts)
    ids = [f"{quarter}:theme:{i:03d}" for i in range(THEMES)]
    themes = {
        "theme_id": ids, "name": "Freight", "description": "Freight.", "keywords": [["freight"]] * THEMES,
        "n_topics": [1] * THEMES, "n_firms": [1] * THEMES, "n_sentences": [1] * THEMES, "largest_firm_share": 0.1,
        "naming_method": "extractive", "embedding": [[1.0, 0.0]] * THEMES,
    }  # fmt: skip
    warehouse.replace("themes", quarter, [_table("themes", THEMES, quarter, themes)])


def timed(db: duckdb.DuckDBPyConnection, sql: str, asked: list[dict[str, str]]) -> dict[str, Any]:
    """Return milliseconds of a question (median, 95th percentile, mean of the CPU), rows, and files that were read."""
    taken, cpu, rows = [], [], []
    for values in asked:
        started, began = time.perf_counter(), time.process_time()
        rows.append(len(db.execute(sql, values).fetchall()))
        taken.append(1e3 * (time.perf_counter() - started))
        cpu.append(1e3 * (time.process_time() - began))
    plan = db.execute(f"EXPLAIN ANALYZE {sql}", asked[0]).fetchall()[0][1]
    return {
        "p50 ms": round(float(np.median(taken[1:])), 1),
        "p95 ms": round(float(np.percentile(taken[1:], 95)), 1),
        "CPU ms": round(float(np.mean(cpu[1:])), 1),
        "rows": int(np.median(rows)),
        "files read by each scan": ", ".join(re.findall(r"Total Files Read: (\d+)", plan)),
    }


def main() -> None:
    """Measure, and print the table."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.evidence_scale", description=__doc__)
    parser.add_argument("--sentences", type=int, default=2_000_000)
    parser.add_argument("--quarters", type=int, default=8)
    parser.add_argument("--others", type=int)
    given = parser.parse_args()
    keys = [f"{2018 + i // 4}Q{i % 4 + 1}" for i in range(given.quarters)]
    with tempfile.TemporaryDirectory() as root:
        warehouse = Warehouse(path=str(Path(root) / "warehouse"))
        for quarter in keys:
            began = time.process_time()
            n = given.sentences if quarter == keys[0] else given.others or given.sentences
            write(warehouse, quarter, n)
            print(f"{quarter} written: {time.process_time() - began:.0f} CPU s", flush=True)
        rng = np.random.default_rng(7)
        began = time.perf_counter()
        with connect(warehouse.root) as db:
            print(f"connected in {time.perf_counter() - began:.2f} s")
            chosen = rng.choice(keys[:1] if given.others else keys, QUERIES)
            themes = [f"{q}:theme:{rng.integers(THEMES):03d}" for q in chosen]
            asked = [{"quarter": q, "theme": t} for q, t in zip(chosen.tolist(), themes, strict=True)]
            rows = [{"question": "firms of a theme", **timed(db, FIRMS_OF_THEME, asked)}]
            with_firm = [a | {"firm": db.execute(FIRMS_OF_THEME, a).fetchall()[0][0]} for a in asked]
            rows.append({"question": "a firm's sentences in it", **timed(db, SENTENCES_OF_FIRM, with_firm)})
            said = [
                {"quarter": a["quarter"], "sentence": db.execute(SENTENCES_OF_FIRM, a).fetchall()[0][0]}
                for a in with_firm
            ]
            rows.append({"question": "the theme of a sentence", **timed(db, THEME_OF_SENTENCE, said)})
        size = sum(f.stat().st_size for f in Path(root).rglob("*") if f.is_file())
        print(markdown(rows))
        print(f"{given.quarters} quarters, the first of {given.sentences:,} sentences, {size / 1e6:.0f} MB")


if __name__ == "__main__":
    main()
