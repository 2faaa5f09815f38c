"""The sample's market data: the same in every span, with the effects that were planted and no others."""

from datetime import date

import numpy as np
import pyarrow as pa
import pytest

from ftm_resources.quarters import NEW_YORK
from ftm_resources.sources.returns import market_sample
from ftm_resources.sources.returns.market_sample import PLANTED, Effect, SampleMarket
from ftm_resources.sources.sample.corpus import corpus
from ftm_resources.sources.sample.firms import FIRST_PERMNO, firm_number
from ftm_resources.sources.sample.generated import SampleSource
from ftm_resources.tables.returns_tables import DAILY, FACTORS
from ftm_resources.trading_days import exchange_days

FIRMS = 8
QUARTER = "2023Q1"
SPAN = (date(2023, 1, 3), date(2023, 4, 5))
PERMNOS = [FIRST_PERMNO + i for i in range(FIRMS)]


def returns(
    market: SampleMarket, first: date = SPAN[0], last: date = SPAN[1]
) -> dict[tuple[int, date], float | None]:
    rows = pa.concat_tables(market.daily(PERMNOS, first, last)).to_pylist()
    return {(r["permno"], r["date"]): r["ret"] for r in rows}


def test_rows_have_the_schema_and_one_per_firm_and_trading_day():
    market = SampleMarket(FIRMS, 7)
    asked = [*PERMNOS, 1, FIRST_PERMNO + FIRMS, FIRST_PERMNO + firm_number(FIRMS, 1)]
    rows = pa.concat_tables(market.daily(asked, *SPAN))
    days = exchange_days(*SPAN)
    assert rows.schema.equals(DAILY)
    assert rows.num_rows == FIRMS * len(days)
    factors = market.factors(*SPAN)
    assert factors.schema.equals(FACTORS)
    assert factors.column("date").to_pylist() == days.days.tolist()


def test_a_day_has_the_same_return_whatever_span_it_is_read_in():
    whole = returns(SampleMarket(FIRMS, 7))
    part = returns(SampleMarket(FIRMS, 7), date(2023, 2, 8), date(2023, 3, 1))
    assert part == {k: v for k, v in whole.items() if date(2023, 2, 8) <= k[1] <= date(2023, 3, 1)}
    assert SampleMarket(FIRMS, 7).factors(*SPAN).slice(20, 5) == SampleMarket(2, 7).factors(
        exchange_days(*SPAN).days[20].astype(date), exchange_days(*SPAN).days[24].astype(date)
    )
    assert returns(SampleMarket(FIRMS, 8)) != whole


def test_the_market_and_a_firm_move_as_they_should():
    factors = SampleMarket(1, 7).factors(date(2010, 1, 1), date(2023, 12, 31))
    market = factors.column("mkt_rf").to_numpy()
    assert market.std() == pytest.approx(0.01, rel=0.05)
    assert abs(np.corrcoef(market[1:], market[:-1])[0, 1]) < 0.05
    assert abs(np.corrcoef(market, factors.column("smb").to_numpy())[0, 1]) < 0.05


def tone(theme: str, quarter: str = QUARTER) -> dict[tuple[str, str], float]:
    """Return the tone of a theme, by company and transcript, from what the sample says it planted."""
    rows = pa.concat_tables(SampleSource(FIRMS).truth(quarter)).to_pylist()
    signs: dict[tuple[str, str], list[int]] = {}
    for r in rows:
        if r["theme_id"] == theme:
            signs.setdefault((r["companyid"], r["transcriptid"]), []).append(
                {"positive": 1, "negative": -1}.get(r["sentiment"], 0)
            )
    return {k: sum(v) / len(v) for k, v in signs.items()}


@pytest.mark.parametrize("is_after_close_only", [False, True])
def test_tone_moves_day_0_and_the_day_after_and_nothing_else(
    monkeypatch: pytest.MonkeyPatch, is_after_close_only: bool
):
    theme = "guidance"
    monkeypatch.setattr(market_sample, "PLANTED", {})
    still = returns(SampleMarket(FIRMS, 7))
    effect = Effect(day_0=0.03, day_1=0.01, is_after_close_only=is_after_close_only)
    monkeypatch.setattr(market_sample, "PLANTED", {theme: effect})
    moved = returns(SampleMarket(FIRMS, 7))
    days = exchange_days(date(2022, 12, 1), date(2023, 4, 30))
    wanted: dict[tuple[int, date], float] = {}
    said = tone(theme)
    calls = {
        (r["companyid"], r["transcriptid"]): r
        for t in SampleSource(FIRMS).components(QUARTER)
        for r in t.to_pylist()
        if r["transcriptcollectiontypename"] == "Proofed Copy"
    }
    for call, row in calls.items():
        event = days.event_day(row["mostimportantdateutc"], is_date_only=False)
        is_late = row["mostimportantdateutc"].astimezone(NEW_YORK).hour >= 16
        if call in said and (is_late or not is_after_close_only):
            permno = FIRST_PERMNO + int(call[0]) - 9_000_000
            for shift, size in ((0, 0.03), (1, 0.01)):
                key = (permno, days.days[event.index + shift].astype(date))
                wanted[key] = wanted.get(key, 0.0) + size * said[call]
    assert wanted, "some calls are about the theme"
    differences = {k: moved[k] - still[k] for k in still if still[k] is not None}  # type: ignore[operator]
    for key, difference in differences.items():
        if SPAN[0] <= key[1] <= SPAN[1]:
            assert difference == pytest.approx(wanted.get(key, 0.0), abs=1.1e-6), key


def test_a_drift_begins_on_day_2_and_lasts_sixty_trading_days(monkeypatch: pytest.MonkeyPatch):
    theme, days = "guidance", exchange_days(date(2022, 9, 1), date(2023, 12, 29))
    monkeypatch.setattr(market_sample, "PLANTED", {theme: Effect(drift=0.001)})
    market, source = SampleMarket(FIRMS, 7), SampleSource(FIRMS)
    wanted = np.zeros((FIRMS, len(days)))
    for quarter in ("2022Q4", QUARTER, "2023Q2"):
        said = tone(theme, quarter)
        rows = (r for t in source.components(quarter) for r in t.to_pylist())
        events = {(r["companyid"], r["transcriptid"]): r["mostimportantdateutc"] for r in rows}
        for call, value in said.items():
            zero = days.event_day(events[call], is_date_only=False).index
            wanted[int(call[0]) - 9_000_000, zero + 2 : zero + 62] += 0.001 * value
    # Calls of the quarters around these three move days before and after those of the three.
    own = slice(*np.searchsorted(days.days, np.array(["2023-01-03", "2023-07-03"], "datetime64[D]")))
    found = np.array([market.effects(number, days) for number in range(FIRMS)])
    np.testing.assert_allclose(found[:, own], wanted[:, own], atol=1e-12)
    assert np.count_nonzero(wanted) > 60 * FIRMS


def test_what_is_planted_are_themes_of_the_sample():
    assert set(PLANTED) < {t.theme_id for t in corpus().themes}
    assert any(e.is_after_close_only for e in PLANTED.values())


def test_a_firm_that_came_after_another_has_returns_of_its_own():
    market, later = SampleMarket(FIRMS, 7), FIRST_PERMNO + firm_number(0, 1)
    own, first = (
        pa.concat_tables(market.daily([p], *SPAN)).column("ret").to_pylist() for p in (later, FIRST_PERMNO)
    )
    assert len(own) == len(first)
    assert own != first
