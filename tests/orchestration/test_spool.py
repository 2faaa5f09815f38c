from pathlib import Path

import pyarrow as pa
import pytest

from ftm_assets.orchestration.spool import Spool

SCHEMA = pa.schema([pa.field("firm", pa.string(), nullable=False), pa.field("n", pa.int32())])


def rows(firms: str, start: int = 0) -> pa.Table:
    numbers = pa.array(range(start, start + len(firms)), pa.int32())
    return pa.table([pa.array(list(firms)), numbers], schema=SCHEMA)


def test_rows_come_back_as_written_and_by_key_wherever_they_lie(tmp_path: Path):
    with Spool(tmp_path / "a.parquet", SCHEMA, "firm") as spool:
        for table in (rows("aab"), rows(""), rows("bca", 3)):
            spool.write(table)
        assert spool.values == {"a", "b", "c"}
        assert spool.rows == 6
        assert pa.concat_tables(spool.batches()).equals(rows("aabbca"))
        assert spool.of(["a", "c", "x"]).column("n").to_pylist() == [0, 1, 4, 5]
        assert spool.of([]).equals(SCHEMA.empty_table())
        with pytest.raises(ValueError, match="has been read already"):
            spool.write(rows("a"))
    assert list(tmp_path.iterdir()) == []


def test_nothing_written_is_nothing_read(tmp_path: Path):
    with Spool(tmp_path / "a.parquet", SCHEMA, "firm") as spool:
        assert list(spool.batches()) == []
        assert spool.of(["a"]).equals(SCHEMA.empty_table())
        assert spool.values == set()
