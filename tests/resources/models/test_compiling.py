"""Compiling layers, with torch's front end alone ("eager"): no compiler runs."""

from typing import Any

import pytest

from ftm_resources.models import compiling

N = 3


def layered() -> Any:
    import torch

    class Layer(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.linear = torch.nn.Linear(4, 4)

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return self.linear(x).relu()

    class Layered(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.layers = torch.nn.ModuleList(Layer() for _ in range(N))
            self.others = torch.nn.ModuleList([torch.nn.Linear(4, 4), torch.nn.ReLU()])

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            for layer in self.layers:
                x = layer(x)
            return x

    torch.manual_seed(0)
    return Layered()


@pytest.fixture
def model(monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.setattr(compiling, "missing", lambda: "")
    return layered()


def compiled(model: Any) -> list[bool]:
    return [layer._compiled_call_impl is not None for layer in model.layers]


def test_repeated_layers_are_compiled_and_compute_the_same(model: Any) -> None:
    import torch

    x = torch.randn(5, 4)
    expected = model(x)
    assert compiling.blocks(model) == list(model.layers)
    assert compiling.compile_layers(model, lambda: torch.equal(model(x), expected), "eager", large=10)
    assert compiled(model) == [True] * N
    assert torch.equal(model(x), expected)


def fails() -> bool:
    raise RuntimeError("CppCompileError: no such file\nand a thousand lines")


@pytest.mark.parametrize(
    ("works", "said"),
    [(fails, "RuntimeError: CppCompileError: no such file"), (lambda: False, "rows differ")],
)
def test_what_does_not_work_compiled_runs_as_before_and_the_log_says_why(
    works: Any, said: str, model: Any, caplog: pytest.LogCaptureFixture
) -> None:
    import torch

    x = torch.randn(5, 4)
    expected = model(x)
    assert not compiling.compile_layers(model, works, "eager", large=10)
    assert compiled(model) == [False] * N
    assert torch.equal(model(x), expected)
    assert said in caplog.text
    assert "thousand lines" not in caplog.text


def test_torchs_own_switch_leaves_a_model_as_it_is(model: Any) -> None:
    from torch._dynamo import config

    with config.patch(disable=True):  # what TORCH_COMPILE_DISABLE=1 makes of it
        assert not compiling.compile_layers(model, lambda: pytest.fail("tried"), "eager", large=10)
    assert compiled(model) == [False] * N


def test_small_models_and_those_without_layers_are_left(model: Any, caplog: pytest.LogCaptureFixture) -> None:
    import torch

    assert not compiling.compile_layers(model, lambda: True, "eager")
    assert not compiling.compile_layers(torch.nn.Linear(4, 4), lambda: True, "eager", large=1)
    assert compiled(model) == [False] * N
    assert not caplog.text


def test_a_machine_that_cannot_compile_says_what_it_lacks(
    model: Any, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(compiling, "missing", lambda: "a C compiler")
    assert not compiling.compile_layers(model, lambda: True, "eager", large=10)
    assert "a C compiler is missing" in caplog.text
    monkeypatch.undo()
    monkeypatch.setattr(compiling.importlib.util, "find_spec", lambda _: object())
    monkeypatch.setattr(compiling.shutil, "which", lambda _: None)
    assert compiling.missing() == "a C compiler"
    monkeypatch.setattr(compiling.importlib.util, "find_spec", lambda _: None)
    assert compiling.missing() == "the package triton"
