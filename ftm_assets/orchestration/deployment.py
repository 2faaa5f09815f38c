"""The resources of a deployment. Local, test and AWS differ only in settings, which are read at run time."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ftm_assets.orchestration.dbt_project import dbt_resource
from ftm_assets.orchestration.io_manager import WarehouseIOManager
from ftm_resources.duck import ConfiguredDuckDB
from ftm_resources.endpoint.ecs_service import ModelServices
from ftm_resources.endpoint.llm import LlmResource
from ftm_resources.models.embedder import Embedder
from ftm_resources.models.sentiment import SentimentScorer
from ftm_resources.sources.configured import ConfiguredSource
from ftm_resources.sources.returns.configured_fundamentals import ConfiguredFundamentals
from ftm_resources.sources.returns.configured_market import ConfiguredMarket
from ftm_resources.warehouse import Warehouse

if TYPE_CHECKING:
    from pathlib import Path


def resources() -> dict[str, Any]:
    """Return the resources of any deployment: FTM_WAREHOUSE decides between this machine and AWS."""
    return _over(Warehouse())


def test_resources(root: Path, **overrides: Any) -> dict[str, Any]:
    """Return the resources of a test: a warehouse under `root`, whatever the environment says."""
    return {**_over(Warehouse(path=str(root))), **overrides}


def _over(warehouse: Warehouse) -> dict[str, Any]:
    return {
        "warehouse": warehouse,
        "io_manager": WarehouseIOManager(warehouse=warehouse),
        "source": ConfiguredSource(),
        "market": ConfiguredMarket(),
        "accounts": ConfiguredFundamentals(),
        "embedder": Embedder(),
        "sentiment": SentimentScorer(),
        "llm": LlmResource(),
        "model_services": ModelServices(),
        "duckdb": ConfiguredDuckDB(),
        "dbt": dbt_resource(),
    }
