"""Six series of the sample over its quarters, beside what was planted: `python -m benchmarks.planted_curves --help`.

Shares of sentences: of a series among those of all themes, and of the lineage that most of its themes are of, among
those of all planted themes. A curve has a gap where the series has no theme, or the lineage is not alive.
"""

from __future__ import annotations

import argparse
from collections import Counter, defaultdict
from pathlib import Path
from statistics import correlation
from typing import TYPE_CHECKING

from benchmarks.lineages import given, stored
from benchmarks.links import ours
from ftm_assets.orchestration.series_plot import SHOWN, Curve, series_png
from ftm_resources import quarters as calendar

if TYPE_CHECKING:
    from collections.abc import Sequence

    from benchmarks.lineages import Quarter


def curves(found: Sequence[Quarter], series: list[list[str]]) -> list[Curve]:
    """Return the curves of all series that are of a lineage, those with most quarters, then sentences, first."""
    shares: dict[str, dict[int, float]] = defaultdict(dict)
    names: dict[str, str] = {}
    sizes: Counter[str] = Counter()
    lineages: dict[str, Counter[str | None]] = defaultdict(Counter)
    for t, (quarter, own) in enumerate(zip(found, series, strict=True)):
        total = sum(quarter.sizes)
        for i, name in enumerate(own):
            shares[name][t] = shares[name].get(t, 0) + quarter.sizes[i] / total
            sizes[name] += quarter.sizes[i]
            lineages[name][quarter.lineages[i]] += 1
            names.setdefault(name, quarter.names[i])
    planted = [{row["lineage_id"]: row["share"] for row in quarter.planted} for quarter in found]
    rows = []
    for name in sorted(shares, key=lambda s: (-len(shares[s]), -sizes[s], s)):
        lineage = lineages[name].most_common(1)[0][0]
        if lineage is not None:
            truth = [share.get(lineage) or None for share in planted]
            rows.append(Curve(names[name], [shares[name].get(t) for t in range(len(found))], truth))
    return rows


def agreement(curve: Curve) -> float | None:
    """Return the correlation of found with planted over the quarters that have both; None below four."""
    both = [(a, b) for a, b in zip(curve.found, curve.planted or (), strict=True) if a and b]
    return correlation(*zip(*both, strict=True)) if len(both) >= 4 else None


def main() -> None:
    """Write the picture and print how far found and planted shares agree."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.planted_curves", description=__doc__)
    parser.add_argument("--out", type=Path, required=True, help="the PNG")
    parser.add_argument("--quarters", default="2017Q1..2026Q4")
    parser.add_argument("--firms", type=int, default=60, help="of the sample, with its themes as planted")
    parser.add_argument("--cache", type=Path, default=Path(".benchmarks") / "links")
    parser.add_argument(
        "--warehouse", type=Path, help="instead of planted themes, those that the pipeline found"
    )
    parser.add_argument("--truth", type=Path, help="with --warehouse: the folder truth of ftm sample")
    options = parser.parse_args()
    first, _, last = options.quarters.partition("..")
    keys = calendar.between(first, last or first)
    if options.warehouse:
        found = stored(options.warehouse, options.truth, keys)
    else:
        found = given(options.firms, keys, options.cache)
    shown = curves(found, ours(found))
    title = f"The sample's series, {keys[0]} to {keys[-1]}"
    options.out.write_bytes(series_png(keys, shown, title, "share of sentences"))
    for curve in shown[:SHOWN]:
        print(curve.name, agreement(curve))


if __name__ == "__main__":
    main()
