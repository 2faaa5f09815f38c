"""The simulations of the event study's page: what they draw, and the tables that they write."""

import numpy as np
import pytest

from benchmarks.event_truth import SCENARIOS, p_values, replace_between, simulate


def test_an_effect_that_is_planted_is_rejected_by_every_test():
    scenario = SCENARIOS[0]
    paths, zero, firm, tone = simulate(scenario, np.random.default_rng(0))
    still = p_values(paths, zero, firm, tone, 2)
    paths.car[:, 0] += 0.03 + 0.05 * tone
    paths.around[:] += 0.015
    moved = p_values(paths, zero, firm, tone, 2)
    assert len(still) == 8
    all_pairs = "Kolari-Pynnönen, all pairs"
    assert all(p < 1e-6 for name, p in moved.items() if name != all_pairs)
    assert still[all_pairs] > moved[all_pairs]


def test_clustered_events_share_their_dates():
    few = next(s for s in SCENARIOS if s.dates == 5)
    _, zero, firm, _ = simulate(few, np.random.default_rng(1))
    assert len(np.unique(zero)) == 5
    assert len(np.unique(firm)) == few.n


def test_tables_are_replaced_between_their_marks():
    page = "a\n<!-- event_truth: size begin -->\nold\n<!-- event_truth: size end -->\nb"
    made = replace_between(page, "size", "new")
    assert "old" not in made
    assert made.startswith("a\n")
    assert made.endswith("-->\nb")
    assert replace_between(made, "size", "new") == made
    with pytest.raises(ValueError, match="recovery begin"):
        replace_between(page, "recovery", "new")
