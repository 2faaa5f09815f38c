import doctest

import pytest

from docs.generate import markdown_text, python_pages
from docs.generate.markdown_text import cell, page, table


@pytest.mark.parametrize("module", [markdown_text, python_pages])
def test_the_examples_are_right(module: object):
    found = doctest.testmod(module)  # type: ignore[arg-type]
    assert found.attempted
    assert not found.failed


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("two\nlines", "two lines"),
        ("a|b", "a\\|b"),
        ("`a|b`", "`a\\|b`"),
        ("<script>alert(1)</script>", "&lt;script&gt;alert(1)&lt;/script&gt;"),
        ("a lone ` and <b>", "a lone &#96; and &lt;b&gt;"),
    ],
)
def test_text_in_a_cell_stays_text(text: str, shown: str):
    assert cell(text) == shown


def test_a_row_of_another_length_is_refused():
    with pytest.raises(ValueError, match="has not 2 cells, as a, b has"):
        table(("a", "b"), [("1",)])


def test_a_page_leaves_out_empty_blocks():
    assert page("T", "one", "", "two\n") == "# T\n\none\n\ntwo\n"
