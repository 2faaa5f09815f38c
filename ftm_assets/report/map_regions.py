"""Where themes lie in the map of topics: for each, the region in which its topics are denser than any other theme's.

What belongs here: the regions of figures for a paper. The page of a quarter draws the same in template/regions.js.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]
    Ints = NDArray[np.int64]

_CELLS = 200
"""Across the map, whose topics are within [0, 1]."""
_BORDER = 16
"""Cells around it, so that a region at its edge is whole."""
_EDGE = 0.25
"""Share of a theme's highest density at which its region ends."""
_WIDE = _CELLS + 2 * _BORDER


class Regions(NamedTuple):
    """The regions of n themes on a grid of g by g cells."""

    at: Floats
    """(g,): the place of each column and row on the map."""
    owner: Ints
    """(g, g), rows by y: the theme of each cell; -1 for none."""
    middle: Floats
    """(n, 2): x and y of the place where the topics of each theme are densest; NaN for a theme without a region."""

    def inside(self, theme: int) -> Floats:
        """Return (g, g): how far each cell is inside a region; its smooth outline is where this is 0.5."""
        mask: Floats = (self.owner == theme).astype(np.float64)
        # The mean over each cell and its eight neighbours, twice, so that outlines are round.
        for _ in range(2):
            padded = np.pad(mask, 1)
            near = [padded[i : i + _WIDE, j : j + _WIDE] for i in range(3) for j in range(3)]
            mask = np.mean(near, axis=0)
        return mask


def regions_of(x: Floats, y: Floats, weight: Ints, theme: Ints, n_themes: int) -> Regions:
    """Return the regions of themes, of topics (n,) at x and y in [0, 1]; `theme` is -1 for a topic in none."""
    reach = int(np.clip(round(14 * (400 / max(len(x), 1)) ** 0.2), 5, _BORDER - 1))
    steps = np.arange(-reach, reach + 1)
    far = (steps[:, None] ** 2 + steps**2) / reach**2
    kernel = np.where(far < 1, (1 - far) ** 2, 0.0)
    cell_x, cell_y = (np.rint(np.clip(v, 0, 1) * (_CELLS - 1)).astype(np.int64) + _BORDER for v in (x, y))
    at = (np.arange(_WIDE) - _BORDER) / (_CELLS - 1)
    owner = np.full((_WIDE, _WIDE), -1, dtype=np.int64)
    best, middle = np.zeros((_WIDE, _WIDE)), np.full((n_themes, 2), np.nan)
    densities = {}
    for one in range(n_themes):
        topics = np.flatnonzero(theme == one)
        if not len(topics):
            continue
        density = densities[one] = np.zeros((_WIDE, _WIDE))
        for k in topics:
            rows = slice(cell_y[k] - reach, cell_y[k] + reach + 1)
            columns = slice(cell_x[k] - reach, cell_x[k] + reach + 1)
            density[rows, columns] += weight[k] ** 0.5 * kernel
        is_own = (density > _EDGE * density.max()) & (density > best)
        best[is_own], owner[is_own] = density[is_own], one
    for one, density in densities.items():
        held = np.where(owner == one, density, 0.0)
        if held.any():
            row, column = np.unravel_index(int(held.argmax()), held.shape)
            middle[one] = at[column], at[row]
    return Regions(at, owner, middle)
