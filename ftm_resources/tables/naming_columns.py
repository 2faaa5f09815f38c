"""The columns of the naming audits, which topics and themes share."""

from __future__ import annotations

from ftm_resources.tables.categories import NAMING_OUTCOMES
from ftm_resources.tables.contract import BOOL, DOUBLE, INT, STRING, TIMESTAMP, Column

COUNT = (0, float("inf"))
"""Bounds of a count or an amount."""

NAMING_COLUMNS = (
    Column(
        "outcome",
        STRING,
        "named: by the first reply; repaired: by the second. Otherwise the name is extractive: no model was asked "
        "(extractive), its replies were unusable, or the server rejected the request, did not answer or was down",
        values=NAMING_OUTCOMES,
    ),
    Column("reason", STRING, "Why the model did not name it", nullable=True),
    Column("model", STRING, "Model that was asked; without one, the extractive namer"),
    Column("prompt_version", STRING, "Version of the prompt or of the extractive rules"),
    Column("is_cached", BOOL, "Replies were reused from an earlier run", is_measurement=True),
    Column("n_attempts", INT, "Requests sent, including retries", bounds=COUNT, is_measurement=True),
    Column("tokens_in", INT, "Tokens in the prompts", bounds=COUNT, is_measurement=True),
    Column("tokens_out", INT, "Tokens in the replies", bounds=COUNT, is_measurement=True),
    Column(
        "seconds",
        DOUBLE,
        "Seconds from request to reply, including retries; for a cached reply, those of the original request",
        bounds=COUNT,
        is_measurement=True,
    ),
    Column(
        "cost",
        DOUBLE,
        "USD spent in this run at the configured prices; 0 if cached, null without prices",
        nullable=True,
        bounds=COUNT,
        is_measurement=True,
    ),
    Column("answered_at", TIMESTAMP, "When the last reply arrived", nullable=True, is_measurement=True),
)
