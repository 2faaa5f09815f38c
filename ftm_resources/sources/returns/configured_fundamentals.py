"""The source of fundamentals named by the settings, opened when a run needs it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, get_args

from dagster import ConfigurableResource
from pydantic import Field

from ftm_resources import settings
from ftm_resources.sources.returns.fundamentals_files import FilesFundamentals
from ftm_resources.sources.returns.fundamentals_sample import SampleFundamentals
from ftm_resources.sources.returns.fundamentals_wrds import WrdsFundamentals

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
        now = settings.current()
        is_sample = calls.get("name") == "sample"
        kind = self.kind or now.ftm_fundamentals_source or ("sample" if is_sample else None)
        if kind is None:
            return None
        if kind == "sample":
            if not is_sample:
                raise ValueError(
                    "FTM_FUNDAMENTALS_SOURCE=sample has the fundamentals of the sample's firms only, but these calls "
                    f"came from {calls.get('name', 'another source')}: set it to files or wrds, or unset it"
                )
            return SampleFundamentals(firms=int(calls["firms"]), seed=int(calls["seed"]))
        if kind == "files":
            return self._files()
        if kind == "wrds":
            return WrdsFundamentals()
        raise ValueError(
            f"source of fundamentals {kind!r}: it must be {', '.join(get_args(settings.ReturnsSource))}"
        )

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
