import pytest

from ftm_assets.cli import installed


def test_another_version_than_the_tested_one_warns(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(installed, "_tested", lambda: {"rich": "1.0"})
    (finding,) = installed.packages()
    assert finding.status == "warn"
    assert "(tested: 1.0)" in finding.found


def test_a_missing_package_fails(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(installed, "_required", lambda: ["no-such-package"])
    (finding,) = installed.packages()
    assert finding.status == "fail"
