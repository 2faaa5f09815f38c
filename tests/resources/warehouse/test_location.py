"""Where a warehouse can be, and what lies near a root that holds none."""

import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from ftm_resources.warehouse.errors import WarehouseError
from ftm_resources.warehouse.location import CATALOG_FILE, Location, near


@pytest.mark.parametrize(
    "path",
    [
        "gs://bucket/w",
        "http://host/w",
        "hdfs://n/w",
        "file:///w",
        "GS://b/w",
        "s3:/bucket/w",
        "s3://",
        "S3:///w",
        "s3a://",
        "s3:bucket/w",
        " s3a:bucket",
        " gs://bucket/w",
    ],
)
def test_another_scheme_is_refused_rather_than_made_a_folder(
    path: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(WarehouseError, match="a folder or s3://bucket/prefix"):
        Location.of(path)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("scheme", ["s3", "S3", "s3a", "S3A", "s3n"])
def test_every_name_of_s3_is_the_same_warehouse(scheme: str):
    location = Location.of(f"{scheme}://Bucket/A prefix/")
    assert location == Location("s3://Bucket/A prefix")
    assert location.is_s3
    assert location.path_of(f"{scheme}://elsewhere/ftm/themes/data/a.parquet") == (
        "Bucket/A prefix/ftm/themes/data/a.parquet"
    )


@pytest.mark.parametrize(
    "path",
    [
        "s3://AKIA:secret@bucket/w",
        "s3n://AKIA:sec/ret@bucket/w",
        "s3://host:9000/w",
        "s3://bucket/w?region=eu-west-1",
        "s3a://bucket/w#x",
        "s3://bu cket/w",
        "s3://bucket\n/w",
    ],
)
def test_keys_and_options_in_a_location_are_refused_without_repeating_them(path: str):
    with pytest.raises(WarehouseError, match="leave keys, ports and options out") as refused:
        Location.of(path)
    assert path[6:] not in str(refused.value)


@pytest.mark.parametrize(
    "path", ["s3:/AKIA:secret@bucket", "https://u:secret@host/w?X-Amz-Signature=secret", "gs://key:secret@b"]
)
def test_no_refusal_of_an_address_repeats_what_may_be_a_key(path: str):
    with pytest.raises(WarehouseError) as refused:
        Location.of(path)
    assert "secret" not in str(refused.value)


@pytest.mark.parametrize(
    "path", ["s3://bucket/../other", "s3://bucket/x//y", "s3://bucket/./x", "s3://bucket/x\ty"]
)
def test_a_folder_on_s3_has_a_plain_name(path: str):
    with pytest.raises(WarehouseError, match="a folder in it has no name"):
        Location.of(path)


def test_blanks_around_an_address_do_not_make_it_a_folder():
    assert Location.of(" s3://bucket/w") == Location("s3://bucket/w")


def test_a_folder_whose_name_has_a_colon_is_a_folder(tmp_path: Path):
    assert Location.of(f"{tmp_path}/run:1/w").root == f"{tmp_path}/run:1/w"


@pytest.mark.parametrize("name", ["n\0l", "e\udc80x"])
def test_a_name_that_cannot_be_stored_is_refused(tmp_path: Path, name: str):
    with pytest.raises(WarehouseError, match="cannot be stored"):
        Location.of(str(tmp_path / name))


@pytest.mark.parametrize("name", ["firm_id=7", "Quarter=2020Q1", "score=1/w"])
@pytest.mark.parametrize("above", ["{}", "s3://bucket"])
def test_a_folder_that_duckdb_would_read_as_a_column_is_refused(tmp_path: Path, name: str, above: str):
    with pytest.raises(WarehouseError, match="as a column of the tables"):
        Location.of(f"{above.format(tmp_path)}/{name}")
    assert not list(tmp_path.iterdir())


def test_a_root_is_absolute_and_ends_without_a_slash(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path))
    for path in ("w", "./w/", "~/w", str(tmp_path / "x" / ".." / "w")):
        location = Location.of(path)
        assert (location.root, location.uri, location.is_s3) == (
            str(tmp_path / "w"),
            f"file://{tmp_path}/w",
            False,
        )
    assert Location.of("s3://bucket/prefix/") == Location("s3://bucket/prefix")


def make(*folders: Path) -> None:
    for folder in folders:
        folder.mkdir(parents=True)
        (folder / CATALOG_FILE).touch()


def test_near_is_what_lies_beside_above_and_within_the_most_alike_first(tmp_path: Path):
    data = tmp_path / "data"
    make(data / "warehouse", data / "zzz", data / "typo" / "warehouse")
    (data / "no-warehouse").mkdir()
    assert near(str(data / "warehose")) == [str(data / "warehouse"), str(data / "zzz")]
    beside_and_within = {data / "typo" / "warehouse", data / "warehouse", data / "zzz"}
    assert set(near(str(data / "typo"))) == set(map(str, beside_and_within))
    assert str(data / "warehouse") in near(str(data / "warehouse" / "ftm"))


def test_near_is_found_where_a_folder_in_the_middle_is_mistyped(tmp_path: Path):
    make(tmp_path / "project" / "a" / "warehouse")
    assert near(str(tmp_path / "projcet" / "a" / "warehouse")) == [
        str(tmp_path / "project" / "a" / "warehouse")
    ]


def test_nothing_near_is_nothing(tmp_path: Path):
    (tmp_path / "alone").mkdir()
    assert near(str(tmp_path / "alone" / "a" / "b")) == []


class _Slow(BaseHTTPRequestHandler):
    """S3 as a busy server is: an object's head comes after more seconds than pyarrow waits by itself."""

    def do_HEAD(self) -> None:
        if self.path.endswith("/object"):
            self.server.asked.append(self.path)  # type: ignore[attr-defined]
            time.sleep(3.5)
        self.send_response(200)
        self.send_header("Content-Length", "7")
        self.end_headers()

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class's name
        pass


def test_a_slow_answer_of_s3_is_waited_for(monkeypatch: pytest.MonkeyPatch):
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Slow)
    server.asked = []  # type: ignore[attr-defined]
    threading.Thread(target=server.serve_forever, daemon=True).start()
    monkeypatch.setenv("AWS_ENDPOINT_URL", f"http://127.0.0.1:{server.server_port}")
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "test")
    monkeypatch.setenv("AWS_REGION", "us-east-1")
    filesystem, root = Location("s3://bucket/prefix").filesystem()
    assert root == "bucket/prefix"
    assert filesystem.get_file_info(f"{root}/object").size == 7
    assert server.asked == ["/bucket/prefix/object"]  # type: ignore[attr-defined]
    server.shutdown()
    server.server_close()
