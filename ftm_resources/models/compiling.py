"""Compiling the layers of a large model for a GPU: one kernel does what a dozen small ones did between products.

A transformer of 0.6 billion parameters spends most of its time on a GPU in norms, rotations and gates, which only move
numbers. `torch.compile` fuses them. Its layers are alike, so that one is compiled and all use it (torch's "regional
compilation"), once per process, which takes about half a minute.
"""

from __future__ import annotations

import importlib.util
import logging
import shutil
import sysconfig
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    import torch

_log = logging.getLogger(__name__)

LARGE = 100_000_000
"""Parameters from which compiling pays for itself within a chunk of 500 firms; MiniLM has 22 million."""


def blocks(model: torch.nn.Module) -> list[torch.nn.Module]:
    """Return the model's repeated layers: the members of its lists of modules of one class."""
    import torch

    found = []
    for module in model.modules():
        if (
            isinstance(module, torch.nn.ModuleList)
            and len(module) > 1
            and len({type(m) for m in module}) == 1
        ):
            found += list(module)
    return found


def missing() -> str:
    """Return what a machine lacks to compile for its GPU, in words; empty if nothing."""
    if importlib.util.find_spec("triton") is None:
        return "the package triton"
    if not any(shutil.which(name) for name in ("cc", "gcc", "clang")):
        return "a C compiler"
    if not (Path(sysconfig.get_path("include")) / "Python.h").exists():
        return "Python's header files"
    return ""


def compile_layers(
    model: torch.nn.Module, works: Callable[[], bool], backend: str = "inductor", *, large: int = LARGE
) -> bool:
    """Compile the layers of a model of at least `large` parameters in place; return whether they are compiled.

    They are not if this machine cannot, if TORCH_COMPILE_DISABLE is set, or if `works` fails then or says no. The log
    says whether a large model is compiled, and why not: it computes the same, more slowly. No table records it, because
    processes of one run may differ in it.
    """
    if sum(p.numel() for p in model.parameters()) < large or not (layers := blocks(model)):
        return False
    from torch._dynamo import config  # takes a second

    if config.disable:  # then torch's `compile` does nothing, and does not say so
        _log.info("the model is not compiled, because TORCH_COMPILE_DISABLE is set")
        return False
    if lacking := missing():
        _log.warning(
            "the model is not compiled, which makes a GPU up to twice as slow: %s is missing", lacking
        )
        return False
    try:
        for layer in layers:
            layer.compile(dynamic=True, backend=backend)
        if works():
            _log.info("%d layers of the model are compiled", len(layers))
            return True
        reason = "its rows differ"
    except Exception as error:  # noqa: BLE001 - a compiler raises anything; the model runs without it, and the log says so
        reason = f"{type(error).__name__}: {str(error).partition(chr(10))[0]}"
    for layer in layers:
        layer._compiled_call_impl = None  # what `compile` sets, and torch has no way back from
    _log.warning("the model is not compiled, which makes a GPU up to twice as slow: %s", reason)
    return False
