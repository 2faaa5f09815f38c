"""The word lists on sentences made for the purpose, and their agreement with sentences of the real calls.

How `sentiment_labels.csv` was made. Sentences of 6 to 70 words, drawn by a hash of their place: from each
of the 44 calls at most four of the prepared remarks, four of executives' answers and two of analysts.
What is about the call (greetings, thanks, hand-overs, safe harbour, logistics) was left out. A language
model, not a person, read each sentence by itself and labelled it once, before any scorer was run. The file
holds the sentence's place (component, offset and length in characters), a hash of its text, and the label.

The convention: what does the sentence say of the firm's business, for somebody who owns the firm?
- positive: results, demand, costs, financing or conditions better than before or than needed; strengths,
  opportunities and confidence that are asserted; a setback that is said to be overcome.
- negative: worse than before or than needed; losses, delays, headwinds, uncertainty that holds things back.
- neutral: description, plans and aims without a result ("we remain focused on..."), good and bad in
  balance, mitigation whose success is not said, thanks to staff, fragments.
- a question is labelled by what it asserts or presupposes; one that only asks is neutral.
"""

import csv
import hashlib
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ftm_resources.models import lexicon
from ftm_resources.tables import LABELS

LABELLED = Path(__file__).resolve().parents[2] / "fixtures" / "sentiment_labels.csv"


def test_the_lists_are_those_published() -> None:
    positive, negative = lexicon.word_lists()
    assert (len(positive), len(negative)) == (354, 2355)
    assert not positive & negative
    assert {"strong", "improved", "despite"} <= positive
    assert {"loss", "impairment", "question"} <= negative
    assert not {"raised", "beat", "increased", "position"} & (positive | negative)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", (0, 0)),
        ("We opened a plant in March.", (0, 0)),
        ("STRONG results: strong, strong!", (3, 0)),
        ("A loss and an improvement.", (1, 1)),
        ("Results were not strong.", (0, 1)),
        ("Demand isn't as strong.", (0, 1)),
        ("Demand isn’t as strong.", (0, 1)),
        ("We cannot achieve that.", (0, 1)),
        ("None of them improved.", (0, 1)),
        ("It is not what I would call strong.", (1, 0)),  # five words between
        ("Not one of those: strong.", (1, 0)),  # three words between
        ("Not of those strong.", (0, 1)),  # two words between
        ("There was no loss.", (0, 1)),  # a negated negative stays
        ("Our position is good.", (1, 0)),  # no stemming: position is not positive
        ("Next question.", (0, 1)),  # as published
        ("Société Générale's naïve façade", (0, 0)),  # no part of a word is one
        ("Ünloss élost loß", (0, 0)),
    ],
)
def test_words_are_counted_and_positive_ones_turn_after_a_negation(
    text: str, expected: tuple[int, int]
) -> None:
    assert tuple(lexicon.count_words([text])[0]) == expected


@given(st.lists(st.tuples(st.integers(0, 40), st.integers(0, 40)), min_size=1, max_size=20))
def test_the_most_probable_class_is_the_sign_of_the_difference(counts: list[tuple[int, int]]) -> None:
    shares = lexicon.probabilities(np.array(counts, np.int64))
    assert np.allclose(shares.sum(axis=1), 1, atol=1e-12)
    assert (shares > 0).all()
    for (n_positive, n_negative), row in zip(counts, shares, strict=True):
        assert row.argmax() == 1 - np.sign(n_positive - n_negative)
        assert np.sort(row)[-1] > np.sort(row)[-2]


def test_probabilities_follow_the_documented_formula() -> None:
    shares = lexicon.probabilities(np.array([[0, 0], [1, 0], [2, 1]]))
    expected = [[0.25 / 1.5, 1 / 1.5, 0.25 / 1.5], [0.5, 0.4, 0.1], [2.25 / 5.5, 2 / 5.5, 1.25 / 5.5]]
    assert np.allclose(shares, expected)


def labelled_sentences(calls: Path) -> tuple[list[str], list[str]]:
    import pyarrow.parquet as pq

    columns = ["transcriptid", "componentorder", "componenttext"]
    components = {
        f"{r['transcriptid']}:{r['componentorder']:04d}": r["componenttext"]
        for r in pq.read_table(calls, columns=columns).to_pylist()
    }
    texts, labels = [], []
    with LABELLED.open(newline="") as file:
        for row in csv.DictReader(file):
            start = int(row["offset"])
            text = components[row["component_id"]][start : start + int(row["length"])]
            assert hashlib.sha1(text.encode(), usedforsecurity=False).hexdigest()[:8] == row["sha1"]
            texts.append(text)
            labels.append(row["label"])
    return texts, labels


def test_agreement_with_the_labelled_sentences_is_no_worse_than_reported(earnings21: Path) -> None:
    from sklearn.metrics import accuracy_score, cohen_kappa_score, f1_score

    texts, labels = labelled_sentences(earnings21)
    assert len(texts) >= 200
    found = [LABELS[i] for i in lexicon.probabilities(lexicon.count_words(texts)).argmax(axis=1)]
    # Reached: 0.626, 0.558, 0.353.
    assert accuracy_score(labels, found) > 0.62
    assert f1_score(labels, found, average="macro") > 0.55
    assert cohen_kappa_score(labels, found) > 0.345
