"""Regions of themes in the map."""

import numpy as np
import pytest

from ftm_assets.report.map_regions import regions_of


def test_a_region_lies_where_its_topics_are_densest_and_its_middle_is_in_it():
    x = np.array([0.2, 0.21, 0.2, 0.95, 0.8, 0.81, 0.8])
    y = np.array([0.3, 0.31, 0.3, 0.05, 0.7, 0.7, 0.71])
    theme = np.array([0, 0, 0, 0, 1, 1, 2])
    found = regions_of(x, y, np.array([9, 9, 9, 1, 9, 9, 1]), theme, 4)
    assert found.middle[0] == pytest.approx([0.2, 0.3], abs=0.02), "a topic far away does not move it"
    for one in (0, 1):
        column, row = (int(np.abs(found.at - v).argmin()) for v in found.middle[one])
        assert found.owner[row, column] == one
        assert found.inside(one)[row, column] == pytest.approx(1)
    assert np.isnan(found.middle[3]).all(), "it has no topic"
