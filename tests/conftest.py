"""Fixtures that more than one package of tests needs."""

import os
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from urllib.request import Request, urlopen

import pytest

from ftm_resources.warehouse import Warehouse

os.environ["DAGSTER_DISABLE_TELEMETRY"] = "1"

REPOSITORY = Path(__file__).resolve().parent.parent


@pytest.fixture(scope="session")
def earnings21() -> Path:
    """The 44 real calls (Earnings-21) in Capital IQ's columns; used in place, never copied."""
    path = Path(
        os.environ.get("FTM_EARNINGS21")
        or REPOSITORY.parent / "shared" / "data" / "earnings21" / "components.parquet"
    )
    if not path.exists():
        pytest.fail(f"the real calls are not at {path}: set FTM_EARNINGS21 to components.parquet")
    return path


@pytest.fixture(scope="session")
def warehouse_on_s3() -> Callable[[], AbstractContextManager[Warehouse]]:
    """A context with an empty warehouse on S3 and Glue, both served over HTTP on this machine."""
    return _warehouse_on_s3


@contextmanager
def _warehouse_on_s3() -> Iterator[Warehouse]:
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
        boto3.client("s3").create_bucket(Bucket="ftm")
        yield Warehouse(path="s3://ftm/warehouse")
    boto3.DEFAULT_SESSION = None
    # All servers of a process hold one state.
    urlopen(Request(f"http://{host}:{port}/moto-api/reset", method="POST")).close()
    server.stop()
