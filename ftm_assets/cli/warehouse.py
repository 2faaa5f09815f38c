"""The commands of `python -m ftm_assets.cli.warehouse`: tags, checks, and the way back from damage."""

from __future__ import annotations

import argparse
import sys
from typing import TYPE_CHECKING

from ftm_resources.tables import TABLES
from ftm_resources.warehouse import Warehouse, WarehouseError, repair, tags

if TYPE_CHECKING:
    from collections.abc import Sequence


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command on the warehouse of FTM_WAREHOUSE; return 0, or 1 with the reason on standard error."""
    parser = argparse.ArgumentParser(prog="python -m ftm_assets.cli.warehouse", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    tag = commands.add_parser("tag", help="name the present state of a quarter, and keep it")
    untag = commands.add_parser("untag", help="remove a tag: what only it kept may expire")
    for command in (tag, untag):
        command.add_argument("quarter", help="e.g. 2023Q1")
        command.add_argument("name", help="e.g. paper-v1")
    tag.add_argument("--replace", action="store_true", help="move the tag if it stands on another state")
    commands.add_parser("tags", help="list the tags")
    restore = commands.add_parser("restore", help="go back to the newest state whose metadata can be read")
    restore.add_argument("table", choices=TABLES, metavar="table")
    verify = commands.add_parser("verify", help="read a quarter and hold it against what was written")
    verify.add_argument("quarter", help="e.g. 2023Q1")
    options = parser.parse_args(arguments)
    try:
        for line in _run(Warehouse(), options):
            print(line)  # noqa: T201 - a command's output
    except WarehouseError as error:
        print(error, file=sys.stderr)  # noqa: T201
        return 1
    return 0


def _run(warehouse: Warehouse, options: argparse.Namespace) -> list[str]:
    if options.command == "tag":
        tagged = tags.tag(warehouse, options.quarter, options.name, replace=options.replace)
        lines = [f"{options.quarter} as of now is {options.name}; tables: {len(tagged.tables)}"]
        return lines + [f"Note: {text}" for text in tags.mixtures(warehouse, tagged)]
    if options.command == "untag":
        n = tags.untag(warehouse, options.quarter, options.name)
        return [f"{options.name} of {options.quarter} is removed; tables: {n}"]
    if options.command == "tags":
        return [f"{t.quarter} {t.name}; tables: {len(t.tables)}" for t in tags.tags(warehouse)] or ["no tags"]
    if options.command == "verify":
        n, problems = repair.verify(warehouse, options.quarter)
        if problems:
            raise WarehouseError("\n".join(problems))
        return [f"{options.quarter} is as it was written; tables: {n}"]
    restored = repair.restore(warehouse, options.table)
    if not restored.went_back:
        return [f"{options.table} can be read: nothing to restore"]
    when = restored.committed_at.isoformat(timespec="seconds") if restored.committed_at else "its creation"
    return [
        f"{options.table} is back at its state of {when} ({restored.metadata_file}).",
        "Materialize the quarters again that were committed to it after that.",
    ]


if __name__ == "__main__":
    sys.exit(main())
