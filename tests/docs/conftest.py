"""The site, built once for all tests of this folder."""

from pathlib import Path

import pytest

from docs.generate.site_builder import build


@pytest.fixture(scope="session")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of the built site; building it fails on a broken link, an orphaned page or a load from the network."""
    return build(tmp_path_factory.mktemp("site"))
