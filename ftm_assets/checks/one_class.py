"""Check of the sentiment scorer: a model that puts all sentences in one class is useless."""

from collections import Counter
from collections.abc import Mapping

import dagster as dg

from ftm_assets.checks.limits_told import Beside
from ftm_assets.orchestration.partitions import QUARTERS
from ftm_assets.orchestration.specs import NO_CONFIG, readable
from ftm_resources.expected import plainly
from ftm_resources.warehouse import Warehouse

MAX_SHARE_OF_ONE_CLASS = 0.97
"""Above this share of sentences in one class, the scorer is suspect. The word lists find 70 to 85% neutral, the bundled
classifier about half of what is said about the business."""

FEWEST_SENTENCES = 50
"""With fewer sentences, one class may be right."""


def of_one_class(labels: Mapping[str, int], models: str) -> str | None:
    """Return what is said of a scorer's labels, counted, if nearly all are of one class; None if they are not."""
    n = sum(labels.values())
    label, most = max(labels.items(), key=lambda item: (item[1], item[0]), default=("none", 0))
    if n < FEWEST_SENTENCES or most <= MAX_SHARE_OF_ONE_CLASS * n:
        return None
    return f"{models} calls {Beside(most / n, MAX_SHARE_OF_ONE_CLASS):.1%} of {n:,} sentences {label}"


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
        share = max(labels.values(), default=0) / max(rows.num_rows, 1)
        said = of_one_class(labels, ", ".join(sorted(set(rows.column("model").to_pylist()))))
        return dg.AssetCheckResult(
            passed=said is None,
            severity=dg.AssetCheckSeverity.WARN,
            description=said,
            metadata=readable({"labels": dict(labels), "share": share}),
        )

    return check
