"""The Dockerfiles: linted, and what can be seen of them without a Docker daemon."""

import json
import os
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from .conftest import PLAIN_SECRETS, REPOSITORY

BIN = Path(sys.executable).parent
IMAGES = sorted((REPOSITORY / "infra" / "images").glob("*.Dockerfile"))
IGNORED = (REPOSITORY / ".dockerignore").read_text().splitlines()


def instructions(image: Path) -> list[tuple[str, str]]:
    """Return a Dockerfile's instructions with their arguments, continued lines joined."""
    lines = [line for line in image.read_text().splitlines() if line and not line.startswith("#")]
    joined = "\n".join(lines).replace("\\\n", " ")
    return [
        (name, " ".join(rest.split()))
        for name, _, rest in (line.partition(" ") for line in joined.splitlines())
    ]


def of(image: Path, name: str) -> list[str]:
    return [arguments for instruction, arguments in instructions(image) if instruction == name]


@pytest.fixture(params=IMAGES, ids=lambda p: p.stem)
def image(request: pytest.FixtureRequest) -> Path:
    found: Path = request.param
    return found


def test_there_is_one_for_each_task_definition():
    repositories = {"cpu": "ftm", "gpu": "ftm-gpu"}
    named = set(
        re.findall(
            r"!ImportValue ftm-(\w*Images)", (REPOSITORY / "infra/cloudformation/dagster.yaml").read_text()
        )
    )
    assert named == {"Images", "GpuImages"}
    cluster = (REPOSITORY / "infra/cloudformation/cluster.yaml").read_text()
    assert set(re.findall(r"RepositoryName: (\S+)", cluster)) == set(repositories.values())
    assert {p.stem for p in IMAGES} == set(repositories)


def test_the_linter_has_nothing_to_say(image: Path):
    done = subprocess.run([BIN / "hadolint", image], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (0, "")


def test_what_is_copied_exists_and_reaches_the_build(image: Path):
    copied = [c.split() for c in of(image, "COPY") if not c.startswith("--from")]
    for source in (s for *sources, _ in copied for s in sources):
        assert (REPOSITORY / source).exists(), source
        assert f"!{source}" in IGNORED, source
    assert IGNORED[1] == "*", "what is not named is left out"


def test_the_base_is_pinned_and_nothing_is_fetched_by_address(image: Path):
    assert re.fullmatch(r"PYTHON=3\.11\.\d+-slim-\w+", of(image, "ARG")[0])
    assert set(of(image, "FROM")) == {"python:${PYTHON} AS build", "python:${PYTHON}"}
    assert not of(image, "ADD")
    assert not re.search(r"\b(curl|wget|git clone)\b", " ".join(of(image, "RUN")))


def test_it_runs_as_nobody_special(image: Path):
    assert of(image, "USER") == ["10001"]
    last = [name for name, _ in instructions(image)]
    assert last.index("USER") > max(i for i, name in enumerate(last) if name in {"RUN", "COPY"})


def test_no_secret_is_in_it(image: Path):
    said = " ".join(of(image, "ENV") + of(image, "ARG"))
    assert not re.search(r"PASSWORD|SECRET|TOKEN|API_KEY|ACCESS_KEY", said)
    assert not set(PLAIN_SECRETS) & set(said.split())


def test_it_installs_as_the_makefile_does(image: Path):
    """CI runs the Makefile's command in a clean environment."""
    makefile = (REPOSITORY / "Makefile").read_text()
    assert "pip install --disable-pip-version-check -c constraints.txt -e '.[aws,test]'" in makefile
    assert "pip install --quiet -c constraints.txt -e '.[aws]'" in " ".join(of(image, "RUN"))


def test_the_command_is_one_that_dagster_has(image: Path):
    assert not of(image, "ENTRYPOINT")
    (command,) = of(image, "CMD")
    program, *arguments = json.loads(command)
    options = [a for a in arguments if a.startswith("--") and a != "--help"]
    words = [a for a in arguments[:2] if not a.startswith("--")]
    done = subprocess.run([BIN / program, *words, "--help"], capture_output=True, text=True, check=False)
    assert done.returncode == 0
    assert all(option in done.stdout for option in options)


def test_the_installed_packages_are_those_of_the_source(tmp_path: Path):
    """The build's steps in a clean environment, without the dependencies: empty packages first, then the code."""
    (build,) = [r for r in of(IMAGES[0], "RUN") if "pip install" in r]
    for name in ("pyproject.toml", "constraints.txt"):
        (tmp_path / name).write_bytes((REPOSITORY / name).read_bytes())
    make = [sys.executable, "-m", "venv", ".venv"]
    install = ["sh", "-euc", build.replace("-e '.[aws]'", "--no-deps -e .")]
    for command in (make, install):
        subprocess.run(command, cwd=tmp_path, check=True, capture_output=True)
    name = tomllib.loads((tmp_path / "pyproject.toml").read_text())["project"]["name"]
    (tmp_path / "ftm_assets" / "code.py").write_text("HERE = __file__\n")
    say = f"import ftm_assets.code, importlib.metadata as m; print(ftm_assets.code.HERE, m.version('{name}'))"
    python = tmp_path / ".venv" / "bin" / "python"
    done = subprocess.run([python, "-c", say], cwd="/", check=True, capture_output=True, text=True)
    assert done.stdout.split()[0] == str(tmp_path / "ftm_assets" / "code.py")


HUB = """#!/bin/sh
# As `hf download NAME --revision REVISION` fills a cache: a branch gets a reference, a commit none.
folder=$HF_HOME/hub/models--$(echo "$2" | sed 's|/|--|g')
commit=$4
[ "$4" != main ] || { commit=c0ffee; mkdir -p "$folder/refs"; printf c0ffee > "$folder/refs/main"; }
mkdir -p "$folder/snapshots/$commit" && echo '{}' > "$folder/snapshots/$commit/config.json"
"""


@pytest.mark.parametrize("models", ["", "an/encoder@0123abc", "an/encoder@main a-tone@4567def"])
def test_models_in_the_image_are_found_without_a_revision(image: Path, tmp_path: Path, models: str):
    from huggingface_hub import try_to_load_from_cache

    (fetch,) = [r for r in of(image, "RUN") if "hf download" in r]
    hub = tmp_path / ".venv" / "bin" / "hf"
    hub.parent.mkdir(parents=True)
    hub.write_text(HUB)
    hub.chmod(0o755)
    home = tmp_path / "models"
    subprocess.run(
        ["sh", "-euc", fetch.replace("/opt/models", str(home))],
        cwd=tmp_path,
        env={"PATH": os.environ["PATH"], "HF_HOME": str(home), "MODELS": models},
        check=True,
    )
    for model in models.split():
        name, _, revision = model.partition("@")
        found = try_to_load_from_cache(name, "config.json", cache_dir=home / "hub")
        assert Path(str(found)).parent.name == {"main": "c0ffee"}.get(revision, revision)
    assert home.is_dir()


def test_the_lock_names_nothing_on_this_machine():
    assert " @ " not in (REPOSITORY / "constraints.txt").read_text()
