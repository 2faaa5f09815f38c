"""The transcripts asset over Capital IQ: what it stores, what it says, and that a file gives the same."""

import hashlib
from datetime import UTC, date, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import dagster as dg
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from pydantic import ValidationError

from ftm_assets.assets.sentences import sentences
from ftm_assets.assets.transcripts import TranscriptsConfig, transcripts
from ftm_assets.cli.ui import WRDS_POOL
from ftm_assets.orchestration import calls_by_firm
from ftm_assets.orchestration.deployment import test_resources as resources_under
from ftm_resources.sources.configured import ConfiguredSource
from ftm_resources.sources.sample.generated import SampleSource
from ftm_resources.sources.wrds.capital_iq import CapitalIqSource
from ftm_resources.sources.wrds.export import export
from ftm_resources.warehouse import Warehouse
from ftm_resources.warehouse.status import status
from tests.calls_in_files import row, write

if TYPE_CHECKING:
    from benchmarks.wrds_server import Library

QUARTER = "2023Q1"
CALLED = datetime(2023, 2, 1, 21, 30, tzinfo=UTC)


@pytest.fixture
def quarter(library: "Library") -> "Library":
    """Sixteen firms of the sample, and three whose calls have what is hard to carry over a file."""
    library.add_sample(16, QUARTER)
    library.add_gvkey()
    library.add_link(10107)
    library.add_link(20000, linktype="LU")
    odd = [
        'He said, "fine",\r\nthen\nleft.',
        None,
        "Größe – 5 µm; naïve\tcafé.",
        "  Leading blanks stay.",
        "=1+1",
    ]
    library.add_call(
        55, odd, at=CALLED, event=7, people=[None, None, ("Answer", "", "Executives"), None, None]
    )
    library.add_call(54, odd, at=CALLED, event=7, collection="Edited Copy")
    library.add_call(56, ["A call of some hour. Sales rose."], on=date(2023, 3, 31))
    library.add_call(57, ["No link. None at all."], company=2, at=CALLED)
    library.add_gvkey("000003", 3)
    library.add_link(30000, "000003", end=date(2020, 1, 1))
    library.add_call(58, ["An old link."], company=3, at=CALLED)
    return library


def materialize(
    root: Path,
    *others: dg.AssetsDefinition,
    config: dict[str, Any] | None = None,
    quarter: str = QUARTER,
    **source: Any,
) -> dg.ExecuteInProcessResult:
    return dg.materialize(
        [transcripts, *others],
        partition_key=quarter,
        resources=resources_under(root, source=ConfiguredSource(**source)),
        run_config={"ops": {"transcripts": {"config": config or {}}}},
        raise_on_error=False,
    )


def metadata(result: dg.ExecuteInProcessResult, table: str) -> dict[str, Any]:
    found = {
        e.asset_key.path[-1]: e.materialization.metadata for e in result.get_asset_materialization_events()
    }
    return {name: value.value for name, value in found[table].items()}


@pytest.mark.parametrize("ending", [".parquet", ".csv", ".csv.gz"])
def test_a_file_gives_the_same_tables_downstream_as_wrds(quarter: "Library", tmp_path: Path, ending: str):
    out = tmp_path / f"calls{ending}"
    assert export(CapitalIqSource(), QUARTER, out)
    direct, filed = tmp_path / "direct", tmp_path / "filed"
    assert materialize(direct, sentences, kind="capital_iq").success
    connections = quarter.server.logins()
    assert materialize(filed, sentences, kind="files", path=str(out)).success
    assert quarter.server.logins() == connections
    one, other = Warehouse(path=str(direct)), Warehouse(path=str(filed))
    for table in ("transcripts", "sentences"):
        rows = one.read(table, QUARTER)
        assert rows.num_rows > 30
        assert rows.equals(other.read(table, QUARTER))
        assert one.quarter(table, QUARTER).content == other.quarter(table, QUARTER).content


@pytest.mark.usefixtures("quarter")
def test_the_audit_accounts_for_every_transcript_and_the_metadata_for_the_links(tmp_path: Path):
    result = materialize(tmp_path / "w", kind="capital_iq")
    assert result.success
    warehouse = Warehouse(path=str(tmp_path / "w"))
    audit = {a["transcript_id"]: a for a in warehouse.read("transcript_audit", QUARTER).to_pylist()}
    offered = (
        pa.concat_tables(SampleSource(16).components(QUARTER)).column("transcriptid").unique().to_pylist()
    )
    assert set(audit) == {*offered, "54", "55", "56", "57", "58"}
    assert {t: audit[t]["status"] for t in ("54", "55", "56", "57", "58")} == {
        "54": "superseded",
        "55": "kept",
        "56": "kept",
        "57": "unlinked",
        "58": "unlinked",
    }
    assert audit["55"]["reason"].startswith("several PERMNOs on 2023-02-01: 10107 (LC P")
    kept = {t for t, a in audit.items() if a["status"] == "kept"}
    stored = warehouse.read("transcripts", QUARTER)
    assert set(stored.column("transcript_id").to_pylist()) == kept
    assert stored.column("permno").null_count == 0
    said = metadata(result, "transcripts")
    unlinked = sum(a["status"] == "unlinked" for a in audit.values())
    assert said["link_rate"] == round(len(kept) / (len(kept) + unlinked), 4)
    assert said["unlinked"]["PERMNO expired"] == 1
    assert sum(said["unlinked"].values()) == unlinked
    assert said["ambiguous_links"] == 2
    assert (said["source"], said["require_permno"]) == ("capital_iq", True)
    assert 0 < said["firm_link_rate"] < 1


@pytest.mark.usefixtures("quarter")
def test_the_first_firms_leave_out_the_firms_after_them_not_the_unlinked_ones_among_them(tmp_path: Path):
    assert materialize(tmp_path / "w", kind="capital_iq", config={"first_firms": 2}).success
    audit = Warehouse(path=str(tmp_path / "w")).read("transcript_audit", QUARTER).to_pylist()
    unlinked = {a["transcript_id"] for a in audit if a["status"] == "unlinked"}
    assert {"57", "58"} <= unlinked, "companies 2 and 3, before the second firm with a PERMNO"
    last = max(int(a["firm_id"]) for a in audit if a["status"] == "kept")
    assert {a["status"] for a in audit if int(a["firm_id"]) > last} == {"excluded"}


@pytest.mark.usefixtures("quarter")
def test_without_require_permno_unlinked_firms_stay_and_the_link_rate_is_the_same(tmp_path: Path):
    strict = metadata(materialize(tmp_path / "a", kind="capital_iq"), "transcripts")
    lenient = metadata(
        materialize(tmp_path / "b", kind="capital_iq", config={"require_permno": False}), "transcripts"
    )
    assert lenient["calls"] == strict["calls"] + sum(strict["unlinked"].values())
    assert lenient["link_rate"] == strict["link_rate"]
    assert lenient["firm_link_rate"] == strict["firm_link_rate"]


@pytest.mark.usefixtures("library")
def test_what_wrds_refuses_fails_the_step_with_what_to_do(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("WRDS_PASSWORD", "wrong")
    result = materialize(tmp_path, kind="capital_iq")
    failure = result.failure_data_for_node("transcripts").user_failure_data
    assert "password authentication failed" in failure.description
    assert "approve this machine's address" in failure.description


def test_a_transcript_of_companies_in_different_groups_is_kept_for_the_linked_one_and_a_subset_has_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(calls_by_firm, "FIRMS_AT_ONCE", 1)
    rows = pa.concat_tables(SampleSource(3).components(QUARTER))
    firms = rows.column("companyid").unique().to_pylist()
    first = rows.filter(pa.compute.equal(rows.column("companyid"), firms[0]))
    other = {"companyid": "1", "permno": None, "gvkey": None, "link_date": None}
    listed = pa.Table.from_pylist([row | other for row in first.to_pylist()], schema=rows.schema)
    source = Stub([pa.concat_tables([rows, listed])])
    monkeypatch.setattr(ConfiguredSource, "open", lambda *_, **__: source)
    whole = materialize(tmp_path / "whole")
    asked = {"firms": [firms[0], "1", "999"], "exclude_firms": [firms[1]]}
    some = materialize(tmp_path / "some", config=asked)
    assert whole.success
    assert some.success
    stored = [Warehouse(path=str(tmp_path / name)) for name in ("whole", "some")]
    transcripts_of = [w.read("transcripts", QUARTER).to_pylist() for w in stored]
    audits = [w.read("transcript_audit", QUARTER).to_pylist() for w in stored]
    assert [r for r in transcripts_of[0] if r["firm_id"] == firms[0]] == transcripts_of[1]
    for audit in audits:
        assert {a["status"] for a in audit if a["firm_id"] == "1"} == {"other_company"}
    assert {a["firm_id"] for a in audits[1] if a["status"] == "excluded"} == set(firms[1:])
    said = metadata(some, "transcripts")
    assert (said["is_subset_of_firms"], said["firms_not_found"], said["firms"]) == (True, ["999"], 1)
    assert (metadata(whole, "transcripts")["is_subset_of_firms"], said["audit"]["excluded"]) == (False, 2)


@pytest.mark.parametrize(("n_listed", "is_read"), [(1, False), (3, True)])
def test_a_call_is_not_cut_by_the_company_that_it_is_read_for(tmp_path: Path, n_listed: int, is_read: bool):
    """The linked company is the one chosen; the other lists all three turns."""
    called = {"mostimportantdateutc": "2023-02-01 21:30:00"}
    rows = [row(i, **called) for i in range(3)]
    linked = {"companyid": 18750, "permno": 10107}
    rows += [row(i, **called) | linked for i in range(n_listed)]
    path = write(tmp_path / "calls.csv", [{"permno": ""} | r for r in rows])
    result = materialize(tmp_path / "w", kind="files", path=str(path))
    assert result.success == is_read
    if is_read:
        stored = Warehouse(path=str(tmp_path / "w")).read("transcripts", QUARTER).to_pylist()
        assert [(r["firm_id"], r["text"]) for r in stored] == [("18750", f"Component {i}.") for i in range(3)]
    else:
        assert "calls.csv row 4, column companyid: company 18750 has 1 of the 3 components" in problem(result)


def test_two_firms_do_not_become_one_by_the_leading_zeros_of_their_ids(tmp_path: Path):
    folder = tmp_path / "calls"
    folder.mkdir()
    called = {"mostimportantdateutc": "2023-02-01 21:30:00"}
    write(folder / "a.csv", [row(companyid="0012", **called)])
    write(folder / "b.csv", [row(companyid="12", transcriptid=56, **called)])
    result = materialize(tmp_path / "w", kind="files", path=str(folder))
    assert "b.csv row 1, column companyid: is written with no leading zeros" in problem(result)


class Stub(SampleSource):
    """A source of given rows."""

    def __init__(self, tables: list[pa.Table]) -> None:
        super().__init__(1)
        self.tables = tables

    def components(self, quarter: str, progress: Any = None) -> Any:  # noqa: ARG002
        yield from self.tables


def test_firms_built_in_small_groups_are_the_same_rows_in_the_same_order(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    stored = []
    for firms_at_once in (250, 5):
        monkeypatch.setattr(calls_by_firm, "FIRMS_AT_ONCE", firms_at_once)
        root = tmp_path / str(firms_at_once)
        assert materialize(root, kind="sample", sample_firms=12).success
        warehouse = Warehouse(path=str(root))
        stored.append([warehouse.read(t, QUARTER) for t in ("transcripts", "transcript_audit")])
    assert all(one.equals(other) for one, other in zip(*stored, strict=True))
    firms = stored[0][0].column("firm_id").to_pylist()
    assert firms == sorted(firms)


def test_what_may_not_be_what_it_seems_is_counted_in_the_metadata(tmp_path: Path):
    said = "Plant number nine made more pumps because orders rose strongly in the quarter. " * 3
    started = {"mostimportantdateutc": "2023-02-01 21:30:00", "componenttext": said}
    linked = [
        row(**started, permno=""),
        row(**started | {"componenttext": "Sales rose."}, componentorder=1, permno="10107"),
    ]
    other = row(
        companyid="2", transcriptid=56, permno="", headline="Acme Presents at a Conference", **started
    )
    file = write(
        tmp_path / "calls.csv",
        [
            r | {"transcriptcollectiontypename": "Gold"}
            for r in (*({"headline": ""} | r for r in linked), other)
        ],
    )
    told = metadata(materialize(tmp_path / "w", kind="files", path=str(file)), "transcripts")
    names = ("calls", "firms", "link_rate", "doubtful_headlines", "texts_of_several_firms")
    assert {n: told[n] for n in names} == dict(zip(names, (2, 2, 0.5, 1, 0), strict=True))
    assert told["unknown_collection_types"] == {"Gold": 2}

    same = [linked[0], row(companyid="2", transcriptid=56, permno="", **started)]
    events = [*same, row(companyid="3", transcriptid=57, permno="", **started)]
    for event, r in zip(("Earnings Call", "Q4 Earnings", "M&A Call"), events, strict=True):
        r["keydeveventtypename"] = event
    file = write(tmp_path / "same.csv", events)
    told = metadata(materialize(tmp_path / "v", kind="files", path=str(file)), "transcripts")
    assert (told["calls"], told["texts_of_several_firms"], told["other_events"]) == (2, 2, {"M&A Call": 1})
    audit = Warehouse(path=str(tmp_path / "v")).read("transcript_audit", QUARTER).to_pylist()
    assert [a["reason"] for a in audit] == [
        "same text as transcript 56 of company 2",
        "same text as transcript 55 of company 18749",
        "M&A Call",
    ]


def test_transcripts_run_in_the_pool_to_which_the_ui_gives_one_place():
    """That it does is in tests/cli/test_ui.py."""
    assert transcripts.op.pool == WRDS_POOL


@pytest.fixture
def real_calls(tmp_path: Path) -> Path:
    """A file of calls, as a user has it."""
    path = tmp_path / "calls.parquet"
    pq.write_table(pa.concat_tables(SampleSource(3).components(QUARTER)), path)
    return path


def problem(result: dg.ExecuteInProcessResult) -> str:
    return result.failure_data_for_node("transcripts").user_failure_data.description


def test_a_quarter_remembers_its_source_and_is_not_replaced_from_another(tmp_path: Path, real_calls: Path):
    root = tmp_path / "w"
    assert materialize(root, kind="files", path=str(real_calls)).success
    warehouse = Warehouse(path=str(root))
    sha256 = hashlib.sha256(real_calls.read_bytes()).hexdigest()
    source = {"name": "files", "path": str(real_calls), "sha256": sha256}
    for table in ("transcripts", "transcript_audit"):
        assert warehouse.provenance(table, QUARTER)["source"] == source
    assert [s.source for s in status(warehouse)] == [source]
    before = warehouse.quarter("transcripts", QUARTER)
    refused = materialize(root, kind="sample", sample_firms=2)
    assert not refused.success
    assert f"came from files ({real_calls}), but the source is now sample" in problem(refused)
    assert f"FTM_SOURCE=files FTM_SOURCE_PATH={real_calls}" in problem(refused)
    assert "add --replace-source to the same `ftm run` command" in problem(refused)
    assert warehouse.quarter("transcripts", QUARTER) == before
    assert materialize(root, kind="sample", sample_firms=2, config={"replace_source": True}).success
    assert warehouse.provenance("transcripts", QUARTER)["source"]["name"] == "sample"
    refused = materialize(root, kind="files", path=str(real_calls))
    assert "came from sample, but the source is now files" in problem(refused), "nor the other way round"
    assert "set FTM_SOURCE=sample and run without --calls" in problem(refused)


def test_the_sample_is_not_put_beside_real_calls(tmp_path: Path, real_calls: Path):
    root = tmp_path / "w"
    assert materialize(root, kind="files", path=str(real_calls)).success
    asked: dict[str, Any] = {"kind": "sample", "sample_firms": 2}
    refused = materialize(root, **asked, quarter="2022Q4")
    assert (
        f"the sample's invented firms would be put beside real ones ({QUARTER} came from files)"
        in problem(refused)
    )
    assert Warehouse(path=str(root)).quarters("transcripts") == [QUARTER]
    assert materialize(root, **asked, quarter="2022Q4", config={"replace_source": True}).success
    assert materialize(tmp_path / "other", **asked, quarter="2022Q4").success
    assert materialize(tmp_path / "other", **asked).success, "beside itself"


def test_another_file_may_replace_a_file_and_is_recorded(tmp_path: Path, real_calls: Path):
    root, warehouse = tmp_path / "w", Warehouse(path=str(tmp_path / "w"))
    assert materialize(root, kind="files", path=str(real_calls)).success
    first = warehouse.provenance("transcripts", QUARTER)["source"]
    folder = tmp_path / "folder"
    folder.mkdir()
    real_calls.rename(folder / "other.parquet")
    assert materialize(root, kind="files", path=str(folder)).success
    second = warehouse.provenance("transcripts", QUARTER)["source"]
    assert (second["name"], second["path"]) == ("files", str(folder))
    assert second["sha256"] != first["sha256"]
    assert materialize(tmp_path / "x", kind="sample", sample_firms=2).success
    assert materialize(tmp_path / "x", kind="sample", sample_firms=3).success, "another size of the sample"


def test_a_quarter_with_calls_is_not_replaced_by_nothing_unless_told_to(tmp_path: Path, real_calls: Path):
    root, warehouse = tmp_path / "w", Warehouse(path=str(tmp_path / "w"))
    assert materialize(root, kind="files", path=str(real_calls)).success
    held = warehouse.quarter("transcripts", QUARTER)
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    pq.write_table(pa.concat_tables(SampleSource(3).components("2020Q1")), elsewhere / "calls.parquet")
    refused = materialize(root, kind="files", path=str(elsewhere))
    assert "files has no calls in 2023Q1, but the warehouse does; they are kept" in problem(refused)
    assert warehouse.quarter("transcripts", QUARTER) == held
    told = materialize(root, kind="files", path=str(elsewhere), config={"replace_by_nothing": True})
    assert told.success
    assert warehouse.read("transcripts", QUARTER).num_rows == 0
    assert materialize(root, kind="files", path=str(elsewhere)).success, "nothing over nothing"
    assert materialize(root, kind="sample", sample_firms=2).success, "another source over nothing"


@pytest.mark.parametrize("asked", [{"first_firms": 1}, {"firms": ["1"]}])
def test_a_whole_quarter_is_not_replaced_by_some_firms_unless_told_to(tmp_path: Path, asked: dict[str, Any]):
    root, warehouse = tmp_path / "w", Warehouse(path=str(tmp_path / "w"))
    source = {"kind": "sample", "sample_firms": 3}
    assert materialize(root, **source).success
    firms = sorted(set(warehouse.read("transcripts", QUARTER).column("firm_id").to_pylist()), key=int)
    if "firms" in asked:
        asked = {"firms": firms[:1]}
    whole = warehouse.quarter("transcripts", QUARTER)
    refused = materialize(root, config=asked, **source)
    assert "but the warehouse has the whole quarter 2023Q1; it is kept" in problem(refused)
    assert "set replace_by_subset in the config of transcripts" in problem(refused)
    assert warehouse.quarter("transcripts", QUARTER) == whole
    without = {"exclude_firms": firms[:1]}
    assert materialize(root, config=without, **source).success, "a choice of research, not a trial"
    assert not materialize(root, config=asked | without, **source).success
    assert materialize(root, config=asked | {"replace_by_subset": True}, **source).success
    assert materialize(root, config={"first_firms": 2}, **source).success, "a trial over a trial"
    assert materialize(root, **source).success, "the whole quarter over a trial"
    assert not materialize(root, config=asked, **source).success
    assert materialize(tmp_path / "new", config=asked, **source).success, "a trial over nothing"


def test_a_language_that_cannot_be_detected_is_refused(tmp_path: Path):
    with pytest.raises(ValidationError, match=r'"jp" is not the code of a language .* did you mean ja'):
        TranscriptsConfig(languages=["en", "jp"])
    result = materialize(tmp_path, config={"languages": ["xx"]}, kind="sample", sample_firms=1)
    assert not result.success


def test_columns_that_nobody_knows_are_kept_by_firm_with_conflicts_in_the_metadata(tmp_path: Path):
    own = {"companyid": 9, "companyname": "Bolt Corp"}
    march = {"mostimportantdateutc": "2023-03-05 22:00:00", "transcriptid": 56, "sector": "Oil"}
    path = write(
        tmp_path / "calls.csv",
        [
            row(0, mostimportantdateutc="2023-02-05 22:00:00", sector="Energy", mood="calm"),
            row(1, mostimportantdateutc="2023-02-05 22:00:00", sector="Energy", mood="tense"),
            row(0, componenttext="A new quarter.", mood="calm", **march),
            row(1, componenttext="Of other words.", mood="tense", **march),
            row(
                0,
                componenttext="Bolt speaks.",
                transcriptid=57,
                mostimportantdateutc="2023-02-05 22:00:00",
                sector="",
                mood="",
                **own,
            ),
        ],
    )
    result = materialize(tmp_path, kind="files", path=str(path))
    found = Warehouse(path=str(tmp_path)).read("firm_attributes", QUARTER).to_pylist()
    assert [(r["firm_id"], r["name"], r["value"], r["other_values"]) for r in found] == [
        ("18749", "sector", "Oil", ["Energy"])
    ]
    said = metadata(result, "firm_attributes")
    assert said["firms_with_several_values"] == {"sector": 1}
    assert said["columns_left_out"] == {"mood": "it differs between the turns of 2 of 2 calls"}
