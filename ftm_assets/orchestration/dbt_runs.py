"""Running dbt's command line through dagster-dbt, which reads its events.

What belongs here: what loads dagster-dbt and with it dbt, which takes longer than all else that a process loads.
So only the step that builds marts imports this module, when it runs.
"""

from __future__ import annotations

from functools import cached_property
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

import dagster as dg
from dagster_dbt import DagsterDbtTranslator, DagsterDbtTranslatorSettings, DbtCliInvocation, DbtCliResource
from dagster_dbt.asset_utils import get_subset_selection_for_context
from packaging.version import Version

from ftm_assets.orchestration.dbt_project import VARIABLES
from ftm_resources import settings

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from ftm_assets.orchestration.dbt_project import Dbt


ALL = "fqn:*"
"""What dbt builds if nothing is left out."""


class OfflineDbt(DbtCliResource):
    """dagster-dbt's command line without its two extra steps before every command.

    Those would run `dbt --version`, which asks PyPI for the newest release, and load the project again in the
    calling process, for features that are not used here (row counts and columns fetched by dbt).
    """

    @cached_property
    def _cli_version(self) -> Version:
        return Version(version("dbt-core"))

    def _initialize_dbt_core_adapter(self, args: Sequence[str]) -> None:  # type: ignore[override]  # noqa: ARG002
        return None


class TableNames(DagsterDbtTranslator):
    """Asset keys are table names."""

    def __init__(self) -> None:
        super().__init__(
            DagsterDbtTranslatorSettings(
                # A table of this quarter, and of those before, is one asset.
                enable_source_metadata=False,
                enable_duplicate_source_asset_keys=True,
            )
        )

    def get_asset_key(self, dbt_resource_props: Mapping[str, Any]) -> dg.AssetKey:
        """Return the table's name, for models and sources alike."""
        return dg.AssetKey(dbt_resource_props["name"])


def build(
    dbt: Dbt, context: dg.AssetExecutionContext, manifest: Mapping[str, Any], target: Path
) -> DbtCliInvocation:
    """Start `dbt build` of the marts and tests that a step has selected, in a working copy with this target folder.

    `manifest` is that of the project as parsed. The invocation streams outputs of the step and results of its checks.
    """
    names = TableNames()
    selection, indirect = get_subset_selection_for_context(
        context=context,
        manifest=manifest,
        select=ALL,
        exclude=None,
        selector=None,
        dagster_dbt_translator=names,
        current_dbt_indirect_selection_env=None,
    )
    arguments = ["build", *selection, *(["--indirect-selection", indirect] if indirect else [])]
    # With the context, dagster-dbt would look for manifest and translator in the specs, where only it can put them.
    copy = {"project_dir": str(target.parent), "profiles_dir": str(target.parent)}
    with settings.hidden(VARIABLES):  # dagster-dbt passes on whatever is there when it starts dbt
        run = OfflineDbt(**dbt.model_dump() | copy).cli(
            arguments,
            manifest=manifest,
            dagster_dbt_translator=names,
            target_path=Path(target.name),
            raise_on_error=False,
        )
    run.context = context
    return run
