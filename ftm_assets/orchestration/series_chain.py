"""The chain of linked quarters in the warehouse: what a quarter is linked to, and which later ones that makes outdated.

What belongs here: reading earlier quarters for `methods.time.linking`, telling which quarters no longer follow from
those before them, and linking these again. Links depend on their own quarter's themes, kept in `theme_profiles`, and on
`theme_series` of the quarter before them, and on nothing else; so the tables are the same in whatever order, and
however often, quarters are materialized.

Writers of one machine take turns, and readers between them. On S3 they do not: each writer looks for outdated quarters
after its last write, so that of two that crossed, the later one finds what the other left.
"""

from __future__ import annotations

import contextlib
import os
import time
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import dagster as dg

from ftm_assets.methods.time.link_rows import link_tables, read_profiles, read_series
from ftm_assets.methods.time.linking import LinkParams, Links, link_quarter
from ftm_assets.methods.wording import counted
from ftm_assets.orchestration.io_manager import Rows, write_quarter
from ftm_assets.orchestration.params_config import recorded
from ftm_assets.orchestration.partitions import FIRST_QUARTER
from ftm_resources import quarters
from ftm_resources.warehouse.embedded_by import embedder_of
from ftm_resources.warehouse.snapshots import (
    NEVER_WRITTEN,
    is_elsewhere,
    source_key,
    source_of,
    tagged,
    writer_of,
)

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import pyarrow as pa

    from ftm_assets.methods.time.series import Series
    from ftm_resources.warehouse import Warehouse
    from ftm_resources.warehouse.pinned import Pinned

LINK_TABLES = ("theme_profiles", "theme_links", "theme_relatives", "series_events", "theme_series")
"""The tables of one quarter's links, which are written together."""

CHAIN = "theme_series"
"""The table whose quarters are the chain: it holds all that a quarter has learnt from those before it."""

ROUNDS = 5
"""How often the chain is looked through for quarters that other writers made outdated meanwhile."""

WAITS, WAIT_SECONDS = 12, 5.0
"""How often, and how long each time, to wait on S3 for a writer that is between two tables of a quarter."""

OTHER_MODELS = "allow_other_models"
"""Name of the config field that lets a quarter be linked past quarters of other embedding models."""

Model = dict[str, Any]
"""The embedding model of a quarter's topics: `model`, `dimension` and more; without `model` if it is not known."""


@dataclass(frozen=True)
class Before:
    """What a quarter is linked to."""

    series: tuple[Series, ...]
    inputs: Mapping[str, Any]
    """What a write records: the quarter that was read, and those that were looked for and not found."""
    newest: str | None
    """The newest earlier quarter that was read."""
    model: Model = field(default_factory=dict)
    """What is known of the model that embedded the series."""


@dataclass
class Mended:
    """What was done about quarters that no longer followed from those before them."""

    rebuilt: dict[str, str] = field(default_factory=dict)
    """Quarter → why."""
    kept: dict[str, str] = field(default_factory=dict)
    """Quarter that was left as it is → why."""


def settled(warehouse: Warehouse, *, has_turn: bool = False) -> Pinned:
    """Return a view of the warehouse that shows no quarter's links while they are being written, if that is possible.

    On one machine, it waits for the turn of whoever writes, unless `has_turn` says that the caller holds the lock, or
    the caller may not write there. On S3, it waits a minute for links that are half written. What a killed run left
    stays half written: whoever reads links from the view calls `require_whole` for them first.
    """
    if not warehouse.location.is_s3:
        with contextlib.ExitStack() as turn:
            if not has_turn and os.access(warehouse.root, os.W_OK):
                turn.enter_context(warehouse.lock("theme_links"))
            return _with_links(warehouse)[0]
    for _ in range(WAITS):
        pinned, is_whole = _with_links(warehouse)
        if is_whole:
            break
        time.sleep(WAIT_SECONDS)
    return pinned


def _with_links(warehouse: Warehouse) -> tuple[Pinned, bool]:
    """Return a view with all tables of links loaded as they are now, and whether every quarter's are whole."""
    pinned = warehouse.pin()
    halves = [quarter for quarter in pinned.quarters(LINK_TABLES) if not _is_whole(pinned, quarter)]
    return pinned, not halves


def _is_whole(pinned: Pinned, quarter: str) -> bool:
    """Return whether one run wrote all tables of a quarter's links, from the same input."""
    present = pinned.present(quarter)
    writes = [write for name in LINK_TABLES if (write := present(name)) is not None]
    return len(writes) == len(LINK_TABLES) and len({(w.made_by, str(w.inputs)) for w in writes}) == 1


def _is_half_rebuilt(pinned: Pinned, quarter: str) -> bool:
    """Return whether all that is wrong with a quarter's links is that making them again was not finished.

    All tables are then of the same themes, so that the links can be made again from the stored profiles.
    """
    present = pinned.present(quarter)
    writes = [write for name in LINK_TABLES if (write := present(name)) is not None]
    own = {str({key: read for key, read in w.inputs.items() if not is_elsewhere(key)}) for w in writes}
    by_the_quarter = {write.made_by for write in writes if not write.rebuilt}
    return len(writes) == len(LINK_TABLES) and len(own) == 1 and len(by_the_quarter) <= 1


class HalfWrittenFailure(dg.Failure):
    """Links that are to be read were only written in part."""


def require_whole(pinned: Pinned, of: Sequence[str], reader: str) -> None:
    """Raise a HalfWrittenFailure, which names the quarters and what to materialize, if links of these are not whole.

    `reader` is what wants to read them, a table and its quarter.
    """
    if halves := [quarter for quarter in of if not _is_whole(pinned, quarter)]:
        raise HalfWrittenFailure(
            f"{reader}: the links of {', '.join(halves)} were only written in part, by a run that was killed. "
            f"Materialize theme_links of {halves[0]} first",
            allow_retries=False,
        )


def model_of(pinned: Pinned, table: str, quarter: str) -> Model:
    """Return the embedding model that the current write of a quarter recorded; empty if none."""
    write = pinned.present(quarter)(table)
    return {} if write is None else embedder_of(write.provenance())


def before(warehouse: Warehouse, pinned: Pinned, quarter: str, model: Model, *, others: bool) -> Before:
    """Return what a quarter is linked to: the earlier quarters that have links, as they are now.

    Raises a Failure, which names the models and says what to do, if the newest of them was embedded by another model
    and `others` is false; otherwise quarters of other models are passed over.
    """
    linked = [q for q in pinned.quarters([CHAIN]) if q < quarter]
    require_whole(pinned, linked, f"theme_links {quarter}")
    same = [q for q in linked if _agree(model, model_of(pinned, CHAIN, q))]
    if linked and not others and (not same or same[-1] != linked[-1]):
        raise _other_model(pinned, quarter, model, linked)
    newest = same[-1] if same else None
    looked_for = quarters.between(FIRST_QUARTER if newest is None else newest, quarters.preceding(quarter))
    read = [warehouse.quarter(CHAIN, q, pinned=pinned) for q in looked_for]
    inputs = {source_key(t.name, t.quarter, within=""): t.provenance() for t in read}
    if newest is None:
        return Before((), inputs, None)
    return Before(read_series(read[0].read()), inputs, newest, model_of(pinned, CHAIN, newest))


def linked_rows(
    links: Links, own: Mapping[str, Any], model: Model, at: Before
) -> dict[str, tuple[Rows, pa.Table]]:
    """Return the rows of a quarter's links to write, by table; and the rows as a table.

    `own` is what they were made from in their own quarter, `model` what is known of its embedding model. What is not is
    taken from the quarter that it was linked to: its series are compared with the next quarter's themes too.
    """
    inputs, known = {**own, **at.inputs}, {key: value for key, value in model.items() if value is not None}
    models = {"embedder": made} if (made := {**at.model, **known}) else {}
    return {
        name: (replace(Rows.of(rows), inputs=inputs, models=models), rows)
        for name, rows in link_tables(links).items()
    }


def mend(
    context: dg.OpExecutionContext, warehouse: Warehouse, after: str, up_to: str | None, *, code_version: str
) -> Mended:
    """Link again the quarters that no longer follow from those before them, oldest first; return what was done.

    Only quarters later than `after`, and earlier than `up_to` if given, are looked at. One that a tag marks, or that
    another embedding model made, is left as it is: what follows it still follows from it. So is one that was only
    written in part, unless by a run that was itself linking it again: its profiles may be of other themes than its
    inputs record, and linked again it would look whole.
    """
    found = Mended()
    for _ in range(ROUNDS):
        if not _mend_once(context, warehouse, after, up_to, found, code_version=code_version):
            break
    return found


def _mend_once(
    context: dg.OpExecutionContext,
    warehouse: Warehouse,
    after: str,
    up_to: str | None,
    found: Mended,
    *,
    code_version: str,
) -> bool:
    has_changed, pinned = False, settled(warehouse, has_turn=True)
    for quarter in pinned.quarters([CHAIN]):
        if quarter <= after or (up_to is not None and quarter >= up_to) or quarter in found.kept:
            continue
        why = outdated(pinned, quarter)
        if not _is_whole(pinned, quarter):
            if not _is_half_rebuilt(pinned, quarter):
                found.kept[quarter] = (
                    f"{why or 'its tables differ'}, but only written in part, by a run that was killed"
                )
                continue
            why = why or "a run that was linking it again was killed"
        if not why:
            continue
        if marks := tags_on(pinned, quarter):
            found.kept[quarter] = f"{why}, but tagged {', '.join(marks)}"
            continue
        try:
            _link_again(context, warehouse, pinned, quarter, why, code_version=code_version)
        except OtherModelFailure:
            found.kept[quarter] = f"{why}, but embedded by another model"
            continue
        except HalfWrittenFailure:
            found.kept[quarter] = f"{why}, but follows links that were only written in part"
            continue
        found.rebuilt[quarter] = why
        has_changed, pinned = True, settled(warehouse, has_turn=True)
    return has_changed


def outdated(pinned: Pinned, quarter: str) -> str:
    """Return why a quarter's links no longer follow from those of earlier quarters; empty if they do."""
    present = pinned.present(quarter)
    write = present(CHAIN)
    if write is None:
        return ""
    for source, content in write.inputs.items():
        there = present(source) if is_elsewhere(source) else None
        if is_elsewhere(source) and content != (NEVER_WRITTEN if there is None else there.content):
            return f"{source} has changed"
    return ""


def rests_on_others(pinned: Pinned, quarter: str, before: str) -> str:
    """Return why an id of a series may mean another one in a quarter before than in this one; empty if it may not.

    A quarter's links go on from `theme_series` of one before, which went on from one before that. If one of these has
    been replaced, what it and all before it call a series need no longer be what this quarter's links call so. One that
    was written since takes no part in the chain, and breaks none.
    """
    present = pinned.present(quarter)
    for mixture in pinned.mixtures(quarter, ["theme_links"]):
        table, replaced = source_of(mixture.source, quarter)
        if table != CHAIN or replaced == quarter:
            continue
        write = present(mixture.table)
        is_new = write is not None and write.inputs.get(mixture.source) == NEVER_WRITTEN
        if before == replaced or (before < replaced and not is_new):
            return str(mixture)
    return ""


def apart(pinned: Pinned, before: str, quarter: str, names: Sequence[str]) -> list[str]:
    """Return how these tables of a quarter before do not go together, or its series not with those of this quarter."""
    within = [str(m) for m in pinned.mixtures(before, names) if not is_elsewhere(m.source)]
    others = rests_on_others(pinned, quarter, before)
    return [*within, *([f"{others} (in {quarter})"] if others else [])]


def tags_on(pinned: Pinned, quarter: str) -> list[str]:
    """Return the tags that mark the present links of a quarter, sorted."""
    table = pinned.table(CHAIN)
    if table is None:
        return []
    now = writer_of(table, table.current_snapshot(), quarter)
    marked = [
        tag
        for (of_quarter, tag), snapshot_id in tagged(table).items()
        if of_quarter == quarter
        and (write := writer_of(table, table.snapshot_by_id(snapshot_id), quarter)) is not None
        and now is not None
        and write.sequence_number == now.sequence_number
    ]
    return sorted(marked)


def _link_again(
    context: dg.OpExecutionContext,
    warehouse: Warehouse,
    pinned: Pinned,
    quarter: str,
    why: str,
    *,
    code_version: str,
) -> None:
    """Link a stored quarter again, from its stored profiles, with its own config."""
    write = pinned.present(quarter)(CHAIN)
    profiles = warehouse.quarter("theme_profiles", quarter, pinned=pinned)
    if write is None:
        return
    made, model = write.provenance(), model_of(pinned, CHAIN, quarter)
    config = made.get("config", {})
    params = recorded(LinkParams, config)
    at = before(warehouse, pinned, quarter, model, others=config.get(OTHER_MODELS, False))
    links = link_quarter(read_profiles(profiles.read(), quarter), at.series, params)
    own = {key: read for key, read in made.get("inputs", {}).items() if not is_elsewhere(key)}
    for name, (rows, _) in linked_rows(links, own, model, at).items():
        kept = replace(rows, config=config, together=LINK_TABLES, attempt=context.retry_number, rebuilt=why)
        written = write_quarter(warehouse, name, quarter, kept, run=context.run, code_version=code_version)
        metadata = {**written, "rebuilt": f"Linked again, because {why}"}
        context.log_event(dg.AssetMaterialization(name, metadata=metadata, partition=quarter))


class OtherModelFailure(dg.Failure):
    """The quarter and the newest one before it were embedded by different models."""


def _other_model(pinned: Pinned, quarter: str, model: Model, linked: list[str]) -> OtherModelFailure:
    others = [q for q in linked if not _agree(model, model_of(pinned, CHAIN, q))]
    theirs = _called(model_of(pinned, CHAIN, others[-1]))
    more = f" and {counted(len(others) - 1, 'earlier quarter')}" if len(others) > 1 else ""
    return OtherModelFailure(
        f"theme_links {quarter}: its topics were embedded by {_called(model)}, those of {others[-1]}{more} by "
        f"{theirs}; vectors of different models cannot be compared. Set FTM_EMBEDDING_MODEL to the earlier model and "
        f"materialize sentence_embeddings and everything downstream of {quarter} again; or materialize those of "
        f"{', '.join(others[:4])}{', ...' if len(others) > 4 else ''} again with the new model, oldest first; or set "
        f"{OTHER_MODELS}: true in the config of theme_links to open new series from {quarter} on.",
        allow_retries=False,
    )


def require_one_model(pinned: Pinned, of: Sequence[str], table: str) -> None:
    """Raise a Failure, which names the models, if the vectors of these quarters are not all of one embedding model."""
    models = {quarter: model_of(pinned, CHAIN, quarter) for quarter in of}
    last = models[of[-1]]
    if others := [quarter for quarter, model in models.items() if not _agree(model, last)]:
        raise dg.Failure(
            f"{table} {of[-1]}: vectors of different embedding models cannot be clustered together: {of[-1]} is by "
            f"{_called(last)}, but {', '.join(others[:4])}{', ...' if len(others) > 4 else ''} by "
            f"{_called(models[others[0]])}. Materialize those quarters again with the newer model, oldest first.",
            allow_retries=False,
        )


def _called(model: Model) -> str:
    return f"{model.get('model', 'an unknown model')} ({model.get('dimension', '?')} dimensions)"


def _agree(one: Model, other: Model) -> bool:
    """Return whether two quarters' vectors can be compared; what is not known of either does not count."""
    return all(
        one.get(key) is None or other.get(key) is None or one[key] == other[key]
        for key in ("model", "dimension")
    )
