"""`ask` with a real model, which is far too small to answer well: what it says is checked all the same."""

import json
from pathlib import Path
from typing import Any

import pytest

from ftm_assets.answers import asking
from ftm_assets.answers.asking import ask, log_file
from ftm_resources.endpoint.llm import LlmResource
from ftm_resources.warehouse import Warehouse
from tests.resources.retrieval.conftest import MODEL, QUARTER, nothing_is_open, template, warehouse

from .small_llm import CONTEXT

__all__ = ["nothing_is_open", "template", "warehouse"]

pytestmark = [
    pytest.mark.integration,
    pytest.mark.filterwarnings("ignore::ftm_resources.retrieval.kept_open.NoIndexWarning"),
]

QUESTIONS = ("What is expected of ocean freight?", "Which firms speak of vaccine trials?")


def test_every_citation_of_a_real_model_is_a_sentence_that_it_was_shown(
    small_llm: str, warehouse: Warehouse, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setenv("FTM_EXPORTS", str(tmp_path))
    llm = LlmResource(
        base_url=small_llm, model="smollm2", max_tokens=200, context_tokens=CONTEXT, read_seconds=600.0
    )
    answers = [
        ask(question, QUARTER, k=3, warehouse=warehouse, embedder=MODEL, llm=llm) for question in QUESTIONS
    ]
    for answer in answers:
        assert answer.shown
        assert answer.tokens_in > 100
        assert answer.tokens_out > 0
        assert answer.checked is not None
        stored = set(warehouse.read("sentences", QUARTER).column("sentence_id").to_pylist())
        shown = {q.sentence_id for q in answer.shown}
        assert shown <= stored
        assert shown <= {q.sentence_id for q in answer.evidence.quotations}
        for claim in answer.claims:
            assert claim.text
            assert {q.sentence_id for q in claim.cites} <= shown
    assert any(answer.claims for answer in answers), "the schema lets it cite nothing else"
    noted = [json.loads(line) for line in log_file().read_text().splitlines()]
    assert [n["question"] for n in noted] == list(QUESTIONS)
    for note, answer in zip(noted, answers, strict=True):
        assert note["model"] == "smollm2"
        assert {s["sentence_id"] for s in note["shown"]} == {q.sentence_id for q in answer.shown}
        assert [c["cites"] for c in note["claims"]] == [
            [q.sentence_id for q in c.cites] for c in answer.claims
        ]
        assert note["invented"] == answer.checked.invented
        assert note["tokens_out"] == answer.tokens_out


def test_what_a_real_model_invents_without_a_schema_is_removed_and_counted(
    small_llm: str, warehouse: Warehouse, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    """The same model with a schema that lets it cite nothing that it was shown."""
    real = asking.answer_schema

    def of_others(n: int) -> dict[str, Any]:
        schema: dict[str, Any] = json.loads(json.dumps(real(n)).replace('"S', '"S90'))
        claims = schema["properties"]["claims"]
        claims |= {"minItems": 1, "maxItems": 2}
        claims["items"]["properties"]["text"]["maxLength"] = 60
        return schema

    monkeypatch.setenv("FTM_EXPORTS", str(tmp_path))
    monkeypatch.setattr(asking, "answer_schema", of_others)
    llm = LlmResource(
        base_url=small_llm, model="smollm2", max_tokens=200, context_tokens=CONTEXT, read_seconds=600.0
    )
    answer = ask(QUESTIONS[0], QUARTER, k=3, warehouse=warehouse, embedder=MODEL, llm=llm)
    assert answer.checked is not None
    assert answer.claims == []
    assert answer.checked.invented > 0
    assert json.loads(log_file().read_text())["invented"] == answer.checked.invented
