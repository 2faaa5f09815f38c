"""Publishing a generated quarter to a real PostgreSQL with pgvector: seconds, size, and what its searches find.

`python -m benchmarks.publish_scale --sentences 100000` writes a quarter of clustered vectors to a warehouse, copies it
to a server that it starts, and compares rows and nearest sentences with DuckDB's over the warehouse.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from datetime import UTC, date, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa

from benchmarks.measure import markdown

if TYPE_CHECKING:
    from collections.abc import Iterator

    import psycopg

    from ftm_resources.warehouse import Warehouse

QUARTER = "2023Q1"
PER_FIRM, TOPICS_PER_FIRM, TOPICS_PER_THEME = 200, 20, 40
"""Sentences and topics of a firm; topics of a theme."""

DIMENSION, QUERIES, NEAREST = 384, 100, 10
SPREAD = 1.2
"""Length of what is a sentence's own beside its topic's direction, which has length 1."""


def unit(vectors: np.ndarray) -> np.ndarray:
    """Return rows of length 1, float32."""
    return (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float32)


def write(warehouse: Warehouse, sentences: int, seed: int = 0) -> None:
    """Write a quarter with this many sentences, spread over firms, topics and themes."""
    from ftm_resources.tables import TABLES  # noqa: PLC0415

    rng = np.random.default_rng(seed)
    firms = max(1, sentences // PER_FIRM)
    topics = firms * TOPICS_PER_FIRM
    themes = max(1, topics // TOPICS_PER_THEME)
    of_theme = rng.integers(themes, size=topics)
    directions = unit(rng.normal(size=(themes, DIMENSION)))[of_theme] + 0.8 * unit(
        rng.normal(size=(topics, DIMENSION))
    )

    def put(name: str, batches: Iterator[list[dict[str, Any]]]) -> None:
        schema = TABLES[name].arrow_schema
        rows = (
            pa.Table.from_pylist([{"quarter": QUARTER, **r} for r in batch], schema=schema)
            for batch in batches
        )
        warehouse.replace(name, QUARTER, rows)

    def said(firm: int) -> Iterator[tuple[int, str, int]]:
        for i in range(PER_FIRM):
            yield i, f"{QUARTER}:{firm}:{i:04d}", firm * TOPICS_PER_FIRM + i % TOPICS_PER_FIRM

    def topic(k: int) -> dict[str, Any]:
        return {"topic_id": f"{QUARTER}:t{k}", "firm_id": str(k // TOPICS_PER_FIRM)}

    at = datetime(2023, 2, 1, 15, tzinfo=UTC)
    spoken = {"section": "presentation", "speaker_type": "executive", "text": "Freight costs fell."}
    put(
        "transcripts",
        (
            [
                {"component_id": f"{s}c", "firm_id": str(f), "firm_name": f"Firm {f}", "transcript_id": str(f),
                 "call_at": at, "call_date": date(2023, 2, 1), "component_order": i, "component_type": "answer",
                 "permno": 10000 + f, "verbatim_text": spoken["text"], **spoken}
                for i, s, _ in said(f)
            ]
            for f in range(firms)
        ),
    )  # fmt: skip
    put(
        "sentences",
        (
            [
                {"sentence_id": s, "firm_id": str(f), "transcript_id": str(f), "component_id": f"{s}c", "position": 0,
                 **spoken, "text": f"Freight costs of lane {f}-{i} fell."}
                for i, s, _ in said(f)
            ]
            for f in range(firms)
        ),
    )  # fmt: skip

    def vectors() -> Iterator[list[dict[str, Any]]]:
        for f in range(firms):
            own = [(s, k) for _, s, k in said(f)]
            noise = SPREAD * unit(rng.normal(size=(len(own), DIMENSION)))
            made = unit(directions[[k for _, k in own]] + noise)
            yield [
                {"sentence_id": s, "firm_id": str(f), "embedding": v}
                for (s, _), v in zip(own, made, strict=True)
            ]

    put("sentence_embeddings", vectors())
    put(
        "sentence_topics",
        (
            [{"sentence_id": s, **topic(k), "firm_id": str(f), "strength": 0.5} for _, s, k in said(f)]
            for f in range(firms)
        ),
    )
    put(
        "sentence_sentiment",
        (
            [
                {"sentence_id": s, "label": "neutral", "model": "m", "p_positive": 0.2, "p_neutral": 0.7,
                 "p_negative": 0.1}
                for _, s, _ in said(f)
            ]
            for f in range(firms)
        ),
    )  # fmt: skip
    put(
        "sentence_kinds",
        (
            [
                {
                    "sentence_id": s,
                    "firm_id": str(f),
                    "kind": "business",
                    "method": "words",
                    "is_procedural": False,
                    "p_business": 1.0,
                    "p_call": 0.0,
                    "p_empty": 0.0,
                }
                for _, s, _ in said(f)
            ]
            for f in range(firms)
        ),
    )
    named = {"name": "Freight", "summary": "Freight.", "naming_method": "extractive", "model": "m"}
    named |= {"prompt_version": "1"}
    ids = [f"{QUARTER}:theme:{h:03d}" for h in range(themes)]
    put(
        "firm_topics",
        iter([[{**topic(k), "local_topic": k % TOPICS_PER_FIRM, "n_sentences": 10, "keywords": ["freight"],
                "representative_sentence_ids": [], "call_share": 0.0} for k in range(topics)]]),
    )  # fmt: skip
    put(
        "topic_summaries",
        iter([[{**topic(k), **named, "embedding": v} for k, v in enumerate(unit(directions))]]),
    )
    put("theme_topics", iter([[{**topic(k), "theme_id": ids[of_theme[k]]} for k in range(topics)]]))
    put(
        "themes",
        iter([[{"theme_id": i, "name": "Freight", "description": "Freight.", "keywords": ["freight"], "n_topics": 1,
                "n_firms": 1, "n_sentences": 1, "largest_firm_share": 0.1, "naming_method": "extractive",
                "embedding": v} for i, v in zip(ids, unit(rng.normal(size=(themes, DIMENSION))), strict=True)]]),
    )  # fmt: skip
    put(
        "theme_links",
        iter([[{"theme_id": i, "series_id": i, "series_name": "Freight", "event": "born", "n_missed": 0,
                "is_renamed": False} for i in ids]]),
    )  # fmt: skip
    put(
        "theme_sentences",
        (
            [
                {"theme_id": ids[of_theme[k]], "sentence_id": s, **topic(k), "strength": 0.5, "is_member": i % 2 == 0,
                 "is_second": False, "reason": None if i % 2 == 0 else "weak"}
                for i, s, k in said(f)
            ]
            for f in range(firms)
        ),
    )  # fmt: skip


def differing(warehouse: Warehouse, connection: psycopg.Connection[Any], table: Any) -> int:
    """Return how many rows of a table differ from what DuckDB shows."""
    from ftm_resources.postgres.layout import READ  # noqa: PLC0415
    from ftm_resources.retrieval.indexed_tables import NUMBERED  # noqa: PLC0415

    columns = ", ".join(f'"{c}"' for c in table.columns)
    found = connection.execute(
        f'SELECT {columns} FROM ftm.{table.name} ORDER BY {table.key} COLLATE "C"'  # noqa: S608 - our names
    ).fetchall()
    with warehouse.connect(quarter=QUARTER, tables=READ) as db:
        for statement in NUMBERED:
            db.execute(statement)
        wanted = db.execute(f"SELECT {columns} FROM ({table.query}) ORDER BY {table.key}").fetchall()  # noqa: S608 - our names
    return abs(len(found) - len(wanted)) + sum(a != b for a, b in zip(found, wanted, strict=False))


def recalls(
    warehouse: Warehouse, connection: psycopg.Connection[Any], vectors: str, where: str = ""
) -> tuple[float, float]:
    """Return recall@10 of PostgreSQL's index against DuckDB's exact search, and the median milliseconds of a query."""
    rng = np.random.default_rng(7)
    with warehouse.connect(quarter=QUARTER, tables=["sentence_embeddings"]) as db:
        rows = db.execute(f"SELECT sentence_id, embedding FROM sentence_embeddings {where}").fetchnumpy()  # noqa: S608
    ids, stored = rows["sentence_id"], np.stack([np.asarray(v, np.float32) for v in rows["embedding"]])
    queries = unit(
        stored[rng.integers(len(ids), size=QUERIES)] + SPREAD * unit(rng.normal(size=(QUERIES, DIMENSION)))
    )
    best = np.argsort(-queries @ stored.T, axis=1)[:, :NEAREST]
    found, seconds = 0, []
    for query, wanted in zip(queries, best, strict=True):
        text = f"[{','.join(map(str, query))}]"
        began = time.perf_counter()
        got = connection.execute(
            f"SELECT sentence_id FROM ftm.sentences {where} ORDER BY embedding <=> %s::{vectors} LIMIT {NEAREST}",  # type: ignore[arg-type]  # noqa: S608
            [text],
        ).fetchall()
        seconds.append(time.perf_counter() - began)
        found += len({i for (i,) in got} & set(ids[wanted]))
    return found / (QUERIES * NEAREST), float(np.median(seconds) * 1000)


def measure(sentences: int, vectors: Any, root: Path) -> dict[str, Any]:
    """Return a row of the table: what it took, and what is found."""
    import os  # noqa: PLC0415

    from benchmarks.wrds_server import serve  # noqa: PLC0415
    from ftm_resources.postgres.database import connected  # noqa: PLC0415
    from ftm_resources.postgres.layout import LAYOUT  # noqa: PLC0415
    from ftm_resources.postgres.publish import publish  # noqa: PLC0415
    from ftm_resources.postgres.quarter_state import shown_now  # noqa: PLC0415
    from ftm_resources.warehouse import Warehouse  # noqa: PLC0415

    warehouse = Warehouse(path=str(root / "warehouse"))
    write(warehouse, sentences)
    with serve() as server:
        server.run("CREATE DATABASE ftm", database="postgres")
        os.environ["FTM_POSTGRES_URL"] = f"postgresql://postgres@127.0.0.1:{server.port}/ftm?sslmode=disable"
        with connected() as connection:
            began, used = time.perf_counter(), time.process_time()
            done = publish(shown_now(warehouse), QUARTER, connection, vectors=vectors, progress=print)
            wall, ours = time.perf_counter() - began, time.process_time() - used
            began = time.perf_counter()
            again = publish(shown_now(warehouse), QUARTER, connection, vectors=vectors)
            unchanged = time.perf_counter() - began
            size = connection.execute("SELECT pg_database_size('ftm')").fetchone() or (0,)
            one_firm = "WHERE firm_id = '3'"
            connection.execute("SET hnsw.iterative_scan = strict_order; SET hnsw.ef_search = 200")
            recall, milliseconds = recalls(warehouse, connection, vectors)
            filtered, filtered_ms = recalls(warehouse, connection, vectors, one_firm)
            return {
                "vectors": vectors,
                "rows": sum(done.rows.values()),
                "differing from DuckDB's": sum(differing(warehouse, connection, t) for t in LAYOUT),
                "seconds": round(wall, 1),
                "of these in our process, CPU": round(ours, 1),
                "again, unchanged": f"{unchanged:.1f} s" if again.is_unchanged else "copied again",
                "MB": round(size[0] / 1e6),
                "recall@10": round(recall, 3),
                "ms": round(milliseconds, 1),
                "recall@10, one firm": round(filtered, 3),
                "ms, one firm": round(filtered_ms, 1),
            }


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.publish_scale", description=__doc__)
    parser.add_argument("--sentences", type=int, default=100_000)
    parser.add_argument("--vectors", choices=["halfvec", "vector"], nargs="*", default=["halfvec"])
    options = parser.parse_args()
    rows = []
    for vectors in options.vectors:
        with tempfile.TemporaryDirectory() as root:
            rows.append(measure(options.sentences, vectors, Path(root)))
    print(markdown(rows))


if __name__ == "__main__":
    main()
