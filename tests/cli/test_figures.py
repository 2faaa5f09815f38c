"""`ftm figures`: files for a paper, each with its data; what cannot be drawn is named and stops nothing else."""

import csv
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from typer.testing import Result

from ftm_assets.report.figure_captions import state_of
from ftm_resources.warehouse import Warehouse
from ftm_resources.warehouse.tags import tag
from tests.assets.quarters_of_events import SUBJECTS, write_events
from tests.assets.spoken_quarter import filled

QUARTERS = ("2020Q1", "2020Q2")
FORMULA = "=1+1"
"""A series' name that a spreadsheet would run."""


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A warehouse with events of two quarters, returns that prices move, and the panel of its series."""
    folder = tmp_path_factory.mktemp("figures") / "warehouse"
    made = Warehouse(path=str(folder))
    for quarter in QUARTERS:
        write_events(made, quarter, firms=20)
        made.replace("theme_panel", quarter, [filled("theme_panel", panel(made, quarter), quarter)])
    return folder


def panel(warehouse: Warehouse, quarter: str) -> list[dict[str, Any]]:
    links = warehouse.read("theme_links", quarter).sort_by("theme_id").to_pylist()
    return [
        {
            "series_id": row["series_id"],
            "series_name": FORMULA if k == 1 else SUBJECTS[k],
            "theme_id": row["theme_id"],
        }
        | {
            "n_firms": 20,
            "n_sentences": 100 - k,
            "attention": 0.2,
            "score": 0.1 * k,
            "score_se": 0.02,
            "score_df": 19.0,
        }
        for k, row in enumerate(links)
    ]


@pytest.fixture
def draw(written: Path, place: Path, ftm: Callable[..., Result]) -> Callable[..., Result]:
    """A function that calls `ftm figures` on the warehouse, with --out."""
    shutil.copytree(written, place / "warehouse")
    return lambda *arguments: ftm("figures", *arguments, "--out", str(place / "out"))


def rows(file: Path) -> list[dict[str, str]]:
    with file.open(encoding="utf-8", newline="") as lines:
        return list(csv.DictReader(lines))


def test_figures_are_written_with_their_data_and_are_the_same_again(draw: Callable[..., Result], place: Path):
    arguments = ("2020Q1", "--to", "2020Q2", "--figure", "tone", "--figure", "car", "--format", "pdf,svg")
    done = draw(*arguments, "--width", "single")
    assert done.exit_code == 0, done.output
    files = {f.name: f.read_bytes() for f in (place / "out").iterdir()}
    assert set(files) == {
        f"{n}.{e}" for n in ("tone_over_time", "car_paths") for e in ("pdf", "svg", "csv", "txt")
    }
    assert files["car_paths.pdf"].startswith(b"%PDF")
    caption = files["car_paths.txt"].decode()
    assert "around 40 earnings calls, 2020Q1 to 2020Q2" in caption
    assert "not tagged" in caption
    assert "4 series." in done.output
    assert "All themes: 40 calls" in done.output
    tone = rows(place / "out" / "tone_over_time.csv")
    assert {row["series_name"] for row in tone} == {*SUBJECTS} - {SUBJECTS[1]} | {"'" + FORMULA}
    assert {(row["quarter"], row["score"]) for row in tone if row["series_name"] == "costs"} == {
        (q, "0.2") for q in QUARTERS
    }
    assert draw(*arguments).exit_code == 1
    assert draw(*arguments, "--width", "90", "--force").exit_code == 0
    assert {f.name: f.read_bytes() for f in (place / "out").iterdir()} == files


def test_captions_name_the_tag_that_holds_what_is_drawn(written: Path, tmp_path: Path):
    shutil.copytree(written, tmp_path / "warehouse")
    warehouse = Warehouse(path=str(tmp_path / "warehouse"))
    for quarter in QUARTERS:
        warehouse.replace("themes", quarter, [])
    for quarter in QUARTERS:
        assert "not tagged" in state_of(warehouse, QUARTERS)
        tag(warehouse, quarter, "paper")
    assert state_of(warehouse, QUARTERS) == "State of the tables: tag paper."


def test_the_paths_of_a_theme_that_moves_prices_part_on_the_day_of_the_call(
    draw: Callable[..., Result], place: Path
):
    done = draw("2020Q1", "--to", "2020Q2", "--figure", "car", "--theme", SUBJECTS[0])
    assert done.exit_code == 0, done.output
    (file,) = (place / "out").glob("car_paths_2020Q1-series-*.csv")
    gap = {
        int(row["day"]): (float(row["mean_car"]), float(row["car_low"]))
        for row in rows(file)
        if (row["sample"], row["tercile"]) == ("event", "high_less_low")
    }
    assert sorted(gap) == list(range(-10, 21))
    assert gap[0][0] - gap[-1][0] > 0.02, "4% per unit of tone"
    assert gap[0][1] > gap[-1][1]


def test_what_cannot_be_drawn_is_named_and_the_rest_is_written(draw: Callable[..., Result], place: Path):
    done = draw("2020Q1", "--to", "2020Q2")
    assert done.exit_code == 1
    assert "theme_map was not drawn: 2020Q2 has no topics" in done.output
    assert {f.stem for f in (place / "out").iterdir()} == {"tone_over_time", "car_paths"}


def test_a_quarter_without_returns_or_without_a_later_one_says_what_to_do(
    ftm: Callable[..., Result], place: Path
):
    warehouse = Warehouse(path=str(place / "warehouse"))
    write_events(warehouse, "2020Q1", firms=3, with_returns=False)
    out = ("--out", str(place / "out"))
    car = ftm("figures", "2020Q1", "--figure", "car", *out)
    assert car.exit_code == 1
    assert "Set FTM_RETURNS_SOURCE" in car.output
    tone = ftm("figures", "2020Q1", "--figure", "tone", *out)
    assert tone.exit_code == 1
    assert "add --to" in tone.output
    assert not (place / "out").exists()


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (("2020Q1", "--width", "wide"), 2, "single, onehalf, double"),
        (("2020Q1", "--format", "pdf,gif"), 2, "gif: give one or more of pdf, png, svg"),
        (("2020Q1", "--format", ","), 2, "give one or more of"),
        (("2020Q2", "--to", "2020Q1"), 2, "2020Q2 is after 2020Q1"),
        (("2018Q1",), 1, "no quarter 2018Q1"),
        (("2020Q1", "--theme", "oil"), 1, "no theme has the id 'oil'"),
    ],
)
def test_what_is_asked_wrongly_is_refused_before_anything_is_drawn(
    draw: Callable[..., Result], place: Path, arguments: tuple[str, ...], code: int, message: str
):
    done = draw(*arguments)
    assert done.exit_code == code
    assert message in " ".join(done.output.replace("│", " ").split())
    assert not (place / "out").exists()
