"""Dagster config made from a method's parameters, so that defaults, bounds and descriptions are written once.

A method's parameters are a frozen dataclass: each field has a default, may carry bounds (`Annotated[int, Ge(1)]`,
of annotated_types), and is followed by a docstring. `offering` gives a config class a field for each.
"""

from __future__ import annotations

import ast
import inspect
import textwrap
from collections.abc import Callable, Mapping
from dataclasses import fields, is_dataclass
from itertools import pairwise
from typing import Any, TypeVar, get_type_hints

import dagster as dg
from pydantic import Field, create_model

Config = TypeVar("Config", bound=type[dg.Config])
Params = TypeVar("Params")


def offering(params: type) -> Callable[[Config], Config]:
    """Return a class decorator that adds a field for each of the parameters to a config class.

    Parameters that are dataclasses themselves become a nested config. Raises TypeError, naming the field, if one
    has no default or no docstring.
    """

    def decorate(config: Config) -> Config:
        made: Config = _model(config.__name__, config, config.__doc__, params, module=config.__module__)
        return made

    return decorate


def params_of(config: dg.Config, params: type[Params]) -> Params:
    """Return the method's parameters that a config offers, as the user set them."""
    values = {f.name: getattr(config, f.name) for f in fields(params)}  # type: ignore[arg-type]
    hints = _types(params)
    for name, value in values.items():
        if isinstance(value, dg.Config):
            values[name] = params_of(value, hints[name])
    return params(**values)


def recorded(params: type[Params], config: Mapping[str, Any]) -> Params:
    """Return the method's parameters as a table recorded them; those it did not record have their defaults.

    `config` may hold more than the parameters, as a config class does.
    """
    default, hints = params(), _types(params)
    values: dict[str, Any] = {}
    for name in hints.keys() & config.keys():
        is_nested = is_dataclass(getattr(default, name))
        values[name] = recorded(hints[name], config[name]) if is_nested else config[name]
    return params(**values)


def _fields(params: type) -> dict[str, Any]:
    docs, hints, defaults = _docs(params), _types(params), params()
    made: dict[str, Any] = {}
    for name, kind in hints.items():
        if name not in docs:
            raise TypeError(f"{params.__name__}.{name} has no docstring, which users read as its description")
        default = getattr(defaults, name)
        if is_dataclass(default):
            kind = _model(kind.__name__, dg.Config, kind.__doc__, kind, kind.__module__)  # noqa: PLW2901
            default = kind()
        made[name] = (kind, Field(default=default, description=docs[name]))
    return made


def _model(name: str, base: Any, doc: str | None, params: Any, module: str) -> Any:
    return create_model(name, __base__=base, __module__=module, __doc__=doc, **_fields(params))


def _types(params: Any) -> dict[str, Any]:
    return get_type_hints(params, include_extras=True)


def _docs(params: type) -> dict[str, str]:
    """Return the docstring after each field, on one line."""
    (definition,) = ast.parse(textwrap.dedent(inspect.getsource(params))).body
    docs: dict[str, str] = {}
    body = definition.body if isinstance(definition, ast.ClassDef) else []
    for statement, after in pairwise(body):
        if (
            isinstance(statement, ast.AnnAssign)
            and isinstance(statement.target, ast.Name)
            and isinstance(after, ast.Expr)
            and isinstance(after.value, ast.Constant)
        ):
            docs[statement.target.id] = " ".join(str(after.value.value).split())
    return docs
