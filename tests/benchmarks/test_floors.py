import pytest

from benchmarks import floors, stage_memory
from benchmarks.scale import STAGES
from ftm_resources.warehouse import Warehouse


@pytest.fixture(scope="module")
def warehouse(tmp_path_factory: pytest.TempPathFactory) -> Warehouse:
    """A generated quarter of three firms."""
    made = Warehouse(path=str(tmp_path_factory.mktemp("quarter") / "warehouse"))
    stage_memory.write(made, 3)
    return made


def test_every_stage_from_text_to_themes_has_a_floor_above_the_start(
    warehouse: Warehouse, monkeypatch: pytest.MonkeyPatch
):
    assert set(floors.READ) == set(floors.WORK) == set(STAGES)
    monkeypatch.setattr(floors, "_best_rate", lambda: 1e11)
    found = floors.floors(warehouse, start=5.0)
    assert set(found) == set(STAGES)
    assert min(found.values()) > 5.0


def test_the_floor_of_embedding_is_the_models_operations_at_the_machines_rate(
    monkeypatch: pytest.MonkeyPatch,
):
    seconds = []
    for rate in (1e11, 2e11):
        monkeypatch.setattr(floors, "_best_rate", lambda rate=rate: rate)
        seconds.append(floors._Model().seconds(["Freight costs rose again.", "Prices followed."]))
    assert seconds[0] == pytest.approx(2 * seconds[1])
    # 10.6 million weights in the layers, two operations each, for 11 tokens
    assert seconds[0] * 1e11 == pytest.approx(11 * 2 * 10.6e6, rel=0.15)


def test_storage_is_timed_by_the_rows_of_all_files(warehouse: Warehouse):
    reading, writing = floors.storage(warehouse, "sentences")
    assert reading > 0
    assert writing > 0
    assert floors.storage(warehouse, "event_study") == (0.0, 0.0)
