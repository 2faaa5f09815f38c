import pyarrow as pa
import pytest

from ftm_assets.methods.naming.digests import theme_digests, topic_digests

TOPICS = pa.table(
    {
        "topic_id": ["2023Q1:1:000", "2023Q1:2:000"],
        "firm_id": ["1", "2"],
        "keywords": [["tires", "sales"], ["freight"]],
        "representative_sentence_ids": [["b", "a", "c"], ["d"]],
    }
)
SENTENCES = pa.table({"sentence_id": ["a", "b", "c", "d"], "text": ["A.", "B.", "C.", "D."]})


def test_a_topic_is_shown_by_its_most_central_sentences_and_told_apart_within_its_firm():
    first, second = topic_digests(TOPICS, SENTENCES, {"1": ["Monro", "MNRO"]}, max_sentences=2)
    assert (first.id, first.kind, first.keywords, first.group) == (
        "2023Q1:1:000",
        "topic",
        ("tires", "sales"),
        "1",
    )
    assert first.sentences == ("B.", "A.")
    assert first.exclude == ("Monro", "MNRO")
    assert (second.sentences, second.exclude, second.group) == (("D.",), (), "2")


def test_the_evidence_of_a_theme_is_all_its_topics_and_its_names_are_counted_by_firm():
    themes = pa.table({"theme_id": ["t0"], "keywords": [["costs"]]})
    topics = pa.table(
        {
            "topic_id": ["x", "y", "z"],
            "firm_id": ["1", "2", "2"],
            "name": ["Freight costs", "Freight costs", "Wages"],
            "keywords": [["freight"], ["ocean"], ["wage"]],
            "summary": ["Sx.", "Sy.", "Sz."],
            "firm_name": ["Monro Inc", "Deere & Company", "Deere & Company"],
        }
    )
    members = pa.table({"topic_id": ["x", "y", "z"], "theme_id": ["t0", "t0", "t0"]})
    (digest,) = theme_digests(themes, [["x"]], topics, members)
    assert digest.names == ("Freight costs",)
    assert digest.n_firms == (2,)
    assert digest.evidence == (
        ("freight. Sx.", "1"),
        ("ocean. Sy.", "2"),
        ("wage. Sz.", "2"),
    )
    assert "Deere" in digest.exclude


def test_a_sentence_that_is_missing_is_an_error():
    with pytest.raises(KeyError, match="b"):
        topic_digests(TOPICS, SENTENCES.slice(2), {})


def test_a_theme_is_shown_by_its_central_topics_and_must_not_be_named_by_their_firms():
    themes = pa.table({"theme_id": ["t0", "t1"], "keywords": [["costs"], ["tires"]]})
    topics = pa.table(
        {
            "topic_id": ["x", "y", "z"],
            "name": ["X", "Y", "Z"],
            "summary": ["Sx.", "Sy.", "Sz."],
            "firm_name": ["Monro Inc", "Deere & Company", "Monro Inc"],
        }
    )
    first, second = theme_digests(themes, [["z", "y"], ["x"]], topics)
    assert (first.id, first.kind, first.keywords) == ("t0", "theme", ("costs",))
    assert (first.names, first.sentences) == (("Z", "Y"), ("Sz.", "Sy."))
    assert {"Monro", "Monro Inc", "Deere & Company"} <= set(first.exclude)
    assert (second.names, second.group) == (("X",), "")
    assert "Deere" not in " ".join(second.exclude)
