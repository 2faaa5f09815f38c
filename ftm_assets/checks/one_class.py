"""Check of the sentiment scorer: a model that puts all sentences in one class is useless."""

from collections import Counter

import dagster as dg

from ftm_assets.orchestration.partitions import QUARTERS
from ftm_assets.orchestration.specs import NO_CONFIG, readable
from ftm_resources.expected import plainly
from ftm_resources.warehouse import Warehouse

MAX_SHARE_OF_ONE_CLASS = 0.97
"""Above this share of sentences in one class, the scorer is suspect. The word lists find 70 to 85% neutral, the bundled
classifier about half of what is said about the business."""

FEWEST_SENTENCES = 50
"""With fewer sentences, one class may be right."""


def one_class() -> dg.AssetChecksDefinition:
    """Return the check of `sentence_sentiment`."""

    @dg.asset_check(
        name="one_class",
        asset="sentence_sentiment",
        description=f"At most {MAX_SHARE_OF_ONE_CLASS:.0%} of the sentences are in one class (with at least "
        f"{FEWEST_SENTENCES} sentences). If not, the scorer does not tell sentences apart: check that "
        "FTM_SENTIMENT_MODEL is a fine-tuned sentiment classifier, and that its labels are in the right order",
        partitions_def=QUARTERS,
        config_schema=NO_CONFIG,
    )
    @plainly
    def check(context: dg.AssetCheckExecutionContext, warehouse: Warehouse) -> dg.AssetCheckResult:
        quarter = context.op_execution_context.partition_key
        rows = warehouse.read("sentence_sentiment", quarter, columns=["label", "model"])
        labels = Counter(rows.column("label").to_pylist())
        (label, n), *_ = labels.most_common(1) or [("none", 0)]
        share = n / max(rows.num_rows, 1)
        models = ", ".join(sorted(set(rows.column("model").to_pylist())))
        passed = rows.num_rows < FEWEST_SENTENCES or share <= MAX_SHARE_OF_ONE_CLASS
        return dg.AssetCheckResult(
            passed=passed,
            severity=dg.AssetCheckSeverity.WARN,
            description=None
            if passed
            else f"{models} calls {share:.1%} of {rows.num_rows:,} sentences {label}",
            metadata=readable({"labels": dict(labels), "share": share}),
        )

    return check
