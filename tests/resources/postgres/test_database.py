"""Reaching the database, or saying why not."""

import pytest

from ftm_resources.postgres.database import PublishError, connected
from ftm_resources.settings import SettingsError


def test_an_address_that_cannot_be_used_is_said_without_the_password(
    database: str, monkeypatch: pytest.MonkeyPatch
):
    for url, error in (
        ("postgres:/me:s3cret@host/db", SettingsError),
        ("postgresql://me:s3cret@127.0.0.1:1/db", PublishError),
        (database.replace("/ftm", "/none"), PublishError),
    ):
        monkeypatch.setenv("FTM_POSTGRES_URL", url)
        with pytest.raises(error, match="FTM_POSTGRES_URL") as said, connected():
            pass
        assert "s3cret" not in f"{said.value}{said.value.__cause__}"
    monkeypatch.delenv("FTM_POSTGRES_URL")
    with pytest.raises(SettingsError, match="FTM_POSTGRES_URL is not set"), connected():
        pass
