import pyarrow as pa
import pytest

from ftm_assets.checks.one_class import of_one_class
from ftm_resources.warehouse import Warehouse

QUARTER = "2020Q1"


def scored(labels: list[str]) -> pa.Table:
    n = len(labels)
    shares = {
        f"p_{label}": [float(found == label) for found in labels]
        for label in ("positive", "neutral", "negative")
    }
    return pa.table(
        {"sentence_id": [str(i) for i in range(n)], "label": labels, **shares, "model": ["no/finbert"] * n}
    )


@pytest.mark.parametrize(
    ("labels", "passes"),
    [
        (["neutral"] * 100, False),
        (["positive"] * 98 + ["neutral"] * 2, False),
        (["neutral"] * 85 + ["positive"] * 10 + ["negative"] * 5, True),
        (["neutral"] * 20, True),
        ([], True),
    ],
)
def test_a_scorer_that_gives_one_class_to_all_is_warned_about(
    warehouse: Warehouse, evaluate, labels: list[str], passes: bool
):
    warehouse.replace("sentence_sentiment", QUARTER, [scored(labels)])
    found = evaluate("sentence_sentiment")["one_class"]
    assert found.passed is passes
    if not passes:
        assert found.description.startswith("no/finbert calls ")


def test_a_share_just_above_the_limit_is_not_shown_as_the_limit():
    said = of_one_class({"neutral": 97_010, "positive": 2_990}, "no/finbert")
    assert said == "no/finbert calls 97.01% of 100,000 sentences neutral"
