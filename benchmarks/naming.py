"""Naming with a server of known latency: the request rate compared with the ideal, and memory over time.

`python -m benchmarks.naming` names topics with prompts of realistic size, 64 and 256 requests in flight and 200 ms
latency, on one core, including parsing and caching of replies; the server runs on another core. `--sustain 5` sends
3,000 requests a minute with a latency of one second for five minutes and prints the memory.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from benchmarks.measure import Clock, markdown, timed

if TYPE_CHECKING:
    from ftm_assets.methods.naming.rules import Digest

REPLY = {
    "name": "Freight cost inflation",
    "summary": "Freight and labor costs rose in the quarter. Prices followed with a delay of two months.",
}
_REPOSITORY = Path(__file__).resolve().parent.parent
GROUP = 10_000
"""Topics per call of the namer: about as many as 500 firms have."""


class _Server(asyncio.Protocol):
    """Minimal HTTP/1.1 with keep-alive; answers each request after the latency."""

    latency = 0.2

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport: Any = transport
        self._buffer, self._needed = bytearray(), 0

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        while True:
            end = self._buffer.find(b"\r\n\r\n")
            if not self._needed and end >= 0:
                head = bytes(self._buffer[:end]).lower()
                length = head.partition(b"content-length:")[2].partition(b"\r\n")[0]
                self._needed = end + 4 + int(length or 0)
                self._is_get = head.startswith(b"get")
            if not self._needed or len(self._buffer) < self._needed:
                return
            del self._buffer[: self._needed]
            self._needed = 0
            body = self._models() if self._is_get else self._completion()
            head = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n" % len(
                body
            )
            wait = 0.0 if self._is_get else self.latency
            asyncio.get_running_loop().call_later(wait, self._send, head + body)

    def _send(self, content: bytes) -> None:
        if not self._transport.is_closing():
            self._transport.write(content)

    @staticmethod
    def _models() -> bytes:
        return b'{"object": "list", "data": [{"id": "benchmark", "max_model_len": 4096}]}'

    @staticmethod
    def _completion() -> bytes:
        message = {"role": "assistant", "content": json.dumps(REPLY)}
        return json.dumps(
            {
                "id": "x", "object": "chat.completion", "created": 0, "model": "benchmark",
                "choices": [{"index": 0, "message": message, "finish_reason": "stop"}],
                "usage": {"prompt_tokens": 900, "completion_tokens": 45, "total_tokens": 945},
            }
        ).encode()  # fmt: skip


async def _serve(port: int, latency: float) -> None:
    _Server.latency = latency
    server = await asyncio.get_running_loop().create_server(_Server, "127.0.0.1", port, backlog=1024)
    await server.serve_forever()


@contextmanager
def _served(latency: float, core: int | None) -> Iterator[str]:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [sys.executable, "-m", "benchmarks.naming", "--serve", str(port), "--latency", str(latency)]
    process = subprocess.Popen(  # noqa: S603 - our own command
        [*command, *(["--core", str(core)] if core is not None else [])], cwd=_REPOSITORY
    )
    try:
        while process.poll() is None:
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", port)) == 0:
                    break
            time.sleep(0.05)
        else:
            raise RuntimeError(f"the server exited with status {process.returncode}")
        yield f"http://127.0.0.1:{port}/v1"
    finally:
        process.terminate()
        process.wait()


def topics(n: int) -> list[Digest]:
    """Return topics with twelve keywords and eight sentences from the sample each: prompts of about 3 kB."""
    from ftm_assets.methods.naming.rules import Digest  # noqa: PLC0415
    from ftm_resources.sources.sample.generated import SampleSource  # noqa: PLC0415

    rows = [r for table in SampleSource(8).truth("2023Q1") for r in table.to_pylist()]
    texts = [r["text"] for r in rows if r["kind"] != "procedural" and len(r["text"].split()) > 12]
    return [
        Digest(
            id=f"2023Q1:{i // 22}:{i % 22:03d}",
            kind="topic",
            keywords=(f"subject {i}", *texts[i % len(texts)].lower().split()[:11]),
            sentences=tuple(texts[(8 * i + k) % len(texts)] for k in range(8)),
            exclude=(f"Example {i // 22} Holdings Inc", f"Example {i // 22} Holdings", f"Example {i // 22}"),
            group=str(i // 22),
        )
        for i in range(n)
    ]


def _named(url: str, digests: Sequence[Digest], concurrency: int, root: Path) -> None:
    from ftm_assets.orchestration.namer import build_namer  # noqa: PLC0415
    from ftm_resources.endpoint.llm import LlmResource  # noqa: PLC0415
    from ftm_resources.warehouse import Warehouse  # noqa: PLC0415

    llm = LlmResource(base_url=url, model="benchmark", api_key="none", concurrency=concurrency)
    warehouse = Warehouse(path=str(root))
    named = build_namer(llm, warehouse, "topic_summaries", "2023Q1").name(digests)
    if {n.audit.outcome for n in named} != {"named"}:
        raise RuntimeError("the server did not name every topic")


def rate(url: str, n: int, concurrency: int, latency: float) -> dict[str, Any]:
    """Return the rate of naming `n` topics, from building prompts to caching replies, and the ideal rate."""
    digests = topics(n)
    clock, ideal = Clock(), concurrency / latency
    with tempfile.TemporaryDirectory() as root:
        _named(url, topics(2 * concurrency)[concurrency:], concurrency, Path(root) / "warm")
        with timed(clock):
            for start in range(0, n, GROUP):
                _named(url, digests[start : start + GROUP], concurrency, Path(root))
    return {
        "in flight": concurrency,
        "latency, ms": round(1000 * latency),
        "requests": n,
        "ideal, requests/s": ideal,
        "requests/s": n / clock.wall,
        "share of ideal": n / clock.wall / ideal,
        "CPU ms per request": 1000 * clock.cpu / n,
    }


def sustained(url: str, minutes: float, per_minute: int, concurrency: int) -> list[dict[str, Any]]:
    """Send `per_minute` requests a minute; return a row per half minute: requests done and resident memory in MiB.

    Requests are sent in batches every 15 seconds; a batch that takes longer shows up as a lower rate.
    """
    rows: list[dict[str, Any]] = []
    step = per_minute // 4
    digests = topics(step)
    started, done = time.perf_counter(), 0
    with tempfile.TemporaryDirectory() as root:
        for i in range(round(minutes * 4)):
            # A new warehouse each time, so that nothing comes from the cache.
            _named(url, digests, concurrency, Path(root) / str(i))
            done += step
            time.sleep(max(0.0, 15 * (i + 1) - (time.perf_counter() - started)))
            if i % 2:
                pages = int(Path("/proc/self/statm").read_text().split()[1])
                seconds = time.perf_counter() - started
                rows.append(
                    {
                        "minute": round(seconds / 60, 1),
                        "requests": done,
                        "requests/min": 60 * done / seconds,
                        "MiB": pages * os.sysconf("SC_PAGESIZE") // 2**20,
                    }
                )
    return rows


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.naming", description=__doc__)
    parser.add_argument("--requests", type=int, default=20_000)
    parser.add_argument("--concurrency", type=int, nargs="+", default=[64, 256])
    parser.add_argument("--latency", type=float, default=0.2, help="seconds")
    parser.add_argument("--sustain", type=float, default=0, help="minutes at 3,000 requests a minute")
    parser.add_argument("--serve", type=int, help=argparse.SUPPRESS)
    parser.add_argument("--core", type=int, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.core is not None:
        os.sched_setaffinity(0, {options.core})
    if options.serve:
        asyncio.run(_serve(options.serve, options.latency))
        return
    cores = sorted(os.sched_getaffinity(0))
    os.sched_setaffinity(0, {cores[0]})
    other = cores[1] if len(cores) > 1 else None
    if options.sustain:
        with _served(1.0, other) as url:
            print(markdown(sustained(url, options.sustain, 3000, 64)))
        return
    with _served(options.latency, other) as url:
        rows = [rate(url, options.requests, n, options.latency) for n in options.concurrency]
    print(markdown(rows))


if __name__ == "__main__":
    main()
