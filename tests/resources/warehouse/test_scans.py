"""What a scan of some firms reads: in a file of which the rest is damaged, it finds them all the same."""

from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from ftm_assets.methods.vectors import as_lists, as_matrix
from ftm_resources.warehouse import Warehouse
from ftm_resources.warehouse.errors import WarehouseError

QUARTER = "2023Q1"
PER_FIRM, WIDTH, GROUPS, N_FIRMS = 4, 5, 3, 300


def rows(firms: range) -> pa.Table:
    ids = [f"{firm:03d}" for firm in firms for _ in range(PER_FIRM)]
    vectors = np.random.default_rng(firms.start).normal(size=(len(ids), WIDTH)).astype(np.float32)
    return pa.table(
        {
            "sentence_id": [f"{QUARTER}:{firm}:{i % PER_FIRM:03d}" for i, firm in enumerate(ids)],
            "firm_id": ids,
            "embedding": as_lists(vectors),
        }
    )


def damage(file: Path, row_group: int) -> None:
    """Overwrite the vectors of a row group."""
    kept = pq.ParquetFile(file).metadata.row_group(row_group)
    (column,) = (
        c for c in map(kept.column, range(kept.num_columns)) if c.path_in_schema.startswith("embedding")
    )
    first = min(filter(None, (column.dictionary_page_offset, column.data_page_offset)))
    with file.open("r+b") as held:
        held.seek(first)
        held.write(b"\0" * column.total_compressed_size)


@pytest.fixture
def warehouse(tmp_path: Path) -> Warehouse:
    """A quarter of 900 firms in three row groups, of which the last two are damaged."""
    made = Warehouse(path=str(tmp_path / "warehouse"))
    made.replace(
        "sentence_embeddings", QUARTER, [rows(range(i * N_FIRMS, (i + 1) * N_FIRMS)) for i in range(GROUPS)]
    )
    (file,) = (
        Path(f.removeprefix("file://")) for f in made.data_files("sentence_embeddings", quarter=QUARTER)
    )
    assert pq.ParquetFile(file).num_row_groups == GROUPS
    for group in range(1, GROUPS):
        damage(file, group)
    return made


def test_a_group_of_firms_is_read_without_the_rest_of_the_file(warehouse: Warehouse) -> None:
    firms = [f"{i:03d}" for i in range(N_FIRMS) if i != 4]
    found = warehouse.read("sentence_embeddings", QUARTER, firms=firms)
    written = rows(range(N_FIRMS))
    among = np.isin(written.column("firm_id").to_pylist(), firms)
    assert found.column("sentence_id").to_pylist() == np.array(written.column("sentence_id"))[among].tolist()
    assert np.array_equal(as_matrix(found.column("embedding")), as_matrix(written.column("embedding"))[among])
    for other in (["003", f"{N_FIRMS:03d}"], None):
        with pytest.raises(WarehouseError):
            warehouse.read("sentence_embeddings", QUARTER, firms=other)


def test_no_firms_have_no_rows(warehouse: Warehouse) -> None:
    assert warehouse.read("sentence_embeddings", QUARTER, firms=[]).num_rows == 0


def test_the_length_of_vectors_is_that_of_the_first(warehouse: Warehouse) -> None:
    assert warehouse.dimension("sentence_embeddings", QUARTER) == WIDTH
