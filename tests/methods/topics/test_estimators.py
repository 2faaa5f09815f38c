"""The clusterers are estimators of scikit-learn's kind: its own checks, but for what they do otherwise on purpose."""

from collections.abc import Callable
from functools import partial
from typing import Any

import pytest
from sklearn.base import clone  # noqa: TID253
from sklearn.utils.estimator_checks import estimator_checks_generator  # noqa: TID253

from ftm_assets.methods.topics.clustering import GraphClusterer
from ftm_assets.methods.topics.theme_clustering import ThemeClusterer

CLUSTERERS = [GraphClusterer(), ThemeClusterer()]

FAILS = "check_estimators_empty_data_messages"
"""No rows have no labels: a firm may have said nothing. Scikit-learn asks for an error."""

NOT_MEANT = "check_array_api_input"
"""Arrays of other libraries; scikit-learn asks for them only under SCIPY_ARRAY_API=1."""


def named(check: Callable[[Any], None]) -> str:
    return str((check.func if isinstance(check, partial) else check).__name__)  # type: ignore[attr-defined]


def checks(wanted: Callable[[str], bool]) -> list[Any]:
    return [
        pytest.param(estimator, check, id=f"{type(estimator).__name__}-{named(check)}-{i}")
        for clusterer in CLUSTERERS
        for i, (estimator, check) in enumerate(estimator_checks_generator(clusterer))
        if wanted(named(check))
    ]


@pytest.mark.parametrize(("estimator", "check"), checks(lambda name: name not in {FAILS, NOT_MEANT}))
def test_the_checks_of_scikit_learn_pass(estimator: Any, check: Callable[[Any], None]) -> None:
    check(estimator)


@pytest.mark.parametrize(("estimator", "check"), checks(FAILS.__eq__))
def test_the_only_check_that_fails_is_that_no_rows_are_refused(
    estimator: Any, check: Callable[[Any], None]
) -> None:
    with pytest.raises(AssertionError, match="empty data"):
        check(estimator)


@pytest.mark.parametrize("clusterer", CLUSTERERS, ids=lambda c: type(c).__name__)
def test_a_clone_has_the_same_parameters_and_the_seed_is_one_of_them(clusterer: GraphClusterer) -> None:
    one = clone(clusterer).set_params(random_state=7)
    assert clone(one).get_params() == one.get_params()
    assert one.get_params()["random_state"] == 7
