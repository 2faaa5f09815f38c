"""Optional parts of FTM: the command that installs one, and the error where one is missing."""

from __future__ import annotations

from importlib.util import find_spec


class MissingExtraError(ImportError):
    """What was asked for needs an extra that is not installed; the message says how to install it.

    An ImportError, so that it fails a step rather than a firm: no firm could be computed without it.
    """


def how_to_install(extra: str) -> str:
    """Return the command that installs an extra of pyproject.toml, to be run in the clone.

    FTM is not on PyPI. There, anyone may take its name, so that no message may tell users to install `ftm`.
    """
    return f"pip install -c constraints.txt -e '.[{extra}]' (in the clone of FTM)"


def require_extra(extra: str, purpose: str, *modules: str) -> None:
    """Raise MissingExtraError unless all these top-level modules of an extra are installed; none is imported.

    `purpose` begins the message: what needs them, in the singular.
    """
    if any(find_spec(module) is None for module in modules):
        raise MissingExtraError(f"{purpose} needs an extra: {how_to_install(extra)}.")
