"""Portfolios by tone: a case by hand, no look at what came later, weights of the day before, delisting, reasons."""

from collections.abc import Sequence
from datetime import date, timedelta
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ftm_assets.methods.returns.calendar_time import MarketGrid, market_grid
from ftm_assets.methods.returns.newey_west import regress
from ftm_assets.methods.returns.tone_portfolios import build_portfolio_sorts
from ftm_assets.methods.returns.tone_sorting import SortParams, portfolio_of, sort_calls, tones_of
from ftm_resources import quarters
from ftm_resources.tables.returns_tables import DAILY, FACTORS
from ftm_resources.trading_days import exchange_days

DAYS = exchange_days(date(2023, 1, 3), date(2023, 12, 29)).days
Call = tuple[int | None, date, int, int]
"""PERMNO, event date, positive and negative sentences of ten."""


def calls(rows: Sequence[Call], series: str = "s") -> pa.Table:
    return pa.table(
        {
            "series_id": pa.array([series] * len(rows), pa.string()),
            "transcript_id": [f"{series}{i:05d}" for i in range(len(rows))],
            "firm_id": [f"f{r[0]}" for r in rows],
            "permno": pa.array([r[0] for r in rows], pa.int64()),
            "event_date": pa.array([r[1] for r in rows], pa.date32()),
            "quarter": [quarters.of_date(r[1]) for r in rows],
            "n_positive": pa.array([r[2] for r in rows], pa.int32()),
            "n_negative": pa.array([r[3] for r in rows], pa.int32()),
            "n_sentences": pa.array([10] * len(rows), pa.int32()),
        }
    )


def daily(permnos: Sequence[int], returns: np.ndarray, caps: np.ndarray | None = None) -> pa.Table:
    """Return a row per firm and day; none where the return is infinite, and a null return where it is NaN."""
    values = np.full(returns.shape, np.nan) if caps is None else caps
    is_there = ~np.isinf(returns)
    firm, at = np.nonzero(is_there)
    rows = pa.table(
        {
            "permno": np.array(permnos)[firm],
            "date": pa.array(DAYS[at], pa.date32()),
            "ret": pa.array(returns[is_there], from_pandas=True),
            "market_cap": pa.array(values[is_there], from_pandas=True),
        }
    )
    filled = [
        rows.column(f.name) if f.name in rows.column_names else pa.nulls(rows.num_rows, f.type) for f in DAILY
    ]
    return pa.table(filled, schema=DAILY)


def factors(seed: int = 1) -> pa.Table:
    drawn = np.random.default_rng(seed).normal(0, [0.01, 0.005, 0.004, 0.006], (len(DAYS), 4))
    names = ("mkt_rf", "smb", "hml", "umd")
    return pa.table(
        {"date": pa.array(DAYS), **dict(zip(names, drawn.T, strict=True)), "rf": np.full(len(DAYS), 0.0001)},
        schema=FACTORS,
    )


def day(i: int) -> date:
    found: date = DAYS[i].item()
    return found


def rows_of(table: pa.Table) -> dict[tuple[str, str, str, str], dict[str, Any]]:
    return {(r["series_id"], r["weighting"], r["portfolio"], r["model"]): r for r in table.to_pylist()}


SMALL = SortParams(min_breakpoint_calls=3, min_stocks=1, min_days=10, holding_days=20)


# By hand


def test_three_firms_by_hand():
    """January's tones are -0.5, 0 and 0.5, so February's breakpoints are -1/6 and 1/6.

    In February firm 1 speaks low, firm 2 in the middle, firms 3 and 4 high; all on the same day. High is worth 100 and
    300 at each close, low 50.
    """
    january = [(p, day(5), max(t, 0), max(-t, 0)) for p, t in ((8, -5), (9, 0), (7, 5))]
    february = [(1, day(25), 0, 3), (2, day(25), 1, 1), (3, day(25), 4, 0), (4, day(25), 9, 0)]
    returns = np.zeros((7, len(DAYS)))
    held = slice(27, 47)  # days +2 to +21
    returns[0, held], returns[2, held], returns[3, held] = -0.01, 0.02, 0.06
    returns[0, 30], returns[3, 31] = 0.03, -0.02
    caps = np.full((7, len(DAYS)), 100.0)
    caps[0], caps[3] = 50.0, 300.0
    market = market_grid([daily([1, 2, 3, 4, 7, 8, 9], returns, caps)], [factors()])
    made = build_portfolio_sorts(calls(january + february), {"s": "Series"}, market, SMALL, quarter="2023Q1")
    members = {(m["series_id"], m["permno"]): m for m in made.members.to_pylist()}
    assert {p: members["s", p]["portfolio"] for p in (1, 2, 3, 4)} == {
        1: "low",
        2: "mid",
        3: "high",
        4: "high",
    }
    assert members["s", 1]["low_breakpoint"] == pytest.approx(-1 / 6, abs=1e-12)
    assert members["s", 1]["high_breakpoint"] == pytest.approx(1 / 6, abs=1e-12)
    assert (members["s", 1]["first_date"], members["s", 1]["last_date"]) == (day(27), day(46))
    assert members["s", 7]["reason"] == "too_few_breakpoint_calls"
    found = rows_of(made.sorts)
    low, high = (19 * -0.01 + 0.03) / 20, 19 * 0.04 / 20
    assert found["s", "equal", "low", "mean"]["mean_return"] == pytest.approx(low, abs=1e-12)
    assert found["s", "equal", "high", "mean"]["mean_return"] == pytest.approx(high, abs=1e-12)
    assert found["s", "equal", "high", "mean"]["alpha"] == pytest.approx(high - 0.0001, abs=1e-12)
    spread = found["s", "equal", "long_short", "mean"]
    assert spread["alpha"] == pytest.approx(high - low, abs=1e-12), "nothing is subtracted from a difference"
    assert spread["mean_return"] == pytest.approx(high - low, abs=1e-12)
    by_value = (19 * (0.25 * 0.02 + 0.75 * 0.06) + (0.25 * 0.02 - 0.75 * 0.02)) / 20
    assert found["s", "value", "high", "mean"]["mean_return"] == pytest.approx(by_value, abs=1e-12)
    assert found["s", "value", "long_short", "mean"]["alpha"] == pytest.approx(by_value - low, abs=1e-12)
    assert (spread["n_days"], spread["mean_stocks"], spread["n_calls"], spread["n_firms"]) == (20, 3.0, 3, 3)
    assert spread["n_unsorted"] == 3
    assert (spread["first_date"], spread["last_date"], spread["series_name"]) == (day(27), day(46), "Series")
    on = {(r["portfolio"], r["weighting"]): r for r in made.returns.to_pylist() if r["date"] == day(31)}
    assert on["high", "value"]["ret"] == pytest.approx(0.25 * 0.02 - 0.75 * 0.02, abs=1e-12)
    assert on["long_short", "equal"]["ret"] == pytest.approx(0.01, abs=1e-12)
    assert (on["high", "equal"]["n_stocks"], on["long_short", "equal"]["n_stocks"]) == (2, 3)
    # Equal weights drift to 1.02 : 1.06 in a day and are set back; on the odd day to 1.02 : 0.98.
    usual, odd = abs(1.02 / 2.08 - 0.5), 0.01
    assert found["s", "equal", "high", "mean"]["turnover"] == pytest.approx(
        (18 * usual + odd) / 19, abs=1e-12
    )
    assert found["s", "equal", "low", "mean"]["turnover"] == pytest.approx(0, abs=1e-12)


# The same, in loops


def crowd(n: int = 240, seed: int = 3, permnos: int = 40) -> list[Call]:
    rng = np.random.default_rng(seed)
    drawn = sorted(rng.integers(0, 200, n).tolist())
    return [
        (int(rng.integers(1, permnos + 1)), day(i), int(p), int(rng.integers(0, 11 - p)))
        for i, p in zip(drawn, rng.integers(0, 11, n).tolist(), strict=True)
    ]


def moves(n: int, seed: int = 5) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    returns = rng.normal(0.0003, 0.02, (n, len(DAYS)))
    returns[rng.random(returns.shape) < 0.02] = np.nan
    caps = np.exp(rng.normal(20, 1, (n, 1))) * np.exp(np.cumsum(np.nan_to_num(returns), axis=1))
    caps[rng.random(caps.shape) < 0.02] = np.nan
    return returns, caps


@pytest.mark.parametrize("weighting", ["equal", "value"])
def test_it_agrees_with_the_definition_in_loops(weighting: str):
    rows, permnos = crowd(), list(range(1, 41))
    returns, caps = moves(40)
    of_days = factors()
    params = SortParams(min_stocks=3)
    market = market_grid([daily(permnos, returns, caps)], [of_days])
    made = build_portfolio_sorts(calls(rows), {}, market, params, quarter="2023Q3")
    found = rows_of(made.sorts)
    month = [(r[1].year, r[1].month) for r in rows]
    tone = [(r[2] - r[3]) / 10 for r in rows]
    newest: dict[tuple[int, int], tuple[int, str]] = {}
    for i, (permno, at, _, _) in sorted(enumerate(rows), key=lambda r: (r[1][1], r[0])):
        y, m = month[i]
        before = [divmod(y * 12 + m - 1 - k, 12) for k in (1, 2, 3)]
        known = [t for t, (a, b) in zip(tone, month, strict=True) if (a, b - 1) in before]
        if len(known) < 20:
            continue
        b = np.quantile(known, [1 / 3, 2 / 3])
        name = "low" if tone[i] < b[0] else "high" if tone[i] > b[1] else "mid"
        zero = int(np.searchsorted(DAYS, np.datetime64(at)))
        for d in range(zero + 2, min(zero + 62, len(DAYS))):
            newest[permno, d] = (zero, name)  # type: ignore[index]
    portfolio: dict[tuple[str, int], list[tuple[float, float]]] = {}
    for (permno, d), (_, name) in newest.items():
        r, c = returns[permno - 1, d], caps[permno - 1, d - 1]
        if np.isfinite(r) and (weighting == "equal" or np.isfinite(c)):
            portfolio.setdefault((name, d), []).append((r, 1.0 if weighting == "equal" else c))
    x = np.column_stack([of_days.column(c).to_numpy() for c in ("mkt_rf", "smb", "hml", "umd")])
    for name in ("low", "mid", "high", "long_short"):
        used, y = [], []
        for d in range(len(DAYS)):
            legs = [
                portfolio.get((leg, d), []) for leg in (("low", "high") if name == "long_short" else (name,))
            ]
            if all(len(leg) >= 3 for leg in legs):
                made_by = [sum(r * c for r, c in leg) / sum(c for _, c in leg) for leg in legs]
                used.append(d)
                y.append(made_by[-1] - (made_by[0] if name == "long_short" else 0.0001))
        for model, k in (("mean", 0), ("market", 1), ("ff3", 3), ("carhart", 4)):
            row, own = found["s", weighting, name, model], regress(np.array(y), x[used, :k])
            assert own is not None
            assert row["n_days"] == len(used)
            assert row["alpha"] == pytest.approx(own.coefficients[0], abs=1e-12)
            assert row["se"] == pytest.approx(own.se[0], abs=1e-12)
    assert found["pooled", weighting, "low", "ff3"]["alpha"] == found["s", weighting, "low", "ff3"]["alpha"]


# No look ahead


def placed(rows: Sequence[Call], market: MarketGrid, **params: Any) -> list[tuple[Any, ...]]:
    tones = tones_of(calls(rows), by_series=True)
    found = sort_calls(tones, market, SortParams(**params))
    columns = (found.portfolio, found.first, found.end, found.n_breakpoint_calls)
    ordered = dict(
        zip(
            tones.column("transcript_id").to_pylist(),
            zip(*(c.tolist() for c in columns), map(tuple, found.breakpoints.tolist()), strict=True),
            strict=True,
        )
    )
    return [ordered[t] for t in sorted(ordered)]


@pytest.fixture(scope="module")
def market() -> MarketGrid:
    return market_grid([daily(range(1, 41), *moves(40))], [factors()])


@pytest.mark.parametrize("breakpoints", ["trailing", "expanding", "within_month"])
def test_what_comes_later_changes_nothing(market: MarketGrid, breakpoints: str):
    """Every tone from the day on which shares are bought is turned round, and the calls doubled; nobody notices."""
    rows = crowd(300)
    whole = placed(rows, market, breakpoints=breakpoints)
    for at in range(60, len(rows), 40):
        bought = whole[at][1]
        earlier = [r for r in rows if np.searchsorted(DAYS, np.datetime64(r[1])) < bought]
        later = [(p, d, n, m) for p, d, m, n in rows[len(earlier) :]]
        changed = placed([*earlier, *later, *later], market, breakpoints=breakpoints)
        assert str(changed[at]) == str(whole[at])
    assert sum(w[0] >= 0 for w in whole) > 200
    assert len({w[4] for w in whole}) > 5, "breakpoints do change"


def test_within_the_month_shares_are_bought_after_its_last_day(market: MarketGrid):
    rows = crowd(300)
    within = placed(rows, market, breakpoints="within_month")
    for (_, first, *_), (_, on, *_) in zip(within, rows, strict=True):
        if first < len(DAYS):
            assert DAYS[first].item().month > on.month
    assert len({w[1] for w in within}) > 5


def test_the_holding_period_is_counted_in_trading_days(market: MarketGrid):
    for holding in (60, 90):
        for _, first, end, *_ in placed(crowd(), market, holding_days=holding):
            assert end - first == holding
    (at,) = [placed([(1, day(100), 1, 0)], market)[0][1]]
    assert at == 102


def test_a_later_call_takes_the_place_of_an_earlier_one_of_the_firm():
    opening = [(p, day(3), t, 0) for p, t in ((2, 0), (3, 5), (4, 10))]
    both = [*opening, (1, day(25), 0, 0), (1, day(30), 10, 0)]
    market = market_grid([daily([1, 2, 3, 4], np.full((4, len(DAYS)), 0.01))], [factors()])
    found = rows_of(build_portfolio_sorts(calls(both), {}, market, SMALL, quarter="2023Q1").sorts)
    assert found["s", "equal", "high", "mean"]["n_days"] == 20
    low = found["s", "equal", "low", "mean"]
    assert (low["n_days"], low["reason"], low["alpha"]) == (5, "too_few_days", None)
    assert (low["first_date"], low["last_date"]) == (day(27), day(31))


# Weights and delisting


def two_firms(returns: np.ndarray, caps: np.ndarray) -> dict[tuple[str, str, str, str], dict[str, Any]]:
    """Both speak high in February; firms 3 to 5 only give the breakpoints."""
    rows = [(p, day(3), t, 0) for p, t in ((3, 0), (4, 1), (5, 2))]
    rows += [(1, day(25), 10, 0), (2, day(25), 10, 0)]
    market = market_grid([daily([1, 2, 3, 4, 5], returns, caps)], [factors()])
    return rows_of(build_portfolio_sorts(calls(rows), {}, market, SMALL, quarter="2023Q1").sorts)


def test_weights_are_of_the_day_before_and_never_of_the_day_itself():
    """Firm 1 doubles each day and firm 2 halves; by the same day's values the portfolio would gain 60% a day."""
    returns = np.full((5, len(DAYS)), 0.0)
    returns[0], returns[1] = (
        np.where(np.arange(len(DAYS)) % 2, 1.0, -0.5),
        np.where(np.arange(len(DAYS)) % 2, -0.5, 1.0),
    )
    caps = 100 * np.cumprod(1 + returns, axis=1)
    found = two_firms(returns, caps)["s", "value", "high", "mean"]
    before = np.column_stack([np.full(5, np.nan), caps[:, :-1]])[:2, 27:47]
    wanted = (before * returns[:2, 27:47]).sum(axis=0) / before.sum(axis=0)
    assert found["mean_return"] == pytest.approx(wanted.mean(), abs=1e-12)
    same_day = (caps[:2, 27:47] * returns[:2, 27:47]).sum(axis=0) / caps[:2, 27:47].sum(axis=0)
    assert abs(same_day.mean() - wanted.mean()) > 0.1


def test_the_return_of_the_delisting_counts_and_then_the_firm_is_gone():
    returns = np.full((5, len(DAYS)), 0.01)
    returns[0, 30], returns[0, 31:] = -0.9, np.inf
    found = two_firms(returns, np.full((5, len(DAYS)), 100.0))
    wanted = [0.01] * 3 + [(-0.9 + 0.01) / 2] + [0.01] * 16
    for weighting in ("equal", "value"):
        row = found["s", weighting, "high", "mean"]
        assert row["mean_return"] == pytest.approx(np.mean(wanted), abs=1e-12)
        assert row["mean_stocks"] == pytest.approx((4 * 2 + 16) / 20)


def test_a_firm_without_a_value_is_weighed_alike_and_not_by_value():
    caps = np.full((5, len(DAYS)), 100.0)
    caps[0, 29] = np.nan
    found = two_firms(np.full((5, len(DAYS)), 0.01), caps)
    assert found["s", "equal", "high", "mean"]["mean_stocks"] == 2
    assert found["s", "value", "high", "mean"]["mean_stocks"] == pytest.approx(39 / 20)


# Tones and breakpoints


def test_the_tone_is_of_all_themes_of_the_series_and_the_pooled_one_of_all_series():
    one, two = calls([(1, day(3), 4, 0)], "a"), calls([(1, day(3), 0, 10)], "b")
    same = pa.concat_tables([one, two.set_column(1, "transcript_id", one.column("transcript_id"))])
    apart = {r["series_id"]: r["tone"] for r in tones_of(same, by_series=True).to_pylist()}
    assert apart == {"a": 0.4, "b": -1.0}
    (pooled,) = tones_of(same, by_series=False).to_pylist()
    assert (pooled["tone"], pooled["n_sentences"]) == (pytest.approx((4 - 10) / 20), 20)
    twice = pa.concat_tables([one, one])
    assert tones_of(twice, by_series=True).column("tone").to_pylist() == [0.4]


@given(
    tones=st.lists(st.integers(-4, 4), min_size=1, max_size=8),
    known=st.lists(st.integers(-4, 4), min_size=2, max_size=12),
    quantiles=st.sampled_from([3, 5, 7]),
)
def test_portfolios_mirror_when_tones_do(tones: list[int], known: list[int], quantiles: int):
    shares = np.arange(1, quantiles) / quantiles

    def of(sign: int) -> list[int]:
        b = np.round(np.quantile(np.array(known) * sign, shares), 9)
        found: list[int] = portfolio_of(np.array(tones) * sign * 1.0, np.tile(b, (len(tones), 1))).tolist()
        return found

    assert of(-1) == [quantiles - 1 - p for p in of(1)]
    ordered = [p for _, p in sorted(zip(tones, of(1), strict=True))]
    assert ordered == sorted(ordered), "a higher tone is never in a lower portfolio"


# Nothing vanishes


def test_every_series_portfolio_and_call_has_a_row_with_its_reason():
    rows = [(1, day(3), 1, 0), (None, day(25), 1, 0), (99, day(25), 1, 0), (1, day(25), 1, 0)]
    market = market_grid([daily([1], np.full((1, len(DAYS)), 0.01))], [factors()])
    made = build_portfolio_sorts(calls(rows), {}, market, SortParams(), quarter="2023Q1")
    assert made.members.num_rows == 2 * len(rows)
    by_permno = {m["permno"]: m["reason"] for m in made.members.to_pylist() if m["series_id"] == "s"}
    assert by_permno == {1: "too_few_breakpoint_calls", None: "no_permno", 99: "no_returns"}
    sorts = made.sorts.to_pylist()
    assert len(sorts) == 2 * 2 * 4 * 4
    assert {(r["reason"], r["n_calls"], r["n_unsorted"]) for r in sorts} == {("no_calls", 0, 4)}
    few = build_portfolio_sorts(calls(rows), {}, market, SortParams(min_sentences=11), quarter="2023Q1")
    assert {m["reason"] for m in few.members.to_pylist()} == {"too_few_sentences"}
    alone = SortParams(min_breakpoint_calls=2, quantiles=2, min_stocks=2)
    rows = [(1, day(3), 1, 0), (1, day(4), 2, 0), (1, day(25), 1, 0)]
    found = rows_of(build_portfolio_sorts(calls(rows), {}, market, alone, quarter="2023Q1").sorts)
    assert found["s", "equal", "low", "mean"]["reason"] == "too_few_stocks"
    assert found["s", "equal", "high", "mean"]["reason"] == "no_calls"


def test_missing_momentum_spares_the_other_models():
    of_days = factors()
    without = of_days.set_column(
        of_days.column_names.index("umd"), FACTORS.field("umd"), pa.nulls(len(DAYS), pa.float64())
    )
    grid = market_grid([daily(range(1, 41), *moves(40))], [without])
    found = rows_of(
        build_portfolio_sorts(calls(crowd()), {}, grid, SortParams(min_stocks=1), quarter="2023Q1").sorts
    )
    assert found["s", "equal", "low", "carhart"]["reason"] == "missing_factors"
    assert found["s", "equal", "low", "ff3"]["reason"] is None
    assert found["s", "equal", "low", "ff3"]["beta_umd"] is None


def test_q_values_are_over_the_series_and_not_over_the_pooled_portfolios(market: MarketGrid):
    parts = [calls(crowd(seed=i), f"s{i}") for i in range(4)]
    made = build_portfolio_sorts(
        pa.concat_tables(parts), {}, market, SortParams(min_stocks=1), quarter="2023Q1"
    )
    cell = [
        r
        for r in made.sorts.to_pylist()
        if (r["portfolio"], r["weighting"], r["model"]) == ("low", "equal", "ff3")
    ]
    assert {r["q_value"] for r in cell if r["series_id"] == "pooled"} == {None}
    ordered = sorted((r["p_value"], r["q_value"]) for r in cell if r["series_id"] != "pooled")
    wanted = [min(4 / (k + 1) * ordered[k][0] for k in range(i, 4)) for i in range(4)]
    assert [q for _, q in ordered] == pytest.approx(wanted, abs=1e-12)


def test_only_the_quarters_own_calls_are_members_and_all_calls_are_held(market: MarketGrid):
    rows = crowd()
    made = build_portfolio_sorts(calls(rows), {}, market, SortParams(), quarter="2023Q3")
    own = sum(quarters.of_date(r[1]) == "2023Q3" for r in rows)
    assert made.members.num_rows == 2 * own
    assert made.sorts.column("n_quarters").unique().to_pylist() == [4]
    days = [r["date"] for r in made.returns.to_pylist()]
    assert (min(days), max(days)) == (date(2023, 7, 3), date(2023, 9, 29)), "the days of the quarter"
    empty = build_portfolio_sorts(calls([]), {}, market, SortParams(), quarter="2023Q3")
    assert (empty.members.num_rows, empty.returns.num_rows, empty.sorts.num_rows) == (0, 0, 0)


def test_a_later_table_of_market_data_counts_where_both_have_a_row():
    old, new = (
        daily([1], np.full((1, len(DAYS)), 0.01)),
        daily([1], np.full((1, len(DAYS)), 0.02)).slice(50, 10),
    )
    grid = market_grid([old, new], [factors(), factors()])
    assert (grid.returns[0, 49], grid.returns[0, 50], grid.returns[0, 60]) == (0.01, 0.02, 0.01)
    stray = pa.Table.from_pylist([{"permno": 1, "date": day(4) + timedelta(1), "ret": 9.0}], schema=DAILY)
    saturday = (day(4) + timedelta(1)).weekday() >= 5
    grid = market_grid([old, stray], [factors()])
    assert (grid.returns == 9).any() != saturday


def test_a_gap_between_two_quarters_data_does_not_bring_their_days_together():
    whole, returns = factors(), np.full((1, len(DAYS)), 0.01)
    parts = [slice(0, 40), slice(100, len(DAYS))]
    split = [whole.slice(p.start, p.stop - p.start) for p in parts]
    own = [daily([1], returns).slice(p.start, p.stop - p.start) for p in parts]
    for daily_of in (own, [daily([1], returns)]):
        grid = market_grid(daily_of, split)
        assert grid.days.tolist() == DAYS.tolist()
        assert np.isnan(grid.factors[40:100]).all()
    # A share bought before the gap is not held after it, when its 20 days are over.
    january = [(1, day(5), 0, 5), (1, day(6), 1, 1), (1, day(7), 5, 0)]
    made = build_portfolio_sorts(
        calls([*january, (1, day(38), 5, 0)]), {"s": "S"}, market_grid(own, split), SMALL, quarter="2023Q1"
    )
    held = {r["date"] for r in made.returns.to_pylist()}
    assert held <= {day(i) for i in range(40)}


@pytest.mark.parametrize(
    ("params", "said"), [({"weightings": ["size"]}, "weightings"), ({"models": []}, "models")]
)
def test_unknown_choices_are_refused(market: MarketGrid, params: dict[str, Any], said: str):
    with pytest.raises(ValueError, match=said):
        build_portfolio_sorts(calls([]), {}, market, SortParams(**params), quarter="2023Q1")


def test_without_market_data_every_call_says_so():
    nothing = market_grid([DAILY.empty_table()], [FACTORS.empty_table()])
    made = build_portfolio_sorts(calls([(1, day(3), 1, 0)]), {}, nothing, SortParams(), quarter="2023Q1")
    assert {m["reason"] for m in made.members.to_pylist()} == {"no_returns"}
    assert {r["reason"] for r in made.sorts.to_pylist()} == {"no_calls"}
    assert market_grid([], []).permnos.tolist() == []
