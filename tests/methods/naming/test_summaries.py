from ftm_assets.methods.naming.rules import Named
from ftm_assets.methods.naming.summaries import embedded_label


def named(method):
    return Named("Financial results", "Sales rose.", method, "m", "1")


def test_only_a_name_that_a_model_wrote_is_embedded_with_the_keywords():
    assert embedded_label(named("llm"), ["cash", "debt"]) == "Financial results: cash, debt"
    assert embedded_label(named("extractive"), ["cash", "debt"]) == "cash, debt"
    assert embedded_label(named("extractive"), []) == "Financial results"
