"""Checks a file of parameters before anything is pushed or created: names, values, the stacks' own rules, the policies.

What belongs here: what `infra/deploy.sh` asks first. CloudFormation looks at a stack's rules when that stack is
deployed, by which time the images are built and other stacks cost.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

from infra.policies import findings
from infra.rendering import render


def faults(file: Path) -> list[str]:
    """Return what is wrong with a file of parameters; empty if the stacks can be deployed with it.

    What only AWS knows, such as whether a secret exists, is not looked at.
    """
    try:
        read = json.loads(file.read_text())
    except (OSError, ValueError) as error:
        return [f"{file} cannot be read as JSON: {error}"]
    given = read.get("Parameters") if isinstance(read, dict) else None
    if not isinstance(given, dict) or not all(isinstance(value, str) for value in given.values()):
        return [f'{file} must be {{"Parameters": {{"ImageTag": "1", …}}}}, each value a text in quotes']
    try:
        stacks = render(given)
    except ValueError as error:
        return [f"{file}: {error}"]
    return [str(found) for found in findings(stacks) if found.severity == "high"]


def main() -> int:
    """Say what is wrong with the file that the command line names. Exit status: 0 if nothing is, else 2."""
    found = faults(Path(sys.argv[1]))
    if found:
        sys.stderr.write("\n".join([*found, "Nothing was pushed or created."]) + "\n")
    return 2 if found else 0


if __name__ == "__main__":
    sys.exit(main())
