"""What `ftm cost` says."""

import json
from datetime import UTC, datetime
from pathlib import Path

import pyarrow as pa
import pytest

from ftm_resources.price_table import COLUMNS
from ftm_resources.tables import TABLES
from ftm_resources.warehouse import Warehouse


def test_it_says_what_eight_quarters_cost_and_what_it_knows_that_from(ftm):
    shown = ftm("cost", "--firms", "5000", "--quarters", "8")
    assert shown.exit_code == 0, shown.output
    said = " ".join(shown.stdout.split())
    assert "8 quarters of 5,000 firms, 377 sentences a firm, on AWS" in said
    for word in (
        "llm_service *",
        "g6.xlarge",
        "in all",
        "8 quarters Spot $",
        "each month $",
        "while the stacks exist",
    ):
        assert word in said
    assert "goal below $15 a quarter on Spot: met, without what is paid by the month" in said
    assert "bundled table, us-east-1, 2025-06-30 to 2026-06-30" in said
    assert "* the documentation's, in part assumed" in said
    assert "measured in" not in said


def test_it_fits_a_terminal_of_80_columns(ftm, monkeypatch: pytest.MonkeyPatch):
    from ftm_assets.cli import screen

    monkeypatch.setattr(screen, "PIPED_WIDTH", 80)
    for arguments in (["--quarters", "40"], ["--on", "local"], ["--extractive", "--gpu", "g4dn.xlarge"]):
        lines = ftm("cost", *arguments).stdout.splitlines()
        assert max(len(line.rstrip()) for line in lines) <= 80
        table = lines[: next(i for i, line in enumerate(lines) if line.strip().startswith("in all"))]
        assert all("…" not in line for line in table)


def test_json_has_every_stage_and_every_price(ftm):
    told = json.loads(ftm("cost", "--firms", "1000", "--quarters", "2", "--json").stdout)
    assert (told["on"], told["firms"], told["quarters"], told["gpu"]) == ("aws", 1000, 2, "g6.xlarge")
    by_stage = {s["stage"]: s for s in told["stages"]}
    assert {"themes", "checks", "run", "llm_service", "gpu_hosts"} <= set(by_stage)
    assert told["usd_of_a_quarter"]["spot"] == pytest.approx(sum(s["spot"] for s in told["stages"]))
    assert told["usd_in_all"]["spot"] == pytest.approx(
        2 * told["usd_of_a_quarter"]["spot"] + sum(s["spot"] for s in told["once"])
    )
    assert told["usd_each_month"] == pytest.approx(sum(i["usd"] for i in told["each_month"]))
    assert all(p["source"] and p["as_of"] for p in told["prices"])
    assert told["measured_in"] == []


def test_one_machine_has_hours_and_no_price_unless_there_is_one(
    ftm, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    shown = ftm("cost", "--on", "local", "--firms", "500", "--quarters", "1").stdout
    assert "sentence_embeddings *" in shown
    assert "$" not in shown
    file = tmp_path / "mine.csv"
    file.write_text(",".join(COLUMNS) + "\nlocal,local,hour,2.5,here,2027-01-01,me\n")
    monkeypatch.setenv("FTM_PRICES", str(file))
    priced = " ".join(ftm("cost", "--on", "local", "--firms", "500", "--quarters", "1").stdout.split())
    assert "1 quarter $" in priced
    assert "mine.csv table, here, 2027-01-01" in priced


def test_what_this_warehouse_measured_is_used_and_named(ftm, place: Path):
    warehouse = Warehouse(path=str(place / "warehouse"))
    row = {
        "run_id": "a", "stage": "themes", "step_key": "themes", "attempt": 0, "outcome": "succeeded",
        "started_at": datetime(2026, 1, 1, tzinfo=UTC), "seconds": 36.0, "machine": "local", "market": "local",
        "tokens_in": 0, "tokens_out": 0, "quarter": "2023Q1",
    }  # fmt: skip
    sentence = {
        "sentence_id": "1", "transcript_id": "1", "component_id": "1", "firm_id": "1", "position": 0, "text": "Said.",
        "section": "presentation", "speaker_type": "executive", "quarter": "2023Q1",
    }  # fmt: skip
    for table, own in (("run_costs", row), ("sentences", sentence)):
        warehouse.replace(table, "2023Q1", [pa.Table.from_pylist([own], schema=TABLES[table].arrow_schema)])
    shown = " ".join(ftm("cost", "--on", "local", "--firms", "100", "--quarters", "1").stdout.split())
    assert "100 firms, 1 sentence a firm" in shown
    assert "themes local 60 min" in shown
    assert "measured in 2023Q1 (1 firm)" in shown


def test_a_broken_table_of_prices_is_refused_by_name(ftm, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    file = tmp_path / "mine.csv"
    file.write_text(",".join(COLUMNS) + "\nlocal,local,hour,much,here,2027-01-01,me\n")
    monkeypatch.setenv("FTM_PRICES", str(file))
    refused = ftm("cost")
    assert refused.exit_code == 1
    assert f"{file} line 2: usd 'much' is not a number" in refused.output


def test_prices_that_lack_all_that_aws_needs_are_refused(
    ftm, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    file = tmp_path / "mine.csv"
    file.write_text(",".join(COLUMNS) + "\nlocal,local,hour,1,here,2027-01-01,me\n")
    monkeypatch.setenv("FTM_PRICES", str(file))
    refused = ftm("cost")
    assert refused.exit_code == 1
    assert "has no price of Fargate: add fargate_vcpu and fargate_gb" in refused.output
