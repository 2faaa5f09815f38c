"""Transcripts of a quarter: which version of each call to use, where Q&A begins, and who speaks."""

from __future__ import annotations

from collections import defaultdict
from itertools import combinations
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from ftm_resources.quarters import CLOSE, NEW_YORK
from ftm_resources.tables import TABLES
from ftm_resources.tables.components import AUDIT, finality, less_final

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable, Iterable

    import duckdb

SPEAKER_TYPES = {
    "operator": "operator",
    "executives": "executive",
    "analysts": "analyst",
    "shareholders": "shareholder",
    "attendees": "attendee",
}
"""Capital IQ's speaker types (lower case) and the contract's names for them; all others are `unknown`."""

QUESTION_TYPES = ("question", "answer", "question and answer operator message")
"""Component types of the question-and-answer section, in lower case."""

OPENS_QUESTIONS = r"question[- ]and[- ]answer|(first|next) question|q ?& ?a"
"""What an operator says when opening Q&A or calling the first question, in lower case.

It counts only after someone else has spoken: in the operator's welcome it merely announces Q&A. On Earnings-21 with
component types removed, 2,998 of 3,029 components get their original section; 25 of the rest are hold music in one
call.
"""

SAME_CALL_OVERLAP = 0.3
"""Share of the shorter transcript's passages also found in the other, at or above which both are one call.

Versions of a call differ in a few words; different calls share little beyond the safe-harbour statement. No two of
the 35 calls in Earnings-21's second half of 2020 share more than 0.03.
"""

_PASSAGE_CHARACTERS = 20
"""Shorter passages ("Thank you.") occur in every call."""

_CALLS = """
SELECT transcriptid, min(companyid) AS firm_id, min(keydevid) AS keydevid, min(headline) AS headline,
    epoch_us(min(mostimportantdateutc)) AS called, bool_and(is_date_only) AS is_date_only,
    min(transcriptcollectiontypename) AS collection, sum(length(componenttext))::BIGINT AS characters,
    md5(string_agg(componenttext, chr(10) ORDER BY componentorder)) AS content
FROM components GROUP BY transcriptid ORDER BY transcriptid
"""

_OVERLAPS = f"""
WITH passages AS (
    SELECT DISTINCT transcriptid, slot, hash(passage) AS passage
    FROM (
        SELECT transcriptid, slot, unnest(string_split(lower(componenttext), '. ')) AS passage
        FROM components JOIN candidates USING (transcriptid)
    ) WHERE length(passage) >= {_PASSAGE_CHARACTERS}
), sizes AS (SELECT transcriptid, count(*) AS n FROM passages GROUP BY transcriptid
), shared AS (
    SELECT a.transcriptid AS one, b.transcriptid AS other, count(*) AS n
    FROM passages a JOIN passages b USING (slot, passage)
    WHERE a.transcriptid < b.transcriptid GROUP BY ALL
)
SELECT one, other FROM shared JOIN sizes x ON x.transcriptid = one JOIN sizes y ON y.transcriptid = other
WHERE shared.n >= $share * least(x.n, y.n)
"""  # noqa: S608 - only the number above is interpolated

_TRANSCRIPTS = """
WITH kept AS (
    SELECT *, lower(trim(speakertypename)) AS speaker, lower(trim(componenttypename)) AS component
    FROM components JOIN chosen USING (transcriptid)
), starts AS (
    SELECT transcriptid, min(componentorder) AS first_speech FROM kept
    WHERE speaker <> 'operator' GROUP BY transcriptid
), begins AS (
    -- Without component types: where the operator opens the questions or the first analyst speaks.
    SELECT transcriptid, min(componentorder) AS opens FROM kept JOIN starts USING (transcriptid)
    WHERE speaker = 'analysts' OR (speaker = 'operator' AND componentorder > first_speech
        AND regexp_matches(lower(componenttext), $opening))
    GROUP BY transcriptid
)
SELECT format('{}:{}:{:04d}', $quarter, transcriptid, componentorder) AS component_id,
    companyid AS firm_id, companyname AS firm_name, gvkey, permno, link_date, ticker,
    transcriptid AS transcript_id, headline,
    CASE WHEN is_date_only
        THEN timezone($zone, timezone('UTC', mostimportantdateutc))
        ELSE mostimportantdateutc END AS call_at,
    CAST(CASE WHEN is_date_only THEN timezone('UTC', mostimportantdateutc)
        ELSE timezone($zone, mostimportantdateutc) END AS DATE) AS call_date,
    CASE WHEN NOT is_date_only
        THEN CAST(timezone($zone, mostimportantdateutc) AS TIME) >= $close END AS is_after_close,
    componentorder AS component_order, componenttypename AS component_type,
    CASE WHEN component IS NOT NULL
            THEN CASE WHEN list_contains($questions, component) THEN 'q_and_a' ELSE 'presentation' END
        WHEN componentorder >= begins.opens THEN 'q_and_a' ELSE 'presentation' END AS section,
    coalesce(map($spoken, $speakers)[speaker], 'unknown') AS speaker_type,
    transcriptpersonname AS speaker_name, componenttext AS text
FROM kept LEFT JOIN begins USING (transcriptid)
ORDER BY firm_id, call_at, transcript_id, component_order
"""


def build_transcripts(
    components: pa.Table,
    quarter: str,
    offered: pa.Table | None = None,
    *,
    database: duckdb.DuckDBPyConnection,
) -> tuple[pa.Table, pa.Table]:
    """Return the tables `transcripts` and `transcript_audit` of a quarter; row order does not matter.

    `components` follows the schema `tables.components.COMPONENTS` and holds only calls of the quarter. `offered`
    follows `tables.components.AUDIT`: the source's notes on transcripts it left out and on some it delivered.
    Transcripts of one firm are versions of the same call if they share
    - `keydevid`; or, if one of them has none,
    - the time of the call, or for bare dates the date and either the headline or most of the text; or
    - the text, word for word.
    Of each call, the most final version by collection type is kept; ties go to the longest text, then the highest id.
    The audit lists the others as `duplicate` if their text is identical and as `superseded` if not. All calls of a
    firm are kept. `transcripts` is ordered by firm, call time, transcript and component. `database` runs the
    queries and is left unchanged.

    Examples
    --------
    >>> import duckdb
    >>> from datetime import UTC, datetime
    >>> from ftm_resources.tables.components import COMPONENTS
    >>> turn = {
    ...     "companyid": "1",
    ...     "companyname": "Monro Inc",
    ...     "keydevid": "7",
    ...     "mostimportantdateutc": datetime(2023, 2, 1, 13, tzinfo=UTC),
    ...     "is_date_only": False,
    ...     "componentorder": 1,
    ...     "componenttext": "Sales grew.",
    ... }
    >>> first, final = (
    ...     {**turn, "transcriptid": name, "transcriptcollectiontypename": kind}
    ...     for name, kind in (("91", "Spellchecked Copy"), ("92", "Proofed Copy"))
    ... )
    >>> components = pa.Table.from_pylist([first, final], schema=COMPONENTS)
    >>> transcripts, audit = build_transcripts(components, "2023Q1", database=duckdb.connect())
    >>> audit.select(["transcript_id", "status"]).to_pylist()
    [{'transcript_id': '91', 'status': 'duplicate'}, {'transcript_id': '92', 'status': 'kept'}]

    """
    with database.cursor() as connection:
        connection.execute("SET TimeZone = 'UTC'")
        connection.register("components", components)
        calls = connection.execute(_CALLS).to_arrow_table().to_pylist()
        audit = [row for versions in _versions(calls, connection) for row in _audit(versions)]
        kept = [row["transcript_id"] for row in audit if row["status"] == "kept"]
        audit += _of_source(audit, offered)
        connection.register("chosen", pa.table({"transcriptid": pa.array(kept, pa.string())}))
        parameters: dict[str, Any] = {
            "quarter": quarter,
            "zone": NEW_YORK.key,
            "close": CLOSE,
            "questions": list(QUESTION_TYPES),
            "opening": OPENS_QUESTIONS,
            "spoken": list(SPEAKER_TYPES),
            "speakers": list(SPEAKER_TYPES.values()),
        }
        transcripts = connection.execute(_TRANSCRIPTS, parameters).to_arrow_table()
    audit.sort(key=lambda row: (row["firm_id"], row["transcript_id"]))
    table = TABLES["transcript_audit"]
    schema = pa.schema([f for f in table.arrow_schema if f.name != "quarter"])
    return (
        TABLES["transcripts"].conform(transcripts, quarter=quarter),
        table.conform(pa.Table.from_pylist(audit, schema=schema), quarter=quarter),
    )


def _of_source(audit: list[dict[str, Any]], offered: pa.Table | None) -> list[dict[str, Any]]:
    """Return audit rows for transcripts the source left out; append its other notes to the existing reasons."""
    rows = {row["transcript_id"]: row for row in audit}
    left_out = []
    for said in offered.to_pylist() if offered is not None else []:
        if (row := rows.get(said["transcriptid"])) is None:
            names = ("transcript_id", "firm_id", "status", "reason")
            left_out.append(dict(zip(names, (said[n] for n in AUDIT.names), strict=True)))
        else:
            row["reason"] = "; ".join(r for r in (row["reason"], said["reason"]) if r)
    return left_out


def _versions(
    calls: list[dict[str, Any]], connection: duckdb.DuckDBPyConnection
) -> Iterable[list[dict[str, Any]]]:
    """Return the transcripts (rows of _CALLS) grouped by call."""
    by_id = {c["transcriptid"]: c for c in calls}
    leaders = {t: t for t in by_id}

    def leader(transcript: str) -> str:
        while leaders[transcript] != transcript:
            leaders[transcript] = transcript = leaders[leaders[transcript]]
        return transcript

    def unite(one: str, other: str) -> None:
        leaders[leader(one)] = leader(other)

    for group in [*_by(calls, lambda c: c["keydevid"]), *_by(calls, lambda c: c["content"])]:
        for c in group[1:]:
            unite(group[0]["transcriptid"], c["transcriptid"])
    doubtful = []
    for slot, group in enumerate(_by(calls, lambda c: (c["called"], c["is_date_only"]))):
        nameless = [c for c in group if c["keydevid"] is None]
        if not nameless or len(group) == 1:
            continue
        if group[0]["is_date_only"]:
            doubtful += [{"transcriptid": c["transcriptid"], "slot": slot} for c in group]
            continue
        # A firm holds one call at a time. If several events share the time, the right one is unknown.
        is_one_event = len({c["keydevid"] for c in group} - {None}) <= 1
        for c in group if is_one_event else nameless:
            unite(nameless[0]["transcriptid"], c["transcriptid"])
    for one, other in _same_by_date(doubtful, by_id, connection):
        unite(one, other)
    groups = defaultdict(list)
    for transcript, call in by_id.items():
        groups[leader(transcript)].append(call)
    return groups.values()


def _by(
    calls: list[dict[str, Any]], key: Callable[[dict[str, Any]], Hashable]
) -> Iterable[list[dict[str, Any]]]:
    """Return the calls grouped by firm and key, without those whose key is None."""
    groups = defaultdict(list)
    for c in calls:
        if (value := key(c)) is not None:
            groups[c["firm_id"], value].append(c)
    return groups.values()


def _same_by_date(
    doubtful: list[dict[str, Any]], by_id: dict[str, dict[str, Any]], connection: duckdb.DuckDBPyConnection
) -> Iterable[tuple[str, str]]:
    """Yield pairs of transcripts that are one call: same firm and bare date, at least one without an event."""
    if not doubtful:
        return
    slots = defaultdict(list)
    for d in doubtful:
        slots[d["slot"]].append(by_id[d["transcriptid"]])
    for group in slots.values():
        for one, other in combinations(group, 2):
            if one["headline"] and one["headline"] == other["headline"] and _may_be_one(one, other):
                yield one["transcriptid"], other["transcriptid"]
    connection.register("candidates", pa.Table.from_pylist(doubtful))
    for first, second in connection.execute(_OVERLAPS, {"share": SAME_CALL_OVERLAP}).fetchall():
        if _may_be_one(by_id[first], by_id[second]):
            yield first, second


def _may_be_one(one: dict[str, Any], other: dict[str, Any]) -> bool:
    """Return whether the two may be one call: they may unless both have an event."""
    return one["keydevid"] is None or other["keydevid"] is None


def _audit(versions: list[dict[str, Any]]) -> Iterable[dict[str, str | None]]:
    """Yield the audit rows of the versions of one call, the one kept first."""
    ranked = sorted(versions, key=_rank, reverse=True)
    kept = ranked[0]
    for c in ranked:
        status, reason = ("kept", None) if c is kept else _why_not(c, kept)
        yield {
            "transcript_id": c["transcriptid"],
            "firm_id": c["firm_id"],
            "status": status,
            "reason": reason,
        }


def _rank(call: dict[str, Any]) -> tuple[int, int, int, str]:
    transcript = call["transcriptid"]
    number = int(transcript) if transcript.isdecimal() else -1
    return finality(call["collection"]), call["characters"], number, transcript


def _why_not(call: dict[str, Any], kept: dict[str, Any]) -> tuple[str, str]:
    best = f"transcript {kept['transcriptid']}"
    if call["content"] == kept["content"]:
        return "duplicate", f"same text as {best}"
    if finality(call["collection"]) != finality(kept["collection"]):
        return "superseded", less_final(kept["transcriptid"], kept["collection"], call["collection"])
    if call["characters"] != kept["characters"]:
        counts = f"{kept['characters']} characters against {call['characters']}"
        return "superseded", f"{best} has more text ({counts})"
    return "superseded", f"{best} is newer by its id"
