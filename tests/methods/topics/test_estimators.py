"""The clusterers are estimators of scikit-learn's kind: its own checks, but for what they do otherwise on purpose."""

import pytest
from sklearn.base import clone  # noqa: TID253
from sklearn.utils.estimator_checks import parametrize_with_checks  # noqa: TID253

from ftm_assets.methods.topics.clustering import GraphClusterer
from ftm_assets.methods.topics.theme_clustering import ThemeClusterer

CLUSTERERS = [GraphClusterer(), ThemeClusterer()]


def otherwise(_: object) -> dict[str, str]:
    """Return the checks that must fail, each with the reason."""
    return {
        "check_estimators_empty_data_messages": "no rows have no labels: a firm may have said nothing",
    }


@parametrize_with_checks(CLUSTERERS, expected_failed_checks=otherwise, xfail_strict=True)
def test_the_checks_of_scikit_learn(estimator: object, check) -> None:  # type: ignore[no-untyped-def]
    check(estimator)


@pytest.mark.parametrize("clusterer", CLUSTERERS, ids=lambda c: type(c).__name__)
def test_a_clone_has_the_same_parameters_and_the_seed_is_one_of_them(clusterer: GraphClusterer) -> None:
    one = clone(clusterer).set_params(random_state=7)
    assert clone(one).get_params() == one.get_params()
    assert one.get_params()["random_state"] == 7
