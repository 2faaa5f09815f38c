"""The transcript source named by the settings, opened when a run needs it."""

from __future__ import annotations

from typing import TYPE_CHECKING, get_args

from dagster import ConfigurableResource
from pydantic import Field

from ftm_resources import settings
from ftm_resources.sources.files.transcript_files import FilesSource
from ftm_resources.sources.sample.generated import SampleSource
from ftm_resources.sources.wrds.capital_iq import CapitalIqSource

if TYPE_CHECKING:
    from ftm_resources.sources.base import TranscriptSource


class ConfiguredSource(ConfigurableResource):
    """The source configured by FTM_SOURCE and its settings, which the fields override."""

    kind: str | None = Field(default=None, description="sample, files or capital_iq; default: FTM_SOURCE")
    path: str | None = Field(
        default=None, description="With files: a file, or a folder of files; default: FTM_SOURCE_PATH"
    )
    sample_firms: int | None = Field(
        default=None, ge=1, description="With sample: number of firms to generate; default: FTM_SAMPLE_FIRMS"
    )

    def open(self, *, require_permno: bool = True) -> TranscriptSource:
        """Return the source; ValueError, naming the setting, if it is unknown or incomplete.

        `require_permno` applies to Capital IQ only; other sources keep firms without a link.
        """
        now = settings.current()
        kind = self.kind or now.ftm_source
        if kind == "sample":
            return SampleSource(firms=self.sample_firms or now.ftm_sample_firms)
        if kind == "files":
            path = self.path or now.ftm_source_path
            if not path:
                raise ValueError("FTM_SOURCE=files needs FTM_SOURCE_PATH: a file or a folder of calls")
            return FilesSource(path)
        if kind == "capital_iq":
            return CapitalIqSource(require_permno=require_permno)
        raise ValueError(f"source kind {kind!r}: it must be {', '.join(get_args(settings.Source))}")
