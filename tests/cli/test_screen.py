"""What is printed is what the data say: no markup, nothing cut."""

import pytest

from ftm_assets.cli import screen


def test_square_brackets_of_data_are_printed(capsys: pytest.CaptureFixture[str]):
    screen.console().print(screen.table("of [x]", ("theme", "n"), [("[/red] margin [bold]", "1")]))
    screen.console().print(screen.facts([("[a]", "[/b] c")]))
    shown = capsys.readouterr().out
    assert "[/red] margin [bold]" in shown
    assert "[a]  [/b] c" in shown
    assert "of [x]" in shown


@pytest.mark.parametrize(
    ("n_bytes", "shown"),
    [
        (0, "0 bytes"),
        (1023, "1,023 bytes"),
        (2048, "2 KiB"),
        (3 * 1024**3, "3.0 GiB"),
        (5 * 1024**4, "5.0 TiB"),
    ],
)
def test_bytes_have_units(n_bytes: int, shown: str):
    assert screen.size(n_bytes) == shown


def test_one_is_singular():
    assert [screen.count(n, "firm") for n in (0, 1, 1200)] == ["0 firms", "1 firm", "1,200 firms"]
