"""Check of the cells of sentiment: they add up to the scores."""

import dagster as dg

from ftm_assets.methods.wording import counted
from ftm_assets.orchestration.partitions import QUARTERS
from ftm_assets.orchestration.specs import NO_CONFIG
from ftm_resources.expected import plainly
from ftm_resources.warehouse import Warehouse

_UNEQUAL = """
SELECT count(*) FROM (
    SELECT theme_id, transcript_id, sum(n_positive) AS a, sum(n_neutral) AS b, sum(n_negative) AS c,
        sum(n_sentences) AS d, sum(n_turns) AS e
    FROM sentiment_cells GROUP BY theme_id, transcript_id
) FULL JOIN sentiment_scores USING (theme_id, transcript_id)
WHERE (a, b, c, d, e) IS DISTINCT FROM (n_positive, n_neutral, n_negative, n_sentences, n_turns)
"""


def cells_add_up() -> dg.AssetChecksDefinition:
    """Return the check of `sentiment_cells`."""

    @dg.asset_check(
        name="cells_add_up",
        asset="sentiment_cells",
        additional_deps=["sentiment_scores"],
        description="The sentences and turns of a theme's cells in a call add up to those of sentiment_scores",
        blocking=True,
        partitions_def=QUARTERS,
        config_schema=NO_CONFIG,
    )
    @plainly
    def check(context: dg.AssetCheckExecutionContext, warehouse: Warehouse) -> dg.AssetCheckResult:
        quarter = context.op_execution_context.partition_key
        tables = {"sentiment_cells", "sentiment_scores"}
        row = warehouse.connect(quarter=quarter, tables=tables, newest=True).execute(_UNEQUAL).fetchone()
        unequal = int(row[0]) if row else 0
        return dg.AssetCheckResult(
            passed=not unequal,
            description=f"{counted(unequal, 'theme')} in a call differ" if unequal else None,
            metadata={"unequal": unequal},
        )

    return check
