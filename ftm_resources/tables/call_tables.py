"""The contracts of the calls' tables, and the columns that identify firms, calls, sentences and topics elsewhere.

Belongs here: transcripts, their audit, and sentences. `catalogue` lists all tables.
"""

from __future__ import annotations

from ftm_resources.tables.categories import AUDIT_STATUSES, SECTIONS, SPEAKER_TYPES
from ftm_resources.tables.contract import BOOL, DATE, INT, LONG, STRING, STRINGS, TIMESTAMP, Column, Table
from ftm_resources.tables.naming_columns import COUNT

FIRM = Column("firm_id", STRING, "Capital IQ company id")
PERMNO = Column("permno", LONG, "CRSP PERMNO linked as of the call date", nullable=True)
GVKEY = Column("gvkey", STRING, "Compustat GVKEY", nullable=True)
TRANSCRIPT = Column(
    "transcript_id",
    STRING,
    "Capital IQ transcript id; identifies the call",
    references=("transcripts", "transcript_id"),
)
SENTENCE = Column(
    "sentence_id", STRING, "Sentence id, component_id:position", references=("sentences", "sentence_id")
)
TOPIC = Column(
    "topic_id", STRING, "Topic id, quarter:firm:rank by size", references=("firm_topics", "topic_id")
)
CALL_DATE = Column("call_date", DATE, "Date of the call in New York")
AFTER_CLOSE = Column(
    "is_after_close",
    BOOL,
    "The call began at or after 16:00 in New York, so an event study starts on the next trading day; null if the "
    "source has only a date",
    nullable=True,
)

CALL_TABLES = (
    Table(
        "transcripts",
        "One row per component (speaker turn) of the quarter's calls, in the best version of each call",
        ("component_id",),
        (
            Column(
                "component_id",
                STRING,
                "quarter:transcript:order; a turn that repeats an earlier one has none",
            ),
            FIRM,
            Column("firm_name", STRING, "Company name in the source"),
            GVKEY,
            PERMNO,
            Column("link_date", DATE, "Date for which the PERMNO link was looked up", nullable=True),
            Column("ticker", STRING, "Ticker symbol", nullable=True),
            Column("transcript_id", STRING, "Capital IQ transcript id; identifies one version of one call"),
            Column("headline", STRING, "Title of the call", nullable=True),
            Column(
                "call_at",
                TIMESTAMP,
                "Start of the call; midnight in New York if the source has only a date",
            ),
            CALL_DATE,
            AFTER_CLOSE,
            Column(
                "component_order",
                INT,
                "Position of the component in the call, from the source",
                bounds=COUNT,
            ),
            Column(
                "component_type", STRING, "Component type in the source's words, if it has one", nullable=True
            ),
            Column("section", STRING, "Prepared remarks or questions and answers", values=SECTIONS),
            Column("speaker_type", STRING, "Kind of speaker, by the source's words", values=SPEAKER_TYPES),
            Column("speaker_name", STRING, "Speaker's name", nullable=True),
            Column(
                "text",
                STRING,
                "What was said, normalised: blanks, line breaks, entities, encoding, case, marks",
            ),
            Column("verbatim_text", STRING, "The same, as the source delivered it"),
        ),
        group="calls",
    ),
    Table(
        "transcript_audit",
        "One row per transcript that the source offered for the quarter, and company that it is listed for: whether it "
        "was kept, and why not",
        ("transcript_id", "firm_id"),
        (
            Column("transcript_id", STRING, "Capital IQ transcript id"),
            FIRM,
            Column(
                "status",
                STRING,
                "kept, or why it was left out",
                values=AUDIT_STATUSES,
            ),
            Column(
                "reason",
                STRING,
                "Which version was kept and why, and of which quarter if it is another; the kind of event, the "
                "language or the company; why there is no link, as `category: details`; for a kept transcript, notes "
                "such as the choice between several links or turns left out as repeats",
                nullable=True,
            ),
        ),
        group="calls",
    ),
    Table(
        "firm_attributes",
        "One row per firm and column of the input that FTM does not know, such as sector or country, with its value",
        ("firm_id", "name"),
        (
            FIRM,
            Column("name", STRING, "The column's name in the input, in lower case"),
            Column(
                "value", STRING, "Its value, as text, at the firm's last call of the quarter that has one"
            ),
            Column("n_calls", INT, "Calls of the firm that have a value", bounds=(1, float("inf"))),
            Column("n_values", INT, "Different values that they have", bounds=(1, float("inf"))),
            Column("other_values", STRINGS, "The values other than `value`, sorted; at most 20"),
        ),
        group="calls",
    ),
    Table(
        "sentences",
        "One row per sentence of a speaker other than the operator",
        ("sentence_id",),
        (
            Column("sentence_id", STRING, "component_id:position"),
            FIRM,
            Column("transcript_id", STRING, "The call", references=("transcripts", "transcript_id")),
            Column("component_id", STRING, "The speaker turn", references=("transcripts", "component_id")),
            Column("position", INT, "Position of the sentence in its component, from 0", bounds=COUNT),
            Column("section", STRING, "Prepared remarks or questions and answers", values=SECTIONS),
            Column("speaker_type", STRING, "Kind of speaker", values=SPEAKER_TYPES),
            Column("text", STRING, "The sentence, as it stands in the turn's `text`"),
        ),
        group="calls",
        retired=(
            Column("is_procedural", BOOL, "Until sentence_kinds: about the call rather than the business"),
        ),
    ),
)
