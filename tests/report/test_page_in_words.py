"""What the page says of gaps, generated calls, changes, small numbers and addresses of what it does not have."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from ftm_assets.report.page import render
from ftm_assets.report.payload import Report, SeriesCurve

from .conftest import go, texts

if TYPE_CHECKING:
    from playwright.sync_api import Page

    Opener = Callable[..., Page]


@pytest.fixture(scope="module")
def other_file(made_report: Report, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The page of real calls, with themes of little attention, and with quarters missing at both ends."""
    through = made_report.through
    missing = (0, 1, 4, 7)

    def gappy(one: SeriesCurve) -> SeriesCurve:
        columns = ("attention", "score", "score_low", "score_high", "n_firms")
        return replace(
            one,
            **{c: tuple(None if q in missing else v for q, v in enumerate(getattr(one, c))) for c in columns},
        )

    file = tmp_path_factory.mktemp("other") / "report.html"
    themes = [replace(t, group=0, attention=0.00021 + 0.00013 * i) for i, t in enumerate(made_report.themes)]
    firm = max(range(len(made_report.firms)), key=lambda f: made_report.firms[f].n_members)
    firms = [replace(one, peer_score=-1.0) if f == firm else one for f, one in enumerate(made_report.firms)]
    file.write_text(
        render(
            replace(
                made_report,
                is_generated=False,
                themes=tuple(themes),
                firms=tuple(firms),
                groups=("First · Second",),
                through=replace(
                    through,
                    missing=tuple(through.quarters[q] for q in missing),
                    series=tuple(map(gappy, through.series)),
                ),
            )
        ),
        encoding="utf-8",
    )
    return file


def crossed(page: "Page") -> int:
    """How many pieces of the stream and of lines lie over a gap, rather than end at it."""
    return page.evaluate(
        """() => [...document.querySelectorAll('main svg')].reduce((n, picture) => {
            const span = (shape) => shape.getBBox();
            const gaps = [...picture.querySelectorAll('.gap rect')].map(span);
            const pieces = [...picture.querySelectorAll('.layer, .attention, .attention-line, .band, .tone-line')];
            const over = (piece, gap) => piece.x < gap.x + gap.width - 4 && piece.x + piece.width > gap.x + 4;
            return n + pieces.map(span).filter((piece) => gaps.some((gap) => over(piece, gap))).length;
        }, 0)"""
    )


def test_a_quarter_that_is_not_stored_is_a_gap_in_the_middle_and_at_the_ends(
    opened: "Opener", made_report: Report, other_file: Path
):
    page = opened("#time", anew=False)
    through = made_report.through
    for n in (2, 3):  # 0 and 1 are one gap
        assert page.locator(".stream .gap text").all_text_contents() == ["not stored"] * n
        assert page.locator(".multiple").count() == len(through.series)
        assert page.locator(".multiple .gap").count() == n * len(through.series)
        assert page.locator(".layer").count() > 0
        assert {through.quarters[0], through.quarters[-1]} <= set(
            page.locator(".stream > text").all_text_contents()
        )
        assert crossed(page) == 0
        page = opened("#time", file=other_file, anew=False) if n == 2 else page


def test_a_series_has_ended_only_by_its_status(opened: "Opener", made_report: Report):
    page = opened("#time", anew=False)
    statuses = {one.status for one in made_report.through.series}
    assert statuses == {"active", "dormant", "ended"}
    for i, one in enumerate(made_report.through.series):
        said = "".join(page.locator(".multiple").nth(i).locator("text.event").all_text_contents())
        assert (f"▲ began {one.born}" in said) == (one.born is not None)
        assert (f"▼ ended {one.ended}" in said) == (one.status == "ended")
        assert (f"last seen {one.last_seen}" in said) == (one.status == "dormant")


def test_generated_calls_are_named_so_on_every_part_and_on_paper(
    opened: "Opener", made_report: Report, other_file: Path
):
    page = opened("#map", anew=False)
    banner = page.locator("#generated")
    for address in ("#themes", "#firms", "#quality", "#time", f"#theme={made_report.themes[1].theme_id}"):
        go(page, address)
        assert "Nothing here is evidence" in banner.inner_text()
    page.emulate_media(media="print")
    assert banner.is_visible()
    page.emulate_media(media="screen")
    assert not opened("#map", file=other_file).locator("#generated").is_visible()


def test_a_theme_says_who_moves_it_and_what_its_sentences_show(opened: "Opener", made_report: Report):
    theme = made_report.themes[1]
    page = opened(f"#theme={theme.theme_id}", anew=False)
    said = page.locator("article").inner_text()
    for part in (
        "Surest positive sentences",
        "Surest negative sentences",
        made_report.tone_note,
        f"Of the series “{theme.series_name}”",
        f"{theme.n_firms} firms with counted sentences; {theme.n_topic_firms} have a topic in it",
        "Q&A",
    ):
        assert part in said
    assert "q_and_a" not in said
    page.get_by_role("button", name="Moves the theme by").click()
    most = sorted(theme.firms, key=lambda row: -row.moves)
    shown = page.locator("article .table tbody tr")
    assert made_report.firms[most[0].firm].name in shown.first.inner_text()
    assert f"+{most[0].moves:.3f}" in shown.first.inner_text()


def test_changes_name_the_quarter_before_and_what_they_are_of(opened: "Opener", made_report: Report):
    page = opened("#themes", anew=False)
    assert "Change on 2022Q4" in texts(page.locator("thead th"))
    theme = next(t for t in made_report.themes if t.attention_change is not None)
    row = page.locator("tbody tr", has_text=theme.name).first.inner_text().split()
    assert f"{theme.score_change:+.2f}".replace("-", "−") == row[row.index("tone") + 1]
    assert row[row.index("attention") + 2] == "pp"
    assert "Tone of member sentences" in page.locator("#headline").inner_text()


def test_small_numbers_are_told_apart(opened: "Opener", other_file: Path):
    page = opened("#themes", file=other_file, anew=False)
    shares = texts(page.locator("tbody td:nth-child(5)"))
    assert len(set(shares)) == len(shares) == 14
    assert "0.021%" in shares
    go(page, "#quality")
    assert "$0.0043" in page.locator(".measures").inner_text()


def test_what_is_beyond_a_scale_is_marked_at_its_end(opened: "Opener", made_report: Report, other_file: Path):
    firm = max(made_report.firms, key=lambda f: f.n_members)
    page = opened(f"#firm={firm.firm_id}", file=other_file, anew=False)
    assert float(page.locator("circle.peer").get_attribute("cx")) == 12
    assert "−1.00, beyond the scale" in page.locator("figcaption").inner_text()


def test_the_legend_says_how_many_themes_a_colour_has(opened: "Opener", made_report: Report):
    page = opened("#map", anew=False)
    for text, name in zip(texts(page.locator(".groups button")), made_report.groups, strict=True):
        n = sum(made_report.groups[t.group] == name for t in made_report.themes)
        assert text == (f"{name} (+{n - 2})" if n > 2 else name)


def test_quality_opens_with_its_summary_and_has_limits_notes_and_ends_of_lines(
    opened: "Opener", made_report: Report
):
    page = opened("#quality", anew=False)
    assert texts(page.locator("main .lead")) == list(made_report.summary)
    linked = next(stage for stage in made_report.stages if stage.notes)
    assert texts(page.locator(".notes")) == [", ".join(f"{n:,} {words}" for words, n in linked.notes)]
    limits = [f"expected: {m.limit}" for m in made_report.measures if m.limit]
    assert texts(page.locator(".limit")) == limits != []
    first = made_report.measures[0]
    ends = texts(page.locator(".spark-ends").first.locator("span"))
    assert ends == [f"{100 * first.earlier[0][1]:.1f}%", f"{100 * first.value:.1f}%"]
    assert "Scored" in page.locator(".flows").inner_text()
    calls = [stage.n for stage in made_report.stages if (stage.name, stage.unit) == ("scored", "calls")]
    assert f"{calls[0]} calls" in page.locator(".flows").inner_text()


def test_a_measure_has_the_digits_that_show_it_on_its_side_of_the_limit(
    opened: "Opener", made_report: Report, tmp_path: Path
):
    near, *others = made_report.measures
    near = replace(near, value=0.55, limit="at least 55%", shown="54.996%")
    file = tmp_path / "near.html"
    file.write_text(render(replace(made_report, measures=(near, *others))), encoding="utf-8")
    page = opened("#quality", file=file)
    value = texts(page.locator(".measures tbody td:nth-child(2)"))[0]
    assert value.partition("expected")[0].strip() == "54.996%"
    assert texts(page.locator(".spark-ends").first.locator("span"))[-1] == "54.996%"


def test_it_says_how_to_cite_it(opened: "Opener", made_report: Report):
    page = opened("#map", anew=False)
    page.get_by_role("button", name="Copy").click()
    assert (
        page.evaluate("getSelection().toString()") == made_report.cite == page.locator(".cite").inner_text()
    )


def test_the_skip_link_stays_where_the_reader_is(opened: "Opener"):
    page = opened("#quality", anew=False)
    page.locator("#skip").focus()
    page.keyboard.press("Enter")
    assert page.evaluate("document.activeElement.id") == "content"
    assert page.evaluate("location.hash") == "#quality"
    assert texts(page.locator("main h2")) == ["How good is 2023Q1"]


def test_an_address_of_what_is_not_here_is_said_to_be_so(opened: "Opener"):
    page = opened("#theme=nope", anew=False)
    for address, said in (
        ("#theme=nope", "“nope” is not in 2023Q1"),
        ("#firm=%", "“%” is not in"),
        ("#nowhere", "no part “nowhere”"),
    ):
        if address != "#theme=nope":
            go(page, address)
        assert texts(page.locator("main h2")) == ["Not in this quarter"]
        assert said in page.locator("main").inner_text()
        assert page.locator("#views a[aria-current]").count() == 0


def test_firms_and_a_theme_are_printed_alone_as_they_are_shown(opened: "Opener", made_report: Report):
    page = opened("#firms")
    word = made_report.firms[7].name.split()[0]
    page.fill(".view input[type=search]", word)
    page.wait_for_selector("text=/\\d+ of 24/")
    shown = texts(page.locator("tbody th"))
    assert 0 < len(shown) < 24
    for address, heading in (("", "Firms of 2023Q1"), (f"#theme={made_report.themes[1].theme_id}", "")):
        if address:
            go(page, address)
        page.evaluate("dispatchEvent(new Event('beforeprint'))")
        assert texts(page.locator("main h2")) == [heading or made_report.themes[1].name]
        assert heading == "" or texts(page.locator("tbody th")) == shown
        page.evaluate("dispatchEvent(new Event('afterprint'))")
