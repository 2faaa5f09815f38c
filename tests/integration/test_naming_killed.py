"""Naming killed with SIGKILL in the middle, and run again: what had arrived is not asked for twice."""

import json
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

pytestmark = pytest.mark.integration
REPOSITORY = Path(__file__).resolve().parents[2]
TOPICS, IN_FLIGHT = 400, 16

NAMING = """
import json, os, sys
from ftm_assets.methods.naming import by_model
from ftm_assets.methods.naming.rules import Digest
from ftm_assets.orchestration.namer import build_namer
from ftm_resources.endpoint.llm import LlmResource
from ftm_resources.warehouse import Warehouse

root, url, topics, in_flight = sys.argv[1], sys.argv[2], int(sys.argv[3]), int(sys.argv[4])
arrived = os.open(f"{root}/arrived", os.O_CREAT | os.O_WRONLY | os.O_APPEND)
parse = by_model.parse_reply

def noted(text, digest):
    os.write(arrived, f"{digest.id}\\n".encode())
    return parse(text, digest)

by_model.parse_reply = noted
digests = [Digest(str(i), "topic", (f"cost {i}", "freight"), (f"Costs rose {i}.",)) for i in range(topics)]
llm = LlmResource(base_url=url, model="test-model", concurrency=in_flight)
named = build_namer(llm, Warehouse(path=root), "topic_summaries", "2023Q1").name(digests)
print(json.dumps([[n.name, n.audit.outcome, n.audit.is_cached] for n in named]))
"""


def topic(body: dict[str, Any]) -> str:
    return body["messages"][1]["content"].partition("Costs rose ")[2].partition(".")[0]


def test_nothing_that_had_arrived_is_asked_for_again(
    tmp_path: Path, scripted_llm: Any, reply: Callable[..., Any]
):
    scripted_llm.script = lambda _asked, body: reply(
        content=json.dumps({"name": "Freight costs", "summary": f"Freight costs rose {topic(body)}."}),
        delay=0.02,
    )
    command = [sys.executable, "-c", NAMING, str(tmp_path), scripted_llm.url, str(TOPICS), str(IN_FLIGHT)]
    arrived: set[str] = set()
    sent: set[str] = set()
    for n_kills in range(4):
        scripted_llm.bodies.clear()
        process = subprocess.Popen(command, cwd=REPOSITORY, stdout=subprocess.PIPE, text=True)
        while n_kills < 3 and len(scripted_llm.bodies) < 80 + 7 * n_kills:
            assert process.poll() is None
            time.sleep(0.005)
        if n_kills < 3:
            process.kill()
        out, _ = process.communicate(timeout=60)
        asked = [topic(b) for b in scripted_llm.bodies]
        assert process.returncode == (-signal.SIGKILL if n_kills < 3 else 0)
        assert not set(asked) & arrived, "a reply that had arrived was asked for again"
        assert len(asked) == len(set(asked))
        # What was sent twice was on its way when the process died.
        assert len(set(asked) & sent) <= IN_FLIGHT
        sent |= set(asked)
        arrived = set((tmp_path / "arrived").read_text().split())
    named = json.loads(out)
    assert [n[:2] for n in named] == [["Freight costs", "named"]] * TOPICS
    assert sum(is_cached for *_, is_cached in named) == TOPICS - len(asked) > 150
