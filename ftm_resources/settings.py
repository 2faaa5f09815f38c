"""The environment variables that configure a deployment: names, types, defaults, meaning.

Nothing else in the package reads or sets the environment. It is read when a value is asked for, never at import.
"""

from __future__ import annotations

import difflib
import os
import warnings
from functools import lru_cache
from pathlib import Path
from typing import Literal, get_args

from pydantic import AliasGenerator, Field, SecretStr, ValidationError
from pydantic_settings import BaseSettings, SettingsConfigDict

Source = Literal["sample", "files", "capital_iq"]
"""Where transcripts come from."""

Precision = Literal["auto", "float32", "bfloat16", "float16"]
"""Number format of a model that runs here."""


class SettingsError(ValueError):
    """A variable whose value cannot be used; the message names it and says what it must be."""


class SettingsWarning(UserWarning):
    """A variable that looks like one of ours and is none."""


class Settings(BaseSettings):
    """The variables, each under its own name in lower case; unset or empty, its default.

    >>> Settings().ftm_source
    'sample'
    """

    model_config = SettingsConfigDict(
        alias_generator=AliasGenerator(validation_alias=str.upper),
        case_sensitive=True,
        env_ignore_empty=True,
        extra="ignore",
        frozen=True,
    )

    ftm_warehouse: str = Field(
        "./warehouse", description="Where tables live: a folder or an `s3://bucket/prefix`"
    )
    ftm_source: Source = Field(
        "sample", description="Where transcripts come from: `sample` (generated), `files` or `capital_iq`"
    )
    ftm_source_path: str | None = Field(
        None, description="With `files`: a CSV or Parquet file, or a folder of them"
    )
    ftm_sample_firms: int = Field(48, ge=1, description="With `sample`: how many firms to generate")
    wrds_host: str = Field(
        "wrds-pgdata.wharton.upenn.edu", description="With `capital_iq`: WRDS's PostgreSQL server"
    )
    wrds_port: int = Field(9737, ge=1, le=65535, description="Its port")
    wrds_db: str = Field("wrds", description="Its database")
    wrds_sslmode: Literal["disable", "allow", "prefer", "require", "verify-ca", "verify-full"] = Field(
        "require", description="How TLS is used, as in PostgreSQL's `sslmode`"
    )
    wrds_username: str | None = Field(None, description="WRDS account; without a password, `.pgpass` has it")
    wrds_password: SecretStr | None = Field(None, description="Its password; never stored nor logged")
    wrds_secret_id: str | None = Field(
        None,
        description="AWS Secrets Manager secret with `username` and `password`, instead of the two",
    )
    wrds_transcript_schema: str = Field(
        "ciq", description="Schema in which the account has Capital IQ's transcripts"
    )
    wrds_gvkey_table: str = Field(
        "ciq.wrds_gvkey", description="Table that links Capital IQ's companies to GVKEYs"
    )
    wrds_link_table: str = Field(
        "crsp.ccmxpf_linktable",
        description="Table that links GVKEYs to PERMNOs, e.g. `crsp_a_ccm.ccmxpf_lnkhist`",
    )
    wrds_statement_timeout: float = Field(
        900, gt=0, description="Seconds that a statement may take before it is tried again"
    )
    ftm_embedding_model: str | None = Field(
        None, description="Any sentence-transformers name or path; unset: the bundled MiniLM"
    )
    ftm_embedding_base_url: str | None = Field(
        None,
        description="OpenAI-compatible endpoint that embeds with `FTM_EMBEDDING_MODEL`; unset: it runs here",
    )
    ftm_embedding_api_key: SecretStr | None = Field(
        None, description="Its key, where it wants one; never stored nor logged"
    )
    ftm_embedding_precision: Precision = Field(
        "auto",
        description="`auto` (half precision where the hardware has it), `float32`, `bfloat16` or `float16`",
    )
    ftm_sentiment_model: str | None = Field(
        None,
        description="A transformers text-classification name or path, e.g. `yiyanghkust/finbert-tone`; "
        "unset: the embedded Loughran-McDonald scorer",
    )
    ftm_sentiment_precision: Precision = Field(
        "auto", description="As `FTM_EMBEDDING_PRECISION`, for the classifier"
    )
    ftm_executor: Literal["in_process", "multiprocess", "ecs"] = Field(
        "in_process",
        description="How the steps of a run execute: `in_process`, `multiprocess` or `ecs`",
    )
    ftm_allow_mixed_generations: bool = Field(
        False,
        description="Compute from tables that were not built from each other, with a warning instead of an error",
    )
    ftm_duckdb_memory_limit: str = Field(
        "4GB",
        description="Memory that one DuckDB connection may take; what does not fit goes to its temporary folder",
    )
    ftm_duckdb_threads: int | None = Field(
        None, ge=1, description="Threads of one DuckDB connection; unset: one per core"
    )
    ftm_duckdb_temp_directory: Path | None = Field(
        None,
        description="Folder for what outgrows DuckDB's memory, on a disk with room; unset: the system's (`TMPDIR`)",
    )
    llm_base_url: str | None = Field(
        None, description="OpenAI-compatible endpoint that names topics; unset: the extractive namer"
    )
    llm_model: str = Field("Qwen/Qwen3-8B", description="Model to ask for at that endpoint")
    llm_api_key: SecretStr | None = Field(
        None, description="Its key, where it wants one; never stored nor logged"
    )
    # Variables of other tools, honoured where those tools would honour them.
    aws_endpoint_url: str | None = Field(
        None, description="AWS's own: another endpoint for its services, such as an S3 of your own"
    )
    aws_endpoint_url_s3: str | None = Field(None, description="AWS's own: the same, for S3 alone")
    dbt_target_path: Path | None = Field(
        None, description="dbt's own: where it works; unset: `target` beside the project"
    )
    pgpassfile: Path | None = Field(
        None, description="PostgreSQL's own: the password file; unset: `.pgpass` in the home folder"
    )
    dagster_home: Path | None = Field(
        None, description="Dagster's own: where it keeps runs and their logs; unset: `ftm` uses `./.dagster`"
    )
    dagster_disable_telemetry: bool = Field(
        False, description="Dagster's own: keep usage statistics from its makers; `ftm` sets it"
    )
    hf_hub_offline: bool = Field(
        False, description="Hugging Face's own: use models that are here, and download none"
    )


NAMES = tuple(name.upper() for name in Settings.model_fields)
"""Every variable that is read."""

ELSEWHERE = (
    *("FTM_CPU_IMAGE", "FTM_GPU_IMAGE", "FTM_LOGS_BUCKET", "FTM_LOG_GROUP", "FTM_EXECUTION_ROLE_ARN"),
    *("FTM_TASK_ROLE_ARN", "FTM_POSTGRES_PASSWORD_ARN", "FTM_LLM_API_KEY_ARN", "FTM_EARNINGS21"),
)
"""Variables of `infra/` and of the tests, which this package does not read."""

PREFIX = "FTM_"
"""A variable with this prefix is meant for us."""

SHARED_PREFIXES = ("WRDS_", "LLM_")
"""Other programs have variables with these, so only what is nearly one of ours is taken for a mistake."""


def current() -> Settings:
    """Return the settings as the environment has them now.

    Raises SettingsError, naming every variable whose value cannot be used. Warns (SettingsWarning) of variables
    that look like ours and are not.
    """
    return _parsed(tuple(os.environ.get(name) for name in NAMES), _strangers())


def secret(value: SecretStr | None) -> str | None:
    """Return what a secret hides; None where it is not set."""
    return value.get_secret_value() if value else None


def assign(name: str, value: str) -> None:
    """Set a variable for this process and those it starts; KeyError if it is not one of ours."""
    if name not in NAMES:
        raise KeyError(name)
    os.environ[name] = value


def unknown() -> dict[str, str | None]:
    """Return the variables that look like ours and are not, each with the name that is nearest, if any is near."""
    found = {n: next(iter(difflib.get_close_matches(n, NAMES, 1, cutoff=0.8)), None) for n in _strangers()}
    return {name: nearest for name, nearest in found.items() if nearest or name.startswith(PREFIX)}


def _strangers() -> tuple[str, ...]:
    ours = {*NAMES, *ELSEWHERE}
    return tuple(n for n in os.environ if n.startswith((PREFIX, *SHARED_PREFIXES)) and n not in ours)


@lru_cache(maxsize=1)
def _parsed(_values: tuple[str | None, ...], _names: tuple[str, ...]) -> Settings:
    """Return the settings; kept, and what is wrong said once, until the environment is another."""
    for name, nearest in unknown().items():
        advice = f"did you mean {nearest}?" if nearest else "README.md lists the variables"
        warnings.warn(f"{name} is set and has no effect: {advice}", SettingsWarning, stacklevel=3)
    try:
        return Settings()
    except ValidationError as error:
        raise SettingsError("; ".join(_problem(e["loc"], e["msg"]) for e in error.errors())) from None


def _problem(location: tuple[int | str, ...], message: str) -> str:
    name = str(location[0])
    is_secret = SecretStr in get_args(Settings.model_fields[name.lower()].annotation)
    value = "" if is_secret else f" is {os.environ.get(name)!r}"
    return f"{name}{value}: {message.partition(', unable')[0].replace('Input should be', 'it must be')}"
