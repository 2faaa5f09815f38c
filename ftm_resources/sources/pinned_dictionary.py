"""A researcher's dictionary of themes to follow through all quarters: a TOML or CSV file.

What belongs here: reading the file, and refusing what is wrong in it by file, row and column. A CSV file has the
columns name, description and seed_phrases (several, separated by `;`). A TOML file has a table `[[theme]]` per theme
with the same keys, seed_phrases as a list.
"""

from __future__ import annotations

import csv
import hashlib
import io
import re
import tomllib
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ftm_resources.sources.base import MAX_PROBLEMS, Problem

COLUMNS = ("name", "description", "seed_phrases")
PREFIX = "pinned:"
"""Of the ids of pinned series."""


class PinnedThemesError(ValueError):
    """The dictionary cannot be used; the message lists what is wrong, where, and what to do."""

    def __init__(self, problems: list[Problem]) -> None:
        lines = [f"pinned themes: {len(problems)} problem{'' if len(problems) == 1 else 's'}"]
        lines += [f"  {problem}" for problem in problems[:MAX_PROBLEMS]]
        super().__init__(
            "\n".join([*lines, "Fix the file that FTM_PINNED_THEMES names, or unset the variable."])
        )


@dataclass(frozen=True)
class PinnedTheme:
    """A theme that a researcher defined."""

    series_id: str
    """`pinned:` and the name in lower case, with hyphens."""
    name: str
    description: str
    seed_phrases: tuple[str, ...]


@dataclass(frozen=True)
class Dictionary:
    """The pinned themes of a file, sorted by id, and where they are from."""

    themes: tuple[PinnedTheme, ...]
    source: dict[str, str]
    """`path` and `sha256`."""


def read(path: Path) -> Dictionary:
    """Return the pinned themes of a file; PinnedThemesError, naming file, row and column, if anything is wrong."""
    try:
        content = path.read_bytes()
    except OSError as error:
        raise PinnedThemesError([Problem(str(path), None, None, error.strerror or str(error))]) from error
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        row = content[: error.start].count(b"\n") + 1
        raise PinnedThemesError([Problem(path.name, None, None, f"line {row} is not UTF-8")]) from error
    if path.suffix.lower() == ".toml":
        rows, problems = _of_toml(path.name, text)
    elif path.suffix.lower() == ".csv":
        rows, problems = _of_csv(path.name, text)
    else:
        rows, problems = [], [Problem(path.name, None, None, "must end in .toml or .csv")]
    themes = [_theme(path.name, n, row, problems) for n, row in enumerate(rows, start=1)]
    twice = {s: n for s, n in Counter(t.series_id for t in themes if t.series_id != PREFIX).items() if n > 1}
    for series_id in twice:
        shared = [i + 1 for i, theme in enumerate(themes) if theme.series_id == series_id]
        where = ", ".join(map(str, shared))
        problems.append(Problem(path.name, shared[-1], "name", f"rows {where} all make the id {series_id}"))
    if not rows and not problems:
        problems.append(Problem(path.name, None, None, "holds no theme"))
    if problems:
        raise PinnedThemesError(problems)
    sha256 = hashlib.sha256(content).hexdigest()
    return Dictionary(tuple(sorted(themes, key=lambda t: t.series_id)), {"path": str(path), "sha256": sha256})


def _of_toml(file: str, text: str) -> tuple[list[dict[str, Any]], list[Problem]]:
    try:
        found = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        return [], [Problem(file, None, None, f"is not TOML: {error}")]
    rows = found.get("theme", [])
    if set(found) - {"theme"} or not isinstance(rows, list) or not all(isinstance(r, dict) for r in rows):
        return [], [Problem(file, None, None, "must hold [[theme]] tables and nothing else")]
    problems = [
        Problem(file, n, key, f"is not one of {', '.join(COLUMNS)}")
        for n, row in enumerate(rows, start=1)
        for key in sorted(set(row) - set(COLUMNS))
    ]
    return rows, problems


def _of_csv(file: str, text: str) -> tuple[list[dict[str, Any]], list[Problem]]:
    reader = csv.DictReader(io.StringIO(text), strict=True)
    try:
        rows = list(reader)
    except csv.Error as error:
        return [], [Problem(file, None, None, f"line {reader.line_num} is not CSV: {error}")]
    header = [h.strip().lower() for h in reader.fieldnames or []]
    if sorted(header) != sorted(COLUMNS):
        held = ", ".join(header) or "none"
        return [], [Problem(file, None, None, f"must have the columns {', '.join(COLUMNS)}; it has {held}")]
    problems = [
        Problem(file, n, None, f"must have {len(COLUMNS)} fields")
        for n, row in enumerate(rows, start=1)
        if None in row or None in row.values()
    ]
    named = [{h: row[f] for h, f in zip(header, reader.fieldnames or [], strict=True)} for row in rows]
    return [{**r, "seed_phrases": str(r["seed_phrases"] or "").split(";")} for r in named], problems


def _theme(file: str, n: int, row: dict[str, Any], problems: list[Problem]) -> PinnedTheme:
    def text(column: str) -> str:
        value = row.get(column)
        if not isinstance(value, str) or not value.strip():
            problems.append(Problem(file, n, column, "must be a text"))
            return ""
        return " ".join(value.split())

    name, description = text("name"), text("description")
    given = row.get("seed_phrases")
    phrases = [" ".join(p.split()) for p in given if isinstance(p, str)] if isinstance(given, list) else []
    phrases = [p for p in dict.fromkeys(phrases) if p]
    if not phrases or (isinstance(given, list) and not all(isinstance(p, str) for p in given)):
        problems.append(Problem(file, n, "seed_phrases", "must hold at least one phrase, and only texts"))
    slug = re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-")
    if name and not slug:
        problems.append(Problem(file, n, "name", f"{name!r} has no letter or digit of a to z, 0 to 9"))
    return PinnedTheme(f"{PREFIX}{slug}", name, description, tuple(phrases))
