"""Widths as journals have them, and files that are the same for the same data."""

from collections.abc import Callable
from pathlib import Path

import pytest

from ftm_assets.report.figure_style import FORMATS, MM, blank, styled, width_mm, write_figure


@pytest.fixture
def write(tmp_path: Path) -> Callable[[str, str], bytes]:
    """A function that draws a text and returns the file's bytes."""

    def write(format_: str, text: str = "Price & mix, $5 to $6") -> bytes:
        file = tmp_path / f"figure.{format_}"
        with styled():
            figure = blank(90, 40)
            figure.subplots().set_title(text)
        write_figure(figure, file, format_)
        return file.read_bytes()

    return write


@pytest.mark.parametrize("text", ["", "wide", "nan", "-90", "inf", "20", "1000", "90 cm"])
def test_a_width_that_no_page_has_is_refused(text: str):
    with pytest.raises(ValueError, match="single, onehalf, double or a number of mm"):
        width_mm(text)


@pytest.mark.parametrize("format_", FORMATS)
def test_the_same_figure_gives_the_same_bytes_without_a_date(write: Callable[..., bytes], format_: str):
    written = write(format_)
    assert written == write(format_)
    assert written != write(format_, "Another title")
    for word in (b"CreationDate", b"<dc:date>", b"Matplotlib v", b"matplotlib.org"):
        assert word not in written


def test_a_pdf_has_its_fonts_as_truetype_and_its_size(write: Callable[..., bytes]):
    written = write("pdf")
    assert b"/FontFile2" in written, "TrueType, embedded"
    assert b"/Type3" not in written
    assert f"/MediaBox [ 0 0 {90 * MM * 72:.4f}".encode()[:22] in written


def test_a_figure_is_as_wide_as_the_column():
    figure = blank(90, 40)
    assert figure.get_size_inches() == pytest.approx((90 * MM, 40 * MM))
