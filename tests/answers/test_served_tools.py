"""The server as an assistant meets it: another process, over stdio."""

import asyncio
import json
import os
import sys
from typing import Any

from mcp import ClientSession, StdioServerParameters
from mcp.client.stdio import stdio_client

from ftm_resources.warehouse import Warehouse
from tests.resources.retrieval.conftest import QUARTER


def test_an_assistant_finds_reads_and_asks_and_cannot_write(warehouse: Warehouse):
    theme = f"{QUARTER}:theme:000"
    calls: list[tuple[str, dict[str, Any]]] = [
        ("search", {"query": "ocean freight", "quarters": QUARTER, "k": 3}),
        ("theme", {"theme_id": theme}),
        ("evidence", {"theme_id": theme, "firm": "FRTX", "limit": 2}),
        ("firm", {"firm": "FRTX", "quarter": QUARTER}),
        ("sql", {"statement": "SELECT count(*) AS n FROM sentences", "quarter": QUARTER}),
        ("sql", {"statement": "DROP VIEW sentences"}),
        ("theme", {"theme_id": "x' OR 1=1 --"}),
    ]

    async def talk() -> tuple[list[Any], list[Any]]:
        told = os.environ | {"FTM_WAREHOUSE": warehouse.root, "FTM_EMBEDDING_PRECISION": "float32"}
        server = StdioServerParameters(command=sys.executable, args=["-m", "ftm_assets.cli", "mcp"], env=told)
        async with stdio_client(server) as (read, write), ClientSession(read, write) as session:
            await session.initialize()
            tools = (await session.list_tools()).tools
            return tools, [await session.call_tool(name, given) for name, given in calls]

    tools, answers = asyncio.run(talk())
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
    assert [a.isError for a in answers] == [False] * 5 + [True, True]
    assert "write one SELECT" in texts[5]
