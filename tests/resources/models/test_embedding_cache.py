"""The embedding cache on real files: damage, bounds, several processes, and models that only look alike."""

import logging
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ftm_resources.models import embedding_cache
from ftm_resources.models.embedding_cache import (
    FEWEST,
    KEY_BYTES,
    LAYOUT,
    SUFFIX,
    EmbeddingCache,
    completed,
    digests,
    model_folder,
)
from ftm_resources.settings import SettingsError

WIDTH = 8
ENTRY = KEY_BYTES + 4 + 4 * WIDTH
DESCRIBED = {"model": "m", "dimension": WIDTH, "device": "cpu"}
PLENTY = 10**9


def texts(n: int, start: int = 0) -> list[str]:
    return [f"Sentence {i} of the call." for i in range(start, start + n)]


def vectors(said: list[str]) -> np.ndarray:
    """A vector that depends on its text alone."""
    return np.stack([np.random.default_rng(list(t.encode())).normal(size=WIDTH) for t in said]).astype(
        np.float32
    )


def folder(root: Path) -> Path:
    return model_folder(root, DESCRIBED, vectors(["probe"]))


def fresh(root: Path, most: int = PLENTY) -> EmbeddingCache:
    """The cache as a new process opens it."""
    return EmbeddingCache(folder(root), WIDTH, most)


def keep(cache: EmbeddingCache, said: list[str]) -> None:
    cache.put(digests(said), vectors(said))


def found(cache: EmbeddingCache, said: list[str]) -> list[str]:
    """The texts that are kept; each with the vector that belongs to it."""
    rows, kept = cache.get(digests(said))
    own = [said[i] for i in rows.tolist()]
    if own:
        assert np.array_equal(kept, vectors(own))
    return sorted(own)


def segments(root: Path) -> list[Path]:
    return sorted(root.rglob(f"*{SUFFIX}"), key=lambda p: p.stat().st_mtime)


def test_what_was_kept_comes_back_bit_for_bit_and_the_rest_does_not(tmp_path: Path):
    cache = fresh(tmp_path)
    assert found(cache, texts(3)) == []
    keep(cache, texts(100))
    keep(cache, texts(100, start=100))
    asked = [*texts(20, start=190), "Unknown.", *texts(2)]
    for reader in (cache, fresh(tmp_path)):
        assert found(reader, asked) == sorted([*texts(10, start=190), *texts(2)])


@given(st.lists(st.sets(st.integers(0, 400), min_size=FEWEST, max_size=FEWEST + 30), max_size=4))
def test_any_texts_kept_in_any_pieces_are_found(
    tmp_path_factory: pytest.TempPathFactory, pieces: list[set[int]]
):
    root = tmp_path_factory.mktemp("cache")
    cache = fresh(root)
    for piece in pieces:
        keep(cache, [texts(1, start=i)[0] for i in sorted(piece)])
    expected = {texts(1, start=i)[0] for piece in pieces for i in piece}
    for reader in (cache, fresh(root)):
        assert set(found(reader, texts(401))) == expected


def test_only_what_is_not_kept_is_embedded_and_progress_counts_everything(tmp_path: Path):
    asked: list[str] = []
    seen: list[tuple[int, int]] = []

    def embed(said: list[str], progress: object) -> np.ndarray:
        asked.extend(said)
        progress(len(said), len(said))  # type: ignore[operator]
        return vectors(said)

    cache = fresh(tmp_path)
    first, n_first = completed(cache, texts(100), embed, None)
    asked.clear()
    again, n_again = completed(
        fresh(tmp_path), texts(170, start=50), embed, lambda done, n: seen.append((done, n))
    )
    assert (n_first, n_again) == (100, 120)
    assert asked == texts(120, start=100)
    assert np.array_equal(again, vectors(texts(170, start=50)))
    assert np.array_equal(first[50:], again[:50])
    assert seen == [(50, 170), (170, 170)]


def test_no_text_is_in_any_file(tmp_path: Path):
    keep(fresh(tmp_path), texts(100))
    held = b"".join(p.read_bytes() for p in tmp_path.rglob("*") if p.is_file())
    assert len(held) > 100 * ENTRY
    assert b"Sentence" not in held


def test_a_few_new_texts_make_no_file(tmp_path: Path):
    keep(fresh(tmp_path), texts(FEWEST - 1))
    assert segments(tmp_path) == []


@pytest.mark.parametrize("place", ["vector", "checksum"])
def test_a_damaged_entry_is_never_used_and_its_segment_goes_by_name(
    tmp_path: Path, place: str, caplog: pytest.LogCaptureFixture
):
    keep(fresh(tmp_path), texts(100))
    keep(fresh(tmp_path), texts(100, start=100))
    damaged = segments(tmp_path)[0]
    content = bytearray(damaged.read_bytes())
    content[100 * KEY_BYTES + 7 * (4 + 4 * WIDTH) + (0 if place == "checksum" else 20)] ^= 1
    damaged.write_bytes(content)
    with caplog.at_level(logging.WARNING):
        assert found(fresh(tmp_path), texts(200)) == sorted(texts(100, start=100))
    assert str(damaged) in caplog.text
    assert "entry 7 is not what was written" in caplog.text
    assert not damaged.exists()
    keep(fresh(tmp_path), texts(100))
    assert found(fresh(tmp_path), texts(200)) == sorted(texts(200))


def test_a_damaged_key_only_loses_its_text(tmp_path: Path):
    keep(fresh(tmp_path), texts(100))
    (segment,) = segments(tmp_path)
    content = bytearray(segment.read_bytes())
    content[3 * KEY_BYTES] ^= 1
    segment.write_bytes(content)
    assert found(fresh(tmp_path), texts(100)) == sorted([*texts(3), *texts(96, start=4)])


@pytest.mark.parametrize("size", [0, 1, ENTRY - 1, 50 * ENTRY, 100 * ENTRY - 1], ids=str)
def test_a_segment_that_is_cut_off_is_not_used(tmp_path: Path, size: int):
    keep(fresh(tmp_path), texts(100))
    (segment,) = segments(tmp_path)
    os.truncate(segment, size)
    assert found(fresh(tmp_path), texts(100)) == []


def test_a_segment_cut_off_or_removed_after_it_was_opened_is_not_used(tmp_path: Path):
    for act in (lambda p: os.truncate(p, 40 * ENTRY), Path.unlink):
        reader = fresh(tmp_path)
        keep(reader, texts(100))
        act(segments(tmp_path)[0])
        assert found(reader, texts(100)) == []


def test_the_bound_holds_and_what_was_used_longest_ago_goes_first(tmp_path: Path):
    cache = fresh(tmp_path, most=3 * 100 * ENTRY)
    for i in range(3):
        keep(cache, texts(100, start=100 * i))
        os.utime(segments(tmp_path)[-1], (i, i))
    assert found(cache, texts(1)) == texts(1)  # the first is used again
    keep(cache, texts(100, start=300))
    assert len(segments(tmp_path)) == 3
    kept = sorted([*texts(100), *texts(200, start=200)])
    assert found(cache, texts(400)) == found(fresh(tmp_path), texts(400)) == kept
    keep(cache, texts(301, start=1000))
    assert found(fresh(tmp_path), texts(400)) == kept, "what is larger than the bound is not kept"


def test_the_bound_is_of_all_models_and_of_no_other_file(tmp_path: Path):
    stranger = tmp_path / "a" / "b" / f"mine{SUFFIX}"
    stranger.parent.mkdir(parents=True)
    stranger.write_bytes(bytes(10**6))
    os.utime(stranger, (0, 0))
    keep(fresh(tmp_path), texts(100))
    other = model_folder(tmp_path, DESCRIBED | {"precision": "float32"}, vectors(["probe"]))
    keep(EmbeddingCache(other, WIDTH, 150 * ENTRY), texts(100))
    assert found(fresh(tmp_path), texts(100)) == []
    assert stranger.exists()


def test_what_a_killed_process_left_counts_and_goes(tmp_path: Path):
    cache = fresh(tmp_path, most=150 * ENTRY)
    left = folder(tmp_path) / f".x{SUFFIX}.1234.partial"
    left.write_bytes(bytes(100 * ENTRY))
    os.utime(left, (0, 0))
    keep(cache, texts(100))
    assert not left.exists()
    assert found(cache, texts(100)) == sorted(texts(100))


def test_a_model_is_known_by_what_it_computes(tmp_path: Path):
    probe = np.eye(2, WIDTH, dtype=np.float32)
    near = probe.copy()
    near[0, 1] = 1e-7
    first = model_folder(tmp_path, DESCRIBED, probe)
    assert model_folder(tmp_path, dict(reversed(DESCRIBED.items())), probe) == first
    assert model_folder(tmp_path, DESCRIBED, near) != first, "other weights, or another processor"
    assert model_folder(tmp_path, DESCRIBED, probe[::-1].copy()) != first
    assert model_folder(tmp_path, DESCRIBED, probe[:, :4]) != first, "another dimension"
    assert model_folder(tmp_path, DESCRIBED | {"precision": "bfloat16"}, probe) != first


@pytest.mark.parametrize(
    "content", ["", "{", "[]", '{"probe": 1}', '{"probe": [["x"]]}', '{"probe": [[1], [1, 2]]}']
)
def test_a_folder_whose_model_cannot_be_read_is_nobodys_until_it_is_written_anew(
    tmp_path: Path, content: str
):
    keep(fresh(tmp_path), texts(100))
    (file,) = tmp_path.rglob("model.json")
    file.write_text(content)
    assert folder(tmp_path) == file.parent, "the same vectors lead to the same folder"
    assert found(fresh(tmp_path), texts(100)) == sorted(texts(100))


def test_what_cannot_be_written_is_a_warning(tmp_path: Path, caplog: pytest.LogCaptureFixture):
    cache = fresh(tmp_path)
    (tmp_path / LAYOUT).rename(tmp_path / "away")
    (tmp_path / LAYOUT).write_text("a file")
    with caplog.at_level(logging.WARNING):
        keep(cache, texts(100))
    assert "100 embeddings were not kept" in caplog.text
    assert found(cache, texts(100)) == []


def test_a_folder_that_cannot_take_a_model_is_a_warning(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
):
    monkeypatch.setattr(embedding_cache, "_opened", {})
    (tmp_path / LAYOUT).write_text("a file")
    asked: list[str] = []

    def probed() -> np.ndarray:
        asked.append("probe")
        return vectors(["probe"])

    for _ in range(2):
        assert embedding_cache.opened(tmp_path, DESCRIBED, probed) is None
    assert caplog.text.count("all texts are embedded") == 1
    assert asked == ["probe"]


def test_a_file_that_cannot_be_read_is_left_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """As another user's own; the tests may run as root, who can read everything."""
    keep(fresh(tmp_path), texts(100))
    (segment,) = tmp_path.rglob(f"*{SUFFIX}")
    cache, path_open = fresh(tmp_path), Path.open

    def refuse(path: Path, *args: Any, **kwargs: Any) -> Any:
        if path == segment:
            raise PermissionError(13, "Permission denied", str(path))
        return path_open(path, *args, **kwargs)

    with monkeypatch.context() as context:
        context.setattr(Path, "open", refuse)
        assert found(cache, texts(100)) == []
        assert found(fresh(tmp_path), texts(100)) == []
    assert found(fresh(tmp_path), texts(100)) == sorted(texts(100))


WRITER = """
import sys
from pathlib import Path
from test_embedding_cache import fresh, keep, texts
cache = fresh(Path(sys.argv[1]))
for start in range(int(sys.argv[2]), 100_000, 50):
    keep(cache, texts(100, start=start))
    print(start, flush=True)
"""


def test_processes_write_the_same_texts_at_once_and_one_is_killed(tmp_path: Path):
    here = Path(__file__).parent
    command = [sys.executable, "-c", WRITER, str(tmp_path)]
    writers = [
        subprocess.Popen([*command, str(start)], cwd=here, stdout=subprocess.PIPE, text=True)
        for start in (0, 50)
    ]
    try:
        for writer in writers:
            for _ in range(5):
                assert writer.stdout
                assert writer.stdout.readline()
        writers[0].send_signal(signal.SIGKILL)
        assert len(found(fresh(tmp_path), texts(200))) == 200
    finally:
        for writer in writers:
            writer.kill()
            writer.communicate()
    assert len(found(fresh(tmp_path), texts(250))) == 250


def test_the_folder_must_be_one_on_this_machine(monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    monkeypatch.delenv("FTM_EMBEDDING_CACHE", raising=False)
    assert embedding_cache.configured() is None
    monkeypatch.setenv("FTM_EMBEDDING_CACHE", str(tmp_path / "new" / "folder"))
    chosen = embedding_cache.configured()
    assert chosen == tmp_path / "new" / "folder"
    assert chosen.is_dir()
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("FTM_EMBEDDING_CACHE", "relative")
    assert embedding_cache.chosen() == tmp_path / "relative"
    assert not (tmp_path / "relative").exists(), "asking for it makes nothing"


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ("s3://bucket/prefix", "must be a folder on this machine"),
        ("S3a://bucket", "must be a folder on this machine"),
        ("https://host/x", "must be a folder on this machine"),
        ("file", "which is a file, not a folder"),
        ("file/folder", "file' is a file, not a folder"),
        ("/proc/folder", "choose a folder that you can write to"),
    ],
)
def test_what_is_no_folder_on_this_machine_is_refused_as_it_was_given(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, given: str, said: str
):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "file").write_text("no folder")
    monkeypatch.setenv("FTM_EMBEDDING_CACHE", given)
    with pytest.raises(SettingsError, match=said) as refused:
        embedding_cache.configured()
    assert f"FTM_EMBEDDING_CACHE is '{given}', " in str(refused.value)
