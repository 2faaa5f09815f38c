from datetime import date

import pyarrow as pa

from ftm_assets.orchestration.specs import MAX_CELL_CHARACTERS, page_table, preview, readable


def test_a_preview_is_of_the_first_rows_in_types_that_the_page_can_sort():
    rows = pa.table(
        {
            "day": [date(2023, 1, i + 1) for i in range(12)],
            "n": range(12),
            "score": [0.123456, *[None] * 11],
            "words": [["a", "b"]] * 12,
        }
    )
    found = preview(rows, ["day", "n", "score", "words"])
    assert len(found.records) == 10
    assert found.records[0].data == {"day": "2023-01-01", "n": 0, "score": 0.123, "words": "a, b"}
    assert [c.type for c in found.schema.columns] == ["str", "int", "float", "str"]


def test_text_of_calls_is_no_markup_and_cut():
    text = "![x](http://evil.example/pixel) " + "word " * 100
    (record,) = page_table(["text"], [[text]]).records
    assert record.data["text"].startswith("![x](http://evil.example/pixel) word")
    assert len(record.data["text"]) == MAX_CELL_CHARACTERS


def test_a_table_without_rows_has_its_columns():
    found = page_table(["a", "b"], [])
    assert [c.name for c in found.schema.columns] == ["a", "b"]
    assert found.records == []


def test_numbers_are_rounded_for_people_and_config_is_not():
    given = {"seconds": 1234.56789, "share": 1 / 3, "by": {"a": [0.123456]}, "n": 7, "config": {"x": 1 / 3}}
    assert readable(given) == {
        "seconds": 1234.568,
        "share": 0.3333,
        "by": {"a": [0.1235]},
        "n": 7,
        "config": {"x": 1 / 3},
    }
