"""The event study through Dagster and a real warehouse: what it finds, what it reads, what it refuses."""

import base64
import shutil
from pathlib import Path
from typing import Any

import dagster as dg
import pyarrow as pa
import pyarrow.compute as pc
import pytest

from ftm_assets.cli import returns_report
from ftm_resources.tables import TABLES
from ftm_resources.warehouse import Warehouse
from ftm_resources.warehouse.status import status

from .quarters_of_events import (
    EFFECT,
    RETURNS,
    SUBJECTS,
    call_of,
    metadata,
    rows_of,
    study,
    write_controls,
    write_events,
)
from .quarters_of_themes import why

QUARTERS = FIRST, LAST = ("2020Q3", "2020Q4")
PRICES = "2020Q3:series:000"


SMALL = {"definitions": ["quarter"], "tones": ["score"], "models": ["carhart"], "pictures": 0, "draws": 99}
"""Config of studies that are compared with each other."""

Studied = tuple[Warehouse, dg.ExecuteInProcessResult, dict[str, list[dict[str, Any]]]]


@pytest.fixture(scope="module")
def studied(tmp_path_factory: pytest.TempPathFactory) -> Studied:
    """Two quarters and the event study of the last, and the rows of the first's before the last was there.

    To be read only.
    """
    warehouse = Warehouse(path=str(tmp_path_factory.mktemp("events") / "warehouse"))
    write_events(warehouse, FIRST)
    assert why(study(warehouse, FIRST, **SMALL)) == ""
    alone = {
        table: rows_of(warehouse, table, FIRST) for table in ("event_study", "event_terciles", "event_paths")
    }
    write_events(warehouse, LAST)
    result = study(warehouse, LAST, pictures=2, models=RETURNS.models)
    assert why(result) == ""
    return warehouse, result, alone


def test_the_planted_effect_is_found_and_nothing_else(studied: Studied):
    warehouse, *_ = studied
    for definition, n in (("quarter", 80), ("known_before", 40)):
        for model in RETURNS.models:
            chosen = {"definition": definition, "model": model, "tone": "score"}
            (row,) = rows_of(warehouse, "event_study", LAST, series_id=PRICES, sample="event", **chosen)
            assert row["n_events"] == n, "known_before has no first quarter"
            assert abs(row["coefficient"] - EFFECT) < 3 * row["std_error"]
            assert row["p_romano_wolf"] < 0.05
            assert row["series_name"] == "prices in 2020Q3"
        others = rows_of(warehouse, "event_study", LAST, definition=definition, tone="score")
        still = [r for r in others if r["series_id"] not in (PRICES, "pooled") or r["sample"] != "event"]
        assert len(still) > 20
        assert sum(r["p"] < 0.05 for r in still if r["p"] is not None) <= 0.2 * len(still)


def test_every_result_stands_beside_its_placebo_and_the_days_before(
    studied: Studied,
):
    rows = rows_of(studied[0], "event_study", LAST)
    of = {(r["series_id"], r["definition"], r["model"], r["tone"], r["sample"]) for r in rows}
    assert len(of) == len(rows)
    for series, definition, model, tone, _ in of:
        assert {s for s in ("event", "pre_event", "placebo") if (series, definition, model, tone, s) in of} == {
            "event", "pre_event", "placebo"
        }  # fmt: skip
    assert {r["window"] for r in rows if r["sample"] == "pre_event"} == {"[-10,-2]"}
    assert len({r["series_id"] for r in rows}) == len(SUBJECTS) + 1
    groups = rows_of(studied[0], "event_terciles", LAST)
    assert len(groups) == 5 * len(rows)


def test_its_returns_are_those_of_abnormal_returns(studied: Studied):
    warehouse, *_ = studied
    cars = [
        r["car"]
        for quarter in QUARTERS
        for r in rows_of(warehouse, "abnormal_returns", quarter, model="carhart", window="[0,+1]")
    ]
    (row,) = rows_of(
        warehouse, "event_terciles", LAST, series_id="pooled", definition="quarter", model="carhart", tone="score",
        sample="event", tercile="all",
    )  # fmt: skip
    assert row["n_events"] == len(cars) == 80
    assert row["mean_car"] == pytest.approx(sum(cars) / 80, abs=1e-12)


def test_its_paths_rise_by_the_mean_returns_of_the_terciles_and_stand_beside_the_placebo(studied: Studied):
    warehouse, *_ = studied
    paths = rows_of(warehouse, "event_paths", LAST)
    assert {(r["definition"], r["model"], r["tone"]) for r in paths} == {("quarter", "carhart", "score")}
    at = {(r["series_id"], r["sample"], r["tercile"], r["day"]): r for r in paths}
    assert len(at) == len(paths) == (len(SUBJECTS) + 1) * 2 * 4 * 31
    chosen = {
        "definition": "quarter",
        "model": "carhart",
        "tone": "score",
        "window": "[0,+1]",
        "sample": "event",
    }
    for tercile in ("low", "middle", "high"):
        (row,) = rows_of(warehouse, "event_terciles", LAST, series_id=PRICES, tercile=tercile, **chosen)
        before, after = (at[PRICES, "event", tercile, day] for day in (-1, 1))
        assert after["n_events"] == row["n_events"]
        assert after["mean_car"] - before["mean_car"] == pytest.approx(row["mean_car"], abs=1e-6)
    gap = at[PRICES, "event", "high_less_low", 1]
    assert gap["car_low"] > 0
    drawn = at[PRICES, "placebo", "high_less_low", 1]
    assert drawn["car_low"] < 0 < drawn["car_high"]


def test_a_series_of_fewer_events_than_are_tested_has_no_path(studied: Studied):
    warehouse, *_ = studied
    assert why(study(warehouse, FIRST, **SMALL, min_events=60)) == ""
    assert rows_of(warehouse, "event_paths", FIRST) == []
    assert {r["reason"] for r in rows_of(warehouse, "event_study", FIRST)} == {"too_few_events"}


def test_it_records_what_it_read_in_other_quarters(studied: Studied):
    warehouse, *_ = studied
    inputs = warehouse.provenance("event_study", LAST)["inputs"]
    assert {"daily_returns", "sentiment_scores", "theme_series", "topic_summaries"} <= set(inputs)
    assert {
        f"{t}@2020Q3" for t in ("daily_returns", "sentiment_scores", "theme_links", "theme_series")
    } <= set(inputs)
    assert warehouse.provenance("event_terciles", LAST)["inputs"] == inputs


def test_its_page_shows_counts_fitness_and_a_picture_per_theme(
    studied: Studied,
):
    found = metadata(studied[1])
    assert found["quarters"] == list(QUARTERS)
    assert "themes are made from the whole quarter" in found["look_ahead"]
    of = ("quarter", "carhart", "score", "event")
    (row,) = [r for r in found["tests"] if (r["definition"], r["model"], r["tone"], r["sample"]) == of]
    assert (row["series"], row["by chance"]) == (4, 0.2)
    assert row["Romano-Wolf < 5%"] >= 1
    fit = [r for r in found["statistics"] if r["sample"] == "event"]
    assert all("kolari_pynnonen" in r["fit"] and 0 < r["overlap %"] < 100 for r in fit)
    pictures = {name: value for name, value in found.items() if name.startswith("picture")}
    assert len(pictures) == 2
    assert f"picture 1: {PRICES}" in pictures
    png = base64.b64decode(pictures[f"picture 1: {PRICES}"].partition("base64,")[2].rstrip(")"))
    assert png.startswith(b"\x89PNG")


def test_a_quarter_reads_no_later_one(studied: Studied):
    """The study of the first quarter is the same whether or not the second one is there."""
    warehouse, _, alone = studied
    assert why(study(warehouse, FIRST, **SMALL)) == ""
    for table, rows in alone.items():
        assert rows_of(warehouse, table, FIRST) == rows
    assert {r["n_quarters"] for r in alone["event_study"]} == {1}


def test_a_quarter_without_returns_is_named_and_the_study_is_outdated_once_they_are_there(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
):
    warehouse = Warehouse(path=str(tmp_path / "warehouse"))
    write_events(warehouse, FIRST, firms=12, with_returns=False)
    write_events(warehouse, LAST, firms=12)
    result = study(warehouse, LAST, **SMALL)
    assert why(result) == ""
    lacking = "abnormal_returns, daily_returns, factor_returns"
    assert metadata(result)["quarters_left_out"] == {FIRST: lacking}
    assert f"has no calls of {FIRST}, which has no {lacking}" in capfd.readouterr().err
    (now,) = [q for q in status(warehouse) if q.quarter == LAST]
    assert not now.mixtures
    for table in ("daily_returns", "factor_returns", "abnormal_returns"):
        warehouse.replace(table, FIRST, [TABLES[table].empty()], provenance={})
    (now,) = [q for q in status(warehouse) if q.quarter == LAST]
    assert {m.table for m in now.mixtures} == {"event_study", "event_terciles", "event_paths"}


def test_controls_have_rows_of_their_own_and_a_quarter_without_them_keeps_its_calls(tmp_path: Path):
    warehouse = Warehouse(path=str(tmp_path / "warehouse"))
    for quarter in QUARTERS:
        write_events(warehouse, quarter)
    write_controls(warehouse, LAST, without_sue=4, without_book=20)
    result = study(warehouse, LAST, **SMALL, controls=["sue", "momentum"])
    assert why(result) == ""
    of = {"series_id": PRICES, "sample": "event"}
    plain, held = rows_of(warehouse, "event_study", LAST, **of)
    assert (plain["controls"], plain["n_events"], plain["n_without_controls"]) == ("none", 80, 0)
    assert (held["controls"], held["n_events"], held["n_without_controls"]) == ("sue, momentum", 36, 44)
    assert abs(held["coefficient"] - EFFECT) < 3 * held["std_error"]
    assert (
        f"{FIRST} has no controls, so its calls are in no regression with controls"
        in metadata(result)["notes"]
    )
    assert warehouse.provenance("event_study", LAST)["inputs"][f"controls@{FIRST}"]["content"] == "empty"
    write_controls(warehouse, FIRST, without_sue=0, without_book=0, sue_method="given")
    (now,) = [q for q in status(warehouse) if q.quarter == LAST]
    assert {m.source for m in now.mixtures if m.table == "event_study"} >= {f"controls@{FIRST}"}
    result = study(warehouse, LAST, **SMALL, controls=["sue"])
    (note,) = metadata(result)["notes"]
    assert note == "sue mixes two measures that are not comparable: given, seasonal_walk"
    assert returns_report.event_study(warehouse, LAST).split()[2] == "4"


def test_the_page_says_of_how_many_calls_the_factors_end_within_the_windows(tmp_path: Path):
    warehouse = Warehouse(path=str(tmp_path / "warehouse"))
    write_events(warehouse, LAST)
    whole = study(warehouse, LAST, **SMALL)
    assert metadata(whole)["without_factors"] == []
    factors = warehouse.read("factor_returns", LAST)
    days = sorted({call_of(LAST, firm)[1].date() for firm in range(40)})
    known = factors.filter(pc.less_equal(factors.column("date"), pa.scalar(days[15])))
    warehouse.replace("factor_returns", LAST, [known], provenance={})
    result = study(warehouse, LAST, **SMALL)
    assert why(result) == ""
    found = {r["window"]: r for r in metadata(result)["without_factors"]}
    late = sum(call_of(LAST, firm)[1].date() >= days[15] for firm in range(40))
    assert found["[0,+1]"] == {
        "model": "carhart", "window": "[0,+1]", "calls": late, "from event day": str(days[15]), "to": str(days[-1])
    }  # fmt: skip
    (row,) = rows_of(warehouse, "event_study", LAST, series_id="pooled", sample="event")
    assert row["n_without_return"] == late


def test_without_returns_it_is_skipped_and_says_so(tmp_path: Path, capfd: pytest.CaptureFixture[str]):
    warehouse = Warehouse(path=str(tmp_path / "warehouse"))
    warehouse.replace("theme_series", LAST, [TABLES["theme_series"].empty()], provenance={})
    result = study(warehouse, LAST)
    assert result.success
    assert not result.asset_materializations_for_node("event_study")
    said = capfd.readouterr().err
    assert "has no abnormal_returns, daily_returns, factor_returns" in said
    assert "Set FTM_RETURNS_SOURCE" in said


def test_a_model_that_was_not_estimated_is_refused_not_replaced(
    studied: Studied,
):
    said = why(study(studied[0], LAST, models=["ff3"]))
    assert "abnormal_returns was made without ff3, only with market_adjusted, carhart" in said


def test_a_missing_package_is_said_before_anything_is_read(studied: Studied, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("ftm_resources.extras.find_spec", lambda _: None)
    assert "pip install -c constraints.txt -e '.[returns]'" in why(study(studied[0], LAST))


def test_a_run_of_the_quarter_tells_what_the_study_found(studied: Studied, tmp_path: Path):
    warehouse = studied[0]
    chosen = {"definition": "quarter", "model": "carhart", "window": "[0,+1]", "tone": "score"}
    tests = [r for r in rows_of(warehouse, "event_study", LAST, **chosen) if r["series_id"] != "pooled"]
    found, placebo = (
        sum(r["p"] < 0.05 for r in tests if r["sample"] == sample) for sample in ("event", "placebo")
    )
    strict = sum(r["p_romano_wolf"] < 0.05 for r in tests if r["sample"] == "event")
    assert found > 0
    assert returns_report.event_study(warehouse, LAST) == (
        f"{found} of 4 series significant at 5% (0.2 by chance, {placebo} of the placebo), {strict} by Romano-Wolf: "
        "carhart [0,+1], score; more in event_study"
    )
    assert returns_report.event_study(warehouse, "2019Q1") == "", "no returns"
    root = tmp_path / "warehouse"
    shutil.copytree(warehouse.path, root)
    moved = Warehouse(path=str(root))
    scores = moved.read("sentiment_scores", LAST)
    moved.replace("sentiment_scores", LAST, [scores.slice(1)], provenance={})
    assert returns_report.event_study(moved, LAST).startswith("outdated; make it again with dg launch")


def test_quarters_of_other_windows_are_refused(studied: Studied, tmp_path: Path):
    root = tmp_path / "warehouse"
    shutil.copytree(studied[0].path, root)
    warehouse = Warehouse(path=str(root))
    config = vars(RETURNS) | {"min_estimation_days": 50}
    held = warehouse.read("abnormal_returns", FIRST)
    warehouse.replace("abnormal_returns", FIRST, [held], provenance={"config": config})
    assert "abnormal_returns of 2020Q3 was made with other min_estimation_days" in why(study(warehouse, LAST))
