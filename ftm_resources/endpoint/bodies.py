"""What a server's reply says, whatever its shape."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import openai


def fault(error: openai.APIConnectionError) -> str:
    """Return what went wrong with a request that got no reply."""
    # The client raises the same error for all connection problems; the cause tells them apart.
    return f"{type(error.__cause__).__name__}: {error.__cause__}"


def content(body: bytes) -> Any:
    """Return a body's JSON; its text if it is not JSON or too deeply nested."""
    try:
        return json.loads(body)
    except (ValueError, RecursionError):
        return body.decode(errors="replace")


def models(listed: Any) -> dict[str, tuple[int | None, str]]:
    """Return the models of a `/v1/models` reply; vLLM reports each context as `max_model_len`."""
    rows = listed.get("data") if isinstance(listed, dict) else None
    found = {}
    for row in rows if isinstance(rows, list) else []:
        if isinstance(row, dict) and isinstance(row.get("id"), str):
            context, root = row.get("max_model_len"), row.get("root")
            is_count = type(context) is int and 0 < context < 2**31
            found[row["id"]] = (context if is_count else None, root if isinstance(root, str) else "")
    return found
