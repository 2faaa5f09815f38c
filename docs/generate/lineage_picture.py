"""The lineage as a picture: what each step of a quarter is made from, as an SVG of a few kilobytes."""

from __future__ import annotations

from collections import Counter, defaultdict
from html import escape
from itertools import pairwise
from typing import TYPE_CHECKING

import dagster as dg
import networkx as nx

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

COLOURS = {
    "calls": "#a9c7f5",
    "models": "#f6cf8b",
    "topics": "#a8dcc3",
    "themes": "#8fd0d6",
    "scores": "#f3b3b8",
    "series": "#cdb9f0",
    "returns": "#d9c3a5",
    "marts": "#f0a98c",
    "serving": "#c5ccd6",
}
"""Group → fill of its boxes; text on them is dark, so that they can be read on a light and on a dark page."""

EDGE, TEXT = "#8a93a6", "#14171f"
BOX_HEIGHT, ROW, GAP, LETTER, BEND, MARGIN = 26, 58, 14, 6.9, 8, 10
"""Pixels: height of a box, from row to row, between boxes, per letter, of a line that passes a row, around all."""

PULL = 0.85
"""How near a box is to what it is linked to; the rest draws it to the middle, so that the picture stays narrow."""

UPKEEP = "operations"
MOST_READ = 0.5
"""A step that reads more than this share of all steps is a copy of them, and its lines would hide the others."""


def steps_of(definitions: dg.Definitions) -> tuple[dict[str, str], set[tuple[str, str]]]:
    """Return each step's group, and the pairs (step, step that reads it); a step may make several tables.

    Upkeep is left out, and so are steps that read most of the others only to copy them.
    """
    assets = [a for a in definitions.assets or () if isinstance(a, dg.AssetsDefinition)]
    maker = {key: a.node_def.name for a in assets for key in a.keys}
    groups = {a.node_def.name: next(iter(a.group_names_by_key.values())) for a in assets}
    pairs = {
        (maker[parent], a.node_def.name)
        for a in assets
        for key in a.keys
        for parent in a.asset_deps[key]
        if parent in maker and maker[parent] != a.node_def.name
    }
    n_read = Counter(reader for _, reader in pairs)
    kept = {n: g for n, g in groups.items() if g != UPKEEP and n_read[n] <= MOST_READ * len(groups)}
    return kept, {pair for pair in pairs if set(pair) <= set(kept)}


def lineage(groups: Mapping[str, str], pairs: Iterable[tuple[str, str]]) -> str:
    """Return the picture: a box per step, coloured by group, in rows from source to result, with lines between.

    Lines that follow from others are left out. The same input gives the same picture.
    """
    graph = nx.DiGraph()
    graph.add_nodes_from(sorted(groups))
    graph.add_edges_from(sorted(pairs))
    reduced = nx.transitive_reduction(graph)
    depth = _depths(reduced)
    bent, routes = _with_bends(reduced, depth)
    widths = {n: len(n) * LETTER + 18 if n in groups else BEND for n in bent}
    rows = _ordered(bent, depth)
    across = _across(bent, rows, widths)
    left = min(across[n] - widths[n] / 2 for n in bent) - MARGIN
    breadth = max(across[n] + widths[n] / 2 for n in bent) + MARGIN - left
    points = {n: (across[n] - left, MARGIN + depth[n] * ROW + BOX_HEIGHT / 2) for n in bent}
    height = 2 * MARGIN + (len(rows) - 1) * ROW + BOX_HEIGHT + 34
    parts = [_line([points[n] for n in route]) for route in routes]
    parts += [_box(n, *points[n], widths[n], groups[n]) for row in rows for n in row if n in groups]
    parts += _legend(sorted(set(groups.values()), key=_place), breadth, height - 14)
    title = "Lineage of a quarter: each box is a step, each line leads from a step to one that reads it"
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {breadth:.0f} {height:.0f}" '
        f'width="{breadth:.0f}" height="{height:.0f}" role="img" aria-label="{escape(title)}" '
        f'font-family="system-ui, sans-serif" font-size="12">\n<title>{escape(title)}</title>\n'
        f"{chr(10).join(parts)}\n</svg>\n"
    )


def _place(group: str) -> int:
    return list(COLOURS).index(group) if group in COLOURS else len(COLOURS)


def _depths(graph: nx.DiGraph) -> dict[str, int]:
    """Return the row of each step: just below the lowest that it reads; a source just above its first reader."""
    depth: dict[str, int] = {}
    order = list(nx.lexicographical_topological_sort(graph))
    for name in order:
        depth[name] = max((depth[p] + 1 for p in graph.predecessors(name)), default=0)
    for name in order:
        below = [depth[s] for s in graph.successors(name)]
        if below and not depth[name]:
            depth[name] = min(below) - 1
    return depth


def _with_bends(graph: nx.DiGraph, depth: dict[str, int]) -> tuple[nx.DiGraph, list[list[str]]]:
    """Return the graph with a point in each row that a long line crosses, so that no line runs through a box.

    `depth` gets the rows of these points. The second value has the points of each line, both ends included.
    """
    bent = nx.DiGraph()
    bent.add_nodes_from(graph)
    routes = []
    for start, end in sorted(graph.edges):
        between = [f"{start}>{end}@{level}" for level in range(depth[start] + 1, depth[end])]
        depth |= {point: depth[start] + i for i, point in enumerate(between, 1)}
        routes.append([start, *between, end])
        nx.add_path(bent, routes[-1])
    return bent, routes


def _ordered(graph: nx.DiGraph, depth: Mapping[str, int]) -> list[list[str]]:
    """Return the rows, each in an order in which few lines cross: by the mean place of what a step is linked to."""
    rows: dict[int, list[str]] = defaultdict(list)
    for name in sorted(depth):
        rows[depth[name]].append(name)
    ordered = [rows[level] for level in sorted(rows)]
    best, fewest = ordered, _crossings(graph, ordered)
    for sweep in range(24):
        step = 1 if sweep % 2 == 0 else -1
        near = graph.predecessors if step == 1 else graph.successors
        for i in range(len(ordered))[::step]:
            where = {n: (j + 0.5) / len(row) for row in ordered for j, n in enumerate(row)}
            means = {n: _mean([where[m] for m in near(n)], where[n]) for n in ordered[i]}
            ordered = [*ordered[:i], sorted(ordered[i], key=lambda n: (means[n], n)), *ordered[i + 1 :]]
        if (crossings := _crossings(graph, ordered)) < fewest:
            best, fewest = ordered, crossings
    return best


def _crossings(graph: nx.DiGraph, rows: list[list[str]]) -> int:
    place = {n: j for row in rows for j, n in enumerate(row)}
    count = 0
    for row in rows:
        lines = [(place[a], place[b]) for a in row for b in graph.successors(a)]
        count += sum((a - c) * (b - d) < 0 for i, (a, b) in enumerate(lines) for c, d in lines[:i])
    return count


def _across(graph: nx.DiGraph, rows: list[list[str]], widths: Mapping[str, float]) -> dict[str, float]:
    """Return the centre of each step: near to what it is linked to, in the order of its row, without overlap."""
    across: dict[str, float] = {}
    for row in rows:
        x = -sum(widths[n] + GAP for n in row) / 2
        for name in row:
            across[name] = x + (widths[name] + GAP) / 2
            x += widths[name] + GAP
    for sweep in range(40):
        for row in rows if sweep % 2 == 0 else rows[::-1]:
            wanted = [PULL * _mean([across[m] for m in nx.all_neighbors(graph, n)], across[n]) for n in row]
            across |= dict(zip(row, _apart(wanted, [widths[n] + GAP for n in row]), strict=True))
    return across


def _apart(wanted: list[float], sizes: list[float]) -> list[float]:
    """Return the centres nearest to the wanted ones, in squares, at which things in this order do not overlap."""
    offsets = [sum(sizes[:i]) + sizes[i] / 2 for i in range(len(sizes))]
    blocks: list[tuple[float, int]] = []  # mean of what its things want, less their offsets; number of things
    for want, offset in zip(wanted, offsets, strict=True):
        mean, n = want - offset, 1
        while blocks and blocks[-1][0] > mean:
            before, m = blocks.pop()
            mean, n = (before * m + mean * n) / (m + n), m + n
        blocks.append((mean, n))
    starts = [mean for mean, n in blocks for _ in range(n)]
    return [start + offset for start, offset in zip(starts, offsets, strict=True)]


def _mean(values: list[float], otherwise: float) -> float:
    return sum(values) / len(values) if values else otherwise


def _line(points: list[tuple[float, float]]) -> str:
    """Return a line through points, a curve from each row to the next, from below the first to above the last."""
    last = len(points) - 1
    ends = [
        (x, y + (BOX_HEIGHT / 2 if i == 0 else -BOX_HEIGHT / 2 if i == last else 0))
        for i, (x, y) in enumerate(points)
    ]
    path = f"M{ends[0][0]:.0f} {ends[0][1]:.0f}"
    for (x, y), (to_x, to_y) in pairwise(ends):
        bend = (to_y - y) / 2
        path += f"C{x:.0f} {y + bend:.0f} {to_x:.0f} {to_y - bend:.0f} {to_x:.0f} {to_y:.0f}"
    return f'<path d="{path}" fill="none" stroke="{EDGE}" stroke-width="1.3"/>'


def _box(name: str, x: float, y: float, width: float, group: str) -> str:
    fill = COLOURS.get(group, "#d5d9e0")
    return (
        f'<rect x="{x - width / 2:.0f}" y="{y - BOX_HEIGHT / 2:.0f}" width="{width:.0f}" height="{BOX_HEIGHT}" rx="6" '
        f'fill="{fill}"/><text x="{x:.0f}" y="{y + 4:.0f}" text-anchor="middle" fill="{TEXT}">{escape(name)}</text>'
    )


def _legend(groups: list[str], breadth: float, y: float) -> list[str]:
    widths = [len(g) * LETTER + 30 for g in groups]
    x = (breadth - sum(widths)) / 2
    parts = []
    for group, width in zip(groups, widths, strict=True):
        fill = COLOURS.get(group, "#d5d9e0")
        parts.append(
            f'<rect x="{x:.0f}" y="{y - 9:.0f}" width="11" height="11" rx="3" fill="{fill}"/>'
            f'<text x="{x + 16:.0f}" y="{y:.0f}" fill="{EDGE}">{escape(group)}</text>'
        )
        x += width
    return parts
