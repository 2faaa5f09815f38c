"""Small quarters of themes, written straight into a warehouse, and the asset that links them."""

import hashlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import dagster as dg
import numpy as np
import pyarrow as pa

from ftm_assets.assets.theme_families import theme_families
from ftm_assets.assets.theme_links import theme_links
from ftm_assets.orchestration.io_manager import WarehouseIOManager
from ftm_assets.orchestration.partitions import QUARTERS
from ftm_assets.orchestration.series_chain import LINK_TABLES
from ftm_resources.tables import TABLES
from ftm_resources.warehouse import Warehouse

DIMENSION = 16
MODEL = {"model": "small", "dimension": DIMENSION}


def about(subject: str, dimension: int = DIMENSION) -> np.ndarray:
    """A direction per subject."""
    digest = hashlib.blake2b(subject.encode(), digest_size=4).digest()
    vector = np.random.default_rng(int.from_bytes(digest)).normal(size=dimension)
    return vector / np.linalg.norm(vector)


def write_themes(
    warehouse: Warehouse,
    quarter: str,
    subjects: Sequence[str],
    *,
    run: str = "made",
    model: Mapping[str, Any] | None = None,
    topics_per_theme: int = 4,
    topics_without_theme: int = 1,
    dimension: int = DIMENSION,
) -> None:
    """Write a quarter with a theme per subject, of topics near its direction, and topics of no theme."""
    summaries, placed, themes = [], [], []
    for rank, subject in enumerate(subjects):
        theme = f"{quarter}:theme:{rank:03d}"
        for k in range(topics_per_theme):
            topic, firm = f"{quarter}:{k}:{rank:03d}", str(k)
            vector = about(subject, dimension) + 0.2 * about(f"{quarter} {subject} {k}", dimension)
            summaries.append(_summary(topic, firm, subject, vector))
            placed.append({"topic_id": topic, "theme_id": theme, "firm_id": firm})
        themes.append(
            {
                "theme_id": theme, "name": f"{subject} in {quarter}", "description": "", "keywords": [subject, "cost"],
                "n_topics": topics_per_theme, "n_firms": topics_per_theme, "n_sentences": 40 - rank,
                "largest_firm_share": 0.3, "naming_method": "extractive", "embedding": about(subject, dimension),
            }
        )  # fmt: skip
    for k in range(topics_without_theme):
        nobody = f"{quarter}:9:{k:03d}"
        summaries.append(_summary(nobody, "9", "weather", about(f"{quarter} weather{k or ''}", dimension)))
        placed.append({"topic_id": nobody, "firm_id": "9", "reason": "outlier"})
    models = {"embedder": MODEL if model is None else dict(model)}
    _write(warehouse, quarter, "topic_summaries", summaries, run_id=run, models=models)
    _write(warehouse, quarter, "themes", themes, run_id=run)
    _write(warehouse, quarter, "theme_topics", placed, run_id=run)


def _summary(topic: str, firm: str, subject: str, vector: np.ndarray) -> dict[str, Any]:
    unit = (vector / np.linalg.norm(vector)).astype(np.float32)
    return {
        "topic_id": topic, "firm_id": firm, "name": subject, "summary": subject, "naming_method": "extractive",
        "model": "m", "prompt_version": "1", "embedding": unit,
    }  # fmt: skip


def _write(
    warehouse: Warehouse, quarter: str, table: str, rows: list[dict[str, Any]], **provenance: Any
) -> None:
    filled = [{**row, "quarter": quarter} for row in rows]
    made = pa.Table.from_pylist(filled, schema=TABLES[table].arrow_schema)
    warehouse.replace(table, quarter, [made], provenance=provenance)


def link(warehouse: Warehouse, quarter: str, **config: Any) -> dg.ExecuteInProcessResult:
    """Materialize the links of a quarter."""
    definitions = dg.Definitions(
        assets=[
            theme_links,
            *(
                dg.AssetSpec(t, partitions_def=QUARTERS)
                for t in ("themes", "theme_topics", "topic_summaries")
            ),
        ],
        jobs=[dg.define_asset_job("job", selection=[theme_links])],
        resources={"warehouse": warehouse, "io_manager": WarehouseIOManager(warehouse=warehouse)},
    )
    return definitions.resolve_job_def("job").execute_in_process(
        partition_key=quarter,
        run_config={"ops": {"theme_links": {"config": config}}},
        raise_on_error=False,
    )


def killed_after_profiles(
    warehouse: Warehouse, quarter: str, subjects: Sequence[str], elsewhere: Path
) -> None:
    """Give a quarter other themes, and the first table of their links: as a run that was killed after it leaves it.

    The links are made in a second warehouse, at `elsewhere`.
    """
    other = Warehouse(path=str(elsewhere))
    write_themes(other, quarter, subjects)
    link(other, quarter)
    write_themes(warehouse, quarter, subjects, run="other themes")
    inputs = {
        f"{name}@{quarter}": {"content": warehouse.quarter(name, quarter).content}
        for name in ("themes", "theme_topics", "topic_summaries")
    }
    provenance = {"run_id": "killed", "together": list(LINK_TABLES), "inputs": inputs}
    warehouse.replace(
        "theme_profiles", quarter, [other.read("theme_profiles", quarter)], provenance=provenance
    )


def why(result: dg.ExecuteInProcessResult) -> str:
    """Return why a run failed; empty if it did not."""
    failed = [e.step_failure_data for e in result.all_events if e.is_step_failure]
    return " ".join(str(f.user_failure_data.description if f.user_failure_data else f.error) for f in failed)


def families_of(warehouse: Warehouse, quarter: str, **config: Any) -> list[dict[str, Any]]:
    """Materialize the families as seen from a quarter and return their rows."""
    dg.materialize(
        [
            theme_families,
            *(dg.AssetSpec(t, partitions_def=QUARTERS) for t in ("theme_profiles", "theme_links")),
        ],
        selection=[theme_families],
        partition_key=quarter,
        run_config={"ops": {"theme_families": {"config": config}}},
        resources={"warehouse": warehouse, "io_manager": WarehouseIOManager(warehouse=warehouse)},
    )
    rows: list[dict[str, Any]] = warehouse.read("theme_families", quarter).to_pylist()
    return rows
