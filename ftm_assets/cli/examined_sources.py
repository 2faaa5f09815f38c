"""What `ftm doctor` finds of the data that a run reads: calls, returns and a researcher's own themes.

Nothing is read or contacted here, beyond the names of files and the pinned themes, without `online`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ftm_assets.cli import screen
from ftm_assets.cli.finding import Finding
from ftm_resources import settings

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ftm_resources.sources.wrds.postgres import Access


def source(*, online: bool) -> Iterator[Finding]:
    """Check the source of the calls."""
    if settings.current().ftm_source == "capital_iq":
        yield from _wrds(online=online)
        return
    try:
        from ftm_resources.sources.configured import ConfiguredSource
        from ftm_resources.sources.files.transcript_files import FilesSource

        opened = ConfiguredSource().open()
        files = len(opened.files()) if isinstance(opened, FilesSource) else None
    except ValueError as error:
        yield Finding("fail", "Calls", str(error), "Correct the setting.")
        return
    path = settings.current().ftm_source_path
    found = (
        "the bundled sample (FTM_SOURCE is not files)"
        if files is None
        else f"{path}: {screen.count(files, 'file')}"
    )
    yield Finding("ok", "Calls", found)


def _wrds(*, online: bool) -> Iterator[Finding]:
    from ftm_resources.sources.base import SourceError
    from ftm_resources.sources.wrds.postgres import Access

    try:
        access = Access.from_settings()
    except SourceError as error:
        yield Finding("fail", "WRDS", str(error))
        return
    if not online:
        yield Finding("ok", "WRDS", f"{access}; not tested (ftm doctor --online logs in)")
        return
    yield _logged_in(access)


def _logged_in(access: Access) -> Finding:
    from ftm_resources.sources.base import SourceError
    from ftm_resources.sources.wrds.postgres import Wrds

    try:
        with Wrds(access, pauses=()) as wrds:
            wrds.rows("SELECT 1", {}, "login")
    except SourceError as error:
        return Finding("fail", "WRDS", str(error))
    return Finding("ok", "WRDS", f"{access}: logged in")


def market() -> Iterator[Finding]:
    """Check the source of daily returns and factors, without reading them."""
    from ftm_resources.sources.base import SourceError
    from ftm_resources.sources.returns.configured_market import ConfiguredMarket
    from ftm_resources.sources.wrds.postgres import Access

    kind, is_sample = settings.current().ftm_returns_source, settings.current().ftm_source == "sample"
    if kind is None:
        yield Finding(
            "ok",
            "Returns",
            "the sample's own (FTM_RETURNS_SOURCE is not set)"
            if is_sample
            else "none: calls get no abnormal returns; for them, set FTM_RETURNS_SOURCE",
        )
        return
    try:
        if kind == "sample" and not is_sample:
            raise ValueError("FTM_RETURNS_SOURCE=sample has the returns of the sample's firms only")
        if kind == "wrds":
            Access.from_settings()
        ConfiguredMarket().require_usable()
    except (ValueError, SourceError) as error:
        yield Finding("fail", "Returns", str(error), "Correct the setting.")
        return
    where = (
        settings.current().ftm_returns_path
        if kind == "files"
        else "not tested"
        if kind == "wrds"
        else "bundled"
    )
    yield Finding("ok", "Returns", f"{kind}: {where}")


def pinned_themes() -> Iterator[Finding]:
    """Check the researcher's own themes."""
    from ftm_resources.sources import pinned_dictionary

    path = settings.current().ftm_pinned_themes
    if not path:
        yield Finding("ok", "Pinned themes", "none; to follow themes of your own, set FTM_PINNED_THEMES")
        return
    try:
        themes = pinned_dictionary.read(path).themes
    except pinned_dictionary.PinnedThemesError as error:
        yield Finding("fail", "Pinned themes", str(error))
        return
    yield Finding("ok", "Pinned themes", f"{path}: {screen.count(len(themes), 'theme')}")
