import shutil
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pyarrow as pa
import pytest

from ftm_resources.tables import TABLES, ContractError
from ftm_resources.warehouse import Warehouse, WarehouseError, tags
from ftm_resources.warehouse.adoption import adopt
from ftm_resources.warehouse.fingerprint import fingerprint


def topics(quarter: str, n: int, *, firm: str = "1") -> pa.Table:
    return pa.table(
        {
            "topic_id": [f"{quarter}:{firm}:{i:03d}" for i in range(n)],
            "firm_id": [firm] * n,
            "local_topic": pa.array(range(n), pa.int32()),
            "n_sentences": pa.array([3] * n, pa.int32()),
            "keywords": [["price", "mix"]] * n,
            "representative_sentence_ids": [["s"]] * n,
            "call_share": [0.0] * n,
            "embedding": [[0.6, 0.8]] * n,
        }
    )


@pytest.fixture
def warehouse(tmp_path: Path) -> Warehouse:
    return Warehouse(path=str(tmp_path / "warehouse"))


def test_what_is_written_is_read_back(warehouse: Warehouse):
    rows, content = warehouse.replace(
        "firm_topics", "2020Q1", [topics("2020Q1", 3), topics("2020Q1", 2, firm="2")]
    )
    read = warehouse.read("firm_topics", "2020Q1")
    assert rows == read.num_rows == 5
    assert read.schema.equals(TABLES["firm_topics"].arrow_schema)
    assert fingerprint(read, TABLES["firm_topics"]) == content


def test_replacing_a_quarter_leaves_the_new_rows_and_the_other_quarters(warehouse: Warehouse):
    warehouse.replace("firm_topics", "2020Q1", [topics("2020Q1", 3)])
    warehouse.replace("firm_topics", "2020Q2", [topics("2020Q2", 4)])
    warehouse.replace("firm_topics", "2020Q1", [topics("2020Q1", 2)])
    assert warehouse.read("firm_topics", "2020Q1").num_rows == 2
    assert warehouse.read("firm_topics", "2020Q2").num_rows == 4
    assert warehouse.quarters("firm_topics") == ["2020Q1", "2020Q2"]


def test_replacing_with_nothing_empties_the_quarter_and_says_what_it_was_made_from(warehouse: Warehouse):
    warehouse.replace("firm_topics", "2020Q1", [topics("2020Q1", 3)])
    warehouse.replace("firm_topics", "2020Q1", [], provenance={"run_id": "r2"})
    assert warehouse.read("firm_topics", "2020Q1").num_rows == 0
    assert warehouse.provenance("firm_topics", "2020Q1")["run_id"] == "r2"


def test_a_held_quarter_reads_its_snapshot_after_a_replacement(warehouse: Warehouse):
    warehouse.replace("firm_topics", "2020Q1", [topics("2020Q1", 3)])
    held = warehouse.quarter("firm_topics", "2020Q1")
    warehouse.replace("firm_topics", "2020Q1", [topics("2020Q1", 1)])
    assert held.read().num_rows == 3
    assert warehouse.quarter("firm_topics", "2020Q1").read().num_rows == 1


def test_the_content_of_a_quarter_ignores_writes_to_other_quarters_and_equal_rewrites(warehouse: Warehouse):
    warehouse.replace("firm_topics", "2020Q1", [topics("2020Q1", 3)])
    before = warehouse.quarter("firm_topics", "2020Q1").content
    warehouse.replace("firm_topics", "2020Q2", [topics("2020Q2", 3)])
    warehouse.replace("firm_topics", "2020Q1", [topics("2020Q1", 3)])
    assert warehouse.quarter("firm_topics", "2020Q1").content == before
    warehouse.replace("firm_topics", "2020Q1", [topics("2020Q1", 4)])
    assert warehouse.quarter("firm_topics", "2020Q1").content != before


def test_a_batch_against_the_contract_is_refused_by_column_and_leaves_the_quarter(warehouse: Warehouse):
    warehouse.replace("firm_topics", "2020Q1", [topics("2020Q1", 3)])
    bad = topics("2020Q1", 2).set_column(3, "n_sentences", pa.array([0, 1], pa.int32()))
    with pytest.raises(ContractError, match="firm_topics: column 'n_sentences' holds 0"):
        warehouse.replace("firm_topics", "2020Q1", [topics("2020Q1", 1), bad])
    assert warehouse.read("firm_topics", "2020Q1").num_rows == 3
    files = list((Path(warehouse.root) / "ftm" / "firm_topics" / "data").rglob("*.parquet"))
    assert len(files) == 1, "the refused write left no file behind"


def test_columns_and_firms_select(warehouse: Warehouse):
    warehouse.replace("firm_topics", "2020Q1", [topics("2020Q1", 3), topics("2020Q1", 2, firm="2")])
    read = warehouse.quarter("firm_topics", "2020Q1").read(["topic_id"], firms=["2"])
    assert read.column_names == ["topic_id"]
    assert read.column("topic_id").to_pylist() == ["2020Q1:2:000", "2020Q1:2:001"]


def test_every_table_can_be_created_and_queried_empty(warehouse: Warehouse):
    for name, contract in TABLES.items():
        warehouse.replace(name, "2020Q1", [])
        assert warehouse.read(name, "2020Q1").schema.equals(contract.arrow_schema)
    connection = warehouse.connect()
    assert all(connection.execute(f'SELECT count(*) FROM "{t}"').fetchone() == (0,) for t in TABLES)


def test_duckdb_sees_every_quarter_and_opens_the_files_of_one(warehouse: Warehouse):
    warehouse.replace("firm_topics", "2020Q1", [topics("2020Q1", 3)])
    warehouse.replace("firm_topics", "2020Q2", [topics("2020Q2", 4)])
    connection = warehouse.connect()
    by_quarter = "SELECT quarter, count(*) FROM firm_topics GROUP BY 1 ORDER BY 1"
    assert connection.execute(by_quarter).fetchall() == [("2020Q1", 3), ("2020Q2", 4)]
    plan = connection.execute(
        "EXPLAIN ANALYZE SELECT count(*) FROM firm_topics WHERE quarter = '2020Q2'"
    ).fetchall()
    assert "Total Files Read: 1" in plan[0][1]
    one = warehouse.connect(quarter="2020Q1")
    assert one.execute(by_quarter).fetchall() == [("2020Q1", 3)]


def test_parallel_first_writes_of_eight_quarters_lose_nothing(warehouse: Warehouse):
    quarters = [f"{year}Q{q}" for year in (2020, 2021) for q in (1, 2, 3, 4)]
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda q: warehouse.replace("firm_topics", q, [topics(q, 5)]), quarters))
    assert {q: warehouse.read("firm_topics", q).num_rows for q in quarters} == dict.fromkeys(quarters, 5)


def test_provenance_names_run_quarter_code_version_and_inputs(warehouse: Warehouse):
    made_from = {
        "run_id": "abc",
        "code_version": "1",
        "inputs": {"sentences": {"snapshot_id": 7, "content": "x"}},
    }
    warehouse.replace("firm_topics", "2020Q1", [topics("2020Q1", 1)], provenance=made_from)
    found = warehouse.provenance("firm_topics", "2020Q1")
    assert {k: found[k] for k in made_from} == made_from
    assert found["quarter"] == "2020Q1"


def test_a_folder_may_have_any_name(tmp_path: Path):
    folder = tmp_path / "a b" / "ü'%20"
    warehouse = Warehouse(path=str(folder))
    warehouse.replace("firm_topics", "2020Q1", [topics("2020Q1", 3)])
    warehouse.replace("firm_topics", "2020Q1", [topics("2020Q1", 2)])
    assert warehouse.read("firm_topics", "2020Q1").num_rows == 2
    assert warehouse.connect().execute("SELECT count(*) FROM firm_topics").fetchone() == (2,)
    assert list(folder.rglob("*.metadata.json"))
    assert [p.name for p in tmp_path.iterdir()] == ["a b"], "all of it lies in the folder"


def test_both_audits_of_naming_are_one_view(warehouse: Warehouse):
    shared = {
        "outcome": ["named"],
        "reason": pa.array([None], pa.string()),
        "model": ["m"],
        "prompt_version": ["1"],
        "is_cached": [False],
        "n_attempts": pa.array([1], pa.int32()),
        "tokens_in": pa.array([900], pa.int32()),
        "tokens_out": pa.array([40], pa.int32()),
        "seconds": [0.5],
        "cost": pa.array([None], pa.float64()),
        "answered_at": pa.array([None], pa.timestamp("us", tz="UTC")),
    }
    warehouse.replace(
        "topic_naming_audit",
        "2020Q1",
        [pa.table({"topic_id": ["2020Q1:1:000"], "firm_id": ["1"], **shared})],
    )
    warehouse.replace(
        "theme_naming_audit", "2020Q1", [pa.table({"theme_id": ["2020Q1:theme:000"], **shared})]
    )
    sql = "SELECT topic_id, theme_id, quarter, tokens_in FROM naming_audit ORDER BY topic_id NULLS LAST"
    assert warehouse.connect().execute(sql).fetchall() == [
        ("2020Q1:1:000", None, "2020Q1", 900),
        (None, "2020Q1:theme:000", "2020Q1", 900),
    ]


def test_the_length_of_a_quarters_vectors_is_read_from_its_first_row(warehouse: Warehouse):
    warehouse.replace("sentence_embeddings", "2020Q2", [])
    assert warehouse.dimension("sentence_embeddings", "2020Q1") is None
    rows = {
        "sentence_id": ["a"],
        "firm_id": ["1"],
        "embedding": pa.array([[0.6, 0.8]], pa.list_(pa.float32())),
    }
    warehouse.replace("sentence_embeddings", "2020Q1", [pa.table(rows)])
    assert warehouse.dimension("sentence_embeddings", "2020Q1") == 2
    assert warehouse.dimension("sentence_embeddings", "2020Q2") is None


def test_s3_without_a_region_says_which_variable_to_set(monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    for name in ("AWS_DEFAULT_REGION", "AWS_REGION", "AWS_PROFILE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "none"))
    with pytest.raises(WarehouseError, match="set AWS_DEFAULT_REGION"):
        Warehouse(path="s3://bucket/prefix").pin()


@pytest.mark.parametrize(
    "linked", ["ftm", "ftm/firm_topics", "ftm/firm_topics/metadata", "ftm/firm_topics/data"]
)
def test_a_copy_never_writes_through_a_link_into_its_original(tmp_path: Path, linked: str):
    original = Warehouse(path=str(tmp_path / "original"))
    original.replace("firm_topics", "2020Q1", [topics("2020Q1", 3)])
    folder = Path(original.root) / linked
    shutil.move(folder, tmp_path / "disk")
    folder.symlink_to(tmp_path / "disk")
    shutil.copytree(original.root, tmp_path / "copy", symlinks=True)
    copy = Warehouse(path=str(tmp_path / "copy"))
    before = {p: p.read_bytes() for p in (tmp_path / "disk").rglob("*") if p.is_file()}
    for change in (
        lambda: copy.replace("firm_topics", "2020Q1", [topics("2020Q1", 9)]),
        lambda: tags.tag(copy, "2020Q1", "paper"),
        lambda: adopt(copy),
    ):
        with pytest.raises(WarehouseError, match=r"is a link to .* Replace the link with what it points to"):
            change()
    assert {p: p.read_bytes() for p in (tmp_path / "disk").rglob("*") if p.is_file()} == before
    assert copy.read("firm_topics", "2020Q1").num_rows == 3
