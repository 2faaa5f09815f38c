"""Columns of a file that FTM does not know, such as sector or country: what each call says of itself in them.

What belongs here: collecting one value per call and column while rows are read, within bounds. A column that differs
between the rows of a call is about turns, not about the call. `methods.calls.firm_attributes` decides what is a firm's.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import pyarrow as pa
import pyarrow.compute as pc

from ftm_resources.sources import values
from ftm_resources.sources.files.column_values import as_text, chunked, each
from ftm_resources.tables.components import ATTRIBUTES, Attributes

MAX_CHARACTERS = 300
"""A column with a longer value is free text, not an attribute."""

_PREFIX = "attribute:"


def attribute(name: str) -> str:
    """Return the name under which a column of a file travels with those that FTM knows.

    Case and blanks around a name do not matter, so that the files of a folder agree.
    """
    return (
        _PREFIX + " ".join(name.encode("utf-8", "backslashreplace").decode().lower().split())[:MAX_CHARACTERS]
    )


def attribute_name(column: str) -> str:
    """Return the name of an attribute without what `attribute` put before it."""
    return column.removeprefix(_PREFIX)


def is_attribute(column: str) -> bool:
    """Return whether a column is one of `attribute`."""
    return column.startswith(_PREFIX)


@dataclass
class AttributeTally:
    """The values of attributes, by call, of rows that are added in batches."""

    _found: dict[tuple[str, str], dict[str, str | None]] = field(default_factory=dict)
    _left_out: dict[str, str] = field(default_factory=dict)

    def add(
        self, raw: pa.Table, transcripts: pa.ChunkedArray, companies: pa.ChunkedArray, keep: pa.Array
    ) -> None:
        """Count the attributes among the columns of `raw`, of the rows that are kept."""
        for column in filter(is_attribute, raw.column_names):
            name = attribute_name(column)
            if name in self._left_out:
                continue
            try:
                said = _read(raw.column(column))
            except (pa.ArrowInvalid, pa.ArrowNotImplementedError):
                self.leave_out(name, f"it contains {raw.column(column).type}")
                continue
            if (pc.max(pc.utf8_length(said)).as_py() or 0) > MAX_CHARACTERS:
                self.leave_out(name, f"a value has more than {MAX_CHARACTERS} characters")
                continue
            rows = pa.table({"t": transcripts, "c": companies, "v": said}).filter(keep)
            calls = rows.filter(pc.is_valid(rows.column("v"))).group_by(["t", "c"], use_threads=False)
            found = calls.aggregate([("v", "min"), ("v", "max")])
            for t, c, least, greatest in zip(*(found.column(i).to_pylist() for i in _RESULT), strict=True):
                values_ = self._found.setdefault((t, c), {})
                agrees = least == greatest and values_.get(name, least) == least
                values_[name] = least if agrees else None

    def leave_out(self, name: str, why: str) -> None:
        """Note that a column is no attribute."""
        self._left_out.setdefault(name, why)

    def attributes(self) -> Attributes:
        """Return what was found, by call and name."""
        rows = [
            {"transcriptid": t, "companyid": c, "name": name, "value": value}
            for (t, c), said in sorted(self._found.items())
            for name, value in sorted(said.items())
            if name not in self._left_out
        ]
        return Attributes(pa.Table.from_pylist(rows, schema=ATTRIBUTES), dict(sorted(self._left_out.items())))


_RESULT = ("t", "c", "v_min", "v_max")


def _read(given: pa.ChunkedArray) -> pa.ChunkedArray:
    """Return values as texts, cut shortly after MAX_CHARACTERS; gaps become null."""
    if pa.types.is_dictionary(given.type):
        coded = given.combine_chunks()
        meant = _read(chunked(coded.dictionary)).combine_chunks()
        return chunked(meant.take(coded.indices))
    if pa.types.is_binary(given.type) or pa.types.is_large_binary(given.type):
        return each(
            given.cast(pa.large_binary()), lambda v: v and _meant(v.decode(errors="replace")), pa.string()
        )[0]
    if pa.types.is_timestamp(given.type) and given.equals(
        given.cast(pa.date32(), safe=False).cast(given.type)
    ):
        given = given.cast(pa.date32())  # as pandas and Excel hold dates; a CSV file has no midnight in them
    return each(as_text(given).cast(pa.string()), _meant, pa.string())[0]


def _meant(value: str | None) -> str | None:
    """Return a value without needless blanks; None if it stands for none."""
    if value is None or values.is_gap(value):
        return None
    return " ".join(value.replace("\0", " ").split())[: MAX_CHARACTERS + 1] or None
