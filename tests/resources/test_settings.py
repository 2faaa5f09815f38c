import re
from pathlib import Path

import pytest

from ftm_resources import settings

README = Path(__file__).resolve().parents[2] / "README.md"


def test_an_unset_or_empty_variable_has_its_default(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.delenv("FTM_WAREHOUSE", raising=False)
    assert settings.get("FTM_WAREHOUSE") == "./warehouse"
    monkeypatch.setenv("FTM_WAREHOUSE", "")
    assert settings.get("FTM_WAREHOUSE") == "./warehouse"
    monkeypatch.setenv("FTM_WAREHOUSE", "/data")
    assert settings.get("FTM_WAREHOUSE") == "/data"


def test_a_variable_that_is_not_documented_cannot_be_read():
    with pytest.raises(KeyError):
        settings.get("FTM_WAREHOUSES")


def test_the_readme_documents_each_variable_with_its_default():
    table = dict(re.findall(r"^\| `([A-Z_]+)` \| (.*?) \|", README.read_text(), re.MULTILINE))
    assert set(table) == set(settings.SETTINGS)
    for name, setting in settings.SETTINGS.items():
        assert (f"`{setting.default}`" if setting.default else "unset") in table[name]
