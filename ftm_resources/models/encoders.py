"""Encoders: turn batches of token ids into rows of numbers; here with torch on any device.

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
import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
from numpy.typing import NDArray

from ftm_resources.models.batches import ROW_STEP, Batch, ahead
from ftm_resources.models.compiling import compile_layers

if TYPE_CHECKING:
    import torch

_log = logging.getLogger(__name__)

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

FLOAT32_FAITHFUL = 1e-4
"""The same for float32: far above rounding, far below what a constant frozen in the graph does."""


_PROBE = 9
"""Tokens of the longer of two texts that are tried together: every model takes as many. Not the number of rows, or a
compiler would take the two for one."""

_HALF = ROW_STEP // 2
"""Rows of each of the two."""


class Encoder(Protocol):
    """A model ready to run; not thread-safe."""

    row_step: int
    """Batches have a multiple of this many rows, so that a text's row does not depend on how many there are."""
    mixes_lengths: bool
    """Whether batches may hold texts of different lengths."""

    def describe(self) -> dict[str, str]:
        """Return backend, backend_version, device and precision."""

    def run(self, batches: Iterable[Batch]) -> Iterator[Rows]:
        """Yield the rows of each batch, in order; batches are prepared in a thread, ahead of the model."""


class TorchEncoder:
    """A torch model whose weights are already on the device.

    `forward` takes a batch's token ids (int64 tensor on the device), its texts, and a mask (int64, 1 for a token and 0
    for padding; None if all have one length), and returns a tensor (n, d).
    With `autocast`, products are computed in `precision` and the rest in float32: on a CPU this is as fast as
    casting the weights, and more accurate. On a GPU the loader casts the weights.

    On a CPU each core processes its own batch on one thread, so the number of cores does not change any bit, and
    it is no slower. Set `in_parallel=False` (one batch at a time) if `forward` is not thread-safe, for example
    because it tokenizes.

    On a GPU a batch holds texts of different lengths (`mixes_lengths`), if `forward` gives a padded text the row that
    it gives to the text alone; this is tried at the start.
    """

    row_step = ROW_STEP

    def __init__(
        self,
        forward: Callable[[torch.Tensor, list[str], torch.Tensor | None], torch.Tensor],
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
        self.mixes_lengths = self._device.type != "cpu" and self.takes_padding()

    def takes_padding(self) -> bool:
        """Whether a padded text has the row that it has alone, whatever it is padded with."""
        try:
            (_, found), (_, other) = self.run([_padded_probe(0), _padded_probe(4)])
        except (
            ValueError,
            TypeError,
            KeyError,
            AttributeError,
            RuntimeError,
        ) as error:  # it has no use for a mask
            _log.info("texts of one length at a time: %s", error)
            return False
        return self._is_near(found, self._alone()) and np.array_equal(found, other)

    def compile(self, model: torch.nn.Module) -> None:
        """Compile the layers of the model that `forward` runs, if it is large and on a GPU.

        They stay so if they compute what they did before, padded or not.
        """
        if not self._is_cuda:
            return
        before = self._alone()
        compile_layers(
            model,
            lambda: self._is_near(self._alone(), before) and (not self.mixes_lengths or self.takes_padding()),
        )

    def _alone(self) -> NDArray[np.float32]:
        return np.concatenate([rows for _, rows in self.run(_probes())])

    def _is_near(self, found: NDArray[np.float32], expected: NDArray[np.float32]) -> bool:
        apart = np.linalg.norm(found - expected, axis=1)
        limit = FLOAT32_FAITHFUL if self._precision == "float32" else 2 * FAITHFUL
        return bool((apart <= limit * np.linalg.norm(expected, axis=1)).all())

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

        lengths = None if batch.lengths is None else torch.from_numpy(batch.lengths)
        with torch.inference_mode(), self._context():
            out = self._rows_of(torch.from_numpy(batch.ids), batch.texts, lengths)
        return batch.rows, out.numpy()[: len(batch.rows)]

    def _rows_of(self, ids: torch.Tensor, texts: list[str], lengths: torch.Tensor | None) -> torch.Tensor:
        import torch

        mask = None
        if lengths is not None:
            mask = (torch.arange(ids.shape[1], device=ids.device) < lengths[:, None]).long()
        return self._forward(ids, texts, mask).float()

    def _on_device(self, batches: Iterable[Batch]) -> Iterator[Rows]:
        running: deque[tuple[Batch, torch.Tensor, Callable[[], None]]] = deque()
        for batch, ids, lengths in ahead(self._inputs(batches), READY_BATCHES):
            running.append((batch, *self._start(batch, ids, lengths)))
            if len(running) > READY_BATCHES:
                yield _finish(*running.popleft())
        while running:
            yield _finish(*running.popleft())

    def _inputs(self, batches: Iterable[Batch]) -> Iterator[tuple[Batch, torch.Tensor, torch.Tensor | None]]:
        import torch

        def ready(numbers: NDArray[np.int64]) -> torch.Tensor:
            found = torch.from_numpy(numbers)
            return found.pin_memory() if self._is_cuda else found

        for batch in batches:
            yield batch, ready(batch.ids), None if batch.lengths is None else ready(batch.lengths)

    def _start(
        self, batch: Batch, ids: torch.Tensor, lengths: torch.Tensor | None
    ) -> tuple[torch.Tensor, Callable[[], None]]:
        import torch

        def moved(numbers: torch.Tensor) -> torch.Tensor:
            # All copies use pinned memory, so that neither they nor the GPU wait for each other.
            return numbers.to(self._device, non_blocking=self._is_cuda)

        with torch.inference_mode(), self._context(), self._attention():
            out = self._rows_of(moved(ids), batch.texts, None if lengths is None else moved(lengths))
        if not self._is_cuda:
            return out.cpu(), lambda: None
        host = torch.empty(out.shape, dtype=out.dtype, pin_memory=True)
        host.copy_(out, non_blocking=True)
        copied = torch.cuda.Event()  # type: ignore[no-untyped-call] # untyped in torch
        copied.record(torch.cuda.current_stream(self._device))
        return host, copied.synchronize

    def _attention(self) -> AbstractContextManager[Any]:
        """On a GPU, leave out cuDNN's attention: it makes a plan for every new shape, and most batches have one."""
        from torch.nn.attention import SDPBackend, sdpa_kernel

        if not self._is_cuda:
            return nullcontext()
        kernels = [SDPBackend.FLASH_ATTENTION, SDPBackend.EFFICIENT_ATTENTION, SDPBackend.MATH]
        found: AbstractContextManager[Any] = sdpa_kernel(kernels)
        return found

    def _context(self) -> AbstractContextManager[Any]:
        import torch

        if not self._autocast:
            return nullcontext()
        return torch.autocast(self._device.type, dtype=getattr(torch, self._precision))


def _probes() -> list[Batch]:
    """Return a batch of a short text and one of a longer one."""
    return [
        Batch(np.arange(_HALF), np.repeat(np.array(ids)[None], _HALF, axis=0), [text] * _HALF)
        for ids, text in (
            ([3, 1, 2], "one two three"),
            ([i % 5 for i in range(_PROBE)], "one two three four five six"),
        )
    ]


def _padded_probe(pad: int) -> Batch:
    """Return the two in one batch."""
    short, long = _probes()
    padded = np.pad(short.ids, ((0, 0), (0, _PROBE - short.ids.shape[1])), constant_values=pad)
    lengths = np.repeat([short.ids.shape[1], _PROBE], _HALF)
    return Batch(np.arange(2 * _HALF), np.concatenate([padded, long.ids]), short.texts + long.texts, lengths)


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


def _finish(batch: Batch, rows: torch.Tensor, wait: Callable[[], None]) -> Rows:
    wait()
    return batch.rows, rows.numpy()[: len(batch.rows)]
