"""What portfolios sorted by tone find in returns of which it is known what tone does to them.

`python -m benchmarks.portfolio_truth --seeds 1000 --out results.json` simulates calls and returns with a planted
drift, and without, and says how often the long-short alpha lies within two standard errors of the planted one, and how
often there is an alpha where there is none. `--sample-firms 150` does the same once for the sample's own market, whose
PLANTED says which themes drift. What is planted is measured by the portfolios of the planted component alone.
"""

from __future__ import annotations

import argparse
import json
import time
from collections import defaultdict
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from benchmarks.measure import markdown
from ftm_assets.methods.returns.calendar_time import MarketGrid, market_grid
from ftm_assets.methods.returns.tone_portfolios import build_portfolio_sorts
from ftm_assets.methods.returns.tone_sorting import SortParams
from ftm_resources import quarters
from ftm_resources.sources.returns.market_sample import DRIFT_DAYS, PLANTED, SampleMarket
from ftm_resources.sources.sample.firms import FIRST_PERMNO
from ftm_resources.sources.sample.generated import SampleSource
from ftm_resources.trading_days import exchange_days, reach

FIRMS, QUARTERS = 150, quarters.between("2021Q1", "2022Q4")
DRIFT = 0.001
"""Return a day at tone 1: 6% over the sixty days."""
MODELS = ("mean", "market", "ff3", "carhart")
CALL_SCHEMA = pa.schema(
    [
        *(("series_id", pa.string()), ("transcript_id", pa.string()), ("firm_id", pa.string())),
        *(("permno", pa.int64()), ("event_date", pa.date32()), ("quarter", pa.string())),
        *(("n_positive", pa.int32()), ("n_negative", pa.int32()), ("n_sentences", pa.int32())),
    ]
)


def simulated(seed: int, drift: float) -> tuple[pa.Table, MarketGrid, np.ndarray]:
    """Return calls, the market, and the planted component of its returns (firms, days).

    Tones are of a few sentences, so that many are alike, and a firm's persist. Factors' volatility clusters, firms
    share shocks of ten industries, and calls cluster in the weeks of the season.
    """
    rng = np.random.default_rng([seed, round(drift * 1e6)])
    first, last = quarters.bounds(QUARTERS[0])[0], quarters.bounds(QUARTERS[-1])[1]
    days = exchange_days(*reach(first, last, 5, 65)).days
    n = len(days)
    level = np.exp(np.cumsum(rng.normal(0, 0.1, n)) - 0.5 * np.arange(n) * 0.01)
    level = np.clip(level / np.median(level), 0.5, 3)[:, None]
    factors = rng.normal([0.0003, 0, 0, 0.0001], [0.01, 0.005, 0.005, 0.007], (n, 4)) * level
    loadings = rng.normal([1, 0.4, 0.1, 0], [0.3, 0.4, 0.4, 0.2], (FIRMS, 4))
    industry = rng.normal(0, 0.006, (10, n))[rng.integers(0, 10, FIRMS)]
    planted = np.zeros((FIRMS, n))
    usual = rng.normal(0, 0.5, FIRMS)
    rows: list[dict[str, Any]] = []
    for quarter in QUARTERS:
        begin = int(np.searchsorted(days, np.datetime64(quarters.bounds(quarter)[0])))
        for firm in np.flatnonzero(rng.random(FIRMS) < 0.8).tolist():
            zero = begin + int(np.clip(rng.normal(25, 8), 2, 58))
            sentences = int(1 + rng.poisson(6))
            lean = 1 / (1 + np.exp(-(usual[firm] + rng.normal(0, 0.7))))
            positive, negative, _ = rng.multinomial(sentences, [0.6 * lean, 0.6 * (1 - lean), 0.4]).tolist()
            tone = (positive - negative) / sentences
            planted[firm, zero + DRIFT_DAYS[0] : zero + DRIFT_DAYS[1] + 1] += drift * tone
            rows.append(
                {
                    "series_id": "s", "transcript_id": f"{quarter}:{firm}", "firm_id": str(firm), "permno": firm,
                    "event_date": days[zero].item(), "quarter": quarter, "n_positive": positive,
                    "n_negative": negative, "n_sentences": sentences,
                }
            )  # fmt: skip
    own = factors @ loadings.T
    returns = 0.0001 + own.T + industry + rng.normal(0, 0.02, (FIRMS, n)) + planted
    caps = np.exp(rng.normal(21, 1.2, (FIRMS, 1))) * np.cumprod(1 + returns, axis=1)
    market = MarketGrid(days, np.arange(FIRMS), returns, caps, factors, np.full(n, 0.0001))
    return pa.Table.from_pylist(rows, schema=CALL_SCHEMA), market, planted


def long_short(
    calls: pa.Table, market: MarketGrid, params: SortParams
) -> dict[tuple[str, ...], dict[str, Any]]:
    """Return the rows of the differences, by series, weighting and model."""
    made = build_portfolio_sorts(calls, {}, market, params, quarter=QUARTERS[-1]).sorts.to_pylist()
    return {(r["series_id"], r["weighting"], r["model"]): r for r in made if r["portfolio"] == "long_short"}


def of_planted(market: MarketGrid, planted: np.ndarray) -> MarketGrid:
    """Return a market that holds the planted component alone, where there are returns, at the same weights."""
    return replace(market, returns=np.where(np.isfinite(market.returns), planted, np.nan))


def recovery(seeds: int, drift: float, params: SortParams) -> list[dict[str, Any]]:
    """Return, by weighting and model, how the alphas of many simulations lie about what was planted."""
    found: dict[tuple[str, str], list[tuple[float, float, float]]] = defaultdict(list)
    for seed in range(seeds):
        calls, market, planted = simulated(seed, drift)
        rows = long_short(calls, market, params)
        truth = long_short(calls, of_planted(market, planted), replace(params, models=["mean"]))
        for (series, weighting, model), row in rows.items():
            if series == "s":
                found[weighting, model].append(
                    (row["alpha"], row["se"], truth["s", weighting, "mean"]["alpha"])
                )
    made = []
    for (weighting, model), values in found.items():
        alpha, se, truth_of = np.array(values).T
        off = (alpha - truth_of) / se
        made.append(
            {
                "planted % a day": round(100 * truth_of.mean(), 4),
                "weighting": weighting,
                "model": model,
                "mean alpha %": round(100 * alpha.mean(), 4),
                "mean se %": round(100 * se.mean(), 4),
                "sd of alpha - planted %": round(100 * (alpha - truth_of).std(ddof=1), 4),
                "within 2 se": round(float((np.abs(off) <= 2).mean()), 4),
                "rejects planted at 5%": round(float((np.abs(off) > 1.96).mean()), 4),
                "rejects 0 at 5%": round(float((np.abs(alpha / se) > 1.96).mean()), 4),
                "seeds": len(off),
            }
        )
    return made


def of_sample(firms: int, params: SortParams, seed: int = 7) -> list[dict[str, Any]]:
    """Return the difference of each of the sample's themes, sorted by its true tone, beside what was planted."""
    span = reach(quarters.bounds(QUARTERS[0])[0], quarters.bounds(QUARTERS[-1])[1], 5, 65)
    days = exchange_days(*span)
    rows: list[dict[str, Any]] = []
    for quarter in QUARTERS:
        for components, truth in SampleSource(firms, seed).batches(quarter):
            at = dict(
                zip(
                    *(components.column(c).to_pylist() for c in ("transcriptid", "mostimportantdateutc")),
                    strict=True,
                )
            )
            signs: dict[tuple[str, str, str], list[int]] = defaultdict(list)
            for r in truth.to_pylist():
                if r["theme_id"]:
                    sign = {"positive": 1, "negative": -1}.get(r["sentiment"], 0)
                    signs[r["theme_id"], r["companyid"], r["transcriptid"]].append(sign)
            for (theme, company, transcript), own in signs.items():
                number = int(company) - 9_000_000
                rows.append(
                    {
                        "series_id": theme, "transcript_id": transcript, "firm_id": company,
                        "permno": FIRST_PERMNO + number, "quarter": quarter,
                        "event_date": days.event_day(at[transcript], is_date_only=False).day,
                        "n_positive": own.count(1), "n_negative": own.count(-1), "n_sentences": len(own),
                    }
                )  # fmt: skip
    calls = pa.Table.from_pylist(rows, schema=CALL_SCHEMA)
    permnos = sorted({r["permno"] for r in rows})
    source = SampleMarket(firms, seed)
    market = market_grid(list(source.daily(permnos, *span)), [source.factors(*span)])
    planted = np.array([source.effects(p - FIRST_PERMNO, days) for p in market.permnos.tolist()])
    found = long_short(calls, market, params)
    truth_rows = long_short(calls, of_planted(market, planted), replace(params, models=["mean"]))
    made = []
    for (series, weighting, model), row in sorted(found.items()):
        if weighting == "equal" and model == "carhart" and row["alpha"] is not None:
            made.append(
                {
                    "theme": series,
                    "drift at tone 1 % a day": 100 * PLANTED[series].drift if series in PLANTED else 0.0,
                    "planted in portfolios % a day": round(
                        100 * truth_rows[series, weighting, "mean"]["alpha"], 4
                    ),
                    "alpha % a day": round(100 * row["alpha"], 4),
                    "se %": round(100 * row["se"], 4),
                    "t": round(row["t"], 2),
                    "q": round(row["q_value"], 3) if row["q_value"] is not None else None,
                    "n_calls": row["n_calls"],
                    "n_days": row["n_days"],
                }
            )
    return made


def main() -> None:
    """Run and print the tables."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.portfolio_truth", description=__doc__)
    parser.add_argument(
        "--seeds", type=int, default=1000, help="simulations with a drift, and as many without"
    )
    parser.add_argument(
        "--sample-firms", type=int, default=0, help="firms of the sample's market; 0: leave it out"
    )
    parser.add_argument("--out", type=Path, required=True, help="file for the results, JSON")
    options = parser.parse_args()
    started = time.perf_counter()
    params = SortParams(models=list(MODELS))
    found: dict[str, Any] = {}
    for name, drift in (("drift", DRIFT), ("no drift", 0.0)):
        found[name] = recovery(options.seeds, drift, params) if options.seeds else []
        print(f"\n{name}\n\n{markdown(found[name])}" if found[name] else "", flush=True)
    if options.sample_firms:
        found["sample"] = of_sample(options.sample_firms, params)
        print(f"\nThe sample's themes\n\n{markdown(found['sample'])}")
    found["seconds"] = round(time.perf_counter() - started, 1)
    options.out.write_text(json.dumps(found, indent=1))


if __name__ == "__main__":
    main()
