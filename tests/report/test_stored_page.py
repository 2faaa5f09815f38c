from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path

from ftm_assets.report.stored_page import store, stored, url
from ftm_resources.warehouse import Warehouse


def test_a_page_takes_the_place_of_the_one_before(tmp_path: Path):
    warehouse = Warehouse(path=str(tmp_path / "a warehouse"))
    (tmp_path / "a warehouse").mkdir()
    assert stored(warehouse, "2023Q1.html") is None
    store(warehouse, "2023Q1.html", b"old", by="run")
    place = store(warehouse, "2023Q1.html", b"new", by="run")
    assert stored(warehouse, "2023Q1.html") == Path(place).read_bytes() == b"new"
    assert [p.name for p in Path(place).parent.iterdir()] == ["2023Q1.html"]
    assert url(place).startswith("file:///")
    assert url(place).endswith("a%20warehouse/reports/2023Q1.html")


def test_a_page_on_s3_is_read_back(warehouse_on_s3: Callable[[], AbstractContextManager[Warehouse]]):
    with warehouse_on_s3() as warehouse:
        assert stored(warehouse, "2023Q1.html") is None
        place = store(warehouse, "2023Q1.html", "Größe 🚀".encode())
        assert stored(warehouse, "2023Q1.html") == "Größe 🚀".encode()
        assert place == url(place) == "s3://ftm/warehouse/reports/2023Q1.html"
