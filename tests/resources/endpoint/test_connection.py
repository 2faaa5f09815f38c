import asyncio
import json
import logging
import re

import pytest

from ftm_resources.endpoint.connection import (
    Connection,
    Endpoint,
    EndpointUnavailableError,
    Health,
    RequestError,
    check,
    served,
)

OPTIONS = {
    "key": "sk-verysecret-0123456789",
    "prefix": "LLM",
    "concurrency": 4,
    "max_retries": 3,
    "retry_budget": 1.0,
    "read_seconds": 5.0,
    "startup_seconds": 30.0,
    "max_bytes": 100_000,
}


def endpoint(url, **changes):
    return Endpoint(**{"url": url, **OPTIONS, **changes})


def create(client):
    return client.chat.completions.with_raw_response.create(
        model="test-model", messages=[{"role": "user", "content": "x"}]
    )


def post(server, health=None, *, total=100, **changes):
    """Return the requests that an answer took."""

    async def ask():
        async with Connection(endpoint(server.url, **changes), health or Health()) as connection:
            return await connection.ask(create, total)

    _, attempts, _ = asyncio.run(ask())
    return attempts


@pytest.fixture
def quick(monkeypatch):
    """Sleeps that take no time; the seconds asked for."""
    slept = []
    sleep = asyncio.sleep

    async def counted(seconds):
        slept.append(seconds)
        await sleep(0)

    monkeypatch.setattr("ftm_resources.endpoint.connection.asyncio.sleep", counted)
    monkeypatch.setattr("openai._base_client.anyio.sleep", counted)
    return slept


def test_a_cold_server_is_waited_for_and_said_to_be(scripted_llm, reply, quick, caplog):
    caplog.set_level(logging.WARNING)
    ready = scripted_llm.models
    scripted_llm.models = lambda asked: reply.error(503) if asked < 3 else ready(asked)
    assert post(scripted_llm) == 1
    assert scripted_llm.gets == ["/v1/models"] * 4
    assert quick == [0.5, 1.0, 2.0]
    assert "does not answer yet" in caplog.text
    assert scripted_llm.url in caplog.text
    assert "vLLM loads a model in 5 to 10 minutes" in caplog.text


def test_a_server_is_asked_what_it_serves_once_per_run(scripted_llm):
    health = Health()
    for _ in range(3):
        post(scripted_llm, health)
    assert scripted_llm.gets == ["/v1/models"]
    assert health.models == {"test-model": (None, "")}


@pytest.mark.parametrize("status", [404, 405, 500, 501])
def test_a_server_without_a_list_of_models_is_there_all_the_same(scripted_llm, reply, quick, status):
    scripted_llm.models = lambda _asked: reply.error(status)
    assert post(scripted_llm) == 1
    assert (scripted_llm.gets, quick) == (["/v1/models"], [])


@pytest.mark.usefixtures("quick")
def test_a_server_that_never_comes_fails_the_run_or_is_given_up(scripted_llm, reply):
    scripted_llm.models = lambda _asked: reply.error(502)
    with pytest.raises(EndpointUnavailableError, match=r"did not answer within 0\.2 s; last: HTTP 502"):
        post(scripted_llm, startup_seconds=0.2)
    health = Health()
    for _ in range(2):
        with pytest.raises(RequestError, match="did not answer within") as error:
            post(scripted_llm, health, startup_seconds=0.2, degrades=True)
        assert (error.value.kind, error.value.attempts) == ("down", 0)
    assert len(scripted_llm.gets) == 2, "once it is given up, it is not waited for again"
    assert scripted_llm.bodies == []


@pytest.mark.parametrize("status", [401, 403])
def test_a_refused_key_needs_no_waiting(scripted_llm, reply, status):
    scripted_llm.models = lambda _asked: reply.error(status)
    assert post(scripted_llm) == 1, "a key may be good for chat alone"
    scripted_llm.script = lambda _asked, _body: reply.error(status)
    with pytest.raises(EndpointUnavailableError, match="LLM_API_KEY"):
        post(scripted_llm)
    assert len(scripted_llm.bodies) == 2


def test_an_unknown_model_is_told_which_ones_there_are(scripted_llm, reply):
    scripted_llm.script = lambda _asked, _body: reply.error(404, "The model `m` does not exist.")
    with pytest.raises(EndpointUnavailableError, match=r"LLM_MODEL \(it serves: test-model\)"):
        post(scripted_llm)


def test_retry_after_is_waited_for_and_else_the_wait_doubles(scripted_llm, reply, quick):
    answers = [
        reply.error(429, **{"retry-after-ms": "300"}),
        reply(status=503, body=b"{}"),
        reply(status=500, body=b"{}"),
        reply(),
    ]
    scripted_llm.script = lambda asked, _body: answers[asked]
    assert post(scripted_llm) == 4
    first, second, third = quick
    assert first == 0.3
    assert 0.75 <= second <= 1.0
    assert 1.5 <= third <= 2.0


def test_a_server_that_wants_more_patience_than_there_is_is_not_waited_for(scripted_llm, reply, quick):
    scripted_llm.script = lambda _asked, _body: reply.error(429, **{"retry-after-ms": "121000"})
    with pytest.raises(RequestError) as error:
        post(scripted_llm)
    assert (error.value.kind, error.value.attempts, quick) == ("unanswered", 1, [])


@pytest.mark.usefixtures("quick")
def test_a_run_spends_no_more_retries_than_its_budget(scripted_llm, reply):
    """Every request succeeds at its second attempt: nothing is lost, but at half the speed."""
    scripted_llm.script = lambda asked, _body: reply.error(500) if asked % 2 == 0 else reply()
    health = Health()

    async def ask(n):
        given = endpoint(scripted_llm.url, concurrency=1, retry_budget=0.25)
        async with Connection(given, health) as connection:
            for _ in range(n):
                await connection.ask(create, n)

    asyncio.run(ask(15))
    assert health.retries == 15
    with pytest.raises(EndpointUnavailableError, match=r"more than retry_budget=0\.25 allows"):
        asyncio.run(ask(100))
    assert len(scripted_llm.bodies) < 50


def test_credentials_in_the_url_are_not_shown():
    shown = endpoint("https://user:hunter2@host:8000/v1")
    assert shown.where() == "LLM endpoint https://host:8000/v1"
    assert OPTIONS["key"] not in repr(shown)
    assert shown.redact(f"bad key {OPTIONS['key']}") == "bad key ***"


@pytest.mark.parametrize("body", [b"", b"null", b'{"data": null}', b'{"data": [1, {"id": 2}]}', b"<html>"])
def test_a_list_of_models_of_any_shape_is_survived(scripted_llm, reply, body):
    scripted_llm.models = lambda _asked: reply(body=body)
    health = Health()
    post(scripted_llm, health)
    assert health.models == {}


def test_the_context_of_each_model_is_noted(scripted_llm, reply):
    rows = [
        {"id": "a", "max_model_len": 8192},
        {"id": "b", "max_model_len": "big"},
        {"id": "c", "root": "Qwen/Qwen3-8B"},
    ]
    scripted_llm.models = lambda _asked: reply(body=json.dumps({"data": rows}).encode())
    health = Health()
    post(scripted_llm, health)
    assert health.models == {"a": (8192, ""), "b": (None, ""), "c": (None, "Qwen/Qwen3-8B")}


def checked(server, model="test-model", **changes):
    asyncio.run(check(endpoint(server.url, **changes), model))


def test_a_check_of_an_endpoint_that_lists_the_model_costs_no_request(scripted_llm):
    checked(scripted_llm)
    assert scripted_llm.gets == ["/v1/models"]
    assert scripted_llm.bodies == []


@pytest.mark.parametrize(
    ("status", "said"),
    [
        (400, "refused a test request: HTTP 400: Incorrect API key. Check LLM_API_KEY and LLM_MODEL"),
        (401, "refused the key (HTTP 401): check LLM_API_KEY"),
        (403, "refused the key (HTTP 403): check LLM_API_KEY"),
        (404, "Check LLM_MODEL"),
    ],
)
def test_a_check_refuses_a_key_or_model_that_the_server_refuses(scripted_llm, reply, status, said):
    scripted_llm.models = lambda _asked: reply.error(status, "Incorrect API key")
    scripted_llm.script = lambda _asked, _body: reply.error(status, "Incorrect API key")
    with pytest.raises(EndpointUnavailableError, match=re.escape(said)):
        checked(scripted_llm)


def test_a_check_passes_an_alias_that_the_server_does_not_list(scripted_llm):
    checked(scripted_llm, "an-alias")
    assert [b["max_tokens"] for b in scripted_llm.bodies] == [1]


def test_a_check_only_warns_about_a_server_that_does_not_answer_yet(scripted_llm, reply, caplog):
    scripted_llm.models = lambda _asked: reply.error(503)
    checked(scripted_llm)
    asyncio.run(check(endpoint("http://127.0.0.1:9/v1"), None))
    assert caplog.text.count("does not answer yet") == 2
    assert "a step that needs it will wait up to 30 s" in caplog.text


@pytest.mark.parametrize("secret", ["LLM_API_KEY", "FTM_EMBEDDING_API_KEY", "WRDS_PASSWORD"])
@pytest.mark.parametrize("prefix", ["LLM", "FTM_EMBEDDING"])
def test_a_config_cannot_send_a_secret_of_the_environment_elsewhere(monkeypatch, prefix, secret):
    monkeypatch.setenv(f"{prefix}_BASE_URL", "https://named.example/v1")
    monkeypatch.setenv(secret, "sk-of-the-environment")
    patience = {k: v for k, v in OPTIONS.items() if k not in {"key", "prefix"}}
    with pytest.raises(
        EndpointUnavailableError, match=r"would send a secret of this environment to https://other.example"
    ):
        Endpoint.configured(prefix, "https://other.example/v1", "sk-of-the-environment", **patience)
    own = Endpoint.configured(prefix, "https://other.example/v1", "its-own-key", **patience)
    assert own.key == "its-own-key"
    monkeypatch.setenv("FTM_API_KEY_OTHER", "sk-of-the-environment")
    meant = Endpoint.configured(prefix, "https://other.example/v1", "sk-of-the-environment", **patience)
    assert meant.key == "sk-of-the-environment", "a variable that is there for configs"


@pytest.mark.parametrize("given", ["http://[::1/v1", "http://h:port/v1", "http://h:99999/v1", "sk-secret"])
@pytest.mark.parametrize("prefix", ["LLM", "FTM_EMBEDDING"])
def test_a_bad_address_is_one_line_that_names_its_variable_and_does_not_quote_it(monkeypatch, prefix, given):
    patience = {k: v for k, v in OPTIONS.items() if k not in {"key", "prefix"}}
    with pytest.raises(
        EndpointUnavailableError, match=r"^base_url in the run's config is not an address"
    ) as error:
        Endpoint.configured(prefix, given, None, **patience)
    assert given not in str(error.value)
    monkeypatch.setenv(f"{prefix}_BASE_URL", given)
    with pytest.raises(EndpointUnavailableError, match=f"^{prefix}_BASE_URL is not an address: .*") as error:
        Endpoint.configured(prefix, None, None, **patience)
    assert "\n" not in str(error.value)
    assert given not in str(error.value)
    assert Endpoint.configured(prefix, "http://good.example/v1", None, **patience).key is None


def test_what_the_environment_has_for_openai_is_sent_to_no_server(scripted_llm, monkeypatch):
    monkeypatch.setenv("OPENAI_ORG_ID", "org-secret")
    monkeypatch.setenv("OPENAI_PROJECT_ID", "project-secret")
    monkeypatch.setenv("OPENAI_API_KEY", "sk-of-openai")
    monkeypatch.setenv("OPENAI_CUSTOM_HEADERS", "X-Leak: header-secret\nAuthorization: Bearer custom-secret")
    post(scripted_llm)
    post(scripted_llm, key=None)
    assert scripted_llm.keys == {f"Bearer {OPTIONS['key']}", "Bearer none"}
    sent = " ".join(f"{name}: {value}" for name, value in scripted_llm.headers).lower()
    assert "secret" not in sent.replace(OPTIONS["key"], "")
    assert "openai-organization" not in sent
    assert "x-stainless-retry-count" in sent, "the headers of the client itself"


def test_a_redirect_to_no_address_is_an_error_of_the_endpoint(scripted_llm, reply):
    scripted_llm.script = lambda _asked, _body: reply(status=302, headers={"Location": "http://[::1/v1"})
    with pytest.raises(EndpointUnavailableError, match="redirects to"):
        post(scripted_llm)


def test_the_models_that_a_server_lists_or_why_it_lists_none(scripted_llm, reply):
    assert asyncio.run(served(endpoint(scripted_llm.url))) == ["test-model"]
    for status in (302, 401, 404, 500):
        location = {"Location": "http://elsewhere.example/v1"} if status == 302 else {}
        scripted_llm.models = lambda _asked, status=status, location=location: reply(
            status=status, headers=location
        )
        with pytest.raises(EndpointUnavailableError, match=f"HTTP {status}"):
            asyncio.run(served(endpoint(scripted_llm.url)))
    with pytest.raises(EndpointUnavailableError, match="does not answer"):
        asyncio.run(served(endpoint("http://127.0.0.1:9/v1")))
