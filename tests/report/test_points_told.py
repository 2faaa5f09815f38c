import duckdb
import numpy as np

from ftm_assets.report.cut_texts import cut
from ftm_assets.report.payload import Report
from ftm_assets.report.points_told import (
    LONGEST,
    MOST_SENTENCES,
    NAME_BYTES,
    SHORTEST,
    TEXT_BYTES,
    name_room,
    room,
    vectors,
)
from ftm_resources.warehouse import Warehouse

from .told_quarter import QUARTER


def test_points_are_the_topics_of_the_quarter(report: Report, told: Warehouse):
    points = report.points
    held = {r["topic_id"]: r for r in told.read("theme_topics", QUARTER).to_pylist()}
    assert list(points.topic_id) == sorted(held)
    for i, topic in enumerate(points.topic_id):
        theme = points.theme[i]
        assert held[topic]["theme_id"] == (None if theme < 0 else report.themes[theme].theme_id)
        assert (theme < 0) == (points.reason[i] >= 0)
        assert report.firms[points.firm[i]].firm_id == held[topic]["firm_id"]
    assert report.reasons == ("near no theme",)


def test_a_topic_brings_its_tone_its_call_and_its_nearest_sentences(report: Report):
    at = report.points.topic_id.index(f"{QUARTER}:1:000")
    assert report.points.score[at] == round(4 / 7, 4)
    assert report.points.call_date[at] == "2023-02-01"
    assert len(report.points.sentences[at]) == MOST_SENTENCES
    assert all(len(text) <= LONGEST for text in report.points.sentences[at])
    assert report.points.sentences[at][0] == "Well, freight costs fell by 5%."


def test_vectors_are_those_of_the_summaries_in_the_points_order(
    db: duckdb.DuckDBPyConnection, told: Warehouse
):
    held = {r["topic_id"]: r["embedding"] for r in told.read("topic_summaries", QUARTER).to_pylist()}
    found = vectors(db)
    assert found.dtype == np.float32
    assert found.tolist() == [held[topic] for topic in sorted(held)]


def test_the_room_for_texts_shrinks_with_the_topics_and_is_never_too_little():
    for n in (0, 1, 100, 5_000, 20_000, 100_000, 1_000_000):
        sentences, characters, n_bytes = room(n)
        assert 1 <= sentences <= MOST_SENTENCES
        assert SHORTEST <= characters <= LONGEST
        assert n * sentences * n_bytes <= TEXT_BYTES or (sentences, n_bytes) == (1, SHORTEST)


def test_in_chinese_the_texts_of_many_topics_take_no_more_room_than_in_english():
    n = 100_000
    sentences, characters, n_bytes = room(n)
    said, name = (cut("运费上涨" * 200, most, most_bytes) for most, most_bytes in (
        (characters, n_bytes), (120, name_room(n)),
    ))  # fmt: skip
    assert n * sentences * len(said.encode()) <= TEXT_BYTES
    assert n * len(name.encode()) <= NAME_BYTES
    assert name.startswith("运费上涨")
