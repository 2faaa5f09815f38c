"""What is wrong with a built site: links without a target, pages that nothing leads to, and loads from the network."""

from __future__ import annotations

from dataclasses import dataclass, field
from html.parser import HTMLParser
from typing import TYPE_CHECKING
from urllib.parse import unquote, urljoin, urlsplit

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

HOME = "index.html"
NOT_LINKED = frozenset({"404.html"})
"""Pages that a server shows, and no page links to."""

_LOADED = {"img": "src", "script": "src", "source": "src", "iframe": "src", "video": "src", "audio": "src"}
_LOADING_RELATIONS = frozenset({"stylesheet", "icon", "preload", "modulepreload", "preconnect", "manifest"})


@dataclass
class _Page(HTMLParser):
    """The ids of a page, the links that it offers and the files that it loads."""

    ids: set[str] = field(default_factory=set)
    links: list[str] = field(default_factory=list)
    loads: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        super().__init__(convert_charrefs=True)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Note what the tag has."""
        given = {name: value or "" for name, value in attrs}
        if identity := given.get("id") or (given.get("name") if tag == "a" else None):
            self.ids.add(identity)
        if tag == "a" and "href" in given:
            self.links.append(given["href"])
        elif tag == "link" and set(given.get("rel", "").split()) & _LOADING_RELATIONS:
            self.loads.append(given.get("href", ""))
        elif tag in _LOADED and given.get(_LOADED[tag]):
            self.loads.append(given[_LOADED[tag]])


def problems(site: Path) -> list[str]:
    """Return a line for each problem of the site in a folder, by page; none if all is well.

    Checked are links and their anchors to pages of the site, files that pages load, whether each page can be
    reached from the home page, and that nothing is loaded from elsewhere. Links to other sites are not followed.
    """
    pages = {str(p.relative_to(site)): _read(p) for p in sorted(site.rglob("*.html"))}
    if HOME not in pages:
        return [f"{site} has no {HOME}"]
    found: list[str] = []
    leads: dict[str, set[str]] = {}
    for name, page in pages.items():
        targets = set()
        if name not in NOT_LINKED:  # its links are from the root of wherever the site will be
            for link in page.links:
                target, problem = _followed(site, pages, name, link)
                targets |= {target} if target else set()
                found += [f"{name}: {problem}"] if problem else []
            found += [f"{name}: {problem}" for problem in _loads(site, name, page)]
        leads[name] = targets
    reached, waiting = {HOME}, [HOME]
    while waiting:
        new = {t for t in leads[waiting.pop()] if t in pages} - reached
        reached |= new
        waiting += sorted(new)
    return found + [f"{n}: no page leads to it" for n in pages if n not in reached | NOT_LINKED]


def _read(file: Path) -> _Page:
    page = _Page()
    page.feed(file.read_text(encoding="utf-8"))
    return page


def _followed(site: Path, pages: dict[str, _Page], name: str, link: str) -> tuple[str | None, str | None]:
    """Return the page or file of the site that a link leads to, and what is wrong with it."""
    parts = urlsplit(link)
    if parts.scheme or parts.netloc:
        return None, None
    path = unquote(urljoin("/" + name, parts.path) if parts.path else "/" + name).lstrip("/")
    if not path or path.endswith("/"):
        path += HOME
    if not (site / path).is_file():
        return None, f"the link {link} leads to no file"
    anchor = unquote(parts.fragment)
    if anchor and path in pages and anchor not in pages[path].ids | {"top"}:
        return path, f"the link {link} names an anchor that {path} has not"
    return path, None


def _loads(site: Path, name: str, page: _Page) -> Iterator[str]:
    for load in page.loads:
        parts = urlsplit(load)
        if parts.scheme == "data":
            continue
        if parts.scheme or parts.netloc:
            yield f"{load} is loaded from the network"
        elif not (site / unquote(urljoin("/" + name, parts.path)).lstrip("/")).is_file():
            yield f"{load}, which the page loads, is no file"
