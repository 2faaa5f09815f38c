"""Do 95% intervals of scores hold the true tone in 95% of draws? By speaker turn, against ignoring turns.

`python -m benchmarks.interval_coverage` takes the themes, calls and turns of the sample as they are and draws the
labels of their sentences many times: each turn has a mood of its own around the theme's planted lean, and its
sentences are drawn from that. The truth is the expected tone over moods. `score_se` and `score_df` are those of
`methods.scores`, the interval is score ± t(score_df) x score_se. Beside it: t of turns - 1 instead, 1.96 instead of t,
CR1 and the jackknife (CR3), both with t of turns - 1, and `naive`, which takes the sentences as independent. An
interval of no width, or none, holds no truth.

Then the same of themes, whose firms take the place of turns: some of each theme's firms are drawn, each with a mood.
"""

from __future__ import annotations

import argparse
from datetime import date
from statistics import NormalDist
from typing import TYPE_CHECKING, Any

import duckdb
import numpy as np
import pyarrow as pa

from benchmarks.measure import markdown
from ftm_assets.methods.scores import build_scores
from ftm_resources.sources.sample.generated import DEFAULT_SEED, SampleSource
from ftm_resources.sources.sample.speech import sentiment_shares

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from numpy.typing import NDArray

QUARTER = "2023Q1"
LABELS = np.array(["positive", "neutral", "negative"])
MOODS = (0.0, 0.35, 0.7, 1.4)
"""Standard deviations of a turn's lean; 0.35 is that of the sample's paragraphs."""
TURNS = ((2, 2), (3, 4), (5, 9), (10, 999))
BATCH = 20
"""Draws per call of `build_scores`."""


def cells(firms: int) -> tuple[list[NDArray[np.int64]], list[float]]:
    """Return, by theme and call of at least two turns, its sentences' turns (0-based) and the theme's planted lean."""
    lean_of = planted_leans(firms)
    turns: dict[tuple[str, str], list[int]] = {}
    for table in SampleSource(firms).truth(QUARTER):
        for row in table.to_pylist():
            if row["theme_id"]:
                turns.setdefault((row["theme_id"], row["transcriptid"]), []).append(row["componentorder"])
    found = [(np.unique(of, return_inverse=True)[1], lean_of[theme]) for (theme, _), of in turns.items()]
    kept = [(of, lean) for of, lean in found if of.max() >= 1]
    return [of for of, _ in kept], [lean for _, lean in kept]


def planted_leans(firms: int) -> dict[str, float]:
    """Return the lean whose tone without moods is the planted tone of each theme."""
    grid = np.linspace(-3, 3, 601)
    tones = [s[0] - s[2] for s in map(sentiment_shares, grid.tolist())]
    rows = SampleSource(firms).series(QUARTER).to_pylist()
    return {r["theme_id"]: float(np.interp(r["planted_tone"], tones, grid)) for r in rows if r["n_sentences"]}


def expected(lean: float, mood: float) -> float:
    """Return the expected tone of a sentence in a turn of any mood."""
    leans = NormalDist(lean, mood).quantiles(400) if mood else [lean]
    shares = [sentiment_shares(x) for x in leans]
    return float(np.mean([s[0] - s[2] for s in shares]))


def draw(
    turns: list[NDArray[np.int64]], leans: list[float], mood: float, rng: np.random.Generator
) -> pa.Table:
    """Return one draw of the sentences of all cells: cell, turn, label."""
    labels = []
    for of, lean in zip(turns, leans, strict=True):
        own = lean + mood * rng.normal(size=of.max() + 1)
        shares = np.array([sentiment_shares(x) for x in own.tolist()])[of]
        labels.append(LABELS[(rng.random((len(of), 1)) > shares.cumsum(axis=1)[:, :2]).sum(axis=1)])
    sizes = [len(of) for of in turns]
    return pa.table(
        {
            "cell": np.repeat(np.arange(len(turns)), sizes),
            "turn": np.concatenate(turns),
            "label": np.concatenate(labels),
        }
    )


def scored(draws: list[pa.Table]) -> pa.Table:
    """Return `sentiment_scores` of draws; a draw is a theme, a cell a call, so transcript_id is the cell's number."""
    rows = pa.concat_tables([d.append_column("theme", pa.array([k] * len(d))) for k, d in enumerate(draws)])
    theme, cell, turn = (rows[c].to_pylist() for c in ("theme", "cell", "turn"))
    n = len(rows)
    ids = [f"{i:09d}" for i in range(n)]
    calls = [f"{k}:{c}" for k, c in zip(theme, cell, strict=True)]
    fixed = {
        "firm_name": "A",
        "permno": 1,
        "gvkey": "1",
        "call_date": date(2023, 2, 1),
        "is_after_close": False,
    }
    known = sorted(set(calls))
    return build_scores(
        pa.table(
            {
                "theme_id": [f"{k}" for k in theme],
                "sentence_id": ids,
                "strength": np.ones(n),
                "is_member": np.ones(n, dtype=bool),
            }
        ),
        pa.table(
            {
                "sentence_id": ids,
                "label": rows["label"],
                **{f"p_{x}": np.full(n, 1 / 3) for x in LABELS},
            }
        ),
        pa.table(
            {
                "sentence_id": ids,
                "transcript_id": calls,
                "component_id": [f"{c}:{t}" for c, t in zip(calls, turn, strict=True)],
                "section": ["presentation"] * n,
                "speaker_type": ["executive"] * n,
            }
        ),
        pa.table(
            {
                "transcript_id": known,
                "firm_id": known,
                **{c: pa.array([v] * len(known)) for c, v in fixed.items()},
            }
        ),
        quarter=QUARTER,
        database=duckdb.connect(),
    ).sentiment_scores


def others(draws: list[pa.Table]) -> dict[str, tuple[float, float]]:
    """Return the standard errors CR1 and CR3 of each cell of each draw, by the ids that `scored` gives them.

    MacKinnon, Nielsen & Webb (2023), Journal of Econometrics 232(2), 272-299. CR3 is the jackknife: residuals of
    left-out clusters.
    """
    found = {}
    for k, table in enumerate(draws):
        cell, turn = (table[c].to_numpy() for c in ("cell", "turn"))
        label = table["label"].to_numpy(zero_copy_only=False)
        x = (label == "positive").astype(float) - (label == "negative")
        for c, rows in enumerate(np.split(np.arange(len(x)), np.flatnonzero(np.diff(cell)) + 1)):
            n = np.bincount(turn[rows]).astype(float)
            net = np.bincount(turn[rows], weights=x[rows])
            off, g = net - x[rows].mean() * n, len(n)
            left_out = off / (1 - n / n.sum())
            found[f"{k}:{c}"] = (
                float(np.sqrt(g / (g - 1) * (off**2).sum()) / n.sum()),
                float(np.sqrt((g - 1) / g * (left_out**2).sum()) / n.sum()),
            )
    return found


def coverage(firms: int, n_draws: int, seed: int = 0) -> list[dict[str, Any]]:
    """Return a row per mood and number of turns: how often each interval holds the truth, and its width."""
    turns, leans = cells(firms)
    rows = []
    for mood in MOODS:
        rng = np.random.default_rng(seed)
        truth = np.array([expected(lean, mood) for lean in leans])
        parts, wide = [], list[tuple[float, float]]()
        for k in range(0, n_draws, BATCH):
            draws = [draw(turns, leans, mood, rng) for _ in range(min(BATCH, n_draws - k))]
            parts.append(scored(draws))
            by_call = others(draws)
            wide += [by_call[c] for c in parts[-1]["transcript_id"].to_pylist()]
        found = pa.concat_tables(parts)
        of = [int(c.partition(":")[2]) for c in found["transcript_id"].to_pylist()]
        rows += [
            {"mood": mood, "turns": label, **held}
            for label, held in _held(found, truth[of], np.array(wide), TURNS)
        ]
    return rows


def _held(
    found: pa.Table, truth: NDArray[np.float64], wide: NDArray[np.float64], groups: Sequence[tuple[int, int]]
) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield, by group of numbers of clusters and over all, how often each interval holds the truth."""
    from scipy.stats import t

    score, se, df, n, plus, minus, g = (
        np.array(found[c].to_pylist(), dtype=float)
        for c in ("score", "score_se", "score_df", "n_sentences", "n_positive", "n_negative", "n_turns")
    )
    off = np.abs(score - truth)
    naive = np.sqrt((plus + minus) / n - score**2) / np.sqrt(n - 1).clip(1)
    usual = t.ppf(0.975, g - 1)
    half = t.ppf(0.975, df) * se  # NaN, which holds nothing, without a standard error
    for low, high in (*groups, (groups[0][0], 999)):
        of = (g >= low) & (g <= high)
        if not of.any():
            continue
        label = f"{low} or more" if high == 999 else f"{low}-{high}" if low < high else f"{low}"
        yield (
            label,
            {
                "intervals": int(of.sum()),
                "score_se, t of score_df": float((off <= half)[of].mean()),
                "t of turns - 1": float((off <= usual * se)[of].mean()),
                "1.96": float((off <= 1.96 * se)[of].mean()),
                "CR1": float((off <= usual * wide[:, 0])[of].mean()),
                "jackknife": float((off <= usual * wide[:, 1])[of].mean()),
                "naive": float((off <= 1.96 * naive)[of].mean()),
                "half width": float(np.nanmedian(half[of])),
                "half width naive": float(np.median(1.96 * naive[of])),
                "no interval": float(np.isnan(se)[of].mean()),
            },
        )


FIRMS = (2, 3, 4, 5, 8, 12)
"""Firms of a theme."""


def coverage_of_themes(firms: int, n_draws: int, mood: float = 0.35, seed: int = 0) -> list[dict[str, Any]]:
    """Return a row per number of firms: how often the interval of a theme's score holds the truth, and its width.

    The firms are some of those that speak of the theme in the sample, drawn anew each time, with all their sentences.
    """
    lean_of, sizes = planted_leans(firms), dict[str, dict[str, int]]()
    for table in SampleSource(firms).truth(QUARTER):
        for row in table.to_pylist():
            if row["theme_id"]:
                of = sizes.setdefault(row["theme_id"], {})
                of[row["companyid"]] = of.get(row["companyid"], 0) + 1
    rng, rows = np.random.default_rng(seed), []
    for n_firms in FIRMS:
        if not (themes := [theme for theme, of in sizes.items() if len(of) >= n_firms]):
            break
        leans = [lean_of[theme] for theme in themes]
        truth = np.array([expected(lean, mood) for lean in leans])
        parts, at, wide = [], list[int](), list[tuple[float, float]]()
        for k in range(0, n_draws, BATCH):
            draws = []
            for _ in range(min(BATCH, n_draws - k)):
                chosen = [rng.choice(list(sizes[theme].values()), n_firms, replace=False) for theme in themes]
                draws.append(draw([np.repeat(np.arange(n_firms), n) for n in chosen], leans, mood, rng))
            parts.append(scored(draws))
            by_theme, ids = others(draws), parts[-1]["transcript_id"].to_pylist()
            wide += [by_theme[c] for c in ids]
            at += [int(c.partition(":")[2]) for c in ids]
        ((_, held), *_) = _held(pa.concat_tables(parts), truth[at], np.array(wide), [(n_firms, n_firms)])
        rows.append({"firms": n_firms, **held})
    return rows


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.interval_coverage", description=__doc__)
    parser.add_argument("--firms", type=int, default=48, help=f"of the sample (seed {DEFAULT_SEED})")
    parser.add_argument("--draws", type=int, default=200)
    options = parser.parse_args()
    print(markdown(coverage(options.firms, options.draws)), flush=True)
    print(
        "\nThemes, by number of firms:\n",
        markdown(coverage_of_themes(options.firms, options.draws)),
        sep="\n",
    )


if __name__ == "__main__":
    main()
