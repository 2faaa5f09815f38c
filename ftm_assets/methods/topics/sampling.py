"""Sampling of firms for quality measures that read sentences."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

import pyarrow.compute as pc

if TYPE_CHECKING:
    import pyarrow as pa


def sampled_firms(status: pa.Table, n: int, seed: int, at_least: int = 1) -> list[str]:
    """Return at most `n` firms that have topics and at least `at_least` sentences, sorted.

    Firms are drawn by a hash of seed and id. A firm drawn in one quarter is drawn in the next, so trends reflect
    topics rather than samples.
    """
    sizes = status.filter(pc.greater(status.column("n_topics"), 0))
    firms = (
        sizes.filter(pc.greater_equal(sizes.column("n_sentences"), at_least)).column("firm_id").to_pylist()
    )
    return sorted(sorted(firms, key=lambda f: hashlib.blake2b(f"{seed}:{f}".encode()).digest())[:n])
