"""Normalising: the text of a turn as every method reads it, beside the text as the source delivered it.

Belongs here: the one place that decides about entities, tags, encodings, blanks, line breaks, quotation marks,
transcribers' marks and capitals. It runs once, on whole transcripts, before anything judges a text.
"""

from __future__ import annotations

import pyarrow as pa


def normalise(components: pa.Table) -> pa.Table:
    """Return `components` with `componenttext` normalised and the original in a new column, `verbatim`."""
    return components.append_column("verbatim", components["componenttext"])
