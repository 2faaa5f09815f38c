import re

import pytest

from docs.generate.tables_pages import GROUPS, group_pages, overview, views_page
from ftm_resources.tables import TABLES, Column, Table
from ftm_resources.tables.contract import DOUBLE, STRING
from ftm_resources.tables.joined_views import JOINED_VIEWS

PAGES = group_pages(TABLES.values())


def test_every_table_and_view_is_listed_with_a_link_to_its_columns():
    listed = dict(re.findall(r"\[`(\w+)`\]\(([\w.#-]+)\)", overview(TABLES.values(), JOINED_VIEWS.values())))
    assert set(listed) == {*TABLES, *JOINED_VIEWS}
    for name, table in TABLES.items():
        assert listed[name] == f"tables-{table.group}.md#{name}"


@pytest.mark.parametrize("name", TABLES)
def test_every_column_has_its_type_and_meaning(name: str):
    table = TABLES[name]
    section = PAGES[f"tables-{table.group}.md"].split(f"{{#{name}}}\n")[1].partition("\n## ")[0]
    rows = re.findall(r"^\| (\**)`(\w+)`\** \| (.+?) \| (.+) \|$", section, re.MULTILINE)
    assert [row[1] for row in rows] == [c.name for c in table.columns]
    assert {row[1] for row in rows if row[0]} == set(table.key)
    assert all(("or null" in row[2]) == table.column(row[1]).nullable for row in rows)


def test_every_group_has_a_heading_and_every_type_a_name_that_people_use():
    assert set(GROUPS) == {t.group for t in TABLES.values()}
    types = {
        row.split("|")[2].strip() for page in PAGES.values() for row in re.findall(r"^\| \**`.*$", page, re.M)
    }
    assert not [t for t in types if re.search(r"[<\[]|int32|double", t)], types


def test_a_column_says_what_values_it_may_have_and_what_it_refers_to():
    columns = (
        Column("kind", STRING, "What it is", values=("a", "b")),
        Column("share", DOUBLE, "How much | of it", bounds=(0.0, 1.0), nullable=True),
        Column("n", DOUBLE, "How many", bounds=(1.0, float("inf"))),
        Column("theme_id", STRING, "Its theme", references=("themes", "theme_id")),
    )
    made = group_pages([Table("x", "One row per x", ("kind",), columns, group="calls"), TABLES["themes"]])
    page = made["tables-calls.md"]
    assert "| **`kind`** | text | What it is. One of `a`, `b` |" in page
    assert "| `share` | 64-bit float or null | How much \\| of it. From 0 to 1 |" in page
    assert "| `n` | 64-bit float | How many. At least 1 |" in page
    assert "Refers to [`themes.theme_id`](tables-themes.md#themes)" in page


def test_a_view_has_all_its_columns():
    page = views_page(JOINED_VIEWS.values())
    for name, view in JOINED_VIEWS.items():
        section = page.split(f"{{#{name}}}\n")[1].partition("\n## ")[0]
        assert re.findall(r"^\| `(\w+)` \|", section, re.MULTILINE) == list(view.columns)
