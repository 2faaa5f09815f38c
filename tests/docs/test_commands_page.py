import re
from collections.abc import Iterator
from typing import Any

from typer.main import get_command

from docs.generate.commands_page import commands_page
from ftm_assets.cli.main import app

PAGE = commands_page(get_command(app), "ftm")


def leaves(command: Any, path: str) -> Iterator[tuple[str, Any]]:
    inner = getattr(command, "commands", None)
    if inner is None:
        yield path, command
        return
    for name, below in inner.items():
        yield from leaves(below, f"{path} {name}")


COMMANDS = dict(leaves(get_command(app), "ftm"))


def section(path: str) -> str:
    return PAGE.split(f"### {path} {{#")[1].partition("\n### ")[0].partition("\n## ")[0]


def test_every_command_has_its_arguments_options_and_their_help():
    assert len(COMMANDS) > 20
    for path, command in COMMANDS.items():
        said = section(path)
        for parameter in command.params:
            if parameter.name == "help" or getattr(parameter, "hidden", False):
                continue
            if parameter.param_type_name == "option":
                assert f"`{parameter.opts[0]}`" in said, (path, parameter.opts)
            else:
                assert f"`{parameter.metavar or parameter.name.upper()}`" in said.replace("[", "").replace(
                    "]", ""
                )


def test_a_command_shows_usage_values_and_defaults():
    themes = section("ftm themes")
    assert "```text\nftm themes QUARTER [OPTIONS]\n```" in themes
    assert "| `QUARTER` | required |" in themes
    assert re.search(r"\| `--limit`, `-n` `N` \| `\d+` \| Themes to show", themes)
    assert "`--format`" in section("ftm export tables")
    assert "parquet\\|csv" in section("ftm export tables")


def test_help_text_has_no_marks_of_the_terminal():
    assert "\f" not in PAGE
    assert "\b" not in PAGE
    assert "[dim]" not in PAGE
