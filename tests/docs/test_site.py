"""The built site: sound, the same for each reader, and as a reader sees it in a browser."""

import re
import threading
from collections.abc import Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from docs.generate.site_builder import DOCS, REPOSITORY, TOP, SiteError, run_zensical

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

WIDTHS = (390, 900, 1400)
LOOKED_AT = (
    "index.html",
    "tutorial.html",
    "methods.html",
    "reference/tables-themes.html",
    "reference/commands.html",
)


def pages_of(folder: Path, suffix: str) -> set[str]:
    return {str(p.relative_to(folder).with_suffix("")) for p in folder.rglob(f"*{suffix}")}


def test_every_page_written_or_made_is_on_the_site(site: Path):
    """Building it has failed before this if a page is not sound."""
    made = pages_of(site.parent / "pages", ".md")
    assert pages_of(site, ".html") == made | {"404"}
    assert made > {p.stem for p in DOCS.glob("*.md")} | {p.removesuffix(".md") for p in TOP.values()}
    assert {"reference/tables", "reference/environment", "reference/commands", "reference/python"} < made


def test_no_generated_page_is_in_the_repository():
    assert not (DOCS / "reference").exists()
    assert "/build/" in (REPOSITORY / ".gitignore").read_text().split()


def test_the_readme_and_the_pages_link_to_what_exists(site: Path):
    """On the site, zensical sees to it; this is for readers of the repository, who do not have the pages made of it."""
    made = {f"docs/{name}.md" for name in pages_of(site.parent / "pages", ".md")}
    for page in [REPOSITORY / "README.md", *DOCS.glob("*.md")]:
        text = re.sub(r"<!--.*?-->", "", page.read_text(), flags=re.DOTALL)
        for link in re.findall(r"\]\(([^)#:\s]+)(?:#[\w-]*)?\)", text):
            target = (page.parent / link).resolve().relative_to(REPOSITORY.resolve())
            assert str(target) in made or (REPOSITORY / target).exists(), (page.name, link)


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("[x](gone.md)", "page does not exist"),
        ("[x](other.md#gone)", "anchor does not exist"),
    ],
)
def test_a_broken_link_ends_the_build_and_is_named(tmp_path: Path, text: str, problem: str):
    (tmp_path / "pages").mkdir()
    (tmp_path / "pages" / "index.md").write_text(f"# Home\n\n{text} [y](other.md)\n")
    (tmp_path / "pages" / "other.md").write_text("# Other\n")
    (tmp_path / "zensical.toml").write_text('[project]\nsite_name = "x"\ndocs_dir = "pages"\n')
    with pytest.raises(SiteError, match=problem) as failed:
        run_zensical(tmp_path)
    assert "index.md:3" in str(failed.value)


class _Quiet(SimpleHTTPRequestHandler):
    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class's name
        pass


@pytest.fixture
def address(site: Path) -> Iterator[str]:
    """Where a plain file server shows the site."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(_Quiet, directory=str(site)))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}/"
    server.shutdown()
    server.server_close()


class Reader:
    """A page in a browser, and what it complained of or asked others for."""

    def __init__(self, page: "Page", address: str) -> None:
        self.page, self.address, self.wrong = page, address, []
        page.on("console", lambda m: self.wrong.append(m.text) if m.type in {"error", "warning"} else None)
        page.on("pageerror", lambda error: self.wrong.append(str(error)))
        page.on("request", lambda request: self._asked(request.url))

    def _asked(self, url: str) -> None:
        if not url.startswith((self.address, "data:", "blob:")):
            self.wrong.append(f"asked {url}")


@pytest.fixture(params=["light", "dark"])
def reader(browser: "Browser", address: str, request: pytest.FixtureRequest) -> Iterator[Reader]:
    context = browser.new_context(color_scheme=request.param)
    yield Reader(context.new_page(), address)
    context.close()


def brightness(page: "Page") -> float:
    """Return how bright the background is, from 0 to 255."""
    colour = page.evaluate("getComputedStyle(document.body).backgroundColor")
    return sum(float(part) for part in re.findall(r"[\d.]+", colour)[:3]) / 3


def test_pages_load_nothing_from_the_network_and_fit_every_width(
    reader: Reader, request: pytest.FixtureRequest
):
    page = reader.page
    for name in LOOKED_AT:
        page.goto(reader.address + name, wait_until="networkidle")
        for width in WIDTHS:
            page.set_viewport_size({"width": width, "height": 900})
            assert page.locator("h1").first.is_visible(), name
            assert page.evaluate("document.documentElement.scrollWidth") <= width, (name, width)
    is_dark = request.node.callspec.params["reader"] == "dark"
    assert (brightness(page) < 128) == is_dark
    assert reader.wrong == []


def test_search_finds_a_column_and_leads_to_it(reader: Reader):
    page = reader.page
    page.set_viewport_size({"width": 1400, "height": 900})
    page.goto(reader.address + "index.html", wait_until="networkidle")
    # The page listens once its script has made the box, which keys typed before it is open do not reach.
    box = page.get_by_placeholder("Search")
    box.wait_for(state="attached")
    page.keyboard.press("Control+k")
    box.fill("expected_score")
    page.locator("a[href*='tables-scores.html?h=']").first.click()
    page.wait_for_load_state("networkidle")
    assert page.url.startswith(reader.address)
    assert page.url != reader.address + "index.html"
    assert "expected_score" in page.locator("article").inner_text()
    assert reader.wrong == []
