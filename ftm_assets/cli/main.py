"""The app `ftm`, its groups of commands, and what they have in common.

To add commands, write a module with `commands = typer.Typer()` and name it in GROUPS.
"""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING, Annotated, Any

import typer
from typer.core import TyperCommand, TyperGroup

from ftm_assets.cli import (
    ask,
    contents,
    cost,
    deploy,
    doctor,
    evaluate,
    exports,
    failing,
    figures,
    mcp,
    names,
    publishing,
    relocation,
    report,
    run,
    sample,
    save_bertopic,
    search,
    ui,
    upkeep,
)

if TYPE_CHECKING:
    from typer._click.core import Context, Parameter

GROUPS = (
    run,
    ui,
    cost,
    contents,
    report,
    search,
    ask,
    mcp,
    exports,
    figures,
    publishing,
    save_bertopic,
    upkeep,
    relocation,
    names,
    evaluate,
    sample,
    doctor,
    deploy,
)
"""In the order of `ftm --help`."""

_DEBUG = "--debug"


def _bare_flags(parameters: list[Parameter]) -> list[Parameter]:
    """Hide the type of flags in help, since flags take no value."""
    for parameter in parameters:
        if getattr(parameter, "is_flag", False) and parameter.metavar is None:
            parameter.metavar = ""
    return parameters


class Command(TyperCommand):
    """A command of `ftm`."""

    def get_params(self, ctx: Context) -> list[Parameter]:
        """Return the parameters, `--help` included."""
        return _bare_flags(super().get_params(ctx))


class Group(TyperGroup):
    """Commands under one name."""

    def get_params(self, ctx: Context) -> list[Parameter]:
        """Return the parameters, `--help` included."""
        return _bare_flags(super().get_params(ctx))


class FrontDoor(Group):
    """Ends every command cleanly: failures with a message, and Ctrl-C without a traceback."""

    def parse_args(self, ctx: Context, args: list[str]) -> list[str]:
        """Accept `--debug` anywhere on the line, since users append it to a command that failed."""
        rest = args[: args.index("--")] if "--" in args else args
        if _DEBUG in rest[1:]:
            args = [_DEBUG, *(a for a in args if a != _DEBUG)]
        return super().parse_args(ctx, args)

    def invoke(self, ctx: Context) -> Any:
        """Run the command; turn what it raises into a message and an exit code."""
        with warnings.catch_warnings(), failing.told(debug=bool(ctx.params.get("debug"))):
            warnings.showwarning = failing.warnings_shown_once()
            return super().invoke(ctx)


app = typer.Typer(
    name="ftm",
    cls=FrontDoor,
    no_args_is_help=True,
    rich_markup_mode="markdown",
    context_settings={"help_option_names": ["-h", "--help"]},
    pretty_exceptions_enable=False,
)


def _version(wanted: bool) -> None:
    if wanted:
        from importlib.metadata import version

        typer.echo(f"ftm {version('ftm')}")
        raise typer.Exit


@app.callback()
def ftm(
    version: Annotated[
        bool, typer.Option("--version", help="Show the version and exit.", callback=_version, is_eager=True)
    ] = False,
    debug: Annotated[
        bool, typer.Option(_DEBUG, help="Show tracebacks. May appear anywhere on the line.")
    ] = False,
) -> None:
    """Turn earnings calls into cross-firm themes with sentiment.

    Start with `ftm run`: it takes one quarter of the bundled sample from calls to scores. Environment variables
    say where tables, calls and models are (`FTM_WAREHOUSE`, `FTM_SOURCE`, …); `ftm doctor` checks
    them.
    """


def _dress(commands: typer.Typer) -> typer.Typer:
    """Make a module's commands use the classes above."""
    for command in commands.registered_commands:
        command.cls = Command
    for group in commands.registered_groups:
        group.cls = Group
        if group.typer_instance is not None:
            _dress(group.typer_instance)
    return commands


for _module in GROUPS:
    app.add_typer(_dress(_module.commands))


def main() -> None:
    """Run the command line of this process."""
    app(prog_name="ftm")
