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
        encoder = TorchEncoder(lambda ids, *_: ids, "cpu", "float32", autocast=False)
        return loading.LoadedModel(encoder, None, 8)

    def ask(_: int) -> loading.LoadedModel:
        together.wait()
        return loading.load_once(("kind", "name", "cpu"), load)

    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(ask, range(4)))
    assert len(loads) == 1
    assert all(f is found[0] for f in found)


@pytest.mark.parametrize(
    ("vendor", "flags", "expected"),
    [
        ("GenuineIntel", "fpu avx2 avx512f", False),
        ("GenuineIntel", "fpu avx512f avx512_bf16", False),
        ("GenuineIntel", "fpu avx512f avx512_bf16 amx_bf16 amx_tile", True),
        ("AuthenticAMD", "fpu avx512f avx512_bf16", True),
        ("AuthenticAMD", "fpu avx2", False),
    ],
)
def test_whether_bfloat16_is_faster_is_read_from_the_cpu_flags(
    tmp_path: Path, vendor: str, flags: str, expected: bool
) -> None:
    cpuinfo = tmp_path / "cpuinfo"
    first = f"processor\t: 0\nvendor_id\t: {vendor}\nflags\t\t: {flags}\n\n"
    cpuinfo.write_text(first + "processor\t: 1\nvendor_id\t: other\nflags\t\t: amx_bf16\n")
    assert loading.cpu_is_faster_in_bfloat16(cpuinfo) is expected


@pytest.mark.parametrize("text", [None, "", "Processor : ARMv8\nFeatures : fp asimd bf16\n"])
def test_where_linux_says_nothing_of_it_bfloat16_is_not_faster(tmp_path: Path, text: str | None) -> None:
    cpuinfo = tmp_path / "cpuinfo"
    if text is not None:
        cpuinfo.write_text(text)
    assert not loading.cpu_is_faster_in_bfloat16(cpuinfo)


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
