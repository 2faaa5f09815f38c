"""The calls of a quarter, built in groups of firms, so that neither components nor rows need fit in memory.

Belongs here: what `transcripts` reads goes to a scratch file, is screened as a whole, and is built group by group, in
processes side by side, to a second file. `methods.calls` decides what a call is, and which version of it is kept.
"""

from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from ftm_assets.methods.calls.firm_attributes import FirmAttributes, firm_attributes
from ftm_assets.methods.calls.listings import NOT_CHOSEN, Firms, Listing, firm_order, screen
from ftm_assets.methods.calls.shared_texts import note_shared_texts, text_digests
from ftm_assets.methods.calls.transcript_versions import build_transcripts, unknown_types
from ftm_assets.orchestration.processes import side_by_side
from ftm_resources import quarters
from ftm_resources.duck import ConfiguredDuckDB
from ftm_resources.progress import bar
from ftm_resources.sources.base import TranscriptSource
from ftm_resources.tables import TABLES
from ftm_resources.tables.components import AUDIT, COMPONENTS

FIRMS_AT_ONCE = 100
"""Firms whose versions are compared at a time, in each process, so that memory stays flat."""

SHOWN_ROWS = 10
"""Rows kept for a preview."""

COLLECTION = "transcriptcollectiontypename"
TYPES = ("speakertypename", "componenttypename", COLLECTION)
"""Columns of COMPONENTS whose types are counted if they are not known."""

_COMPONENTS_FILE, _KEPT_FILE = "components.parquet", "kept.parquet"

_OF_CALLS = "SELECT read.* FROM read_parquet($file) read SEMI JOIN taken USING (transcriptid, companyid)"

_LISTED = """
SELECT transcriptid, companyid, max(permno), max(keydeveventtypename), min(mostimportantdateutc), bool_and(is_date_only)
FROM read_parquet($file) GROUP BY ALL ORDER BY ALL
"""


@dataclass(frozen=True)
class QuarterOfCalls:
    """The rows of a quarter, in a file, and what there is to say of them."""

    file: Path
    """Rows of `transcripts`."""
    audit: pa.Table
    attributes: FirmAttributes
    calls: pa.Table
    """transcript_id, firm_id, permno and call_date of each call kept."""
    first: pa.Table
    """The first rows, at most SHOWN_ROWS."""
    n_repeated: int
    """Turns left out because their transcript has them already."""
    unknown: dict[str, dict[str, int]]
    """Column of COMPONENTS → type that is not known → number of turns, or of transcripts, most frequent first."""
    missing: list[str]
    """Firms that the choice names and the source does not have, sorted."""

    @property
    def n_rows(self) -> int:
        """Number of rows of `transcripts`."""
        return int(pq.read_metadata(self.file).num_rows)

    def batches(self) -> Iterator[pa.Table]:
        """Yield the rows of `transcripts`, a group of firms at a time."""
        with pq.ParquetFile(self.file) as file:
            yield from map(file.read_row_group, range(file.num_row_groups))


class _Group(NamedTuple):
    """A group of firms: what was read of them, and what the source says of the rest."""

    taken: pa.Table
    """transcriptid and companyid of the calls to read, and of those of the days around the quarter."""
    screened: dict[tuple[str, str], tuple[str, str]]
    offered: pa.Table
    n_firms: int


class _Built(NamedTuple):
    """The tables of a group of firms, and what the materialization says of them."""

    rows: pa.Table
    audit: pa.Table
    n_repeated: int
    unknown: dict[str, dict[str, int]]
    digests: dict[tuple[str, str], str]
    """Digest of the words of each call kept, by transcript and firm."""


def build_quarter(
    source: TranscriptSource,
    quarter: str,
    folder: Path,
    *,
    firms: Firms,
    languages: Sequence[str],
    duckdb: ConfiguredDuckDB,
) -> QuarterOfCalls:
    """Read a quarter's calls of the firms asked for, and write their rows to `folder`, which is scratch.

    Raises SourceError if the source refuses.
    """
    file = folder / _COMPONENTS_FILE
    offered = _read(source, quarter, file)
    said = source.attributes()
    groups, missing = _groups(file, offered, quarter, firms, duckdb)
    audits, calls = [TABLES["transcript_audit"].empty()], [_calls_of(TABLES["transcripts"].empty())]
    first, digests = TABLES["transcripts"].empty(), dict[tuple[str, str], str]()
    n_repeated, unknown = 0, defaultdict[str, Counter[str]](Counter)
    work = partial(
        _of_group, file=str(file), quarter=quarter, languages=languages, limits=duckdb.connection_config
    )
    with (
        _writer(folder / _KEPT_FILE, TABLES["transcripts"].arrow_schema) as kept,
        bar(f"transcripts {quarter}", "firms", sum(g.n_firms for g in groups)) as move,
    ):
        done = 0
        for group, built in zip(groups, side_by_side(work, groups, fewest=2), strict=True):
            kept.write_table(built.rows)
            audits.append(built.audit)
            calls.append(_calls_of(built.rows))
            first = first if first.num_rows else built.rows.slice(0, SHOWN_ROWS)
            n_repeated += built.n_repeated
            digests |= built.digests
            for column, counts in built.unknown.items():
                unknown[column].update(counts)
            done += group.n_firms
            move(done, None)
    kept_calls = pa.concat_tables(calls)
    return QuarterOfCalls(
        folder / _KEPT_FILE,
        audit=note_shared_texts(pa.concat_tables(audits), digests),
        attributes=firm_attributes(said.rows, kept_calls, quarter=quarter, left_out=said.left_out),
        calls=kept_calls,
        first=first,
        n_repeated=n_repeated,
        unknown={column: dict(unknown[column].most_common()) for column in TYPES},
        missing=missing,
    )


def _read(source: TranscriptSource, quarter: str, path: Path) -> pa.Table:
    """Write the source's components to a file as they arrive; return the source's audit."""
    with (
        _writer(path, COMPONENTS) as file,
        bar(f"transcripts {quarter} from {source.name}", "components") as move,
    ):
        for table in source.components(quarter, progress=move):
            file.write_table(table)
        return source.audit()


def _groups(
    file: Path, offered: pa.Table, quarter: str, firms: Firms, duckdb: ConfiguredDuckDB
) -> tuple[list[_Group], list[str]]:
    """Return the groups of firms, and the firms that the choice names and the source does not have."""
    with duckdb.get_connection() as database:
        listed = database.execute(_LISTED, {"file": str(file)}).to_arrow_table()
    days = quarters.call_date(listed.column(4), listed.column(5)).to_pylist()
    listings = [Listing(*row) for row in zip(*(c.to_pylist() for c in listed.columns[:4]), strict=True)]
    taken: dict[str, list[str]] = defaultdict(list)
    screened: dict[str, dict[tuple[str, str], tuple[str, str]]] = defaultdict(dict)
    left_out = screen(listings, firms)
    for listing, day in zip(listings, days, strict=True):
        key = listing.transcript, listing.firm
        if key not in left_out:
            taken[listing.firm].append(listing.transcript)
        elif quarters.of_date(day) == quarter:
            screened[listing.firm][key] = left_out[key]
    is_cut = any(found == NOT_CHOSEN for found in left_out.values())
    offered = _of_firms(offered, firms, last=max(map(firm_order, taken)) if is_cut and taken else None)
    found = sorted({x.firm for x in listings} | set(offered.column("companyid").to_pylist()))
    groups = []
    for start in range(0, len(found), FIRMS_AT_ONCE):
        group = found[start : start + FIRMS_AT_ONCE]
        keys = [(transcript, firm) for firm in group for transcript in taken.get(firm, ())]
        names = ("transcriptid", "companyid")
        table = pa.table({n: pa.array([k[i] for k in keys], pa.string()) for i, n in enumerate(names)})
        own = {key: why for firm in group for key, why in screened.get(firm, {}).items()}
        said = offered.filter(pc.is_in(offered.column("companyid"), pa.array(group)))
        groups.append(_Group(table, own, said, len(group)))
    return groups, sorted((firms.only | firms.without) - set(found))


def _of_firms(offered: pa.Table, firms: Firms, *, last: tuple[bool, int, str] | None) -> pa.Table:
    """Return the source's audit, with the transcripts of firms that the choice leaves out as excluded.

    `last` is the `firm_order` of the last firm chosen if the choice ends there. A firm before it, of which no call is
    read, was lost for the source's reason: it has no PERMNO, for example.
    """
    rows = offered.to_pylist()
    for row in rows:
        firm = row["companyid"]
        if firm in firms.without:
            row |= {"status": "excluded", "reason": "exclude_firms names the firm"}
        elif (firms.only and firm not in firms.only) or (last is not None and firm_order(firm) > last):
            row |= dict(zip(("status", "reason"), NOT_CHOSEN, strict=True))
    return pa.Table.from_pylist(rows, schema=AUDIT)


def _of_group(
    group: _Group, *, file: str, quarter: str, languages: Sequence[str], limits: dict[str, Any]
) -> _Built:
    """Build the tables of a group of firms, in a process of its own if there are several."""
    # One connection per group: a single one would grow by 150 MiB over a quarter.
    with ConfiguredDuckDB(connection_config=limits).get_connection() as database:
        database.register("taken", group.taken)
        components = database.execute(_OF_CALLS, {"file": file}).to_arrow_table().cast(COMPONENTS)
        rows, audit = build_transcripts(
            components,
            quarter,
            group.offered,
            languages=languages,
            screened=group.screened,
            database=database,
        )
    spoken = components.filter(
        pc.is_in(components.column("transcriptid"), rows.column("transcript_id").unique())
    )
    unknown = unknown_types(spoken) | {COLLECTION: unknown_types(components)[COLLECTION]}
    return _Built(rows, audit, spoken.num_rows - rows.num_rows, unknown, text_digests(rows))


def _calls_of(rows: pa.Table) -> pa.Table:
    calls = rows.group_by(["transcript_id", "firm_id"], use_threads=False).aggregate(
        [("permno", "max"), ("call_date", "min")]
    )
    return calls.rename_columns(["transcript_id", "firm_id", "permno", "call_date"])


def _writer(path: Path, schema: pa.Schema) -> pq.ParquetWriter:
    return pq.ParquetWriter(path, schema, compression="zstd")
