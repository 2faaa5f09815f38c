import numpy as np
import pytest

from ftm_assets.methods.naming.evaluation import discrimination, form, sheet, verdict
from ftm_assets.methods.naming.rules import Digest


def digest(i: int, **fields: object) -> Digest:
    return Digest(id=f"t{i}", kind="topic", keywords=("a",), sentences=("We sold <b>more</b>.",), **fields)  # type: ignore[arg-type]


def test_names_that_say_what_their_topic_says_tell_topics_apart_and_swapped_ones_do_not():
    topics = np.eye(4)
    firms = ["1", "1", "2", "2"]
    good = discrimination(topics, topics, firms)
    assert (good.own, good.others, good.auc, good.nearest, good.n) == (1, 0, 1, 1, 4)
    swapped = discrimination(topics[[1, 0, 3, 2]], topics, firms)
    assert (swapped.auc, swapped.nearest) == (0, 0)


def test_names_that_say_nothing_are_chance():
    found = discrimination(np.ones((3, 4)) / 2, np.eye(4)[:3], ["1"] * 3)
    assert (found.auc, found.nearest) == (0.5, 0)


def test_topics_of_other_firms_do_not_count():
    topics = np.array([[1, 0], [0, 1], [1, 0]])
    found = discrimination(topics, topics, ["1", "1", "2"])
    assert found.n == 2
    with pytest.raises(ValueError, match="nothing to distinguish"):
        discrimination(topics[:1], topics[:1], ["1"])


def test_the_form_of_names_is_counted():
    digests = [
        digest(0, group="1"),
        digest(1, group="1"),
        digest(2, group="2", exclude=("Monro",)),
        digest(3),
    ]
    found = form(["Tire sales", "tire sales", "Monro stores", "Costs"], digests)
    assert found == {"words": 1.75, "one word": 0.25, "duplicates": 0.5, "rules broken": 0.25}


def test_a_sheet_is_blind_escaped_and_scored_by_its_key():
    digests = [digest(i) for i in range(40)]
    names = {"ours": [("Good", "g")] * 40, "theirs": [("Bad", "b")] * 39 + [("good", "same")]}
    page, key = sheet(digests, names, seed=1)
    assert "ours" not in page
    assert "theirs" not in page
    assert "<b>more</b>" not in page
    assert "&lt;b&gt;more" in page
    rows = [line.split(",") for line in key.splitlines()[1:]]
    assert len(rows) == 39, "what both name alike is no choice"
    assert 5 < sum(first == "ours" for _, first, _ in rows) < 34, "the order is drawn"
    chosen = ["topic_id,choice"] + [f"{t},{'first' if first == 'ours' else 'second'}" for t, first, _ in rows]
    found = verdict(key, "\n".join([*chosen[:-1], f"{rows[-1][0]},equal"]))
    assert found.chosen == {"ours": 38, "theirs": 0}
    assert found.undecided == 1
    assert found.p_value == pytest.approx(2 * 0.5**38)


@pytest.mark.parametrize("row", ["t9,first", "t0,third", "t0"])
def test_an_answer_to_nothing_is_refused_by_row(row: str):
    _, key = sheet([digest(0)], {"a": [("One", "")], "b": [("Two", "")]}, seed=0)
    with pytest.raises(ValueError, match="row 2"):
        verdict(key, f"topic_id,choice\n{row}\n")
