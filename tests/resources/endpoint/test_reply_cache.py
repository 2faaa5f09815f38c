import os
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from dataclasses import replace
from pathlib import Path

import pytest

from ftm_resources.endpoint import reply_cache
from ftm_resources.endpoint.reply_cache import Reply, ReplyCache
from ftm_resources.warehouse import Warehouse

HELLO = Reply('{"name": "héllo"}\n', "stop", 900, 40, 0.5, 1700000000.0)


@pytest.fixture
def warehouse(tmp_path: Path) -> Warehouse:
    return Warehouse(path=str(tmp_path))


def opened(warehouse: Warehouse, **identity: str) -> ReplyCache:
    return ReplyCache(warehouse, "topic_summaries", "2023Q1", {"model": "m", **identity})


def files(warehouse: Warehouse, pattern: str = "*") -> list[Path]:
    return sorted(Path(warehouse.root).rglob(f"replies/**/{pattern}"))


def test_a_reply_is_found_by_whoever_opens_the_folder_next(warehouse: Warehouse):
    first = opened(warehouse)
    assert first.get("a") is None
    first.put("a", HELLO)
    # Neither flushed nor closed: as a process that was killed leaves it.
    assert opened(warehouse).get("a") == HELLO


def test_another_way_of_asking_another_quarter_and_another_table_have_replies_of_their_own(
    warehouse: Warehouse,
):
    opened(warehouse).put("a", HELLO)
    assert opened(warehouse, prompt_version="2").get("a") is None
    assert ReplyCache(warehouse, "topic_summaries", "2023Q2", {"model": "m"}).get("a") is None
    assert ReplyCache(warehouse, "themes", "2023Q1", {"model": "m"}).get("a") is None


def test_the_latest_reply_counts_whichever_process_wrote_it(warehouse: Warehouse):
    late, early = opened(warehouse), opened(warehouse)
    late.put("a", replace(HELLO, text="late", arrived_at=HELLO.arrived_at + 1))
    early.put("a", HELLO)
    assert opened(warehouse).get("a").text == "late"


def test_what_a_dying_process_left_half_written_is_passed_over(warehouse: Warehouse):
    opened(warehouse).put("a", HELLO)
    (file,) = files(warehouse, "*.jsonl")
    with file.open("ab") as torn:
        torn.write(b'{"key": "b", "text": "hal')
    file.with_name("0-other.jsonl").write_bytes(b'{"key": "c"}\n\xff\xfe\n[1]\n')
    file.with_name("0-other.parquet").write_bytes(b"no parquet")
    cache = opened(warehouse)
    assert cache.get("a") == HELLO
    assert cache.get("b") is None
    assert cache.ignored == 5


def test_a_flushed_cache_goes_on(warehouse: Warehouse):
    cache = opened(warehouse)
    for key in "abc":
        cache.put(key, HELLO)
        cache.flush()
    assert len(files(warehouse, "*.jsonl")) == 1
    assert all(opened(warehouse).get(k) for k in "abc")


def test_old_files_are_merged_into_one_and_fresh_ones_left_alone(warehouse: Warehouse):
    for i in range(reply_cache.MERGE_FILES):
        opened(warehouse).put(f"key {i}", HELLO)
    hours_ago = time.time() - 2 * reply_cache.MERGE_AGE_SECONDS
    for file in files(warehouse, "*.jsonl"):
        os.utime(file, (hours_ago, hours_ago))
    busy = opened(warehouse)
    busy.put("busy", HELLO)
    assert all(busy.get(f"key {i}") == HELLO for i in range(reply_cache.MERGE_FILES))
    assert len(files(warehouse, "*.parquet")) == len(files(warehouse, "*.jsonl")) == 1
    busy.put("later", HELLO)
    again = opened(warehouse)
    assert all(again.get(f"key {i}") == HELLO for i in range(reply_cache.MERGE_FILES))
    assert again.get("busy") == again.get("later") == HELLO


@pytest.fixture
def on_s3(warehouse_on_s3: Callable[[], AbstractContextManager[Warehouse]]) -> Iterator[Warehouse]:
    with warehouse_on_s3() as warehouse:
        yield warehouse


def test_on_s3_replies_become_objects_every_second_and_when_flushed(
    on_s3: Warehouse, monkeypatch: pytest.MonkeyPatch
):
    cache = opened(on_s3)
    for key in "abc":
        cache.put(key, HELLO)
    cache.flush()
    cache.put("d", HELLO)
    other = opened(on_s3)
    assert all(other.get(k) == HELLO for k in "abc")
    assert other.get("d") is None
    monkeypatch.setattr(reply_cache, "FLUSH_SECONDS", 0.0)
    cache.put("e", HELLO)
    cache.flush()
    other = opened(on_s3)
    assert other.get("d") == other.get("e") == HELLO
    # Merging works there too.
    monkeypatch.setattr(reply_cache, "MERGE_FILES", 2)
    monkeypatch.setattr(reply_cache, "MERGE_AGE_SECONDS", -3600.0)
    assert opened(on_s3).get("a") == HELLO
    filesystem, root = on_s3.filesystem()
    from pyarrow import fs

    left = filesystem.get_file_info(fs.FileSelector(f"{root}/replies", recursive=True))
    assert [f.extension for f in left if f.is_file] == ["parquet"]
    assert all(opened(on_s3).get(k) == HELLO for k in "abcde")
