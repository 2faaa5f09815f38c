"""The evidence in the hits of a search."""

from typing import Any

from ftm_assets.methods.answering.evidence import gathered


def hit(rank: int, level: str, id_: str, **more: Any) -> dict[str, Any]:
    said = {
        "firm_id": "1",
        "firm_name": "Acme",
        "call_date": "2023-02-01",
        "speaker_type": "analyst",
        "text": "Text.",
    }
    empty = dict.fromkeys(("name", "topic_name", "theme_name", "children"))
    return {
        "rank": rank,
        "level": level,
        "id": id_,
        "score": 1 / rank,
        "is_near": True,
        "quarter": "2023Q1",
        **empty,
        **said,
        **more,
    }


def child(sentence: str, topic: str | None = None) -> dict[str, Any]:
    return {
        "topic_name": topic,
        "sentence_id": sentence,
        "text": "Said.",
        "firm_id": "2",
        "firm_name": None,
        "call_date": None,
        "speaker_type": None,
    }


def test_a_sentence_is_evidence_once_with_all_that_led_to_it():
    made = gathered(
        [
            hit(1, "sentence", "s1"),
            hit(
                2,
                "topic",
                "t1",
                name="Freight",
                theme_name="Logistics",
                children=[child("s1", "Freight"), child("s2", "Freight")],
            ),
            hit(3, "theme", "h1", name="Logistics", children=[child("s2")]),
        ]
    )
    assert [(q.sentence_id, [(f.level, f.rank) for f in q.found]) for q in made.quotations] == [
        ("s1", [("sentence", 1), ("topic", 2)]), ("s2", [("topic", 2), ("theme", 3)]),
    ]  # fmt: skip
    assert [(q.topic, q.theme) for q in made.quotations] == [
        ("Freight", "Logistics"),
        ("Freight", "Logistics"),
    ]
    assert [(c.level, c.name) for c in made.contexts] == [("topic", "Freight"), ("theme", "Logistics")]


def test_what_is_not_known_of_a_speaker_is_left_out():
    said = gathered([hit(1, "theme", "h", name="N", children=[child("s")])]).quotations[0]
    assert said.source == "2, 2023Q1"
    assert gathered([]).quotations == []


def test_a_theme_s_sentence_is_of_its_own_topic():
    made = gathered([hit(1, "theme", "h", name="N", children=[child("s", "Freight"), child("o")])])
    assert [(q.topic, q.theme) for q in made.quotations] == [("Freight", "N"), (None, "N")]


def test_better_hits_bring_more_of_their_sentences():
    hits = [
        hit(r, "theme", f"h{r}", name="N", children=[child(f"{r}-{i}") for i in range(9)])
        for r in range(1, 9)
    ]
    made = [q.sentence_id.partition("-")[0] for q in gathered(hits).quotations]
    assert [made.count(str(r)) for r in range(1, 9)] == [8, 8, 8, 4, 4, 4, 2, 2]


def test_what_is_not_near_is_evidence_only_where_nothing_is():
    near, far = (
        hit(1, "sentence", "s1"),
        hit(2, "theme", "h", name="N", is_near=False, children=[child("s2")]),
    )
    assert [q.sentence_id for q in gathered([near, far]).quotations] == ["s1"]
    assert gathered([near, far]).contexts == []
    assert [q.sentence_id for q in gathered([far]).quotations] == ["s2"]
