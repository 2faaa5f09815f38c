"""The HTTP client used by `openai`'s: no redirects, no headers of the environment, replies of limited time and size."""

from __future__ import annotations

import asyncio
import zlib
from typing import TYPE_CHECKING, Any

import httpx2

if TYPE_CHECKING:
    from collections.abc import Callable

_CODED = ("content-encoding", "content-length", "transfer-encoding")

_SENT = frozenset(
    (
        *(
            "accept",
            "accept-encoding",
            "authorization",
            "connection",
            "content-length",
            "content-type",
            "host",
        ),
        *("transfer-encoding", "user-agent"),
    )
)
_SENT_PREFIX = "x-stainless-"
"""`openai`'s description of itself. All other headers come from variables such as OPENAI_CUSTOM_HEADERS and
OPENAI_ORG_ID, which are meant for OpenAI, not for every server."""


class BoundedClient(httpx2.AsyncClient):
    """An HTTP client that limits the time and memory that an untrusted server can use.

    `before` is called before each request, and may raise. RemoteProtocolError if a reply exceeds `max_bytes`, before
    or after decompression, or is not HTTP; ReadTimeout if more than `seconds` pass from the request to its last
    byte. `openai`'s client retries both.
    """

    def __init__(
        self,
        *,
        before: Callable[[httpx2.Request], None],
        seconds: Callable[[httpx2.Request], float],
        max_bytes: int,
        **options: Any,
    ) -> None:
        super().__init__(headers={"Accept-Encoding": "gzip, deflate"}, **options)
        self._before, self._seconds, self._max_bytes = before, seconds, max_bytes

    async def send(self, request: httpx2.Request, **options: Any) -> httpx2.Response:
        """Send a request and return its complete reply."""
        for name in {n.lower() for n in request.headers} - _SENT:
            if not name.startswith(_SENT_PREFIX):
                del request.headers[name]
        self._before(request)
        seconds = self._seconds(request)
        try:
            async with asyncio.timeout(seconds):
                given = {**options, "stream": True, "follow_redirects": False}
                response = await super().send(request, **given)
                try:
                    content = await self._read(response)
                finally:
                    await response.aclose()
        except TimeoutError:
            raise httpx2.ReadTimeout(f"no complete reply within {seconds:g} s", request=request) from None
        except httpx2.RequestError:
            raise
        except Exception as error:  # noqa: BLE001 - any parsing error is the server's fault
            raise httpx2.RemoteProtocolError(f"{type(error).__name__}: {error}", request=request) from None
        headers = [(k, v) for k, v in response.headers.multi_items() if k not in _CODED]
        return httpx2.Response(response.status_code, headers=headers, content=content, request=request)

    async def _read(self, response: httpx2.Response) -> bytes:
        status, coding = response.status_code, response.headers.get("content-encoding", "identity").lower()
        if status < 200 or status == 304:
            raise httpx2.RemoteProtocolError(f"HTTP {status} is not a valid reply to this request")
        if coding not in {"identity", "gzip", "deflate"}:
            raise httpx2.RemoteProtocolError(f"content-encoding {coding[:40]!r} was not requested")
        unpack = (
            zlib.decompressobj(32 + zlib.MAX_WBITS) if coding != "identity" else None
        )  # detects which of the two
        found, n_raw = bytearray(), 0
        async for chunk in response.aiter_raw():
            n_raw += len(chunk)
            found += unpack.decompress(chunk, self._max_bytes + 1 - len(found)) if unpack else chunk
            if max(n_raw, len(found)) > self._max_bytes:
                raise httpx2.RemoteProtocolError(f"the reply is longer than {self._max_bytes:,} bytes")
        return bytes(found)
