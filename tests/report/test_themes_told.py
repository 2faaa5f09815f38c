import pytest

from ftm_assets.report.payload import Report, Theme
from ftm_resources.warehouse import Warehouse

from .told_quarter import EARLIER, FREIGHT, HIRING, QUARTER, VAGUE


def test_a_theme_says_what_its_tables_say(report: Report, told: Warehouse):
    theme, by_hand = report.themes[FREIGHT], 15 + 5 + 5
    assert (theme.theme_id, theme.series_id) == (f"{QUARTER}:theme:000", f"{EARLIER}:series:000")
    assert (theme.n_firms, theme.n_topics, theme.n_sentences) == (5, 5, by_hand)
    assert theme.score == pytest.approx((15 - 5) / by_hand)
    assert theme.since == EARLIER
    (mart,) = [
        r for r in told.read("theme_sentiment", QUARTER).to_pylist() if r["theme_id"] == theme.theme_id
    ]
    (panel,) = [r for r in told.read("theme_panel", QUARTER).to_pylist() if r["theme_id"] == theme.theme_id]
    assert mart["n_sentences"] == theme.n_sentences
    assert theme.attention == pytest.approx(panel["attention"], abs=1e-6)


def test_the_interval_is_the_tables_rule(report: Report, told: Warehouse):
    from scipy.stats import t

    theme = report.themes[FREIGHT]
    (mart,) = [
        r for r in told.read("theme_sentiment", QUARTER).to_pylist() if r["theme_id"] == theme.theme_id
    ]
    half = t.ppf(0.975, mart["score_df"]) * mart["score_se"]
    assert (theme.score_low, theme.score_high) == pytest.approx(
        (mart["score"] - half, mart["score"] + half), abs=1e-4
    )
    hiring = report.themes[HIRING]
    assert (hiring.score, hiring.score_low, hiring.score_high) == (-1.0, None, None)


def test_changes_are_from_the_quarter_before_of_the_same_series(report: Report):
    freight, hiring = report.themes[FREIGHT], report.themes[HIRING]
    assert freight.attention_change == pytest.approx((freight.attention or 0) - 0.25, abs=1e-6)
    assert freight.score_change == pytest.approx((freight.score or 0) - 0.1, abs=1e-4)
    assert (hiring.attention_change, hiring.score_change) == (None, None)


def test_the_largest_firm_and_the_firms_of_a_theme(report: Report):
    theme = report.themes[FREIGHT]
    assert theme.largest_firm is not None
    assert report.firms[theme.largest_firm].firm_id == "1"
    assert theme.largest_firm_share == pytest.approx(7 / 25)
    sizes = [part.n_sentences for part in theme.firms]
    assert sizes == sorted(sizes, reverse=True) == [7, 6, 5, 4, 3]
    assert sum(sizes) == theme.n_sentences


def test_what_firms_move_a_themes_tone_by_adds_up_to_nothing(report: Report):
    theme = report.themes[FREIGHT]
    moves = [part.moves or 0 for part in theme.firms]
    assert sum(moves) == pytest.approx(0, abs=1e-5)
    # Firm 1: 5 positive, 1 neutral, 1 negative, of the theme's 25.
    assert theme.firms[0].moves == pytest.approx(7 / 25 * (4 / 7 - 10 / 25), abs=1e-6)
    assert {part.moves for part in report.themes[VAGUE].firms} == {None}


def test_the_series_name_is_told_where_it_is_another(report: Report):
    assert [t.series_name for t in report.themes] == [None, None, "Vague talk"]


def test_firms_with_a_topic_and_with_a_member_are_counted_apart(report: Report):
    assert [(t.n_firms, t.n_topic_firms) for t in report.themes] == [(5, 5), (3, 3), (0, 4)]
    assert all(len(t.firms) >= max(t.n_firms, t.n_topic_firms) for t in report.themes)


def test_splits_add_up(report: Report):
    theme = report.themes[FREIGHT]
    for splits in (theme.by_section, theme.by_speaker):
        assert sum(s.n_sentences for s in splits) == theme.n_sentences
    assert [s.name for s in theme.by_section] == ["presentation", "q_and_a"]
    assert [(s.name, s.score) for s in theme.by_speaker] == [("executive", 0.75), ("analyst", -1.0)]


def test_flags_say_what_a_reader_must_know(report: Report):
    def flags(number: int) -> str:
        return "; ".join(report.themes[number].flags)

    assert report.themes[FREIGHT].flags == ()
    assert "3 firms only: too few for an interval" in flags(HIRING)
    assert "the model gave no usable name" in flags(HIRING)
    assert flags(VAGUE) == "weak: none of its sentences counts"
    assert _nothing(report.themes[VAGUE])


def _nothing(theme: Theme) -> bool:
    """Whether nothing is said of a theme's tone and attention."""
    return (theme.n_sentences, theme.n_firms, theme.score, theme.attention, theme.up, theme.down) == (
        *(0, 0, None, None),
        *((), ()),
    )
