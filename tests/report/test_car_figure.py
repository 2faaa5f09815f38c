"""CAR paths for a paper."""

import numpy as np
import pytest

from ftm_assets.methods.returns.event_curves import Curves
from ftm_assets.report.car_figure import car_figure


def curves(n: int = 20) -> Curves:
    days = np.arange(-10, 21)
    mean = np.outer([-1, 0, 1, 2], (days >= 0) * 0.01)
    return Curves(days, mean, np.full(mean.shape, 0.005), (n, n, n))


@pytest.mark.parametrize(("width", "rows"), [(90, 2), (190, 1)])
def test_two_panels_stand_below_each_other_in_one_column(width: float, rows: int):
    figure = car_figure(curves(), curves(), width=width)
    left, right = figure.axes
    assert left.get_gridspec().nrows == rows
    assert left.get_ylim() == right.get_ylim()
    assert figure.get_size_inches()[0] == pytest.approx(width / 25.4)
    drawn = right.lines[1].get_ydata()
    assert drawn[-1] == pytest.approx(2), "high less low, in percent"


def test_without_calls_there_is_no_figure():
    with pytest.raises(ValueError, match="no call"):
        car_figure(curves(0), curves(0), width=90)
