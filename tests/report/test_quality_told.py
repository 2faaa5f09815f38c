import duckdb
import pyarrow as pa
import pytest

from ftm_assets.report import quality_told
from ftm_assets.report.payload import Measure, Report
from ftm_assets.report.quality_told import told_quality
from ftm_assets.report.reader_notes import summary
from ftm_assets.report.reported_state import ReportedState
from ftm_resources.tables import TABLES
from ftm_resources.warehouse import Warehouse

from .told_quarter import EARLIER, QUARTER


def measure(report: Report, name: str) -> Measure:
    (found,) = [m for m in report.measures if m.name == name]
    return found


def test_a_measure_is_shown_beside_earlier_quarters_with_the_checks_doubts(report: Report):
    outliers, placed = measure(report, "In no topic"), measure(report, "In a theme")
    assert outliers.warning == "40% of the sentences are in no topic (expected: at most 30%)"
    assert outliers.warning in report.warnings
    assert outliers.earlier == ((EARLIER, None),)
    assert (placed.value, placed.earlier, placed.warning) == (0.8, ((EARLIER, 0.7),), None)


def test_what_was_never_measured_is_left_out_and_what_is_not_known_by_name_is_not(report: Report):
    names = [m.name for m in report.measures]
    assert not any("Planted" in name for name in names)
    assert measure(report, "new measure of themes").value == 2.0


def test_names_say_who_made_them_and_what_it_cost(report: Report):
    assert measure(report, "Names of topics from their words").value == 17
    assert measure(report, "Names of themes by a model").value == 2
    substitutes = measure(report, "Substitutes for names of themes")
    assert substitutes.value == 1
    assert substitutes.warning is not None
    assert "1 of 3 names of themes are extractive although a model was asked" in substitutes.warning
    assert measure(report, "Tokens sent for themes").value == 290, "not those of a reply that was kept"
    assert measure(report, "Cost of names of themes").value == 0.75


def test_a_cost_of_which_a_part_is_not_known_is_the_least(copied: Warehouse):
    rows = copied.read("theme_naming_audit", QUARTER).to_pylist()
    rows[0]["cost"] = None
    schema = TABLES["theme_naming_audit"].arrow_schema
    copied.replace("theme_naming_audit", QUARTER, [pa.Table.from_pylist(rows, schema=schema)])
    state = ReportedState.of(copied, QUARTER)
    with state.connect() as db:
        found = told_quality(db, state).measures
    (cost,) = [m for m in found if m.name.startswith("Cost of names of themes")]
    assert (cost.name, cost.value) == ("Cost of names of themes, at least", 0.5)
    assert cost.meaning.endswith("that of 1 name is not known")


def test_a_measure_names_what_the_checks_expect(report: Report):
    assert measure(report, "In no topic").limit == "at most 30%"
    assert measure(report, "In a theme").limit == "at least 55%"
    assert measure(report, "Firms without topics").limit == "at most 25%"
    assert measure(report, "new measure of themes").limit is None


@pytest.mark.parametrize(
    ("placed", "shown", "said"),
    [
        (0.5496, "54.96%", "54.96% of the topics are in a theme (expected: at least 55%)."),
        (0.549964, "54.996%", "54.996% of the topics are in a theme (expected: at least 55%)."),
        (0.5433, None, "54% of the topics are in a theme (expected: at least 55%)."),
        (0.55, None, "55% of the topics are in a theme (expected: at least 55%)."),
    ],
)
def test_a_value_is_on_its_side_of_the_limit_in_the_table_and_in_the_summary(
    copied: Warehouse, placed: float, shown: str | None, said: str
):
    rows = copied.read("topic_quality", QUARTER).to_pylist()
    for row in rows:
        row["value"] = placed if row["metric"] == "placed_share" else row["value"]
    schema = TABLES["topic_quality"].arrow_schema
    copied.replace("topic_quality", QUARTER, [pa.Table.from_pylist(rows, schema=schema)])
    state = ReportedState.of(copied, QUARTER)
    with state.connect() as db:
        found = told_quality(db, state)
    assert found.placed is not None
    assert found.placed.shown == shown
    assert summary((), found.placed, ()) == (said,)


def test_a_class_just_above_its_limit_is_not_shown_as_the_limit():
    with duckdb.connect() as db:
        db.execute(
            "CREATE TABLE sentence_sentiment AS SELECT 'm' AS model, "
            "CASE WHEN i < 90 THEN 'positive' ELSE 'neutral' END AS label FROM range(3001) r(i)"
        )
        found = {m.name: m for m in quality_told._labels(db)}
    neutral = found["Neutral sentences"]
    assert (neutral.shown, found["Positive sentences"].shown) == ("97.001%", None)
    assert neutral.warning == "m calls 97.001% of 3,001 sentences neutral"


def test_the_summary_says_what_was_kept_and_how_good_themes_are(report: Report):
    calls, placed, themes = report.summary
    assert calls == "6 of 6 calls that the source offered were kept; 5 of them have a score."
    assert placed == "80% of the topics are in a theme (expected: at least 55%)."
    assert themes.startswith(
        "Of 3 themes, 2 hold together (coherent), 0 do less well (mixed), and of 1 (weak)"
    )


def test_the_classes_of_sentences_are_shares(report: Report):
    shares = [measure(report, f"{label} sentences").value for label in ("Positive", "Neutral", "Negative")]
    assert abs(sum(s or 0 for s in shares) - 1) < 1e-3


def test_firms_without_topics(report: Report):
    found = measure(report, "Firms without topics")
    assert (found.value, found.warning) == (round(1 / 6, 4), None)
