"""sentences: the sentences of every speaker except the operator."""

import time
from functools import partial

import dagster as dg
import pyarrow as pa
import pyarrow.compute as pc

from ftm_assets.methods.text.sentence_splitting import READ, build_sentences
from ftm_assets.orchestration.code_version import code_version
from ftm_assets.orchestration.execution.ecs import op_tags
from ftm_assets.orchestration.io_manager import Rows
from ftm_assets.orchestration.partitions import QUARTERS
from ftm_assets.orchestration.processes import side_by_side
from ftm_assets.orchestration.specs import NO_CONFIG, asset_attributes, preview, readable
from ftm_resources.expected import plainly
from ftm_resources.progress import bar
from ftm_resources.warehouse import QuarterTable

CODE_VERSION = code_version(__name__)

FIRMS_AT_ONCE = 100
"""Firms split at a time: small enough that progress shows and memory stays flat."""


@dg.asset(
    partitions_def=QUARTERS,
    op_tags=op_tags("sentences"),
    config_schema=NO_CONFIG,
    **asset_attributes("sentences", code_version=CODE_VERSION, kinds={"python"}),
)
@plainly
def sentences(context: dg.AssetExecutionContext, transcripts: QuarterTable) -> dg.Output[Rows]:
    """Split the quarter's components into sentences."""
    started = time.perf_counter()
    quarter = context.partition_key
    # Transcripts are stored firm by firm, so a firm's rows are contiguous.
    spoken = transcripts.read(READ)
    firms = spoken.column("firm_id").unique().to_pylist()
    groups = [firms[i : i + FIRMS_AT_ONCE] for i in range(0, len(firms), FIRMS_AT_ONCE)]
    rows = [spoken.filter(pc.is_in(spoken.column("firm_id"), pa.array(g))) for g in groups]
    found: list[pa.Table] = []
    with bar(f"sentences {quarter}", "firms", len(firms)) as move:
        for part in side_by_side(partial(build_sentences, quarter=quarter), rows, fewest=2):
            found.append(part)
            move(min(len(found) * FIRMS_AT_ONCE, len(firms)), None)
    result = pa.concat_tables(found) if found else build_sentences(spoken, quarter)
    return dg.Output(
        Rows.of(result, transcripts),
        metadata=readable(
            {
                "firms": len(firms),
                "seconds": time.perf_counter() - started,
                "sentences": result.num_rows,
                "preview": preview(result, ["sentence_id", "section", "text"]),
            }
        ),
    )
