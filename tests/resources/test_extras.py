"""What users are told to install: extras that exist, from the clone, never a package of our name from PyPI."""

import re
import tomllib
from pathlib import Path

import pytest

from ftm_resources.extras import how_to_install

REPOSITORY = Path(__file__).resolve().parents[2]
EXTRAS = tomllib.loads((REPOSITORY / "pyproject.toml").read_text())["project"]["optional-dependencies"]
TOLD = [
    path
    for folder in ("ftm_assets", "ftm_resources", "docs", "notebooks", "infra")
    for path in sorted((REPOSITORY / folder).rglob("*"))
    if path.suffix in {".md", ".py", ".sh", ".yaml", ".html"}
] + [*REPOSITORY.glob("*.md")]


@pytest.mark.parametrize("extra", EXTRAS)
def test_an_extra_is_installed_from_the_clone_in_the_tested_versions(extra: str):
    assert how_to_install(extra).startswith(f"pip install -c constraints.txt -e '.[{extra}]'")


def test_nobody_is_told_to_install_a_package_of_our_name_from_an_index():
    our_name = re.compile(r"pip install (?:-\S+ (?:constraints\.txt )?)*['\"]?ftm\b")
    assert our_name.search("pip install -c constraints.txt 'ftm[returns]'")
    assert [path for path in TOLD if our_name.search(path.read_text())] == []


def test_every_extra_that_is_named_exists():
    calls = re.compile(r"how_to_install\(\"(\w+)\"\)|\.\[(\w+)\]'")
    named = {name for path in TOLD for pair in calls.findall(path.read_text()) for name in pair if name}
    assert named
    assert named <= set(EXTRAS)
