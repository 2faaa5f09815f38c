import json
from dataclasses import asdict
from pathlib import Path

import pyarrow as pa

from ftm_assets.report.gathering import gather
from ftm_assets.report.payload import Report
from ftm_assets.report.reader_notes import GENERATED
from ftm_resources.sources.sample.generated import SampleSource
from ftm_resources.tables import TABLES
from ftm_resources.warehouse import Warehouse
from tests.assets.spoken_quarter import filled

from .told_quarter import EARLIER, QUARTER, tables


def test_the_head_counts_what_the_tables_hold(report: Report):
    assert dict(report.headline) | {"tone": ""} == {
        "firms": "6", "calls": "6", "sentences": "43", "topics": "17", "themes": "3", "tone": "",
    }  # fmt: skip
    assert (report.quarter, report.through) == (QUARTER, None)


def test_the_same_tables_give_the_same_page(told: Warehouse, report: Report):
    assert gather(told, QUARTER) == report


def test_every_position_that_a_row_refers_to_is_in_its_list(report: Report):
    firms, themes = range(len(report.firms)), range(len(report.themes))
    assert set(report.points.firm) <= set(firms)
    assert set(report.points.theme) <= {-1, *themes}
    assert all(theme.group in range(len(report.groups)) for theme in report.themes)
    assert all(part.firm in firms for theme in report.themes for part in theme.firms)
    assert all(e.firm in firms for theme in report.themes for e in (*theme.up, *theme.down))
    columns = [len(column) for column in asdict(report.points).values()]
    assert set(columns) == {17}


def test_the_map_is_in_its_bounds_and_says_that_it_is_by_words(report: Report):
    at = [*report.points.x, *report.points.y, *(v for t in report.themes for v in (t.x, t.y))]
    assert all(0 <= v <= 1 for v in at)
    (said,) = [w for w in report.warnings if "by their words alone" in w]
    assert "the topics' vectors are 2 long" in said


def test_a_page_of_several_quarters_shows_the_last_and_all_through_time(told: Warehouse, report: Report):
    both = gather(told, EARLIER, QUARTER)
    assert both.themes == report.themes
    assert both.through is not None
    assert both.through.quarters == (EARLIER, QUARTER)
    assert both.headline_of == (
        f"All numbers are of {QUARTER}, the last quarter. Calls are those that were kept; 5 of them have a score."
    )
    assert report.headline_of == "Calls are those that were kept; 5 of them have a score."


def written(folder: Path, names: tuple[str, ...], *, empty: bool = False) -> Warehouse:
    """Return a warehouse with some tables of the quarter, which may be without rows."""
    warehouse = Warehouse(path=str(folder))
    for name, rows in tables().items():
        if name in names:
            warehouse.replace(name, QUARTER, [rows.slice(0, 0) if empty else rows])
    return warehouse


def test_a_page_of_the_sample_says_first_that_its_calls_are_generated(tmp_path: Path):
    warehouse = Warehouse(path=str(tmp_path))
    made = {"source": SampleSource(firms=1).provenance()}
    warehouse.replace("transcripts", QUARTER, [tables()["transcripts"]], provenance=made)
    report = gather(warehouse, QUARTER)
    assert report.is_generated
    assert report.warnings[0] == GENERATED
    assert "(generated calls)" in report.cite


def test_a_quarter_without_firms_has_a_page(tmp_path: Path):
    report = gather(written(tmp_path, tuple(TABLES), empty=True), QUARTER)
    assert (report.themes, report.firms, report.points.topic_id) == ((), (), ())
    assert dict(report.headline)["tone"] == "–"
    json.dumps(asdict(report), allow_nan=False)


def test_a_quarter_that_only_has_calls_has_a_page_that_says_what_is_not_known(tmp_path: Path):
    report = gather(written(tmp_path, ("transcripts", "sentences")), QUARTER)
    assert [firm.n_sentences for firm in report.firms] == [0] * 6
    assert any("not known" in said for said in report.warnings)
    assert (report.stages, report.themes) == ((), ())


def test_a_quarter_without_themes_or_tone_has_a_page(tmp_path: Path):
    names = (
        "transcripts",
        "sentences",
        "sentence_kinds",
        "firm_topics",
        "sentence_topics",
        "topic_summaries",
    )
    report = gather(written(tmp_path, (*names, "firm_status")), QUARTER)
    assert len(report.points.topic_id) == 17
    assert set(report.points.theme) == {-1}
    assert set(report.points.score) == {None}
    assert len(report.reasons) == 1


def test_a_quarter_of_one_firm_and_one_theme_has_a_page(tmp_path: Path):
    made = {
        name: rows.filter(pa.compute.equal(rows.column("firm_id"), "1"))
        if "firm_id" in rows.column_names
        else rows
        for name, rows in tables().items()
    }
    made["themes"] = made["themes"].slice(0, 1)
    made["theme_topics"] = filled(
        "theme_topics",
        [
            {
                "topic_id": f"{QUARTER}:1:000",
                "firm_id": "1",
                "theme_id": f"{QUARTER}:theme:000",
                "reason": None,
            }
        ],
        QUARTER,
    )
    warehouse = Warehouse(path=str(tmp_path))
    for name, rows in made.items():
        warehouse.replace(name, QUARTER, [rows])
    report = gather(warehouse, QUARTER)
    assert (len(report.firms), len(report.themes)) == (1, 1)
    assert (report.firms[0].rank, report.firms[0].peer_score) == (None, None)


def test_the_page_says_of_what_event_study_it_is(copied: Warehouse):
    """Its rows are on the page as those of other tables are: they date it, and their config and prints are told."""
    before = gather(copied, QUARTER)
    study = {"series_id": "pooled", "series_name": "All themes", "definition": "quarter", "model": "carhart"}
    study |= {
        "tone": "score",
        "sample": "event",
        "controls": "none",
        "fixed_effects": "firm",
        "window": "[0,+1]",
    }
    path = {k: v for k, v in study.items() if k not in {"controls", "fixed_effects", "window"}}
    path |= {"tercile": "low", "day": 0, "n_events": 3, "mean_car": 0.01}
    for name, row in (
        ("event_study", study | {"n_events": 3, "reason": "too_few_events"}),
        ("event_paths", path),
    ):
        copied.replace(
            name, QUARTER, [filled(name, [row], QUARTER)], provenance={"config": {"fixed_effects": ["firm"]}}
        )
    with_returns = gather(copied, QUARTER)
    assert with_returns.returns is not None
    assert any(f.name == "event_study" for f in with_returns.made_from)
    assert with_returns.made_at >= before.made_at
