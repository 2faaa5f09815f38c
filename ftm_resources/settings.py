"""The environment variables that configure a deployment: names, types, defaults and meaning.

Only this module reads or sets the environment, and it reads it when a value is needed, never at import.
"""

from __future__ import annotations

import difflib
import os
import re
import warnings
from contextlib import contextmanager
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Literal, get_args

from pydantic import AliasGenerator, Field, SecretStr, ValidationError
from pydantic_settings import BaseSettings, SettingsConfigDict

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

Source = Literal["sample", "files", "capital_iq"]
"""Where transcripts come from."""

ReturnsSource = Literal["sample", "files", "wrds"]
"""Where market data come from."""

Precision = Literal["auto", "float32", "bfloat16", "float16"]
"""Number format of a model that runs locally."""


class SettingsError(ValueError):
    """A variable has an unusable value; the message names it and says what it must be."""


class SettingsWarning(UserWarning):
    """A variable looks like one of FTM's but is not."""


class Settings(BaseSettings):
    """The variables, each under its lower-case name; unset or empty variables take their defaults.

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
        None, description="With `files`: a file of calls, or a folder of them"
    )
    ftm_sample_firms: int = Field(48, ge=1, description="With `sample`: how many firms to generate")
    ftm_returns_source: ReturnsSource | None = Field(
        None,
        description="Where daily returns and factors come from: `files`, `wrds` or `sample`; unset: the sample's for "
        "the sample's calls, and for others no market data and no abnormal returns",
    )
    ftm_returns_path: str | None = Field(
        None, description="With `FTM_RETURNS_SOURCE=files`: a file or a folder with daily returns and factors"
    )
    ftm_fundamentals_source: ReturnsSource | None = Field(
        None,
        description="Where earnings and book equity for `controls` come from: `files`, `wrds` or `sample`; unset: the "
        "sample's for the sample's calls, and for others none, so that controls have no surprise and no "
        "book-to-market",
    )
    ftm_fundamentals_path: str | None = Field(
        None,
        description="With `FTM_FUNDAMENTALS_SOURCE=files`: a file or a folder with quarterly fundamentals",
    )
    ftm_pinned_themes: Path | None = Field(
        None, description="TOML or CSV file of themes to follow by hand: name, description, seed phrases"
    )
    wrds_host: str = Field(
        "wrds-pgdata.wharton.upenn.edu", description="With `capital_iq`: WRDS's PostgreSQL server"
    )
    wrds_port: int = Field(9737, ge=1, le=65535, description="Port of the WRDS server")
    wrds_db: str = Field("wrds", description="Database on the WRDS server")
    wrds_sslmode: Literal["disable", "allow", "prefer", "require", "verify-ca", "verify-full"] = Field(
        "require", description="TLS mode, as PostgreSQL's `sslmode`"
    )
    wrds_username: str | None = Field(
        None, description="WRDS account; without a password, it is read from `.pgpass`"
    )
    wrds_password: SecretStr | None = Field(None, description="WRDS password; never stored or logged")
    wrds_secret_id: str | None = Field(
        None,
        description="AWS Secrets Manager secret with `username` and `password`, instead of the two variables",
    )
    wrds_transcript_schema: str = Field(
        "ciq", description="Schema that holds Capital IQ's transcripts for this account"
    )
    wrds_gvkey_table: str = Field(
        "ciq.wrds_gvkey", description="Table that links Capital IQ's companies to GVKEYs"
    )
    wrds_link_table: str = Field(
        "crsp.ccmxpf_linktable",
        description="Table that links GVKEYs to PERMNOs, e.g. `crsp_a_ccm.ccmxpf_lnkhist`",
    )
    wrds_daily_table: str = Field(
        "crsp.dsf_v2",
        description="CRSP's daily stock file: `crsp.dsf_v2` (CIZ), or the legacy `crsp.dsf`, which ends with 2024",
    )
    wrds_delisting_table: str = Field(
        "crsp.dsedelist", description="CRSP's delisting returns; only the legacy daily file needs them"
    )
    wrds_factor_table: str = Field("ff.factors_daily", description="Daily Fama-French factors and momentum")
    wrds_fundamentals_table: str = Field("comp.fundq", description="Compustat's quarterly fundamentals")
    wrds_statement_timeout: float = Field(
        900, gt=0, description="Seconds before a slow statement is cancelled and retried"
    )
    ftm_embedding_model: str | None = Field(
        None, description="Any sentence-transformers name or path; unset: the bundled MiniLM"
    )
    ftm_embedding_base_url: str | None = Field(
        None,
        description="OpenAI-compatible endpoint that serves `FTM_EMBEDDING_MODEL`; unset: the model runs locally",
    )
    ftm_embedding_api_key: SecretStr | None = Field(
        None, description="API key of the embedding endpoint, if it needs one; never stored or logged"
    )
    ftm_embedding_precision: Precision = Field(
        "auto",
        description="`auto` (half precision if the hardware is faster in it), `float32`, `bfloat16` or `float16`",
    )
    ftm_embedding_cache: str | None = Field(
        None,
        description="Folder on this machine that keeps embeddings for later runs, by model and digest of the text; "
        "a relative one is under the folder in which FTM is started; unset: none are kept",
    )
    ftm_embedding_cache_gb: float = Field(
        10,
        gt=0,
        le=1e6,
        description="Most that this folder takes, in GB (1e9 bytes); embeddings used longest ago are removed first",
    )
    ftm_sentiment_model: str | None = Field(
        None,
        description="A transformers text-classification name or path, e.g. `yiyanghkust/finbert-tone`, or "
        "`word-lists` (Loughran-McDonald); unset: the bundled classifier",
    )
    ftm_sentiment_precision: Precision = Field(
        "auto", description="As `FTM_EMBEDDING_PRECISION`, for the sentiment model"
    )
    ftm_executor: Literal["in_process", "multiprocess", "ecs"] = Field(
        "in_process",
        description="How the steps of a run execute: `in_process`, `multiprocess` or `ecs`",
    )
    ftm_allow_mixed_generations: bool = Field(
        False,
        description="Compute from tables that were not built from each other, with a warning instead of an error",
    )
    ftm_duckdb_file: Path | None = Field(
        None,
        description="DuckDB file with copies of all tables, refreshed after each quarter; unset: none is written",
    )
    ftm_postgres_url: SecretStr | None = Field(
        None,
        description="Database that `ftm publish postgres` copies to, such as `postgresql://user@host:5432/name`; never "
        "stored or logged",
    )
    ftm_prices: Path | None = Field(
        None,
        description="CSV file of prices of machines, in place of the bundled one: what `ftm cost` and `run_costs` "
        "count with",
    )
    ftm_exports: Path = Field(Path("exports"), description="Folder of files that assets export, by asset")
    ftm_duckdb_memory_limit: str = Field(
        "4GB",
        description="Memory limit of one DuckDB connection; the rest spills to its temporary folder",
    )
    ftm_duckdb_threads: int | None = Field(
        None, ge=1, description="Threads of one DuckDB connection; unset: one per core"
    )
    ftm_duckdb_temp_directory: Path | None = Field(
        None,
        description="Folder for data that spills from DuckDB's memory; unset: the system's (`TMPDIR`)",
    )
    llm_base_url: str | None = Field(
        None, description="OpenAI-compatible endpoint that names topics; unset: the extractive namer"
    )
    llm_model: str = Field("Qwen/Qwen3-8B", description="Model to request from that endpoint")
    llm_api_key: SecretStr | None = Field(
        None, description="API key of that endpoint, if it needs one; never stored or logged"
    )
    ftm_llm_service: str | None = Field(
        None,
        pattern="^[^/]+/[^/]+$",
        description="`cluster/service` of ECS that serves the endpoint at `LLM_BASE_URL`: started before a run needs "
        "it and stopped afterwards; unset: the endpoint is not FTM's to start",
    )
    ftm_embedding_service: str | None = Field(
        None,
        pattern="^[^/]+/[^/]+$",
        description="The same for the endpoint at `FTM_EMBEDDING_BASE_URL`",
    )
    ftm_service_idle_seconds: float = Field(
        900, ge=0, description="Seconds that such a service is kept running after nothing needs it any more"
    )
    ftm_service_silent_seconds: float = Field(
        7200,
        gt=0,
        description="Seconds after which a run that reports nothing no longer keeps such a service running",
    )
    # Variables of other tools, which FTM honours as those tools do.
    aws_endpoint_url: str | None = Field(
        None, description="AWS variable: alternative endpoint for its services, such as your own S3 server"
    )
    aws_endpoint_url_s3: str | None = Field(
        None, description="AWS variable: alternative endpoint for S3 only"
    )
    aws_region: str | None = Field(
        None,
        description="AWS variable: the region of the stacks; `ftm cost` and `run_costs` say if prices are of another",
    )
    aws_default_region: str | None = Field(
        None, description="AWS variable: the same, if `AWS_REGION` is not set"
    )
    dbt_target_path: Path | None = Field(
        None, description="dbt variable: its working folder; unset: `target` beside the project"
    )
    pgpassfile: Path | None = Field(
        None, description="PostgreSQL variable: password file; unset: `.pgpass` in the home folder"
    )
    dagster_home: Path | None = Field(
        None, description="Dagster variable: folder for runs and their logs; unset: `ftm` uses `./.dagster`"
    )
    dagster_disable_telemetry: bool = Field(
        False, description="Dagster variable: send no usage statistics; `ftm` sets it"
    )
    hf_hub_offline: bool = Field(
        False, description="Hugging Face variable: use local models only, download nothing"
    )


NAMES = tuple(name.upper() for name in Settings.model_fields)
"""All variables that FTM reads."""

ELSEWHERE = ("FTM_LOGS_BUCKET", "FTM_EARNINGS21", "FTM_FAULTS")
"""Variables of `infra/` and the tests, which this package does not read."""

PREFIX = "FTM_"
"""Any variable with this prefix is meant for FTM."""

CONFIG_KEY = "FTM_API_KEY_"
"""Prefix of variables, each with the key of a host that the config of a run names and may pass it to."""

_SECRET_NAME = re.compile(
    "KEY(?!BOARD|MAP)|SECRET|TOKEN(?!IZ)|PASSWORD|PASSWD|CREDENTIAL|AUTH(?!OR(?!IZ))|HEADERS", re.IGNORECASE
)
_NO_SECRETS = frozenset({"empty", "none", "null", "dummy", "true", "false", "0", "1", "no-key", "not-needed"})
"""Values, in lower case, that programs ask for where there is no key: OPENAI_API_KEY=EMPTY, as vLLM's examples say."""
_WITH_PASSWORD = re.compile(r"[a-z][a-z0-9+.-]*://[^/?#\s]*:[^/?#\s]*@", re.IGNORECASE)

_UNKNOWN = "the documentation's page on environment variables lists those that have"

SHARED_PREFIXES = ("WRDS_", "LLM_")
"""Other programs use these prefixes too, so only a near match with one of FTM's variables counts as a mistake."""


def current() -> Settings:
    """Return the settings from the current environment.

    Raises SettingsError, naming every variable with an unusable value. Warns (SettingsWarning) about variables
    that look like FTM's but are not.
    """
    return _parsed(tuple(os.environ.get(name) for name in NAMES), _strangers())


def region() -> str | None:
    """Return the AWS region that the environment names; None if it names none."""
    return current().aws_region or current().aws_default_region


def secret(value: SecretStr | None) -> str | None:
    """Return the value of a secret; None if it is not set."""
    return value.get_secret_value() if value else None


def secrets() -> dict[str, str]:
    """Return the values that no config may pass on, each with its variable: of every program, not only of FTM.

    They are the variables whose names say so, and URLs with a password; not those that begin with CONFIG_KEY.
    """
    meant = {value for name, value in os.environ.items() if name.startswith(CONFIG_KEY)}
    return {
        value: name
        for name, value in os.environ.items()
        if value.lower() not in {"", *_NO_SECRETS}
        and value not in meant
        and (_SECRET_NAME.search(name) or _WITH_PASSWORD.match(value))
    }


def refuse_secrets(resource: str, fields: Mapping[str, object]) -> None:
    """Raise SettingsError if the config of a resource passes a secret of the environment in one of these fields.

    A run's config may name any variable (`{env: NAME}`), and what is no key is shown, stored and sent to servers.
    """
    held = secrets()
    for field, value in fields.items():
        for text in value if isinstance(value, list) else [value]:
            is_address = field == "base_url" and isinstance(text, str) and _WITH_PASSWORD.match(text)
            if isinstance(text, str) and text in held and not is_address:
                raise SettingsError(
                    f"{field} of the resource {resource} is the value of {held[text]}, a secret of this environment, "
                    f"which would be shown and sent as it is. Correct {field} in the run's config"
                )


def _is_secret(name: str) -> bool:
    return SecretStr in get_args(Settings.model_fields[name].annotation)


def assign(name: str, value: str) -> None:
    """Set a variable for this process and its children; KeyError if it is not one of FTM's."""
    if name not in NAMES:
        raise KeyError(name)
    os.environ[name] = value


def environment_without(beginning: str) -> dict[str, str]:
    """Return the environment for another process, without the variables whose names begin so."""
    return {n: v for n, v in os.environ.items() if not n.startswith(beginning)}


@contextmanager
def hidden(beginning: str) -> Iterator[None]:
    """Take the variables whose names begin so out of this process's environment for a while."""
    taken = {n: os.environ.pop(n) for n in list(os.environ) if n.startswith(beginning)}
    try:
        yield
    finally:
        os.environ.update(taken)


def unknown() -> dict[str, str | None]:
    """Return the variables that look like FTM's but are not, each with the nearest valid name, if any is close."""
    found = {n: next(iter(difflib.get_close_matches(n, NAMES, 1, cutoff=0.8)), None) for n in _strangers()}
    return {name: nearest for name, nearest in found.items() if nearest or name.startswith(PREFIX)}


def _strangers() -> tuple[str, ...]:
    ours = {*NAMES, *ELSEWHERE}
    found = (n for n in os.environ if n.startswith((PREFIX, *SHARED_PREFIXES)))
    return tuple(n for n in found if n not in ours and not n.startswith(CONFIG_KEY))


@lru_cache(maxsize=1)
def _parsed(_values: tuple[str | None, ...], _names: tuple[str, ...]) -> Settings:
    """Return the settings; cached, so that warnings appear once, until the environment changes."""
    for name, nearest in unknown().items():
        advice = f"did you mean {nearest}?" if nearest else _UNKNOWN
        warnings.warn(f"{name} is set and has no effect: {advice}", SettingsWarning, stacklevel=3)
    try:
        return Settings()
    except ValidationError as error:
        raise SettingsError("; ".join(_problem(e["loc"], e["msg"]) for e in error.errors())) from None


def _problem(location: tuple[int | str, ...], message: str) -> str:
    name = str(location[0])
    value = "" if _is_secret(name.lower()) else f" is {os.environ.get(name)!r}"
    return f"{name}{value}: {message.partition(', unable')[0].replace('Input should be', 'it must be')}"
