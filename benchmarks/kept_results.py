"""Results of the benchmarks' sections, kept between runs with the machine, date and commit they were measured at.

A run that was killed goes on with the sections, and within a generated quarter with the stages, that it lacks.
"""

from __future__ import annotations

import json
import platform
import subprocess
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

_REPOSITORY = Path(__file__).resolve().parent.parent
_LIBRARIES = ("torch", "openvino", "bertopic", "umap-learn", "hdbscan", "scikit-learn")


@dataclass(frozen=True)
class Made:
    """When and where a result was measured."""

    commit: str
    """Short hash, with a plus if the checkout had changes beyond `docs`; `unknown` outside a checkout."""
    date: str
    machine: str
    form: str
    """`full`, or `quick` for a run of a few minutes whose figures are rough."""

    def __str__(self) -> str:
        return f"Measured on {self.date} at commit {self.commit} on {self.machine}, {self.form} form."


def here(form: str) -> Made:
    """Return now, this checkout and this machine."""
    facts = machine()
    where = f"{facts['processor']}, {facts['cores']} cores"
    return Made(_commit(), datetime.now(UTC).date().isoformat(), where, form)


def _commit() -> str:
    def git(*arguments: str) -> str:
        command = ["git", "-C", str(_REPOSITORY), *arguments]
        return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()  # noqa: S603 - git

    try:
        # The page that a run writes must not make the next run begin anew.
        changed = git("status", "--porcelain", "-uno", "--", ".", ":!docs")
        return git("rev-parse", "--short=9", "HEAD") + ("+" if changed else "")
    except (OSError, subprocess.CalledProcessError):
        return "unknown"


def machine() -> dict[str, Any]:
    """Return the processor, the system and the versions of what is compared."""
    info = Path("/proc/cpuinfo").read_text() if Path("/proc/cpuinfo").exists() else ""
    names = {line.partition(":")[2].strip() for line in info.splitlines() if line.startswith("model name")}
    flags = next((line for line in info.splitlines() if line.startswith("flags")), "").split()
    return {
        "processor": ", ".join(sorted(names)) or platform.processor(),
        "cores": info.count("processor\t"),
        "bfloat16": ", ".join(f for f in ("avx512_bf16", "amx_bf16") if f in flags) or "no",
        "system": platform.platform(),
        "python": platform.python_version(),
        **{library: _version(library) for library in _LIBRARIES},
    }


def _version(library: str) -> str:
    try:
        return version(library)
    except PackageNotFoundError:
        return "not installed"


class Results:
    """A folder of results: a JSON file per section, and lines of the generated quarters' stages."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.folder = folder

    @property
    def stages(self) -> Path:
        """The file of the generated quarters' stages, a JSON object per line."""
        return self.folder / "scale.jsonl"

    def keep(self, section: str, made: Made, value: Any) -> None:
        """Keep a section's result, in place of an earlier one; a kill leaves one of the two."""
        path = self.folder / f"{section}.json"
        new = path.with_suffix(".new")
        new.write_text(json.dumps({"made": asdict(made), "value": value}, default=float))
        new.replace(path)

    def found(self, section: str) -> tuple[Made, Any] | None:
        """Return a section's result and what it was measured at; None if it was not run."""
        path = self.folder / f"{section}.json"
        if not path.exists():
            return None
        kept = json.loads(path.read_text())
        return Made(**kept["made"]), kept["value"]

    def has(self, section: str, made: Made) -> bool:
        """Return whether a section was measured at this commit, on this machine and in this form."""
        found = self.found(section)
        return found is not None and _same(found[0], made)

    def rows(self, made: Made | None = None) -> list[dict[str, Any]]:
        """Return the stages' rows, of this commit, machine and form if given; of equal ones the last."""
        if not self.stages.exists():
            return []
        rows: dict[tuple[Any, ...], dict[str, Any]] = {}
        for line in self.stages.read_text().splitlines():
            row = json.loads(line)
            row.setdefault("stand_ins", False)
            if made is None or _same(Made(**row["made"]), made):
                rows[row["firms"], row["stage"], row["stand_ins"]] = row
        return list(rows.values())

    def add(self, made: Made, row: dict[str, Any]) -> None:
        """Keep a stage's row."""
        with self.stages.open("a") as file:
            file.write(json.dumps({**row, "made": asdict(made)}) + "\n")


def _same(one: Made, other: Made) -> bool:
    return (one.commit, one.machine, one.form) == (other.commit, other.machine, other.form)
