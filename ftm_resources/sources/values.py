"""What a value in anyone's export means: a gap, an id, a GVKEY or a name.

What belongs here: the rules for single values, which hold for every source; `KINDS` gives each column's kind, and all
columns of a kind follow the same rules. `moments` reads dates and times, `vendor_codes` the vendor's codes. The
functions raise ValueError with the end of a message that begins with the quoted value.
"""

from __future__ import annotations

import re
from decimal import Decimal
from math import isnan
from string import ascii_lowercase
from typing import Any, Literal

Kind = Literal["id", "gvkey", "permno", "order", "code", "text", "date", "time"]

KINDS: dict[str, Kind] = {
    "companyid": "id",
    "transcriptid": "id",
    "keydevid": "id",
    "transcriptcomponentid": "id",
    "keydeveventtypeid": "id",
    "transcriptcollectiontypeid": "id",
    "gvkey": "gvkey",
    "permno": "permno",
    "componentorder": "order",
    "speakertypename": "code",
    "componenttypename": "code",
    "keydeveventtypename": "code",
    "transcriptcollectiontypename": "code",
    "companyname": "text",
    "componenttext": "text",
    "headline": "text",
    "transcriptpersonname": "text",
    "ticker": "text",
    "mostimportantdateutc": "date",
    "link_date": "date",
    "transcriptcreationdate_utc": "date",
    "mostimportanttimeutc": "time",
    "transcriptcreationtime_utc": "time",
}
"""Kind of each column that is read.

Gaps are null in every kind. In codes, dates, times and numbers all marks of gaps count, in any case. In ids, GVKEYs
and PERMNOs, so do 0, -1, runs of nines (-99, 99999999) and words such as "unknown"; other negative numbers are
refused. Text may be a name or speech, so only the marks that programs write count, and only exactly: Mr. "Null", Ms.
"Na", the tickers NAN, TRUE and ON, and a spoken "None." or "N/A." are values; "NULL", "NaN" and R's "NA" are gaps.
(The ticker NA exists; as R writes gaps that way, it is a gap.)
"""

GAPS_IN_TEXT = frozenset(
    ("NA", "N/A", "#N/A", "<NA>", "NaN", "nan", "NaT", "NULL", "null", "None", r"\N", ".", "(null)", "#NULL!")
)
"""Marks of a missing value that programs write: R, pandas, SQL, Excel, SAS and Stata."""

_MORE_GAPS = (
    "- -- --- ? -nan nil n.a. #na [null] <null> missing undefined ._ "
    "#value! #ref! #div/0! #num! #name? 1.#ind -1.#ind 1.#qnan"
)
GAPS = frozenset(
    ("", "#n/a n/a", *map(str.lower, GAPS_IN_TEXT), *_MORE_GAPS.split(), *(f".{c}" for c in ascii_lowercase))
)
"""Marks of a missing value, in lower case, in columns other than text; `.a` to `.z` and `._` are Stata's and SAS's."""

_SHORT_WORDS_FOR_NONE = (
    "unknown unavailable unassigned blank empty tbd tba tbc n.a na. n/a. n/d nd n.d. n.k. # *"
)
_WORDS_FOR_NONE = frozenset(
    (
        *_SHORT_WORDS_FOR_NONE.split(),
        *("not available", "not applicable", "not assigned", "not known", "not found", "no id", "no data"),
        *("\N{EN DASH}", "\N{EM DASH}", "\N{MINUS SIGN}"),
    )
)
"""Words, in lower case, that people write where there is no id, date or time. As names of codes they have a meaning."""

_AROUND_WORDS = "()[]<>{}'\"*_ "

UNKNOWN_SPEAKER = "Unknown"
"""Speaker type of a component for which the source has none."""

_WHOLE = re.compile(r"([0-9]+)(?:\.0*)?")
_NO_NUMBER = re.compile(r"(?:-(?:1|9+)|0+|9{8,})(?:\.0*)?")
_NO_KEY = re.compile(r"9{6,}(?:\.0*)?")
"""All nines: a GVKEY or a PERMNO with so many digits has not been given out."""
_SCIENTIFIC = re.compile(r"[+-]?[0-9]+(?:[.,][0-9]*)?[eE][+-]?[0-9]{1,3}|[+-]?inf(?:inity)?", re.IGNORECASE)
_OF_EXCEL = re.compile(
    r"[0-9]{1,2}-(?:MONTH)(?:-[0-9]{2,4})?|(?:MONTH)-[0-9]{2,4}|[0-9]{4}-[0-9]{2}-[0-9]{2}(?: [0-9:.]+)?|"
    "[0-9]{1,2}:[0-9]{2}(?::[0-9]{2})?".replace("MONTH", "jan|feb|mar|apr|may|jun|jul|aug|sept?|oct|nov|dec"),
    re.IGNORECASE,
)
_GROUPED = re.compile(r"[0-9]+(?:[., '][0-9]+)+")
_ID = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9 ._-]*[A-Za-z0-9._-])?")
_MAX_ID = 64
_EXCEL_DIGITS = 15
"""Excel keeps this many digits of a number and writes zeros after them."""

EXACT = 2.0**53
"""Above this, a float cannot represent every integer."""

LOST_DIGITS = "is a number that lost digits, so different ids may have become one: export the column as text"

EXCELS_DATE = "is a date: Excel makes one of an id such as MAR1; enter or export the column as text"


def is_gap(value: Any, kind: Kind = "code") -> bool:
    """Return whether a value of a column of `kind` is a gap; the value may be of any type that a source returns.

    >>> [is_gap(value, "id") for value in (None, "NA", float("nan"), 0, "-1", "None.")]
    [True, True, True, True, True, False]
    """
    is_id = kind in ("id", "gvkey", "permno")
    if isinstance(value, str):
        text = value.strip()
        if kind == "text":
            return not text or text in GAPS_IN_TEXT
        if text.lower() in GAPS or (is_id and _is_no_id(text, kind)):
            return True
        word = " ".join(text.lower().split()).replace("_", " ")
        return kind not in ("code", "order") and (
            word in _WORDS_FOR_NONE or word.strip(_AROUND_WORDS) in _WORDS_FOR_NONE | GAPS
        )
    if isinstance(value, float | Decimal) and isnan(value):
        return True
    is_number = isinstance(value, int | float | Decimal) and not isinstance(value, bool)
    # pandas' NaT and NA compare to nothing.
    is_missing = value is None or type(value).__name__ in {"NaTType", "NAType"}
    return is_missing or bool(is_id and is_number and _is_no_id(f"{value:.0f}", kind) and value == int(value))


def _is_no_id(text: str, kind: Kind) -> bool:
    return bool(_NO_NUMBER.fullmatch(text) or (kind != "id" and _NO_KEY.fullmatch(text)))


def identifier(value: str) -> str:
    """Return an id as it is stored; `value` is no gap.

    Numbers lose the `.0` that pandas gives them and leading zeros, so that an id is one text however it was written:
    Capital IQ's ids are whole numbers. Other vendors' ids may have letters, digits, blanks and `._-`; ids become parts
    of other ids and of file names, so no other characters. Booleans, dates and numbers that lost digits are refused.

    >>> [identifier(value) for value in ("18749.0", "000123", "AAPL_2021-Q1")]
    ['18749', '123', 'AAPL_2021-Q1']
    """
    text = value.strip()
    if number := _WHOLE.fullmatch(text):
        digits = number[1].lstrip("0")
        is_float = len(number[1]) < len(text)
        if len(digits) > _EXCEL_DIGITS and (is_float or set(digits[_EXCEL_DIGITS:]) == {"0"}):
            raise ValueError(LOST_DIGITS)
        if len(digits) <= _MAX_ID:
            return digits
    if text.lower() in {"true", "false"}:
        raise ValueError("is a boolean, not an id")
    if _OF_EXCEL.fullmatch(text):
        raise ValueError(EXCELS_DATE)
    if _SCIENTIFIC.fullmatch(text):
        raise ValueError(LOST_DIGITS)
    if _GROUPED.fullmatch(text):
        raise ValueError("is not a whole number: write ids without separators or decimals")
    if not _ID.fullmatch(text) or len(text) > _MAX_ID:
        raise ValueError(
            f"is not an id: up to {_MAX_ID} letters, digits, blanks, dots, hyphens and underscores"
        )
    return text


def gvkey(value: str) -> str:
    """Return a GVKEY: always six digits; `value` is no gap.

    >>> [gvkey(value) for value in ("1690", "001690", "1690.0")]
    ['001690', '001690', '001690']
    """
    text = identifier(value)
    if not text.isdecimal() or len(text) > 6:
        raise ValueError("is not a GVKEY: up to six digits")
    return text.zfill(6)


def permno(value: str) -> int:
    """Return a PERMNO; `value` is no gap."""
    text = identifier(value)
    if not text.isdecimal() or len(text) > 9:
        raise ValueError("is not a PERMNO")
    return int(text)


def number_text(value: float | Decimal, exact: float = EXACT) -> str:
    """Return a number as the text that `identifier` reads: whole numbers without a point.

    A float of `exact` or more cannot tell neighbouring integers apart: it is written with its exponent, as a number
    that lost digits.
    """
    if isinstance(value, bool):
        return str(value)
    if isinstance(value, float) and abs(value) >= exact:
        return f"{value:e}"
    return str(int(value)) if value == int(value) else str(value)
