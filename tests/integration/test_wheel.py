"""The wheel, installed where nothing of the repository is: it holds what a quarter needs, and runs one."""

import os
import re
import shutil
import subprocess
import sys
import sysconfig
import zipfile
from pathlib import Path

import pytest

pytestmark = pytest.mark.integration
REPOSITORY = Path(__file__).resolve().parents[2]
SHIPPED = "ftm_resources/_shipped/"
LEFT_BEHIND = shutil.ignore_patterns("__pycache__", "target", "logs", ".user.yml")


def run(*command: object, **options: object) -> str:
    done = subprocess.run([str(c) for c in command], capture_output=True, text=True, check=False, **options)
    assert done.returncode == 0, f"{command}\n{done.stdout[-3000:]}\n{done.stderr[-3000:]}"
    return done.stdout


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel of this tree, built in a copy: setuptools would take what an older build left behind."""
    folder = tmp_path_factory.mktemp("wheel")
    for name in ("ftm_assets", "ftm_resources", "dbt", "infra"):
        shutil.copytree(REPOSITORY / name, folder / "tree" / name, ignore=LEFT_BEHIND)
    for name in ("pyproject.toml", "setup.py", "README.md", "LICENSE", "NOTICE"):
        shutil.copy(REPOSITORY / name, folder / "tree" / name)
    pip = (sys.executable, "-m", "pip", "wheel", "--no-deps", "--no-build-isolation", "--quiet")
    run(*pip, "--wheel-dir", folder, folder / "tree")
    [built] = folder.glob("*.whl")
    return built


@pytest.fixture(scope="module")
def names(wheel: Path) -> set[str]:
    with zipfile.ZipFile(wheel) as archive:
        return set(archive.namelist())


OF_EXTRAS = ("boto3", "botocore", "dagster_aws", "dagster_postgres", "bertopic", "hdbscan", "umap", "gensim")


@pytest.fixture(scope="module")
def environment(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A virtual environment with the wheel in it; its dependencies are those of the running interpreter.

    Only the folder of packages is lent, not what its .pth files add, so this repository is not among them.
    """
    folder = tmp_path_factory.mktemp("environment")
    run(sys.executable, "-m", "venv", "--without-pip", folder)
    python = folder / "bin" / "python"
    run(
        sys.executable,
        "-m",
        "pip",
        "--python",
        python,
        "install",
        "--quiet",
        "--no-deps",
        "--no-index",
        wheel,
    )
    site = Path(run(python, "-c", "import sysconfig; print(sysconfig.get_path('purelib'))").strip())
    lent = {sysconfig.get_path("purelib"), sysconfig.get_path("platlib")}
    (site / "lent.pth").write_text("\n".join(sorted(lent)) + "\n")
    # What only the extras install is not there for a user who installs none.
    (site / "sitecustomize.py").write_text(f"import sys\nsys.modules.update(dict.fromkeys({OF_EXTRAS!r}))\n")
    (folder / "bin" / "dbt").symlink_to(Path(sysconfig.get_path("scripts")) / "dbt")
    return folder


@pytest.fixture(scope="module")
def elsewhere(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("elsewhere")


@pytest.fixture(scope="module")
def variables(environment: Path, elsewhere: Path) -> dict[str, str]:
    """A user's shell: nothing of this repository on its paths, and no way out to the network."""
    (elsewhere / "dagster").mkdir()
    return {
        "PATH": f"{environment / 'bin'}:/usr/bin:/bin",
        "HOME": str(elsewhere / "home"),
        "XDG_CACHE_HOME": str(elsewhere / "cache"),
        "DAGSTER_HOME": str(elsewhere / "dagster"),
        "DAGSTER_DISABLE_TELEMETRY": "1",
        "FTM_SAMPLE_FIRMS": "8",
        "HF_HUB_OFFLINE": "1",
        "OMP_NUM_THREADS": os.environ.get("OMP_NUM_THREADS", "1"),
        **dict.fromkeys(("http_proxy", "https_proxy", "HTTP_PROXY", "HTTPS_PROXY"), "http://127.0.0.1:9"),
    }


def test_it_holds_the_files_beside_the_packages_and_nothing_that_dbt_made(names: set[str]):
    listed = run("git", "ls-files", "dbt", "infra/dagster/local.yaml", cwd=REPOSITORY).split()
    assert {n.removeprefix(SHIPPED) for n in names if n.startswith(SHIPPED)} == set(listed)


def test_it_holds_every_module_and_data_file_its_types_and_its_licences(names: set[str]):
    listed = run("git", "ls-files", "ftm_assets", "ftm_resources", cwd=REPOSITORY).split()
    assert set(listed) - names == set()
    assert {"ftm_assets/py.typed", "ftm_resources/py.typed"} <= names
    assert {n.rpartition("/")[2] for n in names if "/licenses/" in n} == {"LICENSE", "NOTICE"}


def test_a_quarter_runs_in_another_folder_with_what_is_installed(
    environment: Path, elsewhere: Path, variables: dict[str, str]
):
    python = environment / "bin" / "python"
    where = run(
        python, "-c", "import ftm_resources; print(ftm_resources.__file__)", cwd=elsewhere, env=variables
    )
    package = Path(where.strip()).parent
    assert package.is_relative_to(environment)
    shipped = sorted(package.glob("_shipped/**/*"))

    said = run(environment / "bin" / "ftm", "run", "--quarter", "2023Q1", cwd=elsewhere, env=variables)
    assert re.search(r"Themes of 2023Q1: \d+|Top \d+ of \d+ themes of 2023Q1", said)
    assert (elsewhere / "warehouse" / "ftm" / "theme_sentiment").is_dir()
    assert sorted(package.glob("_shipped/**/*")) == shipped, "the installed package is left as it was"

    # Its manifest is fresh now: the definitions load without dbt.
    (environment / "bin" / "dbt").unlink()
    (environment / "bin" / "dbt").write_text("#!/bin/sh\nexit 1\n")
    (environment / "bin" / "dbt").chmod(0o755)
    run(python, "-c", "import ftm_assets.definitions", cwd=elsewhere, env=variables)
