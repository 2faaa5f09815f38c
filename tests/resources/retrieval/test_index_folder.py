import json
import os
import warnings
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import platformdirs
import pytest

from ftm_resources import search
from ftm_resources.models.embedder import Embedder
from ftm_resources.retrieval import checksums, index_folder
from ftm_resources.retrieval.index_folder import CURRENT, build_index, folder_of
from ftm_resources.retrieval.kept_open import NoIndexWarning
from ftm_resources.warehouse import Warehouse

from .conftest import MODEL, QUARTER


def ids(warehouse: Warehouse, query: str = "ocean freight", **asked: Any) -> list[str]:
    found: list[str] = search(query, warehouse=warehouse, embedder=MODEL, **asked).column("id").to_pylist()
    return found


def strictly(warehouse: Warehouse, **asked: Any) -> list[str]:
    """Search; a warning is an error."""
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        return ids(warehouse, **asked)


def test_an_index_gives_what_comparing_every_vector_gives(warehouse: Warehouse):
    asked: dict[str, Any] = {"warehouse": warehouse, "embedder": MODEL, "k": 30, "children": 2}
    with pytest.warns(NoIndexWarning, match="there is no index.*Materialize search_index for 2023Q1"):
        exact = search("copper and freight", **asked)
    build_index(warehouse, QUARTER)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        indexed = search("copper and freight", **asked)
    assert exact.num_rows > 8
    assert set(exact["is_exact"].to_pylist()) == {True}
    assert set(indexed["is_exact"].to_pylist()) == {False}
    same = [
        "level",
        "id",
        "quarter",
        "text",
        "firm_id",
        "theme_id",
        "topic_id",
        "tone",
        "bm25",
        "speaker_type",
    ]
    assert sorted(exact.select(same).to_pylist(), key=str) == sorted(
        indexed.select(same).to_pylist(), key=str
    )
    by_id = dict(zip(exact["id"].to_pylist(), exact["similarity"].to_pylist(), strict=True))
    for hit in indexed.to_pylist():
        assert hit["similarity"] == pytest.approx(by_id[hit["id"]], abs=0.005)


def test_an_index_is_made_again_only_if_rows_changed(
    warehouse: Warehouse, rows_of: Callable[..., Any], written: Callable[..., Warehouse]
):
    first = build_index(warehouse, QUARTER)
    assert first.is_new
    assert not build_index(warehouse, QUARTER).is_new
    assert strictly(warehouse)
    changed = rows_of()
    changed["sentences"][0]["text"] = "Ocean freight rates doubled."
    written(warehouse, {"sentences": changed["sentences"]})
    with pytest.warns(NoIndexWarning, match="outdated: sentences changed"):
        assert ids(warehouse, levels=["sentence"], query='"freight rates doubled"')
    second = build_index(warehouse, QUARTER)
    assert second.is_new
    assert strictly(warehouse, query='"freight rates doubled"', levels=["sentence"]) == [
        changed["sentences"][0]["sentence_id"]
    ]
    assert [p.name for p in folder_of(warehouse, QUARTER).iterdir() if p.is_dir()] == [second.folder.name]


@pytest.mark.parametrize(
    "file", ["sentence.codes", "topic.arrow", "theme.text/meta.json", "manifest.json", "calls.arrow"]
)
def test_a_truncated_file_is_said_and_the_index_made_again(warehouse: Warehouse, file: str):
    built = build_index(warehouse, QUARTER)
    truth = strictly(warehouse)
    os.truncate(built.folder / file, (built.folder / file).stat().st_size // 2)
    (folder_of(warehouse, QUARTER) / CURRENT).touch()  # a new state, as another process would see it
    with pytest.warns(NoIndexWarning, match="the index is damaged"):
        assert ids(warehouse) == truth
    assert build_index(warehouse, QUARTER).is_new
    assert strictly(warehouse) == truth


@pytest.mark.parametrize(
    "file", ["sentence.codes", "sentence.call", "topic.arrow", "theme.text/meta.json", "calls.arrow"]
)
def test_a_changed_byte_is_said_and_the_index_made_again(warehouse: Warehouse, file: str):
    built = build_index(warehouse, QUARTER)
    data = bytearray((built.folder / file).read_bytes())
    data[len(data) // 2] ^= 1
    (built.folder / file).write_bytes(data)
    with pytest.warns(NoIndexWarning, match=f"damaged: .*{file} has another checksum"):
        assert ids(warehouse)
    assert build_index(warehouse, QUARTER).is_new


@pytest.mark.parametrize("lost", ["files", "made_from", "levels", "checksums", "checksum"])
def test_a_manifest_that_lost_something_is_said(warehouse: Warehouse, lost: str):
    built = build_index(warehouse, QUARTER)
    manifest = {n: v for n, v in built.manifest.items() if n != lost}
    (built.folder / "manifest.json").write_text(json.dumps(manifest))
    with pytest.warns(NoIndexWarning, match="damaged"):
        assert ids(warehouse)


def test_of_a_large_file_both_ends_are_checked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(checksums, "WHOLE_UP_TO", 100)
    monkeypatch.setattr(checksums, "END", 10)
    file = tmp_path / "large"
    content = bytes(range(200))
    file.write_bytes(content)
    whole = checksums.checksum(file)
    for place, is_seen in ((0, True), (9, True), (100, False), (190, True), (199, True)):
        changed = bytearray(content)
        changed[place] ^= 1
        file.write_bytes(changed)
        assert (checksums.checksum(file) != whole) is is_seen


def test_an_index_that_is_replaced_before_its_first_search_by_words_is_still_searched(
    warehouse: Warehouse, rows_of: Callable[..., Any], written: Callable[..., Warehouse]
):
    build_index(warehouse, QUARTER)

    class Slow(Embedder):
        """A model that takes so long that another process makes the index again meanwhile."""

        def embed_query(self, text: str) -> Any:
            changed = rows_of()
            changed["themes"][0]["name"] = "Shipping"
            written(warehouse, {"themes": changed["themes"]})
            build_index(warehouse, QUARTER)
            return MODEL.embed_query(text)

    with warnings.catch_warnings():
        warnings.simplefilter("error")
        found = search(
            "ocean freight", warehouse=warehouse, embedder=Slow(precision="float32"), levels=["theme"]
        )
        assert found["name"][0].as_py() == "Ocean Freight Rates", "the rows that were open"
        assert (
            "Shipping"
            in search("sea", warehouse=warehouse, embedder=MODEL, levels="theme")["name"].to_pylist()
        )


def test_an_index_that_is_replaced_while_it_is_opened_is_opened_anew(
    warehouse: Warehouse, monkeypatch: pytest.MonkeyPatch
):
    first, opened, tried = build_index(warehouse, QUARTER), index_folder.open_index, []

    def slowly(folder: Path, manifest: Any) -> Any:
        tried.append(folder)
        if len(tried) == 1:
            (folder / "manifest.json").unlink()
            build_index(warehouse, QUARTER)
        return opened(folder, manifest)

    monkeypatch.setattr(index_folder, "open_index", slowly)
    assert strictly(warehouse)
    assert tried[0] == first.folder != tried[1]


@pytest.mark.parametrize("content", ["", "{", "[]", '{"build": 7}', '{"build": "../../elsewhere"}'])
def test_a_damaged_pointer_is_said(warehouse: Warehouse, content: str):
    build_index(warehouse, QUARTER)
    (folder_of(warehouse, QUARTER) / CURRENT).write_text(content)
    with pytest.warns(NoIndexWarning, match="damaged"):
        assert ids(warehouse)


def test_an_index_of_another_form_is_said(warehouse: Warehouse):
    built = build_index(warehouse, QUARTER)
    manifest = json.loads((built.folder / "manifest.json").read_text())
    (built.folder / "manifest.json").write_text(json.dumps(manifest | {"format": "older"}))
    with pytest.warns(NoIndexWarning, match="another version of FTM"):
        assert ids(warehouse)


def test_what_a_killed_build_left_is_removed_and_an_error_leaves_the_index(
    warehouse: Warehouse,
    rows_of: Callable[..., Any],
    written: Callable[..., Warehouse],
    monkeypatch: pytest.MonkeyPatch,
):
    built = build_index(warehouse, QUARTER)
    left = folder_of(warehouse, QUARTER) / ".dead.partial"
    left.mkdir()
    changed = rows_of()
    changed["themes"][0]["name"] = "Shipping"
    written(warehouse, {"themes": changed["themes"]})

    def fails(*_: object) -> None:
        raise OSError("no space left")

    monkeypatch.setattr("ftm_resources.retrieval.building._write_pages", fails)
    with pytest.raises(OSError, match="no space"):
        build_index(warehouse, QUARTER)
    held = [p.name for p in folder_of(warehouse, QUARTER).iterdir() if p.is_dir()]
    assert held == [built.folder.name]


def test_a_quarter_without_rows_has_an_index_and_no_hits(
    warehouse: Warehouse, rows_of: Callable[..., Any], written: Callable[..., Warehouse]
):
    empty: dict[str, list[Any]] = {name: [] for name in rows_of()}
    written(warehouse, empty, "2023Q2")
    with pytest.warns(NoIndexWarning):
        assert ids(warehouse, quarters="2023Q2") == []
    assert build_index(warehouse, "2023Q2").manifest["levels"]["sentence"]["n"] == 0
    assert strictly(warehouse, quarters="2023Q2") == []
    assert (
        strictly(warehouse, quarters="2023Q2", query='"ocean freight"', speakers=["analyst"], mode="text")
        == []
    )


def test_an_index_moves_with_its_warehouse(warehouse: Warehouse):
    build_index(warehouse, QUARTER)
    truth = strictly(warehouse)
    moved = Path(warehouse.root).rename(Path(warehouse.root).with_name("elsewhere"))
    assert strictly(Warehouse(path=str(moved))) == truth


def test_on_s3_an_index_is_kept_there_and_opened_from_the_cache(
    warehouse_on_s3: Callable[[], AbstractContextManager[Warehouse]],
    rows_of: Callable[..., Any],
    written: Callable[..., Warehouse],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
):
    monkeypatch.setattr(platformdirs, "user_cache_path", lambda _: tmp_path / "builder")
    with warehouse_on_s3() as warehouse:
        few = ("transcripts", "sentences", "sentence_embeddings", "themes")  # each write takes its time there
        written(warehouse, {name: rows for name, rows in rows_of().items() if name in few})
        build_index(warehouse, QUARTER)
        truth = strictly(warehouse)
        monkeypatch.setattr(platformdirs, "user_cache_path", lambda _: tmp_path / "reader")
        assert strictly(warehouse) == truth, "copied to another machine"
        assert list((tmp_path / "reader").rglob("manifest.json"))
        monkeypatch.setattr(platformdirs, "user_cache_path", lambda _: tmp_path / "builder")
        changed = rows_of()
        changed["themes"][0]["name"] = "Shipping"
        written(warehouse, {"themes": changed["themes"]})
        build_index(warehouse, QUARTER)
        monkeypatch.setattr(platformdirs, "user_cache_path", lambda _: tmp_path / "reader")
        monkeypatch.setattr("ftm_resources.retrieval.kept_open._TRUSTED_SECONDS", 0.0)
        assert strictly(warehouse, query="shipping", levels=["theme"])[0] == "2023Q1:theme:000"
        assert len(list((tmp_path / "reader").rglob("manifest.json"))) == 1


def test_the_embedder_is_loaded_by_its_own_name(warehouse: Warehouse):
    assert (
        Embedder().model_name()
        == build_index(warehouse, QUARTER).manifest["levels"]["topic"]["model"]["model"]
    )
