"""Warehouses that are moved, copied, decapitated and half remade, and what is left of them.

`python -m benchmarks.displaced --seed 0 --n 200` makes that many small warehouses, does one to three random things to
each, does what the errors then advise, and runs the clean-up as if eight days had passed, in the copy and in its
original. It counts rows and files: each case ends with all of them, or refused with a message. The table has a row
per attack; a case counts in the row of each of its attacks.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import random
import re
import shutil
import signal
import sys
import tempfile
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

import pyarrow as pa

from benchmarks.measure import markdown
from ftm_resources.tables import TABLES
from ftm_resources.warehouse import Warehouse, WarehouseError, history, rooted_io, tags
from ftm_resources.warehouse.adoption import adopt
from ftm_resources.warehouse.cleanup import Policy, maintain
from ftm_resources.warehouse.location import CATALOG_FILE
from ftm_resources.warehouse.pointers import FolderCatalog
from ftm_resources.warehouse.rebuild import from_files
from ftm_resources.warehouse.repair import restore

UPSTREAM = ("sentences", "firm_topics")
DOWNSTREAM = ("themes",)
NAMES = (*UPSTREAM, *DOWNSTREAM)
QUARTERS = ("2020Q1", "2020Q2")
TAG = "paper"

OLD_CATALOG = "old.db"
"""A catalog of the template from before its last writes."""

REMEDIES = re.compile(r"`ftm (adopt|restore --from-files|restore \w+(?: --to-nothing)?)`")


@dataclass
class Case:
    """One warehouse, and what it must hold."""

    root: Path
    home: Path
    chance: random.Random
    rows: dict[tuple[str, str], int]
    """(table, quarter) → rows of the last write that succeeded."""
    earlier: dict[tuple[str, str], set[int]]
    """(table, quarter) → rows that it ever held: what a table may be rolled back to."""
    tagged: dict[tuple[str, str], int] = field(default_factory=dict)
    originals: dict[Path, dict[str, str]] = field(default_factory=dict)
    """Folder → file → digest, of what a copy was made from."""
    deleted: set[str] = field(default_factory=set)
    """Names of the metadata files that an attack deleted: what needs them is refused by their names."""
    remedies: list[str] = field(default_factory=list)
    refusal: str = ""
    problems: list[str] = field(default_factory=list)

    @property
    def warehouse(self) -> Warehouse:
        """The warehouse where it is now."""
        return Warehouse(path=str(self.root))

    def new_root(self) -> Path:
        """Return a folder that does not exist yet, with a name that is not always easy."""
        name = self.chance.choice(["w", "a b", "a#b", "50%", "wär", "x=1", "[w]"])
        return self.home / f"{len(list(self.home.iterdir()))}" / name

    def write(self, names: tuple[str, ...]) -> None:
        """Replace a random quarter of each of these tables; a refusal changes nothing."""
        quarter = self.chance.choice(QUARTERS)
        for name in names:
            n = self.chance.randint(1, 50)
            try:
                self.warehouse.replace(name, quarter, [rows(name, n)])
            except WarehouseError:
                continue
            self.rows[name, quarter] = n
            self.earlier[name, quarter].add(n)


def rows(name: str, n: int) -> pa.Table:
    """Return n rows that match a table's contract, with arbitrary values."""

    def value(kind: pa.DataType, i: int) -> Any:
        if pa.types.is_list(kind):
            return [value(kind.value_type, i)]
        if pa.types.is_string(kind):
            return f"v{i}"
        if pa.types.is_boolean(kind):
            return i % 2 == 0
        if pa.types.is_date(kind) or pa.types.is_timestamp(kind):
            return datetime(2020, 1, 2, tzinfo=UTC)
        return 1  # within every bound that a column has

    columns = [c for c in TABLES[name].columns if c.name != "quarter"]
    return pa.table(
        {
            c.name: pa.array([c.values[0] if c.values else value(c.type, i) for i in range(n)], c.type)
            for c in columns
        }
    )


def template(root: Path) -> Case:
    """Make the warehouse that every case starts from: two writes of each quarter, the first of them tagged."""
    case = Case(root, root.parent, random.Random(0), {}, {(n, q): set() for n in NAMES for q in QUARTERS})
    warehouse = case.warehouse

    def write(first: int) -> None:
        for i, (name, quarter) in enumerate(case.earlier):
            warehouse.replace(name, quarter, [rows(name, first + i)])
            case.rows[name, quarter] = first + i
            case.earlier[name, quarter].add(first + i)

    write(3)
    tags.tag(warehouse, QUARTERS[0], TAG)
    case.tagged = {k: n for k, n in case.rows.items() if k[1] == QUARTERS[0]}
    shutil.copy(root / CATALOG_FILE, root.parent / OLD_CATALOG)
    write(20)
    return case


# The attacks


def _move(case: Case) -> None:
    target = case.new_root()
    target.parent.mkdir()
    case.root = case.root.rename(target)


def _copy(case: Case, *, copy: Callable[[str, str], object] = shutil.copy2) -> None:
    target = case.new_root()
    shutil.copytree(case.root, target, copy_function=copy)
    case.originals[case.root] = digests(case.root)
    case.root = target


def _hard_links(case: Case) -> None:
    _copy(case, copy=os.link)


def _copy_without_original(case: Case) -> None:
    was = case.root
    _copy(case)
    case.originals.pop(was)
    was.rename(case.home / f"gone{len(list(case.home.iterdir()))}")


def _mount(case: Case) -> None:
    target = case.new_root()
    target.parent.mkdir()
    target.symlink_to(case.root)
    case.root = target


def _delete_catalog(case: Case) -> None:
    (case.root / CATALOG_FILE).unlink(missing_ok=True)


def _fill(case: Case, content: bytes) -> None:
    # Through another file, as editors and backups do: a hard link's other name is not what is attacked.
    other = case.root / "incoming"
    other.write_bytes(content)
    other.replace(case.root / CATALOG_FILE)


def _truncate_catalog(case: Case) -> None:
    _fill(case, b"")


def _garble_catalog(case: Case) -> None:
    file = case.root / CATALOG_FILE
    held = file.read_bytes() if file.exists() else b""
    _fill(case, case.chance.choice([b"no database" * 500, held[:4096] + bytes(len(held[4096:]))]))


def _older_catalog(case: Case) -> None:
    _fill(case, (case.home.parent / OLD_CATALOG).read_bytes())


def _delete_metadata(case: Case) -> None:
    found = sorted((case.root / "ftm" / case.chance.choice(NAMES) / "metadata").iterdir())
    file = case.chance.choice(found)
    file.unlink()
    case.deleted.add(file.name)


def _kill(case: Case, call: Callable[[Warehouse], object]) -> None:
    """Kill a process at one of the moments at which a call changes a file."""
    at = case.chance.randint(1, 12)
    if child := os.fork():
        os.waitpid(child, 0)
        return
    try:  # in the child
        left = at

        def dying(change: Callable[..., Any]) -> Callable[..., Any]:
            def changed(*args: Any, **kwargs: Any) -> Any:
                nonlocal left
                left -= 1
                if left == 0:
                    os.kill(os.getpid(), signal.SIGKILL)
                return change(*args, **kwargs)

            return changed

        rooted_io.RootedFileIO.new_output = dying(rooted_io.RootedFileIO.new_output)  # type: ignore[method-assign]
        FolderCatalog.point = dying(FolderCatalog.point)  # type: ignore[method-assign]
        history.note_commit = dying(history.note_commit)
        os.replace = dying(os.replace)
        shutil.copy2 = dying(shutil.copy2)
        call(case.warehouse)
    except WarehouseError:
        os._exit(0)
    finally:
        os._exit(1)


def _kill_adopt(case: Case) -> None:
    _kill(case, adopt)


def _kill_restore(case: Case) -> None:
    _kill(case, from_files)


ATTACKS: dict[str, Callable[[Case], None]] = {
    "moved": _move,
    "copied": _copy,
    "copied as hard links": _hard_links,
    "copied, original gone": _copy_without_original,
    "mounted elsewhere": _mount,
    "catalog deleted": _delete_catalog,
    "catalog emptied": _truncate_catalog,
    "catalog garbled": _garble_catalog,
    "catalog replaced by an older one": _older_catalog,
    "a metadata file deleted": _delete_metadata,
    "half remade": lambda case: case.write(UPSTREAM),
    "a table written": lambda case: case.write((case.chance.choice(NAMES),)),
    "killed while adopting": _kill_adopt,
    "killed while restoring": _kill_restore,
}


# What follows


def digests(folder: Path) -> dict[str, str]:
    """Return the digest of every file but locks."""
    return {
        str(p.relative_to(folder)): hashlib.sha256(p.read_bytes()).hexdigest()
        for p in sorted(folder.rglob("*"))
        if p.is_file() and p.parent.name != ".locks"
    }


def follow(case: Case, call: Callable[[], Any]) -> Any:
    """Call, and do what the errors advise until it succeeds; None, with the refusal noted, if there is no advice."""
    left = 8
    step = call
    while True:
        try:
            found = step()
        except WarehouseError as error:
            advised = [a for a in REMEDIES.findall(str(error)) if "--to-nothing" not in a]
            left -= 1
            if not advised or not left:
                case.refusal = str(error)
                return None
            case.remedies.append(advised[0])
            step = partial(_obey, case, advised[0])
        else:
            if step is call:
                return found
            step = call


def _obey(case: Case, advice: str) -> None:
    if advice == "adopt":
        adopt(case.warehouse)
    elif advice == "restore --from-files":
        from_files(case.warehouse)
    else:
        restore(case.warehouse, advice.removeprefix("restore "))


def read(warehouse: Warehouse) -> dict[tuple[str, str], int]:
    """Return the rows of each quarter of each table, read through PyIceberg and, alike, through DuckDB."""
    connection = warehouse.connect(tables=NAMES, newest=True)
    found = {
        (n, q): k
        for n in NAMES
        for q, k in connection.table(n).count("*", groups="quarter", projected_columns="quarter").fetchall()
    }
    again = {(n, q): warehouse.read(n, q, columns=["quarter"]).num_rows for n, q in found}
    if found != again:
        raise AssertionError(f"DuckDB reads {found}, PyIceberg {again}")
    return found


def check(case: Case, policy: Policy) -> None:
    """Read, tag, clean up and read again; note what is missing."""
    found = follow(case, lambda: read(case.warehouse))
    if found is None:
        return
    rolled_back = {
        r.removeprefix("restore ") for r in case.remedies if not r.endswith(("adopt", "--from-files"))
    }
    _compare(case, found, rolled_back, "after reading")
    follow(case, lambda: tags.tag(case.warehouse, QUARTERS[1], "later"))
    follow(case, lambda: maintain(case.warehouse, policy))
    if (found := follow(case, lambda: read(case.warehouse))) is not None:
        rolled_back |= {r.removeprefix("restore ") for r in case.remedies}
        _compare(case, found, rolled_back, "after the clean-up")
        _check_tags(case, rolled_back)


def _compare(case: Case, found: dict[tuple[str, str], int], rolled_back: set[str], when: str) -> None:
    for key, n in case.rows.items():
        have = found.get(key, 0)
        # A table whose metadata is gone goes back to an earlier state, but only when `ftm restore TABLE` is called.
        if have != n and not (key[0] in rolled_back and (have in case.earlier[key] or have == 0)):
            case.problems.append(f"{when}: {key[0]} {key[1]} has {have} of {n} rows")


def _check_tags(case: Case, rolled_back: set[str]) -> None:
    for (name, quarter), n in case.tagged.items():
        if name in rolled_back:
            continue
        try:
            have = case.warehouse.read(name, quarter, columns=["quarter"], as_of=TAG).num_rows
        except WarehouseError as error:
            if any(file in str(error) for file in case.deleted):
                case.refusal = str(error)  # gone before we came, and said
            else:
                case.problems.append(f"the tag on {name}: {error}")
            continue
        if have != n:
            case.problems.append(f"the tag on {name} has {have} of {n} rows")


def attack(home: Path, made: Case, seed: int, policy: Policy) -> tuple[list[str], Case]:
    """Do random things to a copy of the template, and check what is left of it."""
    chance = random.Random(seed)
    home.mkdir()
    root = home / "0" / "warehouse"
    shutil.copytree(made.root, root)
    # The template's metadata names the template's root, so that every case has been moved already.
    case = Case(
        root, home, chance, dict(made.rows), {k: set(v) for k, v in made.earlier.items()}, dict(made.tagged)
    )
    if chance.random() < 0.5:
        adopt(case.warehouse)
    names = chance.sample(sorted(ATTACKS), chance.randint(1, 3))
    for name in names:
        ATTACKS[name](case)
    was = dict(case.originals)
    check(case, policy)
    for original, before in was.items():
        if original.exists() and (changed := _differences(before, digests(original))):
            case.problems.append(f"its original was changed: {', '.join(changed[:3])}")
    return names, case


def _differences(before: dict[str, str], after: dict[str, str]) -> list[str]:
    return [k for k in before.keys() | after.keys() if before.get(k) != after.get(k)]


@contextmanager
def _quiet() -> Iterator[None]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


def table(n: int, seed: int, root: Path) -> tuple[list[dict[str, Any]], list[str]]:
    """Return a row per attack, and the problems."""
    made = template(root / "template")
    policy = Policy(
        keep=timedelta(days=1),
        keep_last=1,
        grace=timedelta(days=7),
        now=datetime.now(UTC) + timedelta(days=8),
    )
    counts = {
        name: dict.fromkeys(("cases", "as it was", "with a remedy", "refused", "lost"), 0) for name in ATTACKS
    }
    problems: list[str] = []
    with _quiet():
        for i in range(n):
            home = root / f"case{i}"
            names, case = attack(home, made, seed * 100_000 + i, policy)
            end = (
                "lost" if case.problems
                else "refused" if case.refusal
                else "with a remedy" if case.remedies
                else "as it was"
            )  # fmt: skip
            for name in names:
                counts[name]["cases"] += 1
                counts[name][end] += 1
            problems += [
                f"case {i} ({', '.join(names)}; {', '.join(case.remedies)}): {p}" for p in case.problems
            ]
            if case.refusal:
                print(f"case {i} ({', '.join(names)}): {case.refusal}", file=sys.stderr)
            shutil.rmtree(home)
    return [{"attack": name, **row} for name, row in counts.items()], problems


def main() -> None:
    """Print the table; exit with 1 if anything was lost."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.displaced", description=__doc__)
    parser.add_argument("--n", type=int, default=200)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--json", action="store_true", help="print JSON instead of a table")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as root:
        found, problems = table(options.n, options.seed, Path(root))
    print(json.dumps(found) if options.json else markdown(found))
    for problem in problems:
        print(problem)
    sys.exit(bool(problems))


if __name__ == "__main__":
    main()
