"""Transcripts in Stata's and SAS's files: numbers that their formats make dates, labelled values, lost digits.

Both programs keep dates and times as numbers since 1960, and only a column's format says which. Such columns become
dates, times or timestamps; a number without a date format where a date is meant is refused, as are numbers in a type
that cannot hold them.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from ftm_resources.sources.files import header
from ftm_resources.sources.files.attributes import MAX_CHARACTERS, attribute_name, is_attribute
from ftm_resources.sources.files.problems import Problems

_EPOCH = np.datetime64("1960-01-01", "us")
"""Day 0 of Stata's and SAS's dates."""

_DAY = 86_400_000_000
"""Microseconds of a day."""

_SAS_FORMATS = {
    "timestamp": (
        *("DATETIME", "DATEAMPM", "MDYAMPM", "DT", "NLDATM", "E8601DT", "E8601DZ", "B8601DT", "B8601DN"),
        *("IS8601DT", "YMDDTTM"),
    ),
    "time": ("TIME", "TOD", "HHMM", "NLTIM", "E8601TM", "B8601TM", "IS8601TM"),
    "date": (
        *("DATE", "YYMMDD", "MMDDYY", "DDMMYY", "E8601DA", "B8601DA", "IS8601DA", "WEEKDAT", "WORDDAT"),
        *("NLDATE", "JULIAN", "MINGUO", "NENGO"),
    ),
}
"""Beginnings of SAS's formats for numbers of seconds, seconds of a day and days; the first that fits counts."""

_STATA_FORMATS = (
    (re.compile(r"%-?tc(?!.*(CC|YY|JJJ|DD|dd|Day|[Mm]on|NN|nn)).+"), "time"),
    (re.compile(r"%-?tc"), "timestamp"),
    (re.compile(r"%-?t?d"), "date"),
)
"""Stata's formats: %tc with a picture that shows no date is a time of day."""

_MOMENT = re.compile(r"date|time|_at$")
"""Names of columns that hold dates or times."""

_IDS = re.compile(r"id$|^gvkey$|^permno$|^componentorder$")
"""Names of columns that hold whole numbers, of which no digit may be lost."""

_MANTISSA_BITS = {("dta", 4): 24, **{("sas", width): 8 * width - 11 for width in range(2, 8)}}
"""Bits of a whole number that a float narrower than 8 bytes holds: SAS drops the last bytes of a double."""

_TIMESTAMP_BITS = {"dta": 41, "sas": 31}
"""Bits of a time in our century: milliseconds in Stata, seconds in SAS."""

_KINDS = {".xpt": "SAS transport file", ".dta": "Stata file"}

_MAX_UTF_8 = 4
"""Most bytes of a character."""

_MOST_READS = 16
"""Parts into which a Stata file with strLs is divided: each read loads all of its strLs."""


def read(file: Path, problems: Problems) -> Iterator[pa.Table]:
    """Yield the known columns of a .dta, .sas7bdat or .xpt file, and `row`."""
    import pyreadstat  # noqa: PLC0415

    ending = file.suffix.lower()
    functions: dict[str, Callable[..., Any]] = {
        ".dta": pyreadstat.read_dta,
        ".xpt": pyreadstat.read_xport,
        ".sas7bdat": pyreadstat.read_sas7bdat,
    }
    reading = partial(functions[ending], str(file), output_format="dict", disable_datetime_conversion=True)
    kind = _KINDS.get(ending, "SAS file")
    try:
        _, about = reading(metadataonly=True)
        known = header.chosen(about.column_names, problems)
        if known is None:
            return
        for name in [n for n, i in known.items() if is_attribute(n) and _is_long(about, i)]:
            problems.left_out[attribute_name(name)] = (
                f"its texts may have more than {MAX_CHARACTERS} characters"
            )
            del known[name]
        given = {ours: about.column_names[i] for ours, i in known.items()}
        converters = {
            ours: converter
            for ours, name in given.items()
            if (converter := _converter(ours, name, about, ending, _told(ours, problems)))
        }
        given = {ours: name for ours, name in given.items() if ours in converters or not is_attribute(ours)}
        if len(converters) < len(given):
            return
        at_once = header.BATCH_ROWS
        if 0 in about.variable_storage_width.values():  # strLs
            at_once = max(at_once, (about.number_rows or 0) // _MOST_READS)
        row = 0
        while True:
            part = partial(reading, row_offset=row)
            values, _ = part(row_limit=at_once, usecols=list(given.values()))
            n_rows = len(next(iter(values.values())))
            for start in range(0, n_rows, header.BATCH_ROWS):
                rows = range(row + start + 1, row + min(start + header.BATCH_ROWS, n_rows) + 1)
                yield pa.table(
                    {
                        ours: converters[ours](values[name][start : start + header.BATCH_ROWS], rows)
                        for ours, name in given.items()
                    }
                    | {"row": pa.array(rows, pa.int64())}
                )
            row += n_rows
            if n_rows < at_once:
                return
    except UnicodeDecodeError as error:
        found = error.object[error.start : error.end].hex(" ")
        before = error.object[max(error.start - 30, 0) : error.start].decode(errors="replace")
        problems.add(
            None,
            None,
            f'has a text that is not in the encoding the file declares, after "{before}" (bytes {found}): convert '
            "it (in Stata: unicode translate), or save it as CSV in UTF-8",
        )
    except (
        OSError,
        OverflowError,
        ValueError,
        pyreadstat.ReadstatError,
        pyreadstat.PyreadstatError,
    ) as error:
        problems.add(None, None, f"is not a readable {kind}: {error}")


def _is_long(about: Any, i: int) -> bool:
    """Return whether a column of texts is too wide for an attribute; a strL has width 0."""
    name = about.column_names[i]
    width = about.variable_storage_width[name]
    is_text = about.readstat_variable_types[name] == "string"
    return is_text and not 0 < width <= _MAX_UTF_8 * MAX_CHARACTERS


def _told(ours: str, problems: Problems) -> Problems:
    """Return where to report what is wrong with a column: of an attribute, nowhere."""
    return Problems(problems.file) if is_attribute(ours) else problems


Converter = Callable[[list[Any], range], pa.Array]
"""Makes a column of its values and row numbers."""


def _converter(ours: str, name: str, about: Any, ending: str, problems: Problems) -> Converter | None:
    """Return what converts a column; None, with a problem, if it cannot be trusted."""
    if about.readstat_variable_types[name] == "string":
        return lambda values, _: pa.array(values, pa.string())
    kind = "dta" if ending == ".dta" else "sas"
    labels = about.variable_value_labels.get(name) or {}
    written = about.original_variable_types[name] or ""
    width = about.variable_storage_width[name]
    is_float = about.readstat_variable_types[name] in {"float", "double"}
    bits = _MANTISSA_BITS.get((kind, width), 53) if is_float else 53
    is_id = _IDS.search(ours) is not None
    if meant := _meaning(written, is_stata=kind == "dta"):
        if meant == "timestamp" and bits < _TIMESTAMP_BITS[kind]:
            complaint = f"is a {written} in {width} bytes, too few for the minute: store it as a double"
            problems.add(None, ours, complaint)
            return None
        scale = _DAY if meant == "date" else 1_000 if kind == "dta" else 1_000_000
        return partial(_moments, meant, scale, ours, problems)
    if not labels and not _MOMENT.search(ours):
        return partial(_numbers, 2.0**bits if is_id else None, ours, problems)
    if labels and (not is_id or all(str(v).strip().isdecimal() for v in labels.values())):
        return partial(_labelled, labels, ours, problems)
    if labels:
        complaint = (
            "has value labels that are not numbers, so either may be the id. In Stata: decode or unlabel it"
        )
    else:
        what = f"has the format {written}, which is not a date's" if written else "has no date format"
        advice = "In Stata: format it as %td or %tc" if kind == "dta" else "In SAS: give it a date format"
        complaint = f"is a number that {what}. {advice}, or make it text"
    problems.add(None, ours, complaint)
    return None


def _meaning(written: str, *, is_stata: bool) -> str | None:
    """Return what a column's format makes of its numbers: date, timestamp, time or None.

    >>> _meaning("%td", is_stata=True), _meaning("%tcHH:MM", is_stata=True), _meaning("%tm", is_stata=True)
    ('date', 'time', None)
    >>> _meaning("DATETIME20.", is_stata=False), _meaning("YYMMDDN8.", is_stata=False)
    ('timestamp', 'date')
    """
    if is_stata:
        return next((meant for pattern, meant in _STATA_FORMATS if pattern.match(written)), None)
    return next((m for m, starts in _SAS_FORMATS.items() if written.upper().startswith(starts)), None)


def _moments(
    meant: str, scale: int, name: str, problems: Problems, values: list[Any], rows: range
) -> pa.Array:
    """Return numbers since 1960 as dates (date32), timestamps (us) or times of day (text)."""
    numbers = np.array([np.nan if v is None else v for v in values], float)
    is_missing = np.isnan(numbers)
    micros = np.where(is_missing, 0, np.round(np.where(is_missing, 0, numbers) * scale))
    is_bad = np.abs(micros) > 140 * 366 * _DAY  # 1820 to 2100
    if meant == "time":
        micros = np.where(micros >= 0, micros, np.inf)
        is_bad = micros >= _DAY
    for i in np.flatnonzero(is_bad):
        problems.add(rows[i], name, f"{numbers[i]:.15g} is not a {meant} in this column's format")
    whole = np.where(is_bad, 0, micros).astype(np.int64)
    mask = is_missing | is_bad
    if meant == "time":
        return pa.array(whole, pa.int64(), mask=mask).cast(pa.time64("us")).cast(pa.string())
    stamps = pa.array(_EPOCH + whole.astype("timedelta64[us]"), pa.timestamp("us"), mask=mask)
    return stamps.cast(pa.date32(), safe=False) if meant == "date" else stamps


def _labelled(
    labels: dict[Any, str], name: str, problems: Problems, values: list[Any], rows: range
) -> pa.Array:
    """Return the labels of a column's numbers, as text."""
    for row, value in zip(rows, values, strict=True):
        if value is not None and value not in labels:
            problems.add(row, name, f"{value:.15g} has no value label, though others of the column have")
    return pa.array([None if v is None else labels.get(v) for v in values], pa.string())


def _numbers(limit: float | None, name: str, problems: Problems, values: list[Any], rows: range) -> pa.Array:
    """Return numbers; those at which a narrow type has lost digits are reported."""
    if limit:
        for row, value in zip(rows, values, strict=True):
            if value is not None and abs(value) >= limit:
                problems.add(
                    row,
                    name,
                    f"{value:.15g} has more digits than the column's type holds: store it as text or a double",
                )
    return pa.array(values)
