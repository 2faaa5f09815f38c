"""Event statistics: twelve events in exact arithmetic, brute force, and what each statistic must not do."""

from fractions import Fraction
from itertools import permutations
from typing import Any

import numpy as np
import pytest

from ftm_assets.methods.returns.event_paths import Paths, event_paths, joined
from ftm_assets.methods.returns.event_statistics import (
    bmp,
    kolari_pynnonen,
    overlaps,
    patell,
    rank_statistic,
    ranks,
    size_of_bmp,
    size_of_patell,
    standardised,
)
from ftm_assets.methods.returns.event_windows import ReturnsParams, Window, build_abnormal_returns
from ftm_assets.methods.returns.expected_returns import MODELS
from ftm_assets.methods.returns.market_arrays import market_of
from ftm_resources.tables.returns_tables import FACTOR_COLUMNS

from .market_by_hand import DAYS, QUARTER, SMALL, at, by_hand, calls, daily, exact, factors, listed, noise

WINDOWS = [Window(0, 1), Window(-1, 1), Window(2, 5)]
FIRMS = range(1, 13)
ZERO = {p: 118 + p // 2 for p in FIRMS}
"""Two firms a day, most days: the windows of neighbours overlap."""


@pytest.fixture(scope="module")
def twelve() -> dict[str, Any]:
    """Twelve events in a spreadsheet-sized market, their paths and their rows."""
    days = listed()
    returns = {p: noise(days, p) for p in FIRMS}
    returns[3] |= dict.fromkeys(days[100:104])  # type: ignore[arg-type]
    held, of_days, params = daily(returns), factors(days), ReturnsParams(**SMALL)
    market = market_of(held, of_days, DAYS)
    firm, zero = (np.array(x, dtype=np.int64) for x in ([market.row[p] for p in FIRMS], list(ZERO.values())))
    paths = event_paths(market, firm, zero, params, WINDOWS, Window(-1, 5), is_linked=np.ones(12, bool))
    events = calls(*((f"t{p:02d}", p, at(days[ZERO[p]])) for p in FIRMS))
    rows = build_abnormal_returns(events, held, of_days, DAYS, params, quarter=QUARTER).to_pylist()
    return {"paths": paths, "rows": rows, "returns": returns, "factors": of_days, "zero": zero, "days": days}


def test_cars_are_those_of_abnormal_returns(twelve: dict[str, Any]):
    of = {(r["transcript_id"], r["model"], r["window"]): r["car"] for r in twelve["rows"]}
    assert len(of) == 12 * 4 * 3
    for model, paths in twelve["paths"].items():
        for p in FIRMS:
            for w, window in enumerate(WINDOWS):
                assert paths.car[p - 1, w] == pytest.approx(of[f"t{p:02d}", model, str(window)], abs=1e-12)


def sheet(twelve: dict[str, Any], permno: int, model: str) -> dict[str, Any]:
    """An event by hand, in exact arithmetic: CARs, their variances and the abnormal returns of each day."""
    days, zero = twelve["days"], ZERO[permno]
    own = {d: None if r is None else Fraction(str(r)) for d, r in twelve["returns"][permno].items()}
    held = {
        n: dict(zip(days, exact(twelve["factors"].column(n).to_pylist()), strict=True))
        for n in (*FACTOR_COLUMNS, "rf")
    }
    used = [d for d in days[zero - 30 : zero - 10] if own[d] is not None]
    k = MODELS[model].n_factors
    is_in_excess = MODELS[model].is_in_excess
    less = held["rf"] if is_in_excess else dict.fromkeys(days, Fraction(0))
    first = held["mkt_rf"] if is_in_excess else {d: held["mkt_rf"][d] + held["rf"][d] for d in days}
    columns = [first, *(held[n] for n in FACTOR_COLUMNS[1:k])]

    def row(day: Any) -> list[Fraction]:
        return [Fraction(1), *(c[day] for c in columns)]

    if MODELS[model].is_estimated:
        b = by_hand([own[d] - less[d] for d in used], [list(c) for c in zip(*map(row, used), strict=True)])  # type: ignore[operator]
    else:
        b = [Fraction(0), Fraction(1)]
    left = {
        d: own[d] - less[d] - sum((x * y for x, y in zip(b, row(d), strict=True)), Fraction(0))  # type: ignore[operator]
        for d in (*used, *days[zero - 1 : zero + 6])
    }
    spare = len(used) - MODELS[model].n_coefficients
    variance = sum((left[d] ** 2 for d in used), Fraction(0)) / spare
    found: dict[str, Any] = {"spare": spare, "car": [], "variance": [], "used": used, "left": left}
    for window in WINDOWS:
        inside = days[zero + window.first : zero + window.last + 1]
        total = [sum(c, Fraction(0)) for c in zip(*map(row, inside), strict=True)]
        lever = Fraction(0)
        if MODELS[model].is_estimated:
            gram = [
                [sum((row(d)[i] * row(d)[j] for d in used), Fraction(0)) for j in range(k + 1)]
                for i in range(k + 1)
            ]
            inverse = inverted(gram)
            lever = sum(
                (total[i] * inverse[i][j] * total[j] for i in range(k + 1) for j in range(k + 1)), Fraction(0)
            )
        found["car"].append(sum((left[d] for d in inside), Fraction(0)))
        found["variance"].append(variance * (len(inside) + lever))
    return found


def inverted(matrix: list[list[Fraction]]) -> list[list[Fraction]]:
    """The inverse, by Gauss and Jordan."""
    n = len(matrix)
    grid = [[*row, *(Fraction(int(i == j)) for j in range(n))] for i, row in enumerate(matrix)]
    for i in range(n):
        pivot = next(r for r in range(i, n) if grid[r][i])
        grid[i], grid[pivot] = grid[pivot], grid[i]
        grid[i] = [v / grid[i][i] for v in grid[i]]
        for r in range(n):
            if r != i:
                grid[r] = [v - grid[r][i] * w for v, w in zip(grid[r], grid[i], strict=True)]
    return [row[n:] for row in grid]


@pytest.mark.parametrize("model", list(MODELS))
def test_the_statistics_of_twelve_events_agree_with_exact_arithmetic(twelve: dict[str, Any], model: str):
    sheets = [sheet(twelve, p, model) for p in FIRMS]
    paths: Paths = twelve["paths"][model]
    for w, window in enumerate(WINDOWS):
        scar = [float(s["car"][w]) / float(s["variance"][w]) ** 0.5 for s in sheets]
        assert paths.car[:, w] == pytest.approx([float(s["car"][w]) for s in sheets], abs=1e-10)
        assert paths.sd[:, w] == pytest.approx([float(s["variance"][w]) ** 0.5 for s in sheets], abs=1e-10)
        assert paths.spare.tolist() == [s["spare"] for s in sheets]
        found = paths.car[:, w] / paths.sd[:, w]
        spread = float(sum((Fraction(s["spare"], s["spare"] - 2) for s in sheets), Fraction(0)))
        assert patell(found, paths.spare) == pytest.approx(sum(scar) / spread**0.5, abs=1e-10)
        mean = sum(scar) / 12
        variance = sum((s - mean) ** 2 for s in scar) / 11
        assert bmp(found) == pytest.approx(mean / (variance / 12) ** 0.5, abs=1e-10)
        (overlap,) = overlaps(standardised(paths.residuals), twelve["zero"], [window.last - window.first + 1])
        r, share = correlation_by_hand(sheets, window.last - window.first + 1)
        assert overlap.correlation == pytest.approx(r, abs=1e-7), "single precision"
        assert overlap.share == pytest.approx(share, abs=1e-12)
        assert kolari_pynnonen(bmp(found), overlap.correlation, 12) == pytest.approx(
            bmp(found) * ((1 - r) / (1 + 11 * r)) ** 0.5, abs=1e-6
        )


def correlation_by_hand(sheets: list[dict[str, Any]], length: int) -> tuple[float, float]:
    """The mean over all pairs of their correlation on common days, times the share of days in common."""
    total, overlapping = 0.0, 0
    whole = {}
    for i, sheet_of in enumerate(sheets):
        values = [float(sheet_of["left"][d]) for d in sheet_of["used"]]
        mean = sum(values) / len(values)
        size = sum((v - mean) ** 2 for v in values) ** 0.5
        whole[i] = {d: (v - mean) / size for d, v in zip(sheet_of["used"], values, strict=True)}
    for i, j in permutations(range(12), 2):
        lag = abs(ZERO[i + 1] - ZERO[j + 1])
        if lag < length:
            overlapping += 1
            products = sum(whole[i][d] * whole[j][d] for d in whole[i].keys() & whole[j].keys())
            total += products * 20 / (20 - lag) * (length - lag) / length
    return total / (12 * 11), overlapping / (12 * 11)


def test_a_spike_before_the_call_is_in_no_car_of_days_after_it():
    days = listed()
    zero = 150
    own = dict.fromkeys(days, 0.0) | {days[zero - 1]: 0.5}
    market = market_of(daily({1: own}), factors(days), DAYS)
    params = ReturnsParams(models=["market_adjusted"], **{k: v for k, v in SMALL.items() if k != "windows"})
    windows = [Window(0, 1), Window(-10, -2), Window(-1, 1)]
    found = event_paths(
        market, np.array([0]), np.array([zero]), params, windows, Window(-2, 2), is_linked=np.ones(1, bool)
    )["market_adjusted"]
    assert found.car[0, :2] == pytest.approx([0, 0], abs=0.2)
    assert found.car[0, 2] > 0.4
    assert list(found.around[0] > 0.4) == [False, True, False, False, False]
    assert joined([found, found]).car.shape == (2, 3)


def test_overlap_weighs_pairs_by_their_days_in_common():
    """Copies of one event: correlation 1, so that only the days in common count; far ones not at all."""
    rng = np.random.default_rng(0)
    long = rng.normal(0, 1, 300)

    def around(zero: int) -> np.ndarray:
        return long[zero - 210 : zero - 10]

    zero = np.array([250, 251, 290])
    short, wide = overlaps(standardised(np.stack([around(z) for z in zero])), zero, [2, 100])
    assert short.share == pytest.approx(2 / 6)
    assert short.correlation == pytest.approx(2 * 0.5 / 6, abs=0.01)
    assert wide.share == 1.0
    assert wide.correlation == pytest.approx(2 * (0.99 + 0.6 + 0.61) / 6, abs=0.08)
    assert overlaps(standardised(np.stack([around(250)])), np.array([250]), [2])[0].correlation == 0.0


def test_the_order_of_events_does_not_matter():
    rng = np.random.default_rng(1)
    residuals, zero = rng.normal(size=(30, 60)), rng.integers(0, 10, 30)
    order = rng.permutation(30)
    own = standardised(residuals)
    one, other = overlaps(own, zero, [3, 8]), overlaps(own[order], zero[order], [3, 8])
    assert [o.share for o in one] == [o.share for o in other]
    assert [o.correlation for o in one] == pytest.approx([o.correlation for o in other], abs=1e-6)


def test_the_rank_statistic_agrees_with_its_formula():
    rng = np.random.default_rng(2)
    residuals, inside = rng.normal(size=(8, 20)), rng.normal(size=(8, 2))
    residuals[3, 4] = np.nan
    ranked = ranks(residuals, inside)
    both = np.concatenate([residuals, inside], axis=1)
    total = []
    for day in range(22):
        known = [i for i in range(8) if np.isfinite(both[i, day])]
        u = [
            (1 + sum(both[i, d] < both[i, day] for d in range(22) if np.isfinite(both[i, d])))
            / (np.isfinite(both[i]).sum() + 1)
            - 0.5
            for i in known
        ]
        total.append(sum(u) / len(known) ** 0.5)
    spread = (sum(t**2 for t in total) / 22) ** 0.5
    assert rank_statistic(ranked, 2) == pytest.approx((total[-1] + total[-2]) / (2**0.5 * spread), abs=1e-5)
    assert rank_statistic(ranks(residuals, inside * 1e6), 2) == pytest.approx(
        rank_statistic(ranks(residuals, np.sign(inside) * 50), 2), abs=0.3
    ), "outliers count by rank alone"


def test_what_has_no_statistic_has_none():
    nothing = np.zeros(0)
    assert np.isnan([patell(nothing, np.zeros(0, int)), bmp(nothing), bmp(np.ones(5)), bmp(np.ones(2))]).all()
    assert np.isnan(rank_statistic(np.zeros((0, 5), np.float32), 2))
    assert np.isnan(kolari_pynnonen(2.0, -0.1, 50)), "the variance of the mean would be negative"


def test_the_predicted_size_is_that_of_simulations():
    """Events that share a factor on one day: Patell and BMP reject as often as the formula says."""
    rng = np.random.default_rng(3)
    n, r, ratio, draws = 60, 0.03, 1.5, 4000
    scar = np.sqrt(ratio) * (
        np.sqrt(r) * rng.normal(size=(draws, 1)) + np.sqrt(1 - r) * rng.normal(size=(draws, n))
    )
    by_patell = np.mean(np.abs(scar.sum(axis=1) / np.sqrt(n)) > 1.96)
    by_bmp = np.mean(np.abs(scar.mean(axis=1) / scar.std(axis=1, ddof=1) * np.sqrt(n)) > 2.0)
    assert by_patell == pytest.approx(size_of_patell(ratio, r, n), abs=0.03)
    assert by_bmp == pytest.approx(size_of_bmp(r, n), abs=0.03)
    assert size_of_bmp(0.0, n) == pytest.approx(0.05, abs=1e-9)
