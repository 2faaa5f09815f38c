"""Pools: how many steps of all runs at once may take what there is little of.

`ftm pools` sets the limits below on the instance of DAGSTER_HOME: once after a deployment on AWS, and again after
a change here. On one machine the pools have no limits: runs are limited there
(infra/dagster/local.yaml).
"""

import dagster as dg

LIMITS = {
    # Hosts with a GPU: eight are 32 vCPU of the account's quota for G instances, Spot and On-Demand each.
    "gpu": 8,
    # Steps that ask the LLM endpoint, each with its own requests in flight: what one vLLM host keeps busy with.
    "llm": 4,
    # Sessions of one WRDS account, whose second factor is per address: quarters are read one after the other.
    "wrds": 1,
    # Steps of up to 8 vCPU: 32 are 256 vCPU of the account's Fargate quota.
    "cpu": 32,
}
"""Pool → steps at once on AWS."""


def set_limits(instance: dg.DagsterInstance) -> None:
    """Set the pools' limits; running steps keep their slots."""
    for pool, limit in LIMITS.items():
        instance.event_log_storage.set_concurrency_slots(pool, limit)
