"""How the daemon starts a lost run again: with the assets that it had not materialized, each as a whole.

Dagster's default, from the steps that failed, passes over the mapped steps of a chunked asset that had not been
started; its commit would then refuse. Chunks that were finished go fast: their parts are there.
"""

from dagster._core.execution.plan.resume_retry import ReexecutionStrategy
from dagster._core.storage.tags import RETRY_STRATEGY_TAG

TAGS = {RETRY_STRATEGY_TAG: ReexecutionStrategy.FROM_ASSET_FAILURE.value}
"""Tags of a run."""
