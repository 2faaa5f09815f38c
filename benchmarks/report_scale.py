"""The page of a generated quarter: seconds, memory and size to gather and to write it.

`python -m benchmarks.report_scale --firms 5000` writes a quarter of so many firms (20 topics each, 200 sentences about
the business) to a warehouse, and makes its page in a process of its own. Sentences are the sample's, put together in
pairs, so that they are as long and as varied as what is said; vectors are random.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
import time
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import pyarrow as pa

from benchmarks.measure import markdown, peak_mib
from ftm_assets.methods.scores import COLUMNS, build_scores
from ftm_assets.methods.vectors import as_lists
from ftm_resources.sources.sample.generated import SampleSource
from ftm_resources.tables import TABLES
from ftm_resources.tables.categories import LABELS
from ftm_resources.warehouse import Warehouse

QUARTER = "2023Q1"
TOPICS, PER_TOPIC = 20, 10
"""Of a firm; sentences of each."""
TOPICS_PER_THEME = 150
PLACED = 0.7
"""Share of the topics that are in a theme."""
DIMENSION = 384
PAGE = "page.html"

_MARTS = {
    "theme_sentiment": """
        SELECT theme_id, 'Theme' AS theme_name, 1 AS n_topics, CAST(count(DISTINCT firm_id) AS INTEGER) AS n_firms,
            CAST(count(*) AS INTEGER) AS n_calls, CAST(sum(n_positive) AS INTEGER) AS n_positive,
            CAST(sum(n_neutral) AS INTEGER) AS n_neutral, CAST(sum(n_negative) AS INTEGER) AS n_negative,
            CAST(sum(n_sentences) AS INTEGER) AS n_sentences,
            sum(n_positive - n_negative) / sum(n_sentences) AS score, 0.01 AS score_se, 99.0 AS score_df
        FROM sentiment_scores GROUP BY theme_id ORDER BY theme_id
    """,
    "firm_theme_sentiment": """
        SELECT theme_id, 'Theme' AS theme_name, firm_id, firm_name, permno, gvkey, call_date AS first_call_date,
            1 AS n_calls, n_positive, n_neutral, n_negative, n_sentences, score, score_se, score_df, n_turns
        FROM sentiment_scores ORDER BY theme_id, firm_id
    """,
}


def texts(rng: np.random.Generator, n: int) -> pa.Array:
    """Return n sentences."""
    turns = [
        t for rows in SampleSource(12).components(QUARTER) for t in rows.column("componenttext").to_pylist()
    ]
    held = np.array(
        sorted({s.strip() for t in turns for s in t.split(". ") if 30 < len(s) < 200}), dtype=object
    )
    a, b = (held[rng.integers(len(held), size=n)] for _ in range(2))
    return pa.array([f"{x}, and {y}" for x, y in zip(a, b, strict=True)], pa.string())


def filled(name: str, n: int, columns: dict[str, Any]) -> pa.Table:
    """Return n rows of a table; columns that are not given are null, or the least of their type."""
    least = {
        pa.string(): "x",
        pa.int32(): 0,
        pa.float64(): 0.0,
        pa.bool_(): False,
        pa.date32(): date(2023, 2, 1),
    }
    least |= {pa.timestamp("us", "UTC"): datetime(2023, 2, 1, 15, tzinfo=UTC), pa.int64(): 0}
    made = []
    for field, column in zip(TABLES[name].arrow_schema, (*TABLES[name].columns, None), strict=False):
        value = QUARTER if field.name == "quarter" else columns.get(field.name)
        if value is None:
            is_list = pa.types.is_list(field.type)
            first = column.values[0] if column is not None and column.values else least.get(field.type)
            one = None if field.nullable else [] if is_list else first
            made.append(pa.array([one] * n, field.type))
        elif isinstance(value, str | int | float):
            made.append(pa.repeat(pa.scalar(value, field.type), n))
        else:
            made.append(
                pa.array(value, field.type) if not isinstance(value, pa.Array) else value.cast(field.type)
            )
    return pa.Table.from_arrays(made, schema=TABLES[name].arrow_schema)


def write(warehouse: Warehouse, firms: int, seed: int = 0, *, per_topic: int = PER_TOPIC) -> None:
    """Write the quarter, with so many sentences per topic."""
    rng = np.random.default_rng(seed)
    n_topics, n = firms * TOPICS, firms * TOPICS * per_topic
    themes = max(1, round(PLACED * n_topics / TOPICS_PER_THEME))
    firm_of = np.repeat(np.arange(firms), TOPICS * per_topic)
    topic_of = np.repeat(np.arange(n_topics), per_topic)
    theme_of = np.where(rng.random(n_topics) < PLACED, rng.integers(themes, size=n_topics), -1)
    firm_ids = np.array([str(18000 + f) for f in range(firms)], dtype=object)
    topic_ids = np.array(
        [f"{QUARTER}:{firm_ids[k // TOPICS]}:{k % TOPICS:03d}" for k in range(n_topics)], dtype=object
    )
    theme_ids = np.array([f"{QUARTER}:theme:{h:03d}" for h in range(themes)], dtype=object)
    calls = np.array([f"c{f}" for f in range(firms)], dtype=object)
    order = np.tile(np.arange(TOPICS * per_topic), firms)
    turns = np.array([f"{QUARTER}:c{f}:{i:04d}" for f, i in zip(firm_of, order, strict=True)], dtype=object)
    sentence_ids = np.array([f"{t}:000" for t in turns], dtype=object)
    days = [date(2023, 1 + f % 3, 1 + f % 28) for f in range(firms)]
    said = texts(rng, n)
    place = {
        "section": ["q_and_a" if i % 3 == 0 else "presentation" for i in order],
        "speaker_type": ["analyst" if i % 5 == 0 else "executive" for i in order],
    }
    tables: dict[str, pa.Table] = {}

    def put(name: str, rows: int, /, **columns: Any) -> None:
        tables[name] = filled(name, rows, columns)

    put(
        "transcripts", n, component_id=turns, firm_id=firm_ids[firm_of],
        firm_name=[f"Company Number {f} Inc" for f in firm_of], ticker=[f"T{f}" for f in firm_of],
        transcript_id=calls[firm_of], call_date=[days[f] for f in firm_of], component_order=order,
        speaker_name=[f"Speaker {f % 977} Name" for f in firm_of], **place,
    )  # fmt: skip
    put(
        "sentences", n, sentence_id=sentence_ids, firm_id=firm_ids[firm_of], transcript_id=calls[firm_of],
        component_id=turns, text=said, **place,
    )  # fmt: skip
    put(
        "sentence_kinds",
        n,
        sentence_id=sentence_ids,
        firm_id=firm_ids[firm_of],
        kind="business",
        p_business=1.0,
    )
    p = rng.dirichlet((1.0, 1.5, 0.7), size=n)
    put(
        "sentence_sentiment", n, sentence_id=sentence_ids, label=np.array(LABELS)[p.argmax(1)],
        p_positive=p[:, 0], p_neutral=p[:, 1], p_negative=p[:, 2], model="m",
    )  # fmt: skip
    put(
        "sentence_topics",
        n,
        sentence_id=sentence_ids,
        firm_id=firm_ids[firm_of],
        topic_id=topic_ids[topic_of],
    )
    of_topics = np.arange(n_topics) // TOPICS
    put(
        "firm_topics", n_topics, topic_id=topic_ids, firm_id=firm_ids[of_topics], n_sentences=per_topic,
        representative_sentence_ids=sentence_ids.reshape(n_topics, per_topic)[:, :8].tolist(), call_share=0.1,
    )  # fmt: skip
    words = np.array(" ".join(said.slice(0, 200).to_pylist()).split(), dtype=object)
    named = words[rng.integers(len(words), size=(n_topics, 3))]
    put(
        "topic_summaries", n_topics, topic_id=topic_ids, firm_id=firm_ids[of_topics],
        name=[" ".join(w).capitalize() for w in named], summary="Freight costs.", model="m",
        embedding=as_lists(_unit(rng, n_topics)),
    )  # fmt: skip
    reasons = np.array(["outlier", "unstable", "few firms"], dtype=object)[np.arange(n_topics) % 3]
    put(
        "theme_topics", n_topics, topic_id=topic_ids, firm_id=firm_ids[of_topics],
        theme_id=[theme_ids[h] if h >= 0 else None for h in theme_of],
        reason=[None if h >= 0 else r for h, r in zip(theme_of, reasons, strict=True)],
    )  # fmt: skip
    put(
        "themes", themes, theme_id=theme_ids, name=[f"Theme of subject {h}" for h in range(themes)],
        description="Covers costs, prices and volumes of what is moved.",
        keywords=[["freight", "rates", "costs", "volumes", "lanes", "carriers"]] * themes, n_topics=1, n_firms=1,
        n_sentences=1, embedding=as_lists(_unit(rng, themes)),
    )  # fmt: skip
    inside = np.flatnonzero(theme_of[topic_of] >= 0)
    is_member = rng.random(len(inside)) < 0.7
    put(
        "theme_sentences", len(inside), theme_id=theme_ids[theme_of[topic_of[inside]]],
        sentence_id=sentence_ids[inside], topic_id=topic_ids[topic_of[inside]], firm_id=firm_ids[firm_of[inside]],
        strength=rng.random(len(inside)), is_member=is_member, reason=[None if m else "weak" for m in is_member],
    )  # fmt: skip
    put("theme_coherence", themes, theme_id=theme_ids, member_share=0.7, coherence_class="coherent")
    scores = build_scores(*(tables[t] for t in COLUMNS), quarter=QUARTER, database=duckdb.connect())
    tables |= scores._asdict()
    with duckdb.connect() as db:
        db.register("sentiment_scores", tables["sentiment_scores"])
        for name, sql in _MARTS.items():
            made = db.execute(sql).to_arrow_table()
            tables[name] = TABLES[name].conform(made, quarter=QUARTER)
    for name in list(tables):
        warehouse.replace(name, QUARTER, iter([tables.pop(name)]))


def _unit(rng: np.random.Generator, n: int) -> np.ndarray:
    rows = rng.normal(size=(n, DIMENSION)).astype(np.float32)
    return rows / np.linalg.norm(rows, axis=1, keepdims=True)


def measure(folder: Path) -> dict[str, Any]:
    """Make the page; return what it took, without what the generated quarter did."""
    from ftm_assets.report.gathering import gather  # noqa: PLC0415
    from ftm_assets.report.page import render  # noqa: PLC0415

    started, cpu = time.perf_counter(), time.process_time()
    report = gather(Warehouse(path=str(folder / "warehouse")), QUARTER)
    gathered, gathered_cpu = time.perf_counter() - started, time.process_time() - cpu
    page = render(report).encode()
    (folder / PAGE).write_bytes(page)
    return {
        "firms": len(report.firms),
        "topics": len(report.points.topic_id),
        "themes": len(report.themes),
        "seconds to gather": gathered,
        "CPU": gathered_cpu,
        "seconds to write": time.perf_counter() - started - gathered,
        "MB": len(page) / 1e6,
        "peak MiB": peak_mib(),
    }


def main() -> None:
    """Write the quarter, make its page, print what it took."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.report_scale", description=__doc__)
    parser.add_argument("--firms", type=int, default=5000)
    parser.add_argument("--folder", type=Path, help="where to write; default: a temporary folder")
    parser.add_argument("--page-only", action="store_true", help="the quarter is in the folder already")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="ftm-report-") as temporary:
        folder = options.folder or Path(temporary)
        if options.page_only:
            print(markdown([measure(folder)]))
            return
        write(Warehouse(path=str(folder / "warehouse")), options.firms)
        again = [sys.executable, "-m", "benchmarks.report_scale", "--page-only", "--folder", str(folder)]
        subprocess.run(again, check=True)  # noqa: S603 - this module, whose memory is then the page's alone


if __name__ == "__main__":
    main()
