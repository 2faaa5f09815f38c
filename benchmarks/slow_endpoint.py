"""Naming by a slow server of few places: requests sent, hung up on and served, and the seconds until the last name.

`python -m benchmarks.slow_endpoint` names 45 topics with a server that works on 4 requests at a time, 2 seconds each,
with a ceiling of 64 requests in flight and a time-out of 6 seconds: the proportions of a laptop's llama.cpp with the
default settings. `--deaf`: the server does not notice that a client hung up, and works for nobody. `--places 64
--seconds 0.2 --topics 2000 --concurrency 64` is a fast server: how near to its full rate the run comes.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import tempfile
import threading
import time
from collections import Counter
from pathlib import Path
from typing import Any

from benchmarks.naming import REPLY, topics


class PlacesServer:
    """An OpenAI-compatible server on 127.0.0.1 that works on `places` requests at a time; others wait in its queue."""

    def __init__(self, places: int, seconds: float, *, is_deaf: bool) -> None:
        self.counts: Counter[str] = Counter()
        """sent: requests that came in; served: replies to a client that was there; lost: work for one that was not;
        cancelled: clients that hung up before their reply."""
        self._places, self._seconds, self._is_deaf = places, seconds, is_deaf
        self._here = 0
        self._started = threading.Event()
        threading.Thread(target=lambda: asyncio.run(self._serve()), daemon=True).start()
        self._started.wait()

    async def _serve(self) -> None:
        self._free = asyncio.Semaphore(self._places)
        server = await asyncio.start_server(self._talk, "127.0.0.1", 0, backlog=1024)
        self.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/v1"
        self._started.set()
        await server.serve_forever()

    async def _talk(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(asyncio.IncompleteReadError, ConnectionError):
            while await self._answer(reader, writer):
                pass
        writer.close()

    async def _answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        """Answer one request; return whether the client is still there."""
        head = await reader.readuntil(b"\r\n\r\n")
        if head.startswith(b"GET"):
            self._write(writer, {"object": "list", "data": [{"id": "benchmark", "max_model_len": 4096}]})
            return True
        length = head.lower().partition(b"content-length:")[2].partition(b"\r\n")[0]
        await reader.readexactly(int(length))
        self.counts["sent"] += 1
        self._here += 1
        self.counts["most at once"] = max(self._here, self.counts["most at once"])
        work, gone = asyncio.create_task(self._work()), asyncio.create_task(reader.read(1))
        waits: set[asyncio.Task[Any]] = {work} if self._is_deaf else {work, gone}
        await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
        self._here -= 1
        if not work.done() or gone.done():
            self.counts["lost" if work.done() else "cancelled"] += 1
            work.cancel()
            return False
        gone.cancel()
        await asyncio.wait({gone})
        self.counts["served"] += 1
        self._write(writer, _completion())
        return True

    async def _work(self) -> None:
        async with self._free:
            await asyncio.sleep(self._seconds)

    @staticmethod
    def _write(writer: asyncio.StreamWriter, body: dict[str, Any]) -> None:
        content = json.dumps(body).encode()
        head = f"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: {len(content)}\r\n\r\n"
        writer.write(head.encode() + content)


def _completion() -> dict[str, Any]:
    choice = {
        "index": 0,
        "message": {"role": "assistant", "content": json.dumps(REPLY)},
        "finish_reason": "stop",
    }
    return {"id": "x", "object": "chat.completion", "created": 0, "model": "benchmark", "choices": [choice]}


def main() -> None:
    """Name the topics and print what it took."""
    from ftm_assets.orchestration.namer import build_namer  # noqa: PLC0415
    from ftm_resources.endpoint.llm import LlmResource  # noqa: PLC0415
    from ftm_resources.warehouse import Warehouse  # noqa: PLC0415

    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--topics", type=int, default=45)
    parser.add_argument("--places", type=int, default=4)
    parser.add_argument("--seconds", type=float, default=2.0, help="the server's work for one request")
    parser.add_argument("--read-seconds", type=float, default=6.0)
    parser.add_argument("--concurrency", type=int, default=64)
    parser.add_argument("--deaf", action="store_true", help="the server works on for clients that hung up")
    given = parser.parse_args()
    server = PlacesServer(given.places, given.seconds, is_deaf=given.deaf)
    llm = LlmResource(
        base_url=server.url, model="benchmark", api_key="none", concurrency=given.concurrency,
        read_seconds=given.read_seconds, on_llm_failure="degrade",
    )  # fmt: skip
    with tempfile.TemporaryDirectory() as root:
        started = time.monotonic()
        namer = build_namer(llm, Warehouse(path=str(Path(root))), "topic_summaries", "2023Q1")
        named = namer.name(topics(given.topics))
        seconds = time.monotonic() - started
    at_best = given.topics * given.seconds / min(given.places, given.concurrency)
    row = {
        "outcomes": dict(Counter(n.audit.outcome for n in named)),
        **{k: server.counts[k] for k in ("sent", "served", "cancelled", "lost", "most at once")},
        "seconds": round(seconds, 1),
        "at best": round(at_best, 1),
    }
    print(json.dumps(row))


if __name__ == "__main__":
    main()
