import datetime as dt
import random
from collections import Counter
from functools import partial
from typing import Any

import duckdb
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ftm_assets.methods import scores as method
from ftm_resources.tables import TABLES

QUARTER = "2023Q1"
build_scores = partial(method.build_scores, database=duckdb.connect())
Inputs = dict[str, pa.Table]


def inputs(
    sentences: list[tuple[str, str, str | None, str]], themes: dict[str, str | None], calls: dict[str, str]
) -> Inputs:
    """Tables from (sentence, call, topic or None, label), topic -> theme or None, and call -> firm."""
    strings = pa.string()
    by = list(zip(*sentences, strict=True)) if sentences else [(), (), (), ()]
    ids, of_calls, topics, labels = (pa.array(column, strings) for column in by)
    firms = [firm for firm in calls.values() for _ in range(2)]  # two components each
    return {
        "theme_topics": pa.table(
            {"topic_id": pa.array(themes, strings), "theme_id": pa.array(themes.values(), strings)}
        ),
        "sentence_topics": pa.table({"sentence_id": ids, "topic_id": topics}),
        "sentence_sentiment": pa.table({"sentence_id": ids, "label": labels}),
        "sentences": pa.table({"sentence_id": ids, "transcript_id": of_calls}),
        "transcripts": pa.table(
            {
                "transcript_id": pa.array([call for call in calls for _ in range(2)], strings),
                "firm_id": pa.array(firms, strings),
                "firm_name": pa.array([f"Firm {f}" for f in firms], strings),
                "permno": pa.array([10_000 if f == "f1" else None for f in firms], pa.int64()),
                "gvkey": pa.array(["001" if f == "f1" else None for f in firms], strings),
                "call_date": pa.array([dt.date(2023, 2, 1)] * len(firms), pa.date32()),
            }
        ),
    }


def shuffled(tables: Inputs, seed: int) -> Inputs:
    rng = random.Random(seed)
    return {
        name: t.take(pa.array(rng.sample(range(t.num_rows), t.num_rows), pa.int64()))
        for name, t in tables.items()
    }


SENTENCES = [
    ("s1", "c1", "t1", "positive"),
    ("s2", "c1", "t1", "positive"),
    ("s3", "c1", "t2", "negative"),
    ("s4", "c1", "t1", "neutral"),
    ("s5", "c2", "t1", "negative"),  # the firm's second call
    ("s6", "c3", "t4", "neutral"),
    ("s7", "c3", "t3", "negative"),  # topic in no theme
    ("s8", "c3", None, "negative"),  # outlier
]
THEMES: dict[str, str | None] = {"t1": "h0", "t2": "h1", "t3": None, "t4": "h0"}
CALLS = {"c1": "f1", "c2": "f1", "c3": "f2"}


def test_a_firm_is_scored_per_theme_and_call() -> None:
    scores = build_scores(**inputs(SENTENCES, THEMES, CALLS), quarter=QUARTER)
    shown = scores.select(
        ["theme_id", "transcript_id", "n_positive", "n_neutral", "n_negative", "n_sentences", "score"]
    )
    assert [tuple(row.values()) for row in shown.to_pylist()] == [
        ("h0", "c1", 2, 1, 0, 3, 2 / 3),
        ("h0", "c2", 0, 0, 1, 1, -1.0),
        ("h0", "c3", 0, 1, 0, 1, 0.0),
        ("h1", "c1", 0, 0, 1, 1, -1.0),
    ]
    first, *_, last = scores.to_pylist()
    assert (first["firm_id"], first["firm_name"], first["permno"], first["gvkey"]) == (
        "f1",
        "Firm f1",
        10_000,
        "001",
    )
    assert first["call_date"] == dt.date(2023, 2, 1)
    assert last["quarter"] == QUARTER
    assert scores.column("permno")[2].as_py() is None
    assert scores.schema == TABLES["sentiment_scores"].arrow_schema


def test_the_order_of_the_input_rows_does_not_matter() -> None:
    tables = inputs(SENTENCES, THEMES, CALLS)
    expected = build_scores(**tables, quarter=QUARTER)
    assert build_scores(**shuffled(tables, 3), quarter=QUARTER).equals(expected)


@pytest.mark.parametrize("themes", [{}, {"t1": None, "t2": None, "t3": None, "t4": None}])
def test_no_themes_give_an_empty_table(themes: dict[str, str | None]) -> None:
    scores = build_scores(**inputs(SENTENCES, themes, CALLS), quarter=QUARTER)
    assert scores.num_rows == 0
    assert scores.schema == TABLES["sentiment_scores"].arrow_schema


def test_an_empty_quarter_gives_an_empty_table() -> None:
    assert build_scores(**inputs([], {}, {}), quarter=QUARTER).num_rows == 0


@pytest.mark.parametrize(
    ("table", "message"),
    [
        ("sentence_sentiment", "sentence 's1' has no sentiment"),
        ("sentences", "sentence 's1' is not in sentences"),
        ("transcripts", "sentence 's1' belongs to a call that is not in transcripts"),
    ],
)
def test_a_sentence_in_a_theme_is_never_lost_in_silence(table: str, message: str) -> None:
    tables = inputs(SENTENCES, THEMES, CALLS)
    tables[table] = tables[table].slice(2)  # without s1 and s2, or without c1
    with pytest.raises(ValueError, match=message):
        build_scores(**tables, quarter=QUARTER)


@pytest.mark.parametrize("table", ["sentence_topics", "sentence_sentiment", "sentences", "theme_topics"])
def test_a_sentence_is_never_counted_twice(table: str) -> None:
    tables = inputs(SENTENCES, THEMES, CALLS)
    tables[table] = pa.concat_tables([tables[table], tables[table].slice(0, 1)])
    with pytest.raises(ValueError, match=r"sentence 's1' is .*more than once"):
        build_scores(**tables, quarter=QUARTER)


@st.composite
def quarters(draw: st.DrawFn) -> tuple[Any, Any, Any]:
    topics = [f"t{i}" for i in range(5)]
    themes = {t: draw(st.sampled_from(["h0", "h1", None])) for t in topics}
    calls = {f"c{i}": f"f{draw(st.integers(0, 2))}" for i in range(4)}
    rows = draw(
        st.lists(
            st.tuples(
                st.sampled_from(list(calls)),
                st.sampled_from([*topics, None]),
                st.sampled_from(["positive", "neutral", "negative"]),
            ),
            max_size=30,
        )
    )
    return [(f"s{i:02d}", *row) for i, row in enumerate(rows)], themes, calls


@settings(max_examples=40, deadline=None)
@given(quarters(), st.integers(0, 100))
def test_every_sentence_in_a_theme_is_counted_exactly_once(quarter: tuple[Any, Any, Any], seed: int) -> None:
    sentences, themes, calls = quarter
    scores = build_scores(**shuffled(inputs(sentences, themes, calls), seed), quarter=QUARTER)
    expected = Counter((themes[t], c, label) for _, c, t, label in sentences if t and themes[t])
    found: Counter[tuple[str, str, str]] = Counter()
    for row in scores.to_pylist():
        for label in ("positive", "neutral", "negative"):
            found[row["theme_id"], row["transcript_id"], label] += row[f"n_{label}"]
        assert row["n_positive"] + row["n_neutral"] + row["n_negative"] == row["n_sentences"]
        assert -1 <= row["score"] <= 1
        assert row["score"] == (row["n_positive"] - row["n_negative"]) / row["n_sentences"]
        assert row["firm_id"] == calls[row["transcript_id"]]
    assert +found == expected
    keys = [(r["theme_id"], r["transcript_id"]) for r in scores.to_pylist()]
    assert keys == sorted(set(keys))
