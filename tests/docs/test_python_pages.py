from docs.generate.python_pages import Module, markdown, public_names, python_page

SOURCE = '''"""A module that does things."""

from dataclasses import dataclass


def _hidden(x): ...


def scale(x: float, *, by: float = 2.0, names: tuple[str, ...] = ()) -> float:
    """Return x times `by`, if a*b < c.

    Parameters
    ----------
    x : float
        The number,
        in metres.
    by, names
        Factor, and names.

    Raises
    ------
    ValueError
        If x is nan.

    >>> scale(2.0)
    4.0

    """


def undocumented(): ...


@dataclass(frozen=True)
class Box:
    """A box."""

    width: float
    """In metres."""
    depth: float = 1.0

    @property
    def area(self) -> float:
        """Width times depth."""

    def grow(self, by: float, /, *more: int, **rest: str) -> "Box":
        """Return a larger box."""

    def _own(self): ...
'''


def test_a_page_has_signatures_and_docstrings_of_what_is_public():
    page = python_page("T", "Intro.", [Module("a.b", SOURCE)])
    assert page.startswith("# T\n\nIntro.\n\n## a.b {#a-b}\n\nA module that does things.\n")
    assert "```python\nscale(x: float, *, by: float = 2.0, names: tuple[str, ...] = ()) -> float\n```" in page
    assert "Return x times `by`, if a\\*b &lt; c." in page
    assert "**Parameters**\n\n- `x`: float. The number, in metres.\n- `by, names`: Factor, and names." in page
    assert "- `ValueError`: If x is nan." in page
    assert "- `width: float`: In metres." in page
    assert "#### Box.area {#a-b-Box-area}\n\nWidth times depth." in page
    assert "grow(by: float, /, *more: int, **rest: str) -> 'Box'" in page
    for hidden in ("_hidden", "undocumented", "_own"):
        assert hidden not in page


def test_only_the_names_asked_for_are_shown_under_the_name_that_users_import():
    page = python_page("T", "Intro.", [Module("a.b", SOURCE, only=("Box",), heading="a")])
    assert "## a {#a-b}" in page
    assert "### Box" in page
    assert "### scale" not in page
    assert public_names(SOURCE) == ["scale", "Box"]


def test_examples_are_code_and_their_directives_are_left_out():
    text = markdown("Do it.\n\nExamples\n--------\n>>> f(1)  # doctest: +SKIP\n'<a>'\n")
    assert text == "Do it.\n\n**Examples**\n\n```pycon\n>>> f(1)\n'<a>'\n```"
