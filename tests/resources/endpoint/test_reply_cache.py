import json
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from dataclasses import asdict, replace
from pathlib import Path

import pytest
from pyarrow import fs

from ftm_resources.endpoint import reply_cache
from ftm_resources.endpoint.reply_cache import Reply, ReplyCache
from ftm_resources.warehouse import Warehouse

HELLO = Reply('{"name": "héllo"}\n', "stop", 900, 40, 0.5, 1700000000.0)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "replies" / "2023Q1"


def opened(folder: Path) -> ReplyCache:
    return ReplyCache(fs.LocalFileSystem(), str(folder))


def test_a_reply_is_found_by_whoever_opens_the_folder_next(folder: Path):
    first = opened(folder)
    assert first.get("a") is None
    first.put("a", HELLO)
    # Neither flushed nor closed: as a process that was killed leaves it.
    assert opened(folder).get("a") == HELLO
    assert opened(folder.with_name("2023Q2")).get("a") is None


def test_the_latest_reply_counts_whichever_process_wrote_it(folder: Path):
    late, early = opened(folder), opened(folder)
    late.put("a", replace(HELLO, text="late", arrived_at=HELLO.arrived_at + 1))
    early.put("a", HELLO)
    assert opened(folder).get("a").text == "late"


def test_what_a_dying_process_left_half_written_is_left_out(folder: Path):
    opened(folder).put("a", HELLO)
    (file,) = folder.glob("*.jsonl")
    with file.open("ab") as torn:
        torn.write(b'{"key": "b", "text": "hal')
    file.with_name("0-other.jsonl").write_bytes(b'{"key": "c"}\n\xff\xfe\n[1]\n' + b"[" * 100_000)
    cache = opened(folder)
    assert cache.get("a") == HELLO
    assert cache.get("b") is None
    assert cache.dropped == 5


POISON = {
    "tokens_in": [2**31, -1, 1.5, True, None, "9"],
    "tokens_out": [2**31, -1],
    "seconds": [float("nan"), float("inf"), -1.0, "1"],
    "arrived_at": [1e18, float("nan"), None],
    "text": [None, 3],
    "finish_reason": [None, ["stop"]],
    "thinks": ["yes"],
    "is_repair": [1],
}


@pytest.mark.parametrize(("field", "value"), [(f, v) for f, values in POISON.items() for v in values])
def test_a_poisoned_entry_can_neither_be_kept_nor_read(folder: Path, field: str, value: object):
    with pytest.raises(ValueError, match="not a reply"):
        replace(HELLO, **{field: value})
    opened(folder).put("b", HELLO)
    (file,) = folder.glob("*.jsonl")
    with file.open("a") as poisoned:
        poisoned.write(json.dumps({"key": "a", **asdict(HELLO), field: value}) + "\n")
    cache = opened(folder)
    assert (cache.get("a"), cache.get("b"), cache.dropped) == (None, HELLO, 1)


@pytest.mark.parametrize("key", [None, 1, ["a"], {"a": 1}])
def test_an_entry_whose_key_is_no_text_is_dropped(folder: Path, key: object):
    opened(folder).put("b", HELLO)
    (file,) = folder.glob("*.jsonl")
    with file.open("a") as poisoned:
        poisoned.write(json.dumps({"key": key, **asdict(HELLO)}) + "\n")
    cache = opened(folder)
    assert (cache.get("b"), cache.dropped) == (HELLO, 1)


def test_a_lone_surrogate_can_neither_be_kept_nor_read(folder: Path):
    """Arrow and files refuse it, and the run with them."""
    with pytest.raises(ValueError, match="surrogates not allowed"):
        replace(HELLO, text="\ud800")
    opened(folder).put("b", HELLO)
    (file,) = folder.glob("*.jsonl")
    with file.open("a") as poisoned:
        poisoned.write(json.dumps({"key": "a", **asdict(HELLO), "text": "\ud800"}) + "\n")
    cache = opened(folder)
    assert (cache.get("a"), cache.dropped) == (None, 1)


def test_a_flushed_cache_goes_on(folder: Path):
    cache = opened(folder)
    for key in "abc":
        cache.put(key, HELLO)
        cache.flush()
    assert len(list(folder.iterdir())) == 1
    assert all(opened(folder).get(k) for k in "abc")


@pytest.fixture
def on_s3(
    warehouse_on_s3: Callable[[], AbstractContextManager[Warehouse]],
) -> Iterator[Callable[[], ReplyCache]]:
    with warehouse_on_s3() as warehouse:
        filesystem, root = warehouse.filesystem()
        yield lambda: ReplyCache(filesystem, f"{root}/replies")


def test_on_s3_replies_become_objects_every_few_seconds_and_when_flushed(
    on_s3: Callable[[], ReplyCache], monkeypatch: pytest.MonkeyPatch
):
    cache = on_s3()
    for key in "abc":
        cache.put(key, HELLO)
    cache.flush()
    cache.put("d", HELLO)
    other = on_s3()
    assert all(other.get(k) == HELLO for k in "abc")
    assert other.get("d") is None
    monkeypatch.setattr(reply_cache, "FLUSH_SECONDS", 0.0)
    cache.put("e", HELLO)
    cache.flush()
    other = on_s3()
    assert all(other.get(k) == HELLO for k in "abcde")


def test_an_object_that_could_not_be_put_is_put_by_the_next_flush(
    on_s3: Callable[[], ReplyCache], monkeypatch: pytest.MonkeyPatch
):
    cache = on_s3()
    cache.put("a", HELLO)
    with monkeypatch.context() as broken:
        broken.setattr(cache, "_path", "no-such-bucket/replies/x")
        with pytest.raises(OSError, match="bucket"):
            cache.flush()
    cache.flush()
    assert on_s3().get("a") == HELLO
