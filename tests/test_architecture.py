"""The rules that keep the layout what it is."""

import ast
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).resolve().parent.parent
MODULES = sorted([*REPOSITORY.glob("ftm_assets/**/*.py"), *REPOSITORY.glob("ftm_resources/**/*.py")])
HEAVY = (
    *("torch", "transformers", "sentence_transformers", "bertopic", "umap", "hdbscan"),
    *("wrds", "openai", "boto3", "sklearn", "matplotlib", "pandas"),
    *("dagster_dbt", "dbt", "sqlglot", "networkx"),
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


@pytest.mark.parametrize("name", [n for n in named(MODULES) if n != "ftm_resources/settings.py"])
def test_only_settings_touches_the_environment(name: str):
    source = (REPOSITORY / name).read_text()
    touched = [n.attr for n in ast.walk(ast.parse(source)) if isinstance(n, ast.Attribute)]
    assert not {"environ", "getenv", "putenv", "environb"} & set(touched)
    assert "import environ" not in source


@pytest.mark.parametrize("name", named(MODULES))
def test_a_module_says_what_belongs_in_it_and_is_not_a_giant(name: str):
    source = (REPOSITORY / name).read_text()
    assert ast.get_docstring(ast.parse(source))
    assert len(source.splitlines()) <= 420


def test_loading_the_definitions_loads_nothing_heavy_and_reads_no_environment():
    """A step process loads them too: it must start at once, and read its settings when it runs."""
    script = f"""
import sys
from ftm_resources import settings
def refuse():
    raise AssertionError("a setting is read while the code is loaded")
settings.current = refuse
import ftm_assets.definitions
heavy = sorted(set(sys.modules) & set({HEAVY!r}))
assert not heavy, heavy
"""
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, cwd=REPOSITORY, check=False
    )
    assert done.returncode == 0, done.stderr[-2000:]


IMPORT_ORDER = """
import sys

class Watch:
    seen = []
    def find_spec(self, name, path=None, target=None):
        if name in {"torch", "numba", "pynndescent"} and name not in self.seen:
            self.seen.append(name)
        if name == "pynndescent":
            raise ImportError("seen enough: compiling it takes half a minute")
sys.meta_path.insert(0, Watch())
import numpy as np
from ftm_assets.methods.topics import theme_clustering
theme_clustering.EXACT_NEIGHBORS_UP_TO = 0
try:
    theme_clustering._neighbors(np.eye(70, dtype=np.float32) + 0.1, 5, 42)
except ImportError:
    print(*Watch.seen)
"""


def test_torch_is_loaded_before_anything_else_with_its_own_openmp():
    """numba's first, and torch runs twelve times slower: 5.0 s instead of 0.4 s for 64 sentences."""
    found = subprocess.run(
        [sys.executable, "-c", IMPORT_ORDER], cwd=REPOSITORY, capture_output=True, text=True, check=True
    )
    assert found.stdout.split()[0] == "torch"
    assert "pynndescent" in found.stdout.split()


def test_no_two_modules_have_one_name():
    """A name says which module is meant, in an error, in a review and in the list of files."""
    names = Counter(m.stem for m in MODULES if not m.stem.startswith("__"))
    assert [name for name, n in names.items() if n > 1] == []
