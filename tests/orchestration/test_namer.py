"""topic_summaries over a scripted endpoint: what is named, kept, degraded, accounted for and named again."""

import json
from pathlib import Path
from typing import Any

import dagster as dg
import numpy as np
import pyarrow as pa
import pytest

from ftm_assets.assets.topic_summaries import topic_summaries
from ftm_assets.checks.build import build_checks
from ftm_assets.methods.naming.extractive import ExtractiveNamer
from ftm_assets.methods.naming.rules import DEGRADED, Digest
from ftm_assets.orchestration.io_manager import WarehouseIOManager
from ftm_assets.orchestration.namer import build_namer
from ftm_assets.orchestration.partitions import QUARTERS
from ftm_assets.orchestration.spent_time import spent
from ftm_resources.endpoint.llm import LlmResource
from ftm_resources.models.embedder import Embedder
from ftm_resources.tables import TABLES
from ftm_resources.warehouse import Warehouse

QUARTER = "2023Q1"
INPUTS = ("firm_topics", "sentences", "transcripts")
KEY = "sk-verysecret-0123456789"
TOPICS = 12


class LengthEmbedder(Embedder):
    """Vectors by a text's length: nothing is loaded."""

    width: int = 4

    def dimension(self) -> int:
        return self.width

    def describe(self) -> dict[str, Any]:
        return {"model": "length", "dimension": self.width}

    def embed(self, texts: Any, *, progress: Any = None) -> Any:  # noqa: ARG002
        found = np.ones((len(texts), self.width), np.float32)
        found[:, 0] = [len(t) for t in texts]
        return found / np.linalg.norm(found, axis=1, keepdims=True)


def subject(i: int) -> str:
    return f"{'abcdefghijklmnopqrstuvwxyz'[i % 26] * 3}{'bcdfghjkl'[i // 26 % 9] * 2} freight costs"


def quarter_of_topics(n: int, firms: int) -> dict[str, list[dict[str, Any]]]:
    firm = [f"{i % firms:03d}" for i in range(n)]
    return {
        "firm_topics": [
            {
                "topic_id": f"{QUARTER}:{f}:{i // firms:03d}",
                "firm_id": f,
                "local_topic": i // firms,
                "n_sentences": 3,
                "keywords": [subject(i), "freight"],
                "representative_sentence_ids": [f"{QUARTER}:{i}"],
                "call_share": 0.1,
            }
            for i, f in enumerate(firm)
        ],
        "sentences": [
            {
                "sentence_id": f"{QUARTER}:{i}",
                "firm_id": f,
                "transcript_id": f,
                "component_id": f,
                "position": i,
                "section": "presentation",
                "speaker_type": "executive",
                "text": f"Our {subject(i)} rose {i} percent.",
            }
            for i, f in enumerate(firm)
        ],
        "transcripts": [],
    }


class Runner:
    """Materializes topic_summaries with its checks in one warehouse and instance."""

    def __init__(self, root: Path, url: str, *, topics: int = TOPICS, firms: int = 3) -> None:
        self.warehouse = Warehouse(path=str(root / "warehouse"))
        (root / "dagster").mkdir()
        self.instance = dg.DagsterInstance.local_temp(str(root / "dagster"))
        self.llm = {
            "base_url": url,
            "model": "test-model",
            "api_key": KEY,
            "max_retries": 0,
            "concurrency": 4,
        }
        for table, rows in quarter_of_topics(topics, firms).items():
            schema = pa.schema([f for f in TABLES[table].arrow_schema if f.name != "quarter"])
            self.warehouse.replace(table, QUARTER, [pa.Table.from_pylist(rows, schema)])
        self.checks = [
            c
            for c in build_checks()
            if {k.asset_key.path[-1] for k in c.check_keys} & {"topic_summaries", "topic_naming_audit"}
        ]

    def run(self, *, width: int = 4, chunk_firms: int = 500, **llm: Any) -> dg.ExecuteInProcessResult:
        return dg.materialize(
            [topic_summaries, *self.checks, *(dg.AssetSpec(t, partitions_def=QUARTERS) for t in INPUTS)],
            resources={
                "warehouse": self.warehouse,
                "io_manager": WarehouseIOManager(warehouse=self.warehouse),
                "embedder": LengthEmbedder(width=width),
                "llm": LlmResource(**{**self.llm, **llm}),
            },
            partition_key=QUARTER,
            instance=self.instance,
            run_config={
                "ops": {"topic_summaries": {"config": {"flush_firms": 1, "chunk_firms": chunk_firms}}}
            },
            raise_on_error=False,
        )

    def rows(self, table: str) -> list[dict[str, Any]]:
        return self.warehouse.read(table, QUARTER).to_pylist()

    def outcomes(self) -> list[str]:
        return [row["outcome"] for row in self.rows("topic_naming_audit")]


@pytest.fixture
def runner(tmp_path: Path, scripted_llm: Any) -> Runner:
    return Runner(tmp_path, scripted_llm.url)


@pytest.fixture(autouse=True)
def _no_endpoint_in_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("LLM_BASE_URL", "LLM_MODEL", "LLM_API_KEY"):
        monkeypatch.delenv(name, raising=False)


def number(body: dict[str, Any]) -> int:
    """The topic that a prompt is about."""
    return next(i for i in range(2000) if f"rose {i} percent" in body["messages"][1]["content"])


def good(body: dict[str, Any]) -> str:
    i = number(body)
    return json.dumps(
        {"name": f"Freight costs {chr(97 + i % 26)}", "summary": f"Freight costs rose {i} percent."}
    )


def failure(result: dg.ExecuteInProcessResult) -> str:
    return str(next(e for e in result.all_events if e.is_step_failure).step_failure_data.error)


def metadata(result: dg.ExecuteInProcessResult) -> dict[str, Any]:
    (event,) = (
        e
        for e in result.get_asset_materialization_events()
        if e.asset_key == dg.AssetKey("topic_naming_audit")
    )
    return {k: v.value for k, v in event.materialization.metadata.items()}


def check(result: dg.ExecuteInProcessResult) -> bool:
    (found,) = (e for e in result.get_asset_check_evaluations() if e.check_name == "degraded_names")
    assert found.severity == dg.AssetCheckSeverity.WARN
    return found.passed


def test_a_run_says_what_its_names_took_and_the_next_pays_nothing(runner, scripted_llm, reply):
    scripted_llm.script = lambda _asked, body: reply(content=good(body))
    prices = {"price_in": 1.0, "price_out": 10.0}
    first = runner.run(**prices)
    assert first.success
    assert check(first)
    assert runner.outcomes() == ["named"] * TOPICS
    told = metadata(first)
    assert (told["requests"], told["cache_hits"], told["share_degraded"]) == (TOPICS, 0, 0.0)
    assert (told["tokens_in"], told["tokens_out"]) == (900 * TOPICS, 40 * TOPICS)
    assert told["cost_usd"] == pytest.approx(TOPICS * (900 * 1.0 + 40 * 10.0) / 1e6, abs=1e-4)
    assert told["requests_per_minute"] > 0
    assert 0 < told["latency_p50_seconds"] <= told["latency_p95_seconds"]
    names = runner.rows("topic_summaries")
    again = runner.run(**prices)
    assert len(scripted_llm.bodies) == TOPICS
    assert runner.rows("topic_summaries") == names
    told = metadata(again)
    assert (told["requests"], told["cache_hits"], told["cost_usd"]) == (0, TOPICS, 0.0)


def test_poisoned_replies_are_ignored_counted_and_requested_again(runner, scripted_llm, reply):
    scripted_llm.script = lambda _asked, body: reply(content=good(body))
    assert runner.run().success
    (file,) = Path(runner.warehouse.root, "replies", "topic_summaries").rglob("*.jsonl")
    lines = [json.loads(line) for line in file.read_text().splitlines()]
    poison = {"tokens_in": 2**31, "tokens_out": -1, "seconds": float("nan"), "text": "\ud800", "key": None}
    named = [line for line in lines if line["text"].startswith("{")]
    for line, (field, value) in zip(named, poison.items(), strict=False):
        line[field] = value
    file.write_text("".join(json.dumps(line) + "\n" for line in lines))
    again = runner.run(seed=0, chunk_firms=1)  # each chunk reads the replies of all
    assert again.success
    told = metadata(again)
    assert told["replies_ignored"] == len(poison)
    assert (told["requests"], told["cache_hits"]) == (len(poison), TOPICS - len(poison))


def test_without_an_endpoint_the_audit_says_so(runner):
    result = runner.run(base_url=None)
    assert check(result)
    assert set(runner.outcomes()) == {"extractive"}
    assert "requests" not in metadata(result)


def test_an_endpoint_that_dies_fails_the_run_and_loses_no_name(runner, scripted_llm, reply):
    scripted_llm.script = lambda _asked, body: (
        reply(content=good(body)) if number(body) % 4 == 0 else reply.error(503)
    )
    result = runner.run(concurrency=1)
    assert not result.success
    assert "stopped answering" in failure(result)
    assert "on_llm_failure=degrade" in failure(result)
    assert KEY not in failure(result)
    named = {number(b) for b in scripted_llm.bodies if number(b) % 4 == 0}
    scripted_llm.bodies.clear()
    scripted_llm.script = lambda _asked, body: reply(content=good(body))
    assert runner.run().success
    assert {number(b) for b in scripted_llm.bodies} == set(range(TOPICS)) - named
    assert runner.outcomes() == ["named"] * TOPICS


def test_tokens_are_counted_once_in_the_run_that_asked_also_if_it_failed(runner, scripted_llm, reply):
    answered: list[int] = []

    def script(_asked: int, body: dict[str, Any]) -> Any:
        if number(body) >= limit:
            return reply.error(503)
        answered.append(number(body))
        return reply(content=good(body))

    scripted_llm.script = script
    counts = []
    for limit in (
        TOPICS // 2,
        TOPICS,
        TOPICS,
    ):  # the first fails; the second has its parts and replies; nothing is left
        answered.clear()
        result = runner.run(concurrency=1)
        assert result.success is (limit == TOPICS)
        record = runner.instance.get_run_record_by_id(result.run_id)
        found = [s.tokens for s in spent(runner.instance, record, record.end_time)]
        counts.append(len(answered))
        assert sum(t.sent for t in found) == 900 * len(answered)
        assert sum(t.received for t in found) == 40 * len(answered)
    assert 0 < counts[0] < TOPICS
    assert counts[1:] == [TOPICS - counts[0], 0]


@pytest.mark.parametrize("usage", [None, {}, {"prompt_tokens": -1, "completion_tokens": 40}, "many"])
def test_what_a_server_does_not_say_is_not_known(runner, scripted_llm, reply, usage):
    def script(_asked: int, body: dict[str, Any]) -> Any:
        message = {"role": "assistant", "content": good(body)}
        completion = {"choices": [{"index": 0, "message": message, "finish_reason": "stop"}], "usage": usage}
        return reply(body=json.dumps(completion).encode()) if number(body) == 5 else reply(content=good(body))

    scripted_llm.script = script
    result = runner.run()
    record = runner.instance.get_run_record_by_id(result.run_id)
    found = {s.step: s.tokens.sent for s in spent(runner.instance, record, record.end_time)}
    assert found.pop("topic_summaries.topic_summaries_chunk[chunk_000]") is None
    assert set(found.values()) == {0}


def test_told_to_degrade_the_run_succeeds_with_a_warning_and_only_the_rest_is_named_again(
    runner, scripted_llm, reply
):
    scripted_llm.script = lambda _asked, body: (
        reply(content=good(body)) if number(body) % 3 == 0 else reply.error(503)
    )
    result = runner.run(on_llm_failure="degrade")
    assert result.success
    assert not check(result)
    outcomes = runner.outcomes()
    assert outcomes.count("named") == 4
    assert set(outcomes) <= {"named", "unanswered", "down"}
    methods = [r["naming_method"] for r in runner.rows("topic_summaries")]
    assert methods == ["llm" if o == "named" else "extractive" for o in outcomes]
    assert all(r["name"] and r["summary"] for r in runner.rows("topic_summaries"))
    assert metadata(result)["share_degraded"] == 0.6667  # 8 of 12, as shown: rounded to four figures
    scripted_llm.bodies.clear()
    scripted_llm.script = lambda _asked, body: reply(content=good(body))
    again = runner.run(on_llm_failure="degrade")
    assert check(again)
    assert sorted(number(b) for b in scripted_llm.bodies) == [i for i in range(TOPICS) if i % 3]
    assert runner.outcomes() == ["named"] * TOPICS


def test_a_topic_that_the_model_could_not_name_is_asked_for_again_when_materialized_again(
    runner, scripted_llm, reply
):
    scripted_llm.script = lambda _asked, body: reply(content="no" if number(body) == 5 else good(body))
    assert runner.run().success
    assert runner.outcomes().count("unusable") == 1
    (row,) = (r for r in runner.rows("topic_naming_audit") if r["outcome"] == "unusable")
    assert "no complete JSON" in row["reason"]
    assert row["n_attempts"] == 2
    scripted_llm.bodies.clear()
    scripted_llm.script = lambda _asked, body: reply(content=good(body))
    assert runner.run().success
    assert [number(b) for b in scripted_llm.bodies] == [5]
    assert runner.outcomes() == ["named"] * TOPICS


def test_another_model_names_everything_anew(runner, scripted_llm, reply):
    scripted_llm.script = lambda _asked, body: reply(content=good(body))
    runner.run()
    runner.run(model="other-model")
    about = [b for b in scripted_llm.bodies if b["messages"][0]["content"] != "Hello"]
    assert len(about) == 2 * TOPICS
    assert len(scripted_llm.bodies) - len(about) == 1, (
        "the server lists no other-model: one request tries it first"
    )
    assert {r["model"] for r in runner.rows("topic_summaries")} == {"other-model"}


def test_sentences_embedded_by_another_model_are_an_error_that_says_what_to_do(runner):
    vectors = pa.table(
        {
            "sentence_id": [f"{QUARTER}:0"],
            "firm_id": ["000"],
            "embedding": pa.array([[1.0, 0.0]], pa.list_(pa.float32())),
        }
    )
    runner.warehouse.replace("sentence_embeddings", QUARTER, [vectors])
    result = runner.run(base_url=None)
    assert "have 2 dimensions, but the embedder now returns 4" in failure(result)
    assert "Materialize sentence_embeddings of 2023Q1 again" in failure(result)
    assert runner.run(base_url=None, width=2).success


def test_the_key_is_in_nothing_that_a_run_leaves(runner, scripted_llm, reply, caplog):
    scripted_llm.script = lambda asked, body: (
        reply.error(500, f"bad key {KEY}") if asked == 0 and number(body) < 6 else reply(content=good(body))
    )
    caplog.set_level("DEBUG")
    assert runner.run(max_retries=0, on_llm_failure="degrade").success
    assert KEY not in caplog.text
    for file in Path(runner.warehouse.root).parent.rglob("*"):
        assert not file.is_file() or KEY.encode() not in file.read_bytes(), file


LONG = "The freight costs rose a lot in the quarter. " * 240


def mixed_faults(reply: Any) -> dict[str, Any]:
    """The scripted faults by name: first answer, later answers (None: a good one), and attempts by policy."""
    usable = json.dumps({"name": "Freight cost inflation", "summary": "Freight costs rose."})
    return {
        **{str(status): (reply.error(status), None, 2) for status in (408, 409, 500, 503)},
        "429 Retry-After": (reply.error(429, **{"retry-after-ms": "5"}), None, 2),
        "slow first byte": (reply(delay=30), None, 2),
        "stall mid-body": (reply(stall=30), None, 2),
        "reset": (reply(reset_after=10), None, 2),
        "half a JSON": (reply(content='{"name": "Fre'), None, 2),
        "code fence": (reply(content=f"```json\n{usable}\n```"), None, 1),
        "wrong keys": (reply(content='{"title": "x"}'), None, 2),
        "empty content": (reply(content=""), None, 2),
        "refusal": (reply(content="I cannot help with that."), "same", 2),
        "Chinese": (reply(content='{"name": "运费上涨", "summary": "运费上涨了很多很多。"}'), "same", 2),
        "10,000 characters": (reply(content=json.dumps({"name": "Freight", "summary": LONG})), None, 1),
        "<think> unclosed": (reply(content=f"<think>{usable}"), "same", 2),
        "finish_reason length": (
            reply(content='{"name": "Freight costs", "summ', finish_reason="length"),
            None,
            2,
        ),
        "duplicates": (reply(content=f"{usable}\n{usable}"), None, 1),
        "out of order": (reply(content=usable, delay=0.1), None, 1),
        "none": (None, None, 1),
    }


def test_every_topic_has_a_name_whatever_the_server_does(tmp_path, scripted_llm, reply):
    """Nineteen faults at 5% each over 1,000 topics."""
    faults = mixed_faults(reply)
    kinds = list(faults)
    assert len(kinds) == 20

    def script(asked: int, body: dict[str, Any]) -> Any:
        first, later, _ = faults[kinds[number(body) % 20]]
        if first is None or (asked and later is None):
            return reply(content=good(body))
        return first

    scripted_llm.script = script
    runner = Runner(tmp_path, scripted_llm.url, topics=1000, firms=40)
    # One part for all: 1,000 requests at once.
    result = dg.materialize(
        [topic_summaries, *(dg.AssetSpec(t, partitions_def=QUARTERS) for t in INPUTS)],
        resources={
            "warehouse": runner.warehouse,
            "io_manager": WarehouseIOManager(warehouse=runner.warehouse),
            "embedder": LengthEmbedder(),
            "llm": LlmResource(**{**runner.llm, "max_retries": 3, "concurrency": 96, "read_seconds": 5.0}),
        },
        partition_key=QUARTER,
        instance=runner.instance,
    )
    assert result.success
    rows, audit = runner.rows("topic_summaries"), runner.rows("topic_naming_audit")
    assert len(rows) == len(audit) == 1000
    assert all(r["name"].isprintable() and len(r["name"].split()) <= 8 and r["summary"] for r in rows)
    assert all(r["name"].isascii() and len(r["summary"]) <= 401 for r in rows)
    found: dict[str, set[tuple[str, int]]] = {}
    given: list[str] = []
    for row in audit:
        _, firm, local = row["topic_id"].split(":")
        kind = kinds[(int(local) * 40 + int(firm)) % 20]
        given.append(kind)
        found.setdefault(kind, set()).add((row["outcome"], row["n_attempts"]))
    for kind, (_, later, attempts) in faults.items():
        repaired = attempts == 2 and not kind[:3].isdigit()
        transport = kind in {"slow first byte", "stall mid-body", "reset"}
        outcome = "unusable" if later else "repaired" if repaired and not transport else "named"
        assert found[kind] == {(outcome, attempts)}, kind
        print(f"{kind}: {sum(k == kind for k in given)} x {outcome} after {attempts}")  # noqa: T201 - what to show
    assert sum(r["outcome"] in DEGRADED for r in audit) == 150
    assert sum(r["naming_method"] == "extractive" for r in rows) == 150


def test_names_are_the_same_however_many_processes_give_them(tmp_path):
    digests = [
        Digest(
            id=f"{firm}:{i}",
            kind="topic",
            keywords=("freight", "costs", f"region {i}"),
            sentences=(f"Our freight costs rose in region {i} of firm {firm}.",),
            group=str(firm),
        )
        for i in range(3)
        for firm in range(10)
    ]
    asked = (LlmResource(), Warehouse(path=str(tmp_path)), "topic_summaries", QUARTER)
    alone = build_namer(*asked, processes=1).name(digests)
    told: list[tuple[int, int]] = []
    beside = build_namer(*asked, processes=2).name(digests, lambda *done: told.append(done))
    assert beside == alone == ExtractiveNamer().name(digests)
    assert told[-1] == (30, 30)
