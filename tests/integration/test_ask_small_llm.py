"""`ask` with a real model, which is far too small to answer well: what it says is checked all the same."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from ftm_assets.answers import asking
from ftm_assets.answers.asking import Answer, ask, log_file
from ftm_resources.endpoint.llm import LlmResource
from ftm_resources.warehouse import Warehouse
from tests.resources.retrieval.conftest import MODEL, QUARTER, nothing_is_open, template, warehouse

from .small_llm import CONTEXT

__all__ = ["nothing_is_open", "template", "warehouse"]

pytestmark = [
    pytest.mark.integration,
    pytest.mark.filterwarnings("ignore::ftm_resources.retrieval.kept_open.NoIndexWarning"),
]

QUESTION = "What is expected of ocean freight?"


@pytest.fixture
def asked(
    small_llm: str, warehouse: Warehouse, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Callable[[str], Answer]:
    """A function that asks the model, whose schema is bounded and may be changed as text before that.

    Such a model would go on until its tokens end, so a reply has one or two claims of at most 60 characters.
    """
    real = asking.answer_schema

    def asked(prefix: str) -> Answer:
        def bounded(n: int) -> dict[str, Any]:
            schema: dict[str, Any] = json.loads(json.dumps(real(n)).replace('"S', f'"{prefix}'))
            claims = schema["properties"]["claims"]
            claims |= {"minItems": 1, "maxItems": 2}
            claims["items"]["properties"]["text"]["maxLength"] = 60
            claims["items"]["properties"]["cites"]["maxItems"] = 2
            return schema

        monkeypatch.setattr(asking, "answer_schema", bounded)
        llm = LlmResource(
            base_url=small_llm, model="smollm2", max_tokens=120, context_tokens=CONTEXT, read_seconds=600.0
        )
        return ask(QUESTION, QUARTER, k=2, children=2, warehouse=warehouse, embedder=MODEL, llm=llm)

    monkeypatch.setenv("FTM_EXPORTS", str(tmp_path))
    return asked


def test_every_citation_of_a_real_model_is_a_sentence_that_it_was_shown(
    asked: Callable[[str], Answer], warehouse: Warehouse
):
    answer = asked("S")
    assert answer.checked is not None
    assert answer.tokens_in > 100
    assert answer.tokens_out > 0
    shown = {q.sentence_id for q in answer.shown}
    stored = set(warehouse.read("sentences", QUARTER).column("sentence_id").to_pylist())
    assert shown
    assert shown <= stored
    assert shown <= {q.sentence_id for q in answer.evidence.quotations}
    assert answer.claims, "the schema lets it cite nothing else"
    for claim in answer.claims:
        assert claim.text
        assert {q.sentence_id for q in claim.cites} <= shown
    (noted,) = [json.loads(line) for line in log_file().read_text().splitlines()]
    assert noted["question"] == QUESTION
    assert noted["model"] == "smollm2"
    assert {s["sentence_id"] for s in noted["shown"]} == shown
    assert [c["cites"] for c in noted["claims"]] == [[q.sentence_id for q in c.cites] for c in answer.claims]
    assert noted["invented"] == answer.checked.invented == 0
    assert noted["tokens_out"] == answer.tokens_out


def test_what_a_real_model_invents_without_a_schema_is_removed_and_counted(asked: Callable[[str], Answer]):
    """The same model with a schema that lets it cite nothing that it was shown."""
    answer = asked("S90")
    assert answer.checked is not None
    assert answer.claims == []
    assert answer.checked.invented > 0
    assert json.loads(log_file().read_text())["invented"] == answer.checked.invented
