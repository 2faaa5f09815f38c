"""Encoders: turn batches of token ids into rows of numbers, with torch on any device or OpenVINO on a CPU.

The embedder and the sentiment scorer run on these. The last bits of an encoder's output depend on the processor
and on what `describe` reports: backend, version, device and precision.

- On a CPU, the same call on the same machine gives identical bits, with any number of cores or threads: each
  batch is computed on one thread.
- In another call, order or batch, or on another processor, a text's row is the same to within `FLOAT32_WITHIN`;
  in half precision, to within twice `FAITHFUL`. The order of summation in matrix products depends on the
  processor and may depend on a row's position in its batch, which `batches` keeps rare.
"""

from __future__ import annotations

import logging
import sys
import threading
import warnings
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass, field
from importlib import import_module
from importlib.metadata import PackageNotFoundError, version
from typing import TYPE_CHECKING, Any, Literal, Protocol

import numpy as np
from numpy.typing import NDArray

from ftm_resources.models.batches import ROW_STEP, Batch, ahead

if TYPE_CHECKING:
    import torch

_log = logging.getLogger(__name__)

Backend = Literal["auto", "torch", "openvino"]
Rows = tuple[NDArray[np.int64], NDArray[np.float32]]
"""The positions of n texts, and the model's output for them: float32 (n, d)."""

READY_BATCHES = 4
"""Batches tokenized ahead of the model; on a GPU also batches whose results are still being copied back."""

FLOAT32_WITHIN = 1e-6
"""Largest difference of any number in a text's unit-length float32 row between calls or processors. Measured: 1.5e-7
(Intel Xeon, MKL on one thread and on two, 200 repetitions), 3.3e-7 (AMD Zen 5, MKL's kernels for any processor, 200
repetitions; `benchmarks.kernels`).

Rounding would not make rows equal: of 2,073 sentences, all still differ at six digits, and 24 at three (by 1e-3)."""

FAITHFUL = 0.03
"""Largest difference of half-precision rows from float32, relative to their length: a cosine similarity of 0.9995.

Two such rows of one text, from different calls, kernels or processors, differ by at most twice that: 0.998."""

_FLOAT32_FAITHFUL = 1e-4
"""The same for float32: far above rounding, far below what a constant frozen in the graph does."""

_PROBES = ((7, 3), (2, 21))
"""Shapes (rows, tokens) that differ from the traced one, to reveal constants in the graph."""


class Encoder(Protocol):
    """A model ready to run; not thread-safe."""

    row_step: int
    """Batches have a multiple of this many rows, so that a text's row does not depend on how many there are."""

    def describe(self) -> dict[str, str]:
        """Return backend, backend_version, device and precision."""

    def run(self, batches: Iterable[Batch]) -> Iterator[Rows]:
        """Yield the rows of each batch, in order; batches are prepared in a thread, ahead of the model."""


class TorchEncoder:
    """A torch model whose weights are already on the device.

    `forward` takes a batch's token ids (int64 tensor on the device) and texts, and returns a tensor (n, d).
    With `autocast`, products are computed in `precision` and the rest in float32: on a CPU this is as fast as
    casting the weights, and more accurate. On a GPU the loader casts the weights.

    On a CPU each core processes its own batch on one thread, so the number of cores does not change any bit, and
    it is no slower. Set `in_parallel=False` (one batch at a time) if `forward` is not thread-safe, for example
    because it tokenizes.
    """

    row_step = ROW_STEP

    def __init__(
        self,
        forward: Callable[[torch.Tensor, list[str]], torch.Tensor],
        device: str,
        precision: str,
        *,
        autocast: bool,
        in_parallel: bool = True,
    ) -> None:
        import torch

        self._forward = forward
        self._device = torch.device(device)
        self._precision = precision
        self._autocast = autocast and precision != "float32"
        self._in_parallel = in_parallel
        self._is_cuda = self._device.type == "cuda"

    def describe(self) -> dict[str, str]:
        """Return backend, backend_version, device and precision."""
        import torch

        return {
            "backend": "torch",
            "backend_version": str(torch.__version__),
            "device": str(self._device),
            "precision": self._precision,
        }

    def run(self, batches: Iterable[Batch]) -> Iterator[Rows]:
        """Yield the rows of each batch, in order; each appears a few batches after it was started."""
        return self._on_cores(batches) if self._device.type == "cpu" else self._on_device(batches)

    def _on_cores(self, batches: Iterable[Batch]) -> Iterator[Rows]:
        import torch

        with _one_thread_per_batch() as n_cores:
            n_workers = n_cores if self._in_parallel else 1
            with ThreadPoolExecutor(n_workers, "encoder", torch.set_num_threads, (1,)) as pool:
                running: deque[Future[Rows]] = deque()
                try:
                    for batch in ahead(batches, READY_BATCHES):
                        running.append(pool.submit(self._rows, batch))
                        if len(running) > n_workers:
                            yield running.popleft().result()
                    while running:
                        yield running.popleft().result()
                finally:
                    pool.shutdown(cancel_futures=True)

    def _rows(self, batch: Batch) -> Rows:
        import torch

        with torch.inference_mode(), self._context():
            out = self._forward(torch.from_numpy(batch.ids), batch.texts).float()
        return batch.rows, out.numpy()[: len(batch.rows)]

    def _on_device(self, batches: Iterable[Batch]) -> Iterator[Rows]:
        running: deque[tuple[Batch, torch.Tensor, Callable[[], None]]] = deque()
        for batch, ids in ahead(self._inputs(batches), READY_BATCHES):
            running.append((batch, *self._start(batch, ids)))
            if len(running) > READY_BATCHES:
                yield _finish(*running.popleft())
        while running:
            yield _finish(*running.popleft())

    def _inputs(self, batches: Iterable[Batch]) -> Iterator[tuple[Batch, torch.Tensor]]:
        import torch

        for batch in batches:
            ids = torch.from_numpy(batch.ids)
            yield batch, ids.pin_memory() if self._is_cuda else ids

    def _start(self, batch: Batch, ids: torch.Tensor) -> tuple[torch.Tensor, Callable[[], None]]:
        import torch

        with torch.inference_mode(), self._context():
            # Both copies use pinned memory, so that neither they nor the GPU wait for each other.
            out = self._forward(ids.to(self._device, non_blocking=self._is_cuda), batch.texts).float()
        if not self._is_cuda:
            return out.cpu(), lambda: None
        host = torch.empty(out.shape, dtype=out.dtype, pin_memory=True)
        host.copy_(out, non_blocking=True)
        copied = torch.cuda.Event()  # type: ignore[no-untyped-call] # untyped in torch
        copied.record(torch.cuda.current_stream(self._device))
        return host, copied.synchronize

    def _context(self) -> AbstractContextManager[Any]:
        import torch

        if not self._autocast:
            return nullcontext()
        return torch.autocast(self._device.type, dtype=getattr(torch, self._precision))


@dataclass
class _Cores:
    """The number of torch threads before encoders limited each matrix product to one."""

    lock: threading.Lock = field(default_factory=threading.Lock)
    n_cores: int = 1
    n_running: int = 0


_cores = _Cores()


@contextmanager
def _one_thread_per_batch() -> Iterator[int]:
    """Yield the number of cores, and restore torch's threads when the last running encoder ends.

    torch's setting is per thread but MKL's is per process, so the first encoder to end would change it for all.
    """
    import torch

    with _cores.lock:
        if not _cores.n_running:
            _cores.n_cores = torch.get_num_threads()  # affinity, cgroup, OMP_NUM_THREADS
        _cores.n_running += 1
    try:
        yield _cores.n_cores
    finally:
        with _cores.lock:
            _cores.n_running -= 1
            if not _cores.n_running:
                torch.set_num_threads(_cores.n_cores)


class OpenVinoEncoder:
    """A torch module from token ids (int64 (n, tokens)) to rows (n, d), converted to OpenVINO, on the CPU.

    Each core processes its own batch on one thread: this is fastest, and the number of cores does not change any
    bit.
    """

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

    def is_faithful(self) -> bool:
        """Whether dummy tokens give the torch module's rows.

        In half precision, within `FAITHFUL` or twice torch's own rounding error.
        """
        import torch

        for shape in _PROBES:
            ids = np.arange(shape[0] * shape[1], dtype=np.int64).reshape(shape) % 5
            tensor = torch.from_numpy(ids)
            with torch.inference_mode():
                exact = self._module(tensor).double().numpy()
                with torch.autocast("cpu", torch.bfloat16):
                    rounded = self._module(tensor).double().numpy()
            ((_, found),) = self.run([Batch(np.arange(shape[0]), ids, [])])
            size = np.linalg.norm(exact)
            error, own = (float(np.linalg.norm(x - exact) / size) for x in (found, rounded))
            limit = _FLOAT32_FAITHFUL if self._precision == "float32" else max(FAITHFUL, 2 * own)
            if not error <= limit:
                return False
        return True


def openvino_encoder(module: torch.nn.Module | None, backend: Backend, precision: str) -> Encoder | None:
    """Return `module` (float32, on the CPU) as an OpenVINO encoder, or None to use torch.

    `module` is None if OpenVINO cannot run the model. `auto` selects OpenVINO for bfloat16 and float32 if the package
    is installed and the converted model is faithful; in float16 it is slower than in float32. ValueError if
    `openvino` is requested but impossible.
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
        if encoder.is_faithful():
            return encoder
        reason = "the converted model differs from the original"
    except RuntimeError as error:  # the converter does not support the model, or the processor the precision
        lines = [line.strip() for line in str(error).splitlines() if line.strip()]
        reason = next((line for line in lines if "Exception from" not in line), str(error))
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
    # Tracing warns about every value that it freezes in the graph; `is_faithful` tests whether that does harm.
    library = logging.getLogger("transformers")
    level = library.level
    library.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings(action="ignore"):
            yield
    finally:
        library.setLevel(level)


def _finish(batch: Batch, rows: torch.Tensor, wait: Callable[[], None]) -> Rows:
    wait()
    return batch.rows, rows.numpy()[: len(batch.rows)]
