"""The address of an endpoint: whether it is one, which host it names, and how it is shown."""

from __future__ import annotations

import re
from urllib.parse import SplitResult, urlsplit

EXAMPLE = "http://localhost:8000/v1"

_CREDENTIALS = re.compile(r"//[^/?#]*@")
_PORTS = {"https": 443, "http": 80}


def fault(url: str) -> str:
    """Return why a text is no address of a server, without quoting it; empty if it is one.

    It may hold anything, even a secret that was put into the wrong variable.
    """
    if not (url.isascii() and url.isprintable()) or " " in url or "\\" in url:
        return "it has a blank, a line break, a backslash or a letter that is not ASCII"
    if not url.lower().startswith(("http://", "https://")):
        return "it does not begin with http:// or https://"
    parts = _split(url)
    if parts is None:
        return "its host or port is none"
    return "" if parts.hostname else "it has no host"


def origin(url: str | None) -> tuple[str, str, int] | None:
    """Return scheme, host and port of an address; None if it is none. Credentials go only to their own origin."""
    if not url or fault(url) or (parts := _split(url)) is None:
        return None
    return parts.scheme, parts.hostname or "", parts.port or _PORTS[parts.scheme]


def shown(url: str) -> str:
    """Return an address without credentials and query, for messages."""
    return _CREDENTIALS.sub("//", url.partition("?")[0])


def _split(url: str) -> SplitResult | None:
    import httpx2  # noqa: PLC0415 - loaded only where an endpoint is configured

    try:
        parts = urlsplit(url)
        _ = parts.port  # ValueError if it is no port
        # The client must read the same host: a key goes to the host that this module names.
        is_same = httpx2.URL(url).host == (parts.hostname or "")
    except (ValueError, httpx2.InvalidURL):
        return None
    return parts if is_same else None
