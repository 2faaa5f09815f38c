"""Regressions with clustered errors: exact arithmetic, other packages, and the trap of classical errors."""

import sys
from fractions import Fraction

import numpy as np
import pytest
from statsmodels.api import OLS, add_constant  # noqa: TID253

from ftm_assets.methods.returns.clustered_errors import (
    group_mean_paths,
    group_means,
    p_value,
    regress,
    within,
)
from ftm_resources.extras import MissingExtraError

Y = [Fraction(n, 1000) for n in (12, -7, 30, 4, -15, 22, 9, -3, 18, -21, 6, 11)]
X = [Fraction(n, 10) for n in (3, -2, 6, 1, -4, 5, 0, 2, 7, -6, -1, 4)]
FIRM = [0, 0, 1, 1, 2, 2, 3, 3, 4, 4, 5, 5]
DATE = [0, 1, 0, 2, 1, 2, 0, 3, 1, 3, 2, 3]


def by_hand() -> tuple[Fraction, Fraction]:
    """The slope and its two-way clustered variance of the twelve events, in exact arithmetic."""
    n = len(Y)
    mean = sum(X, Fraction(0)) / n
    x = [v - mean for v in X]
    square = sum((v * v for v in x), Fraction(0))
    b = sum((u * v for u, v in zip(x, Y, strict=True)), Fraction(0)) / square
    a = sum(Y, Fraction(0)) / n - b * mean
    left = [y - a - b * v for y, v in zip(Y, X, strict=True)]
    total = Fraction(0)
    for groups, sign in ((FIRM, 1), (DATE, 1), (list(zip(FIRM, DATE, strict=True)), -1)):
        names = set(groups)
        sums = [sum((x[i] * left[i] for i in range(n) if groups[i] == g), Fraction(0)) for g in sorted(names)]
        total += sign * Fraction(len(names), len(names) - 1) * sum((s * s for s in sums), Fraction(0))
    return b, Fraction(n - 1, n - 2) * total / square**2


def arrays() -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    return np.array(Y, float), np.array(X, float), np.array(FIRM), np.array(DATE)


def test_twelve_events_agree_with_exact_arithmetic():
    b, variance = by_hand()
    found = regress(*arrays())
    assert found.coefficient == pytest.approx(float(b), abs=1e-12)
    assert found.std_error == pytest.approx(float(variance) ** 0.5, abs=1e-12)


def drawn(n: int = 300, seed: int = 0) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    firm, date = rng.integers(0, 60, n), rng.integers(0, 25, n)
    x = rng.normal(size=n) + rng.normal(size=25)[date]
    return 0.1 * x + rng.normal(size=n) + rng.normal(size=25)[date], x, firm, date


def test_the_covariance_of_means_is_that_of_linearmodels():
    """By both clusters, by firm and by date, of each column; two groups are an intercept and a slope."""
    y, x, firm, date = drawn()
    high = (x > 0).astype(float)
    columns = np.column_stack([y, y**2, np.roll(y, 1)])
    _, spread = group_mean_paths(columns, high.astype(int), 2, firm, date)
    of = {0: (firm, date), 1: (firm, np.arange(len(y))), 2: (np.arange(len(y)), date)}
    for kind, clusters in of.items():
        for column in range(3):
            found = regress(columns[:, column], high, *clusters)
            gap = spread[kind, 1, 1, column] + spread[kind, 0, 0, column] - 2 * spread[kind, 0, 1, column]
            assert gap**0.5 == pytest.approx(found.std_error, rel=1e-10)


def test_statsmodels_agrees_by_one_cluster():
    """With a date per event, clustering by both is clustering by firm."""
    y, x, firm, _ = drawn()
    fitted = OLS(y, add_constant(x)).fit(cov_type="cluster", cov_kwds={"groups": firm})
    found = regress(y, x, firm, np.arange(len(y)))
    assert found.coefficient == pytest.approx(fitted.params[1], rel=1e-10)
    assert found.std_error == pytest.approx(fitted.bse[1], rel=1e-10)
    assert found.r_squared == pytest.approx(fitted.rsquared, rel=1e-10)


def test_events_said_twice_make_no_test_stronger():
    """Classical errors fall by half if every event is there four times; clustered ones do not."""
    y, x, firm, date = drawn()
    one, four = regress(y, x, firm, date), regress(*(np.tile(v, 4) for v in (y, x, firm, date)))
    assert four.coefficient == pytest.approx(one.coefficient)
    assert four.std_error == pytest.approx(one.std_error, rel=0.01)
    classical = [OLS(np.tile(y, k), add_constant(np.tile(x, k))).fit().bse[1] for k in (1, 4)]
    assert classical[1] == pytest.approx(classical[0] / 2, rel=0.01)


def test_errors_that_a_date_shares_widen_the_error():
    y, x, firm, date = drawn()
    classical = OLS(y, add_constant(x)).fit().bse[1]
    assert regress(y, x, firm, date).std_error > 1.5 * classical


def test_fixed_effects_are_those_of_indicators():
    y, x, firm, date = drawn()
    effects = (firm, date % 4)
    indicators = np.column_stack([(e[:, None] == np.unique(e)[None, :]).astype(float) for e in effects])
    whole = np.column_stack([x, indicators])
    b = np.linalg.lstsq(whole, y, rcond=None)[0][0]
    found = regress(y, x, firm, date, effects=effects)
    assert found.coefficient == pytest.approx(b, rel=1e-8)
    own = [within(v, effects) for v in (x, y)]
    assert own[0] @ own[1] / (own[0] @ own[0]) == pytest.approx(b, rel=1e-8)


def test_controls_are_held_constant():
    y, x, firm, date = drawn()
    z = x + np.random.default_rng(1).normal(size=len(x))
    y = y + 2 * z
    b = np.linalg.lstsq(np.column_stack([np.ones(len(x)), x, z]), y, rcond=None)[0][1]
    found = regress(y, x, firm, date, controls=[z])
    assert found.coefficient == pytest.approx(b, rel=1e-10)
    own = [within(v, (), [z]) for v in (x, y)]
    assert own[0] @ own[1] / (own[0] @ own[0]) == pytest.approx(b, rel=1e-10)
    both = regress(y, x, firm, date, controls=[z], effects=[firm])
    own = [within(v, [firm], [z]) for v in (x, y)]
    assert both.coefficient == pytest.approx(own[0] @ own[1] / (own[0] @ own[0]), rel=1e-8)


def test_group_means_are_those_of_a_regression_on_indicators():
    y, x, firm, date = drawn()
    group = np.digitize(x, [-0.5, 0.5])
    means, spread = group_means(y, group, 3, firm, date)
    assert means == pytest.approx([y[group == k].mean() for k in range(3)])
    high = (group == 2).astype(float)
    outer = group != 1
    slope = regress(y[outer], high[outer], firm[outer], date[outer])
    assert slope.coefficient == pytest.approx(means[2] - means[0])
    variance = spread[2, 2] + spread[0, 0] - 2 * spread[0, 2]
    n, kept = len(y), int(outer.sum())
    # The correction for the number of events is that of all three groups here, and of two there.
    ratio = ((n - 1) / (n - 3)) / ((kept - 1) / (kept - 2))
    assert variance**0.5 == pytest.approx(slope.std_error * ratio**0.5, rel=0.01)


def test_groups_without_events_have_no_mean():
    means, spread = group_means(np.array([1.0, 2.0]), np.array([0, 0]), 2, np.array([0, 1]), np.array([0, 1]))
    assert (means[0], np.isnan(means[1]), np.isnan(spread[1]).all()) == (1.5, True, True)
    means, spread = group_means(np.array([1.0]), np.array([1]), 2, np.array([0]), np.array([0]))
    assert means[1] == 1.0
    assert np.isnan(spread).all()


def test_a_perfect_fit_has_no_standard_error():
    _, x, firm, date = drawn()
    assert np.isnan(regress(2 * x, x, firm, date).std_error)


def test_few_clusters_have_wide_tails():
    assert p_value(2.0, 5) > 0.1 > p_value(2.0, 50) > 0.05
    assert np.isnan(p_value(float("nan"), 50))


def test_a_missing_package_is_named_with_its_extra(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setitem(sys.modules, "linearmodels", None)
    with pytest.raises(MissingExtraError, match=r"pip install .* '\.\[returns\]'"):
        regress(*arrays())
