import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import dagster as dg
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ftm_resources.expected import ExpectedError
from ftm_resources.models import loading
from ftm_resources.models.embedder import Embedder
from ftm_resources.models.encoders import TorchEncoder
from ftm_resources.models.sentiment import SentimentScorer


@given(st.lists(st.sampled_from(["a", "b", "c", ""]), max_size=20))
def test_distinct_texts_give_back_the_texts(texts: list[str]) -> None:
    unique, where = loading.distinct(texts)
    assert [unique[i] for i in where] == texts
    assert len(set(unique)) == len(unique)


def test_threads_that_ask_at_once_share_one_load(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(loading, "_loaded", {})
    together = threading.Barrier(4)
    loads = []

    def load() -> loading.LoadedModel:
        loads.append(threading.get_ident())
        encoder = TorchEncoder(lambda ids, _: ids, "cpu", "float32", autocast=False)
        return loading.LoadedModel(encoder, None, 8)

    def ask(_: int) -> loading.LoadedModel:
        together.wait()
        return loading.load_once(("kind", "name", "cpu"), load)

    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(ask, range(4)))
    assert len(loads) == 1
    assert all(f is found[0] for f in found)


@pytest.mark.parametrize(
    ("flags", "expected"),
    [("fpu avx2 avx512f", False), ("fpu avx512f avx512_bf16", True), ("fpu amx_bf16 amx_tile", True)],
)
def test_bfloat16_is_read_from_the_cpu_flags(tmp_path: Path, flags: str, expected: bool) -> None:
    cpuinfo = tmp_path / "cpuinfo"
    cpuinfo.write_text(f"processor : 0\nflags : {flags}\nprocessor : 1\n")
    assert loading.cpu_has_bfloat16(cpuinfo) is expected


def test_without_cpuinfo_there_is_no_bfloat16(tmp_path: Path) -> None:
    assert not loading.cpu_has_bfloat16(tmp_path / "none")


def test_auto_is_half_precision_on_a_gpu_and_what_is_asked_for_stays() -> None:
    assert loading.choose_precision("auto", "cuda:1") == "float16"
    assert loading.choose_precision("auto", "cuda", "bfloat16") == "bfloat16"
    assert loading.choose_precision("float32", "cuda", "bfloat16") == "float32"
    assert loading.choose_precision("auto", "cpu") in {"float32", "bfloat16"}
    assert loading.choose_device("cpu") == "cpu"


@pytest.mark.parametrize("name", ["/no/such/folder", "no/where", "a b c"])
@pytest.mark.parametrize(
    ("made", "variable"), [(Embedder, "FTM_EMBEDDING_MODEL"), (SentimentScorer, "FTM_SENTIMENT_MODEL")]
)
def test_a_model_that_is_not_there_is_named_with_its_variable(
    made: type[Embedder | SentimentScorer], variable: str, name: str, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)  # the variable is read at import
    with pytest.raises(loading.ModelLoadError, match=rf"the model '{name}' cannot be loaded .*{variable}"):
        made(model=name).describe()


@pytest.mark.parametrize("name", ["/no/such/folder", "no/where", "a b c", "folder"])
@pytest.mark.parametrize(
    ("made", "variable"), [(Embedder, "FTM_EMBEDDING_MODEL"), (SentimentScorer, "FTM_SENTIMENT_MODEL")]
)
def test_a_model_that_is_not_there_is_found_before_anything_is_computed(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    name: str,
    made: type[Embedder | SentimentScorer],
    variable: str,
) -> None:
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)  # the variable is read at import
    monkeypatch.chdir(tmp_path)
    (tmp_path / "folder").mkdir()  # a folder, but not of a model

    @dg.op(required_resource_keys={"model"})
    def late() -> None:
        raise AssertionError("a step has started")

    @dg.job(resource_defs={"model": made(model=name)})
    def one() -> None:
        late()

    with pytest.raises(ExpectedError, match=variable) as refused:
        one.execute_in_process()
    assert repr(name) in str(refused.value)
