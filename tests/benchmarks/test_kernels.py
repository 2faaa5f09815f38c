import numpy as np
import pytest

from benchmarks.kernels import changed


@pytest.mark.parametrize(
    ("expected", "found", "n"),
    [
        ([0, 0, 1, 1, -1], [1, 1, 0, 0, -1], 0),  # other numbers, the same topics
        ([0, 0, 1, 1, -1], [1, 1, 0, 1, -1], 1),
        ([0, 0, 1, 1, -1], [0, 0, 1, 1, 1], 1),  # in none before
        ([0, 0, 0, 0, 0], [0, 0, 0, 1, 1], 2),  # split
        ([-1, -1], [-1, -1], 0),
    ],
)
def test_rows_change_where_their_label_does_once_labels_are_matched(
    expected: list[int], found: list[int], n: int
) -> None:
    labels = np.array(expected), np.array(found)
    assert changed([labels[0]], [labels[1]]) == changed([labels[1]], [labels[0]]) == n
    assert changed([labels[0]] * 2, [labels[1]] * 2) == 2 * n
