import pytest

from ftm_assets.report.cut_texts import cut


@pytest.mark.parametrize(
    "text", ["Freight rates rose again and again", "运费又上涨了很多" * 4, "🚀" * 30, "x" * 60]
)
@pytest.mark.parametrize(("characters", "n_bytes"), [(20, None), (20, 24), (40, 17)])
def test_a_text_is_within_both_bounds_and_a_cut_shows(text: str, characters: int, n_bytes: int | None):
    short = cut(text, characters, n_bytes)
    assert len(short) <= characters
    assert n_bytes is None or len(short.encode()) <= n_bytes
    assert short == text or (short.endswith("…") and text.startswith(short[:-1]))


def test_what_fits_is_left_as_it_is():
    assert cut("运费", 2, 6) == "运费"
