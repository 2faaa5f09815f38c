"""event_study, event_terciles, event_paths: whether tone about a theme goes with returns, over all quarters so far.

A partition reads its quarter and all earlier ones that have returns, and no later one: what a paper could have known
then. Only the partition of the last quarter of a sample is of use, so the job of a quarter leaves this asset out.
"""

import time
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import dagster as dg
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from ftm_assets.methods.returns.clustered_errors import require_linearmodels
from ftm_assets.methods.returns.event_choices import EventStudyParams
from ftm_assets.methods.returns.event_curves import both_curves, build_event_paths
from ftm_assets.methods.returns.event_samples import Events, Toned
from ftm_assets.methods.returns.event_statistics import FIT
from ftm_assets.methods.returns.event_tests import build_event_study
from ftm_assets.orchestration.code_version import code_version
from ftm_assets.orchestration.event_plot import event_picture
from ftm_assets.orchestration.event_quarters import (
    CONTROLS,
    NAME,
    READ,
    Reader,
    refuse_other_ids,
    same_returns,
    together,
)
from ftm_assets.orchestration.execution.ecs import op_tags
from ftm_assets.orchestration.inputs import allows_mixed
from ftm_assets.orchestration.io_manager import Rows
from ftm_assets.orchestration.known_before import READ_FOR_KNOWN
from ftm_assets.orchestration.outputs import asset_outs, write_tables
from ftm_assets.orchestration.params_config import offering, params_of
from ftm_assets.orchestration.partitions import QUARTERS
from ftm_assets.orchestration.series_chain import require_whole, settled
from ftm_assets.orchestration.specs import page_table, preview
from ftm_resources.duck import ConfiguredDuckDB
from ftm_resources.expected import plainly
from ftm_resources.tables.categories import LEVEL, POOLED
from ftm_resources.warehouse import QuarterTable, Warehouse

CODE_VERSION = code_version(__name__)
TABLES = (NAME, "event_terciles", "event_paths")


@offering(EventStudyParams)
class EventStudyConfig(dg.Config):
    """Parameters of the event study."""


@dg.multi_asset(
    outs=asset_outs(TABLES, code_version=CODE_VERSION, kinds={"numpy"}),
    can_subset=True,
    partitions_def=QUARTERS,
    # Read from the warehouse for each quarter; where they are skipped, so is this.
    deps=[*READ, *READ_FOR_KNOWN, CONTROLS],
    pool="cpu",
    op_tags=op_tags(NAME),
)
@plainly
def event_study(
    context: dg.AssetExecutionContext,
    config: EventStudyConfig,
    warehouse: Warehouse,
    duckdb: ConfiguredDuckDB,
    theme_series: QuarterTable,
) -> Iterator[dg.Output[Rows]]:
    """Test the tone about each theme series on returns around the calls of this and all earlier quarters."""
    started, last, op = time.perf_counter(), context.partition_key, context.op_execution_context
    params, pinned = params_of(config, EventStudyParams), settled(warehouse)
    reader = Reader(warehouse, pinned, params, duckdb, op.run, context.log)
    if lacking := [name for name in READ if name in reader.absent(last)]:
        context.log.warning(
            f"{last} has no {', '.join(lacking)}, so it has no new event_study. Set FTM_RETURNS_SOURCE to files or "
            "wrds (the sample has returns of its own) and materialize the quarter first"
        )
        return
    require_linearmodels()
    seen = [q for q in pinned.quarters(READ) if q <= last]
    left_out = {q: lacking for q in seen if (lacking := reader.absent(q))}
    used = [q for q in seen if q not in left_out]
    require_whole(pinned, used, f"{NAME} {last}")
    if not allows_mixed(op.run):
        refuse_other_ids(reader, used, last)
    returns, windows = same_returns(reader, used, params, last)
    quarters = [reader.events_of(q, returns, windows) for q in used]
    events, toned = together(quarters, windows, _names(theme_series), params)
    study, terciles = build_event_study(events, toned, params, quarter=last)
    paths = build_event_paths(events, toned, params, quarter=last)
    for quarter, lacking in left_out.items():
        context.log.warning(
            f"{NAME} {last} has no calls of {quarter}, which has no {', '.join(lacking)}. Materialize these first, and "
            f"then {NAME} of {last} again"
        )
    notes = [note for q in quarters for note in q.notes]
    if len(methods := sorted({method for q in quarters for method in q.sue_methods})) > 1:
        notes.append(f"sue mixes two measures that are not comparable: {', '.join(methods)}")
    for note in notes:
        context.log.info(f"{NAME} {last}: {note}")
    inputs = {(t.name, t.quarter): t for q in quarters for t in q.read} | {
        (theme_series.name, theme_series.quarter): theme_series
    }
    # What a quarter lacks is recorded too: once it is there, the study is outdated.
    inputs |= {
        (name, q): warehouse.quarter(name, q, pinned=pinned)
        for q, names in left_out.items()
        for name in names
    }
    described = {
        "quarters": used,
        "quarters_left_out": {q: ", ".join(names) for q, names in left_out.items()},
        "look_ahead": "Definition quarter: none in dates, but themes are made from the whole quarter, calls after the "
        "event included. Definition known_before: none, but for a firm's first call of two in a quarter, whose topics "
        "are made from both",
        "calls": len(events.firm),
        "without_factors": _without_factors(events, np.concatenate([q.days for q in quarters])),
        "without_pseudo_event": int(sum(np.isnat(q.pseudo).sum() for q in quarters)),
        "notes": notes,
        "tests": _counted(study),
        "statistics": _fitness(terciles),
        "preview": preview(_strongest(study), _SHOWN, 25),
        **_pictures(events, toned, study, params),
        "seconds": time.perf_counter() - started,
    }
    made: dict[str, tuple[Rows, Mapping[str, Any]]] = {
        NAME: (Rows.of(study, *inputs.values()), described),
        "event_terciles": (Rows.of(terciles, *inputs.values()), {"rows": terciles.num_rows}),
        "event_paths": (Rows.of(paths, *inputs.values()), {"rows": paths.num_rows}),
    }
    yield from write_tables(op, warehouse, made, code_version=CODE_VERSION, config=config.model_dump())


def _names(theme_series: QuarterTable) -> dict[str, str]:
    rows = theme_series.read(["series_id", "name"])
    return dict(zip(*(rows.column(c).to_pylist() for c in ("series_id", "name")), strict=True))


def _without_factors(events: Events, days: NDArray[np.datetime64]) -> dg.TableMetadataValue:
    """Return, by model and window, how many calls have no return because the factors end or have gaps, and when."""
    found = []
    for model, paths in events.calls.paths.items():
        for column, window in enumerate(events.windows):
            if (lacks := paths.reason[:, column] == "missing_factors").any():
                of = days[lacks]
                found.append([model, str(window), int(lacks.sum()), str(of.min()), str(of.max())])
    return page_table(["model", "window", "calls", "from event day", "to"], found)


_FAMILY = ["definition", "model", "window", "tone", "sample"]
_SHOWN = [
    *(
        "series_name",
        "definition",
        "model",
        "window",
        "controls",
        "n_events",
        "coefficient",
        "std_error",
        "t",
    ),
    *("q_value", "p_romano_wolf"),
]


def _counted(study: pa.Table) -> dg.TableMetadataValue:
    """Return how many series are significant, and how many would be by chance, in each family."""
    families: dict[tuple[str, ...], list[dict[str, Any]]] = {}
    for row in study.filter(pc.is_valid(study.column("q_value"))).to_pylist():
        families.setdefault(tuple(row[c] for c in (*_FAMILY, "controls")), []).append(row)
    return page_table(
        [*_FAMILY, "controls", "series", "p < 5%", "by chance", "q < 5%", "Romano-Wolf < 5%"],
        (
            [
                *key,
                len(rows),
                *(sum(r["p"] < LEVEL for r in rows), LEVEL * len(rows)),
                *(sum(r[c] < LEVEL for r in rows) for c in ("q_value", "p_romano_wolf")),
            ]
            for key, rows in sorted(families.items())
        ),
    )


def _fitness(terciles: pa.Table) -> dg.TableMetadataValue:
    """Return, of all events of a window, how they overlap and which statistics are fit for them."""
    every = pc.and_(
        pc.equal(terciles.column("series_id"), POOLED), pc.equal(terciles.column("tercile"), "all")
    )
    rows = terciles.filter(pc.and_(every, pc.is_valid(terciles.column("bmp")))).to_pylist()
    return page_table(
        [*_FAMILY, "events", "dates", "overlap %", "variance ratio", "size of Patell", "size of BMP", "fit"],
        (
            [
                *(r[c] for c in _FAMILY),
                *(r["n_events"], r["n_dates"], 100 * r["overlap_share"], r["variance_ratio"]),
                *(r["patell_size"], r["bmp_size"]),
                ", ".join(
                    [
                        *(["patell"] if r["patell_size"] <= FIT else []),
                        *(["bmp"] if r["bmp_size"] <= FIT else []),
                        "kolari_pynnonen",
                    ]
                ),
            ]
            for r in rows
        ),
    )


def _strongest(study: pa.Table) -> pa.Table:
    """Return the tests of events, the largest t first."""
    kept = study.filter(pc.and_(pc.equal(study.column("sample"), "event"), pc.is_valid(study.column("t"))))
    return kept.take(pc.sort_indices(pc.negate(pc.abs(kept.column("t")))))


def _pictures(
    events: Events, toned: Mapping[str, Sequence[Toned]], study: pa.Table, params: EventStudyParams
) -> dict[str, dg.MetadataValue]:
    """Return a picture of each of the strongest series, by the first definition and window and the last model."""
    definition, tone, window = params.definitions[0], params.tones[0], str(events.windows[0])
    model = list(events.calls.paths)[-1]
    chosen = {"definition": definition, "tone": tone, "window": window, "model": model, "controls": "none"}
    tests = [r for r in _strongest(study).to_pylist() if all(r[k] == v for k, v in chosen.items())]
    known = {one.series_id: one for one in toned[definition]}
    pictures = {}
    for place, row in enumerate(tests[: params.pictures], start=1):
        one = known[row["series_id"]]
        curves = both_curves(events, one, params, model=model, tone=tone)
        adjusted = "" if row["q_value"] is None else (
            f", q {_small(row['q_value'])}, Romano-Wolf p {_small(row['p_romano_wolf'])}"
        )  # fmt: skip
        said = (
            f"CAR{window} on {tone}, {model}: {100 * row['coefficient']:.2f}% per unit of tone (s.e. "
            f"{100 * row['std_error']:.2f}, t = {row['t']:.2f}{adjusted}); {row['n_events']:,} calls of "
            f"{row['n_firms']:,} firms on {row['n_dates']:,} dates"
        )
        title = f"{one.name}: abnormal returns around calls"
        pictures[f"picture {place}: {one.series_id}"] = event_picture(title, said, *curves)
    return pictures


def _small(p: float) -> str:
    return f"= {p:.3f}" if p >= 0.001 else "< 0.001"
