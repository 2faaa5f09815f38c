"""The quarter that pages are gathered from, written once, and a made-up report to draw in the browser."""

import itertools
import shutil
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import duckdb
import pytest

from benchmarks.made_reports import made
from ftm_assets.report.gathering import gather
from ftm_assets.report.numbered_rows import number
from ftm_assets.report.page import render
from ftm_assets.report.payload import Report
from ftm_assets.report.reported_state import ReportedState
from ftm_resources.warehouse import Warehouse

from .told_quarter import QUARTER, write

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Locator, Page

_LOADS = itertools.count()
HOSTILE = "<script>alert(1)</script>"


@pytest.fixture(scope="session")
def told(tmp_path_factory: pytest.TempPathFactory) -> Warehouse:
    """A warehouse with the quarter; to be read only."""
    return write(tmp_path_factory.mktemp("told") / "warehouse")


@pytest.fixture
def copied(told: Warehouse, tmp_path: Path) -> Warehouse:
    """A copy of it, to be changed."""
    return Warehouse(path=str(shutil.copytree(told.root, tmp_path / "warehouse")))


@pytest.fixture(scope="session")
def report(told: Warehouse) -> Report:
    """Its page."""
    return gather(told, QUARTER)


@pytest.fixture
def db(told: Warehouse) -> Iterator[duckdb.DuckDBPyConnection]:
    """A connection to the quarter, its firms, themes and topics numbered."""
    with ReportedState.of(told, QUARTER).connect() as db:
        number(db)
        yield db


@pytest.fixture(scope="session")
def made_report() -> Report:
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
def page_file(made_report: Report, tmp_path_factory: pytest.TempPathFactory) -> Path:
    file = tmp_path_factory.mktemp("page") / "report.html"
    file.write_text(render(made_report), encoding="utf-8")
    return file


def go(page: "Page", address: str) -> None:
    """Follow an address within the page, another than the one that it is at, and wait until it is drawn."""
    page.evaluate(
        "address => new Promise((done) => {"
        " addEventListener('hashchange', () => requestAnimationFrame(done), { once: true });"
        " location.hash = address; })",
        address,
    )


def texts(rows: "Locator") -> list[str]:
    return [text.strip() for text in rows.all_inner_texts()]


Opener = Callable[..., "Page"]


@pytest.fixture(scope="module")
def tab(browser: "Browser") -> Iterator["Page"]:
    """A tab that tests share: what is opened in it is loaded anew, without a new process."""
    context = browser.new_context()
    page = context.new_page()
    yield page
    context.close()


@pytest.fixture
def opened(browser: "Browser", tab: "Page", page_file: Path) -> Iterator[Opener]:
    """A function that opens the page; after the test, nothing was fetched, no error was written, no dialog came up."""
    contexts, told, watched = [], [], []

    def watch(page: "Page") -> None:
        listeners = {
            "console": lambda line: told.append(line.text) if line.type in {"error", "warning"} else None,
            "pageerror": lambda error: told.append(str(error)),
            "dialog": lambda dialog: (told.append(dialog.message), dialog.dismiss()),
            "request": lambda asked: None if asked.is_navigation_request() else told.append(asked.url),
        }
        for event, listener in listeners.items():
            page.on(event, listener)
            watched.append((page, event, listener))

    def open_(
        address: str = "", width: int = 1200, file: Path = page_file, *, anew: bool = True, **given: Any
    ) -> "Page":
        """Open the page at an address; `anew=False`, for a test that leaves no filter: as the last test left it."""
        page = tab
        if given:
            contexts.append(browser.new_context(**given))
            page = contexts[-1].new_page()
        page.set_default_timeout(20_000)
        page.set_viewport_size({"width": width, "height": 900})
        page.mouse.move(0, 0)
        if not any(page is other for other, *_ in watched):
            watch(page)
        if not anew and page.url.startswith(f"{file.as_uri()}?"):
            if not page.url.endswith(address):
                go(page, address)
            return page
        # Another query each time: an address that differs in its fragment alone is not loaded anew.
        page.goto(f"{file.as_uri()}?{next(_LOADS)}{address}")
        page.wait_for_selector("#views a")
        return page

    yield open_
    for page, event, listener in watched:
        page.remove_listener(event, listener)
    for context in contexts:
        context.close()
    assert told == []
