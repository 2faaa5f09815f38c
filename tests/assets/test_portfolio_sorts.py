"""Portfolio sorts through Dagster and a real warehouse: quarters up to its own, provenance across them, refusals."""

from datetime import date
from pathlib import Path
from typing import Any

import dagster as dg
import pyarrow as pa
import pytest

from ftm_assets.assets.portfolio_sorts import READ, portfolio_sorts
from ftm_assets.orchestration.io_manager import WarehouseIOManager
from ftm_assets.orchestration.partitions import QUARTERS
from ftm_resources.duck import ConfiguredDuckDB
from ftm_resources.quarters import between
from ftm_resources.tables import TABLES
from ftm_resources.trading_days import exchange_days
from ftm_resources.warehouse import Warehouse
from ftm_resources.warehouse.snapshots import NEVER_WRITTEN
from ftm_resources.warehouse.status import status

from .quarters_of_events import write_events, write_pinned
from .quarters_of_themes import why
from .sorted_quarters import FIRMS, SERIES, quarter_tables

MADE = ("portfolio_members", "portfolio_returns", "portfolio_sorts")


def write(warehouse: Warehouse, quarter: str, table: str, rows: pa.Table, **provenance: Any) -> None:
    warehouse.replace(table, quarter, [rows], provenance={"run_id": f"{table} {quarter}", **provenance})


def write_quarter(warehouse: Warehouse, quarter: str, *, seed: int = 0, days_after: int = 65) -> None:
    config = {"days_before": 260, "days_after": days_after}
    for name, rows in quarter_tables(quarter, seed=seed, days_after=days_after).items():
        write(warehouse, quarter, name, rows, **({"config": config} if name == "daily_returns" else {}))


def sort(warehouse: Warehouse, quarter: str, **config: Any) -> dg.ExecuteInProcessResult:
    upstream = sorted({k.path[-1] for k in portfolio_sorts.dependency_keys})
    definitions = dg.Definitions(
        assets=[portfolio_sorts, *(dg.AssetSpec(t, partitions_def=QUARTERS) for t in upstream)],
        jobs=[dg.define_asset_job("job", selection=[portfolio_sorts])],
        resources={
            "warehouse": warehouse,
            "io_manager": WarehouseIOManager(warehouse=warehouse),
            "duckdb": ConfiguredDuckDB(),
        },
    )
    config = {"min_stocks": 2, **config}
    return definitions.resolve_job_def("job").execute_in_process(
        partition_key=quarter,
        run_config={"ops": {"portfolio_sorts": {"config": config}}},
        raise_on_error=False,
    )


@pytest.fixture(scope="module")
def three(tmp_path_factory: pytest.TempPathFactory) -> Warehouse:
    """Three quarters of calls; to be read only, but for the tables of the sorts."""
    warehouse = Warehouse(path=str(tmp_path_factory.mktemp("three") / "warehouse"))
    for quarter in ("2022Q3", "2022Q4", "2023Q1"):
        write_quarter(warehouse, quarter)
    return warehouse


def contents(warehouse: Warehouse, quarter: str) -> dict[str, str]:
    return {name: warehouse.quarter(name, quarter).content for name in MADE}


def test_a_quarter_sees_those_before_it_and_none_after(three: Warehouse):
    result = sort(three, "2022Q4")
    assert why(result) == ""
    alone = contents(three, "2022Q4")
    sorts = three.read("portfolio_sorts", "2022Q4").to_pylist()
    assert {(r["series_id"], r["series_name"]) for r in sorts} == {
        ("pooled", "pooled"), (SERIES, "named in 2022Q4"),
    }  # fmt: skip
    assert {r["n_quarters"] for r in sorts} == {2}
    counted = next(r for r in sorts if (r["portfolio"], r["model"]) == ("long_short", "ff3"))
    assert counted["reason"] is None
    assert counted["n_calls"] > 10
    assert date(2022, 10, 1) < counted["first_date"] < date(2022, 11, 1)
    assert counted["last_date"] > date(2023, 2, 1), "held on after the quarter's end"
    members = three.read("portfolio_members", "2022Q4").to_pylist()
    assert len(members) == 2 * FIRMS
    write_quarter(three, "2023Q1", seed=1)
    assert why(sort(three, "2022Q4")) == ""
    assert contents(three, "2022Q4") == alone, "a later quarter with other tones and returns changes nothing"


def test_what_it_was_made_from_is_recorded_across_quarters(three: Warehouse):
    assert why(sort(three, "2023Q1")) == ""
    inputs = three.provenance("portfolio_sorts", "2023Q1")["inputs"]
    wanted = {*READ, *(f"{t}@{q}" for t in READ for q in ("2022Q3", "2022Q4"))}
    absent = set(inputs) - wanted
    assert absent == {f"{READ[0]}@{q}" for q in between("2020Q3", "2022Q2")}
    assert {inputs[key]["content"] for key in absent} == {NEVER_WRITTEN}
    assert three.provenance("portfolio_members", "2023Q1")["together"] == list(MADE)


def test_a_quarter_before_that_changes_makes_it_outdated(tmp_path: Path):
    warehouse = Warehouse(path=str(tmp_path / "warehouse"))
    for quarter in ("2022Q4", "2023Q1"):
        write_quarter(warehouse, quarter)
    assert why(sort(warehouse, "2023Q1")) == ""
    (now,) = [q for q in status(warehouse) if q.quarter == "2023Q1"]
    assert not now.mixtures
    write_quarter(warehouse, "2022Q4", seed=5)
    (now,) = [q for q in status(warehouse) if q.quarter == "2023Q1"]
    assert {m.table for m in now.mixtures} == set(MADE)


@pytest.mark.parametrize("late", ["2022Q2", "2022Q4"])
def test_a_quarter_that_appears_before_it_makes_it_outdated(tmp_path: Path, late: str):
    warehouse = Warehouse(path=str(tmp_path / "warehouse"))
    for quarter in ("2022Q3", "2023Q1"):
        write_quarter(warehouse, quarter)
    assert why(sort(warehouse, "2023Q1")) == ""
    (now,) = [q for q in status(warehouse) if q.quarter == "2023Q1"]
    assert not now.mixtures
    write_quarter(warehouse, late)
    (now,) = [q for q in status(warehouse) if q.quarter == "2023Q1"]
    assert {m.table for m in now.mixtures} == set(MADE)
    assert why(sort(warehouse, "2023Q1")) == ""
    (now,) = [q for q in status(warehouse) if q.quarter == "2023Q1"]
    assert not now.mixtures


def test_a_quarter_before_that_lacks_a_table_is_left_out_and_named(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
):
    warehouse = Warehouse(path=str(tmp_path / "warehouse"))
    write_quarter(warehouse, "2023Q1")
    write(warehouse, "2022Q4", "sentiment_scores", TABLES["sentiment_scores"].empty())
    result = sort(warehouse, "2023Q1")
    assert why(result) == ""
    assert "has no calls of 2022Q4: no theme_links" in capfd.readouterr().err
    made = next(
        m for m in result.asset_materializations_for_node("portfolio_sorts") if "left_out" in m.metadata
    )
    assert list(made.metadata["quarters"].value) == ["2023Q1"]
    assert "themes that were not all known" in made.metadata["themes_known"].value
    write_quarter(warehouse, "2022Q4")
    (now,) = [q for q in status(warehouse) if q.quarter == "2023Q1"]
    assert {m.table for m in now.mixtures} == set(MADE), "outdated once the quarter is whole"


def test_shares_held_for_longer_than_the_days_that_were_read_are_refused(
    three: Warehouse, tmp_path: Path, capfd: pytest.CaptureFixture[str]
):
    """Ninety trading days are four months and more, not ninety of 120 days of the calendar."""
    assert "needs 92 after the quarter" in why(sort(three, "2022Q3", holding_days=90))
    warehouse = Warehouse(path=str(tmp_path / "warehouse"))
    write_quarter(warehouse, "2022Q4", days_after=95)
    assert why(sort(warehouse, "2022Q4", holding_days=90, min_breakpoint_calls=5)) == ""
    held = [r for r in warehouse.read("portfolio_members", "2022Q4").to_pylist() if r["first_date"]]
    assert {len(exchange_days(r["first_date"], r["last_date"])) for r in held} == {90}
    capfd.readouterr()
    write(warehouse, "2022Q4", "factor_returns", warehouse.read("factor_returns", "2022Q4").slice(0, 90))
    write_quarter(warehouse, "2023Q1")
    assert why(sort(warehouse, "2023Q1")) == ""
    assert "daily_returns of 2022Q4 end within the holding periods" in capfd.readouterr().err


def test_themes_known_before_the_calls_and_pinned_themes_are_sorted_by_too(tmp_path: Path):
    warehouse = Warehouse(path=str(tmp_path / "warehouse"))
    for quarter in ("2020Q3", "2020Q4"):
        write_events(warehouse, quarter)
        write_pinned(warehouse, quarter)
    few = {"holding_days": 10, "min_days": 10, "weightings": ["equal"], "models": ["mean"]}
    result = sort(warehouse, "2020Q4", definitions=["quarter", "known_before", "pinned"], **few)
    assert why(result) == ""
    members: dict[str, dict[tuple[str, str], Any]] = {}
    for r in warehouse.read("portfolio_members", "2020Q4").to_pylist():
        members.setdefault(r["definition"], {})[r["series_id"], r["transcript_id"]] = r
    prices = "2020Q3:series:000"
    assert members["known_before"].keys() == members["quarter"].keys()
    for key, known in members["known_before"].items():
        assert known["tone"] == pytest.approx(members["quarter"][key]["tone"]), "of the same sentences here"
    assert {series for series, _ in members["pinned"]} == {"pooled", "pinned:prices"}
    for (series, call), pinned in members["pinned"].items():
        assert pinned["tone"] == members["quarter"][prices, call]["tone"], series
    sorts = warehouse.read("portfolio_sorts", "2020Q4").to_pylist()
    of = {
        (r["definition"], r["series_id"]): r
        for r in sorts
        if r["portfolio"] == "long_short" and r["series_id"] != "pooled"
    }
    assert of["quarter", prices]["n_quarters"] == of["pinned", "pinned:prices"]["n_quarters"] == 2
    assert of["known_before", prices]["n_quarters"] == 1, "nothing is known before the first"
    assert of["pinned", "pinned:prices"]["series_name"] == "Prices"
    assert of["known_before", prices]["series_name"] == of["quarter", prices]["series_name"]
    assert of["pinned", "pinned:prices"]["alpha"] == of["quarter", prices]["alpha"]
    assert of["pinned", "pinned:prices"]["q_value"] == pytest.approx(of["pinned", "pinned:prices"]["p_value"])
    inputs = set(warehouse.provenance("portfolio_sorts", "2020Q4")["inputs"])
    assert {"pinned_theme_links", "sentence_topics@2020Q3", "theme_series@2020Q3"} <= inputs
    (now,) = [q for q in status(warehouse) if q.quarter == "2020Q4"]
    assert not [m for m in now.mixtures if m.table in MADE]
    plain = sort(warehouse, "2020Q4", **few)
    assert why(plain) == ""
    assert warehouse.read("portfolio_sorts", "2020Q4").to_pylist() == [
        r for r in sorts if r["definition"] == "quarter"
    ], "the others change nothing about it"
    assert "must be one of quarter, known_before, pinned" in why(
        sort(warehouse, "2020Q4", definitions=["mine"])
    )


def test_the_first_quarter_can_be_chosen(three: Warehouse):
    assert why(sort(three, "2023Q1", first_quarter="2023Q1")) == ""
    assert set(three.read("portfolio_sorts", "2023Q1").column("n_quarters").to_pylist()) == {1}
    assert "2023-Q1" in why(sort(three, "2023Q1", first_quarter="2023-Q1"))
