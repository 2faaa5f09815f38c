"""transcripts, transcript_audit: a quarter's calls from the configured source, in the best version of each.

Only this asset reads a source, so only it connects to WRDS: one quarter at a time, from the machine whose address
the second factor approved. Downstream assets read the table.
"""

import tempfile
import time
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Annotated, Any, NamedTuple

import dagster as dg
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from pydantic import Field, StringConstraints

from ftm_assets.methods.calls.listings import Firms, Listing, screen
from ftm_assets.methods.calls.transcript_versions import build_transcripts, unknown_types
from ftm_assets.orchestration.code_version import code_version
from ftm_assets.orchestration.execution.ecs import op_tags
from ftm_assets.orchestration.io_manager import Rows
from ftm_assets.orchestration.outputs import asset_outs, write_tables
from ftm_assets.orchestration.partitions import QUARTERS
from ftm_assets.orchestration.processes import side_by_side
from ftm_assets.orchestration.specs import preview
from ftm_resources import quarters
from ftm_resources.duck import ConfiguredDuckDB, scratch_folder
from ftm_resources.expected import plainly
from ftm_resources.progress import bar
from ftm_resources.sources.base import SourceError, TranscriptSource
from ftm_resources.sources.configured import ConfiguredSource
from ftm_resources.sources.moments import MIDNIGHT_NOTE
from ftm_resources.tables import TABLES as CONTRACTS
from ftm_resources.tables.components import AUDIT, COMPONENTS
from ftm_resources.warehouse import Warehouse

CODE_VERSION = code_version(__name__)
TABLES = ("transcripts", "transcript_audit")

FIRMS_AT_ONCE = 100
"""Firms whose versions are compared at a time, in each process, so that memory stays flat."""

COMPONENTS_FILE, KEPT_FILE = "components.parquet", "kept.parquet"
"""Scratch files: the components read, and those kept. Neither need fit in memory."""

_OF_CALLS = "SELECT read.* FROM read_parquet($file) read SEMI JOIN taken USING (transcriptid, companyid)"

_LISTED = """
SELECT transcriptid, companyid, max(permno), max(keydeveventtypename), min(mostimportantdateutc), bool_and(is_date_only)
FROM read_parquet($file) GROUP BY ALL ORDER BY ALL
"""

PREVIEW = ("firm_name", "call_date", "section", "speaker_name", "text")


class TranscriptsConfig(dg.Config):
    """Which calls to keep, and when to replace a stored quarter."""

    require_permno: bool = Field(
        default=True,
        description="With capital_iq: leave out calls of firms without a PERMNO on the day of the call, which event "
        "studies cannot use; transcript_audit gives the reason for each",
    )
    languages: list[Annotated[str, StringConstraints(pattern="^[a-z]{2}$")]] = Field(
        default=["en"],
        description="Languages whose calls are read, as ISO 639-1 codes such as en: those that the models cover; [] "
        "reads all. Calls in others are in transcript_audit as other_language; one too short to tell is read",
    )
    firms: list[str] = Field(
        default=[],
        description="Company ids of the only firms to read, to try settings; [] reads all. A quarter of some firms is "
        "not the whole quarter: the others' calls are in transcript_audit as excluded",
    )
    first_firms: int = Field(
        default=0,
        ge=0,
        description="Read only this many firms, lowest company id first, to try settings; 0 reads all",
    )
    exclude_firms: list[str] = Field(
        default=[],
        description="Company ids of firms to leave out; their calls are in transcript_audit as excluded",
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
        audit, described = _build(opened, quarter, Path(folder), config, duckdb)
        for warning in _warnings(described, quarter):
            context.log.warning(warning)
        if not described["components"]:
            if int(held.get("rows", 0)) and not config.replace_by_nothing:
                raise dg.Failure(
                    f"{opened.name} has no calls in {quarter}, but the warehouse does; they are kept. To empty "
                    f"{quarter} anyway, set replace_by_nothing in the config of transcripts.",
                    allow_retries=False,
                )
            context.log.warning(f"{opened.name} has no calls in {quarter}")
        asked = config.model_dump()
        # `firms` in the metadata is their number.
        asked["only_firms"] = asked.pop("firms")
        described |= {"source": opened.name, "seconds": time.perf_counter() - started, **asked}
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


class _Part(NamedTuple):
    """A group of firms: which of their calls to read, and why the others were left out."""

    taken: pa.Table
    """transcriptid and companyid of the calls to read, including those of the days around the quarter."""
    screened: dict[tuple[str, str], tuple[str, str]]
    offered: pa.Table


@dataclass(frozen=True)
class _Built:
    """The tables of a group of firms, and counts for the materialization."""

    rows: pa.Table
    audit: pa.Table
    n_repeated: int
    unknown: dict[str, dict[str, int]]


def _build(
    source: TranscriptSource, quarter: str, folder: Path, config: TranscriptsConfig, duckdb: ConfiguredDuckDB
) -> tuple[pa.Table, dict[str, Any]]:
    """Write the quarter's rows to `folder`; return the audit, and metadata on both."""
    file = folder / COMPONENTS_FILE
    offered = _read(source, quarter, file)
    parts, missing = _parts(file, offered, quarter, config, duckdb)
    audits = [CONTRACTS["transcript_audit"].empty()]
    calls, first = [], CONTRACTS["transcripts"].empty()
    n_repeated, unknown = 0, {"speakertypename": Counter[str](), "componenttypename": Counter[str]()}
    work = partial(
        _of_part, file=str(file), quarter=quarter, languages=config.languages, limits=duckdb.connection_config
    )
    with (
        _writer(folder / KEPT_FILE, CONTRACTS["transcripts"].arrow_schema) as kept,
        bar(f"transcripts {quarter}", "groups of firms", len(parts)) as move,
    ):
        for done, built in enumerate(side_by_side(work, parts, fewest=2), start=1):
            kept.write_table(built.rows)
            audits.append(built.audit)
            calls.append(built.rows.group_by(["transcript_id", "firm_id", "permno"]).aggregate([]))
            first = first if first.num_rows else built.rows.slice(0, 10)
            n_repeated += built.n_repeated
            for column, counts in built.unknown.items():
                unknown[column].update(counts)
            move(done, None)
    audit = pa.concat_tables(audits)
    described = {
        "components": pq.read_metadata(folder / KEPT_FILE).num_rows,
        "repeated_turns": n_repeated,
        "unknown_speaker_types": dict(unknown["speakertypename"].most_common()),
        "unknown_component_types": dict(unknown["componenttypename"].most_common()),
        "is_subset_of_firms": bool(config.firms or config.first_firms),
        "firms_not_found": missing,
        "preview": preview(first, PREVIEW),
    }
    return audit, _described(calls, audit) | described


def _parts(
    file: Path, offered: pa.Table, quarter: str, config: TranscriptsConfig, duckdb: ConfiguredDuckDB
) -> tuple[list[_Part], list[str]]:
    """Return the groups of firms, and the firms that the config names and the source does not have."""
    with duckdb.get_connection() as database:
        listed = database.execute(_LISTED, {"file": str(file)}).to_arrow_table()
    days = quarters.call_date(listed.column(4), listed.column(5)).to_pylist()
    listings = [Listing(*row) for row in zip(*(c.to_pylist() for c in listed.columns[:4]), strict=True)]
    firms = Firms(
        only=frozenset(config.firms),
        first=config.first_firms or None,
        without=frozenset(config.exclude_firms),
    )
    taken, screened = defaultdict(list), defaultdict(dict)
    left_out = screen(listings, firms)
    for listing, day in zip(listings, days, strict=True):
        key = listing.transcript, listing.firm
        if key not in left_out:
            taken[listing.firm].append(listing.transcript)
        elif quarters.of_date(day) == quarter:
            screened[listing.firm][key] = left_out[key]
    offered = _of_firms(offered, firms, set(taken))
    found = sorted({x.firm for x in listings} | set(offered.column("companyid").to_pylist()))
    parts = []
    for start in range(0, len(found), FIRMS_AT_ONCE):
        group = found[start : start + FIRMS_AT_ONCE]
        keys = [(transcript, firm) for firm in group for transcript in taken.get(firm, ())]
        names = ("transcriptid", "companyid")
        table = pa.table({n: pa.array([k[i] for k in keys], pa.string()) for i, n in enumerate(names)})
        own = {key: why for firm in group for key, why in screened.get(firm, {}).items()}
        said = offered.filter(pc.is_in(offered.column("companyid"), pa.array(group)))
        parts.append(_Part(table, own, said))
    return parts, sorted((firms.only | firms.without) - set(found))


def _of_firms(offered: pa.Table, firms: Firms, taken: set[str]) -> pa.Table:
    """Return the source's audit, with the transcripts of firms that the config leaves out as excluded."""
    rows = offered.to_pylist()
    for row in rows:
        firm = row["companyid"]
        if firm in firms.without:
            row |= {"status": "excluded", "reason": "exclude_firms names the firm"}
        elif (firms.only and firm not in firms.only) or (firms.first is not None and firm not in taken):
            row |= {"status": "excluded", "reason": "not among the firms that the config asks for"}
    return pa.Table.from_pylist(rows, schema=AUDIT)


def _of_part(
    part: _Part, *, file: str, quarter: str, languages: Sequence[str], limits: dict[str, Any]
) -> _Built:
    """Build the tables of a group of firms, in a process of its own if there are several."""
    # One connection per group: a single one would grow by 150 MiB over a quarter.
    with ConfiguredDuckDB(connection_config=limits).get_connection() as database:
        database.register("taken", part.taken)
        components = database.execute(_OF_CALLS, {"file": file}).to_arrow_table().cast(COMPONENTS)
        rows, audit = build_transcripts(
            components, quarter, part.offered, languages=languages, screened=part.screened, database=database
        )
    spoken = components.filter(
        pc.is_in(components.column("transcriptid"), rows.column("transcript_id").unique())
    )
    return _Built(rows, audit, spoken.num_rows - rows.num_rows, unknown_types(spoken))


def _warnings(described: Mapping[str, Any], quarter: str) -> Iterator[str]:
    if described["is_subset_of_firms"]:
        n = described["audit"].get("excluded", 0)
        yield (
            f"{quarter} has only {described['firms']} firms, as the config of transcripts asks (firms, "
            f"first_firms); {n} transcripts of other firms are left out, so it is not the whole quarter"
        )
    if described["firms_not_found"]:
        yield f"the config names firms without calls in the source: {', '.join(described['firms_not_found'])}"
    for kind, column in (("speaker", "unknown_speaker_types"), ("component", "unknown_component_types")):
        if found := described[column]:
            shown = ", ".join(f"{name!r} ({n})" for name, n in list(found.items())[:5])
            yield f"{sum(found.values())} turns have an unknown {kind} type: {shown}"


def _read(source: TranscriptSource, quarter: str, path: Path) -> pa.Table:
    """Write the source's components to a file as they arrive; return the source's audit."""
    with (
        _writer(path, COMPONENTS) as file,
        bar(f"transcripts {quarter} from {source.name}", "components") as move,
    ):
        try:
            for table in source.components(quarter, progress=move):
                file.write_table(table)
            return source.audit()
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
        "unknown_times": sum(MIDNIGHT_NOTE in (r or "") for r in audit.column("reason").to_pylist()),
        "ambiguous_links": sum("several PERMNOs" in (r or "") for r in audit.column("reason").to_pylist()),
        "audit": dict(statuses),
    }
