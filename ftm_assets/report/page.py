"""The page of a quarter as one file of HTML, which needs no network and opens from a mail attachment.

What belongs here: putting the template's files and the report's values into one text, safely. What the page looks like
is in `template/`: page.html, page.css, and a script in several files. The script writes what comes from data as text,
never as HTML; the policy in the page's head allows only this script and this style, by their hashes, and no connection.
"""

from __future__ import annotations

import base64
import gzip
import hashlib
import html
import json
import re
from dataclasses import fields, is_dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ftm_assets.report.payload import FirmInTheme, Points, Report

if TYPE_CHECKING:
    from collections.abc import Iterable

_TEMPLATE = Path(__file__).with_name("template")
_SCRIPTS = (
    *("basics.js", "data.js", "charts.js", "regions.js", "layers.js", "labels.js", "map.js", "mapview.js"),
    *("tables.js", "themes.js", "returns.js", "firms.js", "quality.js", "through.js", "page.js"),
)
"""In the order in which they are joined into one script."""
_PLAIN_UP_TO = 1_000_000
"""Bytes of JSON that stay readable in the file; more are compressed, which a text of many sentences halves and more."""
_PLACES = 10_000
"""Steps of a place in the map: finer than a pixel at any zoom that the page allows."""
_DIGITS = 4
"""Places of a number from 1 on, significant digits of a smaller one: the share of one theme of 500 is small."""
_UNSAFE = re.compile("[<>&\u2028\u2029]")


def render(report: Report) -> str:
    """Return the page, a complete HTML document; the same report gives the same text.

    Raises
    ------
    ValueError
        If a number of the report is not finite.

    """
    values = json.dumps(_values(report), ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    style = _file("page.css")
    script = '"use strict";\n(() => {\n' + "\n".join(_file(name) for name in _SCRIPTS) + "\n})();\n"
    kind, data = _inline(values)
    parts = {
        "policy": html.escape(_policy(script, style)),
        "title": html.escape(report.title),
        "style": style,
        "kind": kind,
        "data": data,
        "script": script,
    }
    return re.sub(r"\{\{(\w+)\}\}", lambda found: parts[found[1]], _file("page.html"))


def _file(name: str) -> str:
    return (_TEMPLATE / name).read_text(encoding="utf-8")


def _policy(script: str, style: str) -> str:
    """Return the Content-Security-Policy: this script and this style run, and nothing is fetched or sent."""
    return "; ".join(
        [
            "default-src 'none'",
            f"script-src 'sha256-{_hash(script)}'",
            f"style-src 'sha256-{_hash(style)}'",
            "base-uri 'none'",
            "form-action 'none'",
        ]
    )


def _hash(text: str) -> str:
    return base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()


def _inline(values: str) -> tuple[str, str]:
    """Return the type of the script element that holds the values, and its text."""
    raw = values.encode()
    if len(raw) <= _PLAIN_UP_TO:
        # Nothing in it can end the element, begin a comment, or end a line of JavaScript.
        return "application/json", _UNSAFE.sub(lambda found: f"\\u{ord(found[0]):04x}", values)
    return "application/gzip", base64.b64encode(gzip.compress(raw, 9, mtime=0)).decode()


def _values(value: Any) -> Any:
    """Return a value of the payload as what JSON knows; columns and rows where names would be repeated."""
    if isinstance(value, Points):
        return _columns(value)
    if isinstance(value, FirmInTheme):
        return [value.firm, value.n_sentences, value.n_topics, _values(value.score), _values(value.moves)]
    if is_dataclass(value):
        return {field.name: _values(getattr(value, field.name)) for field in fields(value)}
    if isinstance(value, tuple):
        return [_values(item) for item in value]
    return _rounded(value) if isinstance(value, float) else value


def _rounded(value: float) -> float:
    return round(value, _DIGITS) if abs(value) >= 1 else float(f"{value:.{_DIGITS}g}")


def _columns(points: Points) -> dict[str, Any]:
    """Return the columns of the points, with whole numbers for places and dates as positions in a list."""
    dates = sorted(set(points.call_date))
    position = {date: i for i, date in enumerate(dates)}
    return {
        "topic_id": points.topic_id,
        "name": points.name,
        "x": _steps(points.x),
        "y": _steps(points.y),
        "firm": points.firm,
        "theme": points.theme,
        "reason": points.reason,
        "n_sentences": points.n_sentences,
        "dates": dates,
        "call_date": [position[date] for date in points.call_date],
        "score": [None if score is None else round(score, 2) for score in points.score],
        "sentences": points.sentences,
    }


def _steps(places: Iterable[float]) -> list[int]:
    return [round(place * _PLACES) for place in places]
