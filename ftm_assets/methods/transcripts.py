"""Transcripts of a quarter: which version of a call counts, where questions and answers begin, who speaks."""

from __future__ import annotations

from typing import Any

import pyarrow as pa

from ftm_resources.sources.base import EXCHANGE_ZONE
from ftm_resources.tables import TABLES

COLLECTION_TYPES = ("Spellchecked Copy", "Edited Copy", "Proofed Copy", "Audited Copy")
"""Capital IQ's collection types, least final first; a name that is not here is less final than any."""

SPEAKER_TYPES = {
    "operator": "operator",
    "executives": "executive",
    "analysts": "analyst",
    "shareholders": "shareholder",
    "attendees": "attendee",
}
"""Capital IQ's speaker types in lower case, as the contract names them; any other is unknown."""

QUESTION_TYPES = ("Question", "Answer", "Question and Answer Operator Message")
"""Component types of the question-and-answer section."""

_VERSIONS = """
CREATE TEMP TABLE versions AS
WITH calls AS (
    SELECT transcriptid, min(companyid) AS firm_id, min(keydevid) AS keydevid, min(headline) AS headline,
        min(mostimportantdateutc) AS called, bool_and(is_date_only) AS is_date_only,
        min(transcriptcollectiontypename) AS collection, sum(length(componenttext)) AS characters,
        md5(string_agg(componenttext, chr(10) ORDER BY componentorder)) AS content
    FROM components GROUP BY transcriptid
), events AS (
    SELECT *,
        CASE WHEN keydevid IS NOT NULL THEN 'event ' || keydevid
             WHEN is_date_only THEN concat_ws('|', firm_id, called, headline)
             ELSE concat_ws('|', firm_id, called) END AS event,
        coalesce(list_position($types, lower(collection)), 0) AS finality
    FROM calls
), same AS (
    -- The same words under another event are the same call all the same.
    SELECT *, first_value(event) OVER (PARTITION BY firm_id, content ORDER BY event) AS call FROM events
)
SELECT *, first_value(transcriptid) OVER best AS kept, first_value(content) OVER best AS kept_content,
    first_value(finality) OVER best AS kept_finality, first_value(collection) OVER best AS kept_collection,
    first_value(characters) OVER best AS kept_characters
FROM same
WINDOW best AS (PARTITION BY firm_id, call ORDER BY finality DESC, characters DESC,
    try_cast(transcriptid AS HUGEINT) DESC NULLS LAST, transcriptid DESC)
"""

_AUDIT = """
SELECT transcriptid AS transcript_id, firm_id,
    CASE WHEN transcriptid = kept THEN 'kept'
         WHEN content = kept_content THEN 'duplicate' ELSE 'superseded' END AS status,
    CASE WHEN transcriptid = kept THEN NULL
         WHEN content = kept_content THEN 'same text as transcript ' || kept
         WHEN finality <> kept_finality
            THEN format('transcript {} is the {}, this one the {}', kept, lower(kept_collection),
                        coalesce(lower(collection), 'version of no known type'))
         WHEN characters <> kept_characters
            THEN format('transcript {} has more text ({} characters against {})', kept, kept_characters, characters)
         ELSE format('transcript {} is newer by its id', kept) END AS reason
FROM versions ORDER BY firm_id, transcript_id
"""

_TRANSCRIPTS = """
WITH kept AS (
    SELECT c.*, lower(trim(c.speakertypename)) AS speaker FROM components c
    JOIN versions v ON v.transcriptid = c.transcriptid AND v.kept = v.transcriptid
), begins AS (
    -- Without component types: where the operator opens the questions, else where the first analyst speaks.
    SELECT transcriptid, min(componentorder) AS opens FROM kept
    WHERE speaker = 'analysts' OR (speaker = 'operator' AND componentorder > 0 AND regexp_matches(
        lower(componenttext), 'question[- ]and[- ]answer|first question|q ?& ?a'))
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
    componentorder AS component_order, componenttypename AS component_type,
    CASE WHEN componenttypename IS NOT NULL
            THEN CASE WHEN list_contains($questions, componenttypename) THEN 'q_and_a' ELSE 'presentation' END
        WHEN componentorder >= begins.opens THEN 'q_and_a' ELSE 'presentation' END AS section,
    coalesce(map($spoken, $speakers)[speaker], 'unknown') AS speaker_type,
    transcriptpersonname AS speaker_name, componenttext AS text
FROM kept LEFT JOIN begins USING (transcriptid)
ORDER BY firm_id, call_at, transcript_id, component_order
"""


def build_transcripts(components: pa.Table, quarter: str) -> tuple[pa.Table, pa.Table]:
    """Return the tables `transcripts` and `transcript_audit` of a quarter, whatever the order of the rows.

    `components` is of schema `sources.base.COMPONENTS`, calls of the quarter only. Versions of one call share
    `keydevid`, or else firm and time (for a bare date: firm, date and headline), or word for word the text.
    Kept is the most final by collection type, then the one with most text, then the highest id; the others are
    in the audit, as `duplicate` where their text is the same, else as `superseded`. A firm's other calls are
    kept too. Ordered by firm, time of the call, transcript and component.
    """
    import duckdb  # noqa: PLC0415

    with duckdb.connect(":memory:") as connection:
        connection.execute("SET TimeZone = 'UTC'")
        connection.register("components", components)
        connection.execute(_VERSIONS, {"types": [t.lower() for t in COLLECTION_TYPES]})
        audit = connection.execute(_AUDIT).to_arrow_table()
        parameters: dict[str, Any] = {
            "quarter": quarter,
            "zone": EXCHANGE_ZONE,
            "questions": list(QUESTION_TYPES),
            "spoken": list(SPEAKER_TYPES),
            "speakers": list(SPEAKER_TYPES.values()),
        }
        transcripts = connection.execute(_TRANSCRIPTS, parameters).to_arrow_table()
    return (
        TABLES["transcripts"].conform(transcripts, quarter=quarter),
        TABLES["transcript_audit"].conform(audit, quarter=quarter),
    )
