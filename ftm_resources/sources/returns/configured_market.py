"""The source of market data named by the settings, opened when a run needs it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from dagster import ConfigurableResource
from pydantic import Field

from ftm_resources import settings
from ftm_resources.sources.returns.market_files import FilesMarket
from ftm_resources.sources.returns.market_sample import SampleMarket
from ftm_resources.sources.returns.market_wrds import WrdsMarket
from ftm_resources.sources.returns.source_kinds import kind_for

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ftm_resources.sources.returns.market_source import MarketSource


class ConfiguredMarket(ConfigurableResource):
    """The source configured by FTM_RETURNS_SOURCE and its path, which the fields override."""

    kind: str | None = Field(default=None, description="sample, files or wrds; default: FTM_RETURNS_SOURCE")
    path: str | None = Field(
        default=None, description="With files: a file, or a folder of files; default: FTM_RETURNS_PATH"
    )

    def open(self, calls: Mapping[str, Any]) -> MarketSource | None:
        """Return the source for calls of this provenance; None if none is configured.

        The sample's calls have the sample's returns unless another source is named. ValueError, naming the setting, if
        it is unknown or incomplete, or if other calls were to have the sample's returns.
        """
        kind = kind_for(
            calls, self.kind or settings.current().ftm_returns_source,
            variable="FTM_RETURNS_SOURCE", what="returns", source="returns source",
        )  # fmt: skip
        if kind is None:
            return None
        if kind == "sample":
            return SampleMarket(firms=int(calls["firms"]), seed=int(calls["seed"]))
        return self._files() if kind == "files" else WrdsMarket()

    def require_usable(self) -> None:
        """Raise, before anything is computed, what a path without files of market data is refused with."""
        if (self.kind or settings.current().ftm_returns_source) == "files":
            self._files().files()

    def _files(self) -> FilesMarket:
        path = self.path or settings.current().ftm_returns_path
        if not path:
            raise ValueError("FTM_RETURNS_SOURCE=files needs FTM_RETURNS_PATH: daily returns and factors")
        return FilesMarket(path)
