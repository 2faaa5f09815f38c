"""`ask`: a question, answered from what was said on calls, with citations that were checked; or the evidence alone."""

from __future__ import annotations

import json
import time
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ftm_assets.methods.answering.answers import Checked, checked
from ftm_assets.methods.answering.evidence import MOST_CHILDREN, Evidence, Quotation, gathered
from ftm_assets.methods.answering.questions import QUESTION_VERSION, answer_schema, asked, asked_again
from ftm_assets.methods.naming.prompts import prompt_tokens
from ftm_resources import search, settings
from ftm_resources.endpoint.llm import LlmResource

if TYPE_CHECKING:
    from collections.abc import Iterable

    import pyarrow as pa

REPLY_TOKENS = 800
"""Most tokens of an answer."""

HITS = 12
"""Hits that are asked for."""

LOG = "ask/questions.jsonl"
"""File under FTM_EXPORTS that notes each question."""


@dataclass(frozen=True)
class Answer:
    """An answer and what it rests on."""

    question: str
    hits: pa.Table
    """What was retrieved (see `ftm_resources.search`)."""
    evidence: Evidence
    shown: list[Quotation] = field(default_factory=list)
    """The quotations that the model was shown, in order."""
    checked: Checked | None = None
    """The claims that were kept, and what was not; None if no model was asked."""
    model: str | None = None
    tokens_in: int = 0
    tokens_out: int = 0
    seconds: float = 0.0

    def record(self) -> dict[str, Any]:
        """Return what is noted of it: ids, levels and scores, and no text of a call but what the claims quote."""
        hits = self.hits.select(
            ["rank", "level", "id", "quarter", "score", "calibrated", "similarity", "bm25"]
        )
        return {
            "asked_at": datetime.now(UTC).isoformat(timespec="seconds"),
            "question": self.question,
            "model": self.model,
            "prompt_version": QUESTION_VERSION,
            "hits": hits.to_pylist(),
            "shown": [
                {"sentence_id": q.sentence_id, "found_by": [asdict(f) for f in q.found]} for q in self.shown
            ],
            "claims": [
                {"text": claim.text, "cites": [q.sentence_id for q in claim.cites]} for claim in self.claims
            ],
            **{
                name: getattr(self.checked, name, 0)
                for name in ("invented", "unsupported", "not_verbatim", "links")
            },
            "tokens_in": self.tokens_in,
            "tokens_out": self.tokens_out,
            "seconds": round(self.seconds, 3),
        }

    @property
    def claims(self) -> list[Any]:
        """The claims that were kept."""
        return self.checked.claims if self.checked else []


def ask(
    question: str,
    quarters: str | Iterable[str] | None = None,
    *,
    k: int = HITS,
    children: int = MOST_CHILDREN,
    llm: LlmResource | None = None,
    log: bool = True,
    **filters: Any,
) -> Answer:
    """Return an answer to a question about calls, with the sentences that each of its claims cites.

    The `k` best hits of `search` are expanded to their nearest sentences, at most `children`, the best hits to the most
    (see `evidence.gathered`); the model (default: that at
    LLM_BASE_URL) is shown these and nothing else. A citation that it invents is removed and counted. Without an
    endpoint, the answer is the evidence alone. `filters` are those of `search`, `levels` and `warehouse` among them.

    With `log`, the question, ids, levels and scores of what was retrieved, and the claims are appended to `LOG` under
    FTM_EXPORTS. The texts of the hits are not; claims may quote them.

    Raises
    ------
    ValueError, WarehouseError
        As `search`.
    EndpointUnavailableError
        If the endpoint refuses, or gives no usable reply.

    """
    began = time.perf_counter()
    hits = search(question, quarters, k=k, children=children, **filters)
    evidence = gathered(hits.to_pylist())
    llm = llm or LlmResource(max_tokens=REPLY_TOKENS)
    if not llm.is_configured() or not evidence.quotations:
        answer = Answer(question, hits, evidence, seconds=time.perf_counter() - began)
    else:
        answer = _answered(question, hits, evidence, llm, began)
    if log:
        _note(answer)
    return answer


def _answered(question: str, hits: pa.Table, evidence: Evidence, llm: LlmResource, began: float) -> Answer:
    """Return the model's answer, checked; raise the request's error if it gave none that can be used."""
    messages, shown = asked(question, evidence, max_tokens=prompt_tokens(llm.context(), llm.max_tokens))
    (done,) = llm.complete(
        [messages], lambda _, reply: checked(reply, shown), asked_again, schema=answer_schema(len(shown))
    )
    if done.error is not None:
        raise done.error
    reply = done.reply
    return Answer(
        question,
        hits,
        evidence,
        shown,
        done.value,
        llm.model_name(),
        reply.tokens_in if reply else 0,
        reply.tokens_out if reply else 0,
        time.perf_counter() - began,
    )


def log_file() -> Path:
    """Return the file that notes questions."""
    return settings.current().ftm_exports.expanduser() / LOG


def _note(answer: Answer) -> None:
    file = log_file()
    file.parent.mkdir(parents=True, exist_ok=True)
    # One write per line, so that two who ask at once do not mix theirs.
    with file.open("a", encoding="utf-8") as out:
        out.write(json.dumps(answer.record(), ensure_ascii=False) + "\n")
