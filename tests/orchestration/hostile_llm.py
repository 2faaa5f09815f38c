"""A model server that means harm: raw bytes on 127.0.0.1 in answer to POST, by fault; GET /v1/models is answered."""

import contextlib
import gzip
import json
import socket
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

GOOD = json.dumps({"name": "Freight cost inflation", "summary": "Freight costs rose in the quarter."})
MODELS = json.dumps({"object": "list", "data": [{"id": "test-model", "object": "model"}]}).encode()
DEEP = 200_000

Chunks = Iterator[bytes]


def completion(content: Any = GOOD, **changes: Any) -> bytes:
    """Return the body of a chat completion."""
    message = {"role": "assistant", "content": content}
    choice = {"index": 0, "message": message, "finish_reason": "stop"}
    usage = {"prompt_tokens": 900, "completion_tokens": 40, "total_tokens": 940}
    body = {"id": "x", "object": "chat.completion", "created": 0, "model": "m", "choices": [choice]}
    return json.dumps({**body, "usage": usage, **changes}).encode()


def reply(body: bytes, *headers: str, status: str = "200 OK") -> bytes:
    """Return a whole HTTP reply."""
    lines = [f"HTTP/1.1 {status}", "Content-Type: application/json", f"Content-Length: {len(body)}", *headers]
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + body


def head(*headers: str) -> bytes:
    """Return the head of a reply whose body follows."""
    return "\r\n".join(["HTTP/1.1 200 OK", "Content-Type: application/json", *headers]).encode() + b"\r\n\r\n"


def forever(first: bytes, again: bytes, pause: float = 0.0) -> Callable[[], Chunks]:
    """Return a reply that goes on until the client hangs up."""

    def chunks() -> Chunks:
        yield first
        while True:
            time.sleep(pause)
            yield again

    return chunks


def bomb() -> bytes:
    """Return a gigabyte of blanks, compressed to a megabyte."""
    block = gzip.compress(b" " * 2**20)
    return b"".join([block] * 1024)


def once(content: bytes) -> Callable[[], Chunks]:
    """Return a reply that is sent and closed."""
    return lambda: iter([content])


CHUNKED = "Transfer-Encoding: chunked"
GARBLED: dict[str, Callable[[], Chunks]] = {
    "a byte every 50 ms": forever(head("Content-Length: 100000"), b" ", 0.05),
    "headers that drip": forever(b"HTTP/1.1 200 OK\r\n", b"X-A: b\r\n", 0.05),
    "a body without end": forever(head(CHUNKED), b"10000\r\n" + b" " * 65536 + b"\r\n"),
    "a body without end or length": forever(head(), b" " * 65536),
    "silence": forever(b"", b"", 0.2),
    "100 Continue without end": forever(b"", b"HTTP/1.1 100 Continue\r\n\r\n", 0.01),
    "gzip bomb": lambda: iter([reply(bomb(), "Content-Encoding: gzip")]),
    "not the gzip it says": once(reply(b"x" * 500, "Content-Encoding: gzip")),
    "brotli unasked for": once(reply(b"x" * 500, "Content-Encoding: br")),
    "garbage for a chunk": once(head(CHUNKED) + b"zzzz\r\nnonsense\r\n"),
    "a chunk longer than any": once(head(CHUNKED) + b"f" * 40 + b"\r\n"),
    "a header of a megabyte": once(b"HTTP/1.1 200 OK\r\nX-A: " + b"a" * 2**20 + b"\r\n\r\n{}"),
    "half of the body": once(reply(completion())[:-20]),
    "101": once(b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: Upgrade\r\n\r\n"),
    "304": once(b"HTTP/1.1 304 Not Modified\r\n\r\n"),
    "another protocol": once(b"SSH-2.0-OpenSSH_9.6\r\n"),
    "a status that is no number": once(b"HTTP/1.1 OK 200\r\n\r\n"),
    "nothing": once(b""),
}
"""Replies that are not HTTP, not whole, or not within bounds."""

USELESS: dict[str, Callable[[], Chunks]] = {
    "204": once(b"HTTP/1.1 204 No Content\r\n\r\n"),
    "deeply nested JSON": once(reply(b"[" * DEEP)),
    "deeply nested error": once(reply(b'{"error":' * 100_000, status="400 Bad Request")),
    "a content of many braces": once(reply(completion("{" * 500_000))),
    "a content of many objects": once(reply(completion('{"a":' * 120_000))),
    "a name of many brackets": once(reply(completion(json.dumps({"name": "[" * 400_000, "summary": "x"})))),
    "content of another type": once(reply(completion([{"type": "text"}]))),
    "choices of another type": once(reply(completion(choices={"0": 1}))),
    "zeros": once(reply(b"\0" * 10_000)),
    "half a surrogate pair": once(reply(completion('{"name": "\ud800"}'))),
}
"""Replies of HTTP that hold no name."""

USAGES: dict[str, Any] = {
    "2^31": {"prompt_tokens": 2**31, "completion_tokens": 2**63},
    "10^400": {"prompt_tokens": 10**400, "completion_tokens": 1},
    "negative": {"prompt_tokens": -1, "completion_tokens": -(2**40)},
    "not whole": {"prompt_tokens": 1.5, "completion_tokens": float("nan")},
    "not a number": {"prompt_tokens": "9", "completion_tokens": [9]},
    "not counts": [1, 2],
    "none": None,
}
"""Counts of tokens beside a good name."""


class HostileLlm:
    """The server; set `fault` to what answers a POST, and `models` to the whole reply to GET /v1/models."""

    def __init__(self) -> None:
        self.fault: Callable[[], Chunks] = once(reply(completion()))
        self.models = reply(MODELS)
        self.n_posts = 0
        self.n_sent = 0
        """Bytes that went out in answer to POST."""
        self.requests: list[bytes] = []
        self._listening = socket.create_server(("127.0.0.1", 0), backlog=128)
        self.url = f"http://127.0.0.1:{self._listening.getsockname()[1]}/v1"
        self._is_open = True
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()

    def close(self) -> None:
        self._is_open = False
        self._listening.close()

    def _serve(self) -> None:
        while self._is_open:
            try:
                connection, _ = self._listening.accept()
            except OSError:
                return
            threading.Thread(target=self._answer, args=(connection,), daemon=True).start()

    def _answer(self, connection: socket.socket) -> None:
        with connection, contextlib.suppress(OSError):
            request = b""
            while b"\r\n\r\n" not in request:
                if not (some := connection.recv(65536)):
                    return
                request += some
            start, _, body = request.partition(b"\r\n\r\n")
            length = start.lower().partition(b"content-length:")[2].partition(b"\r\n")[0]
            while len(body) < int(length or 0):
                body += connection.recv(65536)
            self.requests.append(start + b"\r\n\r\n" + body)
            if start.startswith(b"GET"):
                connection.sendall(self.models)
                return
            self.n_posts += 1
            for some in self.fault():
                if not self._is_open:
                    return
                for i in range(0, len(some), 65536):
                    connection.sendall(some[i : i + 65536])
                    self.n_sent += len(some[i : i + 65536])
