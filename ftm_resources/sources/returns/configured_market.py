"""The source of market data named by the settings, opened when a run needs it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, get_args

from dagster import ConfigurableResource
from pydantic import Field

from ftm_resources import settings
from ftm_resources.sources.returns.market_files import FilesMarket
from ftm_resources.sources.returns.market_sample import SampleMarket
from ftm_resources.sources.returns.market_wrds import WrdsMarket

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
        now = settings.current()
        is_sample = calls.get("name") == "sample"
        kind = self.kind or now.ftm_returns_source or ("sample" if is_sample else None)
        if kind is None:
            return None
        if kind == "sample":
            if not is_sample:
                raise ValueError(
                    "FTM_RETURNS_SOURCE=sample has the returns of the sample's firms only, but these calls came from "
                    f"{calls.get('name', 'another source')}: set it to files or wrds, or unset it"
                )
            return SampleMarket(firms=int(calls["firms"]), seed=int(calls["seed"]))
        if kind == "files":
            return self._files()
        if kind == "wrds":
            return WrdsMarket()
        raise ValueError(f"returns source {kind!r}: it must be {', '.join(get_args(settings.ReturnsSource))}")

    def require_usable(self) -> None:
        """Raise, before anything is computed, what a path without files of market data is refused with."""
        if (self.kind or settings.current().ftm_returns_source) == "files":
            self._files().files()

    def _files(self) -> FilesMarket:
        path = self.path or settings.current().ftm_returns_path
        if not path:
            raise ValueError("FTM_RETURNS_SOURCE=files needs FTM_RETURNS_PATH: daily returns and factors")
        return FilesMarket(path)
