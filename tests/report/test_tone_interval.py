import pytest

from ftm_assets.report.tone_interval import intervals


def test_an_interval_needs_a_score_an_error_and_degrees_of_freedom():
    low, high = intervals([0.0, None, 0.5, 0.5], [0.1, 0.1, None, 0.1], [1e9, 5.0, 5.0, None])
    assert low == [pytest.approx(-0.196, abs=1e-4), None, None, None]
    assert high == [pytest.approx(0.196, abs=1e-4), None, None, None]
    assert intervals([], [], []) == ([], [])
