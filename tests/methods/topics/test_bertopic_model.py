"""Stored topics as a BERTopic: the numbers and keywords given, and every method of its that people use."""

from collections import Counter
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from ftm_assets.methods.topics import published
from ftm_assets.methods.topics.bertopic_model import fitted
from ftm_resources.extras import MissingExtraError

SUBJECTS = (
    *("tires", "freight", "vaccines", "turbines", "mortgages", "cement", "chips", "tourism"),
    *("copper", "insurance", "software", "cattle"),
)
KEYWORDS = [[f"{s} prices", s.capitalize(), "R&D", "never said"] for s in SUBJECTS]
LABELS = [f"2023Q1:theme:{i:03d} {s}" for i, s in enumerate(SUBJECTS)]


def embed(texts: Any) -> np.ndarray:
    """Return a vector per text: the subjects that it names."""
    named = [[float(s in t.lower()) for s in SUBJECTS] for t in texts]
    return (np.array(named, dtype=np.float32) + 0.01).astype(np.float32)


def spoken() -> tuple[list[str], np.ndarray, np.ndarray]:
    """Return documents of twelve topics and of none, their vectors and topics; the last topic is the largest."""
    rng = np.random.default_rng(0)
    topics = np.concatenate([np.repeat(np.arange(12), 6), [11] * 6, [-1] * 5])
    order = rng.permutation(len(topics))
    topics = topics[order]
    texts = [
        f"R&D and {SUBJECTS[t]} prices rose in region {i}" if t >= 0 else f"weather was fine on day {i}"
        for i, t in enumerate(topics)
    ]
    return texts, (embed(texts) + 0.05 * rng.normal(size=(len(texts), 12))).astype(np.float32), topics


@pytest.fixture(scope="module")
def model() -> Any:
    texts, x, topics = spoken()
    return fitted(
        texts, x, topics, keywords=KEYWORDS, labels=LABELS, embed=embed, model_name="/no/such/model"
    )


def test_topics_keep_their_numbers_though_they_are_not_by_size(model: Any):
    texts, x, topics = spoken()
    assert model.topics_ == topics.tolist()
    info = model.get_topic_info().set_index("Topic")
    assert info["Count"].to_dict() == dict(Counter(topics.tolist()))
    assert info["CustomName"][3] == "2023Q1:theme:003 turbines"
    assert np.allclose(model.topic_embeddings_[1 + 4], x[topics == 4].mean(axis=0), atol=1e-5)
    assert model.get_document_info(texts)["Topic"].tolist() == topics.tolist()
    assert all(SUBJECTS[t] in doc for t in range(12) for doc in model.get_representative_docs(t))


def test_keywords_are_those_given_weighed_by_the_documents(model: Any):
    own = model.get_topic(2)
    assert [k for k, _ in own] == KEYWORDS[2]
    weights = dict(own)
    assert weights["Vaccines"] > 0.01  # said in one topic
    assert weights["R&D"] == weights["never said"] == pytest.approx(0, abs=1e-4)  # in all, in none
    by_documents = dict(model.get_topic(2, full=True)["c-TF-IDF"])
    assert weights["vaccines prices"] == pytest.approx(by_documents["vaccines prices"])
    assert {"fine", "weather"} <= {k for k, _ in model.get_topic(-1)}


def test_new_texts_go_to_the_topic_that_they_are_about(model: Any):
    found, similarity = model.transform(["Cattle and more cattle", "chips"])
    assert list(found) == [SUBJECTS.index("cattle"), SUBJECTS.index("chips")]
    assert min(similarity) > 0.9
    topics, _ = model.find_topics("copper", top_n=1)
    assert topics == [SUBJECTS.index("copper")]


def test_every_picture_is_drawn(model: Any):
    texts, x, _ = spoken()
    hierarchy = model.hierarchical_topics(texts)
    assert len(hierarchy) == len(SUBJECTS) - 1
    pictures = {
        "topics": model.visualize_topics(custom_labels=True),
        "documents": model.visualize_documents(texts, embeddings=x, custom_labels=True),
        "hierarchy": model.visualize_hierarchy(hierarchical_topics=hierarchy, custom_labels=True),
        "barchart": model.visualize_barchart(top_n_topics=12, custom_labels=True),
        "heatmap": model.visualize_heatmap(custom_labels=True),
    }
    for name, picture in pictures.items():
        assert picture.data, name
        assert "turbines" in picture.to_json(), name


def test_topics_over_time_are_counted_by_date(model: Any):
    texts, _, topics = spoken()
    days = [date(2023, 1 + i % 3, 15) for i in range(len(texts))]
    over_time = model.topics_over_time(texts, days)
    counted = over_time.groupby("Topic")["Frequency"].sum().to_dict()
    assert counted == dict(Counter(topics.tolist()))
    assert over_time["Timestamp"].nunique() == 3
    assert model.visualize_topics_over_time(over_time, custom_labels=True).data


def test_models_are_merged_by_what_their_topics_are_about(model: Any):
    from bertopic import BERTopic

    texts, x, topics = spoken()
    few = topics < 8
    numbers = np.where(topics[few] == 7, 1, np.where(topics[few] == 3, 0, -1))
    other = fitted(
        [t for t, k in zip(texts, few, strict=True) if k],
        x[few],
        numbers,
        keywords=KEYWORDS[:2],
        labels=LABELS[:2],
    )
    merged = BERTopic.merge_models([other, model], min_similarity=0.9)
    assert len({*merged.topics_} - {-1}) == 12  # two that are the other's, and ten of its own
    assert len(merged.topics_) == len(texts) + int(few.sum())


@pytest.mark.parametrize("serialization", ["safetensors", "pickle"])
def test_it_is_saved_and_loaded(model: Any, tmp_path: Path, serialization: Any):
    from bertopic import BERTopic

    from ftm_assets.methods.topics.bertopic_backend import Backend

    model.save(tmp_path / "m", serialization=serialization, save_ctfidf=True)
    loaded = BERTopic.load(tmp_path / "m", embedding_model=Backend(embed))
    assert loaded.topics_ == model.topics_
    assert loaded.custom_labels_ == model.custom_labels_
    assert [tuple(pair) for pair in loaded.get_topic(5)] == [
        (k, pytest.approx(w)) for k, w in model.get_topic(5)
    ]
    assert loaded.transform(["copper"])[0][0] == SUBJECTS.index("copper")
    assert loaded.visualize_barchart(custom_labels=True).data
    if serialization == "safetensors":
        assert '"embedding_model": "/no/such/model"' in (tmp_path / "m" / "config.json").read_text()


def test_without_outliers_the_numbers_are_the_same():
    texts, x, topics = spoken()
    inside = topics >= 0
    placed = fitted(
        [t for t, k in zip(texts, inside, strict=True) if k], x[inside], topics[inside],
        keywords=KEYWORDS, labels=LABELS, embed=embed,
    )  # fmt: skip
    assert placed.topics_ == topics[inside].tolist()
    assert placed.get_topic(9)[0][0] == "insurance prices"
    assert placed.get_topic(9)[0][1] > 0.001
    assert placed.transform(["software"])[0][0] == SUBJECTS.index("software")


def test_a_topic_without_documents_or_no_topic_at_all_is_refused():
    texts, x, topics = spoken()
    for given, numbers in ((KEYWORDS, np.where(topics == 4, -1, topics)), ([], np.full(len(topics), -1))):
        with pytest.raises(ValueError, match="needs documents, keywords and a label for each topic"):
            fitted(texts, x, numbers, keywords=given, labels=LABELS[: len(given)])


def test_without_the_extra_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(published, "MODULES", ("no_such_bertopic",))
    with pytest.raises(MissingExtraError, match="pip install"):
        fitted(["a"], np.eye(1), np.zeros(1, np.int64), keywords=[["a"]], labels=["a"])
