"""What `ftm cost` says."""

import json
from datetime import UTC, datetime
from pathlib import Path

import pyarrow as pa
import pytest

from ftm_assets.cli.cost import _goal
from ftm_resources.price_table import BUNDLED, COLUMNS
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
        "one quarter machine task time Spot $ On-Demand $",
        "elapsed 8.6 h a quarter, 68.7 h for 8 quarters one after the other",
    ):
        assert word in said
    assert (
        "goal below $15 a quarter on Spot: met without what is paid by the month ($9.84), missed with it ($20.85)"
        in said
    )
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


@pytest.mark.parametrize(
    ("variables", "said"),
    [
        ({}, ""),
        ({"AWS_REGION": "us-east-1", "AWS_DEFAULT_REGION": "eu-west-1"}, ""),
        (
            {"AWS_REGION": "eu-west-1"},
            "region eu-west-1, but these prices are of us-east-1: name a table of yours",
        ),
        ({"AWS_DEFAULT_REGION": "eu-west-1"}, "region eu-west-1, but these prices are of us-east-1"),
    ],
)
def test_prices_of_another_region_are_said_to_be(
    ftm, monkeypatch: pytest.MonkeyPatch, variables: dict[str, str], said: str
):
    for name in ("AWS_REGION", "AWS_DEFAULT_REGION"):
        monkeypatch.delenv(name, raising=False)
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    shown = " ".join(ftm("cost").stdout.split())
    assert said in shown
    assert ("these prices are of" in shown) is bool(said)
    told = json.loads(ftm("cost", "--json").stdout)
    assert told["region"] == (variables.get("AWS_REGION") or variables.get("AWS_DEFAULT_REGION"))
    assert "these prices are of" not in ftm("cost", "--on", "local").stdout, "no price of AWS is used"


def test_json_has_every_stage_and_every_price(ftm):
    told = json.loads(ftm("cost", "--firms", "1000", "--quarters", "2", "--json").stdout)
    assert (told["on"], told["firms"], told["quarters"], told["gpu"]) == ("aws", 1000, 2, "g6.xlarge")
    by_stage = {s["stage"]: s for s in told["stages"]}
    assert {"themes", "checks", "run", "llm_service", "gpu_hosts"} <= set(by_stage)
    assert told["usd_of_a_quarter"]["spot"] == pytest.approx(sum(s["spot"] for s in told["stages"]))
    assert told["usd_in_all"]["spot"] == pytest.approx(2 * told["usd_of_a_quarter"]["spot"])
    assert told["elapsed_seconds"]["quarter"] == by_stage["run"]["seconds"]
    assert told["elapsed_seconds"]["in_all"] == 2 * by_stage["run"]["seconds"]
    assert (told["cores"], told["goal_usd_of_a_quarter"], told["without_price"]) == (None, None, [])
    assert told["usd_each_month"] == pytest.approx(sum(i["usd"] for i in told["each_month"]))
    assert all(p["source"] and p["as_of"] for p in told["prices"])
    assert told["measured_in"] == []


def test_json_says_where_each_default_is_from(ftm):
    told = json.loads(ftm("cost", "--json").stdout)
    sources = {s["stage"]: s["source"] for s in told["stages"]}
    assert sources["themes"] == "assumed, not measured; docs/benchmarks.md"
    assert sources["llm_service"] == "assumed, not measured"
    assert all(sources.values())
    figures = {d["name"]: d for d in told["defaults"]}
    assert figures["names_per_second"]["value"]["g6.xlarge"] == 4
    assert all(d["source"] for d in told["defaults"])
    assert (told["tasks_at_once"]["llm"], figures["chunk_firms"]["value"]) == (4, 500)


@pytest.mark.parametrize(
    ("usd", "in_a_month", "said"),
    [
        (9.0, 14.9, "met without what is paid by the month ($9.00), and with it ($14.90)"),
        (9.0, 15.1, "met without what is paid by the month ($9.00), missed with it ($15.10)"),
        (16.0, 20.0, "missed without what is paid by the month ($16.00), and with it ($20.00)"),
        (
            9.0,
            None,
            "met without what is paid by the month ($9.00); with it, cannot be told without every price",
        ),
        (None, None, "cannot be told without every price"),
    ],
)
def test_the_goal_is_told_without_and_with_what_is_paid_by_the_month(
    usd: float | None, in_a_month: float | None, said: str
):
    assert _goal(usd, in_a_month, 15) == f"below $15 a quarter on Spot: {said}"


def test_the_goal_is_said_of_as_many_firms_as_it_is_for(ftm):
    assert "goal" in ftm("cost", "--firms", "5000").stdout
    assert "goal" not in ftm("cost", "--firms", "4999").stdout
    assert json.loads(ftm("cost", "--json").stdout)["goal_usd_of_a_quarter"] == 15


def test_one_machine_has_hours_and_no_price_unless_there_is_one(
    ftm, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    shown = ftm("cost", "--on", "local", "--firms", "500", "--quarters", "2").stdout
    assert "2 quarters of 500 firms, on one machine" in shown
    assert "sentence_embeddings *" in shown
    assert "for 2 quarters one after the other" in shown
    assert "377 sentences a firm; 2 cores where marked *; no GPU; names extractive" in shown
    assert "no price of this machine" in " ".join(shown.split())
    assert "$" not in shown
    file = tmp_path / "mine.csv"
    file.write_text(",".join(COLUMNS) + "\nlocal,local,hour,2.5,here,2027-01-01,me\n")
    monkeypatch.setenv("FTM_PRICES", str(file))
    priced = " ".join(ftm("cost", "--on", "local", "--firms", "500", "--quarters", "3").stdout.split())
    assert "task time $" in priced
    assert "On-Demand" not in priced
    assert "no price" not in priced
    told = json.loads(ftm("cost", "--on", "local", "--firms", "500", "--quarters", "3", "--json").stdout)
    assert f"3 quarters ${told['elapsed_seconds']['in_all'] / 3600 * 2.5:.2f}" in priced
    assert told["gpu"] is None
    assert "mine.csv table, here, 2027-01-01" in priced


def test_cores_are_of_one_machine_and_a_gpu_is_of_aws(ftm):
    two, eight = (
        json.loads(ftm("cost", "--on", "local", "--cores", str(n), "--json").stdout) for n in (2, 8)
    )
    assert (two["cores"], eight["cores"]) == (2, 8)
    assert eight["elapsed_seconds"]["quarter"] < two["elapsed_seconds"]["quarter"]
    for arguments, said in (
        (("--on", "local", "--gpu", "g5.xlarge"), "--on local counts one machine without a GPU"),
        (("--cores", "3"), "--cores is of one machine: add --on local"),
    ):
        refused = ftm("cost", *arguments)
        assert refused.exit_code == 1
        assert said in " ".join(refused.output.split())


def test_what_has_no_price_is_named_and_stands_on_a_line_of_its_own(
    ftm, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    file = tmp_path / "mine.csv"
    kept = [
        row for row in BUNDLED.read_text().splitlines() if not row.startswith(("fargate_disk", "dns_zone"))
    ]
    file.write_text("\n".join(row for row in kept if not row.startswith("g6.xlarge,on-demand")) + "\n")
    monkeypatch.setenv("FTM_PRICES", str(file))
    said = " ".join(ftm("cost").stdout.split())
    assert "firm_topics * 8 vCPU, 32 GB, 50 GB disk 18 min no price no price" in said
    assert "llm_service * g6.xlarge 7.7 h no price no price" in said
    assert "sentence_embeddings * g6.xlarge 59 min 0.33 no price" in said
    assert "other stages" in said
    lacking = [
        "g6.xlarge (on-demand)",
        "fargate_disk (fargate-spot)",
        "fargate_disk (fargate)",
        "dns_zone (on-demand)",
    ]
    assert all(item in said for item in lacking)
    assert "add what mine.csv lacks" in said
    told = json.loads(ftm("cost", "--json").stdout)
    assert sorted(told["without_price"]) == sorted(lacking)
    assert told["usd_of_a_quarter"] == {"spot": None, "on_demand": None}


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
    shown = " ".join(ftm("cost", "--on", "local", "--firms", "10", "--quarters", "1").stdout.split())
    assert "10 firms, on one machine" in shown
    assert "1 sentence a firm;" in shown
    assert "themes local 6 min" in shown
    assert "measured in 2023Q1 (1 firm)" in shown
    larger = ("cost", "--on", "local", "--firms", "11", "--quarters", "1")
    shown = " ".join(ftm(*larger).stdout.split())
    assert "themes * local" in shown
    assert "not those of 2023Q1: too few firms to tell of 11 firms" in shown
    assert json.loads(ftm(*larger, "--json").stdout)["measured_in"] == []


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
