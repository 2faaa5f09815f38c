"""`ftm export transcripts`; that its file gives the same tables is in tests/assets/test_transcripts.py."""

from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import pyarrow as pa
import pytest
from typer.testing import CliRunner

from ftm_assets.cli.main import app
from ftm_resources.sources.files.transcript_files import FilesSource
from ftm_resources.sources.wrds.capital_iq import CapitalIqSource

if TYPE_CHECKING:
    from benchmarks.wrds_server import Library

QUARTER = "2023Q1"


@pytest.fixture
def one_call(library: "Library") -> "Library":
    library.add_gvkey()
    library.add_link(10107)
    library.add_call(55, at=datetime(2023, 2, 1, 14, 30, tzinfo=UTC))
    return library


def export(*arguments: str | Path) -> tuple[int, str]:
    """Return the exit status and what was said last."""
    done = CliRunner().invoke(app, ["export", "transcripts", *map(str, arguments)])
    return done.exit_code, (done.stdout or done.stderr).strip().splitlines()[-1]


def test_the_command_says_what_it_wrote_and_what_it_left_out(one_call: "Library", tmp_path: Path):
    one_call.add_call(56, company=2, at=datetime(2023, 2, 2, 14, 30, tzinfo=UTC))
    out = tmp_path / "calls.csv"
    assert export("--quarter", QUARTER, "--out", out) == (
        0,
        f"Wrote 2 turns to {out}. Transcripts left out: 1 unlinked.",
    )
    status, said = export("--quarter", QUARTER, "--out", out, "--keep-unlinked")
    assert (status, said.startswith("Wrote 4 turns")) == (0, True)
    assert [p.name for p in tmp_path.iterdir()] == ["calls.csv"]


@pytest.mark.usefixtures("one_call")
def test_without_a_call_there_is_no_file(tmp_path: Path):
    status, said = export("--quarter", "2001Q1", "--out", tmp_path / "calls.parquet")
    assert (status, said) == (1, "WRDS has no usable calls in 2001Q1. Left out: none.")
    assert list(tmp_path.iterdir()) == []


def test_a_failure_leaves_the_file_that_was_there(one_call: "Library", tmp_path: Path):
    out = tmp_path / "calls.parquet"
    export("--quarter", QUARTER, "--out", out)
    before = out.read_bytes()
    one_call.server.run(f"REVOKE SELECT ON {one_call.ciq}.wrds_transcript_detail FROM researcher")
    status, _ = export("--quarter", QUARTER, "--out", out)
    assert status == 1
    assert out.read_bytes() == before
    assert len(list(tmp_path.iterdir())) == 1


@pytest.mark.parametrize("ending", ["csv", "csv.gz", "parquet"])
def test_a_bare_date_stays_one_beside_times(one_call: "Library", tmp_path: Path, ending: str):
    one_call.add_call(56, ["Some time."], on=date(2023, 3, 31))
    out = tmp_path / f"calls.{ending}"
    export("--quarter", QUARTER, "--out", out)
    rows = pa.concat_tables(FilesSource(out).components(QUARTER)).to_pylist()
    assert {r["transcriptid"]: r["is_date_only"] for r in rows} == {"55": False, "56": True}


@pytest.mark.parametrize("ending", ["csv", "csv.gz", "parquet"])
def test_a_file_gives_the_components_that_were_exported(one_call: "Library", tmp_path: Path, ending: str):
    at = datetime(2023, 3, 1, 21, 30, tzinfo=UTC)
    one_call.add_call(
        56, ["None.", "NA", 'Said "so",\nhe did.'], at=at, event=7, created=at + timedelta(hours=3)
    )
    one_call.add_call(57, ["Some time."], on=date(2023, 3, 30), collection=None)
    one_call.add_call(58, ["Midnight."], at=datetime(2023, 3, 31, tzinfo=UTC))
    one_call.add_call(59, ["A neighbour."], at=datetime(2023, 4, 2, 15, tzinfo=UTC))
    details = f"{one_call.ciq}.wrds_transcript_detail"
    one_call.server.run(
        f"UPDATE {details} SET transcriptcollectiontypeid = NULL, keydevid = 0 WHERE transcriptid = 57"
    )
    for quarter in (QUARTER, "2023Q2"):
        export("--quarter", quarter, "--out", tmp_path / f"{quarter}.{ending}")
    key = [("transcriptid", "ascending"), ("componentorder", "ascending")]
    read, filed = (
        pa.concat_tables(s.components(QUARTER)).sort_by(key)
        for s in (CapitalIqSource(), FilesSource(tmp_path))
    )
    assert FilesSource(tmp_path / f"{QUARTER}.{ending}").quarters() == {QUARTER: 6}
    assert read.column("transcriptid").unique().to_pylist() == ["55", "56", "57", "58", "59"]
    assert filed.to_pylist() == read.to_pylist()
