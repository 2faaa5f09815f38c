"""What the input says of a firm in columns that FTM does not know: a value per firm and quarter, conflicts counted."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING, NamedTuple

import pyarrow as pa

from ftm_resources.tables import TABLES

if TYPE_CHECKING:
    from collections.abc import Mapping

MAX_OTHERS = 20
"""Most values listed beside the one that is kept."""

OF_TURNS = 0.5
"""A column whose values differ within more than this share of the calls that have it is about turns."""


class FirmAttributes(NamedTuple):
    """Attributes of firms, and what there is to say of the others."""

    rows: pa.Table
    """Rows of `firm_attributes`."""
    left_out: dict[str, str]
    """Column → why it is no attribute of a firm."""
    differing: dict[str, int]
    """Column → calls whose own rows do not agree, which count as having no value."""


def firm_attributes(
    attributes: pa.Table, calls: pa.Table, *, quarter: str, left_out: Mapping[str, str]
) -> FirmAttributes:
    """Return each firm's attributes in a quarter, from those of its calls.

    The firm's last call that has a value gives it. A column that differs within most calls is about turns or speakers
    and is left out.

    Parameters
    ----------
    attributes : pyarrow.Table
        One row per transcript, company and name (schema `tables.components.ATTRIBUTES`); other calls' rows are ignored.
    calls : pyarrow.Table
        transcript_id, firm_id and call_date of the calls that were kept.
    quarter : str
        The quarter, e.g. "2023Q1".
    left_out : Mapping[str, str]
        Columns that the source left out, with the reason; they are passed on.

    Returns
    -------
    FirmAttributes
        Its rows are ordered by firm and name.

    Examples
    --------
    >>> from datetime import date
    >>> said = [("1", "a", "sector", "Energy"), ("2", "a", "sector", "Utilities"), ("1", "a", "mood", None)]
    >>> made = firm_attributes(
    ...     pa.Table.from_pylist(
    ...         [dict(zip(("transcriptid", "companyid", "name", "value"), x, strict=True)) for x in said]
    ...     ),
    ...     pa.table({"transcript_id": ["1", "2"], "firm_id": ["a", "a"], "call_date": [date(2023, 1, 9), date(2023, 3, 1)]}),
    ...     quarter="2023Q1",
    ...     left_out={},
    ... )
    >>> made.rows.drop_columns(["quarter"]).to_pylist()[0]
    {'firm_id': 'a', 'name': 'sector', 'value': 'Utilities', 'n_calls': 2, 'n_values': 2, 'other_values': ['Energy']}
    >>> made.left_out
    {'mood': 'it differs between the turns of 1 of 1 calls'}

    """  # noqa: E501 - an example's line
    when = {
        (row["transcript_id"], row["firm_id"]): (row["call_date"], row["transcript_id"])
        for row in calls.to_pylist()
    }
    said: dict[str, dict[str, list[tuple[object, str]]]] = defaultdict(lambda: defaultdict(list))
    n_calls, differing = defaultdict[str, int](int), defaultdict[str, int](int)
    for row in attributes.to_pylist():
        at = when.get((row["transcriptid"], row["companyid"]))
        if at is None:
            continue
        name = row["name"]
        n_calls[name] += 1
        if row["value"] is None:
            differing[name] += 1
        else:
            said[name][row["companyid"]].append((at, row["value"]))
    of_turns = {name for name, n in differing.items() if n > OF_TURNS * n_calls[name]}
    why = {n: f"it differs between the turns of {differing[n]} of {n_calls[n]} calls" for n in of_turns}
    rows = []
    for name in sorted(set(said) - of_turns):
        for firm, found in said[name].items():
            value = max(found)[1]
            others = sorted({other for _, other in found} - {value})
            rows.append(
                {
                    "firm_id": firm,
                    "name": name,
                    "value": value,
                    "n_calls": len(found),
                    "n_values": 1 + len(others),
                    "other_values": others[:MAX_OTHERS],
                    "quarter": quarter,
                }
            )
    rows.sort(key=lambda row: (row["firm_id"], row["name"]))
    return FirmAttributes(
        pa.Table.from_pylist(rows, schema=TABLES["firm_attributes"].arrow_schema),
        dict(sorted({**left_out, **why}.items())),
        {name: n for name, n in sorted(differing.items()) if name not in of_turns},
    )
