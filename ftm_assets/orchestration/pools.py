"""Pools: how many steps, over all runs, may use a scarce resource at once.

`ftm pools` sets the limits below on the instance at DAGSTER_HOME: run it after a deployment on AWS, and again after
a change here. A single machine limits runs instead (infra/dagster/local.yaml); of the pools, `ftm ui` limits `wrds`.
"""

import dagster as dg

LIMITS = {
    # GPU hosts: eight use 32 vCPU of the account's quota for G instances, for Spot and On-Demand each.
    "gpu": 8,
    # Steps that use the LLM endpoint, each with its own requests in flight: enough to keep one vLLM host busy.
    "llm": 4,
    # Sessions of one WRDS account, whose second factor is per address: quarters are read one at a time.
    "wrds": 1,
    # Steps of up to 8 vCPU: 32 use 256 vCPU of the account's Fargate quota.
    "cpu": 32,
}
"""Pool → steps at once on AWS."""


def set_limits(instance: dg.DagsterInstance) -> None:
    """Set the pools' limits; running steps keep their slots."""
    for pool, limit in LIMITS.items():
        instance.event_log_storage.set_concurrency_slots(pool, limit)


def make_known(instance: dg.DagsterInstance) -> None:
    """Give the pools that have no limit yet the instance's default one, if it has one, before a run starts.

    After `ftm pools`, all of them have one; this is for an instance on which it did not run, or has not yet.

    Runs do so themselves at their first step in a pool. But of two that do it at once in PostgreSQL, one fails: after
    its insert was refused, dagster goes on in the broken transaction (1.13, `initialize_concurrency_limit_to_default`).
    """
    if instance.global_op_concurrency_default_limit is None:
        return
    storage = instance.event_log_storage
    known = {pool.name for pool in storage.get_pool_limits()}
    for pool in LIMITS:
        if pool not in known:
            storage.initialize_concurrency_limit_to_default(pool)
