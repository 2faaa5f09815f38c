"""Market data and abnormal returns through Dagster and a real warehouse: skipped without a source, refused, checked."""

from datetime import date
from pathlib import Path
from typing import Any

import dagster as dg
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from ftm_assets.assets.abnormal_returns import abnormal_returns
from ftm_assets.assets.daily_returns import daily_returns
from ftm_assets.assets.transcripts import transcripts
from ftm_assets.checks.build import build_checks
from ftm_assets.methods.returns.expected_returns import MODELS
from ftm_assets.orchestration.deployment import test_resources as resources_of
from ftm_resources.sources.configured import ConfiguredSource
from ftm_resources.sources.returns.configured_market import ConfiguredMarket
from ftm_resources.sources.returns.market_sample import SampleMarket
from ftm_resources.sources.sample.generated import SampleSource, write
from ftm_resources.warehouse import Warehouse
from ftm_resources.warehouse.status import status

from .quarters_of_themes import why

QUARTER = "2023Q1"
FIRMS = 6
TABLES = {"transcripts", "transcript_audit", "daily_returns", "factor_returns", "abnormal_returns"}
RETURNS = {"daily_returns", "factor_returns", "abnormal_returns"}


def run(
    root: Path, *assets: dg.AssetsDefinition, config: dict[str, Any] | None = None, **resources: Any
) -> dg.ExecuteInProcessResult:
    checks = [c for c in build_checks() if {k.asset_key.path[-1] for k in c.check_keys} <= TABLES]
    definitions = dg.Definitions(
        assets=[transcripts, daily_returns, abnormal_returns],
        asset_checks=checks,
        jobs=[dg.define_asset_job("job", selection=dg.AssetSelection.assets(*assets))],
        resources=resources_of(root, **resources),
    )
    return definitions.resolve_job_def("job").execute_in_process(
        partition_key=QUARTER,
        run_config={"ops": {name: {"config": c} for name, c in (config or {}).items()}},
        raise_on_error=False,
    )


ALL = (transcripts, daily_returns, abnormal_returns)
SAMPLE = {"source": ConfiguredSource(kind="sample", sample_firms=FIRMS)}


@pytest.fixture(scope="module")
def sampled(tmp_path_factory: pytest.TempPathFactory) -> tuple[Warehouse, dg.ExecuteInProcessResult]:
    """A quarter of the sample with its returns; to be read only."""
    root = tmp_path_factory.mktemp("sampled") / "warehouse"
    result = run(root, *ALL, **SAMPLE)
    assert why(result) == ""
    return Warehouse(path=str(root)), result


@pytest.fixture
def own_calls(tmp_path: Path) -> ConfiguredSource:
    """The sample's calls as files, which have no returns of their own."""
    write(SampleSource(FIRMS), [QUARTER], tmp_path / "sample")
    return ConfiguredSource(kind="files", path=str(tmp_path / "sample" / "calls"))


def test_the_samples_calls_have_the_samples_returns(sampled: tuple[Warehouse, dg.ExecuteInProcessResult]):
    warehouse, result = sampled
    checked = {(e.asset_key.path[-1], e.check_name) for e in result.get_asset_check_evaluations() if e.passed}
    assert all(e.passed for e in result.get_asset_check_evaluations())
    assert checked >= {(t, c) for t in RETURNS for c in ("contract", "key_unique", "quarter_pure")}
    assert ("abnormal_returns", "references_resolve") in checked
    rows = warehouse.read("abnormal_returns", QUARTER).to_pylist()
    calls = {r["transcript_id"] for r in warehouse.read("transcripts", QUARTER).to_pylist()}
    assert len(rows) == len(calls) * len(MODELS) * 3
    assert {r["transcript_id"] for r in rows} == calls, "nothing vanishes"
    assert all(
        (r["reason"] is None) == (r["permno"] is not None) or r["reason"] == "missing_returns" for r in rows
    )
    assert {r["n_estimation"] for r in rows if r["permno"]} <= {206, 207}


def test_several_calls_of_a_firm_are_several_events(sampled: tuple[Warehouse, dg.ExecuteInProcessResult]):
    rows = sampled[0].read("abnormal_returns", QUARTER).to_pylist()
    by_firm: dict[str, set[date]] = {}
    for r in rows:
        by_firm.setdefault(r["firm_id"], set()).add(r["event_date"])
    assert max(map(len, by_firm.values())) == 2


def test_the_days_are_counted_as_trading_days(sampled: tuple[Warehouse, dg.ExecuteInProcessResult]):
    """260 trading days before a quarter are more than a year of the calendar, and none may be lacking."""
    warehouse, _ = sampled
    days = sorted(r["date"] for r in warehouse.read("factor_returns", QUARTER).to_pylist())
    assert sum(d < date(2023, 1, 1) for d in days) == 260
    assert sum(d > date(2023, 3, 31) for d in days) == 65
    assert sum(date(2023, 1, 1) <= d <= date(2023, 3, 31) for d in days) == 62


def test_the_metadata_say_how_calls_came_to_day_0(sampled: tuple[Warehouse, dg.ExecuteInProcessResult]):
    made = next(m for m in sampled[1].asset_materializations_for_node("abnormal_returns"))
    rules = made.metadata["event_rules"].value
    assert sum(rules.values()) == pytest.approx(1, abs=0.01)
    assert made.metadata["days_off_calendar"].value == 0


def test_without_a_source_of_returns_they_are_skipped_and_the_quarter_lacks_nothing(
    tmp_path: Path, own_calls: ConfiguredSource, capfd: pytest.CaptureFixture[str]
):
    result = run(tmp_path / "warehouse", *ALL, source=own_calls)
    assert why(result) == ""
    assert result.success
    assert "set FTM_RETURNS_SOURCE" in capfd.readouterr().err
    assert not {e.asset_key.path[-1] for e in result.get_asset_materialization_events()} & RETURNS
    assert not {e.asset_key.path[-1] for e in result.get_asset_check_evaluations()} & RETURNS
    (quarter,) = status(Warehouse(path=str(tmp_path / "warehouse")))
    assert not set(quarter.missing) & RETURNS
    assert "sentences" in quarter.missing, "other tables are missed as before"


def test_market_data_without_abnormal_returns_are_incomplete(tmp_path: Path):
    assert why(run(tmp_path / "warehouse", transcripts, daily_returns, **SAMPLE)) == ""
    (quarter,) = status(Warehouse(path=str(tmp_path / "warehouse")))
    assert set(quarter.missing) & RETURNS == {"abnormal_returns"}


def files_of_market(folder: Path) -> Path:
    folder.mkdir()
    market = SampleMarket(FIRMS, 7)
    span = date(2021, 12, 1), date(2023, 7, 31)
    permnos = range(900_000, 900_000 + FIRMS - 1)  # the last firm has none
    pq.write_table(pa.concat_tables(market.daily(permnos, *span)), folder / "daily.parquet")
    pq.write_table(market.factors(*span), folder / "factors.parquet")
    return folder


def test_own_calls_with_own_returns(
    tmp_path: Path, own_calls: ConfiguredSource, capfd: pytest.CaptureFixture[str]
):
    market = ConfiguredMarket(kind="files", path=str(files_of_market(tmp_path / "market")))
    root = tmp_path / "warehouse"
    assert why(run(root, *ALL, source=own_calls, market=market)) == ""
    assert "PERMNOs of 2023Q1 have no returns" in capfd.readouterr().err
    rows = Warehouse(path=str(root)).read("abnormal_returns", QUARTER).to_pylist()
    last = [r for r in rows if r["permno"] == 900_000 + FIRMS - 1]
    assert {r["reason"] for r in last} == {"no_returns"}
    assert {r["reason"] for r in rows if r["permno"] == 900_000} <= {None, "missing_returns"}
    # Without the source, what is stored stays; another source must be asked for.
    held = Warehouse(path=str(root)).quarter("daily_returns", QUARTER).content
    assert why(run(root, daily_returns, source=own_calls)) == ""
    assert "are kept as they are" in capfd.readouterr().err
    assert Warehouse(path=str(root)).quarter("daily_returns", QUARTER).content == held
    assert "of the sample's firms only" in why(
        run(root, daily_returns, market=ConfiguredMarket(kind="sample"))
    )


def test_days_that_the_factors_lack_are_named(
    tmp_path: Path, own_calls: ConfiguredSource, capfd: pytest.CaptureFixture[str]
):
    folder = files_of_market(tmp_path / "market")
    factors = pq.read_table(folder / "factors.parquet")
    pq.write_table(
        factors.filter(pa.compute.not_equal(factors.column("date"), date(2023, 2, 1))),
        folder / "factors.parquet",
    )
    market = ConfiguredMarket(kind="files", path=str(folder))
    assert why(run(tmp_path / "warehouse", *ALL, source=own_calls, market=market)) == ""
    linked = len(
        {
            r["permno"]
            for r in Warehouse(path=str(tmp_path / "warehouse")).read("daily_returns", QUARTER).to_pylist()
        }
    )
    assert f"{linked} rows of daily_returns" in capfd.readouterr().err


def test_market_data_of_another_source_are_not_replaced_unless_asked_for(tmp_path: Path):
    root = tmp_path / "warehouse"
    assert why(run(root, *ALL, **SAMPLE)) == ""
    market = ConfiguredMarket(kind="files", path=str(files_of_market(tmp_path / "market")))
    assert "set replace_market" in why(run(root, daily_returns, market=market))
    replaced = run(root, daily_returns, market=market, config={"daily_returns": {"replace_market": True}})
    assert why(replaced) == ""


def test_windows_beyond_the_days_that_were_read_are_refused(tmp_path: Path):
    root = tmp_path / "warehouse"
    config: dict[str, Any] = {"daily_returns": {"days_before": 100}}
    assert "days_before" in why(run(root, *ALL, config=config, **SAMPLE))
    config = {"daily_returns": {"days_after": 60}}
    assert "days_after" in why(run(root, daily_returns, abnormal_returns, config=config))
    config |= {"abnormal_returns": {"windows": ["[0,+1]"]}}
    assert why(run(root, daily_returns, abnormal_returns, config=config)) == ""


def test_bad_files_fail_with_their_problems(tmp_path: Path, own_calls: ConfiguredSource):
    (tmp_path / "bad.csv").write_text("permno,date,ret\n10107,2023-01-03,abc\n")
    market = ConfiguredMarket(kind="files", path=str(tmp_path / "bad.csv"))
    said = why(run(tmp_path / "warehouse", *ALL, source=own_calls, market=market))
    assert "returns:" in said
    assert "mktrf" in said or "row 1" in said
