"""Numbers beside their limits."""

import pytest

from ftm_assets.checks.limits_told import Beside


@pytest.mark.parametrize(
    ("value", "limit", "spec", "shown", "beside"),
    [
        (0.5473, 0.55, ".0%", "54.7%", "55%"),
        (0.54996, 0.55, ".0%", "54.996%", "55%"),
        (0.25, 0.55, ".0%", "25%", "55%"),
        (0.55, 0.55, ".0%", "55%", "55%"),
        (0.2749, 0.2746, ".0%", "27.49%", "27.46%"),
        (0.597, 0.6, ".2f", "0.597", "0.60"),
        (3, 0, ".0f", "3", "0"),
    ],
)
def test_a_number_is_shown_on_its_side_of_the_limit(
    value: float, limit: float, spec: str, shown: str, beside: str
):
    assert (format(Beside(value, limit), spec), format(Beside(limit, value), spec)) == (shown, beside)
    assert (float(shown.rstrip("%")) < float(beside.rstrip("%"))) is (value < limit)
