"""The contract of what runs took and cost: machines by step and attempt, servers of models, and tokens."""

from __future__ import annotations

from ftm_resources.tables.contract import BOOL, DATE, DOUBLE, INT, LONG, STRING, TIMESTAMP, Column, Table
from ftm_resources.tables.naming_columns import COUNT

STEP_OUTCOMES = ("succeeded", "failed", "restarted", "cut_off", "running")
"""What became of an attempt at a step: it ended well; it failed; it was lost or asked to be restarted, and was; the run
ended first; or it was still running when the row was written."""

COST_MARKETS = ("fargate", "fargate-spot", "on-demand", "spot", "local", "unknown")
"""How its machine was bought: a task on Fargate or Fargate Spot, a host On-Demand or Spot, a machine of one's own."""

RUN_COSTS = "run_costs"

PRICED_ROWS = """(
    SELECT *,
        usd IS NULL AND seconds > 0 AS lacks_machine_usd,
        coalesce(tokens_in + tokens_out, 1) > 0 AND tokens_usd IS NULL
            AND NOT bool_or(stage = 'llm_service') OVER (PARTITION BY run_id) AS lacks_tokens_usd,
        lacks_machine_usd OR lacks_tokens_usd AS lacks_usd,
        outcome IN ('failed', 'restarted', 'cut_off') AS has_failed
    FROM run_costs
)"""
"""SQL: the rows, and of each whether its machine, its tokens or either of them has no price, so that a sum of USD is
the least. Tokens that are not known have none. Those of a run that has a share of FTM's own server of names cost what
the server costs. `has_failed`: whether the attempt came to nothing."""

USD_SUM = "CASE WHEN count(usd) + count(tokens_usd) > 0 THEN coalesce(sum(usd), 0) + coalesce(sum(tokens_usd), 0) END"
"""SQL: the USD of rows, of machines and tokens together, as far as they are known; null if nothing has a price."""

COST_TABLES = (
    Table(
        RUN_COSTS,
        "One row per attempt at a step of any run of the quarter, and per run and server of a model: the time it took, "
        "on what, and its price",
        ("run_id", "step_key", "attempt"),
        (
            Column("run_id", STRING, "Dagster's id of the run"),
            Column(
                "stage",
                STRING,
                "The step's asset; `checks`; `run`: the run's own task, which waits for its steps; `llm_service` and "
                "`embedding_service`: the run's share of a server of models that FTM started",
            ),
            Column("step_key", STRING, "Dagster's key of the step; of the other stages, the stage"),
            Column("attempt", INT, "Attempt at the step in this run, from 0", bounds=COUNT),
            Column("outcome", STRING, "What became of the attempt", values=STEP_OUTCOMES),
            Column("started_at", TIMESTAMP, "When it began"),
            Column(
                "seconds",
                DOUBLE,
                "Seconds from the start of its task (on AWS, of the pull of its image, if ECS told) to the end of the "
                "attempt; of a server, the run's share of the seconds for which it was kept",
                bounds=COUNT,
            ),
            Column(
                "machine",
                STRING,
                "Instance type, size on Fargate (2 vCPU, 16 GB) or local; null if it is not known",
                nullable=True,
            ),
            Column("market", STRING, "How the machine is bought", values=COST_MARKETS),
            Column(
                "usd",
                DOUBLE,
                "USD of the machine at the prices in use when the row was written; null if no price is known, as for "
                "a machine of one's own without one; what ran on that at the same time, of any run, shares its time",
                nullable=True,
                bounds=COUNT,
            ),
            Column("priced_on", DATE, "Oldest date of the prices that `usd` was made with", nullable=True),
            Column(
                "tokens_in",
                LONG,
                "Tokens in the prompts of all replies that this attempt got from the language model, whatever became "
                "of them; null if it was killed while it asked, or the server did not say",
                nullable=True,
                bounds=COUNT,
            ),
            Column("tokens_out", LONG, "Tokens in these replies; null likewise", nullable=True, bounds=COUNT),
            Column(
                "tokens_usd",
                DOUBLE,
                "USD of these tokens at the prices of the resource `llm`; null if nothing was asked, or tokens or "
                "prices are not known",
                nullable=True,
                bounds=COUNT,
            ),
            Column(
                "is_shortened",
                BOOL,
                "Whether its stage took more than a tenth of its work from earlier runs: saved parts, vectors of the "
                "embedding cache, or kept replies of the language model; of stages `run`, `llm_service` and "
                "`embedding_service`, whether any stage of the run did. Null in rows from before this column",
                nullable=True,
            ),
        ),
        group="serving",
        is_on_demand=True,
        is_record=True,
    ),
)
