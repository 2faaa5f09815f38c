"""The server as an assistant meets it: another process, over stdio."""

import asyncio
import json
import os
import sys
import threading
from pathlib import Path
from typing import Any

import pytest
from mcp import ClientSession, StdioServerParameters
from mcp.client.stdio import stdio_client
from mcp.server.fastmcp.exceptions import ToolError

from ftm_assets.answers.served_tools import as_json, build_server
from ftm_resources.warehouse import Warehouse
from tests.resources.retrieval.conftest import QUARTER


def test_an_assistant_finds_reads_and_asks_and_cannot_write(warehouse: Warehouse, tmp_path: Path):
    theme = f"{QUARTER}:theme:000"
    calls: list[tuple[str, dict[str, Any]]] = [
        ("search", {"query": "ocean freight", "quarters": QUARTER, "k": 3}),
        ("theme", {"theme_id": theme}),
        ("evidence", {"theme_id": theme, "firm": "FRTX", "limit": 2}),
        ("firm", {"firm": "FRTX", "quarter": QUARTER}),
        ("sql", {"statement": "SELECT count(*) AS n FROM sentences", "quarter": QUARTER}),
        ("sql", {"statement": "DROP VIEW sentences"}),
        ("theme", {"theme_id": "x' OR 1=1 --"}),
        (
            "search",
            {"query": "freight", "quarters": [QUARTER], "levels": "Topic", "firms": "frtx", "speakers": []},
        ),
    ]

    async def talk() -> tuple[list[Any], list[Any]]:
        told = os.environ | {"FTM_WAREHOUSE": warehouse.root, "FTM_EMBEDDING_PRECISION": "float32"}
        server = StdioServerParameters(command=sys.executable, args=["-m", "ftm_assets.cli", "mcp"], env=told)
        async with stdio_client(server, errlog) as (read, write), ClientSession(read, write) as session:
            await session.initialize()
            tools = (await session.list_tools()).tools
            return tools, [await session.call_tool(name, given) for name, given in calls]

    with (tmp_path / "stderr").open("w+") as errlog:
        tools, answers = asyncio.run(talk())
    assert "INFO" not in (tmp_path / "stderr").read_text()
    assert {t.name for t in tools} == {"search", "evidence", "theme", "firm", "sql"}
    assert all(t.annotations.readOnlyHint and t.description for t in tools)
    texts = [a.content[0].text for a in answers]
    hits, described, evidence, firm, counted = map(json.loads, texts[:5])
    assert hits[0]["rank"] == 1
    assert described["theme"][0]["name"] == "Ocean Freight Rates"
    assert described["topics"]
    assert [row["ticker"] for row in evidence] == ["FRTX", "FRTX"]
    assert {row["firm_name"] for row in firm} == {"Freight Lines Inc"}
    assert counted["rows"] == [[warehouse.read("sentences", QUARTER).num_rows]]
    assert [a.isError for a in answers] == [False] * 5 + [True, True, False]
    assert "write one SELECT" in texts[5]
    assert {(hit["level"], hit["ticker"]) for hit in json.loads(texts[7])} == {("topic", "FRTX")}


def called(warehouse: Warehouse, tool: str, **given: Any) -> Any:
    answer: Any = asyncio.run(build_server(warehouse).call_tool(tool, given))
    return json.loads(answer[0][0].text)


@pytest.mark.parametrize(
    ("tool", "given", "said"),
    [
        ("evidence", {"theme_id": f"{QUARTER}:theme:999"}, f"no theme {QUARTER}:theme:999"),
        ("theme", {"theme_id": f"{QUARTER}:theme:999"}, f"no theme {QUARTER}:theme:999"),
        ("evidence", {"theme_id": "foo"}, "'foo' is no theme's id"),
        ("evidence", {"theme_id": "2031Q1:theme:000"}, "no quarter 2031Q1"),
        ("evidence", {"theme_id": f"{QUARTER}:theme:000", "firm": "NOPE"}, "no call of 'NOPE'"),
        ("firm", {"firm": "NOPE", "quarter": QUARTER}, "no call of 'NOPE'"),
        ("firm", {"firm": "FRTX", "quarter": "2031Q1"}, "no quarter 2031Q1"),
    ],
)
def test_what_does_not_exist_is_an_error_that_says_so(
    warehouse: Warehouse, tool: str, given: dict[str, Any], said: str
):
    with pytest.raises(ToolError, match=said):
        called(warehouse, tool, **given)


def test_ids_and_tickers_ignore_case(warehouse: Warehouse):
    theme = f"{QUARTER}:theme:000"
    assert called(warehouse, "theme", theme_id=theme.upper()) == called(warehouse, "theme", theme_id=theme)
    asked = {"theme_id": theme.lower(), "limit": 10**9}
    small, large = (called(warehouse, "evidence", **asked, firm=firm) for firm in ("frtx", "FRTX"))
    assert small == large != []
    assert called(warehouse, "firm", firm="frtx", quarter=QUARTER.lower())


def test_nan_is_null_to_an_assistant():
    assert json.loads(as_json([{"tone": float("nan"), "n": [1.5, float("inf")]}])) == [
        {"tone": None, "n": [1.5, None]}
    ]


def test_a_slow_tool_keeps_no_other_waiting(warehouse: Warehouse, monkeypatch: pytest.MonkeyPatch):
    """The first theme is held until the second was answered."""
    began, answered = threading.Event(), threading.Event()
    connect = Warehouse.connect

    def slow(self: Warehouse, **given: Any) -> Any:
        if not began.is_set():
            began.set()
            assert answered.wait(60), "the second waited for the first"
        return connect(self, **given)

    monkeypatch.setattr(Warehouse, "connect", slow)
    server, given = build_server(warehouse), {"theme_id": f"{QUARTER}:theme:000"}

    async def both() -> None:
        first = asyncio.create_task(server.call_tool("theme", given))
        while not began.is_set():
            await asyncio.sleep(0.01)
        assert "Ocean Freight Rates" in str(await server.call_tool("theme", given))
        answered.set()
        assert "Ocean Freight Rates" in str(await first)

    asyncio.run(both())
