"""Capital IQ's codes: kinds of events and collection types by number, and the names for them.

What belongs here: what the vendor's numbers mean. Numbers that could not be verified are not listed; where only such a
number is given, it is refused rather than guessed.
"""

from __future__ import annotations

import re

from ftm_resources.tables.components import COLLECTION_TYPES, EARNINGS_CALLS, finality, is_earnings_call

EARNINGS_CALL = 48
"""`keydeveventtypeid` of earnings calls."""

EVENT_TYPES = {
    EARNINGS_CALL: EARNINGS_CALLS,
    49: "Guidance/Update Calls",
    50: "Shareholder/Analyst Calls",
    51: "Company Conference Presentations",
    52: "M&A Calls",
    139: "Sales/Trading Statement Calls",
    149: "Conferences",
    192: "Analyst/Investor Day",
    194: "Special Calls",
    221: "Operating Results Calls",
    222: "Interim Management Statement Calls",
    223: "Fixed Income Calls",
}
"""Kinds of events (`keydeveventtypeid`) that have transcripts.

48 is in S&P's own sample queries (github.com/SP-Global-Xpressfeed/CIQTranscripts, "keyDevEventTypeId=48 --Earnings
Calls"); all twelve are in the list of key developments of Terence Lim's `finds` package (`structured/pstat.py`).
"""

COLLECTION_IDS = {1: "Proofed Copy", 7: "Spellchecked Copy", 8: "Audited Copy"}
"""Collection types (`transcriptcollectiontypeid`).

1 is in S&P's sample queries ("transcriptCollectionTypeId=1 --Proofed Copy"); 7 and 8 are in public code that reads
Xpressfeed. No source was found for the number of "Edited Copy", which is recognised by its name only.
"""

_NUMBER = re.compile(r"([0-9]+)(?:\.0*)?")


def event_name(number: str | None, name: str | None) -> str | None:
    """Return the kind of an event by its number and its name, either of which may be missing; None if both are.

    Names by which `is_earnings_call` recognises an earnings call become "Earnings Calls". ValueError if only a number
    is given and it is not known, or if number and name disagree on whether the event is an earnings call; a known
    number wins over other names, and a name over an unknown number, which may be another vendor's.
    """
    code, name = _code(number, name)
    if code is None:
        return EARNINGS_CALLS if name and is_earnings_call(name) else name
    known = EVENT_TYPES.get(code)
    if known is None and name is None:
        raise ValueError(
            "is not a known kind of event (48 are earnings calls): add the column keydeveventtypename"
        )
    if known and name and is_earnings_call(name) != (code == EARNINGS_CALL):
        raise ValueError(f'is {known}, but keydeveventtypename is "{name}"')
    return known or name


def collection_name(number: str | None, name: str | None) -> str | None:
    """Return a collection type by its number and its name, either of which may be missing; None if both are.

    ValueError if only a number is given and it is not known, or if number and name are different known types.
    """
    code, name = _code(number, name)
    if name is not None and (rank := finality(name)):
        name = COLLECTION_TYPES[rank - 1]
    if code is None:
        return name
    known = COLLECTION_IDS.get(code)
    if known is None and name is None:
        numbers = ", ".join(f"{n} {t}" for n, t in COLLECTION_IDS.items())
        raise ValueError(
            f"is not a known collection type ({numbers}): add the column transcriptcollectiontypename"
        )
    if known and name and finality(name) and known != name:
        raise ValueError(f'is {known}, but transcriptcollectiontypename is "{name}"')
    return known or name


def _code(number: str | None, name: str | None) -> tuple[int | None, str | None]:
    """Return the number and the name; a number in the place of the name counts as the number."""
    if number is None and name is not None and _NUMBER.fullmatch(name.strip()):
        number, name = name, None
    if number is None:
        return None, name and " ".join(name.split())
    if not (found := _NUMBER.fullmatch(number.strip())):
        raise ValueError("is not a whole number")
    return int(found[1]), name and " ".join(name.split())
