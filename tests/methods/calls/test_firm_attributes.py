from datetime import date

import pyarrow as pa

from ftm_assets.methods.calls.firm_attributes import MAX_OTHERS, FirmAttributes, firm_attributes
from ftm_resources.tables import TABLES
from ftm_resources.tables.components import ATTRIBUTES

QUARTER = "2023Q1"


def made(said: list[tuple[str, str, str, str | None]], calls: list[tuple[str, str, date]]) -> FirmAttributes:
    rows = [dict(zip(ATTRIBUTES.names, values, strict=True)) for values in said]
    kept = [dict(zip(("transcript_id", "firm_id", "call_date"), call, strict=True)) for call in calls]
    schema = pa.schema([("transcript_id", pa.string()), ("firm_id", pa.string()), ("call_date", pa.date32())])
    return firm_attributes(
        pa.Table.from_pylist(rows, schema=ATTRIBUTES),
        pa.Table.from_pylist(kept, schema=schema),
        quarter=QUARTER,
        left_out={"notes": "too long"},
    )


JANUARY, MARCH = date(2023, 1, 9), date(2023, 3, 1)


def test_the_last_call_with_a_value_speaks_for_the_quarter_and_the_others_are_listed():
    found = made(
        [("1", "a", "sector", "Energy"), ("2", "a", "sector", "Oil"), ("3", "a", "country", "US")],
        [("1", "a", MARCH), ("2", "a", JANUARY), ("3", "a", JANUARY)],
    )
    rows = {r["name"]: r for r in found.rows.to_pylist()}
    sector = rows["sector"]
    assert (sector["value"], sector["n_calls"], sector["n_values"]) == ("Energy", 2, 2)
    assert sector["other_values"] == ["Oil"]
    assert (rows["country"]["value"], rows["country"]["other_values"]) == ("US", [])
    assert found.rows.schema == TABLES["firm_attributes"].arrow_schema


def test_calls_that_were_not_kept_and_other_listings_of_a_call_do_not_count():
    found = made([("1", "a", "x", "1"), ("1", "b", "x", "2"), ("9", "a", "x", "3")], [("1", "a", MARCH)])
    assert [(r["firm_id"], r["value"]) for r in found.rows.to_pylist()] == [("a", "1")]


def test_a_column_about_turns_is_left_out_and_a_few_calls_that_differ_are_counted():
    calls = [(str(i), "a", JANUARY) for i in range(4)]
    turns = [(str(i), "a", "role", None if i < 3 else "CEO") for i in range(4)]
    sector = [(str(i), "a", "sector", None if i == 0 else "Oil") for i in range(4)]
    found = made([*turns, *sector], calls)
    assert found.rows.column("name").to_pylist() == ["sector"]
    assert found.rows.column("n_calls").to_pylist() == [3]
    assert found.differing == {"sector": 1}
    assert found.left_out == {
        "notes": "too long",
        "role": "it differs between the turns of 3 of 4 calls",
    }


def test_values_and_names_are_data_whatever_they_say():
    name, value = 'a"; DROP TABLE x; --', "../../'; SELECT 1"
    (row,) = made([("1", "a", name, value)], [("1", "a", MARCH)]).rows.to_pylist()
    assert (row["name"], row["value"]) == (name, value)


def test_of_many_values_some_are_listed_and_all_are_counted():
    n = MAX_OTHERS + 9
    said = [(f"{i:02d}", "a", "event", f"e{i:02d}") for i in range(n)]
    (row,) = made(said, [(f"{i:02d}", "a", MARCH) for i in range(n)]).rows.to_pylist()
    assert (row["value"], row["n_values"], len(row["other_values"])) == (f"e{n - 1}", n, MAX_OTHERS)


def test_no_attributes_give_no_rows():
    assert made([], [("1", "a", MARCH)]).rows.num_rows == 0
