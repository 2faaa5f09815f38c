"""Several quarters of a copy: they go together, or it is said that they do not."""

from collections.abc import Callable, Sequence
from typing import Any

import psycopg
import pyarrow as pa
import pytest

from ftm_resources.postgres.layout import READ
from ftm_resources.postgres.outdated_copies import Differing, differing_quarters
from ftm_resources.postgres.publish import publish
from ftm_resources.postgres.quarter_state import shown_now
from ftm_resources.warehouse import MixedGenerationsWarning, Warehouse, WarehouseError

from .conftest import QUARTER, of_later

LATER = "2023Q2"
Ask = Callable[..., list[tuple[Any, ...]]]


@pytest.fixture
def linked(warehouse: Warehouse) -> Warehouse:
    """Two quarters; the links of the second are made from those of the first."""
    of_later(warehouse, LATER)
    link(warehouse, QUARTER, "a")
    link(warehouse, LATER, "a", after=[QUARTER])
    return warehouse


def link(
    warehouse: Warehouse, quarter: str, series: str, *, after: Sequence[str] = (), themes: Any = None
) -> None:
    """Link a quarter's themes, by default the present ones, to series of this name."""
    rows = warehouse.read("theme_links", quarter)
    named = pa.array([f"{series}{i}" for i in range(rows.num_rows)])
    made = {"themes": themes or warehouse.quarter("themes", quarter).provenance()}
    made |= {f"theme_links@{q}": warehouse.quarter("theme_links", q).provenance() for q in after}
    rows = rows.set_column(rows.column_names.index("series_id"), "series_id", named)
    warehouse.replace("theme_links", quarter, [rows], provenance={"inputs": made})


def replace_themes(warehouse: Warehouse, quarter: str) -> None:
    rows = warehouse.read("themes", quarter)
    names = pa.array([f"{name}!" for name in rows.column("name").to_pylist()])
    warehouse.replace("themes", quarter, [rows.set_column(rows.column_names.index("name"), "name", names)])


def series(ask: Ask) -> set[tuple[str, str]]:
    return set(ask("SELECT quarter, left(series_id, 1) FROM ftm.themes"))


def test_a_later_quarter_that_does_not_go_with_what_is_shown_of_an_earlier_one_is_refused(
    linked: Warehouse, connection: psycopg.Connection, ask: Ask
):
    before = linked.quarter("themes", QUARTER).provenance()
    replace_themes(linked, QUARTER)
    link(linked, QUARTER, "b", themes=before)
    link(linked, LATER, "b", after=[QUARTER])
    assert linked.together(LATER, READ)["theme_links"].read().column("series_id")[0].as_py() == "b0"
    with pytest.raises(WarehouseError, match=r"2023Q1 is not published\. 2023Q1 is of mixed generations"):
        publish(shown_now(linked), QUARTER, connection)
    said = r"2023Q2 is not published\. 2023Q1 is of mixed .* Shown as they were before: 2023Q2 .*allow mixed"
    with pytest.raises(WarehouseError, match=said):
        publish(shown_now(linked), LATER, connection)
    assert ask("SELECT count(*) FROM pg_namespace WHERE nspname = 'ftm'") == [(0,)]
    for quarter in (QUARTER, LATER):
        publish(shown_now(linked), quarter, connection, allows_mixed=True)
    assert differing_quarters(linked, connection, "ftm") == Differing()
    assert series(ask) == {(QUARTER, "a"), (LATER, "a")}
    with pytest.warns(MixedGenerationsWarning):
        shown = linked.connect().execute("SELECT DISTINCT quarter, series_id[1] FROM theme_links").fetchall()
    assert set(shown) == series(ask)


def test_a_quarter_of_the_copy_of_which_other_rows_are_shown_now_is_named(
    linked: Warehouse, connection: psycopg.Connection, ask: Ask
):
    publish(shown_now(linked), QUARTER, connection)
    publish(shown_now(linked), LATER, connection)
    assert differing_quarters(linked, connection, "ftm") == Differing()
    link(linked, QUARTER, "b")
    link(linked, LATER, "b", after=[QUARTER])
    publish(shown_now(linked), LATER, connection)
    assert differing_quarters(linked, connection, "ftm") == Differing((QUARTER,))
    assert series(ask) == {(QUARTER, "a"), (LATER, "b")}
    publish(shown_now(linked), LATER, connection)
    assert differing_quarters(linked, connection, "ftm") == Differing((QUARTER,)), (
        "also if nothing was copied"
    )
    publish(shown_now(linked), QUARTER, connection)
    assert differing_quarters(linked, connection, "ftm") == Differing()
