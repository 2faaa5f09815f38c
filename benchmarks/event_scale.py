"""An event study of several full-size quarters: minutes and memory.

`python -m benchmarks.event_scale --firms 5000 --quarters 8 --out results.json` writes generated quarters into a local
warehouse (calls with 20 topics of 10 sentences each, 500 themes that live through all quarters, daily returns) and
materializes `event_study` of the last one in a separate process.
"""

from __future__ import annotations

import argparse
import json
import tempfile
import time
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa

from benchmarks.materializing import deployment, materialized
from benchmarks.measure import markdown
from ftm_assets.methods.returns.event_windows import ReturnsParams, build_abnormal_returns, days_needed
from ftm_assets.methods.returns.market_arrays import calendar_of
from ftm_assets.methods.time.link_rows import link_tables
from ftm_assets.methods.time.linking import link_quarter
from ftm_assets.methods.time.profiles import QuarterThemes
from ftm_assets.methods.vectors import as_lists, unit
from ftm_assets.orchestration.series_chain import LINK_TABLES
from ftm_resources import quarters
from ftm_resources.tables import TABLES
from ftm_resources.tables.returns_tables import DAILY, FACTOR_COLUMNS, FACTORS
from ftm_resources.trading_days import exchange_days
from ftm_resources.warehouse import Warehouse

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from ftm_assets.methods.time.series import Series

LAST = "2023Q4"
TOPICS = 20
SENTENCES = 10
DIMENSION = 384
LABELS = np.array(["negative", "neutral", "positive"])
FIRMS_AT_ONCE = 250
DAYS = exchange_days(date(2000, 1, 3), date(2025, 12, 31)).days


class Generated:
    """Quarters of firms that each call once a quarter and speak of `TOPICS` of the themes."""

    def __init__(self, warehouse: Warehouse, firms: int, themes: int) -> None:
        self.warehouse, self.firms, self.themes = warehouse, firms, themes
        rng = np.random.default_rng(0)
        self.vectors = unit(rng.normal(size=(themes, DIMENSION)))
        self.shared = unit(rng.normal(size=(1, DIMENSION)))
        self.series: tuple[Series, ...] = ()

    def write(self, quarter: str) -> None:
        """Write all tables of a quarter that an event study reads."""
        rng = np.random.default_rng([int(quarter[:4]), int(quarter[-1])])
        of = np.stack([rng.choice(self.themes, TOPICS, replace=False) for _ in range(self.firms)])
        tone = rng.integers(0, 3, (self.firms, TOPICS, SENTENCES))
        self._write_links(quarter, of, rng)
        self._write_topics(quarter, of, rng)
        self._write_texts(quarter, tone)
        self._write_scores(quarter, of, tone)
        self._write_returns(quarter, rng)

    def _replace(self, table: str, quarter: str, batches: Any, **provenance: Any) -> None:
        made = (TABLES[table].conform(rows, quarter=quarter) for rows in batches)
        self.warehouse.replace(table, quarter, made, provenance={"run_id": quarter, **provenance})

    def _calls(self, quarter: str) -> list[date]:
        first = quarters.bounds(quarter)[0] + timedelta(days=20)
        days = DAYS[np.datetime64(first) <= DAYS][:50].tolist()
        return [days[i % 50] for i in range(self.firms)]

    def _write_links(self, quarter: str, of: NDArray[np.int64], rng: np.random.Generator) -> None:
        holders: list[set[str]] = [set() for _ in range(self.themes)]
        for firm, own in enumerate(of.tolist()):
            for theme in own:
                holders[theme].add(str(firm))
        themes = QuarterThemes(
            quarter=quarter,
            theme_ids=tuple(f"{quarter}:theme:{k:03d}" for k in range(self.themes)),
            vectors=unit(self.vectors + rng.normal(0, 0.3 / DIMENSION**0.5, self.vectors.shape)).astype(
                np.float32
            ),
            firms=tuple(map(frozenset, holders)),
            keywords=(("price",),) * self.themes,
            names=tuple(f"Theme {k}" for k in range(self.themes)),
            n_sentences=tuple(SENTENCES * max(len(h), 1) for h in holders),
        )
        links = link_quarter(themes, self.series)
        self.series = links.series
        for name, rows in link_tables(links).items():
            self._replace(name, quarter, [rows], together=list(LINK_TABLES), inputs={})

    def _ids(self, quarter: str, start: int) -> tuple[range, list[str]]:
        firms = range(start, min(start + FIRMS_AT_ONCE, self.firms))
        return firms, [f"{quarter}:{f}:{k:03d}" for f in firms for k in range(TOPICS)]

    def _write_topics(self, quarter: str, of: NDArray[np.int64], rng: np.random.Generator) -> None:
        def batches() -> Any:
            for start in range(0, self.firms, FIRMS_AT_ONCE):
                firms, topics = self._ids(quarter, start)
                near = self.vectors[of[start : start + len(firms)].reshape(-1)]
                vectors = unit(near + 0.5 * self.shared + rng.normal(0, 0.6 / DIMENSION**0.5, near.shape))
                text = pa.repeat("a topic", len(topics))
                yield pa.table(
                    {
                        "topic_id": topics, "firm_id": np.repeat([str(f) for f in firms], TOPICS),
                        "name": text, "summary": text, "model": text, "prompt_version": text,
                        "naming_method": pa.repeat("extractive", len(topics)),
                        "embedding": as_lists(vectors.astype(np.float32)),
                    }
                )  # fmt: skip

        self._replace("topic_summaries", quarter, batches())

    def _write_texts(self, quarter: str, tone: NDArray[np.int64]) -> None:
        def parts(table: str) -> Any:
            for start in range(0, self.firms, FIRMS_AT_ONCE):
                firms, topics = self._ids(quarter, start)
                n = len(topics) * SENTENCES
                ids = pa.array([f"{t}:{j}" for t in topics for j in range(SENTENCES)])
                firm = np.repeat([str(f) for f in firms], TOPICS * SENTENCES)
                label = tone[start : start + len(firms)].reshape(-1)
                p = [np.where(label == k, 0.8, 0.1) for k in range(3)]
                columns: dict[str, Any] = {
                    "sentence_id": ids, "firm_id": firm, "topic_id": np.repeat(topics, SENTENCES),
                    "strength": np.full(n, 0.5), "label": LABELS[label], "model": pa.repeat("m", n),
                    "p_negative": p[0], "p_neutral": p[1], "p_positive": p[2], "component_id": ids,
                    "transcript_id": np.repeat([f"{quarter}-{f}" for f in firms], TOPICS * SENTENCES),
                    "section": pa.repeat("presentation", n), "speaker_type": pa.repeat("executive", n),
                    "text": pa.repeat("Prices rose.", n), "position": np.zeros(n, np.int32),
                }  # fmt: skip
                own = TABLES[table].own
                yield pa.table({c.name: columns[c.name] for c in own if c.name in columns})

        for table in ("sentences", "sentence_topics", "sentence_sentiment"):
            self._replace(table, quarter, parts(table))

    def _write_scores(self, quarter: str, of: NDArray[np.int64], tone: NDArray[np.int64]) -> None:
        n = self.firms * TOPICS
        counts = [(tone == k).sum(axis=2).reshape(-1).astype(np.int32) for k in range(3)]
        score = (counts[2] - counts[0]) / SENTENCES
        firm = np.repeat(np.arange(self.firms), TOPICS)
        days = self._calls(quarter)
        half = np.full(n, 0.3)
        rows = pa.table(
            {
                "theme_id": [f"{quarter}:theme:{k:03d}" for k in of.reshape(-1).tolist()],
                "transcript_id": [f"{quarter}-{f}" for f in firm.tolist()],
                "firm_id": [str(f) for f in firm.tolist()], "firm_name": pa.repeat("A firm", n),
                "permno": 10_000 + firm, "gvkey": pa.nulls(n, pa.string()),
                "call_date": [days[f] for f in firm.tolist()], "is_after_close": pa.repeat(False, n),
                "n_positive": counts[2], "n_neutral": counts[1], "n_negative": counts[0],
                "n_sentences": np.full(n, SENTENCES, np.int32), "score": score, "score_se": half,
                "n_turns": np.full(n, 2, np.int32), "expected_score": 0.7 * score, "mean_p_positive": half,
                "mean_p_neutral": half, "mean_p_negative": half, "mean_strength": half,
            }
        )  # fmt: skip
        self._replace("sentiment_scores", quarter, [rows])

    def _write_returns(self, quarter: str, rng: np.random.Generator) -> None:
        first, last = (int(np.searchsorted(DAYS, np.datetime64(d))) for d in quarters.bounds(quarter))
        days = DAYS[first - 260 : last + 70]
        n = len(days)
        market = rng.normal(0, [0.01, 0.005, 0.005, 0.006], (n, 4))
        factors = pa.table(
            {"date": days, **dict(zip(FACTOR_COLUMNS, market.T, strict=True)), "rf": np.full(n, 0.0001)}
        ).cast(FACTORS)
        parts = []
        for start in range(0, self.firms, FIRMS_AT_ONCE):
            firms = np.arange(start, min(start + FIRMS_AT_ONCE, self.firms))
            loadings = rng.normal([1, 0.3, 0.1, 0], 0.3, (len(firms), 4))
            ret = loadings @ market.T + rng.normal(0, 0.02, (len(firms), n))
            whole = np.full(len(firms) * n, 1e9)
            columns = {"price": whole / 1e8, "shares": whole, "volume": whole / 1e3, "market_cap": whole}
            parts.append(
                pa.table(
                    {"permno": np.repeat(10_000 + firms, n), "date": np.tile(days, len(firms)),
                     "ret": ret.reshape(-1), **columns}
                ).cast(DAILY)
            )  # fmt: skip
        daily, params = pa.concat_tables(parts), ReturnsParams()
        called = self._calls(quarter)
        calls = pa.table(
            {
                "transcript_id": [f"{quarter}-{f}" for f in range(self.firms)],
                "firm_id": [str(f) for f in range(self.firms)],
                "permno": np.arange(10_000, 10_000 + self.firms),
                "call_at": pa.array(
                    [datetime(d.year, d.month, d.day, 15, tzinfo=UTC) for d in called],
                    pa.timestamp("us", tz="UTC"),
                ),
                "call_date": called,
                "is_date_only": [False] * self.firms,
            }
        )
        calendar = calendar_of(daily, factors, quarter, *days_needed(params))
        abnormal = build_abnormal_returns(calls, daily, factors, calendar, params, quarter=quarter)
        self._replace("daily_returns", quarter, parts)
        self._replace("factor_returns", quarter, [factors])
        self._replace("abnormal_returns", quarter, [abnormal], config=vars(params))


def run(firms: int, n_quarters: int, themes: int, folder: Path) -> list[dict[str, Any]]:
    """Write the quarters and materialize the study of the last; return a row per measurement."""
    generated = Generated(Warehouse(path=str(folder / "warehouse")), firms, themes)
    started = time.perf_counter()
    for quarter in quarters.between(quarters.shifted(LAST, 1 - n_quarters), LAST):
        generated.write(quarter)
        print(quarter, round(time.perf_counter() - started), flush=True)
    used = materialized("event_study", LAST, deployment(folder, {}), folder / "study.log")
    rows = generated.warehouse.read("event_study", LAST, columns=["reason"])
    return [
        {
            "firms": firms,
            "quarters": n_quarters,
            "themes": themes,
            "tests": rows.column("reason").null_count,
            "rows": rows.num_rows,
            **used,
        }
    ]


def main() -> None:
    """Run and print the table."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.event_scale", description=__doc__)
    parser.add_argument("--firms", type=int, default=5000, help="generated firms, each with a call a quarter")
    parser.add_argument("--quarters", type=int, default=8, help="quarters, of which the last is studied")
    parser.add_argument("--themes", type=int, default=500, help="themes of each quarter")
    parser.add_argument("--out", type=Path, required=True, help="file for the results, JSON")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        rows = run(options.firms, options.quarters, options.themes, Path(temporary))
    options.out.write_text(json.dumps(rows, indent=1))
    print(markdown(rows))


if __name__ == "__main__":
    main()
