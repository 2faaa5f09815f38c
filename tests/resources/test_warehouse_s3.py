"""The warehouse on S3 with the Glue catalog, both served over HTTP on this machine."""

from collections.abc import Iterator

import pyarrow as pa
import pytest

from ftm_resources.warehouse import Warehouse


@pytest.fixture
def warehouse(monkeypatch: pytest.MonkeyPatch) -> Iterator[Warehouse]:
    import boto3
    from moto.server import ThreadedMotoServer

    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0)
    server.start()
    host, port = server.get_host_and_port()
    for name, value in {
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
        "AWS_DEFAULT_REGION": "us-east-1",
        "AWS_REGION": "us-east-1",
        "AWS_ENDPOINT_URL": f"http://{host}:{port}",
    }.items():
        monkeypatch.setenv(name, value)
    boto3.client("s3").create_bucket(Bucket="ftm")
    yield Warehouse(path="s3://ftm/warehouse/")
    server.stop()


def topics(quarter: str, n: int) -> pa.Table:
    return pa.table(
        {
            "topic_id": [f"{quarter}:1:{i:03d}" for i in range(n)],
            "firm_id": ["1"] * n,
            "local_topic": pa.array(range(n), pa.int32()),
            "n_sentences": pa.array([3] * n, pa.int32()),
            "keywords": [["price", "mix"]] * n,
            "representative_sentence_ids": [["s"]] * n,
        }
    )


def test_quarters_are_replaced_read_and_queried(warehouse: Warehouse):
    warehouse.replace("firm_topics", "2020Q1", [topics("2020Q1", 3)])
    warehouse.replace("firm_topics", "2020Q2", [topics("2020Q2", 4)])
    warehouse.replace("firm_topics", "2020Q1", [topics("2020Q1", 2)])
    assert warehouse.quarters("firm_topics") == ["2020Q1", "2020Q2"]
    assert warehouse.read("firm_topics", "2020Q1").num_rows == 2
    by_quarter = "SELECT quarter, count(*) FROM firm_topics GROUP BY 1 ORDER BY 1"
    connection = warehouse.connect(tables=["firm_topics"])
    assert connection.execute(by_quarter).fetchall() == [("2020Q1", 2), ("2020Q2", 4)]
