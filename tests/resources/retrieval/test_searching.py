import subprocess
import sys
import warnings
from collections.abc import Callable
from datetime import date, datetime
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from ftm_resources import search
from ftm_resources.models.embedder import Embedder
from ftm_resources.retrieval import kept_open
from ftm_resources.retrieval.hits import HITS
from ftm_resources.retrieval.index_folder import build_index
from ftm_resources.retrieval.kept_open import quarters_of
from ftm_resources.retrieval.query_model import QueryModelError
from ftm_resources.warehouse import Warehouse
from ftm_resources.warehouse.errors import WarehouseError

from .conftest import MODEL, QUARTER

pytestmark = pytest.mark.filterwarnings("ignore::ftm_resources.retrieval.kept_open.NoIndexWarning")
Rows = Callable[..., dict[str, list[dict[str, Any]]]]
Written = Callable[..., Warehouse]


@pytest.fixture(params=["index", "exact"])
def held(request: pytest.FixtureRequest, warehouse: Warehouse) -> Warehouse:
    """The quarter with an index, and without one."""
    if request.param == "index":
        build_index(warehouse, QUARTER)
    return warehouse


def hits(warehouse: Warehouse, query: str, *quarters: str, **asked: Any) -> list[dict[str, Any]]:
    found = search(query, quarters or None, warehouse=warehouse, **{"embedder": MODEL, **asked})
    assert found.schema.equals(HITS)
    assert found["rank"].to_pylist() == list(range(1, found.num_rows + 1))
    rows: list[dict[str, Any]] = found.to_pylist()
    return rows


def test_a_subject_is_found_at_each_level_with_its_parents(held: Warehouse):
    (theme,) = hits(held, "shipping by sea", levels=["theme"], k=1)
    assert (theme["id"], theme["name"]) == ("2023Q1:theme:000", "Ocean Freight Rates")
    assert (theme["theme_id"], theme["n_topics"], theme["firm_id"]) == (theme["id"], 3, None)
    assert theme["tone"] == pytest.approx(-1 / 3), "one firm is positive, two are negative"
    topic = hits(held, "shipping by sea", levels=["topic"], firms=["2"], k=1)[0]
    assert topic["id"] == "2023Q1:2:000"
    assert (topic["theme_name"], topic["firm_name"], topic["tone"]) == (
        "Ocean Freight Rates",
        "Copper Müller AG",
        -1.0,
    )
    sentence = hits(held, "shipping by sea", levels=["sentence"], firms=["1"], k=1)[0]
    assert "ocean freight" in sentence["text"]
    assert (sentence["topic_id"], sentence["topic_name"]) == ("2023Q1:1:000", "Ocean freight rates")
    assert (sentence["theme_id"], sentence["tone"], sentence["permno"]) == ("2023Q1:theme:000", 1.0, 10001)
    assert sentence["speaker_type"] in {"analyst", "executive"}
    assert sentence["call_date"] in {date(2023, 1, 10), date(2023, 2, 10)}
    assert sentence["quarter"] == QUARTER


def test_one_ranking_holds_all_levels_and_a_theme_speaks_for_its_own(held: Warehouse):
    found = hits(held, "we expect vaccine trials to improve in area 2", k=20)
    assert {h["level"] for h in found} == {"theme", "topic", "sentence"}
    first = next(i for i, h in enumerate(found) if h["level"] == "theme" and h["id"] == "2023Q1:theme:002")
    later = [h for h in found[first + 1 :] if h["level"] != "theme" and h["theme_id"] == "2023Q1:theme:002"]
    assert later == []
    assert sum(h["theme_id"] == "2023Q1:theme:002" for h in found[:first]) <= 3
    stood_for = [
        h["topics_found"] + h["sentences_found"] for h in found if h["theme_id"] == "2023Q1:theme:002"
    ]
    assert sum(stood_for) >= 5


def test_what_a_firm_repeats_is_one_hit(warehouse: Warehouse, rows_of: Rows, written: Written):
    """Three firms say the same of each area; one of them says it twice."""
    changed = rows_of()
    again = next(r for r in changed["sentences"] if r["firm_id"] == "1" and "weather" in r["text"])
    again["text"] = "Well, we expect vaccine trials to, uh, improve in area 2!"
    changed["sentence_kinds"] = [
        r | {"is_procedural": False} if r["sentence_id"] == again["sentence_id"] else r
        for r in changed["sentence_kinds"]
    ]
    written(warehouse, {name: changed[name] for name in ("sentences", "sentence_kinds")})
    for k in (1, 3, 30):
        found = hits(
            warehouse, "we expect vaccine trials to improve in area 2 FRTX", levels=["sentence"], k=k
        )
        same = [h for h in found if "vaccine trials" in h["text"] and "area 2" in h["text"]]
        assert {h["firm_id"]: len(h["duplicates"]) for h in same[:1]} == {"1": 1}
    assert [len(h["duplicates"]) for h in same] == [1, 0, 0], "other firms' sentences are hits of their own"


def test_hits_that_nothing_speaks_for_are_marked(held: Warehouse):
    assert all(h["is_near"] for h in hits(held, "ocean freight rates", k=3))
    far = hits(held, "qzxv", k=3, levels=["sentence"])
    assert [h["is_near"] for h in far] == [h["calibrated"] >= -1 for h in far]
    assert not any(h["is_near"] for h in hits(held, "Bach's fugues for the organ", k=40)[-3:])
    assert all(h["is_near"] for h in hits(held, "freight", mode="text"))


@pytest.mark.parametrize(
    ("filters", "kept"),
    [
        ({"firms": ["1"]}, lambda h: h["firm_id"] == "1"),
        ({"firms": ["copr", "3"]}, lambda h: h["firm_id"] in {"2", "3"}),
        ({"permnos": [10003]}, lambda h: h["permno"] == 10003),
        ({"speakers": ["analyst"]}, lambda h: h["speaker_type"] == "analyst"),
        ({"sections": ["presentation"]}, lambda h: h["section"] == "presentation"),
        ({"since": date(2023, 2, 1)}, lambda h: h["call_date"] >= date(2023, 2, 1)),
        ({"until": date(2023, 1, 31)}, lambda h: h["call_date"] <= date(2023, 1, 31)),
        (
            {"firms": ["1"], "speakers": ["analyst"], "until": date(2023, 1, 31)},
            lambda h: h["firm_id"] == "1",
        ),
    ],
)
@pytest.mark.parametrize("mode", ["hybrid", "vector", "text"])
def test_filters_are_exact_in_every_mode(
    held: Warehouse, filters: dict[str, Any], kept: Callable[..., bool], mode: str
):
    asked = {"levels": ["sentence"], "k": 100, "mode": mode, "per_theme": None}
    every = hits(held, "we expect", **asked)
    some = hits(held, "we expect", **asked, **filters)
    listed = {i for h in every for i in (h["id"], *h["duplicates"])}
    met = {i for h in some for i in (h["id"], *h["duplicates"])}
    assert all(kept(h) for h in some)
    assert 0 < len(met) < len(listed) == 48, "all but the three about the call itself"


def test_topics_and_themes_pass_a_filter_if_a_sentence_of_theirs_does(
    warehouse: Warehouse, rows_of: Rows, written: Written
):
    changed = rows_of()
    for row in changed["sentences"]:
        is_copper = "copper" in row["text"]
        row["speaker_type"] = "analyst" if is_copper and row["firm_id"] == "2" else "executive"
    written(warehouse, {"sentences": changed["sentences"]})
    build_index(warehouse, QUARTER)
    found = hits(warehouse, "ocean freight", levels=["topic", "theme"], speakers=["analyst"], k=50)
    assert {h["id"] for h in found} == {"2023Q1:theme:001"}, "its topic is folded into it"
    assert {h["id"] for h in hits(warehouse, "ocean freight", levels=["topic"], speakers=["analyst"])} == {
        "2023Q1:2:001"
    }


def test_a_theme_passes_a_filter_only_by_sentences_that_count_in_it(
    warehouse: Warehouse, rows_of: Rows, written: Written
):
    changed = rows_of()
    kinds = {row["sentence_id"]: row["speaker_type"] for row in changed["sentences"]}
    for row in changed["theme_sentences"]:
        row["is_member"] = row["theme_id"] != "2023Q1:theme:000" or kinds[row["sentence_id"]] != "analyst"
    written(warehouse, {"theme_sentences": changed["theme_sentences"]})
    found = hits(warehouse, "ocean freight", levels=["theme"], speakers=["analyst"], children=5)
    assert "2023Q1:theme:000" not in {h["id"] for h in found}
    assert len(found) == 2
    assert all(h["children"] for h in found)
    topics = hits(warehouse, "ocean freight", levels=["topic"], speakers=["analyst"])
    assert topics[0]["topic_name"] == "Ocean freight rates", "a topic's sentences need not count in its theme"


def test_a_topic_s_call_is_that_of_most_of_its_sentences_that_meet_the_filter(
    warehouse: Warehouse, rows_of: Rows, written: Written
):
    """All of the topic's sentences are of the firm's first call, to which one of the second is added."""
    changed = rows_of()
    early, late = date(2023, 1, 10), date(2023, 2, 10)
    moved = next(r for r in changed["sentence_topics"] if r["topic_id"] == "2023Q1:1:001")
    moved["topic_id"] = "2023Q1:1:000"
    written(warehouse, {"sentence_topics": changed["sentence_topics"]})

    def call(**filters: Any) -> date:
        asked = {"levels": ["topic"], "k": 1, "mode": "text", **filters}
        (topic,) = hits(warehouse, 'FRTX "ocean freight rates"', **asked)
        assert topic["id"] == "2023Q1:1:000"
        said: date = topic["call_date"]
        return said

    assert call() == call(firms=["1"]) == call(until="2023-01-31") == early
    assert call(since="2023-02-01") == late
    build_index(warehouse, QUARTER)
    assert (call(), call(since="2023-02-01")) == (early, late)


@pytest.mark.parametrize(
    ("one", "same"),
    [
        ({"firms": "copr"}, {"firms": ["COPR"]}),
        ({"permnos": 10003}, {"permnos": [10003]}),
        ({"speakers": "Analyst"}, {"speakers": ["analyst"]}),
        ({"sections": "Q_and_A"}, {"sections": ["q_and_a"]}),
        ({"since": "2023-02-01"}, {"since": date(2023, 2, 1)}),
        ({"until": "2023-01-31"}, {"until": datetime(2023, 1, 31, 12)}),  # noqa: DTZ001 - a naive time has a date too
        ({"levels": "topic"}, {"levels": ["topic"]}),
    ],
)
def test_one_may_be_given_for_several_and_text_for_a_date(
    warehouse: Warehouse, one: dict[str, Any], same: dict[str, Any]
):
    every = {"k": 1000, "per_theme": None}
    found = hits(warehouse, "we expect", **every, **one)
    assert found == hits(warehouse, "we expect", **every, **same)
    assert 0 < len(found) < len(hits(warehouse, "we expect", **every))


def test_filters_that_match_nothing_find_nothing(held: Warehouse):
    for nothing in (
        {"speakers": ["operator"]},
        {"since": date(2030, 1, 1)},
    ):
        assert hits(held, "ocean freight", **nothing) == []
        assert hits(held, '"ocean freight"', mode="text", **nothing) == []


def test_sentences_about_the_call_are_left_out_unless_asked_for(held: Warehouse):
    assert not [
        h for h in hits(held, "weather was fine", levels=["sentence"], k=50) if "weather" in h["text"]
    ]
    found = hits(held, "weather was fine", levels=["sentence"], with_procedural=True)
    assert found[0]["text"] == "The weather was fine."
    assert found[0]["tone"] is None


def test_names_tickers_numbers_and_phrases_are_found(held: Warehouse):
    assert {h["firm_id"] for h in hits(held, "VACC", mode="text", k=30)} <= {"3"}
    assert {h["firm_id"] for h in hits(held, "muller", mode="text", k=30)} == {"2"}
    for mode in ("hybrid", "vector", "text"):
        found = hits(held, 'news of "trials to improve in area 3"', mode=mode, k=50)
        assert [h["text"] for h in found] == ["We expect vaccine trials to improve in area 3."] * 3
    assert hits(held, '"trials vaccine"') == []


def test_words_that_nobody_said_are_found_by_meaning_alone(held: Warehouse):
    found = hits(held, "qzxv shipment")
    assert found
    assert all(h["bm25"] is None for h in found)
    assert hits(held, "qzxv", mode="text") == []


@pytest.mark.parametrize(
    "query", ['freight "', '"" freight', "AND OR", "text:freight^2 [a TO b]", '"' * 99 + "x", "%00 \0"]
)
def test_hostile_queries_are_words(held: Warehouse, query: str):
    assert len(hits(held, query, k=3)) <= 3


def test_more_hits_than_rows_are_all_rows(held: Warehouse):
    found = hits(held, "ocean freight", k=1000, levels=["theme"])
    assert len(found) == 3
    every = hits(held, "ocean freight", k=1000, per_theme=None)
    standing = sum(1 + len(h["duplicates"]) + h["topics_found"] + h["sentences_found"] for h in every)
    assert standing == 3 + 12 + 48


def test_children_are_the_nearest_sentences_that_meet_the_filters(held: Warehouse):
    theme, *_ = hits(held, "copper in area 2", levels=["theme"], children=3, speakers=["analyst"], k=1)
    assert theme["name"] == "Copper Mining"
    assert len(theme["children"]) == 3
    assert {c["speaker_type"] for c in theme["children"]} == {"analyst"}
    assert all("copper" in c["text"] for c in theme["children"])
    assert all(c["topic_id"].endswith(":001") and c["topic_name"] for c in theme["children"])
    similar = [c["similarity"] for c in theme["children"]]
    assert similar == sorted(similar, reverse=True)
    topic, *_ = hits(held, "copper", levels=["topic"], children=2, firms=["3"], k=1)
    assert {c["firm_id"] for c in topic["children"]} == {"3"}
    assert hits(held, "copper", levels=["sentence"], children=2, k=1)[0]["children"] is None


def test_several_quarters_are_one_ranking(warehouse: Warehouse, rows_of: Rows, written: Written):
    other = rows_of("2023Q3")
    other["sentences"][0]["text"] = other["sentence_embeddings"][0]["text"] = (
        "Ocean freight is dear because of storms."
    )
    written(warehouse, other, "2023Q3")
    build_index(warehouse, "2023Q3")
    assert quarters_of(warehouse, None) == [QUARTER, "2023Q3"]
    assert quarters_of(warehouse, "2023Q1..2023Q4") == [QUARTER, "2023Q3"]
    found = hits(warehouse, "storms made ocean freight dear", "2023Q1..2023Q4", k=30)
    assert {h["quarter"] for h in found} == {QUARTER, "2023Q3"}
    assert found[0]["quarter"] == "2023Q3" or found[1]["quarter"] == "2023Q3"
    assert {h["quarter"] for h in hits(warehouse, "storms", "2023Q1")} == {QUARTER}
    assert {h["is_exact"] for h in found} == {True, False}, "one has an index"


def test_what_cannot_be_searched_is_said(warehouse: Warehouse):
    with pytest.raises(WarehouseError, match=r"no quarter 2019Q1.*it holds 2023Q1"):
        hits(warehouse, "freight", "2019Q1")
    for wrong, said in [
        ({"levels": ["word"]}, "no level 'word'; choose from theme, topic, sentence"),
        ({"speakers": ["ceo"]}, "no speaker 'ceo'"),
        ({"sections": ["intro"]}, "no section 'intro'"),
        ({"mode": "magic"}, "no mode 'magic'"),
        ({"levels": []}, "no level is given"),
        ({"since": "soon"}, "since must be a date such as 2023-01-31, not 'soon'"),
        ({"k": 0}, "k is 0"),
        ({"firms": ["FRTX", "FRTXX"]}, "no call of FRTXX in 2023Q1"),
        ({"firms": [""]}, "no call of  in 2023Q1"),
        ({"permnos": [7]}, "no call of PERMNO 7 in 2023Q1"),
        ({"since": date(2023, 2, 1), "until": date(2023, 1, 1)}, "is after until"),
    ]:
        with pytest.raises(ValueError, match=said):
            hits(warehouse, "freight", **wrong)
    for empty in ("", "  ", '""'):
        with pytest.raises(ValueError, match="the query is empty"):
            hits(warehouse, empty)
    for no_range in ("2023Q4..2023Q1", "2023Q1..", "..2023Q1", ".."):
        with pytest.raises(ValueError, match="is not a range of quarters"):
            hits(warehouse, "freight", no_range)
    with pytest.raises(ValueError, match='the phrase "%%" has no word'):
        hits(warehouse, 'freight "%%"')
    with pytest.raises(ValueError, match="no quarter is given"):
        search("freight", [], warehouse=warehouse, embedder=MODEL)


class Other(Embedder):
    """A model of two dimensions."""

    name: str = "other/model"

    def model_name(self) -> str:
        return self.name

    def embed(self, texts: Any, *, progress: Any = None) -> Any:  # noqa: ARG002 - the same signature
        return np.tile(np.array([[1.0, 0.0]], np.float32), (len(texts), 1))

    def embed_query(self, text: str) -> Any:
        return self.embed([text])[0]


@pytest.mark.parametrize("has_index", [True, False])
def test_another_model_is_refused_with_the_reason(warehouse: Warehouse, has_index: bool):
    if has_index:
        build_index(warehouse, QUARTER)
    with pytest.raises(
        QueryModelError, match=r"2023Q1 are made by all-MiniLM.*other/model.*FTM_EMBEDDING_MODEL"
    ):
        hits(warehouse, "freight", embedder=Other())
    with pytest.raises(QueryModelError, match=r"384 long, but those of .* are 2"):
        hits(warehouse, "freight", embedder=Other(name=MODEL.model_name()))
    assert hits(warehouse, "freight", embedder=Other(), mode="text"), "words need no model"


def test_quarters_of_two_models_are_searched_one_by_one(
    warehouse: Warehouse, rows_of: Rows, written: Written
):
    written(warehouse, rows_of("2023Q2"), "2023Q2", model="other/model", embed=Other().embed)
    build_index(warehouse, "2023Q2")
    with pytest.raises(QueryModelError, match="2023Q2 are made by other/model"):
        hits(warehouse, "freight", "2023Q1", "2023Q2")
    assert hits(warehouse, "freight", "2023Q1")
    assert hits(warehouse, "freight", "2023Q2", embedder=Other())
    assert {h["quarter"] for h in hits(warehouse, "freight", mode="text")} == {"2023Q1", "2023Q2"}


def test_a_quarter_stays_open_until_its_tables_change(
    warehouse: Warehouse, rows_of: Rows, written: Written, monkeypatch: pytest.MonkeyPatch
):
    build_index(warehouse, QUARTER)
    first = hits(warehouse, "freight")

    def refuse(*_: object, **__: object) -> None:
        raise AssertionError("tables are looked up again")

    with monkeypatch.context() as patch:
        patch.setattr(Warehouse, "together", refuse)
        assert hits(warehouse, "freight") == first
    changed = rows_of()
    changed["themes"][0]["name"] = "Shipping"
    written(warehouse, {"themes": changed["themes"]})
    assert hits(warehouse, "freight", levels=["theme"])[0]["name"] == "Shipping"


@pytest.mark.parametrize("reader", ["opened_index", "in_memory"])
def test_a_commit_while_a_quarter_is_read_is_seen_by_the_next_search(
    warehouse: Warehouse, rows_of: Rows, written: Written, monkeypatch: pytest.MonkeyPatch, reader: str
):
    if reader == "opened_index":
        build_index(warehouse, QUARTER)
    read = getattr(kept_open, reader)

    def slowly(*given: Any) -> Any:
        opened = read(*given)
        monkeypatch.setattr(kept_open, reader, read)
        changed = rows_of()
        changed["themes"][0]["name"] = "Shipping"
        written(warehouse, {"themes": changed["themes"]})
        return opened

    monkeypatch.setattr(kept_open, reader, slowly)
    names = [hits(warehouse, "freight", levels=["theme"])[0]["name"] for _ in range(2)]
    assert names == ["Ocean Freight Rates", "Shipping"]


def test_every_column_says_what_it_is():
    assert all(field.metadata[b"doc"] for field in HITS)
    assert isinstance(HITS, pa.Schema)


def test_importing_the_package_loads_no_models():
    script = "import sys, ftm_resources; assert not {'torch', 'dagster', 'tantivy'} & set(sys.modules)"
    assert subprocess.run([sys.executable, "-c", script], check=False).returncode == 0


def test_warnings_name_the_quarter_that_lacks_an_index(warehouse: Warehouse):
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        hits(warehouse, "freight")
        hits(warehouse, "freight")
    assert [str(w.message).partition(":")[0] for w in told] == [QUARTER], "once, while it stays open"
