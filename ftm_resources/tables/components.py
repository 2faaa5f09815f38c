"""What a source of transcripts yields: components, an audit, and the ranking of a call's versions.

What belongs here: only what the sources that make these rows share with the methods that read them.
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
        pa.field("keydeveventtypename", pa.string()),
        pa.field("transcriptcollectiontypename", pa.string()),
        pa.field("created_at", pa.timestamp("us", tz="UTC")),
    ]
)
"""One row per component (speaker turn), in Capital IQ's column names.

`componenttext` is verbatim. `componentorder` is the position of the turn in its transcript, 0 or more.
`mostimportantdateutc` is the start of the call; if the source gives only a date (`is_date_only`), it is
midnight UTC of that date, which is the date in New York. `keydeveventtypename` is the kind of event, null if the source
does not say. `created_at` is when this version of the transcript was created (`transcriptcreationdate_utc`).
A transcript may be listed for several companies, once for each: (transcriptid, companyid, componentorder) is unique,
and the rows of a transcript agree on event and time.
"""

NEIGHBOUR_DAYS = 3
"""Days on both sides of a quarter whose calls a source yields too.

A version of a call may have a revised start beyond the quarter's bounds; the versions are compared, and the call belongs
to the quarter of the one that is kept.
"""


AUDIT = pa.schema(
    [
        pa.field("transcriptid", pa.string(), nullable=False),
        pa.field("companyid", pa.string(), nullable=False),
        pa.field("status", pa.string(), nullable=False),
        pa.field("reason", pa.string()),
    ]
)
"""What a source did with a transcript; the statuses are those of the table `transcript_audit`.

A transcript that was yielded has a row only if there is something to note (`kept`, and the note).
"""


COLLECTION_TYPES = ("Spellchecked Copy", "Edited Copy", "Proofed Copy", "Audited Copy")
"""Capital IQ's collection types, least final first; any other name ranks below them.

A transcript is spell-checked within hours of the call, then edited, then proofed; some are later audited.
"""


def finality(collection: str | None) -> int:
    """Return a collection type's rank: 1 and up in the order of COLLECTION_TYPES, 0 for any other."""
    name = (collection or "").strip().lower()
    return next((i for i, t in enumerate(COLLECTION_TYPES, start=1) if t.lower() == name), 0)


def less_final(kept: str, kept_collection: str | None, collection: str | None) -> str:
    """Return why transcript `kept` was preferred to one of a less final collection type."""
    ours = (collection or "version of no known type").lower()
    return f"transcript {kept} is the {(kept_collection or '').lower()}, this one the {ours}"
