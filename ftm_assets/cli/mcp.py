"""`ftm mcp`: the warehouse for an assistant of the user's own."""

from __future__ import annotations

import typer

from ftm_assets.cli import arguments
from ftm_assets.cli.search_options import Backend, Schema
from ftm_resources.postgres.layout import SCHEMA

commands = typer.Typer()


@commands.command(rich_help_panel="Read")
def mcp(backend: Backend = "warehouse", schema: Schema = SCHEMA) -> None:
    """Serve the warehouse to an assistant over stdio, by the Model Context Protocol; nothing can be changed.

    Tools: search, evidence, theme, firm, and sql: one SELECT with a limit of rows that reads no other files. Register
    the command `ftm mcp` in the assistant, with FTM_WAREHOUSE in its environment. What the assistant reads, text of
    calls included, goes to the model that it uses. With --backend postgres, the tool search looks in the copy.
    """
    warehouse = arguments.warehouse()
    from ftm_assets.answers.served_tools import build_server

    server = build_server(warehouse, backend=backend, schema=schema)
    server.run("stdio")
