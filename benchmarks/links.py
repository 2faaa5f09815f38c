"""Do links between quarters find the same theme again? Precision and recall on quarters whose lineages are known.

`python -m benchmarks.links --only simulated` needs nothing; `given` embeds the sample's planted themes; `anew` reads a
warehouse in which the pipeline clustered the sample's quarters, beside the folder that `ftm sample` wrote. Rules of
linking that are simpler than `methods.time` are here for comparison.
"""

from __future__ import annotations

import argparse
from collections import Counter, defaultdict
from dataclasses import dataclass, replace
from functools import partial
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from benchmarks.joined_pieces import joined
from benchmarks.lineages import Quarter, given, simulated, stored
from benchmarks.measure import markdown
from ftm_assets.methods.time.linking import LinkParams, link_quarters
from ftm_assets.methods.time.profiles import QuarterThemes
from ftm_resources import quarters as calendar

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

FLOOR, LOOKBACK, NEAREST = 0.5, 8, 3
"""Of the simpler rules, as they were first measured."""
SEEDS = range(5)

AWAY = ("dies", "pauses", "merged_into")
"""Events of the sample's lineages that are no longer there."""

Series = list[list[str]]
"""By quarter and theme: the series that it belongs to."""


def mutual_nearest(found: Sequence[Quarter], floor: float = FLOOR) -> Series:
    """Continue the series of a theme of the last quarter if each is the other's nearest and they are alike."""
    series: Series = []
    for t, quarter in enumerate(found):
        own = [f"{t}.{i}" for i in range(len(quarter.lineages))]
        if t:
            near = quarter.vectors @ found[t - 1].vectors.T
            for i, j in enumerate(near.argmax(axis=1).tolist()):
                if near[:, j].argmax() == i and near[i, j] >= floor:
                    own[i] = series[t - 1][j]
        series.append(own)
    return series


def assignment(found: Sequence[Quarter], floor: float = FLOOR) -> Series:
    """Match themes one to one with the newest theme of each series of the last eight quarters (Hungarian)."""
    from scipy.optimize import linear_sum_assignment

    series: Series = []
    newest: dict[str, tuple[int, Any]] = {}
    for t, quarter in enumerate(found):
        own = [f"{t}.{i}" for i in range(len(quarter.lineages))]
        known = [s for s, (at, _) in newest.items() if t - at <= LOOKBACK]
        if known:
            near = quarter.vectors @ np.array([newest[s][1] for s in known]).T
            for i, j in zip(*linear_sum_assignment(-np.maximum(near, floor)), strict=True):
                if near[i, j] >= floor:
                    own[i] = known[j]
        newest |= {s: (t, v) for s, v in zip(own, quarter.vectors, strict=True)}
        series.append(own)
    return series


def vote(found: Sequence[Quarter], floor: float = FLOOR) -> Series:
    """Join the series that most of the three nearest themes of the last eight quarters belong to, many to one."""
    series: Series = []
    for t, quarter in enumerate(found):
        own = [f"{t}.{i}" for i in range(len(quarter.lineages))]
        past = range(max(0, t - LOOKBACK), t)
        if past:
            labels = [s for p in past for s in series[p]]
            near = quarter.vectors @ np.concatenate([found[p].vectors for p in past]).T
            for i, row in enumerate(near):
                votes: Counter[str] = Counter()
                for j in np.argsort(-row, kind="stable")[:NEAREST]:
                    if row[j] >= floor:
                        votes[labels[j]] += row[j]
                if votes:
                    own[i] = votes.most_common(1)[0][0]
        series.append(own)
    return series


def one_each(found: Sequence[Quarter]) -> Series:
    """Know the truth, but let a series have one theme in a quarter: smaller pieces have series of their own."""
    series: Series = []
    for quarter in found:
        n, own = Counter[str | None](), dict[int, str]()
        for i in np.argsort([-size for size in quarter.sizes], kind="stable").tolist():
            lineage = quarter.lineages[i]
            n[lineage] += 1
            own[i] = f"{lineage} {n[lineage]}" if lineage else f"none {quarter.key} {i}"
        series.append([own[i] for i in range(len(own))])
    return series


def ours(found: Sequence[Quarter], params: LinkParams | None = None) -> Series:
    """Return the series of `methods.time`."""
    return [list(linked.series_ids) for linked in link_quarters(map(themes_of, found), params)]


def themes_of(quarter: Quarter) -> QuarterThemes:
    """Return a quarter as `methods.time` takes it."""
    n = len(quarter.lineages)
    return QuarterThemes(
        quarter.key,
        tuple(f"{quarter.key}:theme:{i:03d}" for i in range(n)),
        quarter.vectors,
        tuple(map(frozenset, quarter.firms)),
        tuple(map(tuple, quarter.keywords)),
        tuple(quarter.names or [f"theme {i}" for i in range(n)]),
        tuple(quarter.sizes),
    )


@dataclass
class Counts:
    """Decisions of one kind: made, and right among them; possible, and found among them."""

    right: int = 0
    made: int = 0
    found: int = 0
    possible: int = 0

    @property
    def precision(self) -> float:
        """Share of those made that are right."""
        return self.right / max(self.made, 1)

    @property
    def recall(self) -> float:
        """Share of those possible that were found."""
        return self.found / max(self.possible, 1)

    @property
    def f1(self) -> float:
        """Harmonic mean of both."""
        return 2 * self.precision * self.recall / max(self.precision + self.recall, 1e-9)

    def __iadd__(self, other: Counts) -> Counts:
        """Add the counts of another sample."""
        self.right, self.made = self.right + other.right, self.made + other.made
        self.found, self.possible = self.found + other.found, self.possible + other.possible
        return self


def pairs(found: Sequence[Quarter], series: Series) -> Counts:
    """Count pairs of themes of different quarters: in one series (made), of one lineage (possible), both (right).

    One broken chain loses all pairs across the break, so this is the strictest measure. Themes without a lineage count
    as made only.
    """
    made, possible, right = Counter[Any](), Counter[Any](), Counter[Any]()
    inside = [Counter[Any](), Counter[Any](), Counter[Any]()]
    for quarter, own in zip(found, series, strict=True):
        for i, (lineage, name) in enumerate(zip(quarter.lineages, own, strict=True)):
            truth = lineage or f"none {quarter.key} {i}"
            for total, within, key in zip(
                (made, possible, right), inside, (name, truth, (name, truth)), strict=True
            ):
                total[key] += 1
                within[quarter.key, key] += 1

    def n_pairs(total: Counter[Any], within: Counter[Any]) -> int:
        return sum(n * (n - 1) // 2 for n in total.values()) - sum(n * (n - 1) // 2 for n in within.values())

    n_right = n_pairs(right, inside[2])
    return Counts(n_right, n_pairs(made, inside[0]), n_right, n_pairs(possible, inside[1]))


def continued(found: Sequence[Quarter], series: Series, *, gap: tuple[int, int] = (1, LOOKBACK)) -> Counts:
    """Count links to the newest earlier themes of the same series, with gaps in quarters from `gap[0]` to `gap[1]`.

    A link is right if both ends are of one lineage, or the earlier one's was merged into the later one's in this
    quarter; links between themes of no lineage do not count. A lineage that has a theme now, and had one so many
    quarters before, is found if one of its themes is linked rightly: a quarter may hold several.
    """
    counts, last_lineage = Counts(), dict[str, str]()
    last_series: dict[str, tuple[str, set[str | None]]] = {}
    for quarter, own in zip(found, series, strict=True):
        merged = {
            row["lineage_id"]: row["related_lineage_id"]
            for row in quarter.planted
            if row["event"] == "merged_into"
        }
        hits: set[str | None] = set()
        for lineage, name in zip(quarter.lineages, own, strict=True):
            at, truths = last_series.get(name, ("", {None}))
            if not (at and _within(at, quarter.key, gap)) or (lineage is None and truths == {None}):
                continue
            is_right = lineage is not None and lineage in truths | {merged.get(t or "") for t in truths}
            counts.made += 1
            counts.right += is_right
            hits |= {lineage} if is_right else set()
        for known in {x for x in quarter.lineages if x is not None}:
            if known in hits or (known in last_lineage and _within(last_lineage[known], quarter.key, gap)):
                counts.possible += 1
                counts.found += known in hits
        fresh: dict[str, set[str | None]] = defaultdict(set)
        for lineage, name in zip(quarter.lineages, own, strict=True):
            fresh[name].add(lineage)
            if lineage:
                last_lineage[lineage] = quarter.key
        last_series |= {name: (quarter.key, truths) for name, truths in fresh.items()}
    return counts


def _within(earlier: str, later: str, gap: tuple[int, int]) -> bool:
    return gap[0] <= calendar.distance(earlier, later) <= gap[1]


RULES: dict[str, Callable[[Sequence[Quarter]], Series]] = {
    "mutual nearest, last quarter": mutual_nearest,
    "Hungarian, newest of eight quarters": assignment,
    "vote of three, eight quarters": vote,
    "one to one, then pieces join from 0.7": joined,
    "ours": ours,
    "truth, one theme per series and quarter": one_each,
}


def row(name: str, samples: Sequence[Sequence[Quarter]], rule: Callable[[Any], Series]) -> dict[str, Any]:
    """Return the measures of a rule, pooled over samples of quarters."""
    links, chains, gaps, each = Counts(), Counts(), Counts(), list[float]()
    for found in samples:
        series = rule(found)
        links += continued(found, series)
        gaps += continued(found, series, gap=(2, LOOKBACK))
        one = pairs(found, series)
        chains += one
        each.append(one.f1)
    return {
        "rule": name,
        "links": links.made,
        "precision": links.precision,
        "recall": links.recall,
        "F1": links.f1,
        "F1 of pairs": chains.f1,
        "from": min(each),
        "to": max(each),
        "recall after a gap": gaps.recall,
        "series": float(np.mean([len({s for own in rule(f) for s in own}) for f in samples])),
    }


def cosines(samples: Sequence[Sequence[Quarter]]) -> list[dict[str, Any]]:
    """Return quantiles of cosines between adjacent quarters: of the same lineage and to the nearest other one."""
    rows = []
    for name in ("raw", "centred"):
        same, other = [], []
        for found in samples:
            for before, now in pairwise(found):
                a, b = (q.raw if name == "raw" and q.raw is not None else q.vectors for q in (before, now))
                near = b @ a.T
                is_same = np.array(
                    [[x is not None and x == y for y in before.lineages] for x in now.lineages]
                )
                same += near[is_same].tolist()
                other += np.where(is_same, -1, near).max(axis=1).tolist()
        rows.append(
            {
                "cosine": name,
                **{f"same {p}%": float(np.percentile(same, p)) for p in (5, 50)},
                **{f"nearest other {p}%": float(np.percentile(other, p)) for p in (50, 95)},
            }
        )
    return rows


def sweep(samples: Sequence[Sequence[Quarter]], floors: Sequence[float]) -> list[dict[str, Any]]:
    """Return the measures at floors around the default."""
    rules = {f"floor {f:.2f}": partial(ours, params=replace(LinkParams(), floor=f)) for f in floors}
    return [row(name, samples, rule) for name, rule in rules.items()]


def events(found: Sequence[Quarter], params: LinkParams | None = None) -> list[dict[str, Any]]:
    """Return, by planted event, what `methods.time` makes of it.

    A theme continues its own lineage or another, or opens a series: split from its related lineage or another, or born.
    Of a lineage that went, its series is taken in by its related one (merged), by another, or rests. Series are of the
    lineage of their newest theme. The first quarter has no past and does not count.
    """
    seen: dict[str, Counter[str]] = defaultdict(Counter)
    lineage_of: dict[str, str | None] = {}
    for quarter, links in zip(found, link_quarters(map(themes_of, found), params), strict=True):
        related = {row["lineage_id"]: row["related_lineage_id"] for row in quarter.planted}
        parents = {r.theme: r.series_id for r in links.relatives if r.relation == "split_from"}
        gone = {row["lineage_id"] for row in quarter.planted if row["event"] == "merged_into"}
        if lineage_of:
            for i, (lineage, event) in enumerate(zip(quarter.lineages, quarter.events, strict=True)):
                if (before := links.before[i]) is not None:
                    was = lineage_of[before.series_id]
                    is_own = was == lineage or (was in gone and related[str(was)] == lineage)
                    made = "continues itself" if is_own else "continues another"
                elif i in parents:
                    is_own = lineage_of[parents[i]] == related.get(str(lineage))
                    made = "split from its origin" if is_own else "split from another"
                else:
                    made = "born"
                seen[event or "none planted"][made] += 1
            taken = {
                lineage_of[r.series_id]: quarter.lineages[r.theme]
                for r in links.relatives
                if r.relation == "merged_into"
            }
            for row in quarter.planted:
                if row["event"] in AWAY and row["lineage_id"] in lineage_of.values():
                    into = taken.get(row["lineage_id"])
                    made = (
                        "rests"
                        if not into
                        else "merged"
                        if into == row["related_lineage_id"]
                        else "merged wrongly"
                    )
                    seen[row["event"]][made] += 1
        lineage_of |= dict(zip(links.series_ids, quarter.lineages, strict=True))
    columns = (
        *("continues itself", "continues another", "split from its origin", "split from another", "born"),
        *("merged", "merged wrongly", "rests"),
    )
    return [
        {"planted": event, "n": n.total(), **{c: n[c] for c in columns}} for event, n in sorted(seen.items())
    ]


def report(title: str, samples: Sequence[Sequence[Quarter]]) -> None:
    """Print the tables of one level."""
    n = [len(q.lineages) for found in samples for q in found]
    print(f"\n## {title}\n\n{len(n)} quarters, {np.mean(n):.1f} themes each\n")
    print(markdown(cosines(samples)), end="\n\n")
    print(markdown([row(name, samples, rule) for name, rule in RULES.items()]), end="\n\n")
    middle = LinkParams().floor
    print(markdown(sweep(samples, [middle + step for step in (-0.2, -0.1, -0.05, 0, 0.05, 0.1, 0.2)])))
    for found in samples:
        if found[0].planted:
            print(f"\n{markdown(events(found))}")


def main() -> None:
    """Print what was asked for."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.links", description=__doc__)
    parser.add_argument("--only", nargs="*", choices=("simulated", "given", "anew"), default=["simulated"])
    parser.add_argument("--firms", type=int, default=60, help="with given: firms of the sample")
    parser.add_argument("--quarters", default="2017Q1..2026Q4", help="of the sample")
    parser.add_argument("--cache", type=Path, default=Path(".benchmarks") / "links")
    parser.add_argument("--warehouse", type=Path, help="with anew: where the pipeline wrote")
    parser.add_argument("--truth", type=Path, help="with anew: the folder truth of ftm sample")
    options = parser.parse_args()
    first, _, last = options.quarters.partition("..")
    keys = calendar.between(first, last or first)
    if "simulated" in options.only:
        report("Simulated", [simulated(seed) for seed in SEEDS])
    if "given" in options.only:
        report("Clustering given", [given(options.firms, keys, options.cache)])
    if "anew" in options.only:
        report("Clustered anew", [stored(options.warehouse, options.truth, keys)])


if __name__ == "__main__":
    main()
