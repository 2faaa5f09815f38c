from ftm_assets.report.reported_state import ReportedState
from ftm_assets.report.through_time import told_through
from ftm_resources.warehouse import Warehouse

from .told_quarter import EARLIER, QUARTER


def test_series_of_several_quarters(told: Warehouse):
    found = told_through(ReportedState.of(told, "2022Q3", QUARTER))
    assert (found.quarters, found.missing, found.n_left_out) == ((EARLIER, QUARTER), ("2022Q3",), 0)
    series = {s.name: s for s in found.series}
    assert list(series) == ["Freight", "Tariffs", "Hiring </script>", "Vague"]
    freight, tariffs, hiring = series["Freight"], series["Tariffs"], series["Hiring </script>"]
    assert freight.attention[0] == 0.25
    assert freight.score[1] == 0.4
    assert freight.score_low[0] is not None
    assert freight.score_low[0] < 0.1 < (freight.score_high[0] or 0)
    # Nothing is known of what was before the first quarter that is stored.
    assert (freight.born, freight.ended) == (None, None)
    assert (tariffs.attention, tariffs.n_firms, tariffs.ended) == ((0.5, None), (3, None), EARLIER)
    assert (hiring.born, hiring.ended) == (QUARTER, None)
    assert series["Vague"].attention == (None, None)
