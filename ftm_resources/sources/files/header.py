"""The header of a transcript file: which of its columns FTM reads, however they are spelled."""

from __future__ import annotations

import re
from collections import Counter

from ftm_resources.sources.files.attributes import attribute, attribute_name
from ftm_resources.sources.files.columns import KNOWN, REQUIRED, canonical
from ftm_resources.sources.files.problems import Expected, Problems

BATCH_ROWS = 20_000
"""Rows read at a time: about 20 MB of text."""

MAX_ATTRIBUTES = 200
"""Most columns of a file that are kept although FTM does not know them."""

_SHOWN = 300
"""Most characters of a header that a message shows."""


def known(name: str) -> str | None:
    """Return the column that a name means; None if it is not one that FTM reads.

    Case, blanks, quotes, underscores and full stops do not matter: pandas, R, SAS and Stata each write names in
    their own way.

    >>> known("CompanyId"), known("company_id"), known("link.date"), known("Unnamed: 0")
    ('companyid', 'companyid', 'link_date', None)
    """
    for candidate in (name, _squeezed(name)):
        found = canonical(candidate)
        found = _SQUEEZED.get(found, found)
        if found in KNOWN:
            return found
    return None


def columns(names: list[str], problems: Problems) -> dict[str, int] | None:
    """Return the position of each known column; None, with a problem, if one is missing or occurs twice.

    Columns that are not read, but may be meant to be, are added to `problems.unread`.
    """
    expected = problems.expected
    found = [_meant(n, expected) for n in names]
    twice = sorted({n for n in found if n and found.count(n) > 1})
    missing = _missing(found, expected)
    for name in twice:
        given = ", ".join(shown(n) for n, ours in zip(names, found, strict=True) if ours == name)
        problems.add(None, name, f"the column occurs more than once: {given}")
    if len(missing) == 1:
        problems.add(None, missing[0], f"the column is missing; found: {shown(', '.join(names))}")
    elif missing:
        problems.add(
            None, None, f"the columns {', '.join(missing)} are missing; found: {shown(', '.join(names))}"
        )
    problems.unread = [
        shown(n)
        for n, ours in zip(names, found, strict=True)
        if not (ours or expected) and _is_meant(n, found)
    ]
    if twice or missing:
        return None
    return {name: i for i, name in enumerate(found) if name}


def chosen(names: list[str], problems: Problems) -> dict[str, int] | None:
    """Return the position of each known column and of each other one, an attribute, under the name of `attribute`.

    None, with a problem, as `columns`. Only files of transcripts have attributes. Columns without a name, those whose
    name occurs twice and those after the first MAX_ATTRIBUTES are not attributes; they are added to
    `problems.left_out`.
    """
    found = columns(names, problems)
    if found is None or problems.expected:
        return found
    others = {i: attribute(n) for i, n in enumerate(names) if known(n) is None and n.strip()}
    counts = Counter(others.values())
    for n in counts:
        if counts[n] > 1:
            problems.left_out[attribute_name(n)] = "the column occurs more than once"
    once = {n: i for i, n in others.items() if counts[n] == 1}
    for n in list(once)[MAX_ATTRIBUTES:]:
        problems.left_out[attribute_name(n)] = f"the file has more than {MAX_ATTRIBUTES} other columns"
        del once[n]
    return found | once


def has_all(names: list[str], expected: Expected | None = None) -> bool:
    """Return whether a header has every required column, of transcripts or of what is expected instead."""
    return not _missing([_meant(n, expected) for n in names], expected)


def _meant(name: str, expected: Expected | None) -> str | None:
    return expected.names.get(_squeezed(name)) if expected else known(name)


def _missing(found: list[str | None], expected: Expected | None) -> list[str]:
    """Return the required columns that are not there; of several sets, those of the one that lacks the fewest."""
    sets = expected.required if expected else (REQUIRED,)
    return min(([n for n in required if n not in found] for required in sets), key=len)


def shown(text: str) -> str:
    """Return a text from a file as messages show it: valid UTF-8, not too long."""
    return text.encode("utf-8", "backslashreplace").decode()[:_SHOWN]


def _is_meant(name: str, found: list[str | None]) -> bool:
    """Return whether an unknown name sounds like a column that the file lacks."""
    squeezed = _squeezed(name)
    stands_for = next((columns for word, columns in _SOUNDS_LIKE if re.search(word, squeezed)), ())
    return bool(stands_for) and not set(stands_for) & set(found)


_SOUNDS_LIKE = (
    (r"collection", ("transcriptcollectiontypeid", "transcriptcollectiontypename")),
    (r"(creat|updat).*(date|time)|(date|time).*(creat|updat)", ("transcriptcreationdate_utc",)),
    (r"link.*(date|dt)", ("link_date",)),
    (r"(?<!n)time(?!nt)", ("mostimportanttimeutc",)),
    (r"speakertype|date|company", ()),  # the file has those columns
    (r"event(?!u)|keydev", ("keydevid", "keydeveventtypeid", "keydeveventtypename")),
    (r"permno", ("permno",)),
    (r"gvkey", ("gvkey",)),
    (r"ticker|^tic$", ("ticker",)),
    (r"type", ("componenttypename",)),
)
"""Words in squeezed names, and the columns of which one may be meant; the first word that fits counts."""


def _squeezed(name: str) -> str:
    return re.sub(r"[^0-9a-z]", "", name.lower())


_SQUEEZED = {_squeezed(n): n for n in KNOWN}
