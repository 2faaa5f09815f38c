"""Naming by a server that means harm: every topic ends with a name, the run ends, and nothing bad is kept."""

import resource
import sys
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import dagster as dg
import pytest

from ftm_assets.methods.naming.audit import audit_columns
from ftm_assets.methods.naming.rules import Digest, Named
from ftm_assets.orchestration.namer import build_namer, reply_cache
from ftm_resources.endpoint.llm import MAX_REPLY_BYTES, LlmResource
from ftm_resources.warehouse import Warehouse

from .hostile_llm import DEEP, GARBLED, USAGES, USELESS, HostileLlm, completion, once, reply

KEY = "sk-verysecret-0123456789"
TOPICS = [
    Digest(f"2023Q1:1:{i:03d}", "topic", (f"{what} costs",), (f"Our {what} costs rose in the quarter.",))
    for i, what in enumerate(["freight", "labor", "steel", "energy", "rent"])
]


@pytest.fixture
def hostile(monkeypatch: pytest.MonkeyPatch) -> Iterator[HostileLlm]:
    for name in ("LLM_BASE_URL", "LLM_MODEL", "LLM_API_KEY"):
        monkeypatch.delenv(name, raising=False)
    server = HostileLlm()
    yield server
    server.close()


def llm_at(server: HostileLlm, **changes: Any) -> LlmResource:
    given = {
        "base_url": server.url,
        "model": "test-model",
        "max_retries": 1,
        "concurrency": 2,
        "read_seconds": 2.0,
        "startup_seconds": 0,
        "on_llm_failure": "degrade",
    }
    return LlmResource(**{**given, **changes})


def named_by(server: HostileLlm, root: Path, fault: str = "", **changes: Any) -> list[Named]:
    llm, started = llm_at(server, **changes), time.monotonic()
    named = build_namer(llm, Warehouse(path=str(root)), "topic_summaries", "2023Q1").name(TOPICS)
    outcomes = dict(Counter(n.audit.outcome for n in named))
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 2**10
    seconds = time.monotonic() - started
    sys.stdout.write(f"| {fault} | {outcomes} | {seconds:.1f} s | {peak} MiB |\n")  # with -s: what to show
    audit_columns(named, llm.cost)  # fits the table's types
    return named


@pytest.mark.parametrize("fault", GARBLED)
def test_what_is_no_reply_is_one_retried_fault(hostile: HostileLlm, tmp_path: Path, fault: str):
    hostile.fault = GARBLED[fault]
    named = named_by(
        hostile, tmp_path, fault, read_seconds=0.5
    )  # silence is given up after nine times as long
    assert {n.naming_method for n in named} == {"extractive"}
    assert {n.audit.outcome for n in named} <= {"unanswered", "down"}
    assert all(n.audit.attempts == 2 for n in named if n.audit.outcome == "unanswered")
    # Of each reply no more is taken than is allowed, and what lies in the sockets' buffers.
    assert hostile.n_sent <= hostile.n_posts * (MAX_REPLY_BYTES + 8 * 2**20)


@pytest.mark.parametrize("fault", USELESS)
def test_a_reply_without_a_name_costs_its_topic_alone(hostile: HostileLlm, tmp_path: Path, fault: str):
    hostile.fault = USELESS[fault]
    named = named_by(hostile, tmp_path, fault)
    assert {n.naming_method for n in named} == {"extractive"}
    assert {n.audit.outcome for n in named} <= {"unusable", "rejected", "down"}


@pytest.mark.parametrize("usage", USAGES)
def test_a_count_of_tokens_that_is_none_is_dropped_and_the_name_kept(
    hostile: HostileLlm, tmp_path: Path, usage: str
):
    hostile.fault = once(reply(completion(usage=USAGES[usage])))
    named = named_by(hostile, tmp_path, f"usage {usage}")
    assert {n.audit.outcome for n in named} == {"named"}
    assert all(0 <= n.audit.tokens_in < 2**31 and 0 <= n.audit.tokens_out < 2**31 for n in named)
    again = named_by(hostile, tmp_path)
    assert all(n.audit.is_cached for n in again)
    kept = reply_cache(llm_at(hostile), Warehouse(path=str(tmp_path)), "topic_summaries", "2023Q1")
    kept.get("")
    assert kept.dropped == 0


@pytest.mark.parametrize(
    "body",
    [
        b"[" * DEEP,
        b'{"data": ' + b"[" * DEEP,
        b'{"data": [{"id": "test-model", "max_model_len": 9%s}]}' % (b"0" * 400),
    ],
    ids=["nested", "nested data", "context of 10^400"],
)
def test_a_list_of_models_made_to_break_a_parser_is_survived(
    hostile: HostileLlm, tmp_path: Path, body: bytes
):
    hostile.models = reply(body)
    assert {n.audit.outcome for n in named_by(hostile, tmp_path, "models")} == {"named"}


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_no_redirect_is_followed_and_the_error_names_the_target(
    hostile: HostileLlm, tmp_path: Path, status: int
):
    elsewhere = HostileLlm()
    try:
        target = f"{elsewhere.url}/chat/completions"
        hostile.fault = once(reply(b"", f"Location: {target}", status=f"{status} Elsewhere"))
        named = named_by(hostile, tmp_path, f"redirect {status}")
        assert {n.naming_method for n in named} == {"extractive"}
        assert all(target in n.audit.reason for n in named)
        with pytest.raises(dg.Failure, match=f"redirects to {target}"):
            named_by(hostile, tmp_path, on_llm_failure="fail")
        hostile.models = hostile.fault().__next__()
        with pytest.raises(dg.Failure, match=f"redirects to {target}"):
            named_by(hostile, tmp_path, on_llm_failure="fail")
        assert {n.audit.outcome for n in named_by(hostile, tmp_path)} == {"down"}
        assert elsewhere.requests == []
    finally:
        elsewhere.close()


def test_told_to_fail_the_run_says_why_in_one_line(hostile: HostileLlm, tmp_path: Path):
    hostile.fault = GARBLED["garbage for a chunk"]
    with pytest.raises(dg.Failure) as failure:
        named_by(hostile, tmp_path, on_llm_failure="fail")
    assert "stopped answering; last: RemoteProtocolError" in str(failure.value)
    assert failure.value.__cause__ is None
    assert "\n" not in str(failure.value)
