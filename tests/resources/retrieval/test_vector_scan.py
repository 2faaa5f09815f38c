import numpy as np
import pytest
from numpy.typing import NDArray

from ftm_resources.retrieval import vector_scan
from ftm_resources.retrieval.vector_scan import ExactVectors, ScannedVectors, codes_of, signs_of


def rows(n: int, dimension: int = 384, seed: int = 0) -> NDArray[np.float32]:
    """Vectors of few true dimensions, some noise, and a mean that all share, as sentences have."""
    spread = np.random.default_rng(99).normal(size=(24, dimension))
    rng = np.random.default_rng(seed)
    made = rng.normal(size=(n, 24)) @ spread + rng.normal(size=(n, dimension)) + 2
    return (made / np.linalg.norm(made, axis=1, keepdims=True)).astype(np.float32)


def scanned(vectors: NDArray[np.float32]) -> ScannedVectors:
    mean = vectors.mean(axis=0) if len(vectors) else np.zeros(vectors.shape[1], np.float32)
    return ScannedVectors(signs_of(vectors, mean), *codes_of(vectors), mean)


@pytest.fixture
def few_are_rated(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(vector_scan, "RATE_ALL_UP_TO", 50)
    monkeypatch.setattr(vector_scan, "CANDIDATES", 1000)
    monkeypatch.setattr(vector_scan, "BLOCK", 999)


@pytest.mark.usefixtures("few_are_rated")
def test_the_scan_finds_nearly_all_that_comparing_every_vector_finds():
    held = rows(20_000)
    scan, exact = scanned(held), ExactVectors(held)
    recalls = []
    for query in rows(50, seed=1):
        found, cosines = scan.nearest(query, 10)
        truth, _ = exact.nearest(query, 10)
        assert (np.diff(cosines) <= 0).all()
        np.testing.assert_allclose(cosines, held[found] @ query, atol=0.005)
        recalls.append(len({*found.tolist()} & {*truth.tolist()}) / 10)
    assert np.mean(recalls) >= 0.95


@pytest.mark.usefixtures("few_are_rated")
def test_a_mask_holds_before_ranking():
    held, rng = rows(20_000), np.random.default_rng(2)
    mask = rng.random(20_000) < 0.05
    query = rows(1, seed=3)[0]
    found, _ = scanned(held).nearest(query, 10, mask)
    truth, _ = ExactVectors(held).nearest(query, 10, mask)
    assert mask[found].all()
    assert len(found) == 10
    assert len({*found.tolist()} & {*truth.tolist()}) >= 9
    rare = np.zeros(20_000, np.bool_)
    rare[[5, 17_000]] = True
    assert sorted(scanned(held).nearest(query, 10, rare)[0].tolist()) == [5, 17_000]
    none = np.zeros(20_000, np.bool_)
    assert len(scanned(held).nearest(query, 10, none)[0]) == 0


@pytest.mark.parametrize("of", [scanned, ExactVectors])
@pytest.mark.parametrize("n", [0, 1, 7])
def test_more_than_there_are_is_all_there_are(of: type, n: int):
    held = rows(7)[:n]
    found, cosines = of(held).nearest(rows(1, seed=4)[0], 10)
    assert sorted(found.tolist()) == list(range(n))
    assert len(cosines) == n


@pytest.mark.parametrize("of", [scanned, ExactVectors])
def test_equal_vectors_come_in_the_order_of_their_rows(of: type):
    held = np.repeat(rows(1), 300, axis=0)
    assert of(held).nearest(held[0], 5)[0].tolist() == [0, 1, 2, 3, 4]


@pytest.mark.parametrize("dimension", [1, 63, 64, 65, 384])
def test_signs_are_one_bit_per_dimension(dimension: int):
    held = rows(5, dimension)
    signs = signs_of(held, np.zeros(dimension, np.float32))
    assert signs.shape == (-(-dimension // 64), 5)
    assert np.bitwise_count(signs).sum(axis=0).tolist() == (held > 0).sum(axis=1).tolist()


def test_a_zero_vector_has_no_scale():
    codes, _, scales = codes_of(np.zeros((2, 3), np.float32))
    assert scales.tolist() == [0.0, 0.0]
    assert not codes.any()
    assert scanned(np.zeros((2, 3), np.float32)).similarities(np.arange(2), rows(1, 3)[0]).tolist() == [0, 0]


@pytest.mark.parametrize("dimension", [1, 2, 63, 384])
def test_cosines_of_stored_vectors_are_right_to_a_ten_thousandth(dimension: int):
    held, query = rows(200, dimension), rows(1, dimension)[0]
    found = scanned(held).similarities(np.arange(200), query)
    assert found == pytest.approx(held @ query, abs=4e-4 if dimension < 3 else 2e-4)


def test_rows_that_bytes_cannot_tell_apart_are_ranked_by_what_bytes_leave():
    """Cosines that differ by less than a byte's rounding: the ten best by bytes alone are others."""
    rng = np.random.default_rng(1)
    query = rows(1, 384)[0]
    apart = rng.standard_normal((3000, 384)).astype(np.float32)
    apart -= (apart @ query)[:, None] * query
    apart /= np.linalg.norm(apart, axis=1, keepdims=True)
    cosines = np.linspace(0.2, 0.8, 3000, dtype=np.float32)[:, None]
    held = cosines * query + np.sqrt(1 - cosines**2) * apart
    wanted = set(range(2990, 3000))
    found, _ = scanned(held).nearest(query, 10)
    roughly = np.argsort(-scanned(held)._roughly(np.arange(3000), query))[:10]
    assert set(found.tolist()) == wanted
    assert len(wanted & set(roughly.tolist())) < 10
