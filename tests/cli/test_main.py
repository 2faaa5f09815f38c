"""The front door: help that fits, completion, and how every command ends."""

import os
import subprocess
import sys
from collections.abc import Iterator

import pytest
import typer
from typer._click.core import Command
from typer.core import TyperGroup
from typer.testing import CliRunner

from ftm_assets.cli import failing
from ftm_assets.cli.main import FrontDoor, app

HEAVY = ("dagster", "pyarrow", "torch", "pyiceberg", "duckdb", "numpy", "pandas", "rich.console")


def commands(group: TyperGroup, path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], Command]]:
    for name, command in group.commands.items():
        yield (*path, name), command
        if isinstance(command, TyperGroup):
            yield from commands(command, (*path, name))


FRONT = typer.main.get_group(app)
COMMANDS = dict(commands(FRONT))


def ftm(*arguments: str, **environment: str):
    return CliRunner().invoke(app, list(arguments), env=environment)


@pytest.mark.parametrize("path", COMMANDS, ids=" ".join)
def test_help_says_what_a_command_and_each_of_its_options_is_for(path: tuple[str, ...]):
    command = COMMANDS[path]
    assert command.help
    assert command.help.split("\n\n")[0].strip().endswith(".")
    for parameter in command.params:
        assert parameter.help, parameter.name
        assert parameter.help.endswith((".", ".csv.gz")), parameter.name
    shown = ftm(*path, "--help", COLUMNS="80")
    assert shown.exit_code == 0
    assert max(map(len, shown.output.splitlines())) <= 80
    assert "<bool>" not in shown.output


def test_the_version_is_the_package_s():
    from importlib.metadata import version

    assert ftm("--version").output == f"ftm {version('ftm')}\n"


def test_without_a_command_the_help_is_shown():
    assert "COMMAND [ARGS]" in ftm().output


def test_loading_the_commands_loads_nothing_heavy():
    """`ftm --help` and completion answer at once."""
    script = f"""
import sys
import ftm_assets.cli.main
print(*sorted(set(sys.modules) & set({HEAVY!r})))
"""
    loaded = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert loaded.stdout.split() == []


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_completion_scripts_are_written_for_shells(shell: str):
    environment = {**os.environ, "_FTM_COMPLETE": f"source_{shell}"}
    script = subprocess.run(
        [sys.executable, "-m", "ftm_assets.cli"], env=environment, capture_output=True, text=True, check=True
    )
    assert "_FTM_COMPLETE" in script.stdout


def test_commands_are_completed():
    environment = {
        **os.environ,
        "_FTM_COMPLETE": "complete_bash",
        "COMP_WORDS": "ftm ta",
        "COMP_CWORD": "1",
    }
    completed = subprocess.run(
        [sys.executable, "-m", "ftm_assets.cli"], env=environment, capture_output=True, text=True, check=True
    )
    assert completed.stdout.split() == ["tag", "tags"]


def test_a_misspelt_command_is_answered_with_the_right_one():
    refused = ftm("quarter")
    assert refused.exit_code == 2
    assert "Did you mean 'quarters'?" in refused.output


@pytest.fixture
def failing_app() -> typer.Typer:
    broken = typer.Typer(cls=FrontDoor, pretty_exceptions_enable=False)

    @broken.callback()
    def options(debug: bool = False) -> None:
        pass

    @broken.command()
    def fail(how: str) -> None:
        raise {
            "expected": failing.CommandError("the value [red] is wrong"),
            "fault": KeyError("column"),
            "interrupt": KeyboardInterrupt(),
        }[how]

    return broken


@pytest.mark.parametrize(
    ("how", "code", "said"),
    [
        ("expected", 1, "the value [red] is wrong\n"),
        ("interrupt", 130, "Stopped.\n"),
    ],
)
def test_a_command_ends_in_its_message_alone(failing_app: typer.Typer, how: str, code: int, said: str):
    ended = CliRunner().invoke(failing_app, ["fail", how])
    assert (ended.exit_code, ended.stderr, ended.stdout) == (code, said, "")


def test_a_fault_of_ours_is_called_one(failing_app: typer.Typer):
    ended = CliRunner().invoke(failing_app, ["fail", "fault"])
    assert ended.exit_code == 1
    assert "KeyError: 'column'" in ended.stderr
    assert "--debug" in ended.stderr


@pytest.mark.parametrize("arguments", [["--debug", "fail", "expected"], ["fail", "expected", "--debug"]])
def test_debug_shows_the_traceback_wherever_it_stands(failing_app: typer.Typer, arguments: list[str]):
    with pytest.raises(failing.CommandError):
        CliRunner().invoke(failing_app, arguments, catch_exceptions=False)
