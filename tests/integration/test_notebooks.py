"""The notebooks, executed as a reader runs them, on a small warehouse of the sample that all of them share."""

import re
import shutil
from pathlib import Path

import jupytext
import nbformat
import pytest
from filelock import FileLock
from nbclient import NotebookClient

from ftm_resources.models.embedder import Embedder
from ftm_resources.sources.configured import ConfiguredSource
from ftm_resources.warehouse import Warehouse

from .conftest import QUICK, Deployment, failures

pytestmark = pytest.mark.integration

REPOSITORY = Path(__file__).resolve().parents[2]
NOTEBOOKS = sorted((REPOSITORY / "notebooks").glob("*.py"))
QUARTERS = ("2023Q1", "2023Q2")
FIRMS = 17
"""As few as have the 30 calls with returns in two quarters that an event study needs."""
OWN_FIRMS = "6"
"""In the spreadsheet of the sixth notebook, which runs a quarter of its own."""


@pytest.fixture(scope="session")
def prepared(folder_of_all: Path, quick_model: str) -> Path:
    """A folder with a warehouse of two quarters of the sample, made once for all processes of the test run."""
    folder = folder_of_all / "notebooks"
    with FileLock(folder.with_suffix(".lock")):
        if not folder.exists():
            made = folder.with_suffix(".partial")
            shutil.rmtree(made, ignore_errors=True)  # what a process that failed left
            made.mkdir()
            source = ConfiguredSource(kind="sample", sample_firms=FIRMS)
            deployment = Deployment(made, source, embedder=Embedder(model=quick_model), sentiment=QUICK)
            for quarter in QUARTERS:
                result = deployment.run(quarter)
                assert result.success, failures(result)
            made.rename(folder)
    return folder


@pytest.fixture
def warehouse(prepared: Path, quick_model: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Warehouse:
    """A copy of the warehouse, for a notebook that writes; and the settings under which a kernel finds it."""
    shutil.copytree(prepared / "warehouse", tmp_path / "warehouse")
    (tmp_path / "dagster").mkdir()
    for name, value in {
        "FTM_WAREHOUSE": str(tmp_path / "warehouse"),
        "FTM_EMBEDDING_MODEL": quick_model,
        "FTM_SENTIMENT_MODEL": "word-lists",
        "FTM_SAMPLE_FIRMS": OWN_FIRMS,
        "DAGSTER_HOME": str(tmp_path / "dagster"),
        "PYTHONPATH": str(REPOSITORY),
        "MPLBACKEND": "module://matplotlib_inline.backend_inline",
        "IPYTHONDIR": str(tmp_path / "ipython"),
    }.items():
        monkeypatch.setenv(name, value)
    return Warehouse(path=str(tmp_path / "warehouse"))


def executed(file: Path, folder: Path) -> nbformat.NotebookNode:
    """Return the notebook with its outputs; CellExecutionError, with the traceback, if a cell fails."""
    notebook = jupytext.read(file)
    client = NotebookClient(
        notebook, timeout=1200, kernel_name="python3", resources={"metadata": {"path": str(folder)}}
    )
    try:
        client.execute()
    finally:
        nbformat.write(notebook, folder / f"{file.stem}.ipynb")  # what a reader sees, to be looked at
    return notebook


def outputs(notebook: nbformat.NotebookNode) -> list[nbformat.NotebookNode]:
    return [output for cell in notebook.cells if cell.cell_type == "code" for output in cell.outputs]


@pytest.mark.parametrize("file", NOTEBOOKS, ids=lambda file: file.stem)
def test_a_notebook_runs_without_a_warning_and_draws(file: Path, warehouse: Warehouse, tmp_path: Path):
    before = warehouse.quarters("themes")
    found = outputs(executed(file, tmp_path))
    warned = [o.text for o in found if o.output_type == "stream" and o.name == "stderr"]
    assert warned == []
    assert [o for o in found if "image/png" in o.get("data", {})], "a picture"
    assert [o for o in found if "text/html" in o.get("data", {})], "a table"
    assert warehouse.quarters("themes") == before == list(QUARTERS)
    said = "\n".join(o.text for o in found if o.output_type == "stream")
    if "spreadsheet" in file.stem:
        for row in ("row 4", "row 8", "row 13"):
            assert row in said, "each mistake is refused by its row"
        assert re.search(r"Themes of 2023Q1: \d+|Top \d+ of \d+ themes of 2023Q1", said)
    if "compare" in file.stem:
        assert "Tagged 2023Q1 as default-themes" in said


@pytest.mark.parametrize("file", NOTEBOOKS, ids=lambda file: file.stem)
def test_a_notebook_is_text_that_a_reader_can_follow(file: Path):
    notebook = jupytext.read(file)
    prose = [cell.source for cell in notebook.cells if cell.cell_type == "markdown"]
    assert prose[0].startswith(f"# {file.stem[0]}. ")
    assert "**You need**" in prose[0], "what must be there"
    assert prose[-1].startswith("## What to do next")
    code = "\n".join(cell.source for cell in notebook.cells if cell.cell_type == "code")
    ours = set(re.findall(r"^from (ftm_\w+(?:\.\w+)*) import|^import (ftm_\S+)", code, re.MULTILINE))
    assert ours <= {("ftm_resources", "")}, "public names alone"
    assert not [cell for cell in notebook.cells if cell.get("outputs")]


def test_the_page_about_the_notebooks_names_them_all():
    page = (REPOSITORY / "docs" / "notebooks.md").read_text()
    assert re.findall(r"^\| `(\d_\w+)` \|", page, re.MULTILINE) == [file.stem for file in NOTEBOOKS]
