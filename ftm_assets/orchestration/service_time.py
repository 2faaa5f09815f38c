"""For how long a server of models was kept, and for which runs: noted by the sensor that starts and stops it.

What belongs here: dividing a server's seconds among the runs that it was kept for, and keeping the sums where runs can
read them, in Dagster's own database beside the daemons' cursors. The daemon cannot write to the warehouse.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ftm_assets.orchestration.execution.task_facts import market_of
from ftm_resources import settings
from ftm_resources.price_table import Machine

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    import dagster as dg

SERVICES = ("llm", "embedding")
"""What a service serves, as in `model_services.USES`."""

GAP_SECONDS = 300.0
"""Seconds that two looks may be apart beyond those for which an idle server is kept: a few times the usual."""

_UNKNOWN = "|unknown"
"""The machine of a server that has no host yet."""


@dataclass(frozen=True)
class Kept:
    """A run's share of the time for which a server was kept."""

    what: str
    """Which service, of SERVICES."""
    started: float
    """When it was first kept for the run, in seconds since 1970."""
    seconds: float
    machine: Machine


def note(
    instance: dg.DagsterInstance,
    what: str,
    needing: Collection[str],
    hosts: Sequence[tuple[str, str]],
    servers: int,
    now: float,
    *,
    ran: bool = True,
) -> None:
    """Note one look at a service that `servers` servers are now to run of; 0 if it is stopped, or was not running.

    The seconds since the last look, if servers ran, are divided equally among the runs in `needing`; if none needs it
    any more, among those that did last. `hosts` are instance types and capacity providers. A server that nobody needed
    from the start is charged to nobody. Nothing is charged if none is running at the look (`ran`), nor more than
    FTM_SERVICE_IDLE_SECONDS and GAP_SECONDS for one look: who stopped or started a server in between is not known.
    """
    storage = instance.daemon_cursor_storage
    state = _load(storage.get_cursor_values({_state_key(what)}).get(_state_key(what)))
    ran = ran and bool(state.get("servers"))
    runs = sorted(needing) or (state.get("runs", []) if ran else [])
    if ran and runs:
        kind, provider = hosts[0] if hosts else ("", "")
        name = f"{kind}|{market_of(provider)}" if kind else _UNKNOWN
        longest = settings.current().ftm_service_idle_seconds + GAP_SECONDS
        since = max(state["at"], now - longest)
        each = max(now - since, 0.0) * state["servers"] / len(runs)
        for run in runs:  # one by one: Dagster loses new keys beside known ones
            key = _run_key(what, run)
            before = storage.get_cursor_values({key}).get(key)
            storage.set_cursor_values({key: _added(before, name, each, since)})
    if servers or state.get("servers"):
        said = {"at": now, "runs": runs if servers else [], "servers": servers}
        storage.set_cursor_values({_state_key(what): json.dumps(said)})


def kept(instance: dg.DagsterInstance, run_id: str) -> list[Kept]:
    """Return a run's shares of the servers, as far as they were noted.

    The seconds in which a server had no host yet are those of the host that it then had for longest.
    """
    values = instance.daemon_cursor_storage.get_cursor_values({_run_key(what, run_id) for what in SERVICES})
    found = []
    for what in SERVICES:
        noted = _load(values.get(_run_key(what, run_id)))
        if not noted:
            continue
        by = dict(noted["seconds"])
        total, known = sum(by.values()), {n: s for n, s in by.items() if n != _UNKNOWN}
        name = max(known, key=lambda n: known[n]) if known else _UNKNOWN
        kind, _, market = name.partition("|")
        found.append(Kept(what, float(noted["from"]), float(total), Machine(market, kind=kind)))
    return found


def _added(noted: str | None, machine: str, seconds: float, since: float) -> str:
    found = _load(noted) or {"from": since, "seconds": {}}
    found["seconds"][machine] = found["seconds"].get(machine, 0.0) + seconds
    return json.dumps(found)


def _load(text: str | None) -> dict[str, Any]:
    loaded: dict[str, Any] = json.loads(text) if text else {}
    return loaded


def _state_key(what: str) -> str:
    return f"ftm/service/{what}"


def _run_key(what: str, run_id: str) -> str:
    return f"ftm/service/{what}/{run_id}"
