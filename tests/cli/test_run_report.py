"""What `ftm run` shows at its end: what this run made, and every loss counted, with its reason."""

from types import SimpleNamespace

import dagster as dg
import duckdb
import pytest

from ftm_assets.cli import returns_report, run_report
from ftm_assets.cli.failing import CommandError


@pytest.fixture
def db() -> duckdb.DuckDBPyConnection:
    """A quarter of 10 sentences in 4 topics, of which one is in a theme."""
    made = duckdb.connect()
    made.execute("""
        CREATE TABLE coverage AS SELECT * FROM (VALUES
            ('seen', 0, 'offered by the source', false, 3, 10, 0),
            ('link', 3, 'no GVKEY', true, 1, 0, 0),
            ('sentences', 4, 'procedural', true, 0, 2, 2),
            ('sentences', 4, 'has sentences', false, 2, 8, 0),
            ('topics', 5, 'in no topic', true, 0, 1, 1),
            ('topics', 5, 'firm too small', true, 1, 2, 2),
            ('topics', 5, 'in a topic', false, 1, 5, 0),
            ('themes', 6, 'dominated', true, 0, 3, 3),
            ('themes', 6, 'in a theme', false, 1, 2, 0),
            ('scores', 7, 'scored', false, 1, 2, 0)
        ) AS t (step, position, outcome, is_lost, n_calls, n_sentences, n_sentences_lost);
        CREATE TABLE theme_topics AS SELECT * FROM (VALUES
            ('a', NULL, 'dominated'), ('b', NULL, 'dominated'), ('c', NULL, 'few firms: 1'), ('d', 't', NULL)
        ) AS t (topic_id, theme_id, reason);
        CREATE TABLE themes AS SELECT 't' AS theme_id, 'Costs' AS name;
        CREATE TABLE theme_coherence AS SELECT * FROM (VALUES ('t', 'mixed'), ('u', 'weak'), ('v', 'mixed'))
            AS t (theme_id, coherence_class);
        CREATE TABLE theme_sentiment AS
            SELECT 't' AS theme_id, 1 AS n_firms, 1 AS n_topics, 2 AS n_sentences, 0.5 AS score;
        CREATE TABLE naming_audit AS SELECT * FROM (VALUES
            ('a', NULL, 'extractive', NULL::VARCHAR), ('b', NULL, 'extractive', NULL), (NULL, 't', 'extractive', NULL)
        ) AS t (topic_id, theme_id, outcome, model);
    """)
    return made


def test_every_sentence_is_accounted_for_with_the_reason(db: duckdb.DuckDBPyConnection):
    assert run_report.sentences(db) == (
        "10 spoken: 2 about the call or empty, 3 in no topic (2 firm too small), 3 in topics without a theme "
        "(2 topics dominated, 1 few firms), 2 scored"
    )


def test_sentences_without_a_loss_are_spoken_and_scored(db: duckdb.DuckDBPyConnection):
    db.execute("DELETE FROM coverage WHERE step <> 'scores'")
    db.execute("INSERT INTO coverage VALUES ('seen', 0, 'offered by the source', false, 1, 2, 0)")
    assert run_report.sentences(db) == "2 spoken: 2 scored"
    db.execute("DELETE FROM coverage")
    assert run_report.sentences(db) == "0 spoken: 0 scored"


def test_calls_left_out_are_those_of_which_nothing_goes_on(db: duckdb.DuckDBPyConnection):
    said = "3 transcripts offered, 1 call scored. Left out: 1 no GVKEY, 1 firm too small"
    assert run_report.calls(db) == said


def test_the_header_of_the_themes_counts_the_topics_in_none(db: duckdb.DuckDBPyConnection):
    title = "Themes of 2020Q1: 1; 3 of 4 topics in no theme (2 dominated, 1 few firms)"
    assert str(run_report.themes_table(db, "2020Q1", 5).title) == title
    db.execute("DELETE FROM theme_topics WHERE theme_id IS NULL")
    assert str(run_report.themes_table(db, "2020Q1", 5).title) == "Themes of 2020Q1: 1"


def test_themes_are_counted_by_how_well_they_hold_together(db: duckdb.DuckDBPyConnection):
    said = "0 coherent, 2 mixed, 1 weak (no sentence counts in a weak theme); by theme in theme_coherence"
    assert run_report.coherence(db) == said
    db.execute("DELETE FROM theme_coherence WHERE coherence_class = 'weak'")
    assert run_report.coherence(db) == "0 coherent, 2 mixed, 0 weak; by theme in theme_coherence"
    db.execute("DELETE FROM theme_coherence")
    assert run_report.coherence(db) == "no theme"


def test_substitute_names_are_counted_by_what_they_name(db: duckdb.DuckDBPyConnection):
    said = "degraded: all 2 topics and 1 theme have extractive names"
    assert run_report.naming(db).startswith(said)
    db.execute("UPDATE naming_audit SET outcome = 'llm', model = 'large'")
    assert run_report.naming(db) == "large, for all 2 topics and 1 theme"


def _show(warehouse, run_id: str) -> None:
    run_report.show(warehouse, "2020Q1", run_id=run_id, warnings=[], held={}, seconds=1.0, own_calls=True)


def test_a_run_does_not_show_as_its_own_what_another_has_made_since(warehouse, topics, capsys):
    for run_id, n in (("a", 4), ("b", 5)):
        warehouse.replace("firm_topics", "2020Q1", [topics("2020Q1", n)], provenance={"run_id": run_id})
    with pytest.raises(
        CommandError, match=r"not shown: another run replaced firm_topics.*run a made it, and run b"
    ):
        _show(warehouse, "a")
    assert capsys.readouterr().out == ""
    _show(warehouse, "b")
    assert "Themes of 2020Q1" in capsys.readouterr().out


def test_the_same_rows_made_by_another_run_are_shown(warehouse, topics, capsys):
    for run_id in ("a", "b"):
        warehouse.replace("firm_topics", "2020Q1", [topics("2020Q1", 4)], provenance={"run_id": run_id})
    _show(warehouse, "a")
    assert "Themes of 2020Q1" in capsys.readouterr().out


def test_the_series_of_the_themes_are_counted() -> None:
    with duckdb.connect() as db:
        db.execute("CREATE TABLE theme_links AS SELECT unnest(['born', 'continued', 'born']) AS event")
        assert run_report.series(db) == "2 born, 1 continued; by theme in theme_links"
        db.execute("DELETE FROM theme_links")
        assert run_report.series(db) == "no theme"


def test_calls_with_returns_are_counted_and_a_missing_source_is_said() -> None:
    with duckdb.connect() as db:
        db.execute("CREATE TABLE abnormal_returns (transcript_id VARCHAR, reason VARCHAR)")
        assert "FTM_RETURNS_SOURCE" in returns_report.returns(db)
        db.execute("INSERT INTO abnormal_returns VALUES ('1', NULL), ('1', 'delisted'), ('2', 'no_permno')")
        assert returns_report.returns(db).startswith("1 of 2 calls with abnormal returns")


def test_pinned_themes_are_told_and_those_that_no_theme_belongs_to() -> None:
    with duckdb.connect() as db:
        db.execute("CREATE TABLE pinned_coverage (series_name VARCHAR, n_themes INTEGER, n_topics INTEGER)")
        assert run_report.pinned_themes(db) == ""
        db.execute("INSERT INTO pinned_coverage VALUES ('tariffs', 0, 1), ('climate', 1, 4)")
        assert run_report.pinned_themes(db) == (
            "climate (1 theme, 4 topics); no theme belongs to tariffs (1 topic), whose attention is null; by theme in "
            "pinned_theme_links"
        )


def test_the_pooled_portfolios_are_said_with_their_reason() -> None:
    with duckdb.connect() as db:
        db.execute(
            "CREATE TABLE portfolio_members (series_id VARCHAR, portfolio VARCHAR, definition VARCHAR)"
        )
        columns = (
            "series_id VARCHAR, portfolio VARCHAR, weighting VARCHAR, model VARCHAR, alpha DOUBLE, t DOUBLE"
        )
        db.execute(
            f"CREATE TABLE portfolio_sorts ({columns}, n_days INTEGER, reason VARCHAR, definition VARCHAR)"
        )
        assert returns_report.portfolios(db) == ""
        db.execute(
            "INSERT INTO portfolio_members VALUES ('pooled', 'low', 'quarter'), ('pooled', NULL, 'quarter'), "
            "('pooled', 'low', 'pinned'), ('s', 'low', 'quarter')"
        )
        cell = "('pooled', 'long_short', 'value', 'ff3'"
        db.execute(f"INSERT INTO portfolio_sorts VALUES {cell}, NULL, NULL, 3, 'too_few_days', NULL)")
        assert returns_report.portfolios(db).endswith(
            "1 of 2 calls sorted by tone; no alpha of high less low yet: too_few_days"
        )
        db.execute("UPDATE portfolio_sorts SET alpha = 0.00051, t = 2.34, n_days = 120, reason = NULL")
        assert "high less low: +0.051% a day (t = 2.3, 120 days" in returns_report.portfolios(db)


def test_quarters_that_were_linked_again_are_told_with_what_to_do() -> None:
    def made(table: str, quarter: str) -> SimpleNamespace:
        return SimpleNamespace(
            event_type_value="ASSET_MATERIALIZATION", asset_key=dg.AssetKey(table), partition=quarter
        )

    events = [made("theme_links", q) for q in ("2020Q1", "2020Q3", "2020Q2")] + [made("themes", "2019Q1")]
    again = run_report.linked_again(SimpleNamespace(all_events=events), "2020Q1")  # type: ignore[arg-type]
    assert again == ["2020Q2", "2020Q3"]
    assert "2020Q2, 2020Q3" in run_report._linked(again)


def test_what_became_of_later_panels_is_told() -> None:
    assert run_report.panels([], []) == ""
    assert run_report.panels(["2020Q2"], []).startswith("those of 2020Q2 were made again")
    both = run_report.panels(["2020Q2"], ["2020Q3", "2020Q4"])
    assert "those of 2020Q3, 2020Q4 are outdated" in both
    assert "firm_theme_panel, call_theme_panel, theme_panel" in both
