"""Fixtures that more than one package of tests needs."""

import os
import signal
import sqlite3
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from datetime import datetime
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.request import Request, urlopen

import pyarrow as pa
import pytest
from hypothesis import settings
from sqlalchemy import Engine, event

if TYPE_CHECKING:
    from playwright.sync_api import Browser

    from benchmarks.wrds_server import Library, Server

from ftm_resources.warehouse import Warehouse

from . import small_topics as quarter_with_topics
from .needed_files import needed, needed_program
from .scripted_llm import Reply, ScriptedLlm

os.environ["DAGSTER_DISABLE_TELEMETRY"] = "1"

# A job in the background of a script ignores SIGINT; Dagster then makes SIGTERM the same, and children inherit it.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)


@event.listens_for(Engine, "connect")
def _without_waiting_for_the_disk(connection: Any, _record: object) -> None:
    """Let SQLite not wait until the disk has written: Dagster commits for each event, and no test cuts the power."""
    if isinstance(connection, sqlite3.Connection):
        connection.execute("PRAGMA synchronous = OFF")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin with the files that start processes and servers: at the end, nobody waits for a long one."""
    long = {item.path for item in items if item.get_closest_marker("integration")}
    items.sort(key=lambda item: item.path not in long)


# How long an example takes is the machine's affair.
settings.register_profile("untimed", deadline=None)
settings.load_profile("untimed")


@pytest.fixture(scope="session")
def earnings21() -> Path:
    """The 44 real calls (Earnings-21) in Capital IQ's columns."""
    what = "Earnings-21 (github.com/revdotcom/speech-datasets) in Capital IQ's columns"
    return needed("FTM_EARNINGS21", "earnings21/components.parquet", what)


@pytest.fixture(scope="session")
def warehouse_on_s3() -> Callable[[], AbstractContextManager[Warehouse]]:
    """A context with an empty warehouse on S3 and Glue, both served over HTTP on this machine."""
    return _warehouse_on_s3


@pytest.fixture
def aws_over_http() -> Iterator[None]:
    """AWS, empty, served over HTTP on this machine, and the settings under which clients find it."""
    with _aws_over_http():
        yield


@contextmanager
def _warehouse_on_s3() -> Iterator[Warehouse]:
    import boto3

    with _aws_over_http():
        boto3.client("s3").create_bucket(Bucket="ftm")
        yield Warehouse(path="s3://ftm/warehouse")


@contextmanager
def _aws_over_http() -> Iterator[None]:
    import boto3
    from moto.server import ThreadedMotoServer

    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0)
    server.start()
    host, port = server.get_host_and_port()
    with pytest.MonkeyPatch.context() as patch:
        for name, value in {
            "AWS_ACCESS_KEY_ID": "test",
            "AWS_SECRET_ACCESS_KEY": "test",
            "AWS_DEFAULT_REGION": "us-east-1",
            "AWS_REGION": "us-east-1",
            "AWS_ENDPOINT_URL": f"http://{host}:{port}",
        }.items():
            patch.setenv(name, value)
        boto3.DEFAULT_SESSION = None
        yield
    boto3.DEFAULT_SESSION = None
    # All servers of a process hold one state.
    urlopen(Request(f"http://{host}:{port}/moto-api/reset", method="POST")).close()
    server.stop()


@pytest.fixture(scope="session")
def folder_of_all(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder that all processes of a test run share; what is made there once is made under a lock, and only read."""
    root = tmp_path_factory.getbasetemp()
    return root.parent if "PYTEST_XDIST_WORKER" in os.environ else root


@pytest.fixture(scope="session")
def quick_model(folder_of_all: Path) -> str:
    """The folder of an embedding model for tests that are not about meaning."""
    from filelock import FileLock

    from benchmarks import word_vectors

    folder = folder_of_all / "quick_model"
    with FileLock(folder.with_suffix(".lock")):
        if not folder.exists():
            word_vectors.save(folder.with_suffix(".partial"))
            folder.with_suffix(".partial").rename(folder)
    return str(folder)


@pytest.fixture
def scripted_llm() -> Iterator[ScriptedLlm]:
    """A running scripted server; set its `script`, read its `bodies`."""
    server = ScriptedLlm()
    yield server
    server.close()


@pytest.fixture
def reply() -> type[Reply]:
    """The replies that a script is made of."""
    return Reply


@pytest.fixture(scope="session")
def wrds_server() -> "Iterator[Server]":
    """A real PostgreSQL with a researcher's account."""
    from benchmarks.wrds_server import serve

    with serve() as server:
        yield server


_libraries = count()


@pytest.fixture
def library(wrds_server: "Server", monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> "Library":
    """WRDS's tables, empty, in schemas of the test's own, and the settings under which the source reads them."""
    from benchmarks.wrds_server import Library

    made = Library(wrds_server, f"t{next(_libraries)}_")
    for name, value in made.environment().items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("PGPASSFILE", str(tmp_path / "no.pgpass"))
    return made


@pytest.fixture(scope="module")
def browser() -> "Iterator[Browser]":
    """The system's Chromium, without a window.

    Not of the session: while playwright is open, its event loop runs in this thread, where `asyncio.run` is refused to
    the code under test.
    """
    from playwright.sync_api import sync_playwright

    of_macos = "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome"
    names = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", of_macos)
    program = needed_program(*names, package="chromium")
    with sync_playwright() as playwright:
        # Without a sandbox, which containers do not allow: the pages are our own.
        opened = playwright.chromium.launch(executable_path=str(program), args=["--no-sandbox"])
        yield opened
        opened.close()


@pytest.fixture
def topics() -> Callable[[str, int], pa.Table]:
    """A function that makes n rows of `firm_topics`."""

    def topics(quarter: str, n: int) -> pa.Table:
        return pa.table(
            {
                "topic_id": [f"{quarter}:1:{i:03d}" for i in range(n)],
                "firm_id": ["1"] * n,
                "local_topic": pa.array(range(n), pa.int32()),
                "n_sentences": pa.array([3] * n, pa.int32()),
                "keywords": [["price", "mix"]] * n,
                "representative_sentence_ids": [["s"]] * n,
                "call_share": [0.1] * n,
                "embedding": [[0.6, 0.8]] * n,
            }
        )

    return topics


@pytest.fixture
def at_clock(monkeypatch: pytest.MonkeyPatch) -> Callable[[datetime], AbstractContextManager[None]]:
    """A context in which this process's clock stands at a moment."""

    @contextmanager
    def at_clock(moment: datetime) -> Iterator[None]:
        with monkeypatch.context() as patched:
            patched.setattr(time, "time", moment.timestamp)
            yield

    return at_clock


@pytest.fixture(scope="session")
def small_topics(tmp_path_factory: pytest.TempPathFactory) -> Warehouse:
    """A warehouse with a small quarter of topics and themes; to be read only."""
    return quarter_with_topics.write(tmp_path_factory.mktemp("topics"))
