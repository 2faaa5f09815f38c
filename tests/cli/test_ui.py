"""`ftm ui` around Dagster's own command; that Dagster serves pages is in the integration tests."""

import signal
import socket
import subprocess
import sys
from collections.abc import Iterator

import dagster as dg
import pytest

from ftm_assets.cli import ui


@pytest.fixture
def port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return free.getsockname()[1]


def test_dagster_is_started_with_its_home_and_one_login_to_wrds(
    ftm, port: int, monkeypatch: pytest.MonkeyPatch
):
    started = []
    monkeypatch.setenv("DAGSTER_MODULE_NAME", "ftm_assets.definitions")
    monkeypatch.setattr(ui, "serve", lambda *given: started.append(given) or 0)
    done = ftm("ui", "--port", str(port))
    assert done.exit_code == 0, done.output
    ((command, environment, host, on),) = started
    assert (host, on) == ("127.0.0.1", port)
    assert "DAGSTER_MODULE_NAME" not in environment, (
        "beside --module-name it keeps the services from starting"
    )
    assert "DAGSTER_HOME" in environment
    assert command[command.index("--port") + 1] == str(port)
    with dg.DagsterInstance.get() as instance:
        assert instance.event_log_storage.get_concurrency_info("wrds").slot_count == 1


def test_a_port_in_use_is_refused_by_name(ftm):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        refused = ftm("ui", "--port", str(port))
    assert refused.exit_code == 1
    assert refused.stderr.startswith(f"the UI cannot use port {port} of 127.0.0.1")


STUBBORN = """
import http.server, os, signal, subprocess, sys
for number in (signal.SIGINT, signal.SIGTERM):
    signal.signal(number, signal.SIG_IGN)
child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
class Answer(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200)
        self.end_headers()
print("processes", os.getpid(), child.pid, flush=True)
http.server.HTTPServer(("127.0.0.1", int(sys.argv[1])), Answer).serve_forever()
"""
"""A server that answers, has a child, and, like its child, ignores what asks it to end."""


@pytest.fixture
def serving(port: int) -> Iterator[subprocess.Popen[str]]:
    script = (
        "import os, sys; from ftm_assets.cli import ui; "
        f"sys.exit(ui.serve([sys.executable, '-c', {STUBBORN!r}, '{port}'], dict(os.environ), '127.0.0.1', {port}, "
        "patience=0.3))"
    )
    with subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE, text=True) as process:
        yield process
        process.kill()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_the_server_and_all_that_it_started(
    serving: subprocess.Popen[str], port: int, number: int
):
    assert serving.stdout
    processes: list[int] = []
    for line in serving.stdout:
        if line.startswith("processes"):
            processes = [int(pid) for pid in line.split()[1:]]
        if line == f"The UI is at http://127.0.0.1:{port}.\n":
            break
    assert len(processes) == 2
    serving.send_signal(number)
    assert serving.wait(60) == 0
    for pid in processes:
        shown = subprocess.run(
            ["ps", "-o", "stat=", "-p", str(pid)], capture_output=True, text=True, check=False
        )
        assert shown.stdout.strip()[:1] in ("", "Z"), "gone, or dead and nobody asked how it ended"


def test_the_exit_code_is_that_of_a_server_that_cannot_start(port: int, capfd: pytest.CaptureFixture[str]):
    before = signal.getsignal(signal.SIGTERM)
    try:
        assert ui.serve([sys.executable, "-c", "raise SystemExit(3)"], {}, "127.0.0.1", port) == 3
    finally:
        signal.signal(signal.SIGTERM, before)
    assert "The UI is at" not in capfd.readouterr().out
