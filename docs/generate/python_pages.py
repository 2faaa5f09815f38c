"""The reference of the Python API, read from source: signatures and docstrings of public functions and classes.

Nothing is imported, so a page of a module costs no more than parsing it.
"""

from __future__ import annotations

import ast
import inspect
import re
from dataclasses import dataclass
from itertools import zip_longest
from typing import TYPE_CHECKING

from docs.generate.markdown_text import page

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator, Sequence

_SECTION = re.compile(r"^(\w[\w ]*)\n-{3,}$", re.MULTILINE)
_ENTRY_SECTIONS = frozenset({"Parameters", "Returns", "Raises", "Yields", "Attributes", "Warns"})


@dataclass(frozen=True)
class Module:
    """A module that a page documents."""

    name: str
    """As it is imported: ftm_resources.warehouse.warehouse."""
    source: str
    only: Collection[str] | None = None
    """Names to document; None: all public ones."""
    heading: str | None = None
    """What its section is called, if not by its name: where users import its names from, or a shorter name."""


def python_page(title: str, intro: str, modules: Iterable[Module]) -> str:
    """Return a page with a section for each module, and in it one for each documented function and class."""
    blocks = []
    for module in modules:
        tree = ast.parse(module.source)
        documented = list(_documented(tree, module))
        if not documented:
            continue
        blocks.append(f"## {module.heading or module.name} {{#{_anchor(module.name)}}}")
        if module.only is None:
            blocks.append(markdown(ast.get_docstring(tree) or ""))
        blocks += documented
    return page(title, intro, *blocks)


def public_names(source: str) -> list[str]:
    """Return the public functions and classes that have a docstring, in the order of the source."""
    return [node.name for node in _public(ast.parse(source).body)]


def markdown(docstring: str) -> str:
    """Return a docstring in numpydoc's form as Markdown: its text, its sections as lists, its examples as code."""
    text = inspect.cleandoc(docstring)
    heads = list(_SECTION.finditer(text))
    first = heads[0].start() if heads else len(text)
    parts = [_prose(text[:first])]
    for head, after in zip_longest(heads, heads[1:]):
        body = text[head.end() : after.start() if after else len(text)].strip("\n")
        name = head.group(1).strip()
        parts.append(f"**{name}**")
        parts.append(_entries(body) if name in _ENTRY_SECTIONS else _prose(body))
    return "\n\n".join(p for p in parts if p)


def _anchor(name: str) -> str:
    return name.replace(".", "-")


def _public(body: Sequence[ast.stmt]) -> Iterator[ast.FunctionDef | ast.ClassDef]:
    for node in body:
        named = isinstance(node, ast.FunctionDef | ast.ClassDef) and not node.name.startswith("_")
        if named and ast.get_docstring(node):
            yield node


def _documented(tree: ast.Module, module: Module) -> Iterator[str]:
    for node in _public(tree.body):
        if module.only is not None and node.name not in module.only:
            continue
        place = f"{_anchor(module.name)}-{node.name}"
        yield f"### {node.name} {{#{place}}}"
        if isinstance(node, ast.FunctionDef):
            yield _signature(node)
            yield markdown(ast.get_docstring(node) or "")
        else:
            yield _signature(_constructor(node) or node)
            yield markdown(ast.get_docstring(node) or "")
            yield from _members(node, place)


def _members(node: ast.ClassDef, place: str) -> Iterator[str]:
    fields = [f"- `{_flat(field)}`{': ' + _prose(doc) if doc else ''}" for field, doc in _fields(node)]
    if fields:
        yield "\n".join(fields)
    for method in _public(node.body):
        if isinstance(method, ast.FunctionDef):
            is_property = any(ast.unparse(d).endswith("property") for d in method.decorator_list)
            shown = f"{node.name}.{method.name}"
            yield f"#### {shown} {{#{place}-{method.name}}}"
            if not is_property:
                yield _signature(method)
            yield markdown(ast.get_docstring(method) or "")


def _fields(node: ast.ClassDef) -> Iterator[tuple[str, str]]:
    """Yield the annotated public fields of a class, each with the string after it."""
    for statement, after in zip_longest(node.body, node.body[1:]):
        if not (isinstance(statement, ast.AnnAssign) and isinstance(statement.target, ast.Name)):
            continue
        if statement.target.id.startswith("_"):
            continue
        is_doc = isinstance(after, ast.Expr) and isinstance(after.value, ast.Constant)
        doc = str(after.value.value) if is_doc else ""  # type: ignore[union-attr]
        yield ast.unparse(statement), " ".join(doc.split())


def _flat(code: str) -> str:
    return " ".join(code.replace("`", "'").split())


def _constructor(node: ast.ClassDef) -> ast.FunctionDef | None:
    inits = (n for n in node.body if isinstance(n, ast.FunctionDef) and n.name == "__init__")
    init = next(inits, None)
    return ast.FunctionDef(**{**vars(init), "name": node.name}) if init else None


def _signature(node: ast.FunctionDef | ast.ClassDef) -> str:
    """Return the signature as code; on one line if it fits, else with a line per argument."""
    if isinstance(node, ast.ClassDef):
        return f"```python\nclass {node.name}\n```"
    arguments = [a for a in _arguments(node.args) if a not in {"self", "cls"}]
    is_none = isinstance(node.returns, ast.Constant) and node.returns.value is None
    result = f" -> {ast.unparse(node.returns)}" if node.returns and not is_none else ""
    line = f"{node.name}({', '.join(arguments)}){result}"
    if len(line) > 88:
        line = f"{node.name}(\n" + "".join(f"    {a},\n" for a in arguments) + f"){result}"
    return f"```python\n{line}\n```"


def _arguments(arguments: ast.arguments) -> list[str]:
    """Return each argument with its annotation and default; `/` and `*` stand where they do in the source."""
    shown: list[str] = []
    positional = [*arguments.posonlyargs, *arguments.args]
    defaults = [None] * (len(positional) - len(arguments.defaults)) + list(arguments.defaults)
    for i, (argument, default) in enumerate(zip(positional, defaults, strict=True), 1):
        shown.append(_argument(argument, default))
        if i == len(arguments.posonlyargs):
            shown.append("/")
    if arguments.vararg:
        shown.append("*" + _argument(arguments.vararg, None))
    elif arguments.kwonlyargs:
        shown.append("*")
    shown += [_argument(a, d) for a, d in zip(arguments.kwonlyargs, arguments.kw_defaults, strict=True)]
    if arguments.kwarg:
        shown.append("**" + _argument(arguments.kwarg, None))
    return shown


def _argument(argument: ast.arg, default: ast.expr | None) -> str:
    kind = f": {ast.unparse(argument.annotation)}" if argument.annotation else ""
    value = "" if default is None else f" = {ast.unparse(default)}" if kind else f"={ast.unparse(default)}"
    return f"{argument.arg}{kind}{value}"


def _prose(text: str) -> str:
    """Return paragraphs with HTML as text; examples (>>>) as code, to the end of their paragraph."""
    parts = []
    for paragraph in re.split(r"\n{2,}", text.strip("\n")):
        lines = paragraph.splitlines()
        start = next((i for i, line in enumerate(lines) if line.lstrip().startswith(">>>")), None)
        if start is None:
            parts.append(_escaped(paragraph))
            continue
        if start:
            parts.append(_escaped("\n".join(lines[:start])))
        example = re.sub(
            r" *# doctest:.*$", "", inspect.cleandoc("\n".join(lines[start:])), flags=re.MULTILINE
        )
        parts.append(f"```pycon\n{example}\n```")
    return "\n\n".join(parts)


def _escaped(text: str) -> str:
    r"""Return text without HTML and emphasis outside of code.

    >>> _escaped("a*b <c> `d*e <f>`")
    'a\\*b &lt;c&gt; `d*e <f>`'
    """
    parts = text.split("`")
    parts[::2] = [
        p.replace("<", "&lt;").replace(">", "&gt;").replace("*", "\\*").replace("[", "\\[")
        for p in parts[::2]
    ]
    return "`".join(parts)


def _entries(body: str) -> str:
    """Return the entries of a section as a list: `name : type`, and what is indented below it."""
    entries: list[tuple[str, list[str]]] = []
    for line in body.splitlines():
        if line and not line[0].isspace():
            entries.append((line, []))
        elif entries:
            entries[-1][1].append(line)
    shown = []
    for head, below in entries:
        name, colon, kind = head.partition(" : ")
        title = f"`{name}`: {_escaped(kind)}" if colon else f"`{head}`" if below else _escaped(head)
        text = " ".join(" ".join(below).split())
        shown.append(f"- {title}{'. ' if colon else ': '}{_escaped(text)}" if text else f"- {title}")
    return "\n".join(shown)
