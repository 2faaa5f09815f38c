"""The contracts of themes through time: links between quarters, the series that they make, and what happened to those.

Belongs here: what is known of a series at the end of a quarter, from that quarter and earlier ones alone. `theme_id` is
always a theme of the row's own quarter; themes and quarters of other partitions have other names (`linked_theme`).
"""

from __future__ import annotations

from ftm_resources.tables.call_tables import FIRM, TOPIC
from ftm_resources.tables.categories import LINK_EVENTS, RELATIONS, SERIES_EVENTS, SERIES_STATUSES
from ftm_resources.tables.contract import BOOL, DOUBLE, FLOATS, INT, LONG, STRING, STRINGS, Column, Table
from ftm_resources.tables.naming_columns import COUNT

_SHARE, _COSINE = (0.0, 1.0), (-1.0, 1.0)
_POSITIVE = (1, float("inf"))
_THEME = Column("theme_id", STRING, "Theme of the quarter", references=("themes", "theme_id"))
SERIES = Column(
    "series_id",
    STRING,
    "The series: the id of the theme that opened it, with series for theme (2019Q4:series:012 was opened by "
    "2019Q4:theme:012). Made once, never changed",
)
SERIES_NAME = Column("series_name", STRING, "The series' name, as known at the end of the quarter")

SERIES_TABLES = (
    Table(
        "theme_profiles",
        "One row per theme: what it is compared by when quarters are linked; depends on its own quarter alone",
        ("theme_id",),
        (
            _THEME,
            Column("name", STRING, "The theme's own name in the quarter"),
            Column("keywords", STRINGS, "The theme's keywords, strongest first"),
            Column("firm_ids", STRINGS, "Firms with a topic in the theme, sorted"),
            Column("n_sentences", INT, "Sentences in the theme's topics", bounds=_POSITIVE),
            Column(
                "vector",
                FLOATS,
                "Unit-length mean of the theme's topic embeddings, each less the mean of all the quarter's topics, "
                "float32. Zero if too few other themes and topics are beside it to know what all share: such a theme "
                "opens a series, which nothing continues",
            ),
        ),
        group="series",
    ),
    Table(
        "theme_links",
        "One row per theme: the series that it belongs to and how it came there, from earlier quarters alone",
        ("theme_id",),
        (
            _THEME,
            SERIES,
            SERIES_NAME,
            Column(
                "event",
                STRING,
                "How the theme came to its series. It continues it (continued); after the series missed quarters "
                "(revived); and takes in another series that ends up without a theme (merged). It opens it, unlike any "
                "earlier one (born), or because another theme continues the series that it is like (split)",
                values=LINK_EVENTS,
            ),
            Column(
                "similarity",
                DOUBLE,
                "Similarity to the series that it continues, else to the most similar earlier series (see "
                "`methods.time.linking`); null if there is none that can be compared with it",
                nullable=True,
                bounds=_COSINE,
            ),
            Column(
                "margin",
                DOUBLE,
                "For a theme that continues a series: its similarity less the floor or that to the next most similar "
                "series, whichever is higher; negative if a more similar series went to another theme. For one that "
                "opens a series: the floor less its similarity, negative for a split. Null without a similarity",
                nullable=True,
                bounds=(-2.0, 2.0),
            ),
            Column(
                "linked_theme",
                STRING,
                "The newest earlier theme of the series that it continues; null if it opens one",
                nullable=True,
            ),
            Column("linked_quarter", STRING, "The quarter of `linked_theme`", nullable=True),
            Column(
                "gap",
                INT,
                "Calendar quarters from `linked_quarter` to this one: 1 for the quarter before",
                nullable=True,
                bounds=_POSITIVE,
            ),
            Column(
                "n_missed",
                INT,
                "Materialized quarters in between, in which the series has no theme; above 0, it is revived",
                nullable=True,
                bounds=COUNT,
            ),
            Column(
                "firm_overlap",
                DOUBLE,
                "Share of the smaller theme's firms that are in both this and `linked_theme`",
                nullable=True,
                bounds=_SHARE,
            ),
            Column(
                "keyword_overlap",
                DOUBLE,
                "Keywords in both this and `linked_theme`, over those in either",
                nullable=True,
                bounds=_SHARE,
            ),
            Column(
                "is_renamed",
                BOOL,
                "Its content has moved so far that the series takes this theme's name from here on",
            ),
        ),
        group="series",
    ),
    Table(
        "theme_relatives",
        "One row per theme and other series that it resembles without continuing it",
        ("theme_id", "series_id"),
        (
            _THEME,
            Column("series_id", STRING, "The other series, of an earlier quarter"),
            Column(
                "relation",
                STRING,
                "split_from: the theme opens a series beside this one, which another theme continues; merged_into: the "
                "theme takes this series in, which has no theme of its own now; similar: neither",
                values=RELATIONS,
            ),
            Column("similarity", DOUBLE, "Similarity of the theme to that series", bounds=_COSINE),
        ),
        group="series",
    ),
    Table(
        "series_events",
        "One row per event of a series in the quarter: opened, continued, revived, split, merged or ended",
        ("series_id", "event", "other_series_id"),
        (
            SERIES,
            Column("event", STRING, "What happened to the series in the quarter", values=SERIES_EVENTS),
            Column(
                "other_series_id",
                STRING,
                "For split, the series that split off; for merged, the series taken in; else the series itself",
            ),
            Column(
                "theme_id",
                STRING,
                "The theme that shows it; null if the series ended",
                nullable=True,
                references=("themes", "theme_id"),
            ),
            Column("similarity", DOUBLE, "Similarity behind it, if any", nullable=True, bounds=_COSINE),
            Column("evidence", STRING, "The event in words, with its figures"),
        ),
        group="series",
    ),
    Table(
        "theme_series",
        "One row per series ever seen, as known at the end of the quarter",
        ("series_id",),
        (
            SERIES,
            Column("name", STRING, "The series' name, as known at the end of the quarter"),
            Column("first_quarter", STRING, "Quarter of the theme that opened it"),
            Column("last_quarter", STRING, "Newest quarter, up to this one, in which it has a theme"),
            Column("n_quarters", INT, "Quarters in which it has a theme", bounds=_POSITIVE),
            Column("n_themes", INT, "Themes in it, over all quarters so far", bounds=_POSITIVE),
            Column("n_firms", INT, "Firms ever in it", bounds=_POSITIVE),
            Column(
                "n_sentences", LONG, "Sentences in its themes' topics, over all quarters", bounds=_POSITIVE
            ),
            Column(
                "status",
                STRING,
                "active: has a theme in the quarter; dormant: has none, but may still be revived; ended: has been away "
                "for too long to be revived",
                values=SERIES_STATUSES,
            ),
            Column("n_missed", INT, "Materialized quarters since `last_quarter`", bounds=COUNT),
            Column("parent_series_id", STRING, "The series that it split off from", nullable=True),
            Column("last_theme", STRING, "Its newest theme"),
            Column("keywords", STRINGS, "Keywords of its newest theme"),
            Column("last_firm_ids", STRINGS, "Firms of its newest theme, sorted"),
            Column("firm_ids", STRINGS, "Firms ever in it, sorted"),
            Column("last_vector", FLOATS, "Vector of its newest theme (see `theme_profiles`), float32"),
            Column(
                "centroid",
                FLOATS,
                "Unit-length mean of its themes' vectors, exponentially weighted towards the newest, float32. Zero if "
                "its theme's is",
            ),
            Column("name_vector", FLOATS, "Vector of the theme that gave it its name, float32"),
        ),
        group="series",
    ),
)

PINNED = Column("series_id", STRING, "The pinned theme: `pinned:` and its name in lower case, with hyphens")
PINNED_NAME = Column("series_name", STRING, "Name of the pinned theme, as the researcher wrote it")
_PIN_SIMILARITY = Column(
    "similarity",
    DOUBLE,
    "Similarity to the pinned theme, centred on the quarter (see `methods.time.pinning`)",
    bounds=_COSINE,
)
_PIN_MARGIN = Column(
    "margin",
    DOUBLE,
    "Similarity less the floor or that to the next most similar pinned theme, whichever is higher",
    bounds=(0.0, 2.0),
)

PINNED_TABLES = (
    Table(
        "pinned_theme_links",
        "One row per theme that links to a pinned theme, which a researcher defined (FTM_PINNED_THEMES)",
        ("theme_id",),
        (_THEME, PINNED, PINNED_NAME, _PIN_SIMILARITY, _PIN_MARGIN),
        group="series",
    ),
    Table(
        "pinned_topic_links",
        "One row per firm's topic that links to a pinned theme, whether or not the topic is in a theme",
        ("topic_id",),
        (TOPIC, FIRM, PINNED, PINNED_NAME, _PIN_SIMILARITY, _PIN_MARGIN),
        group="series",
    ),
    Table(
        "pinned_coverage",
        "One row per pinned theme: how much of what its seed phrases name ended in it",
        ("series_id",),
        (
            PINNED,
            PINNED_NAME,
            Column("description", STRING, "As the researcher wrote it"),
            Column("seed_phrases", STRINGS, "As the researcher wrote them"),
            Column("n_themes", INT, "Themes linked to it", bounds=COUNT),
            Column("n_topics", INT, "Topics linked to it", bounds=COUNT),
            Column("n_firms", INT, "Firms with such a topic", bounds=COUNT),
            Column(
                "n_seed_sentences",
                INT,
                "Sentences about the business that contain a seed phrase as whole words, whatever its case",
                bounds=COUNT,
            ),
            Column("n_in_topics", INT, "Those in a topic linked to it", bounds=COUNT),
            Column("n_in_themes", INT, "Those in a topic of a theme linked to it", bounds=COUNT),
            Column(
                "topic_coverage",
                DOUBLE,
                "n_in_topics / n_seed_sentences; null without seed sentences",
                nullable=True,
                bounds=_SHARE,
            ),
            Column(
                "theme_coverage",
                DOUBLE,
                "n_in_themes / n_seed_sentences; null without seed sentences",
                nullable=True,
                bounds=_SHARE,
            ),
        ),
        group="series",
    ),
)

FAMILY_TABLES = (
    Table(
        "theme_families",
        "In hindsight: one row per theme of this and all earlier quarters, clustered together; not what was known then",
        ("member_theme",),
        (
            Column("member_theme", STRING, "Theme, of the quarter `member_quarter`"),
            Column("member_quarter", STRING, "The theme's quarter; `quarter` is the last one that was seen"),
            Column("theme_name", STRING, "The theme's own name"),
            Column("series_id", STRING, "Its series, as known then"),
            Column(
                "family_id",
                STRING,
                "The family, quarter:family:rank by number of themes; the quarter is the last seen",
            ),
            Column("family_name", STRING, "Name of the family's largest theme"),
            Column("similarity", DOUBLE, "Similarity of the theme to the family's centroid", bounds=_COSINE),
            Column("version", STRING, "Digest of the tables that all families were made from"),
        ),
        group="series",
        is_on_demand=True,
    ),
)
