"""What every asset says about itself: description, group, owner, kinds, columns; once, for all of them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import dagster as dg

from ftm_resources.tables import TABLES

if TYPE_CHECKING:
    from collections.abc import Collection

OWNER = "team:research"

GROUPS = {
    "transcripts": "calls",
    "transcript_audit": "calls",
    "sentences": "calls",
    "sentence_embeddings": "models",
    "sentence_sentiment": "models",
    "firm_topics": "topics",
    "sentence_topics": "topics",
    "firm_status": "topics",
    "topic_summaries": "topics",
    "themes": "themes",
    "theme_topics": "themes",
    "sentiment_scores": "scores",
    "firm_theme_sentiment": "marts",
    "theme_sentiment": "marts",
}


def asset_attributes(table: str, *, code_version: str, kinds: Collection[str]) -> dict[str, Any]:
    """Return the keyword arguments that `asset`, `AssetOut` and `graph_asset` share, from the contract."""
    contract = TABLES[table]
    columns = [
        dg.TableColumn(
            c.name,
            str(c.type),
            c.doc,
            dg.TableColumnConstraints(nullable=c.nullable, unique=contract.key == (c.name,)),
        )
        for c in contract.columns
    ]
    return {
        "description": f"{contract.doc}. Key: {', '.join(contract.key)}.",
        "group_name": GROUPS[table],
        "owners": [OWNER],
        "kinds": {"iceberg", *kinds},
        "code_version": code_version,
        "metadata": {"dagster/column_schema": dg.TableSchema(columns), "dagster/table_name": f"ftm.{table}"},
    }
