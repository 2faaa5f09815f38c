"""What a source of transcripts yields: components, an audit, and the ranking of a call's versions.

What belongs here: only what the sources that make these rows share with the methods that read them.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import NamedTuple

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
`mostimportantdateutc` is the start of the call; if the source gives only a date, or midnight (`is_date_only`), it is
midnight UTC of that date, which is the date in New York. No timed call starts at midnight UTC. `gvkey` has six digits.
`keydeveventtypename` is the kind of event ("Earnings Calls" for what `is_earnings_call` recognises), null if the source
does not say. `created_at` is when this version of the transcript was created (`transcriptcreationdate_utc`). Ids have
only letters, digits, blanks, dots, hyphens and underscores, so that joined by colons they stay distinct.
A transcript may be listed for several companies, once for each: (transcriptid, companyid, componentorder) is unique,
and the rows of a transcript agree on event and time.
"""

NEIGHBOUR_DAYS = 7
"""Days on both sides of a quarter whose calls a source yields too.

A version of a call may have a revised start beyond the quarter's bounds; the versions are compared, and the call
belongs to the quarter of the one that is kept.
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


ATTRIBUTES = pa.schema(
    [
        pa.field("transcriptid", pa.string(), nullable=False),
        pa.field("companyid", pa.string(), nullable=False),
        pa.field("name", pa.string(), nullable=False),
        pa.field("value", pa.string()),
    ]
)
"""What a source says of a call in columns that FTM does not know; `value` is null if the call's rows do not agree.

(transcriptid, companyid, name) is unique.
"""


@dataclass(frozen=True)
class Attributes:
    """The attributes of calls (schema ATTRIBUTES), and the columns that are none, each with the reason."""

    rows: pa.Table
    left_out: dict[str, str]

    @classmethod
    def none(cls) -> Attributes:
        """Return no attributes."""
        return cls(ATTRIBUTES.empty_table(), {})


COLLECTION_TYPES = ("Draft", "Spellchecked Copy", "Edited Copy", "Proofed Copy", "Audited Copy")
"""Collection types, least final first, as Capital IQ calls them; a draft is other vendors'.

A transcript is spell-checked within hours of the call, then edited, then proofed; some are later audited.
"""

_STAGES = (
    "draft raw preliminary prelim unedited uncorrected unverified unproofed unaudited rough provisional interim partial"
    " live streaming not non",
    "spellchecked spellcheck spell",
    "edited edit corrected correction revised reviewed",
    "proofed proofread proof final finalized finalised verified certified approved",
    "audited audit",
)
"""Words for each of COLLECTION_TYPES. The least final word of a name decides: an "Edited Draft" is a draft."""

EARNINGS_CALLS = "Earnings Calls"
"""Capital IQ's name for the events that are earnings calls (`keydeveventtypename`)."""

_CALL = r"(?:calls?|conference|conf|teleconference|webcast|presentation|transcript)\b"
_PERIOD = (
    r"(?:quarter(?:ly)?|financial|year|yearly|half|interim|annual|preliminary|fiscal|q[1-4]|[1-4]q(?:\d\d)?|h[12]|[12]h(?:\d\d)?|fy"
    r"|fy ?\d+|(?:19|20)\d\d)"
)
_EARNINGS_CALL = re.compile(
    r"(?<!pre )(?<!post )(?<!non )(?<!no )\bearnings?\b.* " + _CALL + r"|" + _CALL + r".* earnings?\b"
    r"|(?:q[1-4]|[1-4]q|h[12]|[12]h|fy|\bquarter|\bhalf|\byear)(?: ?(?:fy ?)?\d+)? earnings?$"
    r"|" + _PERIOD + r" results? (?:\w+ )?" + _CALL + r"|^results (?:conference )?calls?$"
)
_OTHER_EVENT = re.compile(
    r"\b(?:pre|post|non|no|not) earnings?\b|\b(?:announc\w+|cancel\w*|postpon\w+|reschedul\w+|delay\w*|dates?|guidance"
    r"|outlook|preview|estimates?|shareholders?|special|fixed income|clinical)\b|\binvestors? (?:conference|day)"
    r"|\b(?:sales )?trading\b|\bsales statement|\bmanagement statement|\boperating results?\b|^m a\b"
)
"""What makes another event of a name in which earnings and a call are named too."""

_NEVER = datetime.min.replace(tzinfo=UTC)


class Rank(NamedTuple):
    """What decides between two versions of a call: compare two, and the greater is the better version."""

    finality: int
    """Position in COLLECTION_TYPES from 1; 0 for any other type."""
    created: datetime
    """When the version was created, in UTC; the year 1 if unknown."""
    number: int
    """The transcript id as a number; -1 if it is not one. Vendors count upwards."""
    characters: int
    transcript: str
    """The id again, as text: no two versions are equal."""


def finality(collection: str | None) -> int:
    """Return a collection type's rank: 1 and up in the order of COLLECTION_TYPES, 0 if its words do not say.

    >>> [finality(name) for name in ("Raw", "Corrected", "Final Transcript", "Gold")]
    [1, 3, 4, 0]
    """
    words = set(re.findall(r"[a-z]+", re.sub(r"(?<=[a-z])(?=[A-Z])", " ", collection or "").lower()))
    return next((i for i, stage in enumerate(_STAGES, start=1) if words & set(stage.split())), 0)


def is_known_collection(collection: str | None) -> bool:
    """Return whether the words of a collection type say how final a transcript is; True if the source does not say.

    >>> is_known_collection("Corrected Transcript"), is_known_collection("Gold")
    (True, False)
    """
    return not (collection or "").strip() or finality(collection) > 0


def rank(collection: str | None, created: datetime | None, transcript: str, characters: int) -> Rank:
    """Return the rank of a version of a call; of all versions, the greatest is kept.

    The newest of the most final: the most final collection type; of those, the latest `created` (UTC if without a
    zone; unknown is oldest); of those, the highest transcript id, then the most `characters` of text. Every source
    and method ranks by this function.

    >>> proofed = rank("Proofed Copy", None, "91", 5_000)
    >>> rank("Edited Copy", datetime(2023, 3, 1, tzinfo=UTC), "92", 6_000) < proofed
    True
    """
    if created is not None and created.tzinfo is None:
        created = created.replace(tzinfo=UTC)
    is_number = transcript.isascii() and transcript.isdecimal()
    number = int(transcript) if is_number else -1
    return Rank(finality(collection), created or _NEVER, number, characters, transcript)


def why_preferred(kept: Rank, other: Rank) -> str:
    """Return, for the audit row of `other`, why `kept` was preferred to it."""
    best = f"transcript {kept.transcript}"
    if kept.finality != other.finality:
        return f"{best} is the {_type(kept.finality)}, this one the {_type(other.finality)}"
    if kept.created != other.created:
        ours = "unknown" if other.created == _NEVER else f"{other.created.astimezone(UTC):%Y-%m-%d %H:%M} UTC"
        return f"{best} was created later ({kept.created.astimezone(UTC):%Y-%m-%d %H:%M} UTC against {ours})"
    if kept.number != other.number:
        return f"{best} is newer by its id"
    if kept.characters != other.characters:
        return f"{best} has more text ({kept.characters} characters against {other.characters})"
    return f"{best} has the higher id"


def _type(position: int) -> str:
    return COLLECTION_TYPES[position - 1].lower() if position else "version of no known type"


def is_earnings_call(event: str | None) -> bool:
    """Return whether a kind of event (`keydeveventtypename`) is an earnings call; True if the source does not say.

    Names are read by meaning: case, number, order and other words do not matter ("Earnings Conference Call",
    "Conference Call - Q3 2021 Earnings", "Full Year Results Presentation"), and a bare "Earnings" is FactSet's
    name of the kind.
    What Capital IQ lists as other kinds is none, such as calls about guidance, sales statements, mergers or operating
    results; nor are conferences, or releases, dates and announcements of earnings, or calls that were cancelled.

    >>> [is_earnings_call(name) for name in ("Earnings Calls", "Guidance/Update Calls", None)]
    [True, False, True]
    """
    if event is None:
        return True
    words = " ".join(re.findall(r"[a-z0-9]+", re.sub(r"(?<=[a-z])(?=[A-Z])", " ", event).lower()))
    if _OTHER_EVENT.search(words):
        return False
    return words in {"earning", "earnings"} or _EARNINGS_CALL.search(words) is not None
