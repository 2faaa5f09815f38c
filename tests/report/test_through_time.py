import pyarrow as pa
import pytest

from ftm_assets.report.gathering import gather
from ftm_assets.report.reported_state import ReportedState
from ftm_assets.report.through_time import told_through
from ftm_resources.tables import TABLES
from ftm_resources.warehouse import Warehouse
from tests.assets.spoken_quarter import filled

from .told_quarter import EARLIER, QUARTER


def test_series_of_several_quarters(told: Warehouse):
    found = told_through(ReportedState.of(told, "2022Q3", QUARTER))
    assert (found.quarters, found.missing) == (("2022Q3", EARLIER, QUARTER), ("2022Q3",))
    assert found.n_left_out == 0
    series = {s.name: s for s in found.series}
    assert list(series) == ["Freight", "Tariffs", "Hiring </script>", "Vague talk"]
    freight, tariffs, hiring = series["Freight"], series["Tariffs"], series["Hiring </script>"]
    assert freight.attention[:2] == (None, 0.25)
    assert freight.score[2] == 0.4
    assert freight.score_low[1] is not None
    assert freight.score_low[1] < 0.1 < (freight.score_high[1] or 0)
    # Nothing is known of what was before the first quarter that is stored.
    assert (freight.born, freight.ended) == (None, None)
    assert (tariffs.attention, tariffs.n_firms) == ((None, 0.5, None), (None, 3, None))
    assert (hiring.born, hiring.ended) == (QUARTER, None)
    assert series["Vague talk"].attention == (None, None, None)


def test_a_series_has_ended_only_if_the_table_says_so(copied: Warehouse):
    def tariffs() -> tuple[str, str | None, str | None]:
        (found,) = [
            s for s in told_through(ReportedState.of(copied, EARLIER, QUARTER)).series if s.name == "Tariffs"
        ]
        return found.status, found.last_seen, found.ended

    assert tariffs() == ("dormant", EARLIER, None)
    rows = copied.read("theme_series", QUARTER).to_pylist()
    for row in rows:
        row["status"] = "ended" if row["status"] == "dormant" else row["status"]
    copied.replace(
        "theme_series", QUARTER, [pa.Table.from_pylist(rows, schema=TABLES["theme_series"].arrow_schema)]
    )
    assert tariffs() == ("ended", EARLIER, EARLIER)
    copied.replace("theme_series", QUARTER, [TABLES["theme_series"].empty()])
    assert tariffs() == ("", EARLIER, None)


@pytest.mark.parametrize("hole", ["not stored", "no panel", "empty panel"])
def test_a_hole_within_the_range_is_a_gap_across_which_nothing_is_concluded(copied: Warehouse, hole: str):
    first = "2022Q2"
    panel = [{"series_id": f"{first}:series:000", "series_name": "Gone", "theme_id": f"{first}:theme:000"}]
    copied.replace("theme_panel", first, [filled("theme_panel", panel, first)])
    if hole == "no panel":
        copied.replace("topic_quality", "2022Q3", [TABLES["topic_quality"].empty()])
    elif hole == "empty panel":
        copied.replace("theme_panel", "2022Q3", [TABLES["theme_panel"].empty()])
    report = gather(copied, first, QUARTER)
    through = report.through
    assert through is not None
    assert through.quarters == (first, "2022Q3", EARLIER, QUARTER)
    series = {s.name: s for s in through.series}
    assert {s.attention[1] for s in through.series} == {None}
    assert (series["Gone"].ended, series["Gone"].last_seen) == (None, first)
    if hole == "empty panel":
        assert through.missing == ()
    else:
        assert through.missing == ("2022Q3",)
        assert series["Freight"].born is None
        assert any(said.startswith("2022Q3 is not stored or has no theme_panel") for said in report.warnings)
