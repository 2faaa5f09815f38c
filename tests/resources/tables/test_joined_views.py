"""The views that join tables, over a small quarter whose rows are known."""

from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import duckdb
import pytest

from ftm_resources import connect
from ftm_resources.tables import TABLES
from ftm_resources.tables.joined_views import JOINED_VIEWS
from ftm_resources.warehouse import MixedGenerationsWarning, Warehouse
from tests.member_sentences import LEFT_OUT, QUARTER, SECOND, THEMES, membership, write
from tests.small_topics import FIRMS, SUBJECTS


@pytest.fixture(scope="module")
def warehouse(tmp_path_factory: pytest.TempPathFactory) -> Warehouse:
    return write(tmp_path_factory.mktemp("joined"))


@pytest.fixture
def db(warehouse: Warehouse) -> Iterator[duckdb.DuckDBPyConnection]:
    with connect(warehouse.root, quarter=QUARTER) as connection:
        yield connection


@pytest.mark.parametrize("view", JOINED_VIEWS.values(), ids=lambda v: v.name)
def test_a_view_has_the_documented_columns_and_its_key_tells_rows_apart(db: duckdb.DuckDBPyConnection, view):
    assert [c[0] for c in db.execute(f"DESCRIBE {view.name}").fetchall()] == list(view.columns)
    assert all(view.columns.values())
    n, apart = db.execute(
        f"SELECT count(*), count(DISTINCT ({', '.join(view.key)})) FROM {view.name}"
    ).fetchone()
    assert n == apart > 0


def test_every_topic_is_in_topics_with_its_theme_or_the_reason(db: duckdb.DuckDBPyConnection):
    rows = db.execute(
        "SELECT topic_id, name, firm_name, theme_name, reason FROM topics ORDER BY ALL"
    ).fetchall()
    assert len(rows) == len(FIRMS) * len(SUBJECTS)
    assert rows[0] == (LEFT_OUT, "Ocean freight rates", "New", "Ocean Freight Rates", None)
    assert {r[4] for r in rows if r[3] is None} == {"outlier"}


def test_evidence_leads_from_a_theme_to_the_turn_and_its_members_are_those_that_count(
    db: duckdb.DuckDBPyConnection,
):
    n, members = db.execute("SELECT count(*), count(*) FILTER (is_member) FROM theme_evidence").fetchone()
    assert n == len(membership()[0])
    assert members == sum(row["is_member"] for row in membership()[0])
    row = db.execute(
        "SELECT text, topic_name, theme_name, label, permno, gvkey, speaker_type, section FROM theme_evidence "
        f"WHERE topic_id = '{QUARTER}:3:001' AND is_member ORDER BY sentence_id LIMIT 1"
    ).fetchone()
    assert row == (
        "We expect copper mining to improve in area 1.", "Copper mining", "Copper Mining", "positive", 13, "001690",
        "executive", "presentation",
    )  # fmt: skip


def test_a_filter_by_firm_reaches_every_table_that_has_the_firm(db: duckdb.DuckDBPyConnection):
    asked = f"SELECT text, topic_name FROM theme_evidence WHERE quarter = '{QUARTER}' AND firm_id = '2'"
    plan = db.execute(f"EXPLAIN {asked}").fetchall()[0][1]
    assert plan.count("firm_id='2'") == len(
        {"theme_sentences", "sentences", "transcripts", "topic_summaries"}
    )
    n = db.execute(
        "SELECT count(*) FROM theme_sentences JOIN sentences USING (sentence_id) WHERE sentences.firm_id = '2'"
    ).fetchone()
    assert n == (len(db.execute(asked).fetchall()),)


def test_a_scorer_gets_each_topic_with_its_member_sentences(db: duckdb.DuckDBPyConnection):
    rows = {
        (theme, topic): (said, n, calls)
        for theme, topic, said, n, calls in db.execute(
            "SELECT theme_id, topic_id, sentences, n_sentences, n_calls FROM sentiment_ready"
        ).fetchall()
    }
    assert len(rows) == len(FIRMS) * len(THEMES) + 1, "and the topic with a sentence in a second theme"
    assert rows[THEMES[0], LEFT_OUT] == ([], 0, 0), "nothing vanishes"
    said, n, calls = rows[THEMES[1], f"{QUARTER}:3:001"]
    assert (n, calls, len(said)) == (3, 2, 3)
    assert [s["text"][-2:] for s in said] == ["2.", "1.", "3."], "in the order of calls, then of turns"
    assert set(said[0]) == {"sentence_id", "text", "speaker_type", "position"}
    assert [s["text"] for s in rows[THEMES[2], SECOND][0]] == [
        "We expect copper mining to improve in area 0."
    ]
    assert (THEMES[0], SECOND) not in rows, "only a member of a second theme brings its topic there"


def test_the_call_is_that_of_most_sentences_and_without_any_the_firms_last(db: duckdb.DuckDBPyConnection):
    of = {
        (theme, topic): rest
        for theme, topic, *rest in db.execute(
            "SELECT theme_id, topic_id, earnings_call_date, link_date, firm_name, permno FROM sentiment_ready"
        ).fetchall()
    }
    assert of[THEMES[1], f"{QUARTER}:3:001"] == [date(2023, 2, 10), date(2023, 2, 10), "New", 13]
    assert of[THEMES[2], SECOND] == [date(2023, 1, 10), date(2023, 1, 10), "Old", 12]
    assert of[THEMES[0], LEFT_OUT] == [date(2023, 2, 10), date(2023, 2, 10), "New", 11]


def test_a_view_is_there_if_all_its_tables_are(warehouse: Warehouse):
    with connect(warehouse.root, tables=["themes", "theme_topics"]) as db:
        names = {
            row[0] for row in db.execute("SELECT view_name FROM duckdb_views() WHERE NOT internal").fetchall()
        }
    assert names == {"themes", "theme_topics"}


def test_a_warning_of_connect_names_the_line_that_called_it(tmp_path: Path):
    held = write(tmp_path)
    made = {"inputs": {"themes": held.quarter("themes", QUARTER).provenance()}}
    held.replace("theme_links", QUARTER, [TABLES["theme_links"].empty()], provenance=made)
    held.replace("themes", QUARTER, [TABLES["themes"].empty()], provenance={"run_id": "other"})
    with pytest.warns(
        MixedGenerationsWarning, match="theme_links was made from other rows of themes"
    ) as told:
        connect(tmp_path, quarter=QUARTER)
    assert [Path(w.filename) for w in told] == [Path(__file__)]


def test_connect_reads_the_warehouse_of_the_environment_and_the_past(
    warehouse: Warehouse, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setenv("FTM_WAREHOUSE", warehouse.root)
    assert connect().execute("SELECT count(*) FROM themes").fetchone() == (3,)
    before = datetime.now(UTC) - timedelta(days=1)
    assert connect(Path(warehouse.root), as_of=before).execute("SELECT count(*) FROM themes").fetchone() == (
        0,
    )
