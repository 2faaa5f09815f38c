import dataclasses
import re

import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ftm_assets.methods.naming.extractive import RULES_VERSION, ExtractiveNamer, name_extractively
from ftm_assets.methods.naming.rules import Digest, holds_firm_name, name_key

FREIGHT = Digest(
    id="2023Q1:1:000",
    kind="topic",
    keywords=("freight", "freight costs", "carriers", "ocean"),
    sentences=(
        "And, um, freight costs increased, uh, sharply in the quarter.",
        "Our freight costs were up 12% as ocean carriers raised rates.",
        "We think that Monro freight will ease.",
        "So what do you think about carriers?",
    ),
    exclude=("Monro",),
    group="1",
)


def test_the_name_is_the_noun_phrase_that_most_sentences_use():
    named = name_extractively(FREIGHT)
    assert named.name == "Freight costs"
    assert named.naming_method == "extractive"
    assert named.prompt_version == RULES_VERSION


def test_the_summary_is_a_cleaned_statement_rather_than_a_question():
    summary = name_extractively(FREIGHT).summary
    assert "um," not in summary
    assert "?" not in summary
    assert summary.startswith(("Freight costs increased sharply", "Our freight costs"))


def test_speakers_and_firms_are_no_names():
    digest = Digest(
        "t", "topic", ("Todd", "Monro", "tires"), ("Todd will talk about Monro tires.",), exclude=("Monro",)
    )
    assert name_extractively(digest).name == "Tires"


def test_topics_of_one_group_get_distinct_names_and_other_groups_do_not_matter():
    topics = [dataclasses.replace(FREIGHT, id=str(i)) for i in range(4)]
    names = [n.name for n in ExtractiveNamer().name(topics)]
    assert len({name_key(n) for n in names}) == 4
    elsewhere = dataclasses.replace(FREIGHT, group="2")
    assert ExtractiveNamer().name([*topics, elsewhere])[-1].name == names[0]


def test_progress_is_told():
    seen = []
    ExtractiveNamer().name([FREIGHT, FREIGHT], lambda done, n: seen.append((done, n)))
    assert seen == [(1, 2), (2, 2)]


@pytest.mark.parametrize(
    ("keywords", "sentences", "name"),
    [
        ((), (), "Unnamed topic"),
        (("copper", "zinc", "nickel"), (), "Copper, zinc and nickel"),
        (("copper",), ("Yes.",), "Copper"),
        ((), ("Uh, 12, 13.",), "Unnamed topic"),
    ],
)
def test_without_phrases_the_keywords_are_the_name(keywords, sentences, name):
    assert name_extractively(Digest("t", "topic", keywords, sentences)).name == name


def test_a_theme_is_named_by_its_topics_and_says_what_it_covers():
    theme = Digest(
        id="2023Q1:theme:000",
        kind="theme",
        keywords=("supply chain", "lead times", "inventory"),
        sentences=("Supply chain delays lengthened our lead times.", "Inventory rose."),
        names=("Supply chain delays", "Longer lead times", "Supply chain delays", "Inventory build"),
    )
    named = name_extractively(theme)
    assert named.name == "Supply chain delays and inventory"
    assert named.summary == (
        "Covers longer lead times, supply chain delays and inventory build. "
        "Supply chain delays lengthened our lead times."
    )


def theme(*said, **fields):
    """Return a theme of which each firm said one thing."""
    evidence = tuple((text, str(firm)) for firm, text in enumerate(said))
    return Digest("t", "theme", fields.pop("keywords", ()), (), evidence=evidence, **fields)


TIRES = ["We look at tire prices, brake repairs and so on."] * 4


def test_a_theme_has_no_name_that_only_one_of_its_firms_would_use():
    said = [*["Freight costs rose again."] * 3, "The Zorvex serology test and our Zorvex serology test."]
    names = {name_extractively(theme(*said, keywords=(k,))).name for k in ("Zorvex serology test", "freight")}
    assert names == {"Freight costs"}


def test_a_theme_without_a_phrase_or_subject_is_named_by_its_keywords():
    said = [
        f"We saw {what} there."
        for what in ("copper", "zinc", "cotton", "wheat", "corn", "sugar", "wool", "coal")
    ]
    named = name_extractively(theme(*said, keywords=("copper", "zinc")))
    assert named.name == "Copper and zinc"


def test_themes_have_distinct_names():
    names = [n.name for n in ExtractiveNamer().name([theme(*TIRES, keywords=("rubber",)) for _ in range(3)])]
    assert len({name_key(n) for n in names}) == 3


WORDS = """freight costs the of and Monro increased sales, 12% uh we Todd strong-. margin's COVID-19 £ …"""
words = st.sampled_from(WORDS.split()) | st.text(max_size=6)
texts = st.lists(words, max_size=14).map(" ".join)
digests = st.builds(
    Digest,
    id=st.just("t"),
    kind=st.sampled_from(["topic", "theme"]),
    keywords=st.lists(texts, max_size=5).map(tuple),
    sentences=st.lists(texts, max_size=6).map(tuple),
    names=st.lists(texts, max_size=3).map(tuple),
    exclude=st.lists(words, max_size=2).map(tuple),
)


@settings(deadline=None)
@given(st.lists(digests, max_size=4))
def test_whatever_the_text_a_name_obeys_the_rules(batch):
    for digest, named in zip(batch, ExtractiveNamer().name(batch), strict=True):
        assert 1 <= len(named.name.split()) <= 8
        assert named.name.isprintable()
        assert named.summary.isprintable()
        assert 0 < len(named.summary) <= 400
        if not named.name.startswith("Unnamed"):
            assert not holds_firm_name(named.name, digest.exclude)


@pytest.mark.integration
def test_names_of_the_real_calls_are_short_and_clean(earnings21):
    spoken = pq.read_table(
        earnings21, columns=["companyname", "componenttext", "speakertypename"]
    ).to_pylist()
    digests = [
        Digest(str(i), "topic", (), tuple(re.split(r"(?<=[.?!])\s+", row["componenttext"])[:10]))
        for i, row in enumerate(spoken)
        if row["speakertypename"] == "Executives" and len(row["componenttext"]) > 600
    ]
    names = [n.name for n in ExtractiveNamer().name([dataclasses.replace(d, group=d.id) for d in digests])]
    assert len(names) > 300
    assert not [n for n in names if re.search(r"\b(uh|um)\b|\w- |^\W|\b(of|and|the|in|for)$", n.lower())]
    assert sum(n.startswith("Unnamed") for n in names) == 0
