"""What a page says of returns, from the event study of two small quarters in a real warehouse."""

import shutil
from pathlib import Path

import pyarrow as pa
import pytest

from ftm_assets.report.reported_state import ReportedState, ReportError
from ftm_assets.report.returns_told import told_returns
from ftm_resources.tables import TABLES
from ftm_resources.warehouse import Warehouse
from tests.assets.quarters_of_events import SUBJECTS, rows_of, study, write_events
from tests.assets.quarters_of_themes import why

FIRST, LAST = "2020Q3", "2020Q4"
PRICES = f"{FIRST}:series:000"
CONFIG = {"definitions": ["quarter"], "tones": ["score"], "pictures": 0, "draws": 99}


@pytest.fixture(scope="module")
def studied(tmp_path_factory: pytest.TempPathFactory) -> Warehouse:
    """To be read only."""
    warehouse = Warehouse(path=str(tmp_path_factory.mktemp("returns") / "warehouse"))
    for quarter in (FIRST, LAST):
        write_events(warehouse, quarter)
    assert why(study(warehouse, LAST, **CONFIG)) == ""
    return warehouse


@pytest.fixture
def copied(studied: Warehouse, tmp_path: Path) -> Warehouse:
    return Warehouse(path=str(shutil.copytree(studied.root, tmp_path / "warehouse")))


def test_tests_and_paths_are_those_of_the_tables(studied: Warehouse):
    told = told_returns(ReportedState.of(studied, LAST))
    assert told.warnings == ()
    found = told.returns
    assert (found.definition, found.model, found.tone, found.n_quarters) == (
        *("quarter", "Carhart four factors", "score"),
        2,
    )
    assert [one.series_id for one in found.series] == [
        None,
        *sorted(f"{FIRST}:series:{i:03d}" for i in range(4)),
    ]
    assert {one.name for one in found.series[1:]} == {f"{s} in {FIRST}" for s in SUBJECTS}
    (one,) = [s for s in found.series if s.series_id == PRICES]
    assert [(t.window, t.sample) for t in one.tests] == [
        *(("[0,+1]", "event"), ("[-10,-2]", "pre_event")),
        ("[0,+1]", "placebo"),
    ]
    (row,) = rows_of(studied, "event_study", LAST, series_id=PRICES, model="carhart", sample="event")
    test = one.tests[0]
    shown = (
        test.n_events,
        test.n_firms,
        test.coefficient,
        test.std_error,
        test.t,
        test.q_value,
        test.p_romano_wolf,
    )
    columns = ("n_events", "n_firms", "coefficient", "std_error", "t", "q_value", "p_romano_wolf")
    assert shown == tuple(row[c] for c in columns)
    rows = rows_of(studied, "event_paths", LAST, series_id=PRICES, sample="event", tercile="high_less_low")
    (path,) = [p for p in one.paths if (p.sample, p.tercile) == ("event", "high_less_low")]
    assert (path.first_day, path.n_events) == (-10, rows[0]["n_events"])
    by_day = sorted(rows, key=lambda r: r["day"])
    for shown_values, column in ((path.mean, "mean_car"), (path.low, "car_low"), (path.high, "car_high")):
        assert shown_values == pytest.approx([1e4 * r[column] for r in by_day], abs=0.051)


def test_what_is_significant_is_counted_beside_what_would_be_by_chance(studied: Warehouse):
    (window,) = told_returns(ReportedState.of(studied, LAST)).returns.windows
    rows = rows_of(studied, "event_study", LAST, model="carhart", sample="event")
    tested = [r for r in rows if r["series_id"] != "pooled" and r["p"] is not None]
    assert (window.window, window.n_tested, window.n_by_chance) == ("[0,+1]", 4, 0.2)
    assert window.n_significant == sum(r["p"] < 0.05 for r in tested) >= 1
    assert window.n_q_value == sum(r["q_value"] < 0.05 for r in tested)
    assert window.n_romano_wolf == sum(r["p_romano_wolf"] < 0.05 for r in tested)


def test_the_tone_of_the_whole_call_held_constant_stands_beside(copied: Warehouse):
    assert why(study(copied, LAST, **CONFIG | {"tones": ["score", "score_given_call"]})) == ""
    found = told_returns(ReportedState.of(copied, LAST)).returns
    (one,) = [s for s in found.series if s.series_id == PRICES]
    chosen = {"model": "carhart", "sample": "event", "tone": "score_given_call"}
    (row,) = rows_of(copied, "event_study", LAST, series_id=PRICES, **chosen)
    assert [(t.window, t.coefficient, t.t) for t in one.given_call] == [
        ("[0,+1]", row["coefficient"], row["t"])
    ]
    assert one.tests[0].coefficient != row["coefficient"]
    (window,) = found.given_call
    rows = [r for r in rows_of(copied, "event_study", LAST, **chosen) if r["p"] is not None]
    assert window.n_tested == len([r for r in rows if r["series_id"] != "pooled"])


def test_a_quarter_without_a_study_says_nothing(studied: Warehouse):
    told = told_returns(ReportedState.of(studied, FIRST))
    assert (told.returns, told.warnings) == (None, ())


def test_a_study_of_other_rows_than_are_stored_is_not_shown(
    copied: Warehouse, monkeypatch: pytest.MonkeyPatch
):
    copied.replace("abnormal_returns", FIRST, [TABLES["abnormal_returns"].empty()], provenance={})
    told = told_returns(ReportedState.of(copied, LAST))
    assert told.returns is None
    (said,) = told.warnings
    assert said.startswith("Returns are not shown: ")
    assert f"abnormal_returns@{FIRST}" in said
    assert len(said) < 250
    assert said.endswith(f"Materialize event_study of {LAST} again.")
    monkeypatch.setenv("FTM_ALLOW_MIXED_GENERATIONS", "true")
    assert told_returns(ReportedState.of(copied, LAST)).returns is not None


def test_too_few_events_are_told_by_series(copied: Warehouse):
    assert why(study(copied, LAST, **CONFIG, min_events=500)) == ""
    found = told_returns(ReportedState.of(copied, LAST)).returns
    assert {t.reason for one in found.series for t in one.tests} == {"too_few_events"}
    assert [one.paths for one in found.series] == [()] * 5
    assert [w.n_tested for w in found.windows] == [0]
    assert found.model == "Carhart four factors", "the last of those that were tested"


def test_a_study_of_an_earlier_version_is_named(studied: Warehouse, monkeypatch: pytest.MonkeyPatch):
    """That table was not there then."""
    state, written = ReportedState.of(studied, LAST), ReportedState.write
    monkeypatch.setattr(
        ReportedState,
        "write",
        lambda self, table, q=None: None if table == "event_paths" else written(self, table, q),
    )
    told = told_returns(state)
    assert told.returns is None
    (said,) = told.warnings
    assert said == (
        f"Returns are not shown: event_study of {LAST} was made by an earlier version, without event_paths. "
        "Materialize it again."
    )


def test_what_the_tests_take_out_and_ask_for_is_told(copied: Warehouse):
    assert why(study(copied, LAST, **CONFIG, fixed_effects=["firm"], min_sentences=2)) == ""
    found = told_returns(ReportedState.of(copied, LAST)).returns
    assert (found.fixed_effects, found.min_sentences) == ("firm", 2)


def test_numbers_that_are_none_are_refused_by_name(copied: Warehouse, monkeypatch: pytest.MonkeyPatch):
    paths = copied.read("event_paths", LAST).to_pylist()
    paths[3]["mean_car"] = float("nan")
    copied.replace(
        "event_paths", LAST, [pa.Table.from_pylist(paths, schema=TABLES["event_paths"].arrow_schema)]
    )
    monkeypatch.setenv("FTM_ALLOW_MIXED_GENERATIONS", "true")  # another program's rows belong to no run
    with pytest.raises(ReportError, match=r"event_paths\.mean_car"):
        told_returns(ReportedState.of(copied, LAST))


def test_tests_are_shown_also_if_no_call_has_returns_for_the_picture(copied: Warehouse):
    """Data that end soon after the quarter: event_study has its tests, event_paths is empty."""
    assert why(study(copied, LAST, **CONFIG, picture_last_day=120)) == ""
    assert rows_of(copied, "event_paths", LAST) == []
    assert [r for r in rows_of(copied, "event_study", LAST) if r["p"] is not None]
    told = told_returns(ReportedState.of(copied, LAST))
    assert told.returns is not None or told.warnings
