"""Rows of Arrow as PostgreSQL's driver takes them, or why PostgreSQL cannot hold them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ftm_resources.postgres.database import PublishError
from ftm_resources.postgres.layout import EMBEDDING, Published, split_type

if TYPE_CHECKING:
    import pyarrow as pa


def values_of(batch: pa.RecordBatch, table: Published, type_: str) -> list[list[Any]]:
    """Return the columns of a batch as lists; texts lose NUL characters, also those in lists.

    `type_` is that of the vectors, such as halfvec(384). Raises PublishError, which names the row, if a vector is of
    another length or is not finite.
    """
    import pyarrow as pa  # noqa: PLC0415
    import pyarrow.compute as pc  # noqa: PLC0415

    made: list[list[Any]] = []
    for name in table.columns:
        column = batch.column(name)
        if pa.types.is_string(column.type):
            column = pc.replace_substring(column, "\x00", "")
        values = column.to_pylist()
        if pa.types.is_list(column.type):
            values = [None if of is None else [_without_nul(value) for value in of] for of in values]
        made.append(values)
    if table.level:
        made.append(_vectors(batch, table, type_))
    return made


def _without_nul(value: Any) -> Any:
    return value.replace("\x00", "") if isinstance(value, str) else value


def _vectors(batch: pa.RecordBatch, table: Published, type_: str) -> list[Any]:
    import numpy as np  # noqa: PLC0415
    import pyarrow.compute as pc  # noqa: PLC0415
    from pgvector import HalfVector, Vector  # noqa: PLC0415 - an extra

    name, width = split_type(type_)
    kind, number = (HalfVector, np.float16) if name == "halfvec" else (Vector, np.float32)
    column = batch.column(EMBEDDING)
    held = column.drop_null()
    ids = batch.column(table.key).filter(column.is_valid())
    lengths = pc.list_value_length(held).to_numpy(zero_copy_only=False)
    if (other := np.flatnonzero(lengths != width)).size:
        row = int(other[0])
        raise PublishError(
            f"{table.name}: the vector of {ids[row]} has {lengths[row]} dimensions, others {width}; materialize the "
            "quarter's embeddings again"
        )
    wide = held.flatten().to_numpy(zero_copy_only=False).reshape(-1, width)
    with np.errstate(over="ignore"):  # it is said below
        rows = wide.astype(number)
    if (bad := np.flatnonzero(~np.isfinite(rows).all(axis=1))).size:
        row = int(bad[0])
        how = (
            "values that are too large for halfvec; pass --vectors vector"
            if np.isfinite(wide[row]).all()
            else "values that are no finite numbers; materialize the quarter's embeddings again"
        )
        raise PublishError(f"{table.name}: the vector of {ids[row]} has {how}")
    left = iter(rows)
    return [kind(next(left)) if is_valid else None for is_valid in column.is_valid().to_pylist()]
