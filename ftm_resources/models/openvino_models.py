"""Models that OpenVINO converts and runs, on the CPU: an encoder as those of `encoders`, faster than torch.

What belongs here: the conversion, the test that it is faithful, and the choice between OpenVINO and torch.
"""

from __future__ import annotations

import logging
import sys
import warnings
from collections import deque
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from importlib import import_module
from importlib.metadata import PackageNotFoundError, version
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from numpy.typing import NDArray

from ftm_resources.models.batches import Batch, ahead
from ftm_resources.models.encoders import FAITHFUL, FLOAT32_FAITHFUL, READY_BATCHES, Encoder, Rows

if TYPE_CHECKING:
    import torch

_log = logging.getLogger(__name__)

Backend = Literal["auto", "torch", "openvino"]

_PROBES = ((7, 3), (2, 21))
"""Shapes (rows, tokens) that differ from the traced one, to reveal constants in the graph."""

_WHERE = ("Exception from", " failed at src/", "FrontEnd API failed")
"""What is in lines of OpenVINO's errors that only say where in its source they arose."""

LONGEST = 2048
"""Tokens of the longest text that is tried, if a model takes as many; a sentence has fewer."""


class OpenVinoEncoder:
    """A torch module from token ids (int64 (n, tokens)) to rows (n, d), converted to OpenVINO, on the CPU.

    Each core processes its own batch on one thread: this is fastest, and the number of cores does not change any
    bit.
    """

    mixes_lengths = False

    def __init__(self, module: torch.nn.Module, precision: str) -> None:
        import torch

        openvino = _openvino()
        ids = torch.ones((2, 8), dtype=torch.long)
        with _quiet_tracing():
            model = openvino.convert_model(module, example_input=(ids,), input=[[-1, -1]])
        n_streams = torch.get_num_threads()  # available to the process: affinity, cgroup, OMP_NUM_THREADS
        options = {
            "INFERENCE_PRECISION_HINT": {"bfloat16": "bf16", "float16": "f16"}.get(precision, "f32"),
            "NUM_STREAMS": str(n_streams),
            "INFERENCE_NUM_THREADS": str(n_streams),
        }
        compiled = openvino.Core().compile_model(model, "CPU", options)
        self._requests = [compiled.create_infer_request() for _ in range(n_streams + 1)]
        self._precision = precision
        self._module = module
        self.row_step = 1  # its kernels treat leftover rows like all others

    def describe(self) -> dict[str, str]:
        """Return backend, backend_version, device and precision."""
        return {
            "backend": "openvino",
            "backend_version": version("openvino"),
            "device": "cpu",
            "precision": self._precision,
        }

    def run(self, batches: Iterable[Batch]) -> Iterator[Rows]:
        """Yield the rows of each batch, in order; each core processes one batch."""
        running: deque[tuple[Any, Batch]] = deque()
        free = deque(self._requests)

        def finish() -> Rows:
            request, batch = running.popleft()
            request.wait()
            rows = np.array(request.get_output_tensor(0).data[: len(batch.rows)], np.float32)
            free.append(request)
            return batch.rows, rows

        try:
            for batch in ahead(batches, READY_BATCHES):
                request = free.popleft()
                request.start_async([batch.ids], share_inputs=True)
                running.append((request, batch))
                if not free:
                    yield finish()
            while running:
                yield finish()
        finally:
            while running:  # the caller stopped: no request may use freed memory
                finish()

    def is_faithful(self, limit: int) -> bool:
        """Whether dummy tokens give the torch module's rows, up to the `limit` tokens of the longest text.

        Tracing keeps what a model decides by the length of a text: ModernBERT, for one, lets tokens heed only those
        near them if there are others. In half precision, within `FAITHFUL` or twice torch's own rounding error.
        """
        import torch

        for ids in _probes(min(limit, LONGEST)):
            tensor = torch.from_numpy(ids)
            with torch.inference_mode():
                exact = self._module(tensor).double().numpy()
            ((_, found),) = self.run([Batch(np.arange(len(ids)), ids, [])])
            size = np.linalg.norm(exact)
            within = FLOAT32_FAITHFUL
            if self._precision != "float32":
                with torch.inference_mode(), torch.autocast("cpu", torch.bfloat16):
                    rounded = self._module(tensor).double().numpy()
                within = max(FAITHFUL, 2 * float(np.linalg.norm(rounded - exact) / size))
            if not float(np.linalg.norm(found - exact) / size) <= within:
                return False
        return True


def _probes(longest: int) -> Iterator[NDArray[np.int64]]:
    for rows, tokens in _PROBES:
        width = min(tokens, longest)
        yield np.arange(rows * width, dtype=np.int64).reshape(rows, width) % 5
    # Five stretches of one token each: what is near a token differs from the whole.
    yield np.arange(longest, dtype=np.int64)[None] * 5 // longest


def openvino_encoder(
    module: torch.nn.Module | None, backend: Backend, precision: str, limit: int
) -> Encoder | None:
    """Return `module` (float32, on the CPU) as an OpenVINO encoder, or None to use torch.

    `module` is None if OpenVINO cannot run the model; no text has more than `limit` tokens. `auto` selects OpenVINO
    for bfloat16 and float32 if the package is installed and the converted model is faithful; in float16 it is slower
    than in float32. ValueError if `openvino` is requested but impossible.
    """
    if backend == "torch" or (backend == "auto" and (precision == "float16" or module is None)):
        return None
    try:
        version("openvino")
    except PackageNotFoundError:
        if backend == "auto":
            return None
        raise ValueError("backend openvino: the package is not installed; pip install openvino") from None
    if module is None:
        raise ValueError(
            "backend openvino needs a CPU and a plain model (a transformer with mean or cls pooling, or a "
            "classifier, whose only input is token ids); use backend torch"
        )
    try:
        encoder = OpenVinoEncoder(module, precision)
        if encoder.is_faithful(limit):
            return encoder
        reason = "the converted model differs from the original"
    except Exception as error:  # noqa: BLE001 - not a RuntimeError where an operation has no counterpart; torch has all
        # The converter does not support the model, or the processor the precision.
        lines = [line.strip() for line in str(error).splitlines() if line.strip()]
        reason = next((line for line in lines if not any(w in line for w in _WHERE)), str(error))
    if backend == "openvino":
        raise ValueError(f"backend openvino: {reason}; use backend torch")
    _log.warning("using torch instead of openvino: %s", reason)
    return None


def _openvino() -> Any:
    import torch  # noqa: F401 - must precede libraries with their own threads

    # OpenVINO reports every import to Google Analytics without asking; without this package it uses a stub.
    sys.modules.setdefault("openvino_telemetry", None)  # type: ignore[arg-type] # None blocks the import
    return import_module("openvino")


@contextmanager
def _quiet_tracing() -> Iterator[None]:
    # Tracing warns about every value that it freezes in the graph; `is_faithful` tests whether that does harm. The
    # converter silences all logs below errors, and where it fails leaves them so.
    library, root = logging.getLogger("transformers"), logging.getLogger()
    level, before = library.level, (root.level, root.filters[:], root.handlers[:])
    library.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings(action="ignore"):
            yield
    finally:
        library.setLevel(level)
        root.setLevel(before[0])
        root.filters[:], root.handlers[:] = before[1:]
