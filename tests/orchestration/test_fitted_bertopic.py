"""The stored ids, documents and keywords of a small warehouse, as BERTopic has them."""

from datetime import date
from pathlib import Path

import numpy as np
import pytest

from ftm_assets.orchestration.fitted_bertopic import to_bertopic
from ftm_resources.models.embedder import Embedder
from ftm_resources.warehouse import Warehouse
from ftm_resources.warehouse.errors import MixedGenerationsWarning
from tests import small_topics as quarter_with_topics

FIRMS = ("1", "2", "3")
QUARTER = "2023Q1"
SUBJECTS = ("ocean freight rates", "copper mining", "vaccine trials", "mortgage lending")


def test_themes_are_topics_of_bertopic_under_their_ranks_with_their_ids(small_topics: Warehouse):
    model, documents = to_bertopic(small_topics, QUARTER, "theme", embedder=Embedder(precision="float32"))
    assert model.custom_labels_ == [
        model.topic_labels_[-1],
        *(f"{QUARTER}:theme:{k:03d} {s.title()}" for k, s in enumerate(SUBJECTS[:3])),
    ]
    assert documents.num_rows == len(FIRMS) * len(SUBJECTS)
    for row, number in zip(documents.to_pylist(), model.topics_, strict=True):
        assert number == row["topic"] == (-1 if row["theme_id"] is None else int(row["theme_id"][-3:]))
        assert row["theme_id"] is None or row["text"].lower().startswith(SUBJECTS[number])
        assert row["call_date"] == date(2023, 1, 10)
    assert [k for k, _ in model.get_topic(1)] == ["copper mining", "areas"]
    assert model.find_topics("ships and harbours", top_n=1)[0] == [0]
    assert model.transform(["A clinical study of a new vaccine"])[0][0] == 2


def test_topics_of_a_firm_hold_its_sentences_with_the_days_of_their_calls(small_topics: Warehouse):
    fitted = to_bertopic(small_topics, QUARTER, "firm", firm="2")
    assert fitted.model.topics_ == fitted.documents.column("topic").to_pylist()
    assert sorted(fitted.model.topics_) == [-1, *sorted([0, 1, 2, 3] * 4)]
    for row in fitted.documents.to_pylist():
        assert row["firm_id"] == "2"
        assert row["topic"] == (-1 if row["topic_id"] is None else int(row["topic_id"][-3:]))
        assert row["topic_id"] is None or SUBJECTS[row["topic"]] in row["text"]
        assert row["call_date"].month == 1 + int(row["document_id"][-3:]) % 2
    assert fitted.embeddings.shape == (17, 384)
    assert np.allclose(fitted.model.topic_embeddings_[0], fitted.embeddings[fitted.model.topics_.index(-1)])
    over_time = fitted.model.topics_over_time(fitted.texts, fitted.documents.column("call_date").to_pylist())
    assert over_time["Frequency"].sum() == 17
    assert fitted.model.custom_labels_[1:] == [
        f"{QUARTER}:2:{k:03d} {s.capitalize()}" for k, s in enumerate(SUBJECTS)
    ]


@pytest.mark.parametrize(("level", "firm"), [("theme", None), ("firm", "2")])
def test_names_of_other_topics_give_way_to_the_last_complete_generation(tmp_path: Path, level, firm):
    warehouse = quarter_with_topics.write(tmp_path / "warehouse")
    made_from = {"inputs": {"firm_topics": {"snapshot_id": "1", "content": "other rows"}}}
    names = warehouse.read("topic_summaries", QUARTER)
    before = to_bertopic(warehouse, QUARTER, level, firm=firm)
    warehouse.replace("topic_summaries", QUARTER, [names], provenance=made_from)
    with pytest.warns(MixedGenerationsWarning, match=f"Materialize topic_summaries for {QUARTER}"):
        after = to_bertopic(warehouse, QUARTER, level, firm=firm)
    assert after.documents.equals(before.documents)
