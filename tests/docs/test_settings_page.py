import re

import dagster as dg
import pytest

from docs.generate.settings_page import config_page, settings_page
from docs.generate.site_builder import every_asset
from ftm_resources import settings
from ftm_resources.settings import Settings


def test_every_variable_has_its_default_and_meaning():
    rows = re.findall(
        r"^\| `([A-Z0-9_]+)` \| (.*?) \| (.*?) \| (.*) \|$", settings_page(Settings), re.MULTILINE
    )
    table = {name: (default, meaning) for name, default, _, meaning in rows}
    assert set(table) == set(settings.NAMES)
    for name, field in Settings.model_fields.items():
        default = "unset" if field.default is None else f"`{field.default}`"
        assert table[name.upper()] == (default, field.description)


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("FTM_SOURCE", "`sample`, `files`, `capital_iq`"),
        ("FTM_RETURNS_SOURCE", "`sample`, `files`, `wrds`"),
        ("FTM_SAMPLE_FIRMS", "integer"),
        ("WRDS_STATEMENT_TIMEOUT", "number"),
        ("LLM_API_KEY", "secret"),
        ("FTM_EXPORTS", "path"),
        ("FTM_ALLOW_MIXED_GENERATIONS", "`true`, `false`"),
        ("LLM_BASE_URL", "text"),
    ],
)
def test_a_variable_says_what_values_it_takes(name: str, kind: str):
    assert re.search(rf"^\| `{name}` \| [^|]+ \| {re.escape(kind)} \|", settings_page(Settings), re.MULTILINE)


class Inner(dg.Config):
    depth: int = 3


class Own(dg.Config):
    share: float = 0.5
    words: list[str] = ["a"]  # noqa: RUF012 - Dagster copies it
    inner: Inner = Inner()


def test_fields_have_defaults_also_those_within_others():
    @dg.asset
    def measured(config: Own) -> None: ...

    @dg.asset
    def plain() -> None: ...

    job = dg.define_asset_job("all", selection="*")
    made = dg.Definitions([measured, plain], jobs=[job]).resolve_job_def("all")
    page = config_page(made, {"measured": "What it is.", "plain": "Nothing."})
    assert "| `share` | `0.5` |  |" in page
    assert '| `words` | `["a"]` |  |' in page
    assert "| `inner.depth` | `3` |  |" in page
    assert "Without config: `plain`." in page


def test_every_field_of_every_asset_is_on_the_page_and_says_what_it_does():
    job, assets = every_asset()
    page = config_page(job, assets)
    assert "### themes {#themes}" in page
    assert re.search(r"^\| `min_firms` \| `2` \| Minimum firms per theme", page, re.MULTILINE)
    assert re.search(r"^\| `bertopic.min_cluster_size` \| `10` \| \w", page, re.MULTILINE)
    assert re.search(r"^\| `price_in` \| unset \| USD", page, re.MULTILINE)
    named = page.partition("## Resources")[0]
    for asset in assets:
        assert f"{{#{asset}}}" in named or f"`{asset}`" in named.partition("Without config:")[2], asset
