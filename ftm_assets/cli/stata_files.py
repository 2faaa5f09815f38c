"""Writing Stata files (.dta, format 118) of any length: what pandas and pyreadstat write only from memory.

What belongs here: the layout of the file and the types of its variables (StataCorp, `help dta`). Stata 14 and later
read it. Rows are written as they come, so that memory does not depend on their number.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING, Any, Self

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from ftm_assets.cli.codebook import MAX_LABEL

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path
    from types import TracebackType

MAX_NAME, MAX_BYTES = 32, 2045
"""Characters of a name; bytes of a text (Stata's str#)."""
MAX_LONG = 2_147_483_620
"""Greatest whole number of type long; greater ones are missing values."""

_EPOCH = date(1960, 1, 1)
_DAYS = (_EPOCH - date(1970, 1, 1)).days
_TEXT = 0
_CODES = {"byte": 65530, "long": 65528, "double": 65526}
_NUMPY = {"byte": "<i1", "long": "<i4", "double": "<f8"}
_MISSING: dict[str, float | int] = {"byte": 101, "long": MAX_LONG + 1, "double": 2.0**1023}


@dataclass(frozen=True)
class Variable:
    """A column of a Stata file."""

    name: str
    label: str
    type: str
    """byte, long, double or str."""
    format: str
    width: int = _TEXT
    """Bytes of the longest text of a str."""
    note: str = ""
    """What `notes` shows of it: the whole text of which the label is a part."""

    def __post_init__(self) -> None:
        if len(self.name) > MAX_NAME or len(self.label) > MAX_LABEL:
            raise ValueError(
                f"{self.name}: Stata takes names of {MAX_NAME} and labels of {MAX_LABEL} characters"
            )
        if self.width > MAX_BYTES:
            raise ValueError(f"{self.name}: a text of {self.width} bytes; Stata takes {MAX_BYTES}")

    @property
    def dtype(self) -> str:
        """The numpy type of its cells."""
        return f"S{self.width}" if self.type == "str" else _NUMPY[self.type]

    @property
    def code(self) -> int:
        """The type as the file gives it."""
        return self.width if self.type == "str" else _CODES[self.type]


def variable(
    name: str, label: str, kind: pa.DataType, *, longest: int = 0, greatest: int = 0, note: str = ""
) -> Variable:
    """Return the variable that holds an Arrow column without loss.

    Dates become %td and times %tc. `longest` is the greatest number of bytes of its texts, `greatest` the greatest
    absolute whole number. Raises ValueError if Stata has no type for it.
    """
    if pa.types.is_string(kind):
        width = max(longest, 1)
        return Variable(name, label, "str", f"%{width}s", width, note=note)
    if pa.types.is_boolean(kind):
        return Variable(name, label, "byte", "%8.0g", note=note)
    if pa.types.is_date(kind):
        return Variable(name, label, "long", "%td", note=note)
    if pa.types.is_timestamp(kind):
        return Variable(name, label, "double", "%tc", note=note)
    if pa.types.is_integer(kind):
        return Variable(name, label, "long" if greatest <= MAX_LONG else "double", "%12.0g", note=note)
    if pa.types.is_floating(kind):
        return Variable(name, label, "double", "%10.0g", note=note)
    raise ValueError(f"{name}: Stata has no type for {kind}")


def quarter_variable(name: str, label: str, *, note: str = "") -> Variable:
    """Return the variable of a column of quarters such as 2023Q1: %tq, quarters since 1960q1, for `xtset`."""
    return Variable(name, label, "long", "%tq", note=note)


class StataFile:
    """A Stata file that is being written; use it as a context manager.

    Every row that was announced must be written, else the file is not complete and closing raises ValueError.
    """

    def __init__(
        self,
        path: Path,
        variables: Sequence[Variable],
        n_rows: int,
        *,
        label: str = "",
        notes: Sequence[str] = (),
    ) -> None:
        """Write what comes before the data; `notes` are of the whole file."""
        self._variables, self._announced, self._written = tuple(variables), n_rows, 0
        self._dtype = np.dtype([(v.name, v.dtype) for v in variables])
        self._file = path.open("wb")
        self._offsets = [0]
        self._head(label, notes)

    def __enter__(self) -> Self:
        """Return the file."""
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: BaseException | TracebackType | None) -> None:
        """Write what comes after the data, and close."""
        with self._file:
            if kind is None:
                self._tail()

    def write(self, rows: pa.Table) -> None:
        """Append rows; the columns are those of the variables, in any order."""
        cells = np.empty(rows.num_rows, self._dtype)
        for v in self._variables:
            cells[v.name] = _cells(v, rows.column(v.name))
        self._file.write(cells.tobytes())
        self._written += rows.num_rows

    def _head(self, label: str, notes: Sequence[str]) -> None:
        k = len(self._variables)
        said = label[:MAX_LABEL].encode()
        header = (
            b"<header><release>118</release><byteorder>LSF</byteorder><K>%b</K><N>%b</N><label>%b%b</label>"
            b"<timestamp>\0</timestamp></header>"
        ) % (struct.pack("<H", k), struct.pack("<Q", self._announced), struct.pack("<H", len(said)), said)
        self._file.write(b"<stata_dta>" + header)
        self._map_at = self._mark()
        self._file.write(b"<map>" + bytes(14 * 8) + b"</map>")
        self._element("variable_types", struct.pack(f"<{k}H", *(v.code for v in self._variables)))
        self._element("varnames", _padded([v.name for v in self._variables], 129))
        self._element("sortlist", bytes(2 * (k + 1)))
        self._element("formats", _padded([v.format for v in self._variables], 57))
        self._element("value_label_names", bytes(129 * k))
        self._element("variable_labels", _padded([v.label for v in self._variables], 321))
        of_file = _notes("_dta", notes)
        self._element(
            "characteristics", of_file + b"".join(_notes(v.name, [v.note]) for v in self._variables if v.note)
        )
        self._mark()
        self._file.write(b"<data>")

    def _tail(self) -> None:
        if self._written != self._announced:
            raise ValueError(f"{self._written} rows were written, but {self._announced} announced")
        self._file.write(b"</data>")
        self._element("strls", b"")
        self._element("value_labels", b"")
        self._mark()
        self._file.write(b"</stata_dta>")
        self._mark()
        self._file.seek(self._map_at + len(b"<map>"))
        self._file.write(struct.pack("<14Q", *self._offsets))

    def _element(self, name: str, content: bytes) -> None:
        self._mark()
        self._file.write(f"<{name}>".encode() + content + f"</{name}>".encode())

    def _mark(self) -> int:
        self._offsets.append(self._file.tell())
        return self._offsets[-1]


def _padded(texts: Sequence[str], width: int) -> bytes:
    return b"".join(text.encode().ljust(width, b"\0") for text in texts)


def _notes(of: str, texts: Sequence[str]) -> bytes:
    """Return the characteristics that Stata keeps notes in: note0 is their number, note1 the first."""
    if not texts:
        return b""
    found = {"note0": str(len(texts)), **{f"note{n}": text for n, text in enumerate(texts, start=1)}}
    named = [(_padded([of, name], 129) + text.encode() + b"\0") for name, text in found.items()]
    return b"".join(b"<ch>" + struct.pack("<I", len(content)) + content + b"</ch>" for content in named)


def _cells(v: Variable, column: pa.ChunkedArray) -> Any:
    """Return a column's cells in the variable's type, missing values in Stata's way."""
    if v.format == "%tq":
        column = _quarters(column)
    elif pa.types.is_date(column.type):
        column = pc.subtract(column.cast(pa.int32()), _DAYS)
    elif pa.types.is_timestamp(column.type):
        column = pc.subtract(
            column.cast(pa.timestamp("ms", "UTC"), safe=False).cast(pa.int64()), _DAYS * 86_400_000
        )
    elif v.type == "str":
        return _texts(v, column)
    kind = {"byte": pa.int8(), "long": pa.int32(), "double": pa.float64()}[v.type]
    return pc.fill_null(column.cast(kind), _MISSING[v.type]).to_numpy()


def _texts(v: Variable, column: pa.ChunkedArray) -> np.ndarray:
    """Return texts as bytes; Stata has no missing texts: they are empty."""
    coded = pc.fill_null(column, "").combine_chunks().dictionary_encode()
    if (longest := pc.max(pc.binary_length(coded.dictionary)).as_py() or 0) > v.width:
        raise ValueError(f"{v.name} has a text of {longest} bytes, not at most {v.width}")
    known = np.array([text.encode() for text in coded.dictionary.to_pylist()] or [b""], v.dtype)
    cells: np.ndarray = known[coded.indices.to_numpy()]
    return cells


def _quarters(column: pa.ChunkedArray) -> pa.ChunkedArray:
    year = pc.utf8_slice_codeunits(column, 0, 4).cast(pa.int32())
    number = pc.utf8_slice_codeunits(column, 5, 6).cast(pa.int32())
    return pc.add(pc.multiply(pc.subtract(year, 1960), 4), pc.subtract(number, 1))
