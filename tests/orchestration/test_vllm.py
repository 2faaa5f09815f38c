"""What is relied upon of vLLM, against the shapes that it is known to send; `pytest -m live_llm` asks a live one.

The shapes are those of vLLM 0.9 to 0.17 as its source and issues show them; none was recorded here.
"""

import json
import re
import urllib.request

import pytest

from ftm_assets.methods.naming.rules import Digest
from ftm_assets.orchestration.namer import build_namer
from ftm_resources import settings
from ftm_resources.endpoint.llm import LlmResource
from ftm_resources.warehouse import Warehouse

MODEL = "Qwen/Qwen3-8B"
MODELS = {
    "object": "list",
    "data": [
        {
            "id": MODEL,
            "object": "model",
            "created": 1756885796,
            "owned_by": "vllm",
            "root": MODEL,
            "parent": None,
            "max_model_len": 2048,
            "permission": [{"id": "modelperm-cb01", "object": "model_permission", "organization": "*"}],
        }
    ],
}
COMPLETION = {
    "id": "chatcmpl-8e0d5a86d87f4e3c",
    "object": "chat.completion",
    "created": 1756885800,
    "model": MODEL,
    "choices": [
        {
            "index": 0,
            "message": {
                "role": "assistant",
                "content": '{"name": "Freight cost inflation", "summary": "Freight costs rose in the quarter."}',
                "refusal": None,
                "annotations": None,
                "audio": None,
                "function_call": None,
                "tool_calls": [],
                "reasoning_content": None,
            },
            "logprobs": None,
            "finish_reason": "stop",
            "stop_reason": None,
            "token_ids": None,
        }
    ],
    "service_tier": None,
    "system_fingerprint": None,
    "usage": {
        "prompt_tokens": 412,
        "total_tokens": 441,
        "completion_tokens": 29,
        "prompt_tokens_details": None,
    },
    "prompt_logprobs": None,
    "prompt_token_ids": None,
    "kv_transfer_params": None,
}
TOO_LONG = "This model's maximum context length is 2048 tokens. However, you requested 2412 tokens."
ERRORS = {
    "0.9": {"object": "error", "message": TOO_LONG, "type": "BadRequestError", "param": None, "code": 400},
    "0.16": {"error": {"message": TOO_LONG, "type": "BadRequestError", "param": "input_tokens", "code": 400}},
}
METRICS = """# TYPE vllm:request_success_total counter
vllm:request_success_total{engine="0",finished_reason="stop",model_name="Qwen/Qwen3-8B"} 11.0
vllm:request_success_total{engine="0",finished_reason="length",model_name="Qwen/Qwen3-8B"} 1.0
# TYPE vllm:num_requests_running gauge
vllm:num_requests_running{engine="0",model_name="Qwen/Qwen3-8B"} 0.0
"""
TOPICS = [
    Digest(
        f"2023Q1:1:{i:03d}",
        "topic",
        (f"{what} costs", what),
        tuple(
            f"Our {what} costs rose {n} percent in the quarter, which weighed on margins." for n in range(200)
        ),
    )
    for i, what in enumerate(["freight", "labor", "steel", "energy", "rent", "packaging"])
]


@pytest.fixture
def vllm(scripted_llm, reply):
    scripted_llm.models = lambda _asked: reply(body=json.dumps(MODELS).encode())
    scripted_llm.health = lambda _asked: reply(body=b"")
    scripted_llm.script = lambda _asked, _body: reply(body=json.dumps(COMPLETION).encode())
    return scripted_llm


@pytest.fixture
def llm(vllm):
    return LlmResource(base_url=vllm.url, model=MODEL, concurrency=1, startup_seconds=0)


def name(llm, tmp_path):
    return build_namer(llm, Warehouse(path=str(tmp_path)), "topic_summaries", "2023Q1").name(TOPICS)


def finished(metrics):
    """Return the requests that vLLM has answered, from the text of /metrics."""
    return sum(
        float(n) for n in re.findall(r"^vllm:request_success_total\{[^}]*\} (\S+)$", metrics, re.MULTILINE)
    )


def test_a_request_asks_for_the_schema_and_no_thinking(llm, vllm, tmp_path):
    named = name(llm, tmp_path)
    assert [(n.name, n.audit.outcome) for n in named] == [("Freight cost inflation", "named")] * len(TOPICS)
    assert {(n.audit.tokens_in, n.audit.tokens_out) for n in named} == {(412, 29)}
    body = vllm.bodies[0]
    assert body["chat_template_kwargs"] == {"enable_thinking": False}
    assert body["response_format"]["type"] == "json_schema"
    assert body["response_format"]["json_schema"]["schema"]["required"] == ["name", "summary"]
    assert "guided_json" not in body


def test_prompts_fit_the_length_that_the_server_was_started_with(llm, vllm, tmp_path):
    name(llm, tmp_path)
    prompts = [sum(len(m["content"]) for m in body["messages"]) for body in vllm.bodies]
    # At three characters to a token, less than what a prompt of 4,096 tokens would hold.
    assert max(prompts) < 3 * 2048
    assert llm.context() == 2048


@pytest.mark.parametrize("error", ERRORS.values(), ids=ERRORS)
def test_a_prompt_that_is_too_long_costs_its_topic_alone(llm, vllm, reply, tmp_path, error):
    vllm.script = lambda _asked, body: (
        reply(status=400, body=json.dumps(error).encode())
        if "steel" in body["messages"][1]["content"]
        else reply(body=json.dumps(COMPLETION).encode())
    )
    named = name(llm, tmp_path)
    assert [n.audit.outcome for n in named].count("rejected") == 1
    (reason,) = (n.audit.reason for n in named if n.audit.reason)
    assert "maximum context length is 2048" in reason


def test_thinking_that_a_reasoning_parser_took_away_leaves_the_reply(llm, vllm, reply, tmp_path):
    thought = json.loads(json.dumps(COMPLETION))
    thought["choices"][0]["message"] |= {
        "content": None,
        "reasoning_content": "Hmm, freight.",
        "reasoning": "Hmm.",
    }
    vllm.script = lambda asked, _body: reply(body=json.dumps(COMPLETION if asked else thought).encode())
    assert {n.audit.outcome for n in name(llm, tmp_path)} == {"repaired"}


def test_the_counter_of_requests_is_read():
    assert finished(METRICS) == 12.0


@pytest.fixture
def live() -> LlmResource:
    if not settings.current().llm_base_url:
        pytest.skip("set LLM_BASE_URL, LLM_MODEL and, where it wants one, LLM_API_KEY")
    return LlmResource()


def get(path):
    root = settings.current().llm_base_url.rstrip("/").removesuffix("/v1")
    key = settings.secret(settings.current().llm_api_key)
    headers = {"Authorization": f"Bearer {key}"} if key else {}
    request = urllib.request.Request(f"{root}{path}", headers=headers)  # noqa: S310 - the user's own
    with urllib.request.urlopen(request, timeout=30) as reply:  # noqa: S310
        return reply.read().decode()


@pytest.mark.live_llm
def test_a_live_endpoint_names_topics(live, tmp_path):
    named = name(live, tmp_path)
    assert {n.audit.outcome for n in named} <= {"named", "repaired"}
    assert len({n.name for n in named}) == len(named)
    assert all(n.audit.tokens_in > 0 and n.audit.tokens_out > 0 for n in named)
    again = name(LlmResource(), tmp_path)
    assert [(n.name, n.audit.is_cached) for n in again] == [(n.name, True) for n in named]


@pytest.mark.live_llm
def test_a_live_vllm_keeps_what_is_relied_upon(live, tmp_path):
    (row,) = (m for m in json.loads(get("/v1/models"))["data"] if m["id"] == live.model_name())
    if row.get("owned_by") != "vllm":
        pytest.skip("not vLLM")
    assert live.context() == row["max_model_len"]
    assert get("/health") == ""
    before = finished(get("/metrics"))
    named = name(live, tmp_path)
    assert finished(get("/metrics")) - before >= sum(n.audit.attempts for n in named)
