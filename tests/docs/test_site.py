"""The built site: sound, the same for each reader, and as a reader sees it in a browser."""

import re
import threading
from collections.abc import Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from docs.generate.site_builder import DOCS, REPOSITORY, SiteError, generated, run_zensical
from docs.generate.site_checks import problems

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


def test_the_site_is_sound_and_has_every_page(site: Path):
    assert problems(site) == []
    pages = {str(p.relative_to(site).with_suffix(".md")) for p in site.rglob("*.html")} - {"404.md"}
    written = {p.name for p in DOCS.glob("*.md")}
    assert pages == {*written, *generated(), "changelog.md", "security.md", "contributing.md"}


def test_no_generated_page_is_in_the_repository():
    assert not (DOCS / "reference").exists()
    assert "/build/" in (REPOSITORY / ".gitignore").read_text().split()


def test_the_readme_and_the_pages_link_to_what_exists():
    """On the site, zensical sees to it; this is for readers of the repository."""
    made = {f"docs/{name}" for name in generated()}
    tops = {f"docs/{name}": top for top, name in _TOPS.items()}
    for page in [REPOSITORY / "README.md", *DOCS.glob("*.md")]:
        text = re.sub(r"<!--.*?-->", "", page.read_text(), flags=re.DOTALL)
        for link in re.findall(r"\]\(([^)#:\s]+)(?:#[\w-]*)?\)", text):
            target = (page.parent / link).resolve().relative_to(REPOSITORY.resolve())
            assert str(target) in made | set(tops) or (REPOSITORY / target).exists(), (page.name, link)


_TOPS = {"CHANGELOG.md": "changelog.md", "SECURITY.md": "security.md", "CONTRIBUTING.md": "contributing.md"}


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
    for width in WIDTHS:
        page.set_viewport_size({"width": width, "height": 900})
        for name in LOOKED_AT:
            page.goto(reader.address + name, wait_until="networkidle")
            assert page.locator("h1").first.is_visible(), name
            assert page.evaluate("document.documentElement.scrollWidth") <= width, (name, width)
    is_dark = request.node.callspec.params["reader"] == "dark"
    assert (brightness(page) < 128) == is_dark
    assert reader.wrong == []


def test_search_finds_a_column_and_leads_to_it(reader: Reader):
    page = reader.page
    page.set_viewport_size({"width": 1400, "height": 900})
    page.goto(reader.address + "index.html", wait_until="networkidle")
    page.keyboard.press("Control+k")
    page.keyboard.type("expected_score")
    page.locator("a[href*='tables-scores.html?h=']").first.click()
    page.wait_for_load_state("networkidle")
    assert page.url.startswith(reader.address)
    assert page.url != reader.address + "index.html"
    assert "expected_score" in page.locator("article").inner_text()
    assert reader.wrong == []
