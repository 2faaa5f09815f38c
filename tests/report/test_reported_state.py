from typing import Any

import pytest

from ftm_assets.report.reported_state import PANEL, ReportedState, ReportError
from ftm_resources.warehouse import Warehouse
from ftm_resources.warehouse.tags import tag

from .told_quarter import EARLIER, QUARTER


def again(warehouse: Warehouse, table: str, quarter: str, made: dict[str, Any], n: int | None = None) -> None:
    """Write the rows of a table again, or the first n, as made from what is given."""
    rows = warehouse.read(table, quarter)
    warehouse.replace(table, quarter, [rows if n is None else rows.slice(0, n)], provenance=made)


def test_the_quarter_before_is_compared_and_one_that_is_not_stored_is_not_missed(told: Warehouse):
    assert ReportedState.of(told, QUARTER).compared() == (EARLIER, None)
    assert ReportedState.of(told, EARLIER).compared() == (None, None)


def test_a_range_names_the_quarters_that_are_not_stored(told: Warehouse):
    state = ReportedState.of(told, "2022Q2", QUARTER)
    assert (state.quarters, state.missing) == ((EARLIER, QUARTER), ("2022Q2", "2022Q3"))


@pytest.mark.parametrize(
    ("first", "last", "said"),
    [
        ("2019Q1", None, "no quarter 2019Q1"),
        (QUARTER, "2023Q2", "no quarter 2023Q2"),
        (QUARTER, EARLIER, "runs backwards"),
    ],
)
def test_what_cannot_be_shown_is_refused(told: Warehouse, first: str, last: str | None, said: str):
    with pytest.raises(ReportError, match=said):
        ReportedState.of(told, first, last)


def test_a_panel_made_from_other_rows_of_the_quarter_before_is_not_compared(copied: Warehouse):
    links = {"snapshot_id": "1", "content": "gone"}
    again(copied, PANEL, QUARTER, {"inputs": {f"{PANEL}@{EARLIER}": links}})
    before, why = ReportedState.of(copied, QUARTER).compared()
    assert before is None
    assert why is not None
    assert f"{PANEL} was made from other rows of {PANEL}@{EARLIER} ({QUARTER})" in why


def test_several_quarters_with_an_outdated_panel_are_refused_unless_allowed(
    copied: Warehouse, monkeypatch: pytest.MonkeyPatch
):
    again(copied, PANEL, QUARTER, {"inputs": {f"{PANEL}@{EARLIER}": {"snapshot_id": "1", "content": "gone"}}})
    with pytest.raises(ReportError, match="panels are outdated"):
        ReportedState.of(copied, EARLIER, QUARTER)
    monkeypatch.setenv("FTM_ALLOW_MIXED_GENERATIONS", "true")
    (said,) = ReportedState.of(copied, EARLIER, QUARTER).warnings
    assert "does not go together" in said


def test_a_quarter_of_which_no_state_goes_together_is_refused(copied: Warehouse):
    again(copied, "themes", QUARTER, {"inputs": {"firm_topics": {"snapshot_id": "1", "content": "gone"}}})
    # The first write of themes, which recorded no input, goes with the rest: it is shown, and the page says so.
    (said,) = ReportedState.of(copied, QUARTER).warnings
    assert "as it was before" in said


def test_a_tag_is_of_the_quarters_that_have_it(copied: Warehouse):
    tag(copied, QUARTER, "paper")
    state = ReportedState.of(copied, QUARTER, as_of="paper")
    again(copied, "themes", QUARTER, {}, n=1)
    assert state.compared() == (None, None)
    with ReportedState.of(copied, QUARTER, as_of="paper").connect() as db:
        assert db.execute("SELECT count(*) FROM themes").fetchone() == (3,)
    with pytest.raises(OSError, match="no tag 'other'"):
        ReportedState.of(copied, QUARTER, as_of="other")
