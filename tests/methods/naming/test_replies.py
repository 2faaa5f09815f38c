import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ftm_assets.methods.naming import replies
from ftm_assets.methods.naming.replies import parse_reply
from ftm_assets.methods.naming.rules import Digest, NamingError, is_english

TIRES = Digest(
    id="2023Q1:1:000",
    kind="topic",
    keywords=("tires", "tire sales"),
    sentences=("Tire sales rose 3%.", "We sold more tires."),
    exclude=("Monro",),
)
GOOD = {"name": "Tire sales growth", "summary": "Tire sales rose 3% in the quarter."}
EXPECTED = (GOOD["name"], GOOD["summary"])


@pytest.mark.parametrize(
    "text",
    [
        json.dumps(GOOD),
        f"```json\n{json.dumps(GOOD, indent=2)}\n```",
        f"Sure! Here it is: {json.dumps(GOOD)} Hope that helps.",
        f"<think>The {{name}} could be tires</think>\n{json.dumps(GOOD)}",
        f'<think>{{"name": "Wrong", "summary": "Wrong thing entirely."}}</think>{json.dumps(GOOD)}',
        json.dumps({**GOOD, "confidence": 1}),
        json.dumps({"name": f"Name: {GOOD['name']}", "summary": f"Summary: {GOOD['summary']}"}),
        f'it opened in the prompt: {{"name": "Wrong one"}}</think>{json.dumps(GOOD)}',
        f"{json.dumps(GOOD)}\n{json.dumps(GOOD)}",
        json.dumps({"name": "**tire sales growth.**", "summary": f"{GOOD['summary']}\n"}),
        '{"schema": {}} ' + json.dumps(GOOD),
    ],
    ids=[
        "plain",
        "fence",
        "prose",
        "think",
        "think with json",
        "extra key",
        "labels",
        "think opened by template",
        "twice",
        "markdown",
        "two objects",
    ],
)
def test_a_usable_reply_is_found_wherever_it_stands(text):
    assert parse_reply(text, TIRES) == EXPECTED


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "no complete JSON"),
        ("I cannot help with that.", "no complete JSON"),
        ('{"name": "Tire sales gr', "no complete JSON"),
        ('{"name": "Wrong one", "summary": "A thought in the middle."} so </think> no', "no complete JSON"),
        (json.dumps({**GOOD, "name": "Name this topic of one company"}), "repeats the instructions"),
        (json.dumps({**GOOD, "summary": "Reply with the JSON object."}), "repeats the instructions"),
        (f"<think>still thinking {json.dumps(GOOD)}", "no complete JSON"),
        ('{"title": "x"}', "'name'"),
        ('{"name": 3, "summary": "x"}', "'name'"),
        ('{"name": "Tire sales"}', "'summary'"),
        (json.dumps({**GOOD, "name": "Monro tire sales"}), "own name"),
        (json.dumps({**GOOD, "name": "Various topics"}), "Various"),
        (json.dumps({**GOOD, "name": "a b c d e f g h i"}), "at most 8"),
        (json.dumps({**GOOD, "name": "轮胎销售增长"}), "English"),
        (json.dumps({**GOOD, "summary": "轮胎销售增长了百分之三 in the quarter 季度"}), "English"),
        (json.dumps({**GOOD, "summary": ""}), "summary is empty"),
        ("{" * 20_000, "no complete JSON"),
    ],
)
def test_an_unusable_reply_says_what_to_mend(text, reason):
    with pytest.raises(NamingError, match=reason):
        parse_reply(text, TIRES)


def test_an_over_long_summary_is_cut_at_a_sentence():
    long = json.dumps({**GOOD, "summary": "Tire sales rose. " * 600})
    assert parse_reply(long, TIRES)[1] == "Tire sales rose. Tire sales rose."


@given(st.text(max_size=300), st.text(max_size=300))
def test_whatever_is_replied_is_refused_or_obeys_the_rules(name, summary):
    try:
        name, summary = parse_reply(json.dumps({"name": name, "summary": summary}), TIRES)
    except NamingError:
        return
    assert 1 <= len(name.split()) <= 8
    assert name.isprintable()
    assert summary.isprintable()
    assert is_english(name + summary)


MEGABYTE = 2**20


@pytest.mark.parametrize(
    "text",
    [
        "{" * MEGABYTE,
        '{"' * (MEGABYTE // 2),
        '{"a":' * (MEGABYTE // 5),
        '{"name": "' * (MEGABYTE // 10),
        '{"a": [' * (MEGABYTE // 7),
        "<think>" * (MEGABYTE // 7),
        "</think>" * (MEGABYTE // 8),
        json.dumps({"name": "[" * MEGABYTE, "summary": "[](" * MEGABYTE}),
        json.dumps({"name": "Tire sales", "summary": "*" * MEGABYTE}),
    ],
    ids=["braces", "keys", "objects", "names", "lists", "thoughts", "ends", "links", "stars"],
)
def test_a_reply_made_to_keep_a_parser_busy_is_refused(text):
    """Each took from minutes to days when every brace was tried to the end of the text."""
    with pytest.raises(NamingError):
        parse_reply(text, TIRES)


def test_an_answer_is_found_behind_more_objects_than_are_looked_at():
    drafts = '{"draft": 1} ' * (2 * replies.MAX_OBJECTS)
    assert parse_reply(drafts + json.dumps(GOOD), TIRES) == EXPECTED
