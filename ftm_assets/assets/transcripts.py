"""transcripts, transcript_audit: a quarter's calls from the configured source, in the best version of each.

Only this asset reads a source, so only it connects to WRDS: one quarter at a time, from the machine whose address
the second factor approved. Downstream assets read the table.
"""

import tempfile
import time
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import dagster as dg
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from pydantic import Field

from ftm_assets.methods.calls.transcript_versions import build_transcripts
from ftm_assets.orchestration.code_version import code_version
from ftm_assets.orchestration.execution.ecs import op_tags
from ftm_assets.orchestration.io_manager import Rows
from ftm_assets.orchestration.outputs import asset_outs, write_tables
from ftm_assets.orchestration.partitions import QUARTERS
from ftm_assets.orchestration.specs import preview
from ftm_resources.duck import ConfiguredDuckDB, scratch_folder
from ftm_resources.expected import plainly
from ftm_resources.progress import bar
from ftm_resources.sources.base import SourceError, TranscriptSource
from ftm_resources.sources.configured import ConfiguredSource
from ftm_resources.tables import TABLES as CONTRACTS
from ftm_resources.tables.components import COMPONENTS
from ftm_resources.warehouse import Warehouse

CODE_VERSION = code_version(__name__)
TABLES = ("transcripts", "transcript_audit")

FIRMS_AT_ONCE = 250
"""Firms whose versions are compared at a time, so that memory stays flat."""

COMPONENTS_FILE, KEPT_FILE = "components.parquet", "kept.parquet"
"""Scratch files: the components read, and those kept. Neither need fit in memory."""

_OF_FIRMS = "FROM read_parquet($file) WHERE companyid IN $firms"

PREVIEW = ("firm_name", "call_date", "section", "speaker_name", "text")


class TranscriptsConfig(dg.Config):
    """Which calls to keep, and when to replace a stored quarter."""

    require_permno: bool = Field(
        default=True,
        description="With capital_iq: leave out calls of firms without a PERMNO on the day of the call, which event "
        "studies cannot use; transcript_audit gives the reason for each",
    )
    replace_source: bool = Field(
        default=False,
        description="Replace a quarter that came from another source, e.g. real calls with the sample",
    )
    replace_by_nothing: bool = Field(
        default=False, description="Empty a stored quarter if the source no longer has calls in it"
    )


@dg.multi_asset(
    outs=asset_outs(TABLES, code_version=CODE_VERSION, kinds={"python"}),
    can_subset=True,
    partitions_def=QUARTERS,
    pool="wrds",
    op_tags=op_tags("transcripts"),
)
@plainly
def transcripts(
    context: dg.AssetExecutionContext,
    config: TranscriptsConfig,
    source: ConfiguredSource,
    warehouse: Warehouse,
    duckdb: ConfiguredDuckDB,
) -> Iterator[dg.Output[Rows]]:
    """Read the quarter from the source, choose a version of each call, and record the others in the audit."""
    started = time.perf_counter()
    quarter = context.partition_key
    opened = source.open(require_permno=config.require_permno)
    held = warehouse.provenance("transcripts", quarter) if warehouse.exists() else {}
    if not config.replace_source:
        _refuse_other_source(held, opened, quarter)
    with tempfile.TemporaryDirectory(prefix="ftm-transcripts-", dir=scratch_folder()) as folder:
        audit, described = _build(opened, quarter, Path(folder), duckdb)
        if not described["components"]:
            if int(held.get("rows", 0)) and not config.replace_by_nothing:
                raise dg.Failure(
                    f"{opened.name} has no calls in {quarter}, but the warehouse does; they are kept. To empty "
                    f"{quarter} anyway, set replace_by_nothing in the config of transcripts.",
                    allow_retries=False,
                )
            context.log.warning(f"{opened.name} has no calls in {quarter}")
        described |= {"source": opened.name, "seconds": time.perf_counter() - started, **config.model_dump()}
        came_from = opened.provenance()
        made = {
            "transcripts": (Rows(_batches(Path(folder) / KEPT_FILE), {}, source=came_from), described),
            "transcript_audit": (
                replace(Rows.of(audit), source=came_from),
                {"statuses": described["audit"]},
            ),
        }
        yield from write_tables(
            context.op_execution_context,
            warehouse,
            made,
            code_version=CODE_VERSION,
            config=config.model_dump(),
        )


def _refuse_other_source(held: Mapping[str, Any], source: TranscriptSource, quarter: str) -> None:
    """Raise a Failure if the quarter has calls from another kind of source."""
    before = held.get("source", {})
    if not before or before["name"] == source.name or not int(held["rows"]):
        return
    where = f" ({before['path']})" if "path" in before else ""
    settings = f"FTM_SOURCE={before['name']}" + (f" FTM_SOURCE_PATH={before['path']}" if where else "")
    without_calls = "" if where else " and run without --calls"
    raise dg.Failure(
        f"transcripts of {quarter} came from {before['name']}{where}, but the source is now {source.name}. To read "
        f"them again, set {settings}{without_calls}. To replace them, add --replace-source to the same `ftm run` "
        "command, or set replace_source in the config of transcripts.",
        allow_retries=False,
    )


def _build(
    source: TranscriptSource, quarter: str, folder: Path, duckdb: ConfiguredDuckDB
) -> tuple[pa.Table, dict[str, Any]]:
    """Write the quarter's rows to `folder`; return the audit, and metadata on both."""
    offered, speaking = _read(source, quarter, folder / COMPONENTS_FILE)
    firms = sorted(speaking | set(offered.column("companyid").to_pylist()))
    audits = [CONTRACTS["transcript_audit"].empty()]
    calls, first = [], CONTRACTS["transcripts"].empty()
    with _writer(folder / KEPT_FILE, CONTRACTS["transcripts"].arrow_schema) as kept:
        for start in range(0, len(firms), FIRMS_AT_ONCE):
            group = firms[start : start + FIRMS_AT_ONCE]
            said = offered.filter(pc.is_in(offered.column("companyid"), pa.array(group)))
            # One connection per group: a single one would grow by 150 MiB over a quarter.
            with duckdb.get_connection() as database:
                query, values = _OF_FIRMS, {"file": str(folder / COMPONENTS_FILE), "firms": group}
                components = database.execute(query, values).to_arrow_table().cast(COMPONENTS)
                rows, audit = build_transcripts(components, quarter, said, database=database)
            kept.write_table(rows)
            audits.append(audit)
            calls.append(rows.group_by(["transcript_id", "firm_id", "permno"]).aggregate([]))
            first = first if first.num_rows else rows.slice(0, 10)
    audit = pa.concat_tables(audits)
    described = {
        "components": pq.read_metadata(folder / KEPT_FILE).num_rows,
        "preview": preview(first, PREVIEW),
    }
    return audit, _described(calls, audit) | described


def _read(source: TranscriptSource, quarter: str, path: Path) -> tuple[pa.Table, set[str]]:
    """Write the source's components to a file as they arrive; return the source's audit and the firms found."""
    firms: set[str] = set()
    with (
        _writer(path, COMPONENTS) as file,
        bar(f"transcripts {quarter} from {source.name}", "components") as move,
    ):
        try:
            for table in source.components(quarter, progress=move):
                file.write_table(table)
                firms |= set(table.column("companyid").unique().to_pylist())
            return source.audit(), firms
        except SourceError as error:
            raise dg.Failure(str(error), allow_retries=False) from error


def _writer(path: Path, schema: pa.Schema) -> pq.ParquetWriter:
    return pq.ParquetWriter(path, schema, compression="zstd")


def _batches(path: Path) -> Iterator[pa.Table]:
    with pq.ParquetFile(path) as file:
        yield from map(file.read_row_group, range(file.num_row_groups))


def _described(calls: list[pa.Table], audit: pa.Table) -> dict[str, Any]:
    """Return counts and the link rate: the share of calls, counting one version each, that has a PERMNO."""
    statuses = Counter(audit.column("status").to_pylist())
    lost = audit.filter(pc.equal(audit.column("status"), "unlinked"))
    reasons = Counter((r or "").partition(":")[0] for r in lost.column("reason").to_pylist())
    found = [row for table in calls for row in table.to_pylist()]
    linked = [row for row in found if row["permno"] is not None]
    firms = {row["firm_id"] for row in found} | set(lost.column("firm_id").to_pylist())
    n_calls = len(found) + statuses["unlinked"]
    return {
        "firms": len({row["firm_id"] for row in found}),
        "calls": len(found),
        "link_rate": len(linked) / n_calls if n_calls else 0.0,
        "firm_link_rate": len({row["firm_id"] for row in linked}) / len(firms) if firms else 0.0,
        "unlinked": dict(reasons),
        "ambiguous_links": sum("several PERMNOs" in (r or "") for r in audit.column("reason").to_pylist()),
        "audit": dict(statuses),
    }
