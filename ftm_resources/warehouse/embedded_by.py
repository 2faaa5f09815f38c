"""Which model a table's vectors are of, as its write recorded it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping


def embedder_of(made: Mapping[str, Any]) -> dict[str, Any]:
    """Return the embedding model that a write recorded in its provenance; empty if none."""
    return dict(made.get("models", {}).get("embedder", {}))
