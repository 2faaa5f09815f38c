"""Controls through Dagster and a real warehouse: the sample's, without a source, from files, and what is refused."""

from collections.abc import Mapping
from datetime import date
from pathlib import Path
from typing import Any

import dagster as dg
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from ftm_assets.assets.abnormal_returns import abnormal_returns
from ftm_assets.assets.controls import controls
from ftm_assets.assets.daily_returns import daily_returns
from ftm_assets.assets.transcripts import transcripts
from ftm_assets.checks.build import build_checks
from ftm_assets.methods.returns.call_controls import CONTROLS
from ftm_assets.orchestration.deployment import test_resources as resources_of
from ftm_resources.sources.configured import ConfiguredSource
from ftm_resources.sources.returns.configured_fundamentals import ConfiguredFundamentals
from ftm_resources.sources.returns.fundamentals_sample import SampleFundamentals
from ftm_resources.warehouse import Warehouse

from .quarters_of_themes import why

QUARTER = "2023Q1"
FIRMS = 6
ALL = (transcripts, daily_returns, abnormal_returns, controls)
OWN = {"fundamentals", "controls"}


class NoSource(ConfiguredFundamentals):
    """A deployment in which no source of fundamentals is set."""

    def open(self, calls: Mapping[str, Any]) -> None:  # noqa: ARG002
        return None


def run(
    root: Path, *assets: dg.AssetsDefinition, config: dict[str, Any] | None = None, **resources: Any
) -> dg.ExecuteInProcessResult:
    definitions = dg.Definitions(
        assets=ALL,
        asset_checks=[c for c in build_checks() if {k.asset_key.path[-1] for k in c.check_keys} <= OWN],
        jobs=[dg.define_asset_job("job", selection=dg.AssetSelection.assets(*assets))],
        resources=resources_of(root, source=ConfiguredSource(kind="sample", sample_firms=FIRMS), **resources),
    )
    return definitions.resolve_job_def("job").execute_in_process(
        partition_key=QUARTER,
        run_config={"ops": {"controls": {"config": config}}} if config else {},
        raise_on_error=False,
    )


@pytest.fixture(scope="module")
def sampled(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dg.ExecuteInProcessResult]:
    """A quarter of the sample with its controls."""
    root = tmp_path_factory.mktemp("sampled") / "warehouse"
    result = run(root, *ALL)
    assert why(result) == ""
    return root, result


def test_every_call_has_a_row_and_the_samples_controls(sampled: tuple[Path, dg.ExecuteInProcessResult]):
    warehouse = Warehouse(path=str(sampled[0]))
    evaluations = sampled[1].get_asset_check_evaluations()
    assert all(e.passed for e in evaluations)
    assert {e.asset_key.path[-1] for e in evaluations} == OWN
    rows = warehouse.read("controls", QUARTER).to_pylist()
    calls = {r["transcript_id"] for r in warehouse.read("abnormal_returns", QUARTER).to_pylist()}
    assert {r["transcript_id"] for r in rows} == calls, "keyed as abnormal_returns are, by call"
    linked = [r for r in rows if r["permno"]]
    assert all(r[c] is not None for r in linked for c in ("log_size", "momentum", "volatility"))
    assert any(r["sue"] is not None and r["book_to_market"] is not None for r in linked)
    for r in rows:
        for c in CONTROLS:
            assert (r[c] is None) == (r[f"{c}_reason"] is not None)
            assert (r["sue"] is None) == (r["sue_method"] is None)
            assert r[f"{c}_known_date"] is None or r[f"{c}_known_date"] <= r["call_date"]
    provenance = warehouse.provenance("controls", QUARTER)
    assert provenance["source"]["name"] == "sample"
    assert set(provenance["inputs"]) == {"transcripts", "abnormal_returns", "daily_returns", "factor_returns"}
    made = next(
        m for m in sampled[1].asset_materializations_for_node("controls") if "with_all_controls" in m.metadata
    )
    assert 0 < made.metadata["with_all_controls"].value <= 1
    n_known = sum(r["sue"] is not None for r in rows)
    assert made.metadata["sue_methods"].value == {"seasonal_walk": n_known}


def _some_have_a_ready_surprise(accounts: pa.Table, made: pa.Table, to: Path) -> None:
    """Write the accounts with a ready-made surprise for the first call that has one."""
    first = next(r for r in made.to_pylist() if r["sue"] is not None)
    key = (first["permno"], first["sue_fiscal_date"])
    rows = [
        {**r, "sue": 0.03 if (r["permno"], r["fiscal_date"]) == key else None} for r in accounts.to_pylist()
    ]
    pq.write_table(pa.Table.from_pylist(rows, schema=accounts.schema), to)


def test_other_sources_replace_only_what_they_are_told_to(
    sampled: tuple[Path, dg.ExecuteInProcessResult], tmp_path: Path, capfd: pytest.CaptureFixture[str]
):
    root, _ = sampled
    warehouse = Warehouse(path=str(root))
    before = warehouse.read("controls", QUARTER)
    assert "came from sample, but none is set now" in why(run(root, controls, accounts=NoSource()))
    told = run(root, controls, accounts=NoSource(), config={"replace_fundamentals": True})
    assert why(told) == ""
    assert "set FTM_FUNDAMENTALS_SOURCE to files or wrds" in capfd.readouterr().err
    rows = warehouse.read("controls", QUARTER).to_pylist()
    assert {r["sue_reason"] for r in rows} <= {"no_source", "no_permno"}
    assert [r["momentum"] for r in rows] == before.column("momentum").to_pylist()
    assert warehouse.read("fundamentals", QUARTER).num_rows == 0
    market = SampleFundamentals(FIRMS, 7).rows(
        range(900_000, 900_000 + FIRMS), date(2020, 1, 1), date(2023, 3, 31)
    )
    pq.write_table(market, tmp_path / "fundq.parquet")
    files = ConfiguredFundamentals(kind="files", path=str(tmp_path))
    assert why(run(root, controls, accounts=files)) == "", "nothing is lost if there was no source before"
    assert warehouse.read("controls", QUARTER) == before
    assert "mixes two measures" not in capfd.readouterr().err
    _some_have_a_ready_surprise(market, before, tmp_path / "fundq.parquet")
    mixed = run(root, controls, accounts=files)
    assert why(mixed) == ""
    assert "mixes two measures (calls: given 1, seasonal_walk" in capfd.readouterr().err
    made = [m.metadata for m in mixed.asset_materializations_for_node("controls")]
    n_known = len(before) - before.column("sue").null_count
    assert next(m["sue_methods"].value for m in made if "sue_methods" in m) == {
        "given": 1,
        "seasonal_walk": n_known - 1,
    }
    (tmp_path / "bad.csv").write_text("permno,datadate,rdq\nx,2023-03-31,\n")
    assert "fundamentals:" in why(run(root, controls, accounts=files))
    assert "days_before" in why(run(root, controls, config={"first_day": -300}))
