"""The page as a reader meets it: opened from a file in a real browser, without network."""

import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from benchmarks.made_reports import made
from ftm_assets.report import page as page_module
from ftm_assets.report.page import render
from ftm_assets.report.payload import Report

from .conftest import HOSTILE, go, texts

if TYPE_CHECKING:
    from playwright.sync_api import Page

    Opener = Callable[..., Page]

MAP = "canvas[data-drawn=still]"
PAD = int(re.search(r"const PAD = (\d+)", (page_module._TEMPLATE / "map.js").read_text())[1])
PARTS = ("#map", "#themes", "#firms", "#returns", "#quality", "#time")


def picture(page: "Page") -> str:
    page.evaluate("new Promise(done => requestAnimationFrame(() => requestAnimationFrame(done)))")
    page.wait_for_selector(MAP)
    return page.evaluate("document.querySelector('canvas').toDataURL()")


def place(page: "Page", made_report: Report, topic: int) -> tuple[float, float]:
    """Where a topic is on the screen, while all of the map is shown."""
    box = page.locator(MAP).bounding_box()
    x, y = made_report.points.x[topic], made_report.points.y[topic]
    return (
        box["x"] + 1 + PAD + x * (box["width"] - 2 - 2 * PAD),
        box["y"] + 1 + PAD + y * (box["height"] - 2 - 2 * PAD),
    )


def loneliest(made_report: Report) -> int:
    """The topic in a theme that is farthest from any other."""
    places = list(zip(made_report.points.x, made_report.points.y, strict=True))
    inside = [i for i, theme in enumerate(made_report.points.theme) if theme >= 0 and i]

    def room(i: int) -> float:
        return min(abs(places[i][0] - x) + abs(places[i][1] - y) for j, (x, y) in enumerate(places) if j != i)

    return max(inside, key=room)


def test_a_topic_of_the_map_tells_what_it_is_and_leads_to_its_theme(opened: "Opener", made_report: Report):
    page = opened("#map")
    page.wait_for_selector(MAP)
    topic = loneliest(made_report)
    page.mouse.move(*place(page, made_report, topic))
    card = page.locator(".card").inner_text()
    points = made_report.points
    assert points.name[topic] in card
    assert made_report.firms[points.firm[topic]].name in card
    assert points.call_date[topic] in card
    assert f"{points.n_sentences[topic]} sentences" in card
    assert all(sentence in card for sentence in points.sentences[topic])
    page.mouse.click(*place(page, made_report, topic))
    page.locator(".card a", has_text=made_report.themes[points.theme[topic]].name).click()
    assert page.locator("h2").inner_text() == made_report.themes[points.theme[topic]].name


def test_a_name_in_the_map_leads_to_its_theme_and_back(opened: "Opener", made_report: Report):
    page = opened("#map")
    page.wait_for_selector(MAP)
    box = page.locator(MAP).bounding_box()
    largest = max(made_report.themes, key=lambda theme: theme.n_sentences)
    page.mouse.click(
        box["x"] + PAD + largest.x * (box["width"] - 2 * PAD),
        box["y"] + PAD + largest.y * (box["height"] - 2 * PAD),
    )
    assert page.locator("article h2").inner_text() == largest.name
    page.get_by_role("link", name="Show it in the map").click()
    page.wait_for_selector(MAP)
    page.go_back()
    page.go_back()
    page.wait_for_selector(MAP)


def test_a_search_highlights_what_it_finds(opened: "Opener", made_report: Report):
    page = opened("#map")
    page.wait_for_selector(MAP)
    before = picture(page)
    theme = made_report.themes[3]
    page.fill("#search", theme.name.upper())
    page.wait_for_selector(".results a")
    n = sum(
        t == 3 or theme.name.lower() in name.lower()
        for t, name in zip(made_report.points.theme, made_report.points.name, strict=True)
    )
    assert page.locator(".map-view .found").inner_text() == f"{n} topics highlighted"
    assert picture(page) != before
    page.locator(".results a", has_text=theme.name).first.click()
    assert page.locator("h2").inner_text() == theme.name
    page.go_back()
    page.fill("#search", "no such subject")
    page.wait_for_selector("text=Nothing found")
    page.fill("#search", "")
    page.wait_for_selector(".map-view .found:empty", state="attached")
    assert picture(page) == before


def test_the_map_moves_and_zooms_by_mouse_keys_and_buttons_and_returns(opened: "Opener"):
    page = opened("#map")
    page.wait_for_selector(MAP)
    box = page.locator(MAP).bounding_box()
    x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
    before = picture(page)
    seen = [before]
    page.mouse.move(x, y)
    page.mouse.wheel(0, -400)
    seen.append(picture(page))
    page.mouse.down()
    page.mouse.move(x + 90, y + 40, steps=4)
    page.mouse.up()
    seen.append(picture(page))
    page.locator(MAP).focus()
    page.keyboard.press("ArrowLeft")
    seen.append(picture(page))
    page.keyboard.press("+")
    seen.append(picture(page))
    assert len(set(seen)) == len(seen)
    page.mouse.move(5, 5)
    page.get_by_role("button", name="Show all").click()
    assert picture(page) == before


def test_two_fingers_zoom_the_map(opened: "Opener"):
    page = opened("#map", width=400, has_touch=True)
    page.wait_for_selector(MAP)
    before = picture(page)
    box = page.locator(MAP).bounding_box()
    x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 3
    session = page.context.new_cdp_session(page)

    def touch(kind: str, apart: float | None) -> None:
        fingers = (
            [] if apart is None else [{"x": x - apart, "y": y, "id": 0}, {"x": x + apart, "y": y, "id": 1}]
        )
        session.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": fingers})

    touch("touchStart", 20)
    for apart in (40, 60, 90):
        touch("touchMove", apart)
    touch("touchEnd", None)
    assert picture(page) != before


def test_keys_alone_go_from_theme_to_theme_and_open_one(opened: "Opener", made_report: Report):
    page = opened("#map")
    page.wait_for_selector(MAP)
    page.locator(MAP).focus()
    page.keyboard.press("n")
    page.keyboard.press("n")
    page.keyboard.press("Enter")
    page.wait_for_selector("article")
    second = sorted(made_report.themes, key=lambda theme: -theme.n_sentences)[1]
    assert page.locator("h2").inner_text() == second.name


def test_the_map_is_coloured_by_tone_with_its_scale(opened: "Opener"):
    page = opened("#map")
    page.wait_for_selector(MAP)
    by_theme = picture(page)
    page.get_by_role("button", name="Tone", exact=True).click()
    assert page.locator(".tone-legend svg").get_attribute("aria-label").startswith("Tone from −")
    assert picture(page) != by_theme


def test_themes_are_sorted_and_filtered_and_kept_so_on_the_way_back(opened: "Opener", made_report: Report):
    page = opened("#themes")
    names = page.locator("tbody th a")
    assert texts(names) == [t.name for t in sorted(made_report.themes, key=lambda t: -t.n_sentences)]
    page.locator("thead button", has_text="Tone").click()
    scored = sorted(made_report.themes, key=lambda t: (t.score is None, -(t.score or 0)))
    assert texts(names) == [t.name for t in scored]
    assert page.locator("thead th", has_text="Tone").get_attribute("aria-sort") == "descending"
    page.locator("thead button", has_text="Tone").click()
    assert texts(names)[0] == min((t for t in scored if t.score is not None), key=lambda t: t.score).name
    word = made_report.themes[5].name.split()[0]
    page.fill(".view input[type=search]", word)
    page.wait_for_selector("text=/\\d+ of 14/")
    left = texts(names)
    assert made_report.themes[5].name in left
    assert len(left) < len(made_report.themes)
    page.get_by_role("link", name=made_report.themes[5].name, exact=True).click()
    assert page.locator("h2").inner_text() == made_report.themes[5].name
    page.go_back()
    assert texts(names) == left
    page.fill(".view input[type=search]", "")
    page.wait_for_selector(".view .found:empty", state="attached")
    flagged = {t.name for t in made_report.themes if t.flags}
    assert 0 < len(flagged) < 14
    for label, meant in (
        ("With flags", flagged),
        ("Without flags", {t.name for t in made_report.themes} - flagged),
    ):
        page.get_by_label("Any quality").select_option(label=label)
        assert set(texts(names)) == meant


def test_a_firm_is_found_and_has_its_themes_and_topics(opened: "Opener", made_report: Report):
    page = opened("#firms")
    firm = made_report.firms[7]
    page.fill(".view input[type=search]", firm.ticker)
    page.wait_for_selector("text=/\\d+ of 24/")
    page.locator("tbody tr", has_text=firm.name).first.locator("td").first.click()
    page.wait_for_selector("article")
    assert page.locator("h2").inner_text() == firm.name
    assert page.locator(".topics summary").count() == firm.n_topics
    own = {theme.name for theme in made_report.themes if any(row.firm == 7 for row in theme.firms)}
    assert set(texts(page.locator("article tbody th a"))) == own


def test_markup_in_the_data_is_text(opened: "Opener", made_report: Report):
    page = opened(f"#firm={made_report.firms[0].firm_id}")
    assert page.locator("h2").inner_text() == HOSTILE
    go(page, f"#theme={made_report.themes[0].theme_id}")
    page.wait_for_selector(f"h2:has-text('Margin {HOSTILE}')")
    assert made_report.themes[0].up[0].text in page.locator(".evidence").first.inner_text()
    assert page.locator("article img, article script, article b").count() == 0
    assert page.locator("h1").inner_text() == made_report.title
    assert page.locator("script").count() == 1


def test_compressed_values_are_unpacked(
    opened: "Opener", made_report: Report, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(page_module, "_PLAIN_UP_TO", 0)
    file = tmp_path / "packed.html"
    file.write_text(render(made_report), encoding="utf-8")
    assert made_report.themes[3].name not in file.read_text(encoding="utf-8")
    page = opened("#themes", file=file)
    assert made_report.themes[3].name in texts(page.locator("tbody th a"))


def test_returns_are_sorted_by_window_and_a_theme_has_its_paths_and_tests(
    opened: "Opener", made_report: Report
):
    page = opened("#returns")
    found = made_report.returns
    assert page.locator(".counts tbody tr").count() == len(found.windows) + len(found.given_call)
    names = page.locator(".table tbody th a")
    for window in ("[0,+1]", "[+2,+60]"):
        page.get_by_role("button", name=window).click()
        t = {
            s.name: next(x.t for x in s.tests if (x.window, x.sample) == (window, "event"))
            for s in found.series
            if s.series_id
        }
        tested = sorted((n for n in t if t[n] is not None), key=lambda n: -abs(t[n]))
        assert texts(names)[: len(tested)] == tested
    one = next(s for s in found.series if s.series_id and s.paths)
    theme = next(t for t in made_report.themes if t.series_id == one.series_id)
    go(page, f"#theme={theme.theme_id}")
    part = page.locator("section.returns")
    assert part.locator("svg.car").count() == 2
    high = next(p for p in one.paths if (p.sample, p.tercile) == ("event", "high"))
    said = part.locator("svg.car title").first.inner_html()
    assert said.startswith("Mean abnormal return from day −10 to +20: low tone ")
    assert said.endswith(f"high tone {high.mean[-1] / 100:+.2f}%".replace("-", "−"))
    assert part.locator("tbody tr").count() == len(one.tests) + len(one.given_call)
    # Each curve has a point per day.
    assert {
        len(d.split("L"))
        for d in part.locator("path.path").evaluate_all("all => all.map(p => p.getAttribute('d'))")
    } == {len(high.mean)}


def test_a_theme_with_too_few_calls_says_so(opened: "Opener", made_report: Report):
    one = next(s for s in made_report.returns.series if s.series_id and not s.paths)
    theme = next(t for t in made_report.themes if t.series_id == one.series_id)
    page = opened(f"#theme={theme.theme_id}")
    part = page.locator("section.returns")
    assert part.locator("svg.car").count() == 0
    assert part.locator("table").count() == 0
    assert part.inner_text().strip().endswith(f"Not tested: too few calls ({one.tests[0].n_events} calls).")


def test_without_an_event_study_there_is_no_such_part(opened: "Opener", made_report: Report, tmp_path: Path):
    file = tmp_path / "without.html"
    file.write_text(render(replace(made_report, returns=None)), encoding="utf-8")
    page = opened("#returns", file=file)
    assert page.locator("#to-returns").count() == 0
    assert "This page has no event study of 2023Q1" in page.locator("#content").inner_text()
    go(page, f"#theme={made_report.themes[0].theme_id}")
    assert page.locator("section.returns").count() == 0


def test_bars_of_the_coverage_are_as_wide_as_their_numbers(opened: "Opener", made_report: Report):
    page = opened("#quality")
    bars = page.evaluate(
        "[...document.querySelectorAll('.flow-stage')].map(bar =>"
        " [...bar.children].map(part => Number(part.getAttribute('width'))))"
    )
    full = {stage.unit: stage.n for stage in reversed(made_report.stages)}
    for stage, parts, after in zip(made_report.stages, bars, (*made_report.stages[1:], None), strict=True):
        assert sum(parts) == pytest.approx(100 * stage.n / full[stage.unit])
        if after and after.unit == stage.unit:
            assert parts[0] == pytest.approx(100 * after.n / full[stage.unit])
            assert parts[1:] == pytest.approx([100 * loss.n / full[stage.unit] for loss in after.losses])


def test_dark_follows_the_system_and_the_switch(opened: "Opener"):
    page = opened("#map", color_scheme="dark")
    ground = "getComputedStyle(document.documentElement).backgroundColor"
    page.wait_for_selector(MAP)
    dark, drawn = page.evaluate(ground), picture(page)
    page.get_by_role("button", name="Switch to light colours").click()
    assert page.evaluate(ground) == "rgb(250, 249, 246)" != dark
    assert picture(page) != drawn


def test_it_prints_every_part_in_light_colours(opened: "Opener", made_report: Report):
    page = opened("#themes", color_scheme="dark")
    printed = page.pdf(format="A4", print_background=True)
    assert len(re.findall(rb"/Type\s*/Page\b", printed)) >= 4
    page.evaluate("dispatchEvent(new Event('beforeprint'))")
    assert texts(page.locator("main h2"))[:3] == [
        *("Themes of 2023Q1", "Returns around calls", "How good is 2023Q1"),
    ]
    assert page.locator(MAP).count() == 1
    assert page.locator("[aria-label=Themes] tbody .opens").count() == len(made_report.themes)
    assert page.evaluate("document.documentElement.dataset.scheme") == "light"
    page.evaluate("dispatchEvent(new Event('afterprint'))")
    assert page.evaluate("document.documentElement.dataset.scheme") == "dark"
    assert texts(page.locator("main h2")) == ["Themes of 2023Q1"]


@pytest.mark.parametrize("width", [360, 900, 1440])
def test_nothing_is_wider_than_the_screen(opened: "Opener", made_report: Report, width: int):
    page = opened(width=width)
    assert too_wide(page, made_report) == []


def test_names_without_a_space_are_broken_rather_than_wider_than_the_screen(
    opened: "Opener", made_report: Report, tmp_path: Path
):
    file = tmp_path / "long.html"
    file.write_text(render(with_long_names(made_report)), encoding="utf-8")
    page = opened(width=360, file=file)
    assert too_wide(page, made_report) == []


def too_wide(page: "Page", report: Report) -> list[str]:
    """The addresses at which the page is wider than the screen."""
    theme, firm = report.themes[1].theme_id, report.firms[1].firm_id
    found = []
    for address in (*PARTS, f"#theme={theme}", f"#firm={firm}"):
        go(page, address)
        wide, screen = page.evaluate("[document.documentElement.scrollWidth, innerWidth]")
        found += [address] if wide > screen else []
    return found


def with_long_names(report: Report) -> Report:
    """The report with 400 letters in a row wherever data names something."""
    long = "N" * 400
    through, n = report.through, len(report.points.name)
    themes = [
        replace(t, name=long, series_name=long, keywords=(long,), flags=(long,), description=long)
        for t in report.themes
    ]
    return replace(
        report,
        title=long,
        warnings=(long,),
        groups=(long,) * len(report.groups),
        themes=tuple(themes),
        firms=tuple(replace(f, name=long, ticker="T" * 12) for f in report.firms),
        points=replace(report.points, name=(long,) * n, sentences=((long,),) * n),
        stages=tuple(replace(s, notes=((long, s.n),)) for s in report.stages),
        measures=tuple(replace(m, name=long, meaning=long, limit=long) for m in report.measures),
        made_from=tuple(replace(f, name=long, value=long) for f in report.made_from),
        through=replace(through, series=tuple(replace(s, name=long) for s in through.series)),
        cite=long,
    )


@pytest.mark.parametrize("sizes", [(0, 0, 0), (2, 12, 0)], ids=["nothing", "no themes"])
def test_a_quarter_without_themes_has_all_its_parts(
    opened: "Opener", tmp_path: Path, sizes: tuple[int, int, int]
):
    file = tmp_path / "empty.html"
    file.write_text(render(made(*sizes)), encoding="utf-8")
    page = opened("#map", file=file)
    page.wait_for_selector(MAP)
    for address, heading in (
        ("#themes", "Themes"),
        ("#firms", "Firms"),
        ("#quality", "How good is"),
    ):
        page.evaluate(f"location.hash = '{address}'")
        page.wait_for_selector(f"h2:has-text('{heading}')")
    assert page.locator("#to-time").count() == 0


@pytest.mark.parametrize("part", ["#returns", "#theme"])
def test_no_column_of_a_test_is_cut_off_in_print(opened: "Opener", made_report: Report, part: str):
    """Paper does not scroll: A4 and Letter leave 717 and 739 pixels."""
    theme = made_report.themes[0].theme_id
    page = opened(part if part == "#returns" else f"#theme={theme}")
    page.wait_for_selector("section .scrolls table")
    for width in (717, 739):
        page.set_viewport_size({"width": width, "height": 900})
        page.emulate_media(media="print")
        cut = page.eval_on_selector_all(
            "section .scrolls", "all => all.filter(e => e.scrollWidth > e.clientWidth + 1).length"
        )
        page.emulate_media(media="null")
        assert not cut, f"{cut} tables at {width} pixels"


def test_the_printed_table_of_themes_says_over_which_days_it_is(opened: "Opener"):
    page = opened("#returns")
    page.emulate_media(media="print")
    box = page.locator("section[aria-label=Returns] table caption").bounding_box()
    page.emulate_media(media="null")
    assert box
    assert box["width"] > 20, "the choice of days is not printed, and the caption is hidden"
