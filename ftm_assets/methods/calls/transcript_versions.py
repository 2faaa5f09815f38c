"""Transcripts of a quarter: one version of each call, each turn once, where Q&A begins, and who speaks.

What belongs here: building the two tables. The neighbouring modules decide what goes into them: `listings` what is
read at all, `repeated_turns` which turns are repeats, `same_call` which transcripts are versions of one call, and
`turn_types` what vendors' names of speakers and components mean.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from itertools import groupby
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.compute as pc

from ftm_assets.methods.calls import turn_types
from ftm_assets.methods.calls.listings import Listing, screen, suggests_other_event
from ftm_assets.methods.calls.repeated_turns import Turn, repeated_turns
from ftm_assets.methods.calls.same_call import Fate, Version, choose
from ftm_assets.methods.text.languages import UNDETERMINED, language_of
from ftm_assets.methods.text.normalising import normalise
from ftm_resources import quarters
from ftm_resources.quarters import CLOSE, NEW_YORK
from ftm_resources.tables import TABLES
from ftm_resources.tables.components import is_known_collection, rank

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping, Sequence

    import duckdb

OPENS_QUESTIONS = r"question[- ]and[- ]answer|(first|next) question|q ?& ?a"
"""What an operator says when opening Q&A or calling the first question, in lower case.

It counts only after someone else has spoken: in the operator's welcome it merely announces Q&A. On Earnings-21 with
component types removed, 2,998 of 3,029 components get their original section; 25 of the rest are hold music in one
call.
"""

REPEATED = "turns that repeat an earlier one"
"""How a note in the audit describes them, after their number."""

OTHER_HEADLINE = "by its headline, perhaps not an earnings call; the source does not name the kind of event"
"""A note in the audit."""

_SPOKEN = """
CREATE TEMP TABLE spoken AS
WITH facts AS (
    -- What a source says of a call, but not in each of its rows.
    SELECT transcriptid, companyid, max(gvkey) AS gvkey, max(permno) AS permno, max(link_date) AS link_date,
        max(ticker) AS ticker, max(headline) AS headline
    FROM components GROUP BY transcriptid, companyid
)
SELECT row_number() OVER (ORDER BY transcriptid, companyid, componentorder) AS turn,
    components.* EXCLUDE (gvkey, permno, link_date, ticker, headline),
    trim(regexp_replace(lower(componenttext), '[^\\pL\\pN]+', ' ', 'g')) AS words, speakers.speaker, types.typed,
    facts.* EXCLUDE (transcriptid, companyid)
FROM components JOIN facts USING (transcriptid, companyid)
LEFT JOIN speakers USING (speakertypename) LEFT JOIN types USING (componenttypename)
ORDER BY turn
"""

_REPEATING = """
SELECT turn, transcriptid, companyid, words, speaker, lower(trim(transcriptpersonname)) AS person
FROM spoken JOIN (
    SELECT transcriptid, companyid FROM spoken GROUP BY ALL HAVING count(DISTINCT words) < count(*)
) USING (transcriptid, companyid) ORDER BY turn
"""

_CALLS = """
SELECT transcriptid AS transcript, companyid AS firm, min(keydevid) AS event, min(headline) AS headline,
    min(mostimportantdateutc) AS called, bool_and(is_date_only) AS is_date_only,
    max(keydeveventtypename) AS event_kind, min(transcriptcollectiontypename) AS collection, min(created_at) AS created,
    sum(length(componenttext))::BIGINT AS characters, max(words) = '' AS is_empty,
    md5(string_agg(words, ' ' ORDER BY componentorder) FILTER (words <> '')) AS words,
    list(componenttext ORDER BY componentorder) AS said,
    list(componenttext ORDER BY componentorder) FILTER (speaker <> 'operator') AS spoken
FROM spoken GROUP BY transcriptid, companyid ORDER BY transcript, firm
"""

_TRANSCRIPTS = """
WITH kept AS (
    SELECT spoken.*, min(componentorder) FILTER (speaker <> 'operator') OVER call AS first_speech,
        min(componentorder) FILTER (speaker = 'analyst') OVER call AS first_analyst,
        last_value(typed IGNORE NULLS) OVER (
            PARTITION BY transcriptid, companyid ORDER BY componentorder
            ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW
        ) AS said_last
    FROM spoken JOIN chosen USING (transcriptid, companyid)
    WINDOW call AS (PARTITION BY transcriptid, companyid)
), remarked AS (
    -- Prepared remarks, by their type, that are not closing ones.
    SELECT *, max(componentorder) FILTER (
        typed = 'presentation' AND componentorder < coalesce(first_analyst, componentorder + 1)
    ) OVER (PARTITION BY transcriptid, companyid) AS last_remarks
    FROM kept
), placed AS (
    -- Where the component type does not say: from the first analyst on, or from where the operator opens the questions.
    SELECT *, min(componentorder) FILTER (
        speaker = 'analyst' OR (speaker = 'operator'
            AND componentorder > greatest(first_speech, coalesce(last_remarks, -1))
            AND regexp_matches(lower(componenttext), $opening))
    ) OVER (PARTITION BY transcriptid, companyid) AS opens
    FROM remarked
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
    CASE WHEN typed IS NOT NULL THEN typed
        WHEN said_last = 'q_and_a' OR componentorder >= opens THEN 'q_and_a'
        ELSE 'presentation' END AS section,
    speaker AS speaker_type, transcriptpersonname AS speaker_name, componenttext AS text, verbatim AS verbatim_text
FROM placed
ORDER BY firm_id, call_at, transcript_id, component_order
"""


def build_transcripts(
    components: pa.Table,
    quarter: str,
    offered: pa.Table | None = None,
    *,
    languages: Collection[str] = (),
    screened: Mapping[tuple[str, str], tuple[str, str]] | None = None,
    database: duckdb.DuckDBPyConnection,
) -> tuple[pa.Table, pa.Table]:
    """Return the tables `transcripts` and `transcript_audit` of a quarter; row order does not matter.

    `components` follows the schema `tables.components.COMPONENTS` and holds whole transcripts, all those of a firm,
    also of the NEIGHBOUR_DAYS around the quarter. `offered` follows `tables.components.AUDIT`: the source's notes on
    transcripts it left out and on some it delivered. `screened` are the status and reason of transcripts of the
    quarter that were left out before and are not in `components`.

    Texts are normalised first. Then a transcript is left out if `listings.screen` says so, if it has no words, if its
    language is not one of `languages` (ISO 639-1; all if empty; a text too short to tell is kept), or if a better
    version of its call exists (`same_call.choose`). All calls of a firm are kept, each in the quarter of the version
    that is kept; the audit has the transcripts whose own date is in the quarter. Turns that a transcript repeats
    count once. `transcripts` is ordered by firm, call time, transcript and component. `database` runs the queries and
    is left unchanged.

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
    ...     "speakertypename": "Executives",
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
        own = {key for key, day in _days(components).items() if quarters.of_date(day) == quarter}
        fates = {key: Fate(*why) for key, why in screen(_listings(components)).items()}
        _speak(components, fates, connection)
        notes = defaultdict(list)
        for key, n in _drop_repeated(connection).items():
            notes[key].append(_of_repeated(n))
        versions, spoken = [], {}
        for call in connection.execute(_CALLS).to_arrow_table().to_pylist():
            key = call["transcript"], call["firm"]
            if call["is_empty"]:
                fates[key] = Fate("empty", "no turn has words")
            elif left_out := _in_other_language(call["said"], languages):
                fates[key] = left_out
            else:
                versions.append(_version(call))
                if call["event_kind"] is None and suggests_other_event(call["headline"]):
                    notes[key].append(OTHER_HEADLINE)
                spoken[key] = call["spoken"] or []
        fates |= choose(versions, spoken, quarter)
        fates = {key: _noted(fate, notes[key]) for key, fate in fates.items() if key in own}
        chosen = [key for key, fate in fates.items() if fate.status == "kept"]
        connection.register("chosen", _keys(chosen))
        parameters: dict[str, Any] = {
            "quarter": quarter,
            "zone": NEW_YORK.key,
            "close": CLOSE,
            "opening": OPENS_QUESTIONS,
        }
        transcripts = connection.execute(_TRANSCRIPTS, parameters).to_arrow_table()
    return TABLES["transcripts"].conform(transcripts, quarter=quarter), _audit(
        {**(screened or {}), **fates}, offered, quarter
    )


def _audit(
    fates: Mapping[tuple[str, str], tuple[str, str | None]], offered: pa.Table | None, quarter: str
) -> pa.Table:
    """Return `transcript_audit`: a row per (transcript, firm) of `fates`, and the source's rows for all others.

    The source's notes on the former are added to their reasons. Its "kept" rows without a fate are dropped: their calls
    belong to another quarter.
    """
    found = dict(fates)
    for said in offered.to_pylist() if offered is not None else []:
        key = said["transcriptid"], said["companyid"]
        if (fate := fates.get(key)) is not None:
            found[key] = (fate[0], "; ".join(r for r in (found[key][1], said["reason"]) if r) or None)
        elif said["status"] != "kept":
            found[key] = (said["status"], said["reason"])
    rows = [
        {"transcript_id": transcript, "firm_id": firm, "status": status, "reason": reason}
        for (transcript, firm), (status, reason) in sorted(found.items(), key=lambda item: item[0][::-1])
    ]
    table = TABLES["transcript_audit"]
    schema = pa.schema([f for f in table.arrow_schema if f.name != "quarter"])
    return table.conform(pa.Table.from_pylist(rows, schema=schema), quarter=quarter)


def unknown_types(components: pa.Table) -> dict[str, dict[str, int]]:
    """Return how many turns have a speaker or component type whose words are not understood, by column and name.

    Of collection types, transcripts are counted.
    """
    rules = {
        "speakertypename": turn_types.is_known_speaker,
        "componenttypename": turn_types.is_known_component,
    }
    found = {}
    for column, is_known in rules.items():
        counts = Counter(
            {v["values"]: v["counts"] for v in pc.value_counts(components.column(column)).to_pylist()}
        )
        found[column] = {name: n for name, n in counts.most_common() if not is_known(name)}
    column = "transcriptcollectiontypename"
    keys = ["transcriptid", "companyid", column]
    versions = components.group_by(keys, use_threads=False).aggregate([]).column(column).to_pylist()
    found[column] = {n: k for n, k in Counter(versions).most_common() if not is_known_collection(n)}
    return found


def _days(components: pa.Table) -> dict[tuple[str, str], Any]:
    """Return the date in New York of each transcript, by transcript and firm."""
    columns = ["transcriptid", "companyid", "mostimportantdateutc", "is_date_only"]
    calls = components.group_by(columns, use_threads=False).aggregate([])
    days = quarters.call_date(calls.column("mostimportantdateutc"), calls.column("is_date_only")).to_pylist()
    keys = zip(calls.column("transcriptid").to_pylist(), calls.column("companyid").to_pylist(), strict=True)
    return dict(zip(keys, days, strict=True))


def _listings(components: pa.Table) -> list[Listing]:
    keys, told = ["transcriptid", "companyid"], ["permno", "keydeveventtypename"]
    found = components.group_by(keys, use_threads=False).aggregate([(column, "max") for column in told])
    columns = [found.column(name).to_pylist() for name in (*keys, *(f"{column}_max" for column in told))]
    return [Listing(*row) for row in zip(*columns, strict=True)]


def _speak(
    components: pa.Table, left_out: Mapping[tuple[str, str], Fate], connection: duckdb.DuckDBPyConnection
) -> None:
    """Create the table `spoken`: the normalised turns of the transcripts that are read, with what their types mean."""
    connection.register("left_out", _keys(left_out))
    connection.register("offered", components)
    read = connection.execute("SELECT * FROM offered ANTI JOIN left_out USING (transcriptid, companyid)")
    normal = normalise(read.to_arrow_table().cast(components.schema))
    speakers = normal.column("speakertypename").unique().to_pylist()
    types = normal.column("componenttypename").drop_null().unique().to_pylist()
    for name, values in {
        "components": normal,
        "speakers": {"speakertypename": speakers, "speaker": [turn_types.speaker_type(s) for s in speakers]},
        "types": {"componenttypename": types, "typed": [turn_types.section(t) for t in types]},
    }.items():
        table = (
            values
            if isinstance(values, pa.Table)
            else pa.table({k: pa.array(v, pa.string()) for k, v in values.items()})
        )
        connection.register(name, table)
    connection.execute(_SPOKEN)


def _drop_repeated(connection: duckdb.DuckDBPyConnection) -> dict[tuple[str, str], int]:
    """Delete the turns that a transcript repeats; return how many, by transcript and firm."""
    rows = connection.execute(_REPEATING).fetchall()
    gone: list[int] = []
    found = {}
    for key, group in groupby(rows, key=lambda row: (row[1], row[2])):
        turns = list(group)
        repeats = repeated_turns([Turn(words, speaker, person) for *_, words, speaker, person in turns])
        gone += [turns[i][0] for i in repeats]
        if repeats:
            found[key] = len(repeats)
    connection.register("gone", pa.table({"turn": pa.array(gone, pa.int64())}))
    connection.execute("DELETE FROM spoken WHERE turn IN (SELECT turn FROM gone)")
    return found


def _in_other_language(said: list[str], languages: Collection[str]) -> Fate | None:
    found = language_of(said) if languages else UNDETERMINED
    if found == UNDETERMINED or found in languages:
        return None
    return Fate("other_language", f"{found}, not {' or '.join(sorted(languages))}")


def _version(call: Mapping[str, Any]) -> Version:
    called = call["called"]
    return Version(
        transcript=call["transcript"],
        firm=call["firm"],
        day=called.date() if call["is_date_only"] else called.astimezone(NEW_YORK).date(),
        start=None if call["is_date_only"] else called,
        event=call["event"],
        headline=call["headline"],
        words=call["words"],
        rank=rank(call["collection"], call["created"], call["transcript"], call["characters"]),
    )


def _noted(fate: Fate, notes: Sequence[str]) -> Fate:
    """Return the fate with its notes, if the transcript is kept."""
    if not notes or fate.status != "kept":
        return fate
    return fate._replace(reason="; ".join(r for r in (fate.reason, *notes) if r))


def _of_repeated(n: int) -> str:
    said = REPEATED if n > 1 else REPEATED.replace("turns that repeat", "turn that repeats")
    return f"without {n:,} {said}"


def _keys(keys: Iterable[tuple[str, str]]) -> pa.Table:
    found = list(keys)
    return pa.table(
        {
            "transcriptid": pa.array([t for t, _ in found], pa.string()),
            "companyid": pa.array([f for _, f in found], pa.string()),
        }
    )
