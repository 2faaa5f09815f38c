import numpy as np
import pytest

from ftm_resources.retrieval.calibration import AS_IT_IS, BACKGROUND, Sample, Scale, scale_of
from ftm_resources.retrieval.vector_scan import ExactVectors


def unit(rows: np.ndarray) -> np.ndarray:
    return (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32)


def test_the_usual_best_hit_of_a_level_scores_alike_in_all():
    """A level whose rows all lie near to each other, and one whose rows do not: their cosines cannot be compared."""
    rng = np.random.default_rng(0)
    near, far = unit(rng.normal(size=(2000, 32)) + 2), unit(rng.normal(size=(2000, 32)) + 0.3)
    queries, others = unit(rng.normal(size=(64, 32)) + 1), unit(rng.normal(size=(64, 32)) + 1)
    tenth = {}
    for name, rows in (("near", near), ("far", far)):
        vectors = ExactVectors(rows)
        scale = scale_of(vectors, list(queries), mask=None, n=len(rows))
        cosines = np.array([vectors.nearest(q, 10)[1][-1] for q in others])
        scores = [scale.score(cosine) for cosine in cosines.tolist()]
        tenth[name] = (cosines.mean(), np.mean(scores), np.std(scores))
    assert tenth["near"][0] - tenth["far"][0] > 0.1
    for _, mean, spread in tenth.values():
        assert mean == pytest.approx(0, abs=0.35)
        assert spread == pytest.approx(1, abs=0.35)


def test_the_sentence_itself_is_no_hit_of_a_background_query():
    rows = unit(np.random.default_rng(1).normal(size=(40, 16)))
    of_all = scale_of(ExactVectors(rows), list(rows), mask=None, n=20)
    assert of_all.centre < 0.95


def test_levels_without_rows_or_queries_are_taken_as_they_are():
    rows = unit(np.random.default_rng(1).normal(size=(40, 16)))
    assert scale_of(ExactVectors(rows[:0]), list(rows), mask=None, n=0) == AS_IT_IS
    assert scale_of(ExactVectors(rows), [], mask=None, n=40) == AS_IT_IS
    assert Scale(0.5, 0.1).score(0.6) == pytest.approx(1.0)


@pytest.mark.parametrize("n", [0, 1, 63, 64, 1000])
def test_a_sample_is_spread_over_all_rows(n: int):
    rows = np.arange(n, dtype=np.float32)[:, None]
    sample = Sample(n)
    for start in range(0, n, 7):
        sample.see(rows[start : start + 7])
    found = [int(v[0]) for v in sample.vectors()]
    assert len(found) == min(n, BACKGROUND)
    assert found == sorted(set(found))
    assert not n or (found[0] == 0 and found[-1] >= n - 1 - n // BACKGROUND)


def test_a_sample_has_only_wanted_rows():
    rows = np.arange(500, dtype=np.float32)[:, None]
    sample = Sample(500)
    sample.see(rows, rows[:, 0] % 2 == 0)
    assert all(v[0] % 2 == 0 for v in sample.vectors())
