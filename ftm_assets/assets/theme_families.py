"""theme_families: the themes of this quarter and all earlier ones, clustered together once more, in hindsight.

A quarter's partition holds what is seen from its end of all quarters up to it. So each partition is one whole answer,
which no later quarter changes, and none can be taken for what was known in an earlier one: that is in theme_series.
Only the partition of the last quarter of a sample is of use, so the job of a quarter leaves this asset out.
"""

import hashlib
import json
import time
from collections import Counter
from collections.abc import Sequence

import dagster as dg
import numpy as np
import pyarrow as pa

from ftm_assets.methods.time.families import FamilyParams, families
from ftm_assets.methods.vectors import as_matrix
from ftm_assets.orchestration.code_version import code_version
from ftm_assets.orchestration.execution.ecs import op_tags
from ftm_assets.orchestration.io_manager import Rows
from ftm_assets.orchestration.params_config import offering, params_of
from ftm_assets.orchestration.partitions import QUARTERS
from ftm_assets.orchestration.series_chain import CHAIN, require_one_model, require_whole, settled
from ftm_assets.orchestration.specs import asset_attributes, preview, readable
from ftm_resources.expected import plainly
from ftm_resources.tables import TABLES
from ftm_resources.warehouse import QuarterTable, Warehouse

NAME = "theme_families"
CODE_VERSION = code_version(__name__)
PREVIEWED = 25


@offering(FamilyParams)
class ThemeFamiliesConfig(dg.Config):
    """Parameters of families."""


@dg.asset(
    name=NAME,
    **asset_attributes(NAME, code_version=CODE_VERSION, kinds={"python"}),
    partitions_def=QUARTERS,
    pool="cpu",
    op_tags=op_tags(NAME),
)
@plainly
def theme_families(
    context: dg.AssetExecutionContext,
    config: ThemeFamiliesConfig,
    warehouse: Warehouse,
    theme_profiles: QuarterTable,
    theme_links: QuarterTable,
) -> dg.Output[Rows]:
    """Cluster the themes of all quarters up to this one together."""
    started, last = time.perf_counter(), context.partition_key
    pinned = settled(warehouse)
    seen = [q for q in pinned.quarters([CHAIN]) if q < last]
    require_whole(pinned, [*seen, last], f"{NAME} {last}")
    require_one_model(pinned, [*seen, last], NAME)
    profiles = [*(warehouse.quarter("theme_profiles", q, pinned=pinned) for q in seen), theme_profiles]
    links = [*(warehouse.quarter("theme_links", q, pinned=pinned) for q in seen), theme_links]
    rows = _rows(profiles, links, last, params_of(config, FamilyParams))
    sizes = Counter(rows.column("family_id").to_pylist())
    columns = ["family_id", "family_name", "member_theme", "theme_name", "similarity"]
    metadata = {
        "hindsight": f"Uses all of {len(seen) + 1} quarters up to {last}; not what was known earlier",
        "quarters": len(seen) + 1,
        "themes": rows.num_rows,
        "families": len(sizes),
        "version": rows.column("version")[0].as_py() if rows.num_rows else "",
        "seconds": time.perf_counter() - started,
        "preview": preview(rows, columns, PREVIEWED),
    }
    return dg.Output(
        Rows.of(rows, *profiles, *links, config=config.model_dump()), metadata=readable(metadata)
    )


def _rows(
    profiles: Sequence[QuarterTable], links: Sequence[QuarterTable], last: str, params: FamilyParams
) -> pa.Table:
    themes = pa.concat_tables(
        t.read(["theme_id", "name", "n_sentences", "vector", "quarter"]) for t in profiles
    )
    themes = themes.sort_by("theme_id")
    placed = pa.concat_tables(t.read(["theme_id", "series_id"]) for t in links).sort_by("theme_id")
    if themes.column("theme_id") != placed.column("theme_id"):
        raise dg.Failure(
            f"{NAME} {last}: theme_links and theme_profiles hold different themes", allow_retries=False
        )
    found = families(as_matrix(themes.column("vector")), placed.column("series_id").to_pylist(), params)
    names, sizes = themes.column("name").to_pylist(), themes.column("n_sentences").to_pylist()
    by_size = np.argsort(sizes, kind="stable").tolist()
    called = {int(found.labels[i]): names[i] for i in by_size}  # the largest theme's comes last
    contents = [(t.name, t.quarter, t.content) for t in (*profiles, *links)]
    version = hashlib.blake2b(json.dumps(contents).encode(), digest_size=6).hexdigest()
    rows = pa.table(
        {
            "member_theme": themes.column("theme_id"),
            "member_quarter": themes.column("quarter"),
            "theme_name": themes.column("name"),
            "series_id": placed.column("series_id"),
            "family_id": pa.array([f"{last}:family:{k:03d}" for k in found.labels.tolist()], pa.string()),
            "family_name": pa.array([called[k] for k in found.labels.tolist()], pa.string()),
            "similarity": pa.array(found.similarity, pa.float64()),
            "version": pa.array([version] * themes.num_rows, pa.string()),
        }
    )
    return TABLES[NAME].conform(rows, quarter=last)
