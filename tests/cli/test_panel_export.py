"""Panels of several quarters as files, read by programs that others wrote."""

import csv
import shutil
import struct
from datetime import UTC, date, datetime
from pathlib import Path
from time import sleep
from typing import Any

import pandas as pd
import pyarrow.parquet as pq
import pyreadstat
import pytest

from ftm_assets.cli import panel_export
from ftm_resources.tables import TABLES
from ftm_resources.warehouse import Warehouse, tags
from ftm_resources.warehouse.snapshots import NOT_COMPARED
from tests.assets.spoken_quarter import filled

QUARTERS = ("2019Q4", "2020Q1", "2020Q3")
CALLED = datetime(2020, 1, 30, 21, 30, tzinfo=UTC)


def rows(quarter: str, table: str) -> list[dict[str, Any]]:
    """Three firms (or calls, or series) of a quarter: a measured one, a zero, and one that was not measured."""
    of = {"firm_theme_panel": "firm_id", "call_theme_panel": "transcript_id", "theme_panel": "series_id"}[
        table
    ]
    common = {
        "series_id": "2019Q4:series:000",
        "series_name": "Zölle & Tariffs",
        "theme_id": f"{quarter}:theme:000",
        "firm_name": "=Société Générale",
        "first_call_date": CALLED.date(),
        "call_date": CALLED.date(),
        "first_call_at": CALLED,
        "call_at": CALLED,
        "event": "born",
    }
    measured = {
        "status": "measured",
        "permno": 14593,
        "is_after_close": True,
        "n_business": 10,
        "n_sentences": 4,
        "attention": 0.4,
        "score": -0.25,
        "previous_quarter": "2019Q3",
    }
    zero = {"status": "measured", "n_business": 7, "n_sentences": 0, "attention": 0.0}
    lost = {"status": "failed", "n_business": 3}
    if table == "theme_panel":
        return [common | measured | {of: f"s{i}"} for i in range(3)]
    return [common | found | {of: f"{quarter}-{i}"} for i, found in enumerate((measured, zero, lost))]


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> Warehouse:
    made = Warehouse(path=str(tmp_path_factory.mktemp("panels") / "warehouse"))
    for quarter in QUARTERS:
        turn = {"component_id": f"{quarter}:1:0"}
        made.replace("transcripts", quarter, [filled("transcripts", [turn], quarter)])
        for table in ("firm_theme_panel", "call_theme_panel", "theme_panel"):
            made.replace(table, quarter, [filled(table, rows(quarter, table), quarter)])
    return made


@pytest.fixture
def stored(written: Warehouse, place: Path) -> Warehouse:
    """A copy of the panels, to be written to."""
    shutil.copytree(written.root, place / "warehouse")
    return Warehouse(path=str(place / "warehouse"))


def test_parquet_holds_the_rows_of_all_quarters_with_their_documents(stored: Warehouse, ftm, tmp_path: Path):
    out = tmp_path / "out"
    done = ftm("export", "panel", "--out", str(out))
    assert done.exit_code == 0, done.output
    assert {f.name for f in out.iterdir()} == {
        *(f"{t}.parquet" for t in ("firm_theme_panel", "call_theme_panel", "theme_panel")),
        "codebook.md",
    }
    for table in ("firm_theme_panel", "call_theme_panel", "theme_panel"):
        read = pq.read_table(out / f"{table}.parquet")
        assert read.to_pylist() == [row for q in QUARTERS for row in stored.read(table, q).to_pylist()]
    assert (
        read.schema.field("attention").metadata[b"doc"].decode()
        == TABLES["theme_panel"].column("attention").doc
    )


@pytest.mark.usefixtures("stored")
def test_a_range_and_a_grain_can_be_chosen(ftm, tmp_path: Path):
    done = ftm(
        "export", "panel", "-o", str(tmp_path / "out"), "--of", "firm", "--from", "2020q1", "--to", "2020Q1"
    )
    assert done.exit_code == 0, done.output
    assert {f.name for f in (tmp_path / "out").iterdir()} == {"firm_theme_panel.parquet", "codebook.md"}
    assert set(pq.read_table(tmp_path / "out" / "firm_theme_panel.parquet")["quarter"].to_pylist()) == {
        "2020Q1"
    }


@pytest.mark.usefixtures("stored")
def test_a_range_that_is_not_stored_as_a_whole_is_refused_unless_told(ftm, tmp_path: Path):
    line = ("export", "panel", "--of", "firm", "--from", "2019Q3", "--to", "2020Q2", "-o")
    done = ftm(*line, str(tmp_path / "out"))
    assert done.exit_code == 1
    assert "Not stored, so not in these panels: 2019Q3, 2020Q2." in done.output
    assert "--skip-missing" in done.output
    assert not (tmp_path / "out").exists()
    told = ftm(*line, str(tmp_path / "out"), "--skip-missing")
    assert told.exit_code == 0, told.output
    assert set(pq.read_table(tmp_path / "out" / "firm_theme_panel.parquet")["quarter"].to_pylist()) == {
        *("2019Q4", "2020Q1")
    }
    codebook = (tmp_path / "out" / "codebook.md").read_text(encoding="utf-8")
    for said in (told.output, codebook):
        assert "Not stored, so not in these panels: 2019Q3, 2020Q2." in said


@pytest.mark.usefixtures("stored")
def test_a_hole_between_the_stored_quarters_is_named(ftm, tmp_path: Path):
    done = ftm("export", "panel", "--of", "firm", "-o", str(tmp_path / "out"))
    assert done.exit_code == 0
    assert "Not stored, so not in these panels: 2020Q2." in done.output


def test_panels_of_pinned_themes_are_written_if_asked_for(stored: Warehouse, ftm, tmp_path: Path):
    line = ("export", "panel", "--of", "pinned-firm", "-o", str(tmp_path / "out"))
    assert "firm_pinned_panel lacks 2019Q4" in ftm(*line).output
    for quarter in QUARTERS:
        pinned = [{"series_id": "pinned:tariffs", "firm_id": "1", "status": "measured", "attention": 0.5}]
        stored.replace("firm_pinned_panel", quarter, [filled("firm_pinned_panel", pinned, quarter)])
    assert ftm(*line).exit_code == 0
    read = pq.read_table(tmp_path / "out" / "firm_pinned_panel.parquet")
    assert read["attention"].to_pylist() == [0.5] * 3


@pytest.mark.usefixtures("stored")
def test_csv_tells_zero_from_missing_and_runs_nothing(ftm, tmp_path: Path):
    out = tmp_path / "out"
    assert ftm("export", "panel", "-o", str(out), "-f", "csv", "--of", "firm").exit_code == 0
    with (out / "firm_theme_panel.csv").open(encoding="utf-8") as file:
        found = list(csv.DictReader(file))
    assert len(found) == 9
    assert [row["attention"] for row in found[:3]] == ["0.4", "0", ""]
    assert {row["firm_name"] for row in found} == {"'=Société Générale"}
    assert found[0]["first_call_date"] == "2020-01-30"


def notes_in(file: Path) -> list[tuple[str, str]]:
    """Return variable and text of each note1, as `help dta` lays characteristics out."""
    content = file.read_bytes()
    found, at = [], content.index(b"<characteristics>") + len("<characteristics>")
    while content[at : at + 4] == b"<ch>":
        (size,) = struct.unpack_from("<I", content, at + 4)
        of, name, text = (content[at + 8 + a : at + 8 + b] for a, b in ((0, 129), (129, 258), (258, size)))
        if name.rstrip(b"\0") == b"note1":
            found.append((of.rstrip(b"\0").decode(), text.rstrip(b"\0").decode()))
        at += 8 + size + len("</ch>")
    assert content[at:].startswith(b"</characteristics>")
    return found


def test_stata_reads_what_is_stored(stored: Warehouse, ftm, tmp_path: Path):
    out = tmp_path / "out"
    done = ftm("export", "panel", "-o", str(out), "-f", "dta")
    assert done.exit_code == 0, done.output
    for table in ("firm_theme_panel", "call_theme_panel", "theme_panel"):
        expected = [row for q in QUARTERS for row in stored.read(table, q).to_pylist()]
        by_pandas = pd.read_stata(out / f"{table}.dta", convert_dates=False)
        by_readstat, about = pyreadstat.read_dta(str(out / f"{table}.dta"))
        assert list(by_pandas.columns) == list(by_readstat.columns) == list(expected[0])
        assert len(by_pandas) == len(by_readstat) == len(expected)
        for name in ("series_id", "series_name", "theme_id"):
            assert list(by_pandas[name]) == list(by_readstat[name]) == [row[name] for row in expected]
        for name in ("attention", "score", "n_sentences"):
            given = [row[name] for row in expected]
            for read in (by_pandas, by_readstat):
                assert [None if pd.isna(v) else v for v in read[name]] == given
        assert list(by_pandas["quarter"]) == [239] * 3 + [240] * 3 + [242] * 3  # 1960q1 is 0
        assert about.original_variable_types["quarter"] == "%tq"
        labels = about.column_names_to_labels
        assert labels == pd.read_stata(out / f"{table}.dta", iterator=True).variable_labels()
        assert all(len(text) <= 80 for text in labels.values())
        for column in TABLES[table].columns:
            assert labels[column.name] == column.doc or labels[column.name].endswith("…")
            assert (column.name, column.doc) in notes_in(out / f"{table}.dta")
    dated = pd.read_stata(out / "firm_theme_panel.dta")
    assert dated["first_call_date"][0].date() == date(2020, 1, 30)
    assert dated["first_call_at"][0].to_pydatetime() == CALLED.replace(tzinfo=None)
    assert list(dated["previous_quarter"][:2].isna()) == [False, True]
    assert list(dated["permno"][:2].isna()) == [False, True]
    assert [None if pd.isna(v) else v for v in dated["is_after_close"][:2]] == [1, None]


@pytest.mark.usefixtures("stored")
def test_the_codebook_has_every_column(ftm, tmp_path: Path):
    assert ftm("export", "panel", "-o", str(tmp_path / "out"), "-f", "dta", "--of", "call").exit_code == 0
    text = (tmp_path / "out" / "codebook.md").read_text(encoding="utf-8")
    for column in TABLES["call_theme_panel"].columns:
        (line,) = [x for x in text.splitlines() if x.startswith(f"| `{column.name}` |")]
        assert line.count("|") == 6
        assert column.doc in line
    assert "2019Q4, 2020Q1, 2020Q3" in text


def test_a_quarter_without_a_panel_stops_the_export(stored: Warehouse, ftm, tmp_path: Path):
    turn = [{"component_id": "2020Q2:1:0"}]
    stored.replace("transcripts", "2020Q2", [filled("transcripts", turn, "2020Q2")])
    done = ftm("export", "panel", "-o", str(tmp_path / "out"))
    assert done.exit_code == 1
    assert "firm_theme_panel lacks 2020Q2" in done.output
    assert not (tmp_path / "out").exists()
    assert ftm("export", "panel", "-o", str(tmp_path / "out"), "--from", "2020Q3").exit_code == 0


@pytest.mark.usefixtures("stored")
def test_existing_files_are_kept_unless_told(ftm, tmp_path: Path):
    line = ("export", "panel", "-o", str(tmp_path / "out"), "--of", "theme")
    assert ftm(*line).exit_code == 0
    again = ftm(*line)
    assert again.exit_code == 1
    assert "already there" in again.output
    assert ftm(*line, "--force").exit_code == 0


@pytest.mark.usefixtures("stored")
def test_an_export_that_fails_leaves_no_file(ftm, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    from ftm_assets.cli import stata_files

    def broken(*_: object) -> None:
        raise ValueError("other rows")

    monkeypatch.setattr(stata_files.StataFile, "write", broken)
    done = ftm("export", "panel", "-o", str(tmp_path / "out"), "-f", "dta")
    assert done.exit_code == 1
    assert "run the command again" in done.output
    assert list((tmp_path / "out").iterdir()) == []


def test_a_panel_made_from_links_that_were_made_again_is_not_exported(
    stored: Warehouse, ftm, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    links = [{"theme_id": "2019Q4:theme:000", "series_id": "2019Q4:series:000", "event": "born"}]
    stored.replace("theme_links", "2019Q4", [filled("theme_links", links, "2019Q4")])
    read = stored.quarter("theme_links", "2019Q4").provenance()
    panel = filled("firm_theme_panel", rows("2020Q1", "firm_theme_panel"), "2020Q1")
    made_from = {"inputs": {"theme_links@2019Q4": read}}
    stored.replace("firm_theme_panel", "2020Q1", [panel], provenance=made_from)
    line = ("export", "panel", "--of", "firm", "-o")
    assert ftm(*line, str(tmp_path / "before")).exit_code == 0
    again = [row | {"series_id": "2018Q4:series:007"} for row in links]
    stored.replace("theme_links", "2019Q4", [filled("theme_links", again, "2019Q4")])
    done = ftm(*line, str(tmp_path / "after"))
    assert done.exit_code == 1
    assert "outdated" in done.output
    assert "2020Q1: firm_theme_panel was made from other rows of theme_links" in done.output
    assert not (tmp_path / "after").exists()
    monkeypatch.setenv("FTM_ALLOW_MIXED_GENERATIONS", "true")
    marked = "MIXED GENERATIONS, allowed: 2020Q1: firm_theme_panel was made from other rows of theme_links"
    for format_ in ("parquet", "csv", "dta"):
        told = ftm(*line, str(tmp_path / "after"), "-f", format_, "--force")
        assert told.exit_code == 0
        assert marked in told.output
        assert marked in (tmp_path / "after" / "codebook.md").read_text(encoding="utf-8")
        assert (tmp_path / "after" / f"firm_theme_panel_mixed.{format_}").exists()
        assert not (tmp_path / "after" / f"firm_theme_panel.{format_}").exists()
    file = tmp_path / "after" / "firm_theme_panel_mixed"
    assert marked in pq.read_schema(file.with_suffix(".parquet")).metadata[b"mixed_generations"].decode()
    _, about = pyreadstat.read_dta(str(file.with_suffix(".dta")))
    assert about.file_label.startswith("MIXED GENERATIONS")
    assert any(of == "_dta" and marked in text for of, text in notes_in(file.with_suffix(".dta")))
    stored.replace("firm_theme_panel", "2020Q1", [panel])
    assert ftm(*line, str(tmp_path / "after"), "-f", "dta", "--force").exit_code == 0
    assert not file.with_suffix(".dta").exists(), "the panel is no longer mixed"


def test_no_quarter_in_the_range_says_which_there_are(stored: Warehouse, ftm, tmp_path: Path):
    done = ftm("export", "panel", "-o", str(tmp_path / "out"), "--to", "2018Q4")
    assert done.exit_code == 1
    assert stored.quarters("transcripts") == list(QUARTERS)
    assert "2019Q4, 2020Q1, 2020Q3" in done.output


TOGETHER, APART = "together", "apart"


def linked_again(stored: Warehouse, *, tag_both: bool) -> datetime:
    """Panels of firms that belong together, tagged; then 2019Q4 linked again, its panel too. Return a time between."""
    line = {"theme_id": "2019Q4:theme:000", "series_id": "2019Q4:series:000", "event": "born"}

    def make(series: str, quarter: str, *read: str) -> None:
        inputs = {f"theme_links@{q}" if q != quarter else "theme_links": provenance(q) for q in read}
        panel = [row | {"series_id": series} for row in rows(quarter, "firm_theme_panel")]
        table = filled("firm_theme_panel", panel, quarter)
        stored.replace("firm_theme_panel", quarter, [table], provenance={"inputs": inputs})

    def provenance(quarter: str) -> dict[str, Any]:
        return stored.quarter("theme_links", quarter).provenance()

    stored.replace("theme_links", "2019Q4", [filled("theme_links", [line], "2019Q4")])
    make("2019Q4:series:000", "2019Q4", "2019Q4")
    make("2019Q4:series:000", "2020Q1", "2019Q4")
    for quarter in ("2019Q4", "2020Q1"):
        tags.tag(stored, quarter, TOGETHER)
    tags.tag(stored, "2020Q1", APART)
    sleep(0.01)
    between = datetime.now(UTC)
    sleep(0.01)
    again = line | {"series_id": "2018Q4:series:007"}
    stored.replace("theme_links", "2019Q4", [filled("theme_links", [again], "2019Q4")])
    make("2018Q4:series:007", "2019Q4", "2019Q4")
    if tag_both:
        tags.tag(stored, "2019Q4", APART)
    return between


def test_a_state_in_which_panels_do_not_go_together_is_not_exported(stored: Warehouse, ftm, tmp_path: Path):
    """One file would hold a series under two ids, whichever way its state is chosen."""
    between = linked_again(stored, tag_both=True)
    line = ("export", "panel", "--of", "firm", "--to", "2020Q1", "-o")
    today = datetime.now(UTC).date().isoformat()
    for number, of in enumerate(((), ("--as-of", today), ("--as-of", APART))):
        done = ftm(*line, str(tmp_path / str(number)), *of)
        assert done.exit_code == 1, of
        assert "2020Q1: firm_theme_panel was made from other rows of theme_links@2019Q4" in done.output
        assert not (tmp_path / str(number)).exists()
    for of in (between.isoformat(), TOGETHER):
        done = ftm(*line, str(tmp_path / of[:8]), "--as-of", of)
        assert done.exit_code == 0, done.output
        read = pq.read_table(tmp_path / of[:8] / "firm_theme_panel.parquet")
        assert set(read["series_id"].to_pylist()) == {"2019Q4:series:000"}


def test_a_quarter_that_lacks_the_tag_is_named(stored: Warehouse, ftm, tmp_path: Path):
    linked_again(stored, tag_both=False)
    line = ("export", "panel", "--of", "firm", "-o", str(tmp_path / "out"), "--as-of", APART)
    done = ftm(*line, "--to", "2020Q1")
    assert done.exit_code == 1
    assert "no tag 'apart' of 2019Q4" in done.output
    assert ftm(*line, "--from", "2020Q1", "--to", "2020Q1").exit_code == 0


def test_a_panel_that_was_made_after_the_day_is_not_exported_as_of_it(stored: Warehouse, ftm, tmp_path: Path):
    turn = [{"component_id": "2020Q2:1:0"}]
    stored.replace("transcripts", "2020Q2", [filled("transcripts", turn, "2020Q2")])
    stored.replace("theme_panel", "2020Q2", [filled("theme_panel", rows("2020Q2", "theme_panel"), "2020Q2")])
    sleep(0.01)
    moment = datetime.now(UTC)
    sleep(0.01)
    panel = filled("firm_theme_panel", rows("2020Q2", "firm_theme_panel"), "2020Q2")
    stored.replace("firm_theme_panel", "2020Q2", [panel])
    stored.replace("transcripts", "2020Q4", [filled("transcripts", turn, "2020Q4")])
    line = ("export", "panel", "--as-of", moment.isoformat())
    done = ftm(*line, "-o", str(tmp_path / "out"), "--of", "firm", "--of", "theme")
    assert done.exit_code == 1
    assert "firm_theme_panel lacks 2020Q2 as of" in done.output
    assert ftm(*line, "-o", str(tmp_path / "of-themes"), "--of", "theme").exit_code == 0  # no 2020Q4 yet
    written = pq.read_table(tmp_path / "of-themes" / "theme_panel.parquet")
    assert sorted(set(written["quarter"].to_pylist())) == ["2019Q4", "2020Q1", "2020Q2", "2020Q3"]


def test_the_codebook_says_which_state_was_exported(
    stored: Warehouse, ftm, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    between = linked_again(stored, tag_both=True)

    def state(name: str, *of: str) -> str:
        line = ("export", "panel", "--of", "firm", "--to", "2020Q1", "-o", str(tmp_path / name))
        assert ftm(*line, *of).exit_code == 0
        return (tmp_path / name / "codebook.md").read_text(encoding="utf-8").partition("## State")[2]

    for text, named in (
        (state("tag", "--as-of", TOGETHER), f"as tagged {TOGETHER}:"),
        (state("time", "--as-of", between.isoformat()), f"as of {between:%Y-%m-%d %H:%M:%S} UTC"),
    ):
        assert named in text
        for quarter in ("2019Q4", "2020Q1"):
            moment = between.isoformat()
            (shown,) = stored.table("firm_theme_panel").snapshots()[-1:]
            content = stored.together(quarter, ["firm_theme_panel"], as_of=moment)["firm_theme_panel"].content
            (line,) = [x for x in text.splitlines() if x.startswith(f"| firm_theme_panel | {quarter} |")]
            assert content in line
            assert str(shown.snapshot_id) not in line
    monkeypatch.setenv("FTM_ALLOW_MIXED_GENERATIONS", "true")
    text = state("newest")
    assert "the newest on" in text
    assert str(stored.provenance("firm_theme_panel", "2019Q4")["snapshot_id"]) in text


def test_a_panel_that_is_replaced_while_it_is_read_leaves_no_file(
    stored: Warehouse, ftm, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    read = panel_export._rows

    def and_meanwhile(*given: Any) -> Any:
        yield from read(*given)
        stored.replace(
            "theme_panel", "2020Q1", [filled("theme_panel", rows("2020Q1", "theme_panel"), "2020Q1")]
        )

    monkeypatch.setattr(panel_export, "_rows", and_meanwhile)
    done = ftm("export", "panel", "-o", str(tmp_path / "out"), "--of", "theme")
    assert done.exit_code == 1
    assert "theme_panel of 2020Q1 was replaced while it was read" in done.output
    assert list((tmp_path / "out").iterdir()) == []


def test_a_quarter_without_a_theme_is_exported_without_rows(stored: Warehouse, ftm, tmp_path: Path):
    turn = [{"component_id": "2020Q2:1:0"}]
    stored.replace("transcripts", "2020Q2", [filled("transcripts", turn, "2020Q2")])
    for table in ("firm_theme_panel", "call_theme_panel", "theme_panel"):
        stored.replace(table, "2020Q2", [filled(table, [], "2020Q2")])
    for format_ in ("parquet", "dta"):
        done = ftm("export", "panel", "-o", str(tmp_path / format_), "-f", format_)
        assert done.exit_code == 0, done.output
    assert set(pq.read_table(tmp_path / "parquet" / "theme_panel.parquet")["quarter"].to_pylist()) == {
        *QUARTERS
    }
    assert "2020Q1, 2020Q2, 2020Q3" in (tmp_path / "dta" / "codebook.md").read_text(encoding="utf-8")


def test_a_panel_that_leaves_out_a_quarter_is_not_exported(stored: Warehouse, ftm, tmp_path: Path):
    """Even if the rows that it leaves out are still there."""
    line = {"theme_id": "2019Q4:theme:000", "series_id": "2019Q4:series:000", "event": "born"}
    stored.replace("theme_links", "2019Q4", [filled("theme_links", [line], "2019Q4")])
    read = stored.quarter("theme_links", "2019Q4").provenance() | {"content": NOT_COMPARED}
    panel = filled("firm_theme_panel", rows("2020Q1", "firm_theme_panel"), "2020Q1")
    made_from = {"inputs": {"theme_links@2019Q4": read}}
    stored.replace("firm_theme_panel", "2020Q1", [panel], provenance=made_from)
    done = ftm("export", "panel", "--of", "firm", "-o", str(tmp_path / "out"))
    assert done.exit_code == 1
    assert "2020Q1: firm_theme_panel leaves out theme_links@2019Q4" in done.output


def test_mixed_panels_that_are_allowed_are_written_as_they_are(
    stored: Warehouse, ftm, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    """The newest rows, as the codebook says, and not those of the last generation that was complete."""
    stored.replace("theme_links", "2019Q4", [filled("theme_links", [], "2019Q4")])
    for series, content in (("old", stored.quarter("theme_links", "2019Q4").content), ("new", "others")):
        panel = [row | {"series_id": series} for row in rows("2019Q4", "firm_theme_panel")]
        made_from = {"inputs": {"theme_links": {"snapshot_id": "1", "content": content}}}
        table = filled("firm_theme_panel", panel, "2019Q4")
        stored.replace("firm_theme_panel", "2019Q4", [table], provenance=made_from)
    monkeypatch.setenv("FTM_ALLOW_MIXED_GENERATIONS", "true")
    done = ftm("export", "panel", "--of", "firm", "--to", "2019Q4", "-o", str(tmp_path / "out"))
    assert done.exit_code == 0, done.output
    assert set(
        pq.read_table(tmp_path / "out" / "firm_theme_panel_mixed.parquet")["series_id"].to_pylist()
    ) == {"new"}
    content = stored.quarter("firm_theme_panel", "2019Q4").content
    assert content in (tmp_path / "out" / "codebook.md").read_text(encoding="utf-8")
