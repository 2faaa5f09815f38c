import numpy as np

from ftm_assets.methods.time.families import FamilyParams, families
from ftm_assets.methods.time.linking import LinkParams, link_quarters
from tests.planted_lineages import planted


def test_series_that_broke_off_are_one_family():
    found = link_quarters(planted(1, n_quarters=12), LinkParams(max_gap=1))
    vectors = np.concatenate([links.themes.vectors for links in found])
    series = [s for links in found for s in links.series_ids]
    lineage = np.array([n.split()[0] for links in found for n in links.themes.names])
    result = families(vectors, series)
    pairs = set(zip(lineage.tolist(), result.labels.tolist(), strict=True))
    assert len(set(series)) > 15, "many broke off"
    assert len(pairs) == 10, "each lineage is one family, and each family one lineage"
    assert result.similarity.min() > 0.5


def test_a_wrong_link_is_mended_and_the_order_of_series_does_not_matter():
    rng = np.random.default_rng(0)
    vectors = np.repeat(np.eye(6)[:2], 5, axis=0) + 0.05 * rng.normal(size=(10, 6))
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    series = ["a"] * 5 + ["b"] * 4 + ["a"]
    result = families(vectors, series)
    assert result.labels.tolist() == [0] * 5 + [1] * 5
    renamed = families(vectors, [{"a": "z", "b": "c"}[s] for s in series])
    assert renamed.labels.tolist() == result.labels.tolist()


def test_nothing_and_one_theme_have_families_too():
    assert len(families(np.zeros((0, 3)), []).labels) == 0
    assert families(np.eye(3)[:1], ["a"]).labels.tolist() == [0]
    assert len(set(families(np.eye(3), ["a", "b", "c"], FamilyParams(join_similarity=1.0)).labels)) == 3


def test_a_vector_of_zero_is_a_family_of_its_own():
    vectors = np.array([[1.0, 0.0], [1.0, 0.0], [0.0, 0.0], [0.0, 0.0]])
    found = families(vectors, ["a", "b", "c", "d"])
    assert found.labels.tolist() == [0, 0, 1, 2]
    assert found.similarity.tolist() == [1, 1, 0, 0]
