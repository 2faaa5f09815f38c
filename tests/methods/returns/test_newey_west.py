"""Newey-West regressions: agreement with statsmodels and with a case worked out by hand."""

import numpy as np
import pytest

from ftm_assets.methods.returns.newey_west import lags_for, regress


@pytest.mark.parametrize("k", [0, 1, 3, 4])
@pytest.mark.parametrize("lags", [0, 5, None])
def test_it_agrees_with_statsmodels(k: int, lags: int | None):
    import statsmodels.api as sm

    rng = np.random.default_rng(k)
    factors = rng.normal(0, 0.01, (180, k)) * np.array([1, 100, 1e-3, 5])[:k]
    noise = rng.normal(0, 0.01, 181)
    y = (
        0.0004
        + factors @ np.array([1, 0.01, 30, -0.2])[:k]
        + noise[1:] * (1 + rng.random(180))
        + 0.5 * noise[:-1]
    )
    found = regress(y, factors, lags)
    assert found is not None
    used = lags_for(180) if lags is None else lags
    reference = sm.OLS(y, sm.add_constant(factors) if k else np.ones((180, 1))).fit(
        cov_type="HAC", cov_kwds={"maxlags": used, "use_correction": True}, use_t=True
    )
    assert found.n_lags == used
    np.testing.assert_allclose(found.coefficients, reference.params, rtol=1e-10)
    np.testing.assert_allclose(found.se, reference.bse, rtol=1e-10)
    assert found.alpha_t == pytest.approx(reference.tvalues[0], rel=1e-10)
    assert found.alpha_p == pytest.approx(reference.pvalues[0], rel=1e-8)
    if k:
        assert found.r2 == pytest.approx(reference.rsquared, abs=1e-10)


def test_a_mean_by_hand():
    """Residuals are -2, -1, 1, 2 and the one lag weighs a half: (10 + (2 - 1 + 2)) / 16 * 4 / 3."""
    found = regress(np.array([1.0, 2.0, 4.0, 5.0]), np.empty((4, 0)), 1)
    assert found is not None
    assert found.coefficients[0] == pytest.approx(3)
    assert found.se[0] ** 2 == pytest.approx(13 / 16 * 4 / 3)


def test_what_cannot_be_estimated_is_not():
    x = np.random.default_rng(0).normal(size=(50, 2))
    assert regress(x[:, 0], np.column_stack([x[:, 1], 2 * x[:, 1]])) is None
    assert regress(x[:, 0], np.zeros((50, 1))) is None
    assert regress(x[:, 0], np.ones((50, 1))) is None
    assert regress(x[:3, 0], x[:3]) is None, "no degree of freedom"
