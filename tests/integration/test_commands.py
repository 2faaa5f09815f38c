"""The commands that the README and the pages of docs/ show, as a user runs them: all of them, in their order."""

import os
import re
import shlex
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from urllib.error import URLError
from urllib.request import urlopen

import dagster as dg
import pytest

from ftm_assets.cli.run import AGAIN
from ftm_resources.tables import QUARTERLY, TABLES
from ftm_resources.warehouse import Warehouse

from .conftest import SAMPLE_QUARTER, Sample

pytestmark = pytest.mark.integration
REPOSITORY = Path(__file__).resolve().parents[2]
BIN = Path(sys.executable).parent
DOCUMENTS = (
    "README.md",
    "docs/tutorial.md",
    "docs/results.md",
    "docs/through-time.md",
    "docs/paper.md",
    "docs/share.md",
    "docs/upkeep.md",
    "docs/market-data.md",
    "docs/returns.md",
    "docs/settings.md",
    "docs/bertopic.md",
    "docs/tone-model.md",
    "docs/language-model.md",
    "docs/your-calls.md",
    "docs/wrds.md",
    "docs/backfill.md",
    "docs/aws.md",
    "docs/costs.md",
    "docs/athena.md",
    "docs/figures.md",
    "docs/notebooks.md",
    "docs/postgres.md",
)
"""In the order in which a reader may follow them; a command that a page before showed is not run again."""

TEXTS = [(REPOSITORY / name).read_text() for name in DOCUMENTS]
QUERIED = [p.read_text() for p in [REPOSITORY / "README.md", *sorted((REPOSITORY / "docs").glob("*.md"))]]
ON_DEMAND = "FROM event_study"
"""Queries of what the commands make and a quarter's run does not."""

OF_OTHERS = (ON_DEMAND, "FROM 'exports/ask/questions.jsonl'", "FROM ftm.", "GRANT ")
"""Queries that a quarter's run does not answer; the others are of the log of `ftm ask`, and of a copy in PostgreSQL."""

FTM = [sys.executable, "-m", "ftm_assets.cli"]
"""`ftm`, where its script may belong to another checkout."""

ELSEWHERE = {
    "make run": "test_make_runs_ftm",
    "make ui": "test_make_runs_ftm",
    "make docs": "tests/docs/test_site.py",
    "make test": "this suite",
    "make synth": "tests/infra/test_stacks.py",
    "cp infra/parameters.json": "tests/infra/test_deploy_script.py, which deploys with the copy",
    "infra/deploy.sh": "tests/infra/test_deploy_script.py",
    "aws ": "AWS's command line, and an account, which are not here",
    "task=$(aws": "likewise",
    "runtime=$(aws": "likewise",
    "export AWS_": "likewise",
    "cd dbt && dbt compile --target athena": "tests/dbt/test_dialects.py",
    "dbt run --target athena": "likewise, as far as it goes without an account",
    "dbt test --target athena": "likewise",
    "hf download": "a hub, which cannot be reached from here",
    ". ./env.sh": "test_the_environment_file_names_where_things_are",
    "export FTM_SOURCE=capital_iq": "tests/integration/test_capital_iq.py",
    "export FTM_RETURNS_SOURCE=wrds": "tests/resources/sources/returns/test_market_wrds.py",
    "export FTM_RETURNS_SOURCE=files": "tests/assets/test_abnormal_returns.py",
    "ftm export transcripts": "tests/resources/sources/wrds/test_export.py",
    "ftm run --calls": "test_your_own_calls_run",
    "for quarter in": "ftm run --quarter, which is run in order",
    "dagster job backfill": "test_a_backfill_from_the_command_line_runs_the_quarters_between_two",
    "pip install -c constraints.txt -e '.[": "the extras are installed here",
    ".venv/bin/python -m pip install": "likewise",
    "jupytext --to ipynb": "tests/integration/test_notebooks.py",
    "jupyter lab": "a program that is not installed here",
    "dg launch --assets event_study --partition 2023Q4": "the same of 2023Q1 is run in order",
    "vllm serve": "a server that is not installed here",
    "LLM_BASE_URL=": "tests/orchestration/test_vllm.py",
    "FTM_SENTIMENT_MODEL=": "tests/resources/models/test_sentiment.py",
    "ftm evaluate sentiment": "tests/cli/test_evaluate.py",
    "FTM_WAREHOUSE=./warehouse-bertopic": "tests/assets/test_firm_topics.py",
    "ftm bertopic": "tests/cli/test_save_bertopic.py",
    "ftm figures": "tests/cli/test_figures.py",
    "ftm move": "tests/cli/test_relocation.py",
    "ftm mcp": "tests/answers/test_served_tools.py",
    "export FTM_POSTGRES_URL=": "tests/cli/test_publishing.py",
    "ftm publish postgres": "tests/cli/test_publishing.py",
    'ftm search "freight costs" --backend postgres': "tests/cli/test_publishing.py",
}
"""How commands open that are not run in order here, and where they are."""


def commands() -> list[str]:
    """Return the command lines of the documents in order, each once, without their comments."""
    blocks = [block for text in TEXTS for block in re.findall(r"```sh\n(.*?)```", text, re.DOTALL)]
    lines = "\n".join(blocks).replace("\\\n", " ").splitlines()
    stripped = (re.sub(r"(^| +)# .*$", "", raw).strip().removesuffix("&").strip() for raw in lines)
    return list(dict.fromkeys(line for line in stripped if line))


def queries() -> list[str]:
    """Return the SQL of the documents, each query once."""
    found = [query for text in QUERIED for query in re.findall(r"```sql\n(.*?)```", text, re.DOTALL)]
    assert len(found) > 3
    return list(dict.fromkeys(found))


def in_order() -> list[str]:
    return [c for c in commands() if not c.startswith(tuple(ELSEWHERE))]


@pytest.fixture
def environment(tmp_path: Path, quick_model: str) -> dict[str, str]:
    return in_folder(tmp_path, quick_model)


def in_folder(folder: Path, model: str) -> dict[str, str]:
    return {
        **os.environ,
        "PYTHONPATH": str(REPOSITORY),
        "DAGSTER_HOME": str(folder / "dagster"),
        "DAGSTER_MODULE_NAME": "ftm_assets.definitions",
        "FTM_WAREHOUSE": str(folder / "warehouse"),
        "FTM_EXPORTS": str(folder / "exports"),
        "FTM_SAMPLE_FIRMS": "8",
        "FTM_EMBEDDING_MODEL": model,  # as quick as can be: commands are tested here, not meaning or tone
        "FTM_SENTIMENT_MODEL": "word-lists",
    }


def call(command: str, environment: dict[str, str]) -> subprocess.CompletedProcess[str]:
    program, *arguments = shlex.split(command)
    return subprocess.run(
        [*(FTM if program == "ftm" else [BIN / program]), *arguments],
        env=environment,
        cwd=REPOSITORY,
        text=True,
        capture_output=True,
        check=False,
    )


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the commands of the documents write."""
    return tmp_path_factory.mktemp("documents")


@pytest.fixture(scope="module")
def documents_run(folder: Path, quick_model: str) -> dict[str, subprocess.CompletedProcess[str]]:
    """Every command of the documents that can follow the one before, run in that order."""
    environment = in_folder(folder, quick_model)
    done = {}
    for command in in_order():
        here = command.replace("--out tables", f"--out {folder}/tables")
        here = here.replace("--to ftm.duckdb", f"--to {folder}/ftm.duckdb")
        here = here.replace("--out panel", f"--out {folder}/panel")
        here = here.replace("--out report.html", f"--out {folder}/report.html")
        here = here.replace("sheet.html", f"{folder}/sheet.html").replace(
            "answers.csv", f"{folder}/answers.csv"
        )
        if command.startswith("ftm names score"):  # what a reader does in between
            topics = [
                row.partition(",")[0] for row in (folder / "sheet.key.csv").read_text().splitlines()[1:]
            ]
            rows = ["topic_id,choice", *(f"{topic},first" for topic in topics)]
            (folder / "answers.csv").write_text("\n".join(rows) + "\n")
        done[command] = call(here, environment)
        assert done[command].returncode == 0, (command, done[command].stderr[-3000:])
    return done


def test_every_page_with_commands_is_run():
    with_commands = {
        f"docs/{p.name}" for p in (REPOSITORY / "docs").glob("*.md") if "```sh\n" in p.read_text()
    }
    assert with_commands == set(DOCUMENTS) - {"README.md"}


def test_no_command_that_is_run_elsewhere_has_left_the_documents():
    assert [c for c in ELSEWHERE if not any(line.startswith(c) for line in commands())] == []


def test_the_commands_of_the_documents_run_in_their_order(
    documents_run: dict[str, subprocess.CompletedProcess[str]], folder: Path
):
    said = {command: done.stdout for command, done in documents_run.items()}
    run = said[f"ftm run --quarter {SAMPLE_QUARTER}"]
    assert re.search(rf"Themes of {SAMPLE_QUARTER}: \d+|Top \d+ of \d+ themes of {SAMPLE_QUARTER}", run)
    for fact in ("Sentiment", "Names", "Calls", "Checks", "Took", "Warehouse"):
        assert re.search(rf"^{fact} ", run, re.MULTILINE), fact
    assert "complete" in said["ftm quarters"]
    assert set(TABLES) <= set(re.findall(r"\w+", said["dg list defs"]))
    assert (
        f"Tagged {SAMPLE_QUARTER} as paper-v1: {len(QUARTERLY) + 1} tables."
        in said["ftm tag 2023Q1 paper-v1"]
    )
    made = {*QUARTERLY, "run_costs", "event_study", "event_terciles", "event_paths"}
    assert said["ftm verify 2023Q1"] == f"2023Q1 is unchanged: {len(made)} tables checked.\n"
    assert said["ftm themes 2023Q1 --as-of paper-v1"] == said["ftm themes 2023Q1 --limit 30"]
    assert "Removed tag paper-v1" in said["ftm untag 2023Q1 paper-v1"]
    assert "sentence_embeddings" in documents_run[f"ftm run --quarter {SAMPLE_QUARTER}"].stderr, (
        "progress is shown"
    )
    asked = [query for query in queries() if ON_DEMAND in query]
    assert asked
    for query in asked:
        assert Warehouse(path=str(folder / "warehouse")).connect().execute(query).fetchall(), query


def test_make_runs_ftm():
    def make(*arguments: str) -> subprocess.CompletedProcess[str]:
        command = ["make", "--no-print-directory", "--dry-run", "--assume-old=.venv/.run", *arguments]
        apart = {n: v for n, v in os.environ.items() if not n.startswith("MAKE")}  # `make test` calls this
        return subprocess.run(command, cwd=REPOSITORY, env=apart, text=True, capture_output=True, check=False)

    assert make("run").stdout.split()[-2:] == [".venv/bin/ftm", "run"]
    chosen = make("run", "CALLS=a b.csv", "QUARTER=2020Q4").stdout
    assert shlex.split(chosen)[-5:] == ["run", "--quarter", "2020Q4", "--calls", "a b.csv"]
    assert make("ui").stdout.split()[-2:] == [".venv/bin/ftm", "ui"]
    for wrong in ("quarter=2020Q4", "calls=x.csv"):
        refused = make("run", wrong)
        assert refused.returncode == 2
        assert f"{wrong.partition('=')[0].upper()}=, not" in refused.stderr


def test_the_environment_file_names_where_things_are():
    text = (REPOSITORY / "env.sh").read_text()
    assert "DAGSTER_MODULE_NAME=ftm_assets.definitions" in text
    assert "DAGSTER_HOME" in text


def test_your_own_calls_run(environment: dict[str, str], earnings21: Path):
    done = call(f"ftm run --calls {earnings21} --quarter 2021Q1", environment)
    assert done.returncode == 0, done.stderr[-3000:]
    assert "STEP_WORKER" not in done.stderr, "Dagster's log"
    assert "Other quarters" in done.stdout
    assert "2020Q4" in done.stdout


def test_bad_calls_end_in_the_list_of_problems_not_in_a_traceback(
    environment: dict[str, str], tmp_path: Path
):
    bad = tmp_path / "calls[1].csv"
    bad.write_text("companyid,companyname\n1,A\n")
    done = call(f"ftm run --quarter 2020Q4 --calls {bad}", environment)
    assert done.returncode == 1
    assert "calls[1].csv: the columns transcriptid, " in done.stderr
    assert "Traceback" not in done.stderr


def test_a_step_that_fails_ends_in_its_reason_alone(environment: dict[str, str]):
    done = call("ftm run", environment | {"FTM_SENTIMENT_MODEL": "no/where"})
    assert done.returncode == 1
    assert done.stderr.startswith("sentiment: the model 'no/where' cannot be loaded"), (
        "before anything is computed"
    )
    assert "Set FTM_SENTIMENT_MODEL" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize(
    ("asset", "settings", "said"),
    [
        ("transcripts", {"FTM_SOURCE": "files", "FTM_SOURCE_PATH": "/no/calls.csv"}, "/no/calls.csv"),
        ("sentences", {}, "or materializing `transcripts`, creates a new one"),
    ],
)
def test_dagsters_own_command_says_why_an_asset_failed_and_nothing_else(
    environment: dict[str, str], asset: str, settings: dict[str, str], said: str
):
    Path(environment["DAGSTER_HOME"]).mkdir()
    command = f"dagster asset materialize --select {asset} --partition {SAMPLE_QUARTER}"
    done = call(command, environment | settings)
    assert done.returncode == 1
    told = done.stderr.partition("RUN_START")[2]
    assert said in told
    assert "Traceback" not in told
    assert "Stack Trace" not in told
    assert 'File "' not in told
    assert len(told.splitlines()) <= 30, "sixty lines of traceback"
    with dg.DagsterInstance.from_config(environment["DAGSTER_HOME"]) as instance:
        (run,) = instance.get_runs()
        failed = [e.dagster_event for e in instance.all_logs(run.run_id) if e.is_dagster_event]
    errors = [e.event_specific_data.error for e in failed if e.is_failure and e.event_specific_data.error]
    assert errors, "what the UI shows"
    assert all(error.stack == [] and error.cause is None and said in error.message for error in errors)


def test_a_backfill_from_the_command_line_runs_the_quarters_between_two(environment: dict[str, str]):
    home = Path(environment["DAGSTER_HOME"])
    home.mkdir()
    # Runs are queued there, and no daemon takes them up.
    shutil.copy(REPOSITORY / "infra" / "dagster" / "local.yaml", home / "dagster.yaml")
    done = call("dagster job backfill -j quarter --from 2020Q1 --to 2020Q4 --noprompt", environment)
    assert done.returncode == 0, done.stderr[-3000:]
    with dg.DagsterInstance.from_config(str(home)) as instance:
        runs = instance.get_runs()
    assert sorted(r.tags["dagster/partition"] for r in runs) == ["2020Q1", "2020Q2", "2020Q3", "2020Q4"]


@pytest.mark.parametrize("executor", ["in_process", "multiprocess"])
def test_ctrl_c_says_that_the_same_command_goes_on(environment: dict[str, str], executor: str):
    process = subprocess.Popen(
        [*FTM, "run"],
        env=environment | {"FTM_EXECUTOR": executor},
        cwd=REPOSITORY,
        text=True,
        stderr=subprocess.PIPE,
        stdout=subprocess.PIPE,
        start_new_session=True,
    )
    assert process.stderr
    seen = ""
    while "sentences 2023Q1" not in seen:
        seen += process.stderr.read(1)
    os.killpg(process.pid, signal.SIGINT)
    out, rest = process.communicate()
    assert process.returncode == 130, rest
    assert rest.splitlines()[-1] == f"Stopped. {AGAIN}"
    assert "Traceback" not in rest
    assert out == ""
    with dg.DagsterInstance.from_config(environment["DAGSTER_HOME"]) as instance:
        (run,) = instance.get_runs()
        messages = [e.message for e in instance.all_logs(run.run_id)]
    assert any("in subprocess" in message for message in messages) == (executor == "multiprocess")


@pytest.fixture
def ui(environment: dict[str, str]) -> Iterator[str]:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    process = subprocess.Popen(
        [*FTM, "ui", "--port", str(port)],
        env=environment,
        cwd=REPOSITORY,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    yield f"http://127.0.0.1:{port}"
    process.send_signal(signal.SIGINT)
    process.wait()


def test_the_ui_answers(ui: str):
    for _ in range(300):
        try:
            with urlopen(f"{ui}/server_info") as answer:  # noqa: S310 - on this machine
                assert b"dagster_version" in answer.read()
                return
        except (URLError, ConnectionError):
            time.sleep(1)
    pytest.fail("no answer within five minutes")


def test_the_queries_of_the_documents_run(sample: Sample, monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    warehouse = sample.copied(tmp_path).warehouse
    monkeypatch.chdir(tmp_path)  # where a plot is written
    monkeypatch.setenv("FTM_WAREHOUSE", warehouse.root)
    assert call("ftm tag 2023Q1 paper-v1", dict(os.environ)).returncode == 0
    python = [code for text in QUERIED for code in re.findall(r"```python\n(.*?)```", text, re.DOTALL)]
    assert len(python) > 3
    for code in dict.fromkeys(python):
        exec(code, {})  # noqa: S102 - the documents are ours
    for query in queries():
        if not any(other in query for other in OF_OTHERS):
            assert warehouse.connect().execute(query).fetchall(), query


def test_a_table_is_restored_by_the_command_that_its_error_names(environment: dict[str, str]):
    warehouse = Warehouse(path=environment["FTM_WAREHOUSE"])
    for _ in range(2):
        warehouse.replace("themes", SAMPLE_QUARTER, [])
    Path(warehouse.table("themes").metadata_location.removeprefix("file://")).unlink()
    refused = call(f"ftm verify {SAMPLE_QUARTER}", environment)
    assert refused.returncode == 1
    (command,) = re.findall(r"`(ftm restore \w+)`", refused.stderr)
    assert "Rolled themes back to its state at 20" in call(command, environment).stdout
    assert "nothing to restore" in call(command, environment).stdout
