from ftm_assets.report.payload import Report
from ftm_resources.warehouse import Warehouse

from .told_quarter import QUARTER


def facts(report: Report, heading: str) -> dict[str, str]:
    return {f.name: f.value for f in report.made_from if f.heading == heading}


def test_the_source_is_named_without_the_folders_of_a_machine(report: Report):
    assert facts(report, "Source") == {"name": "files", "path": "calls.csv", "sha256": "0f"}
    assert not any("/home/someone" in f.value for f in report.made_from)


def test_each_table_names_its_snapshot_and_code(report: Report, told: Warehouse):
    tables = facts(report, "Tables")
    snapshot = told.provenance("themes", QUARTER)["snapshot_id"]
    assert tables["themes"].startswith(f"snapshot {snapshot}, written 20")
    assert tables["themes"].endswith("code abc")
    assert {"theme_panel", "coverage"} <= tables.keys()


def test_models_are_told_in_words(report: Report):
    models = facts(report, "Models")
    assert (
        models["Names"] == "by writer, a language model; others from the calls' own words, rule extractive-4"
    )
    assert not any(" = " in value for value in models.values())
    assert "FTM" in facts(report, "Drawn by")


def test_parameters_of_a_method_that_was_not_used_are_left_out(report: Report):
    assert facts(report, "Configuration") == {"themes": "max_firm_share = 0.4, method = graph"}
