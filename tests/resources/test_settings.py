import os
import re
import warnings
from pathlib import Path

import pytest
from pydantic import SecretStr

from ftm_resources import settings
from ftm_resources.endpoint.llm import LlmResource
from ftm_resources.models.embedder import Embedder
from ftm_resources.models.sentiment import SentimentScorer
from ftm_resources.settings import Settings, SettingsError, SettingsWarning

REPOSITORY = Path(__file__).resolve().parents[2]


@pytest.fixture(autouse=True)
def unset(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [n for n in os.environ if n in settings.NAMES or n.startswith("FTM_")]:
        monkeypatch.delenv(name)


def test_an_unset_or_empty_variable_has_its_default(monkeypatch: pytest.MonkeyPatch):
    assert settings.current().ftm_warehouse == "./warehouse"
    monkeypatch.setenv("FTM_WAREHOUSE", "")
    assert settings.current().ftm_warehouse == "./warehouse"
    monkeypatch.setenv("FTM_WAREHOUSE", "/data")
    assert settings.current().ftm_warehouse == "/data"


def test_values_have_types(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("FTM_SAMPLE_FIRMS", "12")
    monkeypatch.setenv("WRDS_STATEMENT_TIMEOUT", "0.5")
    monkeypatch.setenv("PGPASSFILE", "/home/x/.pgpass")
    now = settings.current()
    assert (now.ftm_sample_firms, now.wrds_statement_timeout) == (12, 0.5)
    assert now.pgpassfile == Path("/home/x/.pgpass")


@pytest.mark.parametrize(
    ("name", "value", "must"),
    [
        ("FTM_SAMPLE_FIRMS", "abc", "it must be a valid integer"),
        ("FTM_SAMPLE_FIRMS", "0", "it must be greater than or equal to 1"),
        ("FTM_SOURCE", "wrds", "it must be 'sample', 'files' or 'capital_iq'"),
        ("FTM_EXECUTOR", "threads", "it must be 'in_process', 'multiprocess' or 'ecs'"),
        ("WRDS_PORT", "ninety", "it must be a valid integer"),
        ("WRDS_PORT", "70000", "it must be less than or equal to 65535"),
        ("WRDS_SSLMODE", "yes", "it must be 'disable', 'allow'"),
        ("WRDS_STATEMENT_TIMEOUT", "0", "it must be greater than 0"),
    ],
)
def test_a_bad_value_names_the_variable_and_what_it_must_be(
    name: str, value: str, must: str, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setenv(name, value)
    with pytest.raises(SettingsError, match=re.escape(f"{name} is {value!r}: {must}")):
        settings.current()


def test_every_bad_value_is_named_at_once(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("FTM_SAMPLE_FIRMS", "abc")
    monkeypatch.setenv("WRDS_PORT", "x")
    with pytest.raises(SettingsError, match=r"FTM_SAMPLE_FIRMS.*WRDS_PORT"):
        settings.current()


@pytest.mark.parametrize("name", ["WRDS_PASSWORD", "LLM_API_KEY", "FTM_EMBEDDING_API_KEY"])
def test_a_secret_is_never_shown(name: str, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv(name, "hush-hush")
    now = settings.current()
    assert "hush" not in repr(now) + str(now) + str(now.model_dump()) + now.model_dump_json()
    assert settings.secret(getattr(now, name.lower())) == "hush-hush"


def test_what_sounds_secret_is_one():
    for name, field in Settings.model_fields.items():
        if name.endswith(("_key", "_password", "_token")):
            assert field.annotation == SecretStr | None, name


@pytest.mark.parametrize(
    ("name", "nearest"),
    [
        ("FTM_SENTIMENT_MODLE", "FTM_SENTIMENT_MODEL"),
        ("FTM_WAREHOUSES", "FTM_WAREHOUSE"),
        ("WRDS_USER_NAME", "WRDS_USERNAME"),
        ("LLM_BASEURL", "LLM_BASE_URL"),
        ("FTM_COLOUR", None),
    ],
)
def test_a_misspelt_variable_warns_with_the_nearest_name(
    name: str, nearest: str | None, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setenv(name, "x")
    assert settings.unknown() == {name: nearest}
    with pytest.warns(SettingsWarning, match=f"{name} is set.*{nearest or 'documentation'}"):
        settings.current()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        settings.current()  # once is enough


@pytest.mark.parametrize("name", ["LLM_USER_PATH", "WRDS_CLOUD_TOOLS", "PATH", *settings.ELSEWHERE])
def test_variables_of_other_programs_do_not_warn(name: str, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv(name, "x")
    assert settings.unknown() == {}


def test_only_our_variables_can_be_assigned(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("FTM_SOURCE", "sample")  # so that what is assigned is undone
    settings.assign("FTM_SOURCE", "files")
    assert settings.current().ftm_source == "files"
    with pytest.raises(KeyError):
        settings.assign("FTM_SOURCES", "files")


def test_variables_of_the_infrastructure_are_known():
    """Every FTM_ variable that infra and the tests' set-up name is read, or listed as theirs."""
    own = ("tests/conftest.py", "tests/assets/test_faults.py", "Makefile")
    files = [*REPOSITORY.glob("infra/**/*"), *(REPOSITORY / name for name in own)]
    texts = [f.read_text() for f in files if f.is_file() and f.parent.name != "__pycache__"]
    named = {n for text in texts for n in re.findall(r"\bFTM_[A-Z0-9_]+\b", text)}
    assert named <= {*settings.NAMES, *settings.ELSEWHERE}
    assert named >= set(settings.ELSEWHERE)


def test_the_documents_name_only_variables_that_exist():
    """The reference is made from the settings (tests/docs/test_settings_page.py); the other pages are written."""
    pages = [REPOSITORY / "README.md", *(REPOSITORY / "docs").glob("*.md")]
    named = {
        n: p.name
        for p in pages
        for n in re.findall(r"\b(?:FTM|WRDS|LLM)_[A-Z0-9_]*[A-Z0-9]\b", p.read_text())
    }
    known = {*settings.NAMES, *settings.ELSEWHERE, settings.CONFIG_KEY.removesuffix("_")}
    assert {n: page for n, page in named.items() if n not in known} == {}
    assert {"FTM_WAREHOUSE", "FTM_SENTIMENT_MODEL", "LLM_BASE_URL", "WRDS_USERNAME"} <= set(named)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("AWS_SECRET_ACCESS_KEY", "x"),
        ("HF_TOKEN", "x"),
        ("DAGSTER_POSTGRES_PASSWORD", "x"),
        ("OPENAI_CUSTOM_HEADERS", "x"),
        ("LLM_API_KEY", "x"),
        ("DATABASE_URL", "postgresql://user:x@host/db"),
    ],
)
def test_secrets_of_all_programs_are_refused_in_every_field_and_not_quoted(
    monkeypatch: pytest.MonkeyPatch, name: str, value: str
):
    monkeypatch.setenv(name, value)
    assert settings.secrets()[value] == name
    for fields in ({"model": value}, {"labels": ["positive", value]}):
        with pytest.raises(SettingsError, match=f"is the value of {name}, a secret") as error:
            settings.refuse_secrets("llm", fields)
        assert value == "x" or value not in str(error.value)
    settings.refuse_secrets("llm", {"model": "Qwen/Qwen3-8B", "labels": None, "seed": 0})


def test_a_variable_for_keys_of_configs_is_no_secret_to_them_and_no_misspelling(
    monkeypatch: pytest.MonkeyPatch,
):
    monkeypatch.setenv("OPENAI_API_KEY", "sk-1")
    monkeypatch.setenv("FTM_API_KEY_OPENAI", "sk-1")
    assert "sk-1" not in settings.secrets()
    assert "FTM_API_KEY_OPENAI" not in settings.unknown()


@pytest.mark.parametrize(
    ("made", "fields"),
    [
        (LlmResource, ("base_url", "model")),
        (Embedder, ("base_url", "model", "device")),
        (SentimentScorer, ("model", "device")),
    ],
)
def test_each_resource_refuses_a_secret_before_a_step_computes_anything(
    monkeypatch: pytest.MonkeyPatch, made: type, fields: tuple[str, ...]
):
    monkeypatch.setenv("HF_TOKEN", "hf_secret")
    for field in fields:
        with pytest.raises(SettingsError, match=f"{field} of the resource .* is the value of HF_TOKEN"):
            made(**{field: "hf_secret"}).require_usable()
