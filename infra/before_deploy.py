"""Checks a file of parameters before anything is pushed or created: names, values, the stacks' own rules, the policies.

What belongs here: what `infra/deploy.sh` asks first. CloudFormation looks at a stack's rules when that stack is
deployed, by which time the images are built and other stacks cost.
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import Any

from infra.policies import findings
from infra.rendering import refusals, render, template


def faults(file: Path) -> list[str]:
    """Return all that is wrong with a file of parameters; empty if the stacks can be deployed with it.

    What only AWS knows, such as whether a secret exists, is not looked at.
    """
    try:
        read = json.loads(file.read_text(), object_pairs_hook=_once)
    except (OSError, UnicodeDecodeError, json.JSONDecodeError) as error:
        return [f"{file} cannot be read as JSON: {error}"]
    except ValueError as error:
        return [f"{file}: {error}"]
    given = read.get("Parameters") if isinstance(read, dict) else None
    if not isinstance(given, dict) or not all(isinstance(value, str) for value in given.values()):
        return [f'{file} must be {{"Parameters": {{"ImageTag": "1", …}}}}, each value a text in quotes']
    if wrong := [*refusals(given), *_strangers(given), *_too_new(given)]:
        return [f"{file}: {why}" for why in wrong]
    return [str(found) for found in findings(render(given)) if found.severity == "high"]


def _strangers(given: dict[str, str]) -> list[str]:
    """Return which of FTM's own services would be asked for a model by another name than its server has.

    The rules of a stack cannot see this: one parameter is of `dagster`, the other of `vllm`.
    """
    names = {
        "LlmService": ("LlmModel", "ServedName"),
        "EmbeddingService": ("EmbeddingModel", "EmbeddingServedName"),
    }
    found = []
    for service, (asked, served) in names.items():
        model = given.get(asked, "")  # if it is empty, a rule says so
        server_has = given.get(served, template("vllm")["Parameters"][served]["Default"])
        if given.get(service) and model and model != server_has:
            found.append(
                f"{asked} is {model!r}, but {service} serves {server_has!r}: {asked} and {served} must be the same"
            )
    return found


def _too_new(given: dict[str, str]) -> list[str]:
    """Return what the servers are told that a T4 cannot do, if hosts may have one.

    The rules of a stack cannot see this either: OldGpus is of `cluster`, the rest of `vllm`. The server would end again
    and again on such a host, which may be the only one that AWS has.
    """
    if given.get("OldGpus", template("cluster")["Parameters"]["OldGpus"]["Default"]) != "true":
        return []
    asked = {
        "Dtype": given.get("Dtype") == "bfloat16",
        "KvCacheDtype": given.get("KvCacheDtype") == "fp8",
        **{name: "fp8" in given.get(name, "").lower() for name in ("Weights", "EmbeddingWeights")},
    }
    return [
        f"{name} is {given[name]!r}, but a T4 has no {'bfloat16' if name == 'Dtype' else 'FP8'}: set OldGpus=false, so "
        f"that no host has one, or change {name}"
        for name, is_too_new in asked.items()
        if is_too_new
    ]


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """Return a JSON object as a dict; ValueError if a key is there twice, of which JSON would take the last."""
    names = [name for name, _ in pairs]
    if twice := sorted({name for name in names if names.count(name) > 1}):
        raise ValueError(f"more than once in it, of which only the last would count: {', '.join(twice)}")
    return dict(pairs)


def main() -> int:
    """Say what is wrong with the file that the command line names. Exit status: 0 if nothing is, else 2."""
    parser = argparse.ArgumentParser(prog="python -m infra.before_deploy", description=__doc__)
    parser.add_argument("parameters", type=Path, help="the file that infra/deploy.sh up is given")
    found = faults(parser.parse_args().parameters)
    if found:
        sys.stderr.write("\n".join([*found, "Nothing was pushed or created."]) + "\n")
    return 2 if found else 0


if __name__ == "__main__":
    sys.exit(main())
