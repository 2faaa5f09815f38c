"""How well themes hold together: their coherence and class, and weak themes emptied of members."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.compute as pc

from ftm_assets.methods.vectors import DIGITS

if TYPE_CHECKING:
    from collections.abc import Sequence

CORE = 0.28
"""Strength of the sentences by which coherence is measured, whatever the bound on members."""
COHERENT = 0.44
"""A theme of at least this coherence is coherent: of 22 such themes of the labelled calls, 19 were read so, none as
junk."""
WEAK = 0.38
"""A theme of less coherence is weak: of 4 such themes, 3 were read as junk, one as mixed; a fifth of what would be
their members speak of them. Those between the bounds are mixed."""


def without_weak_themes(
    theme_sentences: pa.Table, topic_coherence: pa.Table, theme_ids: Sequence[str], min_coherence: float
) -> tuple[pa.Table, pa.Table, pa.Table]:
    """Return the rows of the quarter, in which weak themes have no members, and those of `theme_coherence`.

    A theme's coherence is the mean strength of its core sentences, of each topic first and then over topics, so that no
    firm outweighs the others. Core sentences are at least `CORE` strong and as near to no other theme.

    Parameters
    ----------
    theme_sentences, topic_coherence : pyarrow.Table
        Of all firms, as `membership.firm_rows` returns them.
    theme_ids : sequence of str
        All themes.
    min_coherence : float
        A theme of less coherence has no members, whatever its class.

    """
    means = topic_coherence.group_by("theme_id", use_threads=False).aggregate([("core_strength", "mean")])
    columns = (means.column(c).to_pylist() for c in ("theme_id", "core_strength_mean"))
    found = {theme: None if c is None else round(c, DIGITS) for theme, c in zip(*columns, strict=True)}
    coherence = [found.get(theme) for theme in theme_ids]
    weak = pa.array(
        [t for t, c in zip(theme_ids, coherence, strict=True) if (-1.0 if c is None else c) < min_coherence],
        pa.string(),
    )
    rows, topics = _emptied(theme_sentences, topic_coherence, weak)
    own = rows.filter(pc.invert(rows.column("is_second")))
    counts = own.group_by("theme_id", use_threads=False).aggregate(
        [("is_member", "count"), ("is_member", "sum")]
    )
    columns = (counts.column(c).to_pylist() for c in ("theme_id", "is_member_count", "is_member_sum"))
    sizes = {theme: (n, members) for theme, n, members in zip(*columns, strict=True)}
    firms = own.filter(own.column("is_member")).group_by("theme_id", use_threads=False)
    firms = firms.aggregate([("firm_id", "count_distinct")])
    n_firms = dict(
        zip(*(firms.column(c).to_pylist() for c in ("theme_id", "firm_id_count_distinct")), strict=True)
    )
    of = [sizes.get(theme, (0, 0)) for theme in theme_ids]
    themes = pa.table(
        {
            "theme_id": pa.array(theme_ids, pa.string()),
            "n_sentences": pa.array([n for n, _ in of], pa.int32()),
            "n_members": pa.array([n for _, n in of], pa.int32()),
            "n_member_firms": pa.array([n_firms.get(theme, 0) for theme in theme_ids], pa.int32()),
            "member_share": pa.array([members / max(n, 1) for n, members in of], pa.float64()),
            "coherence": pa.array(coherence, pa.float64()),
            "coherence_class": pa.array([coherence_class(c) for c in coherence], pa.string()),
        }
    )
    return rows, topics, themes


def _emptied(
    theme_sentences: pa.Table, topic_coherence: pa.Table, weak: pa.StringArray
) -> tuple[pa.Table, pa.Table]:
    """Return the rows with no member in the weak themes, and the reason."""
    member = theme_sentences.column("is_member")
    lost = pc.and_(member, pc.is_in(theme_sentences.column("theme_id"), weak))
    rows = _replaced(theme_sentences, is_member=pc.and_not(member, lost))
    rows = _replaced(rows, reason=pc.if_else(lost, "weak theme", theme_sentences.column("reason")))
    in_weak = pc.is_in(topic_coherence.column("theme_id"), weak)
    none = {
        "n_members": pc.if_else(in_weak, pa.scalar(0, pa.int32()), topic_coherence.column("n_members")),
        "member_share": pc.if_else(in_weak, 0.0, topic_coherence.column("member_share")),
    }
    return rows, _replaced(topic_coherence, **none)


def _replaced(table: pa.Table, **columns: pa.ChunkedArray) -> pa.Table:
    for name, values in columns.items():
        table = table.set_column(table.column_names.index(name), table.schema.field(name), values)
    return table


def coherence_class(coherence: float | None) -> str:
    """Return whether a theme of this coherence is coherent, mixed or weak; without core sentences it is weak."""
    if coherence is None or coherence < WEAK:
        return "weak"
    return "coherent" if coherence >= COHERENT else "mixed"
