"""The transcript source that the settings name, opened when a run needs it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from dagster import ConfigurableResource

from ftm_resources import settings
from ftm_resources.sources.files.transcript_files import FilesSource
from ftm_resources.sources.sample.generated import SampleSource
from ftm_resources.sources.wrds.capital_iq import CapitalIqSource

if TYPE_CHECKING:
    from ftm_resources.sources.base import TranscriptSource


class ConfiguredSource(ConfigurableResource):
    """FTM_SOURCE and its settings; the fields override them."""

    kind: str | None = None
    path: str | None = None
    sample_firms: int | None = None

    def open(self, *, require_permno: bool = True) -> TranscriptSource:
        """Return the source; ValueError, naming the setting, where it is unknown or incomplete.

        `require_permno` is Capital IQ's: the other sources keep firms without a link.
        """
        kind = self.kind or settings.get("FTM_SOURCE")
        if kind == "sample":
            return SampleSource(firms=self.sample_firms or int(settings.get("FTM_SAMPLE_FIRMS") or 0))
        if kind == "files":
            path = self.path or settings.get("FTM_SOURCE_PATH")
            if not path:
                raise ValueError("FTM_SOURCE=files needs FTM_SOURCE_PATH: a CSV or Parquet file, or a folder")
            return FilesSource(path)
        if kind == "capital_iq":
            return CapitalIqSource(require_permno=require_permno)
        raise ValueError(f"FTM_SOURCE is {kind!r}; it must be sample, files or capital_iq")
