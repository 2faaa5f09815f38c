"""transcripts, transcript_audit, firm_attributes: the calls of a quarter, in the best version of each.

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
import pyarrow.compute as pc
from pydantic import Field, field_validator

from ftm_assets.methods.calls.firm_attributes import FirmAttributes
from ftm_assets.methods.calls.listings import Firms
from ftm_assets.methods.calls.shared_texts import SAME_TEXT
from ftm_assets.methods.calls.transcript_versions import OTHER_HEADLINE
from ftm_assets.methods.text.languages import require_detected
from ftm_assets.orchestration.calls_by_firm import QuarterOfCalls, build_quarter
from ftm_assets.orchestration.code_version import code_version
from ftm_assets.orchestration.execution.ecs import op_tags
from ftm_assets.orchestration.io_manager import Rows
from ftm_assets.orchestration.outputs import asset_outs, write_tables
from ftm_assets.orchestration.partitions import QUARTERS
from ftm_assets.orchestration.specs import preview
from ftm_resources.duck import ConfiguredDuckDB, scratch_folder
from ftm_resources.expected import plainly
from ftm_resources.sources.base import SourceError, TranscriptSource
from ftm_resources.sources.configured import ConfiguredSource
from ftm_resources.sources.moments import MIDNIGHT_NOTE
from ftm_resources.sources.sample.generated import SampleSource
from ftm_resources.warehouse import Warehouse

CODE_VERSION = code_version(__name__)
TABLES = ("transcripts", "transcript_audit", "firm_attributes")

PREVIEW = ("firm_name", "call_date", "section", "speaker_name", "text")


class TranscriptsConfig(dg.Config):
    """Which calls to keep, and when to replace a stored quarter."""

    require_permno: bool = Field(
        default=True,
        description="With capital_iq: leave out calls of firms without a PERMNO on the day of the call, which event "
        "studies cannot use; transcript_audit gives the reason for each",
    )
    languages: list[str] = Field(
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
    replace_by_subset: bool = Field(
        default=False,
        description="Replace a stored whole quarter by the few firms that firms or first_firms ask for",
    )
    replace_by_nothing: bool = Field(
        default=False, description="Empty a stored quarter if the source no longer has calls in it"
    )

    @field_validator("languages")
    @classmethod
    def _are_detected(cls, languages: list[str]) -> list[str]:
        return [require_detected(code) for code in languages]

    def choice(self) -> Firms:
        """Return the firms to read."""
        return Firms(
            only=frozenset(self.firms),
            first=self.first_firms or None,
            without=frozenset(self.exclude_firms),
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
        _refuse_invented(warehouse, opened, quarter)
    if config.choice().is_subset and not config.replace_by_subset:
        _refuse_subset(held, quarter)
    with tempfile.TemporaryDirectory(prefix="ftm-transcripts-", dir=scratch_folder()) as folder:
        try:
            built = build_quarter(
                opened,
                quarter,
                Path(folder),
                firms=config.choice(),
                languages=config.languages,
                duckdb=duckdb,
            )
        except SourceError as error:
            raise dg.Failure(str(error), allow_retries=False) from error
        described = _described(built) | {"is_subset_of_firms": config.choice().is_subset}
        for warning in (*_warnings(described, quarter), *_of_attributes(built.attributes)):
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
            "transcripts": (Rows(built.batches(), {}, source=came_from), described),
            "transcript_audit": (
                replace(Rows.of(built.audit), source=came_from),
                {"statuses": described["audit"]},
            ),
            "firm_attributes": (
                replace(Rows.of(built.attributes.rows), source=came_from),
                _attributes(built.attributes),
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


def _refuse_invented(warehouse: Warehouse, source: TranscriptSource, quarter: str) -> None:
    """Raise a Failure if the sample would be put beside real calls, whose themes would then be linked to its."""
    if source.name != SampleSource.name or not warehouse.exists():
        return
    for other, held in reversed(warehouse.provenances("transcripts").items()):
        before = held.get("source", {})
        if before.get("name", source.name) != source.name:
            raise dg.Failure(
                f"transcripts of {quarter}: no calls were given, so the sample's invented firms would be put beside "
                f"real ones ({other} came from {before['name']}), and themes linked to theirs. Give the calls "
                "(`ftm run --calls`, or FTM_SOURCE), or set FTM_WAREHOUSE to another folder; --replace-source puts "
                "the sample there all the same.",
                allow_retries=False,
            )


def _refuse_subset(held: Mapping[str, Any], quarter: str) -> None:
    """Raise a Failure if the quarter has calls and was not itself made of some firms only, to try settings."""
    before = held.get("config", {})
    if not int(held.get("rows", 0)) or before.get("firms") or before.get("first_firms"):
        return
    raise dg.Failure(
        f"the config of transcripts asks for some firms only (firms, first_firms), but the warehouse has the whole "
        f"quarter {quarter}; it is kept. Try settings on a warehouse of their own, by FTM_WAREHOUSE. To replace the "
        "quarter by those firms, set replace_by_subset in the config of transcripts; to leave firms out of a whole "
        "quarter, use exclude_firms.",
        allow_retries=False,
    )


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
    for found, what in (
        (
            "unknown_collection_types",
            "transcripts have a collection type that does not say how final they are",
        ),
        ("other_events", "transcripts are left out because their event is not an earnings call"),
    ):
        if counts := described[found]:
            shown = ", ".join(f"{name!r} ({n})" for name, n in list(counts.items())[:5])
            yield f"{sum(counts.values())} {what}: {shown}"
    if n := described["doubtful_headlines"]:
        yield f"{n} calls are perhaps not earnings calls, by their headlines; see transcript_audit"
    if n := described["texts_of_several_firms"]:
        yield f"{n} calls have the text of another firm's call; see transcript_audit"


def _attributes(found: FirmAttributes) -> dict[str, Any]:
    """Return what the materialization of firm_attributes says."""
    rows = found.rows
    several = rows.filter(pc.greater(rows.column("n_values"), 1))
    return {
        "firms_by_attribute": dict(sorted(Counter(rows.column("name").to_pylist()).items())),
        "firms_with_several_values": dict(sorted(Counter(several.column("name").to_pylist()).items())),
        "calls_that_differ_within": found.differing,
        "columns_left_out": found.left_out,
        "preview": preview(rows, ["firm_id", "name", "value", "n_calls", "n_values"]),
    }


def _of_attributes(found: FirmAttributes) -> Iterator[str]:
    """Yield a warning if columns of the input are not kept, or firms have several values."""
    said = _attributes(found)
    if several := said["firms_with_several_values"]:
        shown = ", ".join(f"{name} ({n} firms)" for name, n in list(several.items())[:10])
        yield f"firms whose calls have different values, of which firm_attributes keeps the last call's: {shown}"
    if found.differing:
        shown = ", ".join(f"{name} ({n} calls)" for name, n in list(found.differing.items())[:10])
        yield f"calls whose own rows differ, so that they give firm_attributes no value: {shown}"
    if found.left_out:
        shown = ", ".join(f"{name} ({why})" for name, why in list(found.left_out.items())[:10])
        yield f"columns of the input that firm_attributes does not keep: {shown}"


def _described(built: QuarterOfCalls) -> dict[str, Any]:
    """Return counts, a preview, and the link rate: the share of calls, one version each, that has a PERMNO."""
    audit = built.audit
    statuses = Counter(audit.column("status").to_pylist())
    lost = audit.filter(pc.equal(audit.column("status"), "unlinked"))
    reasons = Counter((r or "").partition(":")[0] for r in lost.column("reason").to_pylist())
    reasons_given = [r or "" for r in audit.column("reason").to_pylist()]
    other = audit.filter(pc.equal(audit.column("status"), "other_event"))
    events = Counter((r or "").partition(";")[0] for r in other.column("reason").to_pylist())
    calls = built.calls.to_pylist()
    linked = [row for row in calls if row["permno"] is not None]
    firms = {row["firm_id"] for row in calls}
    n_calls, n_firms = len(calls) + statuses["unlinked"], len(firms | set(lost.column("firm_id").to_pylist()))
    return {
        "components": built.n_rows,
        "repeated_turns": built.n_repeated,
        "unknown_speaker_types": built.unknown["speakertypename"],
        "unknown_component_types": built.unknown["componenttypename"],
        "unknown_collection_types": built.unknown["transcriptcollectiontypename"],
        "other_events": dict(events.most_common()),
        "doubtful_headlines": sum(OTHER_HEADLINE in reason for reason in reasons_given),
        "texts_of_several_firms": sum(f"{SAME_TEXT} " in r and " of company " in r for r in reasons_given),
        "firms_not_found": built.missing,
        "preview": preview(built.first, PREVIEW),
        "firms": len(firms),
        "calls": len(calls),
        "link_rate": len(linked) / n_calls if n_calls else 0.0,
        "firm_link_rate": len({row["firm_id"] for row in linked}) / n_firms if n_firms else 0.0,
        "unlinked": dict(reasons),
        "unknown_times": sum(MIDNIGHT_NOTE in (r or "") for r in audit.column("reason").to_pylist()),
        "ambiguous_links": sum("several PERMNOs" in (r or "") for r in audit.column("reason").to_pylist()),
        "audit": dict(statuses),
    }
