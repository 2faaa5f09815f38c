"""Naming by a real model: SmolLM2-135M-Instruct behind llama.cpp's own server. Too small to name well, but real."""

from collections import Counter
from pathlib import Path

import pytest

from tests.orchestration.test_namer import Runner, metadata

pytestmark = pytest.mark.integration
TOPICS = 8


def test_a_quarter_is_named_and_no_request_is_dropped(small_llm: str, tmp_path: Path):
    runner = Runner(tmp_path, small_llm, topics=TOPICS, firms=2)
    result = runner.run(
        concurrency=64, max_tokens=64, context_tokens=1024, read_seconds=60.0, model="smollm2"
    )
    assert result.success
    names, audit = runner.rows("topic_summaries"), runner.rows("topic_naming_audit")
    assert len(names) == len(audit) == TOPICS
    assert all(row["name"] and row["summary"] for row in names)
    for name, row in zip(names, audit, strict=True):
        is_named = row["outcome"] in {"named", "repaired"}
        assert name["naming_method"] == ("llm" if is_named else "extractive")
        assert is_named or (row["outcome"] == "unusable" and row["reason"])
        # One request, and one to repair an unusable reply: none was dropped and sent again.
        assert row["n_attempts"] == (1 if row["outcome"] == "named" else 2)
        assert row["tokens_in"] > 100
        assert row["tokens_out"] > 0
    told = metadata(result)
    assert told["requests"] == sum(row["n_attempts"] for row in audit)
    print(Counter(row["outcome"] for row in audit), told)  # noqa: T201 - with -s: what to show
