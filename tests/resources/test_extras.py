"""What users are told to install: extras that exist, from the clone, never a package of our name from PyPI."""

import re
import sys
import tomllib
from collections.abc import Callable
from pathlib import Path

import pytest

import ftm_resources
from ftm_assets.answers.served_tools import build_server
from ftm_assets.cli.failing import message_of
from ftm_assets.methods.topics import published
from ftm_resources.extras import MissingExtraError, how_to_install, require_extra
from ftm_resources.postgres.database import connected
from ftm_resources.warehouse import Warehouse

REPOSITORY = Path(__file__).resolve().parents[2]
EXTRAS = tomllib.loads((REPOSITORY / "pyproject.toml").read_text())["project"]["optional-dependencies"]
TOLD = [
    path
    for folder in ("ftm_assets", "ftm_resources", "benchmarks", "docs", "notebooks", "infra")
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


def test_there_is_one_way_to_install_an_extra_and_a_table_of_all():
    told = [way for path in TOLD for way in re.findall(r"pip install ([^\n`]*)'\.\[", path.read_text())]
    assert {way.replace("--quiet ", "") for way in told} == {"-c constraints.txt -e "}
    listed = re.findall(r"^\| `(\w+)` \|", (REPOSITORY / "docs" / "settings.md").read_text(), re.MULTILINE)
    assert sorted(listed) == sorted(EXTRAS)


def test_every_extra_that_is_named_exists():
    calls = re.compile(r"how_to_install\(\"(\w+)\"\)|\.\[(\w+)\]'")
    named = {name for path in TOLD for pair in calls.findall(path.read_text()) for name in pair if name}
    assert named
    assert named <= set(EXTRAS)


def on_s3() -> None:
    Warehouse(path="s3://bucket/prefix").exists()


def in_postgres() -> None:
    ftm_resources.search("cash flow", backend="postgres")


def to_postgres() -> None:
    with connected():
        pass


@pytest.mark.parametrize(
    ("module", "extra", "call"),
    [
        ("boto3", "aws", on_s3),
        ("psycopg", "postgres", in_postgres),
        ("pgvector", "postgres", to_postgres),
        ("hdbscan", "bertopic", published.require),
        ("mcp", "mcp", build_server),
    ],
)
def test_what_needs_a_missing_extra_says_so_in_a_sentence_and_is_no_bug(
    module: str, extra: str, call: Callable[[], object], monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setitem(sys.modules, module, None)
    with pytest.raises(MissingExtraError, match=f" needs an extra: pip install .*{extra}") as refused:
        call()
    assert message_of(refused.value) == str(refused.value)
    assert str(refused.value).endswith(".")


def test_an_extra_that_is_installed_is_not_asked_for():
    require_extra("bench", "A test", "pytest", "re")
