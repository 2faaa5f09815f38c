"""Families through Dagster and a real warehouse."""

from pathlib import Path

import pytest

from ftm_resources.warehouse import Warehouse
from ftm_resources.warehouse.status import status

from .quarters_of_themes import families_of, killed_after_profiles, link, write_themes


def test_families_join_what_opened_anew_and_change_nothing_that_was_known(tmp_path: Path):
    warehouse = Warehouse(path=str(tmp_path / "warehouse"))
    for quarter, subjects in (("2020Q1", ("freight", "hiring")), ("2020Q2", ("hiring", "freight", "rates"))):
        write_themes(warehouse, quarter, subjects)
        link(warehouse, quarter, floor=1.0)
    before = {
        t: warehouse.quarter(t, q).content
        for q in ("2020Q1", "2020Q2")
        for t in ("theme_links", "theme_series")
    }
    rows = families_of(warehouse, "2020Q2")
    assert len({r["series_id"] for r in rows}) == 5, "at this floor nothing continues"
    by_subject: dict[str, set[str]] = {}
    for row in rows:
        by_subject.setdefault(row["theme_name"].split()[0], set()).add(row["family_id"])
    assert {s: len(f) for s, f in by_subject.items()} == {"freight": 1, "hiring": 1, "rates": 1}
    assert len(set.union(*by_subject.values())) == 3
    assert {r["member_quarter"] for r in rows} == {"2020Q1", "2020Q2"}
    assert before == {
        t: warehouse.quarter(t, q).content
        for q in ("2020Q1", "2020Q2")
        for t in ("theme_links", "theme_series")
    }
    (version,) = {r["version"] for r in rows}
    link(warehouse, "2020Q2", floor=0.5)
    (last,) = [q for q in status(warehouse) if q.quarter == "2020Q2"]
    assert any(m.table == "theme_families" for m in last.mixtures), "outdated, and said so"
    assert version not in {r["version"] for r in families_of(warehouse, "2020Q2")}


def test_an_earlier_quarter_written_in_part_is_refused_by_name(tmp_path: Path):
    warehouse = Warehouse(path=str(tmp_path / "warehouse"))
    for quarter in ("2020Q1", "2020Q2"):
        write_themes(warehouse, quarter, ("freight", "hiring"))
        link(warehouse, quarter)
    killed_after_profiles(warehouse, "2020Q1", ("vaccines", "shipping"), tmp_path / "other")
    with pytest.raises(
        Exception, match="theme_families 2020Q2: the links of 2020Q1 were only written in part"
    ):
        families_of(warehouse, "2020Q2")
    assert not warehouse.quarter("theme_families", "2020Q2").is_written
    link(warehouse, "2020Q1")
    assert families_of(warehouse, "2020Q2")
