"""Which source of market data the settings mean, and for which calls."""

from pathlib import Path

import pytest

from ftm_assets.cli import preflight
from ftm_resources.sources.base import SourceError
from ftm_resources.sources.returns.configured_market import ConfiguredMarket
from ftm_resources.sources.returns.market_files import FilesMarket
from ftm_resources.sources.returns.market_sample import SampleMarket
from ftm_resources.sources.returns.market_wrds import WrdsMarket

SAMPLE = {"name": "sample", "firms": 5, "seed": 7}
OWN = {"name": "files", "path": "/calls"}


def test_only_the_samples_calls_have_returns_without_a_setting():
    made = ConfiguredMarket().open(SAMPLE)
    assert isinstance(made, SampleMarket)
    assert made.provenance() == SAMPLE, "the firms and the seed are those of the calls"
    assert ConfiguredMarket().open(OWN) is None
    assert ConfiguredMarket().open({}) is None


def test_the_setting_decides_and_a_field_overrides_it(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("FTM_RETURNS_SOURCE", "wrds")
    assert isinstance(ConfiguredMarket().open(OWN), WrdsMarket)
    assert isinstance(ConfiguredMarket().open(SAMPLE), WrdsMarket)
    assert isinstance(ConfiguredMarket(kind="files", path="/market").open(OWN), FilesMarket)


def test_what_cannot_be_is_refused_with_its_setting(monkeypatch: pytest.MonkeyPatch):
    with pytest.raises(ValueError, match="FTM_RETURNS_SOURCE=sample"):
        ConfiguredMarket(kind="sample").open(OWN)
    with pytest.raises(ValueError, match="must be sample, files, wrds"):
        ConfiguredMarket(kind="crsp").open(OWN)
    monkeypatch.setenv("FTM_RETURNS_SOURCE", "files")
    with pytest.raises(ValueError, match="FTM_RETURNS_PATH"):
        ConfiguredMarket().open(OWN)


def test_a_run_is_refused_before_its_first_step_if_there_are_no_files(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    ConfiguredMarket().require_usable()
    monkeypatch.setenv("FTM_WAREHOUSE", str(tmp_path / "warehouse"))
    monkeypatch.setenv("DAGSTER_HOME", str(tmp_path))
    monkeypatch.setenv("FTM_RETURNS_SOURCE", "files")
    monkeypatch.setenv("FTM_RETURNS_PATH", str(tmp_path / "nowhere"))
    with pytest.raises(SourceError, match="no such file"):
        preflight.require_ready({})
