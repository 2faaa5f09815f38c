from pathlib import Path

import pytest

from ftm_resources.sources.configured import ConfiguredSource
from ftm_resources.sources.files.transcript_files import FilesSource
from ftm_resources.sources.sample.generated import SampleSource
from ftm_resources.sources.wrds.capital_iq import CapitalIqSource


def test_the_sample_is_the_default(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.delenv("FTM_SOURCE", raising=False)
    assert isinstance(ConfiguredSource().open(), SampleSource)


def test_the_settings_are_read_when_the_source_is_opened(monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    source = ConfiguredSource()
    monkeypatch.setenv("FTM_SOURCE", "files")
    monkeypatch.setenv("FTM_SOURCE_PATH", str(tmp_path))
    assert isinstance(source.open(), FilesSource)


def test_capital_iq_is_opened_without_credentials_which_a_run_needs(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.delenv("WRDS_USERNAME", raising=False)
    assert isinstance(ConfiguredSource(kind="capital_iq").open(), CapitalIqSource)


def test_files_without_a_path_and_an_unknown_source_are_named(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.delenv("FTM_SOURCE_PATH", raising=False)
    with pytest.raises(ValueError, match="FTM_SOURCE=files needs FTM_SOURCE_PATH"):
        ConfiguredSource(kind="files").open()
    with pytest.raises(ValueError, match="source kind 'wrds': it must be sample, files, capital_iq"):
        ConfiguredSource(kind="wrds").open()
