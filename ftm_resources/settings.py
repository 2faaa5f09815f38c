"""The environment variables that configure a deployment: names, defaults, meaning; read at run time only."""

from __future__ import annotations

import os
from dataclasses import dataclass


@dataclass(frozen=True)
class Setting:
    """One environment variable."""

    name: str
    default: str | None
    doc: str
    is_secret: bool = False


_ALL = (
    Setting("FTM_WAREHOUSE", "./warehouse", "Where tables live: a folder or an `s3://bucket/prefix`"),
    Setting(
        "FTM_SOURCE", "sample", "Where transcripts come from: `sample` (generated), `files` or `capital_iq`"
    ),
    Setting("FTM_SOURCE_PATH", None, "With `files`: a CSV or Parquet file, or a folder of them"),
    Setting("FTM_SAMPLE_FIRMS", "48", "With `sample`: how many firms to generate"),
    Setting("WRDS_HOST", "wrds-pgdata.wharton.upenn.edu", "With `capital_iq`: WRDS's PostgreSQL server"),
    Setting("WRDS_PORT", "9737", "Its port"),
    Setting("WRDS_DB", "wrds", "Its database"),
    Setting("WRDS_SSLMODE", "require", "How TLS is used, as in PostgreSQL's `sslmode`"),
    Setting("WRDS_USERNAME", None, "WRDS account; without a password, `.pgpass` has it"),
    Setting("WRDS_PASSWORD", None, "Its password", is_secret=True),
    Setting(
        "WRDS_SECRET_ID",
        None,
        "AWS Secrets Manager secret with `username` and `password`, instead of the two",
    ),
    Setting("WRDS_TRANSCRIPT_SCHEMA", "ciq", "Schema in which the account has Capital IQ's transcripts"),
    Setting("WRDS_GVKEY_TABLE", "ciq.wrds_gvkey", "Table that links Capital IQ's companies to GVKEYs"),
    Setting(
        "WRDS_LINK_TABLE",
        "crsp.ccmxpf_linktable",
        "Table that links GVKEYs to PERMNOs, e.g. `crsp_a_ccm.ccmxpf_lnkhist`",
    ),
    Setting("WRDS_STATEMENT_TIMEOUT", "900", "Seconds that a statement may take before it is tried again"),
    Setting("FTM_EMBEDDING_MODEL", None, "Any sentence-transformers name or path; unset: the bundled MiniLM"),
    Setting(
        "FTM_EMBEDDING_BASE_URL",
        None,
        "OpenAI-compatible endpoint that embeds with `FTM_EMBEDDING_MODEL`; unset: it runs here",
    ),
    Setting(
        "FTM_EMBEDDING_API_KEY", None, "Its key, where it wants one; never stored nor logged", is_secret=True
    ),
    Setting(
        "FTM_EMBEDDING_PRECISION",
        "auto",
        "`auto` (half precision where the hardware has it), `float32`, `bfloat16` or `float16`",
    ),
    Setting(
        "FTM_SENTIMENT_MODEL",
        None,
        "A transformers text-classification name or path, e.g. `yiyanghkust/finbert-tone`; "
        "unset: the embedded Loughran-McDonald scorer",
    ),
    Setting("FTM_SENTIMENT_PRECISION", "auto", "As `FTM_EMBEDDING_PRECISION`, for the classifier"),
    Setting(
        "FTM_EXECUTOR", "in_process", "How the steps of a run execute: `in_process`, `multiprocess` or `ecs`"
    ),
    Setting(
        "FTM_DUCKDB_MEMORY_LIMIT",
        "4GB",
        "Memory that one DuckDB connection may take; what does not fit goes to its temporary folder",
    ),
    Setting("FTM_DUCKDB_THREADS", None, "Threads of one DuckDB connection; unset: one per core"),
    Setting(
        "FTM_DUCKDB_TEMP_DIRECTORY",
        None,
        "Folder for what outgrows DuckDB's memory, on a disk with room; unset: the system's (`TMPDIR`)",
    ),
    Setting(
        "LLM_BASE_URL", None, "OpenAI-compatible endpoint that names topics; unset: the extractive namer"
    ),
    Setting("LLM_MODEL", "Qwen/Qwen3-8B", "Model to ask for at that endpoint"),
    Setting("LLM_API_KEY", None, "Its key, where it wants one; never stored nor logged", is_secret=True),
)

SETTINGS: dict[str, Setting] = {s.name: s for s in _ALL}


def get(name: str) -> str | None:
    """Return the value of a documented setting, its default where it is unset or empty; KeyError if unknown."""
    return os.environ.get(name) or SETTINGS[name].default
