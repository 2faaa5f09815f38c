"""transcripts, transcript_audit: the calls of a quarter from the configured source, best version of each."""

import time
from collections.abc import Iterator

import dagster as dg
import pyarrow as pa
import pyarrow.compute as pc

from ftm_assets.ecs import op_tags
from ftm_assets.methods.transcripts import build_transcripts
from ftm_assets.outputs import asset_outs, write_tables
from ftm_assets.partitions import QUARTERS
from ftm_assets.specs import preview
from ftm_resources.io_manager import Rows
from ftm_resources.progress import bar
from ftm_resources.sources.base import COMPONENTS, SourceError
from ftm_resources.sources.configured import ConfiguredSource
from ftm_resources.warehouse import Warehouse

CODE_VERSION = "2"
TABLES = ("transcripts", "transcript_audit")


@dg.multi_asset(
    outs=asset_outs(TABLES, code_version=CODE_VERSION, kinds={"python"}),
    can_subset=True,
    partitions_def=QUARTERS,
    pool="wrds",
    op_tags=op_tags("transcripts"),
)
def transcripts(
    context: dg.AssetExecutionContext, source: ConfiguredSource, warehouse: Warehouse
) -> Iterator[dg.Output[Rows]]:
    """Read the quarter from the source, choose versions, and keep what was not chosen in the audit."""
    started = time.perf_counter()
    quarter = context.partition_key
    opened = source.open()
    with bar(f"transcripts {quarter} from {opened.name}", "components") as move:
        try:
            tables = list(opened.components(quarter, progress=move))
        except SourceError as error:
            raise dg.Failure(str(error), allow_retries=False) from error
    components = pa.concat_tables(tables) if tables else COMPONENTS.empty_table()
    kept, audit = build_transcripts(components, quarter)
    linked = kept.num_rows - kept.column("permno").null_count
    statuses = {s["values"]: s["counts"] for s in audit.column("status").value_counts().to_pylist()}
    if not kept.num_rows:
        context.log.warning(f"{opened.name} has no call in {quarter}")
    described = {
        "source": opened.name,
        "seconds": time.perf_counter() - started,
        "firms": pc.count_distinct(kept.column("firm_id")).as_py(),
        "calls": pc.count_distinct(kept.column("transcript_id")).as_py(),
        "components": kept.num_rows,
        "link_rate": linked / kept.num_rows if kept.num_rows else 0.0,
        "audit": statuses,
        "preview": preview(kept, ["firm_name", "call_date", "section", "speaker_name", "text"]),
    }
    made = {
        "transcripts": (Rows.of(kept), described),
        "transcript_audit": (Rows.of(audit), {"statuses": statuses}),
    }
    yield from write_tables(context.op_execution_context, warehouse, made, code_version=CODE_VERSION)
