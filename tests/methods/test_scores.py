import datetime as dt
import math
import random
from collections import Counter
from functools import partial
from typing import Any

import duckdb
import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ftm_assets.methods import scores as method
from ftm_resources.tables import TABLES

QUARTER = "2023Q1"
build_scores = partial(method.build_scores, database=duckdb.connect(config={"threads": 1}))
Inputs = dict[str, pa.Table]
Said = tuple[str, str, str | None, str]
P = {"positive": (0.7, 0.2, 0.1), "neutral": (0.2, 0.6, 0.2), "negative": (0.1, 0.3, 0.6)}


def inputs(
    sentences: list[Said],
    calls: dict[str, str],
    *,
    turns: list[str] | None = None,
    outside: frozenset[str] = frozenset(),
) -> Inputs:
    """Tables from (sentence, call, theme or None, label) and call -> firm.

    `turns` are the sentences' speaker turns: prepared remarks if the name starts with p. Sentences `outside` have a row
    in their theme, but are no members.
    """
    strings = pa.string()
    by = list(zip(*sentences, strict=True)) if sentences else [(), (), (), ()]
    ids, of_calls, _, labels = (pa.array(column, strings) for column in by)
    placed = [(s, theme) for s, _, theme, _ in sentences if theme]
    turns = turns or [f"q{call}" for _, call, _, _ in sentences]
    firms = [firm for firm in calls.values() for _ in range(2)]  # two components each
    return {
        "theme_sentences": pa.table(
            {
                "theme_id": pa.array([theme for _, theme in placed], strings),
                "sentence_id": pa.array([s for s, _ in placed], strings),
                "strength": pa.array([0.5] * len(placed), pa.float64()),
                "is_member": pa.array([s not in outside for s, _ in placed], pa.bool_()),
            }
        ),
        "sentence_sentiment": pa.table(
            {"sentence_id": ids, "label": labels}
            | {
                f"p_{x}": pa.array([P[label][i] for *_, label in sentences], pa.float64())
                for i, x in enumerate(P)
            }
        ),
        "sentences": pa.table(
            {
                "sentence_id": ids,
                "transcript_id": of_calls,
                "component_id": pa.array(turns, strings),
                "section": pa.array(
                    ["presentation" if t.startswith("p") else "q_and_a" for t in turns], strings
                ),
                "speaker_type": pa.array(
                    ["analyst" if t.endswith("a") else "executive" for t in turns], strings
                ),
            }
        ),
        "transcripts": pa.table(
            {
                "transcript_id": pa.array([call for call in calls for _ in range(2)], strings),
                "firm_id": pa.array(firms, strings),
                "firm_name": pa.array([f"Firm {f}" for f in firms], strings),
                "permno": pa.array([10_000 if f == "f1" else None for f in firms], pa.int64()),
                "gvkey": pa.array(["001" if f == "f1" else None for f in firms], strings),
                "call_date": pa.array([dt.date(2023, 2, 1)] * len(firms), pa.date32()),
                "is_after_close": pa.array([True if f == "f1" else None for f in firms], pa.bool_()),
            }
        ),
    }


def shuffled(tables: Inputs, seed: int) -> Inputs:
    rng = random.Random(seed)
    return {
        name: t.take(pa.array(rng.sample(range(t.num_rows), t.num_rows), pa.int64()))
        for name, t in tables.items()
    }


SENTENCES: list[Said] = [
    ("s1", "c1", "h0", "positive"),
    ("s2", "c1", "h0", "positive"),
    ("s3", "c1", "h1", "negative"),
    ("s4", "c1", "h0", "neutral"),
    ("s5", "c2", "h0", "negative"),  # the firm's second call
    ("s6", "c3", "h0", "neutral"),
    ("s7", "c3", None, "negative"),  # in no theme
]
CALLS = {"c1": "f1", "c2": "f1", "c3": "f2"}


def test_a_firm_is_scored_per_theme_and_call() -> None:
    scores = build_scores(**inputs(SENTENCES, CALLS), quarter=QUARTER).sentiment_scores
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
    assert (first["call_date"], first["is_after_close"]) == (dt.date(2023, 2, 1), True)
    assert last["quarter"] == QUARTER
    assert (scores.column("permno")[2].as_py(), scores.column("is_after_close")[2].as_py()) == (None, None)
    assert scores.schema == TABLES["sentiment_scores"].arrow_schema


def test_probabilities_and_strengths_are_averaged_beside_the_counts() -> None:
    row = build_scores(**inputs(SENTENCES, CALLS), quarter=QUARTER).sentiment_scores.to_pylist()[0]
    assert row["expected_score"] == pytest.approx((0.6 + 0.6 + 0.0) / 3, abs=1e-12)
    assert row["mean_p_positive"] == pytest.approx((0.7 + 0.7 + 0.2) / 3, abs=1e-12)
    assert row["mean_p_neutral"] == pytest.approx((0.2 + 0.2 + 0.6) / 3, abs=1e-12)
    assert row["mean_p_negative"] == pytest.approx((0.1 + 0.1 + 0.2) / 3, abs=1e-12)
    assert row["mean_strength"] == 0.5


# One call of one theme: three turns of three, two and one sentences.
THREE_TURNS = [
    ("s1", "p1", "positive"),
    ("s2", "p1", "positive"),
    ("s3", "p1", "neutral"),
    ("s4", "q2", "negative"),
    ("s5", "q2", "neutral"),
    ("s6", "q3a", "positive"),
]


def of_one_call(said: list[tuple[str, str, str]]) -> method.Scores:
    tables = inputs(
        [(s, "c1", "h0", label) for s, _, label in said], {"c1": "f1"}, turns=[turn for _, turn, _ in said]
    )
    return build_scores(**tables, quarter=QUARTER)


def test_the_standard_error_is_the_cluster_robust_one_by_turn() -> None:
    (row,) = of_one_call(THREE_TURNS).sentiment_scores.to_pylist()
    # x = 1, 1, 0 | -1, 0 | 1, mean 1/3; the turns' sums of x - 1/3 are 1, -5/3 and 2/3, their shares 1/2, 1/3 and 1/6.
    squares = 1**2 / (1 / 2) + (5 / 3) ** 2 / (2 / 3) + (2 / 3) ** 2 / (5 / 6)
    assert row["score"] == pytest.approx(1 / 3, abs=1e-15)
    assert row["n_turns"] == 3
    assert row["score_se"] == pytest.approx(math.sqrt(squares) / 6, abs=1e-12)


def bell_mccaffrey(turns: list[int], x: np.ndarray) -> tuple[float, float]:
    """Return CR2 and its degrees of freedom by their definition: matrices, for a regression on a constant.

    Bell & McCaffrey (2002), Survey Methodology 28, 169-181; Imbens & Kolesár (2016), Review of Economics and Statistics
    98, 701-712, section IV.
    """
    n, ones = len(x), np.ones((len(x), 1))
    bread = np.linalg.inv(ones.T @ ones)
    residual_maker = np.eye(n) - ones @ bread @ ones.T
    variance, columns = 0.0, []
    for turn in sorted(set(turns)):
        of = np.array(turns) == turn
        values, vectors = np.linalg.eigh(np.eye(of.sum()) - ones[of] @ bread @ ones[of].T)
        adjusted = (vectors / np.sqrt(values)) @ vectors.T
        direction = adjusted @ ones[of] @ bread
        variance += float((residual_maker @ x)[of] @ direction[:, 0]) ** 2
        columns.append(residual_maker[:, of] @ direction[:, 0])
    eigen = np.linalg.eigvalsh(np.array(columns) @ np.array(columns).T)
    return math.sqrt(variance), eigen.sum() ** 2 / (eigen**2).sum()


@pytest.mark.parametrize("n_turns", [2, 3, 5, 9])
def test_standard_error_and_degrees_of_freedom_are_those_of_bell_and_mccaffrey(n_turns: int) -> None:
    rng = np.random.default_rng(n_turns)
    turns = sorted(rng.integers(0, n_turns, size=12).tolist() + list(range(n_turns)))
    labels = rng.choice(["positive", "neutral", "negative"], size=len(turns))
    said = [(f"s{i:02d}", f"q{t}", str(x)) for i, (t, x) in enumerate(zip(turns, labels, strict=True))]
    (row,) = of_one_call(said).sentiment_scores.to_pylist()
    x = (labels == "positive").astype(float) - (labels == "negative")
    se, df = bell_mccaffrey(turns, x)
    assert row["score_se"] == pytest.approx(se, rel=1e-9)
    assert row["score_df"] == pytest.approx(df, rel=1e-9)


def test_turns_of_one_sentence_give_the_usual_standard_error_of_a_mean() -> None:
    labels = ["positive"] * 5 + ["neutral"] * 3 + ["negative"] * 2
    (row,) = of_one_call([(f"s{i}", f"q{i}", x) for i, x in enumerate(labels)]).sentiment_scores.to_pylist()
    x = np.array([1] * 5 + [0] * 3 + [-1] * 2)
    assert row["score_se"] == pytest.approx(x.std(ddof=1) / math.sqrt(10), abs=1e-12)
    assert row["score_df"] == pytest.approx(9)


def test_a_single_turn_has_no_standard_error_nor_have_turns_of_equal_means() -> None:
    """An interval of no width would be wrong, and a weight of 1 / 0 impossible."""
    (row,) = of_one_call(THREE_TURNS[:3]).sentiment_scores.to_pylist()
    assert (row["n_turns"], row["score_se"], row["score_df"]) == (1, None, None)
    again = [(f"{s}-{turn}", turn, label) for turn in ("q1", "q2") for s, _, label in THREE_TURNS[:3]]
    (row,) = of_one_call(again).sentiment_scores.to_pylist()
    assert (row["n_turns"], row["score_se"], row["score_df"]) == (2, None, None)


def test_the_interval_covers_the_true_score_of_calls_whose_turns_differ() -> None:
    """95% intervals by Student's t with score_df degrees of freedom, over 300 simulated calls of 15 turns."""
    rng = np.random.default_rng(4)
    sizes = rng.integers(1, 6, size=(300, 15))
    gloom = rng.choice(
        [0.0, 0.2, 0.4], size=sizes.shape
    )  # of a turn: shared by its sentences; 0.2 on average
    said: list[Said] = []
    turns: list[str] = []
    for (call, turn), size in np.ndenumerate(sizes):
        for x in rng.random(size):
            negative = gloom[call, turn]
            label = "negative" if x < negative else "positive" if x > 0.4 + negative else "neutral"
            said.append((f"s{len(said):05d}", f"c{call:03d}", "h0", label))
            turns.append(f"qc{call}:{turn}")
    calls = {f"c{i:03d}": f"f{i:03d}" for i in range(300)}
    rows = build_scores(**inputs(said, calls, turns=turns), quarter=QUARTER).sentiment_scores.to_pylist()
    error = np.array([r["score"] - 0.2 for r in rows])  # 0.6 - 0.2 less 0.2
    from scipy.stats import t as student

    quantile = student.ppf(0.975, [r["score_df"] for r in rows])
    share = np.mean(np.abs(error) <= quantile * np.array([r["score_se"] for r in rows]))
    assert 0.92 <= share <= 0.98
    alone = [(r["n_positive"] + r["n_negative"]) / r["n_sentences"] - r["score"] ** 2 for r in rows]
    by_sentence = np.sqrt(np.array(alone) / [r["n_sentences"] for r in rows])
    assert np.mean(np.abs(error) <= 1.96 * by_sentence) < 0.92, "sentences are not independent"


def test_cells_split_a_call_by_section_and_speaker() -> None:
    cells = of_one_call(THREE_TURNS).sentiment_cells
    shown = cells.select(["section", "speaker_type", "n_sentences", "n_turns", "score"])
    assert [tuple(row.values()) for row in shown.to_pylist()] == [
        ("presentation", "executive", 3, 1, 2 / 3),
        ("q_and_a", "analyst", 1, 1, 1.0),
        ("q_and_a", "executive", 2, 1, -0.5),
    ]
    assert cells.schema == TABLES["sentiment_cells"].arrow_schema


def test_only_members_count() -> None:
    tables = inputs(SENTENCES, CALLS, outside=frozenset({"s1", "s6"}))
    scores, cells = build_scores(**tables, quarter=QUARTER)
    found = {(r["theme_id"], r["transcript_id"]): r["n_sentences"] for r in scores.to_pylist()}
    assert found == {("h0", "c1"): 2, ("h0", "c2"): 1, ("h1", "c1"): 1}
    assert sum(cells.column("n_sentences").to_pylist()) == 4


def test_a_sentence_may_count_in_two_themes() -> None:
    tables = inputs(SENTENCES, CALLS)
    second = pa.table({"theme_id": ["h1"], "sentence_id": ["s1"], "strength": [0.6], "is_member": [True]})
    tables["theme_sentences"] = pa.concat_tables([tables["theme_sentences"], second])
    scores = build_scores(**tables, quarter=QUARTER).sentiment_scores
    assert {(r["theme_id"], r["transcript_id"]): r["n_sentences"] for r in scores.to_pylist()}[
        "h1", "c1"
    ] == 2


def test_the_order_of_the_input_rows_does_not_matter() -> None:
    tables = inputs(SENTENCES, CALLS)
    expected = build_scores(**tables, quarter=QUARTER)
    again = build_scores(**shuffled(tables, 3), quarter=QUARTER)
    assert all(a.equals(b) for a, b in zip(again, expected, strict=True))


def test_no_themes_give_empty_tables() -> None:
    nowhere = [(s, call, None, label) for s, call, _, label in SENTENCES]
    for table, made in zip(
        ("sentiment_scores", "sentiment_cells"),
        build_scores(**inputs(nowhere, CALLS), quarter=QUARTER),
        strict=True,
    ):
        assert made.num_rows == 0
        assert made.schema == TABLES[table].arrow_schema


def test_an_empty_quarter_gives_empty_tables() -> None:
    assert [t.num_rows for t in build_scores(**inputs([], {}), quarter=QUARTER)] == [0, 0]


@pytest.mark.parametrize(
    ("table", "message"),
    [
        ("sentence_sentiment", "sentence 's1' has no sentiment"),
        ("sentences", "sentence 's1' is not in sentences"),
        ("transcripts", "sentence 's1' belongs to a call that is not in transcripts"),
    ],
)
def test_a_sentence_in_a_theme_is_never_lost_in_silence(table: str, message: str) -> None:
    tables = inputs(SENTENCES, CALLS)
    tables[table] = tables[table].slice(2)  # without s1 and s2, or without c1
    with pytest.raises(ValueError, match=message):
        build_scores(**tables, quarter=QUARTER)


@pytest.mark.parametrize("table", ["theme_sentences", "sentence_sentiment", "sentences"])
def test_a_sentence_is_never_counted_twice_in_a_theme(table: str) -> None:
    tables = inputs(SENTENCES, CALLS)
    tables[table] = pa.concat_tables([tables[table], tables[table].slice(0, 1)])
    with pytest.raises(ValueError, match=r"sentence 's1' is .*more than once"):
        build_scores(**tables, quarter=QUARTER)


@st.composite
def quarters(draw: st.DrawFn) -> tuple[list[Said], list[str], dict[str, str]]:
    calls = {f"c{i}": f"f{draw(st.integers(0, 2))}" for i in range(4)}
    rows = draw(
        st.lists(
            st.tuples(
                st.sampled_from(list(calls)),
                st.sampled_from(["h0", "h1", None]),
                st.sampled_from(["positive", "neutral", "negative"]),
                st.sampled_from(["p1", "p2", "q1", "q2a"]),
            ),
            max_size=30,
        )
    )
    said = [(f"s{i:02d}", *row[:3]) for i, row in enumerate(rows)]
    return said, [f"{turn[:2]}{call}{turn[2:]}" for call, *_, turn in rows], calls


@settings(max_examples=25, deadline=None)
@given(quarters(), st.integers(0, 100))
def test_every_member_is_counted_exactly_once_and_cells_add_up_to_scores(
    quarter: tuple[list[Said], list[str], dict[str, str]], seed: int
) -> None:
    sentences, turns, calls = quarter
    made = build_scores(**shuffled(inputs(sentences, calls, turns=turns), seed), quarter=QUARTER)
    expected = Counter((theme, c, label) for _, c, theme, label in sentences if theme)
    found: Counter[tuple[str, str, str]] = Counter()
    sums: Counter[tuple[Any, ...]] = Counter()
    added = ("n_positive", "n_neutral", "n_negative", "n_sentences", "n_turns")
    for cell in made.sentiment_cells.to_pylist():
        for n in added:
            sums[cell["theme_id"], cell["transcript_id"], n] += cell[n]
        for mean in ("expected_score", "mean_strength"):
            sums[cell["theme_id"], cell["transcript_id"], mean] += cell[mean] * cell["n_sentences"]
    for row in made.sentiment_scores.to_pylist():
        key = row["theme_id"], row["transcript_id"]
        for label in ("positive", "neutral", "negative"):
            found[*key, label] += row[f"n_{label}"]
        assert row["n_positive"] + row["n_neutral"] + row["n_negative"] == row["n_sentences"]
        assert row["score"] == (row["n_positive"] - row["n_negative"]) / row["n_sentences"]
        assert row["firm_id"] == calls[row["transcript_id"]]
        assert (row["score_se"] is None) == (row["score_df"] is None)
        assert row["score_se"] is None or (row["n_turns"] > 1 and row["score_se"] > 0)
        assert all(sums[*key, n] == row[n] for n in added)
        for mean in ("expected_score", "mean_strength"):
            assert sums[*key, mean] / row["n_sentences"] == pytest.approx(row[mean], abs=1e-12)
    assert +found == expected
    keys = [(r["theme_id"], r["transcript_id"]) for r in made.sentiment_scores.to_pylist()]
    assert keys == sorted(set(keys))
    assert {k[:2] for k in sums} == set(keys)
