from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ftm_resources.sources.values import (
    GAPS,
    GAPS_IN_TEXT,
    KINDS,
    gvkey,
    identifier,
    is_gap,
    number_text,
    permno,
)
from ftm_resources.tables.components import COMPONENTS

ISSUE = ["NA", "nan", "None", "NULL", "N/A", ".", "NaT", "<NA>"]
SIBLINGS = [
    "",
    " ",
    "\t\n",
    "#N/A",
    "#n/a",
    "NaN",
    "null",
    "none",
    "n/a",
    "nat",
    r"\N",
    r"\n",
    ".a",
    ".Z",
    "._",
    "nil",
]


class NaTType:
    """Like pandas' NaT, which is not equal to itself; pandas is no dependency of the sources."""

    def __eq__(self, other: object) -> bool:
        return False

    def __hash__(self) -> int:
        return 0


@pytest.mark.parametrize("kind", sorted(set(KINDS.values()) - {"text"}))
@pytest.mark.parametrize("written", [*ISSUE, *SIBLINGS, None, float("nan"), Decimal("NaN"), NaTType()])
def test_a_gap_is_a_gap_in_every_kind_of_column(kind: Any, written: Any):
    assert is_gap(written, kind)
    if isinstance(written, str):
        assert is_gap(f" {written}\n", kind)


@pytest.mark.parametrize("kind", ["id", "gvkey", "permno"])
@pytest.mark.parametrize(
    "written", [0, -1, "0", "-1", "0.0", "000000", "-99", -999, -1.0, Decimal(-1), "-999.00"]
)
def test_what_is_below_1_is_a_gap_where_values_begin_at_1(kind: Any, written: Any):
    assert is_gap(written, kind)
    assert not is_gap(written, "order")


@pytest.mark.parametrize(
    "spoken",
    [
        "No.",
        "None.",
        "N/A.",
        "Null",
        "Na",
        "none",
        "NAN",
        "TRUE",
        "ON",
        "na",
        "No",
        "NA Inc",
        "Nil",
        "-",
        "Missing",
        "0",
    ],
)
def test_names_tickers_and_speech_are_no_gaps(spoken: str):
    assert not is_gap(spoken, "text")


@pytest.mark.parametrize("written", sorted(GAPS_IN_TEXT))
def test_what_programs_write_is_a_gap_in_texts_too(written: str):
    assert is_gap(f" {written} ", "text")
    assert written.lower() in GAPS


def test_every_column_that_is_read_has_a_kind():
    assert set(COMPONENTS.names) - set(KINDS) == {"is_date_only", "created_at"}


@given(st.integers(1, 10**15 - 1), st.integers(0, 4), st.sampled_from(["", ".", ".0", ".000"]))
def test_an_id_is_one_text_however_it_was_written(number: int, n_zeros: int, end: str):
    assert identifier(" " + "0" * n_zeros + str(number) + end) == str(number)
    assert identifier(number_text(float(number))) == str(number)
    assert identifier(number_text(Decimal(number))) == str(number)


@given(st.from_regex(r"[A-Za-z][A-Za-z0-9_-]{0,20}", fullmatch=True))
def test_other_vendors_ids_are_unchanged(text: str):
    if text.lower() not in {"true", "false", "inf", "infinity"}:
        assert identifier(text) == text
        assert identifier(identifier(text)) == text


@pytest.mark.parametrize(
    "lost",
    [
        "1.23457E+09",
        "1.23E+05",
        "1,23457E+09",
        "1E5",
        "1e+16",
        "inf",
        "12345678901234500000",  # from Excel
        "9007199254740993.0",
        number_text(2.0**53),
        number_text(1e300),
        number_text(16777216.0, 2.0**24),
    ],
)
def test_an_id_that_lost_digits_is_refused(lost: str):
    with pytest.raises(ValueError, match=r"lost digits.*export the column as text"):
        identifier(lost)


@pytest.mark.parametrize("boolean", ["True", "FALSE", "true"])
def test_a_boolean_is_no_id(boolean: str):
    with pytest.raises(ValueError, match="is a boolean"):
        identifier(boolean)


@pytest.mark.parametrize("written", ["1,690", "1.690", "1 690", "1'690", "1.5", "18,749.0"])
def test_separators_and_decimals_are_refused(written: str):
    with pytest.raises(ValueError, match="is not a whole number"):
        identifier(written)


def test_an_id_of_digits_and_underscores_is_one():
    assert [identifier(written) for written in ("2021_1", "2021_Q1_7")] == ["2021_1", "2021_Q1_7"]


@pytest.mark.parametrize(
    "written",
    [
        "2021Q1:7",
        "a/b",
        r"a\b",
        "../a",
        "a\nb",
        "a\0b",
        "a\x7fb",
        "'a'",
        "=1+1",
        "[1]",
        "é1",
        "a" * 65,
        "+5",
        "₅",
    ],
)
def test_an_id_that_could_not_be_part_of_another_id_or_a_file_name_is_refused(written: str):
    with pytest.raises(ValueError, match="is not an id"):
        identifier(written)


@given(st.integers(1, 999_999), st.sampled_from(["{}", "{:06d}", "{}.0", " {} "]))
def test_a_gvkey_has_six_digits_and_stays_as_it_is(number: int, form: str):
    key = gvkey(form.format(number))
    assert (len(key), int(key)) == (6, number)
    assert gvkey(key) == key


@pytest.mark.parametrize("written", ["1234567", "AAPL", "00169A", "1.69E+03", "001690-01"])
def test_what_is_no_gvkey_is_refused(written: str):
    with pytest.raises(ValueError, match=r"is not a GVKEY|lost digits"):
        gvkey(written)


def test_a_permno_is_a_number():
    assert permno("10107.0") == 10107
    with pytest.raises(ValueError, match="is not a PERMNO"):
        permno("9" * 20)
    with pytest.raises(ValueError, match="is not a PERMNO"):
        permno("MSFT")


IDS = ["id", "gvkey", "permno"]


@pytest.mark.parametrize("kind", [*IDS, "date", "time"])
@pytest.mark.parametrize(
    "written",
    [
        *(
            "Unknown",
            "UNKNOWN",
            "not  available",
            "NOT_AVAILABLE",
            "unavailable",
            "TBD",
            "tba",
            "(blank)",
            "[empty]",
        ),
        *(
            "N.A.",
            "n.a",
            "n/d",
            "none ",
            "<none>",
            "(missing)",
            "#",
            "\N{EM DASH}",
            "Not Applicable",
            "\u00a0",
        ),
    ],
)
def test_a_word_for_none_is_a_gap_where_no_name_is_meant(kind: Any, written: str):
    assert is_gap(written, kind)
    assert not is_gap("Unknown", "code")
    assert not is_gap("Unknown", "text")


@pytest.mark.parametrize("kind", IDS)
@pytest.mark.parametrize(
    "written", ["99999999", 99999999, 999999999.0, "99999999.0", Decimal(99999999), "-9", -9999]
)
def test_a_run_of_nines_is_a_gap(kind: Any, written: Any):
    assert is_gap(written, kind)
    assert not is_gap("9999", kind)
    assert is_gap(999999, kind) is (kind != "id")


@pytest.mark.parametrize("kind", IDS)
@pytest.mark.parametrize("written", ["-5", -5, "-10107", -1690.0, "-77", Decimal(-88), "-1.5", -0.5])
def test_another_negative_number_is_no_gap_and_refused(kind: Any, written: Any):
    assert not is_gap(written, kind)
    text = written if isinstance(written, str) else number_text(written)
    for read in (identifier, gvkey, permno):
        with pytest.raises(ValueError, match="is not"):
            read(text)


@pytest.mark.parametrize(
    "written", ["1-Mar", "Mar-01", "01-MAR-2021", "2-Sep-21", "Sept-2021", "2021-03-01", "DEC-1901"]
)
def test_a_date_that_excel_made_of_an_id_is_refused(written: str):
    for read in (identifier, gvkey, permno):
        with pytest.raises(ValueError, match="Excel makes one of an id"):
            read(written)
    assert identifier("MAR1") == "MAR1"
    assert identifier("AAPL-2021") == "AAPL-2021"
