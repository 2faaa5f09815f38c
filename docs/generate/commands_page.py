"""The reference of commands, from what `ftm COMMAND --help` shows."""

from __future__ import annotations

import inspect
import re
from enum import Enum
from typing import TYPE_CHECKING, Any, get_args

from docs.generate.markdown_text import code, page, prose, table

if TYPE_CHECKING:
    from collections.abc import Iterator


def commands_page(root: Any, name: str) -> str:
    """Return the page of a command line: a section for each command, with usage, text, arguments and options.

    Parameters
    ----------
    root : click.Group
        The group of all commands, as `typer.main.get_command` gives it.
    name : str
        What a user types for it.

    """
    panels: dict[str, list[str]] = {}
    for path, command in _leaves(root, name):
        panel = getattr(command, "rich_help_panel", None)
        heading = panel if isinstance(panel, str) else "Other"
        panels.setdefault(heading, []).append(_section(path, command))
    intro = _text(root.help or "")
    general = table(("option", "default", "meaning"), [_parameter(p) for p in _shown(root)])
    blocks = [intro, "Options of every command:", general]
    for heading, sections in panels.items():
        blocks += [f"## {heading}", *sections]
    return page("Commands", *blocks)


def _leaves(command: Any, path: str, panel: object = None) -> Iterator[tuple[str, Any]]:
    """Yield each command that is no group, with what a user types; in the order of `--help`."""
    inner = getattr(command, "commands", None)
    own = getattr(command, "rich_help_panel", None)
    kept = own if isinstance(own, str) else panel
    if inner is None:
        command.rich_help_panel = kept
        yield path, command
        return
    for name, below in inner.items():
        if not below.hidden:
            yield from _leaves(below, f"{path} {name}", kept)


def _section(path: str, command: Any) -> str:
    words = " ".join([path, *(_metavar(p) for p in command.params if not _is_option(p)), "[OPTIONS]"])
    anchor = path.replace(" ", "-")
    parts = [f"### {path} {{#{anchor}}}", f"```text\n{words}\n```", _text(command.help or "")]
    if rows := [_parameter(p) for p in _shown(command)]:
        parts.append(table(("argument or option", "default", "meaning"), rows))
    return "\n\n".join(parts)


def _text(text: str) -> str:
    """Return help text as Markdown: paragraphs, without the mark that ends what terminals show."""
    return re.sub(r"\n(?=\S)", " ", inspect.cleandoc(text.partition("\f")[0]).replace("\n\n", "\0")).replace(
        "\0", "\n\n"
    )


def _shown(command: Any) -> list[Any]:
    return [p for p in command.params if not getattr(p, "hidden", False) and p.name != "help"]


def _is_option(parameter: Any) -> bool:
    return parameter.param_type_name == "option"


def _metavar(parameter: Any) -> str:
    name = parameter.metavar or parameter.name.upper()
    many = "..." if parameter.nargs == -1 else ""
    return f"{name}{many}" if parameter.required else f"[{name}{many}]"


def _parameter(parameter: Any) -> tuple[str, str, str]:
    if not _is_option(parameter):
        return code(_metavar(parameter)), _default(parameter), prose(parameter.help or "")
    names = ", ".join(code(o) for o in [*parameter.opts, *parameter.secondary_opts])
    value = "" if parameter.is_flag else _value(parameter)
    return f"{names} {code(value)}".strip(), _default(parameter), prose(parameter.help or "")


def _value(parameter: Any) -> str:
    """Return what a user writes for the value: its placeholder, or the choices, or its type."""
    if parameter.metavar:
        return str(parameter.metavar)
    kind = parameter.type_descriptor.annotation
    while get_args(kind) and not isinstance(get_args(kind)[0], str):
        kind = next(a for a in get_args(kind) if a is not type(None))
    if isinstance(kind, type) and issubclass(kind, Enum):
        return "|".join(str(choice.value) for choice in kind)
    if get_args(kind):
        return "|".join(get_args(kind))
    return {int: "N", float: "NUMBER"}.get(kind, parameter.name.upper())


def _default(parameter: Any) -> str:
    if parameter.required:
        return "required"
    value = parameter.default
    if parameter.is_eager or value in (None, "", (), []) or callable(value) or value is False:
        return ""
    shown = getattr(value, "value", value)
    return code(", ".join(map(str, shown)) if isinstance(shown, list | tuple) else shown)
