"""Optional parts of FTM: the command that installs one."""

from __future__ import annotations


def how_to_install(extra: str) -> str:
    """Return the command that installs an extra of pyproject.toml, to be run in the clone.

    FTM is not on PyPI. There, anyone may take its name, so that no message may tell users to install `ftm`.
    """
    return f"pip install -c constraints.txt -e '.[{extra}]' (in the clone of FTM)"
