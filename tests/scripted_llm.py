"""A scripted OpenAI-compatible server: real HTTP on 127.0.0.1, with the faults of real servers on demand."""

import json
import socket
import struct
import threading
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


@dataclass(frozen=True)
class Reply:
    """What the server answers to one request."""

    content: str | None = (
        '{"name": "Freight cost inflation", "summary": "Freight costs rose in the quarter."}'
    )
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    finish_reason: str = "stop"
    body: bytes | None = None
    """Sent instead of a completion."""
    delay: float = 0.0
    """Seconds before the first byte."""
    stall: float = 0.0
    """Seconds between the first half of the body and the second."""
    reset_after: int | None = None
    """Bytes of the body after which the connection is reset."""

    @staticmethod
    def error(status: int, message: str = "scripted", **headers: str) -> "Reply":
        body = json.dumps({"error": {"message": message, "type": "scripted", "code": None}}).encode()
        return Reply(status=status, body=body, headers={"retry-after-ms": "1", **headers})


Script = Callable[[int, dict[str, Any]], Reply]
"""(how often this prompt was asked before, request body) to the reply."""


class ScriptedLlm:
    """The server, its script and what it was asked."""

    def __init__(self) -> None:
        self.script: Script = lambda _asked, _body: Reply()
        self.models: Callable[[int], Reply] = lambda _asked: Reply(
            body=json.dumps({"object": "list", "data": [{"id": "test-model", "object": "model"}]}).encode()
        )
        """(how often it was asked before) to the reply to GET /v1/models."""
        self.health: Callable[[int], Reply] = lambda _asked: Reply(body=b"")
        self.gets: list[str] = []
        self.bodies: list[dict[str, Any]] = []
        self.keys: set[str | None] = set()
        self.headers: list[tuple[str, str]] = []
        self.most_in_flight = 0
        self._in_flight = 0
        self._asked: Counter[str] = Counter()
        self._lock = threading.Lock()
        llm = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                llm._answer(self)

            def do_GET(self) -> None:
                llm._answer_get(self)

            def log_message(self, *_: Any) -> None:
                pass

        class Server(ThreadingHTTPServer):
            daemon_threads = True
            request_queue_size = 256

            def handle_error(self, *_: Any) -> None:
                """A client that hung up is part of the script."""

        self._server = Server(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_port}/v1"
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.02})
        self._thread.start()

    def asked(self, prompt: str) -> int:
        """Return how many requests had this first user message."""
        return self._asked[prompt]

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def _answer(self, handler: BaseHTTPRequestHandler) -> None:
        body = json.loads(handler.rfile.read(int(handler.headers["Content-Length"])))
        if "messages" in body:
            prompt = next(m["content"] for m in body["messages"] if m["role"] == "user")
        else:
            prompt = json.dumps(body["input"])
        with self._lock:
            asked = self._asked[prompt]
            self._asked[prompt] += 1
            self.bodies.append(body)
            self.keys.add(handler.headers["Authorization"])
            self.headers += handler.headers.items()
            self._in_flight += 1
            self.most_in_flight = max(self.most_in_flight, self._in_flight)
        reply = self.script(asked, body)
        time.sleep(reply.delay)
        with self._lock:
            # Before the first byte goes out: the client may send its next request as soon as it has the last.
            self._in_flight -= 1
        self._send(handler, reply, body)

    def _answer_get(self, handler: BaseHTTPRequestHandler) -> None:
        with self._lock:
            asked = self.gets.count(handler.path)
            self.gets.append(handler.path)
            self.headers += handler.headers.items()
        reply = {"/v1/models": self.models, "/health": self.health}[handler.path](asked)
        self._send(handler, reply, {"model": ""})

    @staticmethod
    def _send(handler: BaseHTTPRequestHandler, reply: Reply, body: dict[str, Any]) -> None:
        payload = reply.body
        if payload is None:
            message = {"role": "assistant", "content": reply.content}
            payload = json.dumps(
                {
                    "id": "scripted",
                    "object": "chat.completion",
                    "created": 0,
                    "model": body["model"],
                    "choices": [{"index": 0, "message": message, "finish_reason": reply.finish_reason}],
                    "usage": {"prompt_tokens": 900, "completion_tokens": 40, "total_tokens": 940},
                }
            ).encode()
        handler.send_response(reply.status)
        for name, value in {"Content-Type": "application/json", **reply.headers}.items():
            handler.send_header(name, value)
        handler.send_header("Content-Length", str(len(payload)))
        handler.end_headers()
        if reply.reset_after is not None:
            handler.wfile.write(payload[: reply.reset_after])
            # A linger of 0 seconds makes the close a reset.
            handler.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            handler.close_connection = True
            handler.connection.close()
            return
        half = len(payload) // 2 if reply.stall else len(payload)
        handler.wfile.write(payload[:half])
        if reply.stall:
            time.sleep(reply.stall)
            handler.wfile.write(payload[half:])
