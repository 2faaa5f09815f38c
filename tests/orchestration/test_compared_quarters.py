"""Which quarters before a panel's changes are from, and when a panel is outdated for their sake."""

from dataclasses import replace
from datetime import date
from pathlib import Path

import pytest

from ftm_assets.orchestration.compared_quarters import Compared, compared_quarters
from ftm_resources.tables import TABLES
from ftm_resources.warehouse import Warehouse
from tests.assets.spoken_quarter import Call, Quarter, Turn, filled

EARLIEST, EARLIER, FIRST, SECOND = "2022Q3", "2022Q4", "2023Q1", "2023Q2"
READ = ("firm_status", "sentiment_scores", "theme_links")
SAID = [Turn([(0, "positive"), (1, "neutral")])]
IN_FIRST = Quarter(FIRST, [Call("1", "1", date(2023, 2, 1), SAID)])
IN_SECOND = Quarter(SECOND, [Call("2", "1", date(2023, 5, 1), SAID)])


@pytest.fixture
def warehouse(tmp_path: Path) -> Warehouse:
    return Warehouse(path=str(tmp_path / "warehouse"))


def write(warehouse: Warehouse, quarter: Quarter, *, without: tuple[str, ...] = ()) -> None:
    """Write what is read of a quarter before."""
    tables = quarter.tables()
    for name in ("themes", *READ):
        if name not in without:
            warehouse.replace(name, quarter.quarter, [tables[name]])


def compared(warehouse: Warehouse, quarter: str = SECOND) -> Compared:
    return compared_quarters(warehouse, warehouse.pin(), quarter)


def used(found: Compared) -> set[str]:
    return {table.quarter for table in found.used}


def make_panel(warehouse: Warehouse) -> None:
    """Write the panel of the second quarter, with what is recorded of the quarters before."""
    made_from = {"inputs": compared(warehouse).made_from()}
    warehouse.replace("firm_theme_panel", SECOND, [TABLES["firm_theme_panel"].empty()], provenance=made_from)


def outdated(warehouse: Warehouse) -> list[str]:
    return sorted(m.source for m in warehouse.pin().mixtures(SECOND, ["firm_theme_panel"]))


def test_a_quarter_that_lacks_links_is_left_out_and_makes_the_panel_outdated_once_it_has_them(
    warehouse: Warehouse,
):
    write(warehouse, IN_FIRST, without=("theme_links",))
    found = compared(warehouse)
    assert (used(found), found.left_out) == (set(), {FIRST: "no theme_links"})
    make_panel(warehouse)
    assert outdated(warehouse) == []
    write(warehouse, IN_FIRST)
    assert f"theme_links@{FIRST}" in outdated(warehouse)
    assert used(compared(warehouse)) == {FIRST}


def test_a_quarter_of_mixed_generations_is_left_out_unless_they_are_allowed(warehouse: Warehouse):
    """Its links are of other themes than its scores: ranks would be taken for each other."""
    write(warehouse, IN_FIRST)
    of_old = {"inputs": {"themes": {"snapshot_id": "1", "content": "others"}}}
    warehouse.replace("theme_links", FIRST, [IN_FIRST.tables()["theme_links"]], provenance=of_old)
    found = compared(warehouse)
    assert used(found) == set()
    assert "theme_links was made from other rows of themes" in found.left_out[FIRST]
    allowed = compared_quarters(warehouse, warehouse.pin(), SECOND, mixed_allowed=True)
    assert (used(allowed), allowed.left_out) == ({FIRST}, {})


def test_a_quarter_that_was_mixed_and_ends_with_the_same_rows_makes_the_panel_outdated(warehouse: Warehouse):
    """Its rows were not compared, so that they have not changed says nothing."""
    write(warehouse, IN_FIRST)
    links = IN_FIRST.tables()["theme_links"]

    def link(content: str) -> None:
        made_from = {"inputs": {"themes": {"snapshot_id": "1", "content": content}}}
        warehouse.replace("theme_links", FIRST, [links], provenance=made_from)

    link("others")
    make_panel(warehouse)
    link(warehouse.quarter("themes", FIRST).content)
    assert outdated(warehouse) == sorted(f"{table}@{FIRST}" for table in READ)
    make_panel(warehouse)
    assert outdated(warehouse) == []


def chained(
    warehouse: Warehouse, quarter: Quarter, rests_on: str, content: str | None = None, *, chain: str = "x"
) -> None:
    """Write a quarter whose links were made from `theme_series` of one before: as it is, or as it was once."""
    read = warehouse.quarter("theme_series", rests_on).provenance() if warehouse.exists() else {}
    made_from = {"inputs": {f"theme_series@{rests_on}": read | ({"content": content} if content else {})}}
    write(warehouse, quarter, without=("theme_links",))
    series = filled("theme_series", [{"series_id": chain, "theme_id": quarter.theme(0)}], quarter.quarter)
    for name, rows in (("theme_links", quarter.tables()["theme_links"]), ("theme_series", series)):
        warehouse.replace(name, quarter.quarter, [rows], provenance=made_from)


def test_a_quarter_is_not_compared_with_other_series_than_its_links_go_on_from(warehouse: Warehouse):
    """A tagged quarter keeps its links; the one before was made again, and an id there means another series."""
    chained(warehouse, IN_FIRST, EARLIER, "empty")
    chained(warehouse, IN_SECOND, FIRST)
    assert used(compared(warehouse)) == {FIRST}
    chained(warehouse, replace(IN_FIRST, themes=("Hiring", "Freight")), EARLIER, "empty", chain="y")
    found = compared(warehouse)
    assert used(found) == set()
    assert f"theme_links was made from other rows of theme_series@{FIRST}" in found.left_out[FIRST]
    assert found.made_from()[f"sentiment_scores@{FIRST}"]["content"] == "not compared"
    chained(warehouse, IN_SECOND, FIRST)
    assert used(compared(warehouse)) == {FIRST}


def test_a_break_of_the_chain_further_back_ends_the_comparison_there(warehouse: Warehouse):
    """The links of a tagged quarter stay as they are, and those after it go on from them, but not from those before."""
    chained(warehouse, replace(IN_FIRST, quarter=EARLIER), EARLIEST, "empty")
    chained(warehouse, IN_FIRST, EARLIER, "others")
    chained(warehouse, IN_SECOND, FIRST)
    found = compared(warehouse)
    assert (used(found), set(found.left_out)) == ({FIRST}, {EARLIER})
    made = found.made_from()
    assert made[f"theme_links@{EARLIER}"]["content"] == "not compared"
    assert made[f"theme_links@{FIRST}"]["content"] == warehouse.quarter("theme_links", FIRST).content


def test_a_quarter_written_since_is_not_compared_with_and_breaks_no_chain(warehouse: Warehouse):
    chained(warehouse, replace(IN_FIRST, quarter=EARLIER), EARLIEST, "empty")
    chained(warehouse, IN_FIRST, EARLIER)
    chained(warehouse, IN_SECOND, EARLIER)
    of_links = {
        "inputs": {
            f"theme_series@{EARLIER}": warehouse.quarter("theme_series", EARLIER).provenance(),
            f"theme_series@{FIRST}": {"snapshot_id": "None", "content": "empty"},
        }
    }
    warehouse.replace("theme_links", SECOND, [IN_SECOND.tables()["theme_links"]], provenance=of_links)
    found = compared(warehouse)
    assert (used(found), set(found.left_out)) == ({EARLIER}, {FIRST})


def test_no_more_than_four_quarters_before_are_read_and_absent_ones_are_recorded(warehouse: Warehouse):
    write(warehouse, IN_FIRST)
    made = compared(warehouse).made_from()
    assert {key.partition("@")[2] for key in made} == {"2022Q2", EARLIEST, EARLIER, FIRST}
    assert made[f"theme_links@{EARLIER}"]["content"] == "empty"
