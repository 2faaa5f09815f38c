import base64
import json

import numpy as np
import pytest

from ftm_resources.endpoint.connection import EndpointUnavailableError
from ftm_resources.models.embedder import Embedder

KEY = "sk-verysecret-0123456789"


def vector(text, dimension=6):
    return np.random.default_rng(len(text) + ord(text[0])).normal(size=dimension).astype(np.float32)


def embeddings(reply, body, *, dimension=6, shuffled=False, encoding=True):
    rows = []
    for i, text in enumerate(body["input"]):
        found = vector(text, dimension)
        is_encoded = encoding and body.get("encoding_format") == "base64"
        rows.append(
            {
                "object": "embedding",
                "index": i,
                "embedding": base64.b64encode(found.tobytes()).decode() if is_encoded else found.tolist(),
            }
        )
    if shuffled:
        rows.reverse()
    return reply(body=json.dumps({"object": "list", "data": rows, "model": body["model"]}).encode())


@pytest.fixture
def embedder(scripted_llm, reply, monkeypatch):
    monkeypatch.setenv("FTM_EMBEDDING_BASE_URL", scripted_llm.url)
    monkeypatch.setenv("FTM_EMBEDDING_MODEL", "Qwen/Qwen3-Embedding-0.6B")
    monkeypatch.setenv("FTM_EMBEDDING_API_KEY", KEY)
    scripted_llm.script = lambda _asked, body: embeddings(reply, body)
    return Embedder(batch_texts=3, startup_seconds=0, max_retries=2)


TEXTS = [f"{c} margins grew" for c in "abcdefgh"]


def test_texts_become_unit_vectors_in_order_in_batches(embedder, scripted_llm):
    seen = []
    found = embedder.embed([*TEXTS, TEXTS[0]], progress=lambda done, total: seen.append((done, total)))
    expected = np.stack([vector(t) / np.linalg.norm(vector(t)) for t in [*TEXTS, TEXTS[0]]])
    np.testing.assert_allclose(found, expected, atol=1e-6)
    assert found.dtype == np.float32
    assert sorted(len(b["input"]) for b in scripted_llm.bodies) == [2, 3, 3], "distinct texts only"
    assert seen[-1] == (8, 8)
    assert {b["model"] for b in scripted_llm.bodies} == {"Qwen/Qwen3-Embedding-0.6B"}
    assert scripted_llm.keys == {f"Bearer {KEY}"}


def test_rows_are_placed_by_their_index(embedder, scripted_llm, reply):
    straight = embedder.embed(TEXTS)
    scripted_llm.script = lambda _asked, body: embeddings(reply, body, shuffled=True, encoding=False)
    np.testing.assert_allclose(embedder.embed(TEXTS), straight, atol=1e-6)


def test_the_dimension_is_the_replys(embedder, scripted_llm):
    assert embedder.dimension() == 6
    assert embedder.describe() == {
        "model": "Qwen/Qwen3-Embedding-0.6B",
        "dimension": 6,
        "backend": "endpoint",
    }
    assert len(scripted_llm.bodies) == 1
    assert embedder.embed([]).shape == (0, 6)
    assert KEY not in repr(embedder) + str(embedder.describe())


def test_a_model_changed_in_the_middle_is_an_error_not_a_mixture(embedder, scripted_llm, reply):
    embedder.describe()
    scripted_llm.script = lambda _asked, body: embeddings(reply, body, dimension=8)
    with pytest.raises(EndpointUnavailableError, match=r"of 6 dimensions earlier and of 8 now.*again"):
        embedder.embed(TEXTS)


def test_an_endpoints_vectors_are_never_taken_from_the_cache(
    embedder, scripted_llm, reply, monkeypatch, tmp_path, caplog
):
    """Behind one address and name may be another model, or one that cuts texts off elsewhere."""
    monkeypatch.setenv("FTM_EMBEDDING_CACHE", str(tmp_path))
    many = [f"{chr(97 + i % 26)}{'x' * (i // 26)}" for i in range(100)]
    first = embedder.embed(many)

    def other(_asked, body):
        return embeddings(reply, {**body, "input": [f"z{t}zz" for t in body["input"]]})

    scripted_llm.script = other
    assert not np.allclose(embedder.embed(many), first)
    assert list(tmp_path.iterdir()) == []
    assert "the embedding cache is not used" in caplog.text


def test_passing_faults_are_retried(embedder, scripted_llm, reply):
    scripted_llm.script = lambda asked, body: reply.error(503) if asked == 0 else embeddings(reply, body)
    assert embedder.embed(TEXTS).shape == (8, 6)
    assert len(scripted_llm.bodies) == 6


def test_a_server_without_base64_is_asked_for_numbers(embedder, scripted_llm, reply):
    scripted_llm.script = lambda _asked, body: (
        reply.error(400, "no base64") if body["encoding_format"] == "base64" else embeddings(reply, body)
    )
    serial = embedder.model_copy(update={"concurrency": 1})
    assert serial.embed(TEXTS).shape == (8, 6)
    assert len(scripted_llm.bodies) == 4


@pytest.mark.parametrize(
    "body",
    [
        b"<html>",
        b"{}",
        b'{"data": []}',
        b'{"data": [{"index": 0, "embedding": []}]}',
        b'{"data": [{"index": 0, "embedding": "%%%"}]}',
        b'{"data": [{"index": 1, "embedding": [1.0]}]}',
        b'{"data": [{"index": 0, "embedding": [[1.0]]}]}',
    ],
)
def test_a_reply_without_vectors_says_what_to_check(embedder, scripted_llm, reply, body):
    scripted_llm.script = lambda _asked, _body: reply(body=body)
    with pytest.raises(EndpointUnavailableError, match="does it serve"):
        embedder.embed(["a"])


@pytest.mark.parametrize("numbers", [[0.0, 0.0], [1.0, float("nan")]])
def test_a_vector_that_is_zero_or_not_finite_is_refused(embedder, scripted_llm, reply, numbers):
    body = json.dumps({"data": [{"index": 0, "embedding": numbers}]}).encode()
    scripted_llm.script = lambda _asked, _body: reply(body=body)
    with pytest.raises(ValueError, match="zero or not finite"):
        embedder.embed(["a"])


@pytest.mark.parametrize(
    ("status", "hint"),
    [(400, "returned no embeddings"), (401, "FTM_EMBEDDING_API_KEY"), (404, "FTM_EMBEDDING_MODEL")],
)
def test_what_no_retry_mends_fails_at_once(embedder, scripted_llm, reply, status, hint):
    scripted_llm.script = lambda _asked, _body: reply.error(status, "too long")
    with pytest.raises(EndpointUnavailableError, match=hint):
        embedder.embed(["a"])


def test_an_endpoint_that_is_down_is_an_error_of_the_environment(embedder, scripted_llm, reply):
    """An OSError ends a chunk; any other exception would cost its firms, one by one."""
    scripted_llm.script = lambda _asked, _body: reply.error(503)
    with pytest.raises(OSError, match="stopped answering"):
        embedder.embed(["a"])


def test_a_url_without_a_model_says_what_is_missing(monkeypatch):
    monkeypatch.setenv("FTM_EMBEDDING_BASE_URL", "http://127.0.0.1:9/v1")
    monkeypatch.delenv("FTM_EMBEDDING_MODEL", raising=False)
    with pytest.raises(ValueError, match="FTM_EMBEDDING_MODEL is not"):
        Embedder().describe()
