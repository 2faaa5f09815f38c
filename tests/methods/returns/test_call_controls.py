"""Controls of calls: by hand, as of the day known, with units that fit, and no row lost for want of one control."""

from datetime import date, timedelta
from math import log
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from ftm_assets.methods.returns.calendar_time import MarketGrid, market_grid
from ftm_assets.methods.returns.call_controls import CONTROLS, ControlParams, build_controls
from ftm_resources.tables.returns_tables import DAILY, FACTORS
from ftm_resources.tables.sort_tables import FUNDAMENTALS
from ftm_resources.trading_days import exchange_days

DAYS = exchange_days(date(2022, 1, 3), date(2023, 6, 30)).days
CALL = date(2023, 5, 4)
ZERO = int(np.searchsorted(DAYS, np.datetime64(CALL)))


def day(i: int) -> date:
    found: date = DAYS[i].item()
    return found


def grid(returns: np.ndarray, caps: np.ndarray) -> MarketGrid:
    n = len(DAYS)
    tables = []
    for permno, (own, values) in enumerate(zip(returns, caps, strict=True), start=1):
        columns = {
            "permno": np.full(n, permno),
            "date": pa.array(DAYS, pa.date32()),
            "ret": pa.array(own, from_pandas=True),
            "market_cap": pa.array(values, from_pandas=True),
        }
        filled = [columns.get(f.name, pa.nulls(n, f.type)) for f in DAILY]
        tables.append(pa.table(filled, schema=DAILY))
    zeros = {f.name: np.zeros(n) for f in FACTORS if f.name != "date"}
    return market_grid(tables, [pa.table({"date": pa.array(DAYS, pa.date32()), **zeros}, schema=FACTORS)])


RNG = np.random.default_rng(4)
RETURNS = RNG.normal(0, 0.02, (2, len(DAYS)))
CAPS = np.exp(RNG.normal(21, 0.1, (2, len(DAYS))))
MARKET = grid(RETURNS, CAPS)


def reported(fiscal: date, known: date | None, **values: float | None) -> dict[str, Any]:
    usual = {"eps": 1.0, "price": 50.0, "adjustment": 1.0, "book_equity": 4e8, "sue": None}
    return {"permno": 1, "fiscal_date": fiscal, "known_date": known, **usual, **values}


NOW = reported(date(2023, 3, 31), date(2023, 5, 4), eps=1.30)
YEAR_BEFORE = reported(date(2022, 3, 31), date(2022, 5, 3), eps=0.80)
BETWEEN = reported(date(2022, 12, 31), date(2023, 2, 7), eps=9.0, book_equity=3e8)


def made(
    *rows: dict[str, Any],
    permno: int | None = 1,
    market: MarketGrid = MARKET,
    source: bool = True,
    **params: Any,
) -> dict[str, Any]:
    calls = pa.table(
        {
            "transcript_id": ["t"],
            "firm_id": ["f"],
            "permno": pa.array([permno], pa.int64()),
            "call_date": [CALL],
            "event_date": [CALL],
        }
    )
    held = pa.Table.from_pylist(list(rows), schema=FUNDAMENTALS) if source else None
    (row,) = build_controls(calls, market, held, ControlParams(**params), quarter="2023Q2").to_pylist()
    return row


def test_factors_that_end_early_do_not_move_the_days():
    """Ken French's files lag behind CRSP's; and a call may come after all data."""
    n = len(DAYS)
    of = {
        "permno": np.full(n, 1),
        "date": pa.array(DAYS, pa.date32()),
        "ret": RETURNS[0],
        "market_cap": CAPS[0],
    }
    own = pa.table([of.get(f.name, pa.nulls(n, f.type)) for f in DAILY], schema=DAILY)
    zeros = {f.name: np.zeros(n) for f in FACTORS if f.name != "date"}
    factors = pa.table({"date": pa.array(DAYS, pa.date32()), **zeros}, schema=FACTORS)
    whole = made(NOW, market=market_grid([own], [factors]))
    assert whole["momentum"] is not None
    for last in (ZERO - 10, ZERO - 100):
        assert made(NOW, market=market_grid([own], [factors.slice(0, last)])) == whole
    assert made(NOW, market=market_grid([own], [factors.slice(0, 0)])) == whole
    early = market_grid([own.slice(0, ZERO - 60)], [factors.slice(0, ZERO - 60)], until=CALL)
    row = made(NOW, market=early)
    assert (row["log_size"], row["log_size_reason"]) == (None, "no_market_value")
    known = RETURNS[0][ZERO - 252 : ZERO - 60]
    assert row["momentum"] == pytest.approx(np.prod(1 + known) - 1, abs=1e-12), (
        "of the days that have a return"
    )


def test_each_control_by_hand():
    row = made(NOW, YEAR_BEFORE, BETWEEN)
    assert row["sue"] == pytest.approx((1.30 - 0.80) / 50, abs=1e-15), "divided by the price, not times it"
    assert (row["sue_known_date"], row["sue_fiscal_date"]) == (CALL, date(2023, 3, 31))
    assert row["sue_method"] == "seasonal_walk"
    assert row["log_size"] == pytest.approx(log(CAPS[0, ZERO - 2]), abs=1e-12)
    assert row["log_size_known_date"] == day(ZERO - 2)
    assert row["book_to_market"] == pytest.approx(4e8 / CAPS[0, ZERO - 2], abs=1e-12), "dollars over dollars"
    assert 0.1 < row["book_to_market"] < 1
    assert (row["book_fiscal_date"], row["book_to_market_known_date"]) == (date(2023, 3, 31), CALL)
    window = RETURNS[0, ZERO - 252 : ZERO - 20]
    assert len(window) == 232
    assert row["momentum"] == pytest.approx(np.prod(1 + window) - 1, abs=1e-12)
    assert row["volatility"] == pytest.approx(np.std(window, ddof=1), abs=1e-15)
    assert row["momentum_known_date"] == row["volatility_known_date"] == day(ZERO - 21)
    assert {row[f"{c}_reason"] for c in CONTROLS} == {None}
    assert all(row[f"{c}_known_date"] <= CALL for c in CONTROLS)


def test_a_report_counts_from_the_day_it_was_known_and_not_from_its_fiscal_date():
    """The quarter ended in March whether or not the report came; a day after the call, only December's is known.

    Its book equity counts, but its earnings are of another quarter than the one that the call is about.
    """
    late = {**NOW, "known_date": CALL + timedelta(1)}
    year_before = reported(date(2021, 12, 31), date(2022, 2, 8), eps=8.0)
    for own in (late, {**NOW, "known_date": None}):
        row = made(own, YEAR_BEFORE, BETWEEN, year_before)
        assert (row["sue"], row["sue_reason"], row["sue_method"]) == (None, "stale", None)
        assert row["book_fiscal_date"] == date(2022, 12, 31)
    row = made(late, YEAR_BEFORE, BETWEEN, year_before, max_sue_age=86)
    assert row["sue_fiscal_date"] == date(2022, 12, 31)
    assert row["sue"] == pytest.approx(1.0 / 50)
    assert row["sue_known_date"] == date(2023, 2, 7)
    unknown = made({**NOW, "known_date": None}, YEAR_BEFORE)
    assert (unknown["sue"], unknown["sue_reason"]) == (None, "stale"), "a year old"
    assert made({**NOW, "known_date": None})["sue_reason"] == "not_known"


def test_what_is_reported_after_the_call_changes_nothing():
    after = reported(date(2023, 6, 30), date(2023, 8, 3), eps=99.0, book_equity=9e9)
    assert made(NOW, YEAR_BEFORE, after) == made(NOW, YEAR_BEFORE)


@pytest.mark.parametrize(("age", "reason"), [(0, None), (45, None), (46, "stale"), (92, "stale")])
def test_earnings_are_of_the_report_within_days_of_the_call(age: int, reason: str | None):
    own = {**NOW, "known_date": CALL - timedelta(age), "fiscal_date": CALL - timedelta(age + 20)}
    before = reported(own["fiscal_date"] - timedelta(365), date(2022, 5, 3))
    assert made(own, before)["sue_reason"] == reason
    assert made({**own, "sue": 0.02})["sue_reason"] == reason, "also of a surprise that is ready-made"


@pytest.mark.parametrize(("known", "counts"), [(-1, True), (0, True), (1, False), (None, False)])
def test_the_year_before_counts_once_it_was_reported(known: int | None, counts: bool):
    """A late filer's figure of the year before may come after this quarter's report, or after the call."""
    own = {**NOW, "known_date": CALL - timedelta(9)}
    late = None if known is None else CALL + timedelta(known)
    row = made(own, {**YEAR_BEFORE, "known_date": late})
    if counts:
        assert row["sue"] == pytest.approx(0.01)
        assert row["sue_known_date"] == late, "the later of the two"
    else:
        assert (row["sue"], row["sue_reason"], row["sue_known_date"]) == (None, "no_year_before", None)


def test_surprises_of_both_kinds_are_told_apart_and_do_not_hide_earnings():
    """Ready-made surprises have no earnings, and their day known in place of a fiscal quarter's end."""

    def ready(day_known: date) -> dict[str, Any]:
        return reported(day_known, day_known, eps=None, price=None, book_equity=None, sue=0.5)

    plain = made(NOW, YEAR_BEFORE)
    for fiscal in (date(2022, 3, 16), date(2022, 3, 30), date(2022, 4, 4), date(2022, 4, 15)):
        assert 350 <= (NOW["fiscal_date"] - fiscal).days <= 380
        assert made(NOW, YEAR_BEFORE, ready(fiscal)) == plain
    weeks_53 = {**YEAR_BEFORE, "fiscal_date": date(2022, 3, 25)}
    assert made(NOW, weeks_53, ready(date(2022, 3, 31))) == plain, "even if the surprise is nearer to a year"
    early = reported(date(2022, 3, 17), date(2022, 4, 20), eps=7.0)
    assert made(NOW, YEAR_BEFORE, early) == plain, "the nearest to a year"
    given = made(NOW, YEAR_BEFORE, ready(CALL))
    assert (given["sue"], given["sue_method"], given["sue_known_date"]) == (0.5, "given", CALL)
    assert plain["sue_method"] == "seasonal_walk"
    assert made(NOW, YEAR_BEFORE, ready(CALL - timedelta(2)))["sue_method"] == "given", "of the same report"
    assert made(NOW)["sue_method"] is None
    late = ready(date(2023, 4, 10))
    assert made(NOW, YEAR_BEFORE, late) == plain, "of December's report, though after the end of March"
    assert made(late)["sue"] == 0.5


def test_figures_per_share_are_compared_over_a_split():
    """Ten for one in between: 8.00 then are 0.80 now."""
    before = {**YEAR_BEFORE, "eps": 8.0, "adjustment": 10.0}
    assert made(NOW, before)["sue"] == pytest.approx(0.5 / 50)
    later_split = {"adjustment": 10.0, "eps": 13.0, "price": 500.0}
    assert made({**NOW, **later_split}, {**before, "adjustment": 100.0, "eps": 80.0})["sue"] == pytest.approx(
        0.5 / 50
    )
    assert made({**NOW, "adjustment": None}, {**YEAR_BEFORE, "adjustment": None})["sue"] == pytest.approx(
        0.01
    )
    assert made(NOW, {**YEAR_BEFORE, "adjustment": None})["sue_reason"] == "no_year_before"


@pytest.mark.parametrize(
    ("changes", "control", "reason"),
    [
        ({"eps": None}, "sue", "no_value"),
        ({"price": None}, "sue", "no_price"),
        ({"price": 0.0}, "sue", "no_price"),
        ({"book_equity": None}, "book_to_market", None),
        ({"sue": 0.02, "eps": None}, "sue", None),
    ],
)
def test_one_control_that_is_missing_costs_no_other_and_no_row(
    changes: dict[str, Any], control: str, reason: str | None
):
    row = made({**NOW, **changes}, YEAR_BEFORE, BETWEEN)
    assert row[f"{control}_reason"] == reason
    assert all(row[c] is not None for c in CONTROLS if c != control)
    if changes.get("sue"):
        assert row["sue"] == 0.02
    if "book_equity" in changes:
        assert row["book_fiscal_date"] == date(2022, 12, 31), "the newest report that has it"


def test_nothing_known_is_a_row_of_reasons():
    assert {made(NOW, permno=None)[f"{c}_reason"] for c in CONTROLS} == {"no_permno"}
    row = made(permno=1, source=False)
    assert row["sue_reason"] == row["book_to_market_reason"] == "no_source"
    assert row["momentum"] is not None
    row = made(NOW, YEAR_BEFORE, permno=77)
    assert {c: row[f"{c}_reason"] for c in CONTROLS} == {
        "sue": "not_known", "log_size": "no_returns", "book_to_market": "not_known", "momentum": "no_returns",
        "volatility": "no_returns",
    }  # fmt: skip
    assert made(NOW, {**YEAR_BEFORE, "fiscal_date": date(2022, 5, 31)})["sue_reason"] == "no_year_before"
    assert made({**NOW, "book_equity": None})["book_to_market_reason"] == "no_value"


def test_windows_are_trading_days_and_need_enough_of_them():
    """120 days of the calendar hold some 83 trading days: with only these, 90 are not there."""
    returns = RETURNS.copy()
    returns[0, : int(np.searchsorted(DAYS, np.datetime64(CALL - timedelta(120))))] = np.nan
    market = grid(returns, CAPS)
    asked = {"first_day": -90, "last_day": -1}
    assert made(market=market, min_days=90, **asked)["momentum_reason"] == "too_few_days"
    assert made(market=MARKET, min_days=90, **asked)["momentum_reason"] is None
    assert ControlParams(first_day=-90).days_before == 90
    assert made(market=market, min_days=40, **asked)["volatility"] == pytest.approx(
        np.std(returns[0, ZERO - 90 : ZERO][np.isfinite(returns[0, ZERO - 90 : ZERO])], ddof=1)
    )


def test_the_market_value_is_of_before_the_call_and_at_most_a_week_old():
    caps = CAPS.copy()
    caps[0, ZERO - 3 : ZERO - 1] = np.nan
    row = made(NOW, market=grid(RETURNS, caps))
    assert row["log_size"] == pytest.approx(log(caps[0, ZERO - 4]))
    assert row["log_size_known_date"] == day(ZERO - 4)
    caps[0, ZERO - 9 : ZERO - 1] = np.nan
    row = made(NOW, market=grid(RETURNS, caps))
    assert row["log_size_reason"] == row["book_to_market_reason"] == "no_market_value"
    assert row["momentum"] is not None
    caps[0, ZERO - 1 :] *= 3
    assert made(NOW, market=grid(RETURNS, caps)) == row, "nothing of the call's own days"


def test_old_reports_are_stale():
    row = made(BETWEEN, reported(date(2021, 12, 31), date(2022, 2, 8)), max_sue_age=80, max_book_age=85)
    assert row["sue_reason"] == "stale"
    assert row["book_to_market_reason"] == "stale"
    with pytest.raises(ValueError, match="first_day"):
        made(first_day=-10, last_day=-20)


def test_without_market_data_the_reports_still_count():
    row = made(NOW, YEAR_BEFORE, market=market_grid([DAILY.empty_table()], [FACTORS.empty_table()]))
    assert row["sue"] == pytest.approx(0.01)
    assert row["log_size_reason"] == row["momentum_reason"] == row["book_to_market_reason"] == "no_returns"
