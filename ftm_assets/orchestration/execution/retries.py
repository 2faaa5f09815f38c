"""How the daemon restarts a lost run: with the assets that it had not materialized, each as a whole.

Dagster's default, restarting from the failed steps, would skip those mapped steps of a chunked asset that had not
started, and its commit would then fail. Finished chunks pass quickly, because their parts are saved.
"""

from dagster._core.execution.plan.resume_retry import ReexecutionStrategy
from dagster._core.storage.tags import RETRY_STRATEGY_TAG

TAGS = {RETRY_STRATEGY_TAG: ReexecutionStrategy.FROM_ASSET_FAILURE.value}
"""Tags of a run that choose this strategy."""
