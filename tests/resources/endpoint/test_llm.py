import asyncio
import contextlib
import json
import logging
import socket
import time
import traceback

import pytest
from pyarrow import fs

from ftm_resources.endpoint.connection import EndpointUnavailableError, RequestError
from ftm_resources.endpoint.llm import LlmResource
from ftm_resources.endpoint.reply_cache import ReplyCache

KEY = "sk-verysecret-0123456789"
GOOD = '{"name": "Freight cost inflation", "summary": "Freight costs rose in the quarter."}'
SCHEMA = {"type": "object", "properties": {"name": {"type": "string"}}}


def ask(prompt):
    return [{"role": "system", "content": "name it"}, {"role": "user", "content": prompt}]


def read_name(_index, text):
    try:
        return json.loads(text)["name"]
    except (json.JSONDecodeError, KeyError) as error:
        raise ValueError(f"not a JSON object with a name: {error}") from None


def repair(asked, reply, reason, *, cut_off):
    """Ask again in the words of the reason."""
    return [
        *asked,
        {"role": "assistant", "content": reply[:600] or "-"},
        {"role": "user", "content": f"{reason}{' (cut off)' if cut_off else ''}"},
    ]


def complete(llm, requests, parse, **more):
    """Return the value of each request, or its error."""
    return [c.error or c.value for c in llm.complete(requests, parse, repair, **more)]


@pytest.fixture
def llm(scripted_llm):
    return LlmResource(
        base_url=scripted_llm.url, model="test-model", api_key=KEY, max_retries=3, read_seconds=0.5
    )


@pytest.fixture(autouse=True)
def no_endpoint_in_environment(monkeypatch):
    for name in ("LLM_BASE_URL", "LLM_MODEL", "LLM_API_KEY", "OPENAI_API_KEY"):
        monkeypatch.delenv(name, raising=False)


def test_results_come_in_order_whatever_the_order_of_replies(llm, scripted_llm, reply):
    def script(_asked, body):
        n = int(body["messages"][1]["content"])
        return reply(content=json.dumps({"name": f"name {n}"}), delay=0.02 * ((7 * n) % 5))

    scripted_llm.script = script
    done = []
    names = complete(
        llm, [ask(str(n)) for n in range(40)], read_name, progress=lambda n, total: done.append((n, total))
    )
    assert names == [f"name {n}" for n in range(40)]
    assert done == [(n, 40) for n in range(1, 41)]


def test_requests_carry_model_key_and_deterministic_parameters(llm, scripted_llm):
    complete(llm, [ask("x")], read_name, schema=SCHEMA)
    body = scripted_llm.bodies[0]
    assert (body["model"], body["temperature"], body["seed"], body["max_tokens"]) == ("test-model", 0, 0, 300)
    assert body["response_format"]["json_schema"]["schema"] == SCHEMA
    assert "chat_template_kwargs" not in body
    assert scripted_llm.keys == {f"Bearer {KEY}"}


def test_settings_of_the_environment_are_read_when_asked(scripted_llm, monkeypatch):
    llm = LlmResource()
    assert not llm.is_configured()
    monkeypatch.setenv("LLM_BASE_URL", scripted_llm.url)
    monkeypatch.setenv("LLM_MODEL", "other")
    assert llm.is_configured()
    assert complete(llm, [ask("x")], read_name) == ["Freight cost inflation"]
    assert scripted_llm.bodies[0]["model"] == "other"


def test_thinking_is_switched_off_for_qwen3(llm, scripted_llm):
    qwen = llm.model_copy(update={"model": "Qwen/Qwen3-8B"})
    complete(qwen, [ask("x")], read_name)
    assert scripted_llm.bodies[0]["chat_template_kwargs"] == {"enable_thinking": False}


def test_requests_in_flight_reach_the_bound_and_never_exceed_it(llm, scripted_llm, reply):
    scripted_llm.script = lambda _asked, _body: reply(delay=0.2)
    bounded = llm.model_copy(update={"concurrency": 5})
    complete(bounded, [ask(str(n)) for n in range(20)], read_name)
    assert scripted_llm.most_in_flight == 5


@pytest.mark.parametrize("status", [408, 409, 429, 500, 502, 503, 504])
def test_passing_server_faults_are_retried(llm, scripted_llm, reply, status):
    scripted_llm.script = lambda asked, _body: reply.error(status) if asked < 2 else reply()
    assert complete(llm, [ask("x")], read_name) == ["Freight cost inflation"]
    assert scripted_llm.asked("x") == 3


@pytest.mark.parametrize(
    "fault", [{"reset_after": 0}, {"reset_after": 30}, {"delay": 0.8}, {"stall": 0.8}], ids=str
)
def test_broken_and_stalled_connections_are_retried(llm, scripted_llm, reply, fault):
    scripted_llm.script = lambda asked, _body: reply(**fault) if asked == 0 else reply()
    impatient = llm.model_copy(update={"read_seconds": 0.2})
    assert complete(impatient, [ask("x")], read_name) == ["Freight cost inflation"]
    assert scripted_llm.asked("x") == 2


@pytest.mark.parametrize(
    "bad",
    ['{"name": "Freig', "", None, "Sorry, I cannot.", '{"title": "x"}', "一" * 50, "x" * 10_000],
    ids=["half", "empty", "null", "refusal", "wrong key", "chinese", "long"],
)
def test_an_unusable_reply_gets_one_repair_request_that_says_why(llm, scripted_llm, reply, bad):
    scripted_llm.script = lambda asked, _body: reply(content=bad) if asked == 0 else reply()
    assert complete(llm, [ask("x")], read_name) == ["Freight cost inflation"]
    repair = scripted_llm.bodies[1]["messages"]
    assert "not a JSON object with a name" in repair[-1]["content"]
    assert sum(len(m["content"]) for m in repair) < 1200


def test_after_one_repair_the_error_stands_for_that_request_alone(llm, scripted_llm, reply):
    scripted_llm.script = lambda _asked, body: (
        reply(content="no") if body["messages"][1]["content"] == "bad" else reply()
    )
    results = complete(llm, [ask("good"), ask("bad"), ask("fine")], read_name)
    assert results[0] == results[2] == "Freight cost inflation"
    assert isinstance(results[1], RequestError)
    assert "one repair" in results[1].reason
    assert scripted_llm.asked("bad") == 2


@pytest.mark.parametrize(
    "body", [b"<html>busy</html>", b'{"choices": []}', b'{"choices": null}', b"[]", b'{"choi', b"null"]
)
def test_a_body_that_is_no_completion_is_an_unusable_reply(llm, scripted_llm, reply, body):
    scripted_llm.script = lambda asked, _body: reply(body=body) if asked == 0 else reply()
    assert complete(llm, [ask("x")], read_name) == ["Freight cost inflation"]


@pytest.mark.parametrize("status", [400, 422])
def test_a_server_without_structured_replies_is_asked_plainly_from_then_on(llm, scripted_llm, reply, status):
    scripted_llm.script = lambda _asked, body: (
        reply.error(status, "response_format is not supported") if "response_format" in body else reply()
    )
    serial = llm.model_copy(update={"concurrency": 1})
    assert (
        complete(serial, [ask(str(n)) for n in range(5)], read_name, schema=SCHEMA)
        == ["Freight cost inflation"] * 5
    )
    assert sum("response_format" in body for body in scripted_llm.bodies) == 1
    assert len(scripted_llm.bodies) == 6


def test_a_server_that_rejects_template_arguments_is_asked_without(llm, scripted_llm, reply):
    scripted_llm.script = lambda _asked, body: (
        reply.error(400, "unknown field") if "chat_template_kwargs" in body else reply()
    )
    qwen = llm.model_copy(update={"model": "qwen3-8b", "concurrency": 1})
    assert complete(qwen, [ask("a"), ask("b")], read_name) == ["Freight cost inflation"] * 2
    assert len(scripted_llm.bodies) == 3


def test_a_prompt_the_server_rejects_fails_alone_and_keeps_structured_replies(llm, scripted_llm, reply):
    scripted_llm.script = lambda _asked, body: (
        reply.error(400, "maximum context length is 4096 tokens")
        if body["messages"][1]["content"] == "long"
        else reply()
    )
    serial = llm.model_copy(update={"concurrency": 1})
    results = complete(serial, [ask("long"), ask("short")], read_name, schema=SCHEMA)
    assert "maximum context length" in results[0].reason
    assert results[1] == "Freight cost inflation"
    assert "response_format" in scripted_llm.bodies[-1]


@pytest.mark.parametrize(("status", "hint"), [(401, "LLM_API_KEY"), (403, "LLM_API_KEY"), (404, "LLM_MODEL")])
def test_a_wrong_key_or_model_fails_at_once_and_says_what_to_fix(llm, scripted_llm, reply, status, hint):
    scripted_llm.script = lambda _asked, _body: reply.error(status, f"Incorrect key provided: {KEY}")
    one = llm.model_copy(update={"concurrency": 1, "on_llm_failure": "degrade"})
    with pytest.raises(EndpointUnavailableError, match=hint):
        complete(one, [ask(str(n)) for n in range(50)], read_name)
    assert len(scripted_llm.bodies) == 1


def test_an_endpoint_that_is_down_fails_the_call_after_bounded_attempts(llm, scripted_llm, reply):
    scripted_llm.script = lambda _asked, _body: reply.error(503)
    few = llm.model_copy(update={"concurrency": 2, "max_retries": 1})
    with pytest.raises(EndpointUnavailableError, match="stopped answering"):
        complete(few, [ask(str(n)) for n in range(200)], read_name)
    # 2 x concurrency requests in a row, with one retry each, and what was in flight.
    assert len(scripted_llm.bodies) <= 12


def test_told_to_degrade_the_rest_of_the_requests_become_errors(llm, scripted_llm, reply):
    scripted_llm.script = lambda _asked, body: (
        reply() if int(body["messages"][1]["content"]) < 3 else reply.error(503)
    )
    few = llm.model_copy(update={"concurrency": 1, "max_retries": 0, "on_llm_failure": "degrade"})
    results = complete(few, [ask(str(n)) for n in range(50)], read_name)
    assert results[:3] == ["Freight cost inflation"] * 3
    assert all(isinstance(r, RequestError) for r in results[3:])
    assert len(scripted_llm.bodies) == 5


def test_nobody_listening_is_an_unavailable_endpoint():
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{free.getsockname()[1]}/v1"
    llm = LlmResource(base_url=url, model="m", max_retries=0, startup_seconds=0)
    with pytest.raises(EndpointUnavailableError, match=r"127\.0\.0\.1"):
        complete(llm, [ask("x")], read_name)


def test_without_an_endpoint_the_error_names_the_setting():
    with pytest.raises(EndpointUnavailableError, match="LLM_BASE_URL"):
        complete(LlmResource(), [ask("x")], read_name)


def test_it_works_inside_a_running_event_loop(llm):
    async def caller():
        return complete(llm, [ask("x")], read_name)

    assert asyncio.run(caller()) == ["Freight cost inflation"]


def test_no_requests_need_no_server(llm, scripted_llm):
    assert complete(llm, [], read_name) == []
    assert scripted_llm.bodies == []


@pytest.mark.parametrize("status", [400, 401, 404, 503])
def test_a_key_that_the_server_echoes_is_in_no_repr_or_error(llm, scripted_llm, reply, status):
    scripted_llm.script = lambda _asked, _body: reply.error(status, f"bad key {KEY}")
    one = llm.model_copy(update={"max_retries": 1, "concurrency": 1})
    try:
        shown = complete(one, [ask("x")], read_name)[0].reason
    except EndpointUnavailableError as error:
        shown = "".join(traceback.format_exception(error))
    assert str(status) in shown or "bad key ***" in shown
    assert KEY not in shown + repr(llm) + str(llm)


@pytest.mark.parametrize("status", [200, 401, 503])
def test_the_key_is_in_no_log_at_any_level(llm, scripted_llm, reply, status, caplog):
    caplog.set_level(logging.DEBUG)
    scripted_llm.script = lambda _asked, _body: reply() if status == 200 else reply.error(status)
    with contextlib.suppress(EndpointUnavailableError):
        complete(llm.model_copy(update={"max_retries": 1}), [ask("x")], read_name)
    assert any("chat/completions" in r.getMessage() for r in caplog.records)
    assert KEY not in caplog.text


@pytest.fixture
def cache(tmp_path):
    return lambda: ReplyCache(fs.LocalFileSystem(), f"{tmp_path}/replies")


def test_a_reply_that_came_is_never_asked_for_again(llm, scripted_llm, cache):
    asks = [ask(str(n)) for n in range(20)]
    first = llm.complete(asks, read_name, repair, cache=cache())
    again = llm.complete([*asks, ask("new")], read_name, repair, cache=cache())
    assert len(scripted_llm.bodies) == 21
    assert [c.value for c in again[:20]] == [c.value for c in first]
    assert [(c.attempts, c.reply.tokens_in, c.reply.tokens_out) for c in again] == [
        *[(0, 900, 40)] * 20,
        (1, 900, 40),
    ]
    assert [c.reply for c in again[:20]] == [c.reply for c in first]


@pytest.mark.parametrize(
    "change", [{"model": "other"}, {"seed": 1}, {"max_tokens": 200}], ids=["model", "seed", "max_tokens"]
)
def test_a_reply_stands_for_its_model_and_parameters_only(llm, scripted_llm, cache, change):
    llm.complete([ask("x")], read_name, repair, cache=cache())
    llm.model_copy(update=change).complete([ask("x")], read_name, repair, cache=cache())
    assert len(scripted_llm.bodies) == 2


def test_cached_replies_need_no_server(llm, scripted_llm, cache):
    llm.complete([ask("x")], read_name, repair, cache=cache())
    gone = LlmResource(base_url="http://127.0.0.1:9/v1", model="test-model", startup_seconds=0)
    assert complete(gone, [ask("x")], read_name, cache=cache()) == ["Freight cost inflation"]
    assert len(scripted_llm.bodies) == 1


def test_what_was_unusable_is_asked_for_again_only_once_it_is_stale(llm, scripted_llm, reply, cache):
    scripted_llm.script = lambda _asked, body: (
        reply(content="no") if body["messages"][1]["content"] == "bad" else reply()
    )
    asks = [ask("good"), ask("bad")]
    first = llm.complete(asks, read_name, repair, cache=cache())
    resumed = llm.complete(asks, read_name, repair, cache=cache())
    assert [c.error and c.error.kind for c in first] == [c.error and c.error.kind for c in resumed]
    assert len(scripted_llm.bodies) == 3
    scripted_llm.script = lambda _asked, _body: reply()
    renamed = llm.complete(asks, read_name, repair, cache=cache(), stale_before=time.time())
    assert [c.error for c in renamed] == [None, None]
    assert [c.attempts for c in renamed] == [0, 1]
    assert len(scripted_llm.bodies) == 4


def test_a_repaired_reply_is_not_asked_for_again_when_stale(llm, scripted_llm, reply, cache):
    scripted_llm.script = lambda asked, _body: reply(content="no") if asked == 0 else reply()
    (first,) = llm.complete([ask("x")], read_name, repair, cache=cache())
    (again,) = llm.complete([ask("x")], read_name, repair, cache=cache(), stale_before=time.time())
    assert first.reply.is_repair
    assert (again.value, again.attempts, again.reply) == ("Freight cost inflation", 0, first.reply)
    assert len(scripted_llm.bodies) == 2


def test_replies_that_came_before_the_endpoint_went_down_are_kept(llm, scripted_llm, reply, cache):
    scripted_llm.script = lambda _asked, body: (
        reply() if int(body["messages"][1]["content"]) < 5 else reply.error(503)
    )
    asks = [ask(str(n)) for n in range(20)]
    few = llm.model_copy(update={"concurrency": 1, "max_retries": 0})
    with pytest.raises(EndpointUnavailableError):
        few.complete(asks, read_name, repair, cache=cache())
    scripted_llm.bodies.clear()
    scripted_llm.script = lambda _asked, _body: reply()
    assert len(few.complete(asks, read_name, repair, cache=cache())) == 20
    assert sorted(int(b["messages"][1]["content"]) for b in scripted_llm.bodies) == list(range(5, 20))


def test_a_reply_that_was_cut_off_is_told_to_be_brief(llm, scripted_llm, reply):
    cut = reply(content='{"name": "Fre', finish_reason="length")
    scripted_llm.script = lambda asked, _body: cut if asked == 0 else reply()
    (done,) = llm.complete([ask("x")], read_name, repair)
    assert done.reply.is_repair
    assert "(cut off)" in scripted_llm.bodies[1]["messages"][-1]["content"]


def test_every_request_sent_for_a_reply_is_counted(llm, scripted_llm, reply):
    faults = [reply.error(503), reply(content="no"), reply.error(500)]
    scripted_llm.script = lambda asked, _body: faults[asked] if asked < 3 else reply()
    (done,) = llm.complete([ask("x")], read_name, repair)
    assert (done.attempts, done.reply.tokens_in, done.reply.is_repair) == (4, 1800, True)


@pytest.mark.parametrize(("says", "context"), [(8192, 8192), (None, 4096)])
def test_the_context_is_what_the_server_says_or_said(llm, scripted_llm, reply, cache, says, context):
    row = {"id": "test-model", **({"max_model_len": says} if says else {})}
    scripted_llm.models = lambda _asked: reply(body=json.dumps({"data": [row]}).encode())
    assert llm.context(cache()) == context
    assert llm.model_copy(update={"context_tokens": 2048}).context() == 2048
    gone = LlmResource(base_url="http://127.0.0.1:9/v1", model="test-model", startup_seconds=0)
    assert gone.context(cache()) == context, "as it was when the cache was filled"


def test_a_server_that_wants_no_parameters_is_asked_without(llm, scripted_llm, reply):
    scripted_llm.script = lambda _asked, body: (
        reply.error(400, "use max_completion_tokens") if "max_tokens" in body else reply()
    )
    serial = llm.model_copy(update={"concurrency": 1})
    assert complete(serial, [ask("a"), ask("b")], read_name) == ["Freight cost inflation"] * 2
    assert set(scripted_llm.bodies[-1]) == {"model", "messages", "max_completion_tokens"}


def test_a_run_that_degraded_asks_nothing_more(llm, scripted_llm, reply):
    scripted_llm.script = lambda _asked, _body: reply.error(503)
    few = llm.model_copy(update={"concurrency": 1, "max_retries": 0, "on_llm_failure": "degrade"})
    for _ in range(3):
        results = few.complete([ask(str(n)) for n in range(10)], read_name, repair)
        assert results[-1].error.kind == "down"
    assert len(scripted_llm.bodies) == 2


def test_the_key_is_in_no_reply_that_is_kept(llm, scripted_llm, reply, cache, tmp_path):
    scripted_llm.script = lambda asked, _body: reply.error(500, f"key {KEY}") if asked == 0 else reply()
    llm.complete([ask("x")], read_name, repair, cache=cache())
    kept = [f.read_bytes() for f in tmp_path.rglob("*") if f.is_file()]
    assert kept
    assert not any(KEY.encode() in content for content in kept)


def thought(reply, content=None, finish_reason="length", thoughts="Hmm, freight."):
    """A completion with a model's thoughts beside its content."""
    message = {"role": "assistant", "content": content, "reasoning_content": thoughts}
    choice = {"index": 0, "message": message, "finish_reason": finish_reason}
    return reply(body=json.dumps({"choices": [choice], "usage": {}}).encode())


def is_told_not_to_think(body):
    return body.get("chat_template_kwargs") == {"enable_thinking": False}


def test_a_thinking_model_under_an_alias_is_known_by_its_root(llm, scripted_llm, reply):
    row = {"id": "test-model", "root": "/models/Qwen3-8B-AWQ"}
    scripted_llm.models = lambda _asked: reply(body=json.dumps({"data": [row]}).encode())
    complete(llm, [ask("x")], read_name)
    assert is_told_not_to_think(scripted_llm.bodies[0])


@pytest.mark.parametrize("where", ["reasoning_content", "content"])
def test_a_model_that_thinks_is_told_not_to_after_a_few_thoughts(llm, scripted_llm, reply, where, caplog):
    thinks = thought(reply) if where == "reasoning_content" else reply(content="<think>Hmm, freight.")
    scripted_llm.script = lambda _asked, body: reply() if is_told_not_to_think(body) else thinks
    serial = llm.model_copy(update={"concurrency": 1})
    found = complete(serial, [ask(str(n)) for n in range(10)], read_name)
    assert found == ["Freight cost inflation"] * 10
    assert sum(not is_told_not_to_think(b) for b in scripted_llm.bodies) == 3, "learnt from three"
    assert len(scripted_llm.bodies) == 13
    assert "no_thinking=True" in caplog.text
    complete(serial, [ask("next call")], read_name)
    assert is_told_not_to_think(scripted_llm.bodies[-1]), "and remembered"


def test_a_server_that_cannot_switch_thinking_off_is_not_asked_to_again(llm, scripted_llm, reply):
    scripted_llm.script = lambda asked, body: (
        reply.error(400, "extra field")
        if "chat_template_kwargs" in body
        else thought(reply, None)
        if asked == 0
        else reply()
    )
    serial = llm.model_copy(update={"concurrency": 1})
    found = complete(serial, [ask(str(n)) for n in range(6)], read_name, schema=SCHEMA)
    assert found == ["Freight cost inflation"] * 6
    assert ["chat_template_kwargs" in b for b in scripted_llm.bodies[:5]] == [False, True, True, True, False]
    assert not any("chat_template_kwargs" in b for b in scripted_llm.bodies[5:])
    assert all("response_format" in b for b in scripted_llm.bodies[-3:]), "nothing else is given up"


def test_an_answer_among_the_thoughts_is_an_answer(llm, scripted_llm, reply):
    scripted_llm.script = lambda _asked, _body: thought(reply, None, "stop", GOOD)
    assert complete(llm, [ask("x")], read_name) == ["Freight cost inflation"]
    assert len(scripted_llm.bodies) == 1


def test_replies_that_are_cut_off_may_be_longer_from_then_on(llm, scripted_llm, reply):
    cut = reply(content='{"name": "Fre', finish_reason="length")
    scripted_llm.script = lambda _asked, body: reply() if body["max_tokens"] >= 1200 else cut
    serial = llm.model_copy(update={"concurrency": 1, "context_tokens": 8192})
    found = complete(serial, [ask(str(n)) for n in range(10)], read_name)
    assert found == ["Freight cost inflation"] * 10
    assert [b["max_tokens"] for b in scripted_llm.bodies] == [300, 1200] * 3 + [1200] * 7


def test_a_reply_is_never_let_outgrow_the_context(llm, scripted_llm, reply):
    cut = reply(content='{"name": "Fre', finish_reason="length")
    scripted_llm.script = lambda _asked, _body: cut
    serial = llm.model_copy(update={"concurrency": 1, "context_tokens": 2048})
    complete(serial, [ask("x" * 3000 + str(n)) for n in range(12)], read_name)
    assert max(b["max_tokens"] for b in scripted_llm.bodies) <= 2048 - 3000 // 3


def test_a_server_that_has_no_room_for_longer_replies_is_asked_for_short_ones(llm, scripted_llm, reply):
    cut = reply(content='{"name": "Fre', finish_reason="length")
    scripted_llm.script = lambda asked, body: (
        reply.error(400, "maximum context length") if body["max_tokens"] > 300 else reply() if asked else cut
    )
    serial = llm.model_copy(update={"concurrency": 1})
    assert complete(serial, [ask(str(n)) for n in range(6)], read_name) == ["Freight cost inflation"] * 6
    assert [b["max_tokens"] for b in scripted_llm.bodies] == [300, 1200, 300] + [300, 300] * 5


def test_refusals_that_are_all_alike_are_the_endpoints(llm, scripted_llm, reply):
    scripted_llm.script = lambda asked, _body: reply.error(
        400, f"Incorrect API key provided: xai-{asked}. Request id r{len(scripted_llm.bodies)}"
    )
    serial = llm.model_copy(update={"concurrency": 1})
    with pytest.raises(
        EndpointUnavailableError, match=r"first 10 requests alike: HTTP 400: Incorrect API key.*LLM_API_KEY"
    ):
        complete(serial, [ask(str(n)) for n in range(165)], read_name)
    assert len(scripted_llm.bodies) == 20, "each as it is, and untuned"
    degrading = serial.model_copy(update={"on_llm_failure": "degrade"})
    found = complete(degrading, [ask(str(n)) for n in range(165)], read_name)
    assert {e.kind for e in found[10:]} == {"down"}
    assert "Incorrect API key" in found[-1].reason


def test_refusals_in_different_words_or_after_a_reply_are_the_requests(llm, scripted_llm, reply):
    serial = llm.model_copy(update={"concurrency": 1})
    words = ["a bad word", "another", "no"]
    scripted_llm.script = lambda _asked, body: reply.error(
        400, words[int(body["messages"][1]["content"]) % 3]
    )
    assert {e.kind for e in complete(serial, [ask(str(n)) for n in range(20)], read_name)} == {"rejected"}
    scripted_llm.script = lambda _asked, body: (
        reply() if body["messages"][1]["content"] == "0" else reply.error(400, "too long")
    )
    found = complete(serial, [ask(str(n)) for n in range(20)], read_name)
    assert found[0] == "Freight cost inflation"
    assert {e.kind for e in found[1:]} == {"rejected"}


def test_if_most_of_the_first_hundred_are_of_no_use_the_run_stops(llm, scripted_llm, reply, cache):
    scripted_llm.script = lambda _asked, _body: reply(content="I am a teapot.")
    asks = [ask(str(n)) for n in range(1000)]
    with pytest.raises(EndpointUnavailableError, match="no usable reply to 100 of the first 100 requests"):
        llm.complete(asks, read_name, repair, cache=cache())
    assert 200 <= len(scripted_llm.bodies) < 400
    scripted_llm.bodies.clear()
    scripted_llm.script = lambda _asked, _body: reply()
    named = llm.complete(asks[:200], read_name, repair, cache=cache())
    assert {c.value for c in named} == {"Freight cost inflation"}
    asked = {b["messages"][1]["content"] for b in scripted_llm.bodies}
    assert asked == {str(n) for n in range(200)}, "what was of no use then is asked again, once it is mended"


def test_a_bad_minority_stops_nothing(llm, scripted_llm, reply):
    scripted_llm.script = lambda _asked, body: (
        reply(content="no") if int(body["messages"][1]["content"]) % 5 < 2 else reply()
    )
    found = complete(llm, [ask(str(n)) for n in range(150)], read_name)
    assert sum(f == "Freight cost inflation" for f in found) == 90


def test_the_key_of_the_environment_goes_to_its_host_alone(scripted_llm, monkeypatch):
    monkeypatch.setenv("LLM_API_KEY", KEY)
    there = LlmResource(base_url=scripted_llm.url, model="test-model")
    for named in (None, "http://localhost:1/v1", scripted_llm.url.replace("http:", "https:")):
        if named:
            monkeypatch.setenv("LLM_BASE_URL", named)
        complete(there, [ask("x")], read_name)
    assert scripted_llm.keys == {"Bearer none"}
    monkeypatch.setenv("LLM_BASE_URL", scripted_llm.url.removesuffix("/v1") + "/other")
    complete(there, [ask("x")], read_name)
    assert scripted_llm.keys == {"Bearer none", f"Bearer {KEY}"}
    given = LlmResource(base_url=scripted_llm.url, model="test-model", api_key="sk-given")
    monkeypatch.setenv("LLM_BASE_URL", "http://localhost:1/v1")
    complete(given, [ask("x")], read_name)
    assert "Bearer sk-given" in scripted_llm.keys


def test_a_key_that_was_not_sent_is_said_to_be(scripted_llm, monkeypatch, reply):
    monkeypatch.setenv("LLM_API_KEY", KEY)
    monkeypatch.setenv("LLM_BASE_URL", "http://localhost:1/v1")
    scripted_llm.script = lambda _asked, _body: reply.error(401)
    with pytest.raises(EndpointUnavailableError, match="only to the host of LLM_BASE_URL"):
        complete(LlmResource(base_url=scripted_llm.url, model="test-model"), [ask("x")], read_name)
