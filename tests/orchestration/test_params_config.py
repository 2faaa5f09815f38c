import json
from dataclasses import dataclass, field, fields
from typing import Annotated, Literal

import dagster as dg
import pytest
from annotated_types import Ge, Le
from pydantic import ValidationError

from ftm_assets.assets.firm_topics import FirmTopicsConfig
from ftm_assets.assets.themes import ThemesConfig
from ftm_assets.methods.topics.firm_model import FirmParams
from ftm_assets.methods.topics.theme_model import ThemeParams
from ftm_assets.orchestration.params_config import offering, params_of, recorded


@dataclass(frozen=True)
class Inner:
    """Parameters of a part."""

    depth: Annotated[int, Ge(1)] = 3
    """How deep."""


@dataclass(frozen=True)
class Outer:
    """Parameters."""

    share: Annotated[float, Ge(0), Le(1)] = 0.5
    """Share of
    the whole."""
    kind: Literal["one", "other"] = "one"
    """Which kind."""
    least: int | None = None
    """At least; default: none."""
    inner: Inner = field(default_factory=Inner)
    """Of the part."""


@offering(Outer)
class OuterConfig(dg.Config):
    """What a user may choose."""

    own: int = 1


def test_a_config_offers_each_parameter_with_its_default_bounds_and_meaning():
    offered = OuterConfig.to_config_schema().as_field().config_type.fields
    assert set(offered) == {"own", "share", "kind", "least", "inner"}
    assert offered["share"].default_value == 0.5
    assert offered["share"].description == "Share of the whole."
    assert OuterConfig.__doc__ == "What a user may choose."
    for wrong in ({"share": 1.5}, {"kind": "third"}, {"inner": {"depth": 0}}):
        with pytest.raises(ValidationError):
            OuterConfig(**wrong)


def test_the_parameters_come_back_as_the_user_set_them():
    assert params_of(OuterConfig(), Outer) == Outer()
    chosen = OuterConfig(share=0.25, kind="other", least=2, inner={"depth": 7}, own=9)
    assert params_of(chosen, Outer) == Outer(0.25, "other", 2, Inner(7))


def test_what_a_table_recorded_becomes_parameters_again():
    chosen = OuterConfig(share=0.25, least=2, inner={"depth": 7}, own=9)
    as_stored = json.loads(json.dumps(chosen.model_dump()))
    assert recorded(Outer, as_stored) == Outer(0.25, "one", 2, Inner(7))
    assert recorded(Outer, {}) == Outer(), "a table of before"


def test_an_asset_reads_them_from_a_run():
    seen = []

    @dg.asset
    def reads(config: OuterConfig) -> None:
        seen.append(params_of(config, Outer))

    run_config = {"ops": {"reads": {"config": {"inner": {"depth": 5}, "kind": "other"}}}}
    assert dg.materialize([reads], run_config=run_config).success
    assert seen == [Outer(kind="other", inner=Inner(5))]


def test_a_parameter_without_a_meaning_is_refused():
    @dataclass(frozen=True)
    class Silent:
        depth: int = 1

    with pytest.raises(TypeError, match="depth has no docstring"):
        offering(Silent)(dg.Config)


@pytest.mark.parametrize(("config", "params"), [(FirmTopicsConfig, FirmParams), (ThemesConfig, ThemeParams)])
def test_every_parameter_of_the_methods_is_offered(config: type[dg.Config], params: type):
    assert {f.name for f in fields(params)} <= set(config.model_fields)
    assert params_of(config(), params) == params()
