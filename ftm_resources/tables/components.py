"""What a source of transcripts yields: components, an audit, and which version of a call is the more final.

Promises only, shared by the sources that make these rows and the methods that read them.
"""

from __future__ import annotations

import pyarrow as pa

COMPONENTS = pa.schema(
    [
        pa.field("companyid", pa.string(), nullable=False),
        pa.field("companyname", pa.string(), nullable=False),
        pa.field("transcriptid", pa.string(), nullable=False),
        pa.field("componentorder", pa.int32(), nullable=False),
        pa.field("componenttext", pa.string(), nullable=False),
        pa.field("mostimportantdateutc", pa.timestamp("us", tz="UTC"), nullable=False),
        pa.field("is_date_only", pa.bool_(), nullable=False),
        pa.field("speakertypename", pa.string(), nullable=False),
        pa.field("gvkey", pa.string()),
        pa.field("permno", pa.int64()),
        pa.field("link_date", pa.date32()),
        pa.field("ticker", pa.string()),
        pa.field("headline", pa.string()),
        pa.field("componenttypename", pa.string()),
        pa.field("transcriptpersonname", pa.string()),
        pa.field("keydevid", pa.string()),
        pa.field("transcriptcollectiontypename", pa.string()),
    ]
)
"""One row per component (speaker turn), in Capital IQ's column names.

`componenttext` is verbatim. `componentorder` is the place of the turn in its transcript, 0 or more.
`mostimportantdateutc` is the start of the call; where the source gives only a date (`is_date_only`) it is
midnight of that date in UTC, and the date is the one in New York. (transcriptid, componentorder) is unique,
and the rows of a transcript agree about firm, name of the event and time.
"""


AUDIT = pa.schema(
    [
        pa.field("transcriptid", pa.string(), nullable=False),
        pa.field("companyid", pa.string(), nullable=False),
        pa.field("status", pa.string(), nullable=False),
        pa.field("reason", pa.string()),
    ]
)
"""What a source itself did with a transcript, statuses as in the table `transcript_audit`.

A transcript that was yielded has a row only where there is something to note (`kept`, and the note).
"""


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
