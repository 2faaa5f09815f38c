import dataclasses
import json

from ftm_assets.methods.naming import prompts
from ftm_assets.methods.naming.by_model import LlmNamer
from ftm_assets.methods.naming.extractive import name_extractively
from ftm_assets.methods.naming.prompts import PROMPT_VERSION
from ftm_assets.methods.naming.rules import Digest

TIRES = Digest(
    id="2023Q1:1:000",
    kind="topic",
    keywords=("tires", "tire sales"),
    sentences=("Tire sales rose 3%.", "We sold more tires."),
    exclude=("Monro",),
)
GOOD = {"name": "Tire sales growth", "summary": "Tire sales rose 3% in the quarter."}


@dataclasses.dataclass(frozen=True)
class Reply:
    is_repair: bool = False
    tokens_in: int = 900
    tokens_out: int = 40
    seconds: float = 0.5
    arrived_at: float = 1700000000.0


@dataclasses.dataclass(frozen=True)
class Completion:
    value: tuple[str, str] | None = None
    error: Exception | None = None
    reply: Reply | None = Reply()
    attempts: int = 1


class RefusedError(Exception):
    kind = "unusable"
    reason = "no\x00 good"


class FakeModel:
    """Answers each digest as told, the way the resource does: parsed, or an error in its place."""

    def __init__(self, *replies):
        self.replies = replies

    def __call__(self, requests, parse, repair, *, schema=None, progress=None):
        assert repair is prompts.repair_messages
        assert schema["required"] == ["name", "summary"]
        results = []
        for index, reply in enumerate(self.replies[: len(requests)]):
            try:
                results.append(Completion(parse(index, reply)))
            except ValueError:
                results.append(Completion(error=RefusedError()))
            if progress:
                progress(len(results), len(requests))
        return results


def test_each_topic_that_the_model_fails_is_named_extractively_and_says_so():
    other = dataclasses.replace(TIRES, id="x", sentences=("Brake pads sold well.",), keywords=("brake pads",))
    seen = []
    named = LlmNamer(FakeModel(json.dumps(GOOD), "no"), model="m").name(
        [TIRES, other], lambda done, n: seen.append((done, n))
    )
    assert [(n.name, n.naming_method, n.model) for n in named] == [
        ("Tire sales growth", "llm", "m"),
        ("Brake pads", "extractive", name_extractively(other).model),
    ]
    assert named[0].prompt_version == PROMPT_VERSION != named[1].prompt_version
    assert [(n.audit.outcome, n.audit.reason) for n in named] == [("named", None), ("unusable", "no good")]
    assert {n.audit.tokens_in for n in named} == {900}
    assert seen == [(1, 2), (2, 2)]


def test_how_a_name_came_about_is_in_its_audit():
    def complete(requests, parse, _repair, **_):
        value = parse(0, json.dumps(GOOD))
        down = RefusedError()
        down.kind = "down"
        return [
            Completion(value),
            Completion(value, reply=Reply(is_repair=True, tokens_in=1800)),
            Completion(value, attempts=0),
            Completion(error=down, reply=None, attempts=0),
        ][: len(requests)]

    audits = [n.audit for n in LlmNamer(complete, model="m").name([TIRES] * 4)]
    assert [a.outcome for a in audits] == ["named", "repaired", "named", "down"]
    assert [a.is_cached for a in audits] == [False, False, True, False]
    assert [a.tokens_in for a in audits] == [900, 1800, 900, 0]
    assert [a.answered_at is None for a in audits] == [False, False, False, True]
    assert {a.asked for a in audits} == {("m", PROMPT_VERSION)}
