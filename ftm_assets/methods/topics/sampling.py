"""Which firms a measure that reads sentences looks at."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

import pyarrow.compute as pc

if TYPE_CHECKING:
    import pyarrow as pa


def sampled_firms(status: pa.Table, n: int, seed: int, at_least: int = 1) -> list[str]:
    """Return at most `n` firms with topics and `at_least` so many sentences, sorted.

    By a hash of seed and id: a firm drawn in one quarter is drawn in the next, so that a trend is of topics
    rather than of samples.
    """
    sizes = status.filter(pc.greater(status.column("n_topics"), 0))
    firms = (
        sizes.filter(pc.greater_equal(sizes.column("n_sentences"), at_least)).column("firm_id").to_pylist()
    )
    return sorted(sorted(firms, key=lambda f: hashlib.blake2b(f"{seed}:{f}".encode()).digest())[:n])
