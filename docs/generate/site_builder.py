"""Builds the site: pages of docs/, pages made from code, and the documents at the top, through zensical, then checked.

`build` writes into one folder: `pages` (what zensical reads), `site` (what it makes). It reads the code that it
documents and no warehouse, and needs no network.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import dagster as dg
from typer.main import get_command

from docs.generate import commands_page, lineage_picture, python_pages, settings_page, tables_pages
from docs.generate.site_checks import problems
from ftm_assets.cli.main import app
from ftm_assets.definitions import defs
from ftm_resources.settings import Settings
from ftm_resources.tables import TABLES
from ftm_resources.tables.joined_views import JOINED_VIEWS

if TYPE_CHECKING:
    from collections.abc import Mapping

REPOSITORY = Path(__file__).resolve().parents[2]
DOCS = REPOSITORY / "docs"
LINEAGE = DOCS / "pictures" / "lineage.svg"
"""The picture that the README and the pages show: it is committed, since the README is read without a site."""

TOP = {"CHANGELOG.md": "changelog.md", "SECURITY.md": "security.md", "CONTRIBUTING.md": "contributing.md"}
"""Document at the top of the repository → its page."""

API = {
    "ftm_resources": ("__init__", ("connect",), "ftm_resources"),
    "ftm_resources.backends": (None, ("search",), "ftm_resources"),
    "ftm_resources.warehouse.warehouse": (None, ("Warehouse", "QuarterTable"), "ftm_resources.warehouse"),
    "ftm_assets.answers.asking": (None, ("ask", "Answer"), None),
    "ftm_assets.orchestration.fitted_bertopic": (None, ("to_bertopic", "Fitted"), None),
    "ftm_assets.definitions": (None, ("build_definitions",), None),
}
"""Module → its file if another, the names that users call, and where they import them from."""

METHODS = {
    "calls": "Calls",
    "text": "Text",
    "topics": "Topics and themes",
    "naming": "Names",
    "time": "Themes through time",
    "returns": "Returns",
    "answering": "Answers",
}
"""Room of `ftm_assets/methods` → heading of its page."""


class SiteError(RuntimeError):
    """The site could not be built, or is not sound; the message lists what is wrong."""


def build(out: Path) -> Path:
    """Build the site into a folder and return that of its HTML.

    Raises SiteError if zensical warns (a link to no page, an anchor that is not there) or the built pages have
    problems.
    """
    pages = out / "pages"
    shutil.rmtree(out, ignore_errors=True)
    pages.mkdir(parents=True)
    shutil.copy(DOCS / "zensical.toml", out / "zensical.toml")
    for source in sorted(DOCS.rglob("*")):
        if source.is_file() and source.suffix in {".md", ".svg", ".png", ".css"}:
            target = pages / source.relative_to(DOCS)
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(source, target)
    for name, text in {**_top(), **generated()}.items():
        target = pages / name
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(text, encoding="utf-8")
    run_zensical(out)
    if wrong := problems(out / "site"):
        raise SiteError("\n".join(wrong))
    return out / "site"


def generated() -> dict[str, str]:
    """Return the pages made from code, by their path among the pages."""
    tables, views = list(TABLES.values()), list(JOINED_VIEWS.values())
    job, assets = every_asset()
    made = {
        "tables.md": tables_pages.overview(tables, views),
        **tables_pages.group_pages(tables),
        "views.md": tables_pages.views_page(views),
        "environment.md": settings_page.settings_page(Settings),
        "configuration.md": settings_page.config_page(job, assets),
        "commands.md": commands_page.commands_page(get_command(app), "ftm"),
        "python.md": python_pages.python_page("Python API", _API_INTRO, _api()),
        **{
            f"methods-{room}.md": python_pages.python_page(
                heading, _METHODS_INTRO.format(room=room), _methods(room)
            )
            for room, heading in METHODS.items()
        },
    }
    return {f"reference/{name}": text for name, text in made.items()}


def write_lineage() -> None:
    """Write the picture of the lineage anew."""
    LINEAGE.parent.mkdir(exist_ok=True)
    LINEAGE.write_text(current_lineage(), encoding="utf-8")


def current_lineage() -> str:
    """Return the picture of the lineage as the code is now."""
    return lineage_picture.lineage(*lineage_picture.steps_of(defs))


_API_INTRO = """\
What a notebook or a program of yours calls. Signatures and texts are those of the code.

```python
from ftm_resources import connect, search
```"""

_METHODS_INTRO = """\
Modules of `ftm_assets.methods.{room}`, by name. They hold pure functions on arrays and tables: the same input gives the
same output, and none touches the network, the warehouse or the clock. [Methods](../methods.md) explains what they
compute and how far to trust it."""


def every_asset() -> tuple[dg.JobDefinition, Mapping[str, str]]:
    """Return a job of every asset, and a line on each step in the order of the definitions."""
    every = dg.define_asset_job("every", selection=dg.AssetSelection.all())
    definitions = dg.Definitions.merge(defs, dg.Definitions(jobs=[every]))
    assets = {}
    for a in defs.assets or ():
        name = a.node_def.name
        descriptions = {key.path[-1]: text for key, text in a.descriptions_by_key.items()}
        assets[name] = (descriptions.get(name) or next(iter(descriptions.values()), "")).partition(" Key:")[0]
    return definitions.resolve_job_def("every"), assets


def _top() -> dict[str, str]:
    return {page: _relinked((REPOSITORY / name).read_text(encoding="utf-8")) for name, page in TOP.items()}


def _relinked(text: str) -> str:
    """Return a document of the top with its links as they are among the pages."""
    text = re.sub(r"\]\(docs/", "](", text)
    for name, page in {**TOP, "README.md": "index.md"}.items():
        text = text.replace(f"]({name}", f"]({page}")
    return text


def _api() -> list[python_pages.Module]:
    return [
        python_pages.Module(name, _source(name, file), only, imported)
        for name, (file, only, imported) in API.items()
    ]


def _methods(room: str) -> list[python_pages.Module]:
    package = f"ftm_assets.methods.{room}"
    files = sorted((REPOSITORY / package.replace(".", "/")).glob("*.py"))
    return [
        python_pages.Module(f"{package}.{f.stem}", f.read_text(encoding="utf-8"), heading=f.stem)
        for f in files
        if f.stem != "__init__"
    ]


def _source(module: str, file: str | None) -> str:
    path = REPOSITORY / module.replace(".", "/")
    return (path / f"{file}.py" if file else path.with_suffix(".py")).read_text(encoding="utf-8")


def run_zensical(out: Path) -> None:
    """Build the pages under a folder that holds zensical.toml; raise SiteError with its warnings, if there are any."""
    done = subprocess.run(  # noqa: S603 - our own interpreter
        [sys.executable, "-m", "zensical", "build", "--strict", "-f", str(out / "zensical.toml")],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "NO_COLOR": "1"},
    )
    said = done.stdout + done.stderr
    if done.returncode or "Warning" in said:
        raise SiteError(re.sub(r"\x1b\[[0-9;]*m", "", said.partition("Traceback")[0]).strip())
