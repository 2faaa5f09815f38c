"""Abnormal returns: agreement with a spreadsheet and with least squares, event days, reasons, planted effects."""

from datetime import date, datetime, timedelta
from fractions import Fraction
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from ftm_assets.methods.returns.event_windows import (
    ReturnsParams,
    Window,
    build_abnormal_returns,
    days_needed,
)
from ftm_assets.methods.returns.expected_returns import MODELS
from ftm_resources.tables.returns_tables import DAILY, FACTOR_COLUMNS, FACTORS
from ftm_resources.trading_days import TradingDays, market_days

from .market_by_hand import DAYS, QUARTER, SMALL, at, by_hand, calls, daily, exact, factors, listed, noise


def made(
    *arguments: Any, days: TradingDays = DAYS, **params: Any
) -> dict[tuple[str, str, str], dict[str, Any]]:
    rows = build_abnormal_returns(*arguments, days, ReturnsParams(**params), quarter=QUARTER).to_pylist()
    return {(r["transcript_id"], r["model"], r["window"]): r for r in rows}


# Twelve events in a spreadsheet


def test_twelve_events_agree_with_exact_arithmetic():
    days = listed()
    of_days = factors(days)
    returns = {p: noise(days, p) for p in range(1, 13)}
    for p in (3, 7):  # some days of the estimation window without a return
        for i in range(p, p + 4):
            returns[p][days[100 + i]] = None  # type: ignore[assignment]
    starts = {p: days[118 + p] for p in returns}
    events = calls(*((f"t{p:02d}", p, at(day)) for p, day in starts.items()))
    found = made(events, daily(returns), of_days, **SMALL)
    assert len(found) == 12 * 4 * 3
    held = {
        n: dict(zip(days, exact(of_days.column(n).to_pylist()), strict=True)) for n in (*FACTOR_COLUMNS, "rf")
    }
    for (transcript, name, window), row in found.items():
        permno = int(transcript[1:])
        zero = days.index(starts[permno])
        own = {d: None if r is None else Fraction(str(r)) for d, r in returns[permno].items()}
        rf, market = held["rf"], {d: held["mkt_rf"][d] + held["rf"][d] for d in days}
        used = [d for d in days[zero - 30 : zero - 10] if own[d] is not None]
        factors_of = {"market_adjusted": [market], "market_model": [market],
                      "ff3": [held[n] for n in FACTOR_COLUMNS[:3]],
                      "carhart": [held[n] for n in FACTOR_COLUMNS]}[name]  # fmt: skip
        less = rf if name in ("ff3", "carhart") else dict.fromkeys(days, Fraction(0))
        if name == "market_adjusted":
            b = [Fraction(0), Fraction(1)]
        else:
            b = by_hand(
                [own[d] - less[d] for d in used],
                [[Fraction(1)] * len(used), *([f[d] for d in used] for f in factors_of)],
            )
        usual = {
            d: less[d] + b[0] + sum((w * f[d] for w, f in zip(b[1:], factors_of, strict=True)), Fraction(0))
            for d in days
        }
        first, last = Window.parse(window).first, Window.parse(window).last
        inside = days[zero + first : zero + last + 1]
        car = sum((own[d] - usual[d] for d in inside), Fraction(0))
        kept, normal = Fraction(1), Fraction(1)
        for d in inside:
            kept, normal = kept * (1 + own[d]), normal * (1 + usual[d])
        assert row["reason"] is None
        assert row["n_estimation"] == len(used)
        assert row["car"] == pytest.approx(float(car), abs=1e-10)
        assert row["bhar"] == pytest.approx(float(kept - normal), abs=1e-10)
        spare = len(used) - MODELS[name].n_coefficients
        squares = sum(((own[d] - usual[d]) ** 2 for d in used), Fraction(0))
        assert row["sigma"] == pytest.approx(float(squares / spare) ** 0.5, abs=1e-10)
        estimates = [row[c] for c in ("alpha", "beta_mkt", "beta_smb", "beta_hml", "beta_umd")]
        wanted = [float(v) for v in b] if MODELS[name].is_estimated else []
        assert estimates[: len(wanted)] == pytest.approx(wanted, abs=1e-10)
        assert estimates[len(wanted) :] == [None] * (5 - len(wanted))


def test_one_event_as_added_up_on_paper():
    """Market return 1% and 2% on days 0 and 1, the stock 4% and -1%: CAR is 3% - 3%, BHAR 1.04 x 0.99 - 1.01 x 1.02."""
    days = listed()
    of_days = factors(days).to_pylist()
    zero = days.index(date(2023, 2, 1))
    for i, market in ((zero, 0.01), (zero + 1, 0.02)):
        of_days[i] |= {"mkt_rf": market - 0.0001}
    returns = noise(days, 4) | {days[zero]: 0.04, days[zero + 1]: -0.01}
    rows = made(
        calls(("a", 4, at(days[zero]))), daily({4: returns}), pa.Table.from_pylist(of_days, schema=FACTORS)
    )
    row = rows["a", "market_adjusted", "[0,+1]"]
    assert row["car"] == pytest.approx(0.0, abs=1e-12)
    assert row["bhar"] == pytest.approx(1.0296 - 1.0302, abs=1e-12)


def test_estimates_agree_with_least_squares_of_numpy_on_the_default_windows():
    days = listed()
    of_days = factors(days)
    returns = {p: noise(days, p) for p in range(20, 26)}
    found = made(calls(*((f"t{p}", p, at(days[270 + p])) for p in returns)), daily(returns), of_days)
    columns = {n: of_days.column(n).to_numpy() for n in (*FACTOR_COLUMNS, "rf")}
    for p, own in returns.items():
        span = slice(270 + p - 252, 270 + p - 45)
        y = np.array(list(own.values()))
        for name, k in (("ff3", 3), ("carhart", 4)):
            x = np.column_stack([np.ones(len(days)), *(columns[n] for n in FACTOR_COLUMNS[:k])])
            b, *_ = np.linalg.lstsq(x[span], (y - columns["rf"])[span], rcond=None)
            row = found[f"t{p}", name, "[+2,+60]"]
            assert row["n_estimation"] == 207
            assert row["alpha"] == pytest.approx(b[0], abs=1e-12)
            assert row["beta_hml"] == pytest.approx(b[3], abs=1e-10)
            after = slice(270 + p + 2, 270 + p + 61)
            assert row["car"] == pytest.approx(((y - columns["rf"])[after] - x[after] @ b).sum(), abs=1e-10)


# What is known to go wrong


def test_a_market_model_is_estimated_and_not_the_market_adjusted_return():
    """A stock of beta 2 and no noise: the market model explains it, the market adjustment does not."""
    days = listed()
    of_days = factors(days)
    market = of_days.column("mkt_rf").to_numpy() + of_days.column("rf").to_numpy()
    zero = days.index(date(2023, 2, 1))
    found = made(
        calls(("a", 1, at(days[zero]))),
        daily({1: dict(zip(days, (2 * market).tolist(), strict=True))}),
        of_days,
    )
    model, adjusted = found["a", "market_model", "[0,+1]"], found["a", "market_adjusted", "[0,+1]"]
    assert model["beta_mkt"] == pytest.approx(2.0, abs=1e-10)
    assert model["car"] == pytest.approx(0.0, abs=1e-12)
    assert adjusted["car"] == pytest.approx(market[zero : zero + 2].sum(), abs=1e-12)
    assert adjusted["beta_mkt"] is None


def spike(day: date) -> dict[date, float]:
    return {d: 0.5 if d == day else 0.0 for d in listed()}


NO_FACTORS = pa.table(
    {"date": listed(), **{n: np.zeros(len(DAYS)) for n in (*FACTOR_COLUMNS, "rf")}}, schema=FACTORS
)


@pytest.mark.parametrize(
    ("call", "zero", "rule"),
    [
        (at(date(2023, 2, 1), 8), date(2023, 2, 1), "same_day"),
        (at(date(2023, 2, 1), 15, 59), date(2023, 2, 1), "same_day"),
        (at(date(2023, 2, 1), 16), date(2023, 2, 2), "after_close"),
        (at(date(2023, 2, 3), 17), date(2023, 2, 6), "after_close"),  # Friday evening
        (at(date(2023, 2, 4), 10), date(2023, 2, 6), "no_trading"),  # Saturday
        (at(date(2023, 2, 19), 20), date(2023, 2, 21), "no_trading"),  # Sunday, then Presidents' Day
        (at(date(2022, 11, 25), 12, 30), date(2022, 11, 25), "same_day"),  # closes at 13:00
        (at(date(2022, 11, 25), 14), date(2022, 11, 28), "after_close"),
        (
            at(date(2023, 3, 13), 16),
            date(2023, 3, 14),
            "after_close",
        ),  # the clocks went forward the day before
    ],
)
def test_a_window_begins_on_the_first_day_that_can_know_of_the_call(call: datetime, zero: date, rule: str):
    days = listed()
    before = days[days.index(zero) - 1]
    events = calls(("a", 1, call), ("b", 2, call))
    found = made(events, daily({1: spike(zero), 2: spike(before)}), NO_FACTORS, models=["market_adjusted"])
    row = found["a", "market_adjusted", "[0,+1]"]
    assert (row["event_date"], row["event_rule"]) == (zero, rule)
    assert row["is_after_close"] is {"same_day": False, "after_close": True}.get(rule)
    assert row["car"] == pytest.approx(0.5)
    assert found["b", "market_adjusted", "[0,+1]"]["car"] == 0.0, (
        "the day before the call can know is not in the CAR"
    )
    assert found["b", "market_adjusted", "[-1,+1]"]["car"] == pytest.approx(0.5)


def test_a_call_of_which_only_the_date_is_known_says_so():
    events = calls(("a", 1, at(date(2023, 2, 1), 0)), ("b", 1, at(date(2023, 2, 4), 0)), date_only=True)
    found = made(events, daily({1: spike(date(2023, 2, 1))}), NO_FACTORS)
    rows = [found[t, "market_adjusted", "[0,+1]"] for t in "ab"]
    assert [(r["event_date"], r["event_rule"], r["is_after_close"]) for r in rows] == [
        (date(2023, 2, 1), "date_only", None),
        (date(2023, 2, 6), "date_only", None),
    ]


def test_the_datas_own_calendar_decides_where_it_reaches():
    """The market was shut on a day that XNYS calls a trading day: a call on it has the next day."""
    shut = date(2023, 2, 1)
    data = [d for d in listed() if d != shut and d < date(2023, 3, 1)]
    days = market_days(data, DAYS.days[0].astype(date), DAYS.days[-1].astype(date))
    assert days.event_day(at(shut), is_date_only=False).day == date(2023, 2, 2)
    assert days.event_day(at(date(2023, 5, 6)), is_date_only=False).day == date(2023, 5, 8), (
        "after the data, by XNYS"
    )


def test_repeated_events_of_one_firm_stay_apart():
    days = listed()
    one, other = date(2023, 2, 1), date(2023, 2, 2)
    found = made(
        calls(("a", 1, at(one)), ("b", 1, at(other)), ("c", 1, at(other))),
        daily({1: noise(days, 1)}),
        factors(days),
    )
    assert len(found) == 3 * 4 * 3
    cars = [found[t, "carhart", "[0,+1]"]["car"] for t in "abc"]
    assert cars[0] != cars[1] == cars[2]


def test_only_the_models_and_windows_that_were_asked_for_are_made():
    days = listed()
    found = made(
        calls(("a", 1, at(date(2023, 2, 1)))),
        daily({1: noise(days, 1)}),
        factors(days),
        models=["carhart"],
        windows=["[0, 3]"],
    )
    assert list(found) == [("a", "carhart", "[0,+3]")]
    assert next(iter(found.values()))["n_days"] == 4


def reasons(
    found: dict[tuple[str, str, str], dict[str, Any]], model: str = "market_model"
) -> dict[str, list[str | None]]:
    transcripts = dict.fromkeys(t for t, *_ in found)
    return {t: [r["reason"] for (of, m, _), r in found.items() if (of, m) == (t, model)] for t in transcripts}


def test_a_call_without_an_abnormal_return_has_rows_that_say_why():
    days = listed()
    of_days, zero = factors(days), days.index(date(2023, 2, 1))
    whole = noise(days, 1)
    returns: dict[int, dict[date, float | None]] = {
        1: dict(whole),
        2: {d: whole[d] for d in days[: zero + 31]},  # delisted on day 30
        3: {d: whole[d] for d in days[zero - 100 :]},  # too young to be estimated
        4: {d: whole[d] for d in days[zero + 1 :]},  # first traded the day after
        5: dict(whole) | {days[zero + 1]: None},
        6: dict.fromkeys(days),
    }
    events = calls(
        *((f"t{p}", p, at(days[zero])) for p in returns),
        ("t7", 7, at(days[zero])),
        ("t8", None, at(days[zero])),
    )
    found = made(events, daily(returns), of_days)
    assert reasons(found) == {  # in the order of the key: [+2,+60], [-1,+1], [0,+1]
        "t1": [None, None, None],
        "t2": ["delisted", None, None],
        "t3": ["too_few_days"] * 3,
        "t4": ["too_few_days", "not_listed", "not_listed"],
        "t5": [None, "missing_returns", "missing_returns"],
        "t6": ["missing_returns"] * 3,
        "t7": ["no_returns"] * 3,
        "t8": ["no_permno"] * 3,
    }
    assert reasons(found, "market_adjusted")["t3"] == [None] * 3, "it needs no estimation"
    assert all((r["car"] is None) == (r["bhar"] is None) == (r["reason"] is not None) for r in found.values())
    assert found["t2", "carhart", "[+2,+60]"]["n_days"] == 29


def test_a_delisting_return_on_the_last_day_of_a_window_counts():
    days = listed()
    zero = days.index(date(2023, 2, 1))
    own = dict.fromkeys(days[: zero + 2], 0.0) | {days[zero + 1]: -0.6}
    found = made(calls(("a", 1, at(days[zero]))), daily({1: own}), NO_FACTORS)
    assert found["a", "market_adjusted", "[0,+1]"]["car"] == pytest.approx(-0.6)


def test_a_window_that_the_data_do_not_reach_is_not_over():
    days = [d for d in listed() if d <= date(2023, 2, 10)]
    events = calls(("a", 1, at(date(2023, 2, 1))), ("b", 1, at(date(2023, 3, 1))))
    found = made(events, daily({1: noise(days, 1)}), factors(days))
    assert reasons(found) == {"a": ["not_over", None, None], "b": ["not_over"] * 3}
    assert found["b", "ff3", "[0,+1]"]["event_date"] == date(2023, 3, 1)


def test_missing_factors_are_named_for_the_models_that_need_them():
    days = listed()
    zero = days.index(date(2023, 2, 1))
    rows = factors(days).to_pylist()
    rows[zero] |= {"umd": None}
    found = made(
        calls(("a", 1, at(days[zero]))),
        daily({1: noise(days, 1)}),
        pa.Table.from_pylist(rows, schema=FACTORS),
    )
    assert found["a", "carhart", "[0,+1]"]["reason"] == "missing_factors"
    assert found["a", "ff3", "[0,+1]"]["reason"] is None
    without = made(calls(("a", 1, at(days[zero]))), daily({1: noise(days, 1)}), FACTORS.empty_table())
    assert {r["reason"] for r in without.values()} == {"missing_factors"}


def test_factors_that_depend_on_each_other_estimate_nothing():
    days = listed()
    rows = factors(days).to_pylist()
    for row in rows:
        row["smb"] = 2 * row["mkt_rf"]
    found = made(
        calls(("a", 1, at(date(2023, 2, 1)))),
        daily({1: noise(days, 1)}),
        pa.Table.from_pylist(rows, schema=FACTORS),
    )
    assert reasons(found, "ff3")["a"] == ["too_few_days"] * 3
    assert reasons(found, "market_model")["a"] == [None] * 3


def test_no_calls_or_no_data_are_an_empty_table_or_reasons():
    days = listed()
    assert made(calls(), daily({1: noise(days, 1)}), factors(days)) == {}
    found = made(calls(("a", 1, at(date(2023, 2, 1)))), DAILY.empty_table(), FACTORS.empty_table())
    assert {r["reason"] for r in found.values()} == {"no_returns"}


@pytest.mark.parametrize(
    ("params", "said"),
    [
        ({"models": ["capm"]}, "'capm'"),
        ({"models": []}, "at least one"),
        ({"models": ["ff3", "ff3"]}, "twice"),
        ({"windows": ["0,1"]}, "brackets"),
        ({"windows": ["[0,1]", "[0, +1]"]}, "twice"),
        ({"windows": ["[2,1]"]}, "ends before"),
        ({"windows": ["[-46,+1]"]}, "overlaps"),
        ({"estimation_first_day": -40}, "must not be after"),
    ],
)
def test_parameters_that_make_no_sense_are_refused(params: dict[str, Any], said: str):
    with pytest.raises(ValueError, match=said):
        ReturnsParams(**params).chosen()


def test_how_far_the_windows_reach():
    assert days_needed(ReturnsParams()) == (252, 60)
    assert days_needed(ReturnsParams(windows=["[-60,-50]"], estimation_last_day=-100)) == (252, 0)


# Planted effects


def test_planted_effects_are_recovered_and_their_absence_too():
    """60 firms, day 0 moved by 2% for half of them: the difference of mean CARs is within two standard errors."""
    days = listed()
    of_days = factors(days)
    x = np.column_stack([of_days.column(n).to_numpy() for n in FACTOR_COLUMNS])
    hits, n, simulations = dict.fromkeys(MODELS, 0), 60, 60
    for seed in range(simulations):
        rng = np.random.default_rng(seed)
        returns, events = {}, []
        for p in range(1, n + 1):
            r = 0.0001 + x @ rng.normal([1.0, 0.3, 0.1, 0.0], 0.3) + rng.normal(0, 0.02, len(days))
            zero = int(rng.integers(265, 300))
            r[zero] += 0.02 * (p % 2)
            returns[p] = dict(zip(days, r.tolist(), strict=True))
            events.append((f"{p:03d}", p, at(days[zero])))
        found = made(calls(*events), daily(returns), of_days, windows=["[0,+1]"])
        for model in MODELS:
            cars = np.array([found[f"{p:03d}", model, "[0,+1]"]["car"] for p in range(1, n + 1)])
            moved, still = cars[0::2], cars[1::2]
            error = np.sqrt(moved.var(ddof=1) / len(moved) + still.var(ddof=1) / len(still))
            hits[model] += abs(moved.mean() - still.mean() - 0.02) < 2 * error
    # Two standard errors hold 95% of normal draws; 60 simulations hold fewer than 51 of them once in 400.
    assert min(hits.values()) >= 51, hits


def test_order_of_rows_does_not_matter():
    days = listed()
    rng = np.random.default_rng(0)
    own, of_days = daily({p: noise(days, p) for p in (1, 2, 3)}), factors(days)
    events = calls(*((f"t{p}", p, at(days[270] + timedelta(days=p))) for p in (1, 2, 3)))
    shuffled = [t.take(rng.permutation(t.num_rows)) for t in (events, own, of_days)]
    assert made(events, own, of_days) == made(*shuffled)
