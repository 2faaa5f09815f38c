"""Do event studies find what was planted, and nothing where there is nothing? Simulated, with known answers.

`python -m benchmarks.event_truth --page docs/returns.md` plants the sample's effects of tone in 200 draws of returns
around the sample's calls and estimates them with the methods of `event_study`; it then draws returns without any effect
and counts how often each statistic rejects at 5%: with event dates spread, clustered on few dates, with a variance that
rises on the event, and over a window so long that events overlap. The tables replace those between the page's marks.
About 10 minutes.
"""

from __future__ import annotations

import argparse
import json
import time
from collections import defaultdict
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from benchmarks.measure import markdown
from ftm_assets.methods.returns import event_statistics as statistics
from ftm_assets.methods.returns.clustered_errors import group_means, p_value, regress
from ftm_assets.methods.returns.event_choices import EventStudyParams
from ftm_assets.methods.returns.event_paths import Paths, event_paths
from ftm_assets.methods.returns.event_samples import Events, Sample, Toned
from ftm_assets.methods.returns.event_tests import build_event_study
from ftm_assets.methods.returns.event_windows import ReturnsParams, Window
from ftm_assets.methods.returns.market_arrays import Market
from ftm_resources import quarters
from ftm_resources.sources.returns.market_sample import PLANTED
from ftm_resources.sources.sample.firms import Quarter, holder, make_firm
from ftm_resources.sources.sample.speech import make_transcripts
from ftm_resources.trading_days import TradingDays, exchange_days

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    Floats = NDArray[np.float64]
    Ints = NDArray[np.int64]

LEVEL = 0.05
OWN_SD = 0.02
"""Standard deviation of a firm's own daily return."""
FACTOR_SD = (0.010, 0.005, 0.005, 0.007)
SEED = 7
EFFECTS = {theme: effect for theme, effect in PLANTED.items() if effect.day_0 or effect.day_1}
"""The sample's themes that move returns within the window [0,+1]."""
MARK = "<!-- event_truth: {} -->"


@dataclass(frozen=True)
class Scenario:
    """How event dates and returns are drawn when there is nothing to find."""

    name: str
    dates: int
    """Dates on which the events fall."""
    window: Window = field(default=Window(0, 1))
    variance: float = 1.0
    """Variance on the days of the window, as a multiple of that before."""
    correlation: float = 0.02
    """Between the abnormal returns of any two firms on a day."""
    n: int = 200
    """Events, each of another firm."""


SCENARIOS = (
    Scenario("dates spread over a year", 250),
    Scenario("clustered on 30 dates", 30),
    Scenario("clustered on 5 dates", 5),
    Scenario("variance doubles on the event", 250, variance=2.0),
    Scenario("both: 30 dates, variance doubles", 30, variance=2.0),
    Scenario("window [+2,+60], dates spread", 250, window=Window(2, 60)),
)


def simulate(scenario: Scenario, rng: np.random.Generator) -> tuple[Paths, Ints, Ints, Floats]:
    """Return the paths of a draw without effect, the days of its events, their firms and their tone.

    Tone has a part that all events of a date share, so that dates matter to its standard error.
    """
    n_days = 252 + 270 + 70
    first = 255 + rng.integers(0, 5)
    dates = np.sort(rng.choice(np.arange(first, first + 250), scenario.dates, replace=False))
    place = rng.integers(0, scenario.dates, scenario.n)
    zero = dates[place]
    common = rng.normal(0, OWN_SD * np.sqrt(scenario.correlation), n_days)
    own = rng.normal(0, OWN_SD * np.sqrt(1 - scenario.correlation), (scenario.n, n_days)) + common
    if scenario.variance != 1.0:
        for day in range(scenario.window.first, scenario.window.last + 1):
            own[np.arange(scenario.n), zero + day] *= np.sqrt(scenario.variance)
    factors = np.column_stack([rng.normal(0, sd, n_days) for sd in FACTOR_SD])
    returns = 0.0001 + rng.normal(1.0, 0.3, (scenario.n, 1)) * factors[:, 0] + own
    market = _market(returns, factors)
    params = ReturnsParams(models=["market_model"], windows=[str(scenario.window)])
    firm = np.arange(scenario.n)
    paths = event_paths(
        market, firm, zero, params, [scenario.window], scenario.window, is_linked=np.ones(scenario.n, bool)
    )["market_model"]
    tone = rng.normal(0, 0.2, scenario.dates)[place] + rng.normal(0, 0.3, scenario.n)
    return paths, zero, firm, tone


def _market(returns: Floats, factors: Floats) -> Market:
    n, days = returns.shape
    return Market(
        row={i: i for i in range(n)},
        returns=returns,
        factors=factors,
        rf=np.full(days, 0.0001),
        first=np.zeros(n, dtype=np.int64),
        last=np.full(n, days - 1),
        end=days - 1,
    )


def p_values(paths: Paths, zero: Ints, firm: Ints, tone: Floats, length: int) -> dict[str, float]:
    """Return the two-sided p-value of each test of a draw."""
    from scipy.stats import norm
    from scipy.stats import t as student

    n, car = len(zero), paths.car[:, 0]
    scar = car / paths.sd[:, 0]
    ranked = statistics.ranks(paths.residuals, paths.around)
    standard = statistics.bmp(scar)
    (overlap,) = statistics.overlaps(statistics.standardised(paths.residuals), zero, [length])
    everyone = _mean_correlation(paths.residuals, zero)
    clusters = min(len(np.unique(zero)), len(np.unique(firm)))
    mean, spread = group_means(car, np.zeros(n, dtype=np.int64), 1, firm, zero)
    slope = regress(car, tone, firm, zero)
    centred = tone - tone.mean()
    plain = (centred @ car) / (centred @ centred)
    left = car - car.mean() - plain * centred
    classical = np.sqrt(left @ left / (n - 2) / (centred @ centred))
    of = {
        "Patell": 2 * norm.sf(abs(statistics.patell(scar, paths.spare))),
        "BMP": 2 * student.sf(abs(standard), n - 1),
        "Kolari-Pynnönen, all pairs": _student(statistics.kolari_pynnonen(standard, everyone, n), n),
        "Kolari-Pynnönen, overlapping": _student(
            statistics.kolari_pynnonen(standard, overlap.correlation, n), n
        ),
        "rank": 2 * norm.sf(abs(statistics.rank_statistic(ranked, length))),
        "mean CAR, clustered": p_value(float(mean[0] / np.sqrt(spread[0, 0])), clusters),
        "tone, classical": 2 * student.sf(abs(plain / classical), n - 2),
        "tone, clustered": p_value(slope.coefficient / slope.std_error, clusters),
    }
    return {name: float(p) for name, p in of.items()}


def _student(statistic: float, n: int) -> float:
    from scipy.stats import t as student

    return float(2 * student.sf(abs(statistic), n - 1))


def _mean_correlation(residuals: NDArray[np.float32], zero: Ints) -> float:
    """Return the mean correlation over all pairs, on the days that both estimation windows have: as published."""
    window = residuals.shape[1]
    (start, end) = zero.min(), zero.max() + window
    by_day = np.full((len(zero), end - start), np.nan)
    for i, at in enumerate(zero - start):
        by_day[i, at : at + window] = residuals[i]
    known = np.isfinite(by_day)
    filled = np.where(known, by_day, 0.0)
    products, squares = filled @ filled.T, (filled**2) @ known.T
    correlation = products / np.sqrt(np.maximum(squares * squares.T, 1e-300))
    pairs = ~np.eye(len(zero), dtype=bool) & ((known @ known.T.astype(np.float64)) > 30)
    return float(correlation[pairs].mean())


def sizes(scenario: Scenario, draws: int) -> dict[str, Any]:
    """Return the share of draws in which each test rejects at 5%; a test that cannot be made does not reject."""
    rejected: dict[str, int] = defaultdict(int)
    length = scenario.window.last - scenario.window.first + 1
    for draw in range(draws):
        rng = np.random.default_rng([SEED, SCENARIOS.index(scenario), draw])
        for name, p in p_values(*simulate(scenario, rng), length).items():
            rejected[name] += p < LEVEL
    return {"when there is nothing": scenario.name} | {name: n / draws for name, n in rejected.items()}


@dataclass(frozen=True)
class Calls:
    """The sample's calls of some quarters: days, firms, tone about each theme."""

    days: TradingDays
    firm: Ints
    zero: Ints
    is_after_close: NDArray[np.bool_]
    quarter: Ints
    said: dict[str, tuple[Ints, Ints, Ints]]
    """Theme → calls that speak about it; their positive less negative sentences about it; their sentences about it."""

    def toned(self, theme: str, *, restricted: bool = True) -> Toned:
        """Return the calls of a theme with their tone; by default, those alone in which its effect is planted."""
        at, net, n = self.said[theme]
        totals = np.zeros((2, len(self.firm)))
        for of, own_net, own_n in self.said.values():
            totals[0, of] += own_net
            totals[1, of] += own_n
        left = totals[:, at] - np.stack([net, n])
        others = np.divide(left[0], left[1], out=np.full(len(at), np.nan), where=left[1] > 0)
        is_late = restricted and theme in EFFECTS and EFFECTS[theme].is_after_close_only
        kept = self.is_after_close[at] if is_late else np.ones(len(at), dtype=bool)
        score = (net / n)[kept]
        return Toned(theme, theme, at[kept], {"score": score, "score_given_call": score}, others[kept])


def sample_calls(firms: int, keys: list[str]) -> Calls:
    """Return the calls of the first `firms` places of the sample, with the tone of their true labels."""
    first, last = quarters.bounds(keys[0])[0], quarters.bounds(keys[-1])[1]
    days = exchange_days(date(first.year - 2, first.month, first.day), date(last.year + 1, 1, 31))
    firm, zero, late, quarter = [], [], [], []
    said: dict[str, list[tuple[int, int, int]]] = defaultdict(list)
    for q, key in enumerate(keys):
        for place in range(firms):
            made = make_firm(SEED, place, holder(SEED, place, key))
            for call in make_transcripts(SEED, Quarter.parse(key), made):
                if not call.is_final:
                    continue
                event = days.event_day(call.at, is_date_only=False)
                signs: dict[str, list[int]] = defaultdict(list)
                for sentence in (s for turn in call.turns for s in turn.sentences if s.theme):
                    sign = {"positive": 1, "negative": -1}.get(sentence.sentiment, 0)
                    signs[sentence.theme.theme_id].append(sign)  # type: ignore[union-attr]
                for theme, own in signs.items():
                    said[theme].append((len(firm), sum(own), len(own)))
                firm.append(place)
                zero.append(event.index)
                late.append(event.rule == "after_close")
                quarter.append(q)
    arrays = {theme: tuple(np.array(own).T) for theme, own in sorted(said.items())}
    return Calls(days, np.array(firm), np.array(zero), np.array(late), np.array(quarter), arrays)  # type: ignore[arg-type]


def returns_of(calls: Calls, themes: list[str], rng: np.random.Generator) -> tuple[Floats, Floats]:
    """Return a draw of the returns of each firm and day, with the effects of some themes, and the factors."""
    n, days = int(calls.firm.max()) + 1, len(calls.days)
    factors = np.column_stack([rng.normal(0, sd, days) for sd in FACTOR_SD])
    loadings = rng.normal((1.0, 0.4, 0.1, 0.0), (0.3, 0.4, 0.4, 0.2), (n, 4))
    returns = 0.0001 + loadings @ factors.T + rng.normal(0, OWN_SD, (n, days))
    for theme in themes:
        effect, one = EFFECTS[theme], calls.toned(theme)
        where, tone = (calls.firm[one.at], calls.zero[one.at]), one.tone["score"]
        np.add.at(returns, where, effect.day_0 * tone)
        np.add.at(returns, (where[0], where[1] + 1), effect.day_1 * tone)
    return returns, factors


def tested(
    calls: Calls, planted: list[str], themes: list[str], study: EventStudyParams, rng: np.random.Generator
) -> list[dict[str, Any]]:
    """Return the rows of `event_study` of these themes in a draw with the planted effects, of events and [0,+1]."""
    window, before = Window(0, 1), Window(-3, -2)
    returns, factors = returns_of(calls, planted, rng)
    params = ReturnsParams(models=["carhart"], windows=[str(window)])
    n = len(calls.firm)
    paths = event_paths(
        _market(returns, factors), calls.firm, calls.zero, params, [window, before], Window(-3, 2),
        is_linked=np.ones(n, dtype=bool),
    )  # fmt: skip
    events = Events(
        calls.firm, calls.quarter, [window, before], Sample(calls.zero, paths), Sample(calls.zero, {})
    )
    rows, _ = build_event_study(
        events, {"quarter": [calls.toned(t) for t in themes]}, study, quarter="2022Q4"
    )
    return [r for r in rows.to_pylist() if r["sample"] == "event" and r["reason"] is None]


def recovered(firms: int, draws: int) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """Return a row per planted effect and measure of tone, and a row per measure for the themes without effect.

    Each theme's effect is planted alone, and then those of all four together.
    """
    calls = sample_calls(firms, quarters.between("2022Q1", "2022Q4"))
    tones = ["score", "score_given_call"]
    study = EventStudyParams(definitions=["quarter"], tones=tones, draws=499)
    estimates: dict[tuple[str, str, str], list[dict[str, Any]]] = defaultdict(list)
    still: dict[str, list[list[dict[str, Any]]]] = defaultdict(list)
    for draw in range(draws):
        for k, theme in enumerate(EFFECTS):
            for row in tested(calls, [theme], [theme], study, np.random.default_rng([SEED, k, draw])):
                estimates[theme, "alone", row["tone"]].append(row)
        rows = tested(calls, list(EFFECTS), list(calls.said), study, np.random.default_rng([SEED, 9, draw]))
        for tone in tones:
            own = [r for r in rows if r["tone"] == tone]
            for row in (r for r in own if r["series_id"] in EFFECTS):
                estimates[row["series_id"], "with the others", tone].append(row)
            still[tone].append([r for r in own if r["series_id"] not in EFFECTS])
    table = []
    for (theme, how, tone), found in sorted(estimates.items()):
        b, error = (np.array([r[c] for r in found]) for c in ("coefficient", "std_error"))
        truth = EFFECTS[theme].day_0 + EFFECTS[theme].day_1
        late = ", calls after the close" if EFFECTS[theme].is_after_close_only else ""
        table.append(
            {
                "theme": theme + late,
                "planted": how,
                "tone": tone,
                "calls": found[0]["n_events"],
                "effect": truth,
                "mean estimate": float(b.mean()),
                "mean standard error": float(error.mean()),
                "sd of estimates": float(b.std(ddof=1)),
                "within two standard errors": float((np.abs(b - truth) < 2 * error).mean()),
                "p < 5%": float(np.mean([r["p"] < LEVEL for r in found])),
                "Romano-Wolf p < 5%": float(np.mean([r["p_romano_wolf"] < LEVEL for r in found])),
            }
        )
    nothing = [
        {
            "tone": tone,
            "themes without effect": len(families[0]),
            "rejected": float(np.mean([r["p"] < LEVEL for rows in families for r in rows])),
            "draws with any rejected": float(
                np.mean([any(r["p"] < LEVEL for r in rows) for rows in families])
            ),
            "with any, by Romano-Wolf": float(
                np.mean([any(r["p_romano_wolf"] < LEVEL for r in rows) for rows in families])
            ),
        }
        for tone, families in still.items()
    ]
    return table, nothing


def replace_between(text: str, mark: str, tables: str) -> str:
    """Return the page's text with what stands between two marks replaced; ValueError if it lacks them."""
    begin, end = MARK.format(f"{mark} begin"), MARK.format(f"{mark} end")
    if begin not in text or end not in text:
        raise ValueError(f"the page has no {begin} and {end}")
    before, _, rest = text.partition(begin)
    return f"{before}{begin}\n\n{tables}\n\n{end}{rest.partition(end)[2]}"


def main() -> None:
    """Run the simulations and write the tables."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.event_truth", description=__doc__)
    parser.add_argument("--draws", type=int, default=1000, help="draws per scenario without effect")
    parser.add_argument("--recoveries", type=int, default=200, help="draws with the planted effects")
    parser.add_argument("--firms", type=int, default=300, help="firms of the sample, four quarters each")
    parser.add_argument("--page", type=Path, help="page whose tables are replaced, docs/returns.md")
    parser.add_argument("--out", type=Path, help="file for the results, JSON")
    parser.add_argument("--read", type=Path, help="file of an earlier run's results, instead of simulating")
    options = parser.parse_args()
    parts: dict[str, Callable[[], Any]] = {
        "size": lambda: [sizes(s, options.draws) for s in SCENARIOS],
        "recovery": lambda: recovered(options.firms, options.recoveries),
    }
    results = json.loads(options.read.read_text()) if options.read else {}
    for name, run in ({} if options.read else parts).items():
        started = time.perf_counter()
        results[name] = run()
        print(f"{name}: {time.perf_counter() - started:.0f} s", flush=True)
    table, nothing = results["recovery"]
    tables = {
        "size": markdown(_transposed(results["size"])),
        "recovery": markdown(table),
        "nothing": markdown(nothing),
    }
    print("\n\n".join(tables.values()))
    if options.out:
        options.out.write_text(json.dumps(results, indent=1))
    if options.page:
        text = options.page.read_text()
        for mark, made in tables.items():
            text = replace_between(text, mark, made)
        options.page.write_text(text)


def _transposed(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return a row per test and a column per scenario."""
    head, *tests = rows[0]
    return [{"test": test} | {r[head]: r[test] for r in rows} for test in tests]


if __name__ == "__main__":
    main()
