"""The rules that keep the layout what it is."""

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).resolve().parent.parent
MODULES = sorted([*REPOSITORY.glob("ftm_assets/**/*.py"), *REPOSITORY.glob("ftm_resources/**/*.py")])
HEAVY = (
    *("torch", "transformers", "sentence_transformers", "bertopic", "umap", "hdbscan"),
    *("wrds", "openai", "boto3", "sklearn", "matplotlib"),
)


def imported(module: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(module.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield node.module or ""


def named(modules: list[Path]) -> dict[str, Path]:
    return {str(m.relative_to(REPOSITORY)): m for m in modules}


@pytest.mark.parametrize("name", [n for n in named(MODULES) if n.startswith("ftm_assets/methods/")])
def test_methods_know_no_dagster(name: str):
    assert not [i for i in imported(REPOSITORY / name) if i.partition(".")[0] == "dagster"]


@pytest.mark.parametrize("name", [n for n in named(MODULES) if n.startswith("ftm_resources/")])
def test_resources_never_import_assets(name: str):
    assert not [i for i in imported(REPOSITORY / name) if i.partition(".")[0] == "ftm_assets"]


@pytest.mark.parametrize("name", named(MODULES))
def test_a_module_says_what_belongs_in_it_and_is_not_a_giant(name: str):
    source = (REPOSITORY / name).read_text()
    assert ast.get_docstring(ast.parse(source))
    assert len(source.splitlines()) <= 420


def test_loading_the_definitions_loads_nothing_heavy_and_reads_no_environment():
    """A step process loads them too: it must start at once, and read its settings when it runs."""
    script = f"""
import os, sys
reads = []
class Recorded(dict):
    def get(self, key, default=None):
        reads.append(key); return super().get(key, default)
    def __getitem__(self, key):
        reads.append(key); return super().__getitem__(key)
from ftm_resources import settings
settings.os = type("os", (), {{"environ": Recorded(os.environ)}})
import ftm_assets.definitions
heavy = sorted(set(sys.modules) & set({HEAVY!r}))
assert not heavy, heavy
assert not reads, reads
"""
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, cwd=REPOSITORY, check=False
    )
    assert done.returncode == 0, done.stderr[-2000:]
