"""Versions of one call: how final each is, and how an audit says that another was taken."""

from __future__ import annotations

COLLECTION_TYPES = ("Spellchecked Copy", "Edited Copy", "Proofed Copy", "Audited Copy")
"""Capital IQ's collection types, least final first; a name that is not here is less final than any.

A call's transcript is spell-checked within hours, then edited, then proofed; some are audited after that.
"""


def finality(collection: str | None) -> int:
    """Return how final a collection type is: 1 and more in the order of COLLECTION_TYPES, 0 for any other."""
    name = (collection or "").strip().lower()
    return next((i for i, t in enumerate(COLLECTION_TYPES, start=1) if t.lower() == name), 0)


def less_final(kept: str, kept_collection: str | None, collection: str | None) -> str:
    """Return why transcript `kept` was taken before one of a less final collection type."""
    ours = (collection or "version of no known type").lower()
    return f"transcript {kept} is the {(kept_collection or '').lower()}, this one the {ours}"
