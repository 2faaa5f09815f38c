"""Adjusted p-values: known answers, and that dependence is used."""

import numpy as np
import pytest

from ftm_assets.methods.returns.many_tests import benjamini_hochberg, romano_wolf


def scores(dates: int, n: int, seed: int) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=(dates, n))


def statistics(of: np.ndarray) -> np.ndarray:
    return np.asarray(of.sum(axis=0) / np.sqrt((of**2).sum(axis=0)))


def test_false_discovery_rates_of_the_original_example():
    """The fifteen p-values of Benjamini & Hochberg 1995: four are significant at 5%."""
    p = [0.0001, 0.0004, 0.0019, 0.0095, 0.0201, 0.0278, 0.0298, 0.0344, 0.0459, 0.3240, 0.4262, 0.5719, 0.6528,
         0.7590, 1.0000]  # fmt: skip
    q = benjamini_hochberg(np.array(p))
    assert (q < 0.05).sum() == 4
    assert q[3] == pytest.approx(0.0095 * 15 / 4)
    assert benjamini_hochberg(np.zeros(0)).tolist() == []


def test_one_test_has_its_own_p_value():
    one = scores(60, 1, 1)
    p = romano_wolf(np.array([2.0]), one, draws=4999, seed=0)[0]
    assert p == pytest.approx(0.05, abs=0.02)


def test_copies_of_a_series_cost_nothing_and_other_series_do():
    one = scores(80, 1, 2)
    copies, others = np.repeat(one, 20, axis=1), np.column_stack([one, scores(80, 19, 3)])
    t = np.full(20, 2.4)
    alone = romano_wolf(t[:1], one, draws=1999, seed=0)[0]
    assert romano_wolf(t, copies, draws=1999, seed=0) == pytest.approx([alone] * 20)
    apart = romano_wolf(np.array([2.4, *[0.1] * 19]), others, draws=1999, seed=0)[0]
    assert apart > 5 * alone
    assert apart == pytest.approx(1 - (1 - alone) ** 20, abs=0.08)


def test_p_values_rise_with_falling_t_whatever_the_order():
    of = scores(50, 6, 4)
    t = np.array([0.3, 3.5, -2.0, 1.0, -4.0, 0.0])
    p = romano_wolf(t, of, draws=999, seed=5)
    assert p[np.argsort(-np.abs(t))].tolist() == sorted(p.tolist())
    order = np.array([4, 2, 0, 5, 1, 3])
    assert romano_wolf(t[order], of[:, order], draws=999, seed=5).tolist() == p[order].tolist()
    assert romano_wolf(np.zeros(0), np.zeros((5, 0)), draws=99, seed=0).tolist() == []


def test_any_false_rejection_among_twenty_is_as_rare_as_promised():
    hits = 0
    for seed in range(300):
        rng = np.random.default_rng(seed)
        of = rng.normal(size=(60, 1)) * 0.7 + rng.normal(size=(60, 20))
        hits += romano_wolf(statistics(of), of, draws=199, seed=seed).min() <= 0.05
    assert hits / 300 < 0.05 + 3 * (0.05 * 0.95 / 300) ** 0.5
    assert hits > 0, "a test that never rejects would pass too"
