"""`ask` over a small quarter, with a scripted endpoint and without one."""

import json
import re
from pathlib import Path

import pytest

from ftm_assets.answers.asking import ask, log_file
from ftm_resources.endpoint.connection import EndpointUnavailableError, RequestError
from ftm_resources.endpoint.llm import LlmResource
from ftm_resources.warehouse import Warehouse
from tests.resources.retrieval.conftest import MODEL
from tests.scripted_llm import Reply, ScriptedLlm

pytestmark = pytest.mark.filterwarnings("ignore::ftm_resources.retrieval.kept_open.NoIndexWarning")


@pytest.fixture(autouse=True)
def exports(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FTM_EXPORTS", str(tmp_path / "exports"))
    monkeypatch.delenv("LLM_BASE_URL", raising=False)


@pytest.fixture
def llm(scripted_llm: ScriptedLlm) -> LlmResource:
    return LlmResource(base_url=scripted_llm.url, model="test-model", max_tokens=400)


def said(*claims: tuple[str, list[str]]) -> Reply:
    return Reply(content=json.dumps({"claims": [{"text": t, "cites": c} for t, c in claims]}))


def test_claims_cite_sentences_that_were_shown_and_invented_citations_are_counted(
    warehouse: Warehouse, scripted_llm: ScriptedLlm, llm: LlmResource
):
    scripted_llm.script = lambda *_: said(("Freight rates rose.", ["S1", "S2", "S999"]), ("Buy.", ["S998"]))
    answer = ask("What about freight?", warehouse=warehouse, embedder=MODEL, llm=llm)
    assert answer.checked is not None
    assert [c.text for c in answer.checked.claims] == ["Freight rates rose."]
    cited = [q.sentence_id for q in answer.checked.claims[0].cites]
    assert cited == [q.sentence_id for q in answer.shown[:2]]
    assert (answer.checked.invented, answer.checked.unsupported) == (2, 1)
    texts = warehouse.read("sentences", answer.hits["quarter"][0].as_py()).to_pylist()
    known = {row["sentence_id"]: row["text"] for row in texts}
    assert all(known[q.sentence_id] == q.text for q in answer.shown)
    prompt = scripted_llm.bodies[0]["messages"][1]["content"]
    assert len(re.findall(r"<quotation number=S\d+ ", prompt)) == len(answer.shown)


def test_what_was_retrieved_is_noted_with_levels_and_scores_and_without_the_text_of_calls(
    warehouse: Warehouse, scripted_llm: ScriptedLlm, llm: LlmResource
):
    scripted_llm.script = lambda *_: said(("Rates rose.", ["S1"]))
    for question in ("What about freight?", "And copper?"):
        answer = ask(question, warehouse=warehouse, embedder=MODEL, llm=llm)
    lines = [json.loads(line) for line in log_file().read_text().splitlines()]
    assert [line["question"] for line in lines] == ["What about freight?", "And copper?"]
    noted = lines[1]
    assert noted["model"] == "test-model"
    assert [h["id"] for h in noted["hits"]] == answer.hits["id"].to_pylist()
    assert all(h["score"] > 0 and h["level"] in {"theme", "topic", "sentence"} for h in noted["hits"])
    assert noted["claims"][0]["cites"] == [answer.shown[0].sentence_id]
    assert all(s["found_by"] for s in noted["shown"])
    assert not any(q.text in log_file().read_text() for q in answer.shown)
    ask("No note?", warehouse=warehouse, embedder=MODEL, llm=llm, log=False)
    assert len(log_file().read_text().splitlines()) == 2


def test_without_an_endpoint_the_evidence_is_the_answer(warehouse: Warehouse):
    answer = ask("What about freight?", warehouse=warehouse, embedder=MODEL)
    assert answer.checked is None
    assert answer.evidence.quotations
    assert json.loads(log_file().read_text())["model"] is None


def test_where_nothing_is_found_no_model_is_asked(
    warehouse: Warehouse, scripted_llm: ScriptedLlm, llm: LlmResource
):
    answer = ask('"no such phrase at all"', warehouse=warehouse, embedder=MODEL, llm=llm)
    assert answer.evidence.quotations == []
    assert scripted_llm.bodies == []


@pytest.mark.parametrize(
    "reply",
    [
        Reply(content="I will not answer in JSON."),
        Reply(content=None),
        Reply(content="{" * 50_000),
        Reply(content='{"claims": [{"text": "x"', finish_reason="length"),
        Reply(body=b"\x00\xff garbage"),
        Reply.error(400),
    ],
    ids=["prose", "null", "braces", "cut off", "garbage", "refused"],
)
def test_a_model_that_gives_nothing_usable_is_an_error_that_says_so(
    warehouse: Warehouse, scripted_llm: ScriptedLlm, llm: LlmResource, reply: Reply
):
    scripted_llm.script = lambda *_: reply
    with pytest.raises((RequestError, EndpointUnavailableError)):
        ask("What about freight?", warehouse=warehouse, embedder=MODEL, llm=llm)


def test_a_repaired_reply_is_used(warehouse: Warehouse, scripted_llm: ScriptedLlm, llm: LlmResource):
    replies = iter([Reply(content="Freight rose."), said(("Freight rose.", ["S1"]))])
    scripted_llm.script = lambda *_: next(replies)
    answer = ask("What about freight?", warehouse=warehouse, embedder=MODEL, llm=llm)
    assert [c.text for c in answer.claims] == ["Freight rose."]
    assert answer.tokens_in == 1800
