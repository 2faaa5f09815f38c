"""SQL from an assistant: one SELECT over the warehouse's views, which reads nothing else and returns few rows."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import tempfile
from typing import TYPE_CHECKING, Any

from ftm_resources import settings
from ftm_resources.duck import scratch_folder
from ftm_resources.warehouse import WarehouseError

if TYPE_CHECKING:
    from ftm_resources.warehouse import Warehouse

MOST_ROWS, MOST_SECONDS = 1000, 60.0

START_SECONDS = 60.0
"""Most seconds that the statement's process may take beside the statement."""


class SqlError(ValueError):
    """A statement that is not run, or that failed; the message says why."""


def run_sql(
    warehouse: Warehouse,
    sql: str,
    *,
    quarter: str | None = None,
    limit: int = 100,
    seconds: float = MOST_SECONDS,
) -> dict[str, Any]:
    """Return the columns and at most `limit` rows of one SELECT over the tables and joined views.

    The statement runs in a process of its own (see `sql_child`), which reads the warehouse's files and no others, has
    few GiB of memory, and is ended about `seconds` after the statement began. NaN and infinities are texts. `is_cut`
    says that there are more rows, or that they would be too long; `warnings` is there if the warehouse gave any.
    Raises SqlError if it is not one SELECT, fails, or takes too long or too much, and WarehouseError as `connect`.
    """
    asked = {
        "path": warehouse.path,
        "sql": sql,
        "quarter": quarter,
        "limit": max(1, min(limit, MOST_ROWS)),
        "seconds": seconds,
    }
    # A process that is ended leaves its temporary files, so the folder is not its own.
    with tempfile.TemporaryDirectory(prefix="ftm-sql-", dir=scratch_folder()) as scratch:
        reply = _answered(asked, scratch)
    if "refused" in reply:
        raise SqlError(reply["refused"])
    if "no_warehouse" in reply:
        raise WarehouseError(reply["no_warehouse"])
    return reply


def _answered(asked: dict[str, Any], scratch: str) -> dict[str, Any]:
    told = settings.environment_without("FTM_DUCKDB_TEMP_DIRECTORY") | {
        "PYTHONPATH": os.pathsep.join(filter(None, sys.path)),
        "FTM_DUCKDB_TEMP_DIRECTORY": scratch,
    }
    late = f"the statement took more than {asked['seconds']:g} seconds; ask for less"
    try:
        done = subprocess.run(
            # -P: nothing in the current folder is imported.
            [sys.executable, "-P", "-m", "ftm_assets.answers.sql_child"],
            input=json.dumps(asked).encode(),
            capture_output=True,
            env=told,
            timeout=asked["seconds"] + START_SECONDS,
            check=False,
        )
    except subprocess.TimeoutExpired as error:
        raise SqlError(late) from error
    if done.returncode == -signal.SIGALRM:
        raise SqlError(late)
    if done.returncode:
        last = done.stderr.decode(errors="replace").strip().splitlines()[-1:] or ["no message"]
        raise SqlError(f"the statement ended its process, perhaps for want of memory: {last[0][:300]}")
    reply: dict[str, Any] = json.loads(done.stdout)
    return reply
