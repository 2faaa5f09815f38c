"""A browser for the tests of pages, and a report to draw."""

import os
import shutil
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from benchmarks.made_reports import made
from ftm_assets.report.page import render
from ftm_assets.report.payload import Report

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

BROWSERS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
ON_MACOS = Path("/Applications/Google Chrome.app/Contents/MacOS/Google Chrome")
HOSTILE = "<script>alert(1)</script>"


def _executable() -> str:
    found = next(filter(None, map(shutil.which, BROWSERS)), None) or (ON_MACOS.exists() and str(ON_MACOS))
    if found:
        return found
    how = "no Chromium or Chrome is installed (Debian: apt-get install --no-install-recommends chromium)"
    if os.environ.get("CI", "").lower() not in {"", "0", "false"}:
        pytest.fail(how, pytrace=False)
    pytest.skip(how)


@pytest.fixture(scope="session")
def browser() -> "Iterator[Browser]":
    executable = _executable()
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        # Without a sandbox: root, as in a container, cannot have Chromium's.
        started = playwright.chromium.launch(executable_path=executable, args=["--no-sandbox"])
        yield started
        started.close()


@pytest.fixture(scope="session")
def report() -> Report:
    """A report of several quarters, in which a firm, a theme, a topic and a sentence try to be HTML."""
    one = made(n_firms=24, n_topics=260, n_themes=14, n_quarters=8)
    firms = (replace(one.firms[0], name=HOSTILE), *one.firms[1:])
    said = replace(
        one.themes[0].up[0], text=f"We said {HOSTILE} & <img src=x onerror=alert(1)>", speaker="<b>Bold</b>"
    )
    themes = (
        replace(one.themes[0], name=f"Margin {HOSTILE}", up=(said, *one.themes[0].up[1:])),
        *one.themes[1:],
    )
    points = replace(one.points, name=("</script><!-- \u2028 -->", *one.points.name[1:]))
    return replace(
        one,
        firms=firms,
        themes=themes,
        points=points,
        title="Calls of 2023Q1 </title><script>alert(1)</script>",
    )


@pytest.fixture(scope="session")
def page_file(report: Report, tmp_path_factory: pytest.TempPathFactory) -> Path:
    file = tmp_path_factory.mktemp("page") / "report.html"
    file.write_text(render(report), encoding="utf-8")
    return file


Opener = Callable[..., "Page"]


@pytest.fixture
def opened(browser: "Browser", page_file: Path) -> Iterator[Opener]:
    """A function that opens the page; after the test, nothing was fetched, no error was written, no dialog came up."""
    contexts, told = [], []

    def watch(page: "Page", own: str) -> None:
        page.on("console", lambda line: told.append(line.text) if line.type in {"error", "warning"} else None)
        page.on("pageerror", lambda error: told.append(str(error)))
        page.on("dialog", lambda dialog: (told.append(dialog.message), dialog.dismiss()))
        page.on("request", lambda asked: None if asked.url.split("#")[0] == own else told.append(asked.url))

    def open_(address: str = "", width: int = 1200, file: Path = page_file, **given: Any) -> "Page":
        context = browser.new_context(viewport={"width": width, "height": 900}, **given)
        contexts.append(context)
        page = context.new_page()
        page.set_default_timeout(20_000)
        watch(page, file.as_uri())
        page.goto(file.as_uri() + address)
        page.wait_for_selector("#views a")
        return page

    yield open_
    for context in contexts:
        context.close()
    assert told == []
