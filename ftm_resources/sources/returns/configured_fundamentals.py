"""The source of fundamentals named by the settings, opened when a run needs it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from dagster import ConfigurableResource
from pydantic import Field

from ftm_resources import settings
from ftm_resources.sources.returns.fundamentals_files import FilesFundamentals
from ftm_resources.sources.returns.fundamentals_sample import SampleFundamentals
from ftm_resources.sources.returns.fundamentals_wrds import WrdsFundamentals
from ftm_resources.sources.returns.source_kinds import kind_for

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ftm_resources.sources.returns.fundamentals_source import FundamentalsSource


class ConfiguredFundamentals(ConfigurableResource):
    """The source configured by FTM_FUNDAMENTALS_SOURCE and its path, which the fields override."""

    kind: str | None = Field(
        default=None, description="sample, files or wrds; default: FTM_FUNDAMENTALS_SOURCE"
    )
    path: str | None = Field(
        default=None, description="With files: a file, or a folder of files; default: FTM_FUNDAMENTALS_PATH"
    )

    def open(self, calls: Mapping[str, Any]) -> FundamentalsSource | None:
        """Return the source for calls of this provenance; None if none is configured.

        The sample's calls have the sample's fundamentals unless another source is named. ValueError, naming the
        setting, if it is unknown or incomplete, or if other calls were to have the sample's.
        """
        kind = kind_for(
            calls, self.kind or settings.current().ftm_fundamentals_source,
            variable="FTM_FUNDAMENTALS_SOURCE", what="fundamentals", source="source of fundamentals",
        )  # fmt: skip
        if kind is None:
            return None
        if kind == "sample":
            return SampleFundamentals(firms=int(calls["firms"]), seed=int(calls["seed"]))
        return self._files() if kind == "files" else WrdsFundamentals()

    def require_usable(self) -> None:
        """Raise, before anything is computed, what a path without files is refused with."""
        if (self.kind or settings.current().ftm_fundamentals_source) == "files":
            self._files().files()

    def _files(self) -> FilesFundamentals:
        path = self.path or settings.current().ftm_fundamentals_path
        if not path:
            raise ValueError(
                "FTM_FUNDAMENTALS_SOURCE=files needs FTM_FUNDAMENTALS_PATH: quarterly earnings and book equity"
            )
        return FilesFundamentals(path)
