from pathlib import Path

import pytest

from docs.generate.site_checks import problems

HOME = '<a href="a.html">A</a><a href="sub/b.html#here">B</a><a href="https://elsewhere.org/x">out</a>'
OTHERS = {
    "a.html": '<a href="index.html">home</a><a href="#top">up</a>',
    "sub/b.html": '<h2 id="here">Here</h2><a href="../a.html">A</a><img src="../p.svg">',
}


def site(folder: Path, **pages: str) -> Path:
    for name, text in {"index.html": HOME, **OTHERS, "p.svg": "<svg/>", **pages}.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)
    return folder


def test_a_sound_site_has_no_problems(tmp_path: Path):
    assert problems(site(tmp_path)) == []


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ('<a href="gone.html">x</a>', "a.html: the link gone.html leads to no file"),
        ('<a href="sub/">x</a>', "a.html: the link sub/ leads to no file"),
        (
            '<a href="sub/b.html#there">x</a>',
            "the link sub/b.html#there names an anchor that sub/b.html has not",
        ),
        ('<a href="#mine">x</a>', "a.html: the link #mine names an anchor that a.html has not"),
        ('<img src="gone.png">', "a.html: gone.png, which the page loads, is no file"),
        ('<script src="https://cdn.org/x.js"></script>', "https://cdn.org/x.js is loaded from the network"),
        ('<link rel="stylesheet" href="//fonts.org/x.css">', "//fonts.org/x.css is loaded from the network"),
        ('<link rel="preconnect" href="https://fonts.org">', "https://fonts.org is loaded from the network"),
    ],
)
def test_each_problem_is_named_with_its_page(tmp_path: Path, text: str, problem: str):
    (found,) = problems(site(tmp_path, **{"a.html": text}))
    assert problem in found


def test_a_page_that_nothing_leads_to_is_named(tmp_path: Path):
    assert problems(site(tmp_path, **{"lost.html": "", "404.html": '<a href="/x/">x</a>'})) == [
        "lost.html: no page leads to it"
    ]


def test_a_folder_without_a_home_page_is_no_site(tmp_path: Path):
    assert problems(tmp_path) == [f"{tmp_path} has no index.html"]
