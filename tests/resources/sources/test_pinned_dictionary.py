from pathlib import Path

import pytest

from ftm_resources.sources.pinned_dictionary import PinnedTheme, PinnedThemesError, read

CLIMATE = PinnedTheme(
    "pinned:climate-energy", "Climate & energy", "Emissions and the climate.", ("net zero", "carbon")
)
TOML = """
[[theme]]
name = "Climate & energy"
description = "Emissions and the climate."
seed_phrases = ["net zero", "carbon", " net  zero "]
"""
CSV = "name,description,seed_phrases\nClimate & energy,Emissions and the climate.,net zero; carbon\n"


def written(folder: Path, name: str, text: str | bytes) -> Path:
    path = folder / name
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return path


@pytest.mark.parametrize(("name", "text"), [("p.toml", TOML), ("p.csv", CSV), ("P.CSV", "\ufeff" + CSV)])
def test_a_dictionary_is_read_from_toml_and_csv_alike(tmp_path: Path, name: str, text: str):
    found = read(written(tmp_path, name, text))
    assert found.themes == (CLIMATE,)
    assert found.source["path"].endswith(name)
    assert len(found.source["sha256"]) == 64


def test_the_order_in_the_file_does_not_matter(tmp_path: Path):
    more = CSV + "AI,Artificial intelligence.,machine learning\n"
    assert [t.series_id for t in read(written(tmp_path, "p.csv", more)).themes] == [
        "pinned:ai", "pinned:climate-energy",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("name", "text", "said"),
    [
        ("p.csv", CSV + "AI,,learning\n", "p.csv row 2, column description: must be a text"),
        ("p.csv", CSV + "AI,About.,;\n", "p.csv row 2, column seed_phrases: must hold at least one phrase"),
        ("p.csv", CSV + "AI,About.\n", "p.csv row 2: must have 3 fields"),
        ("p.csv", CSV + "AI,About.,x,y\n", "p.csv row 2: must have 3 fields"),
        ("p.csv", CSV + "climate energy,About.,x\n", "row 2, column name: rows 1, 2 all make the id pinned:climate"),
        ("p.csv", CSV + "气候,About.,x\n", "row 2, column name: '气候' has no letter or digit"),
        ("p.csv", "name,text\nAI,b\n", "must have the columns name, description, seed_phrases; it has name, text"),
        ("p.csv", 'name,description,seed_phrases\n"AI,b,c', "is not CSV"),
        ("p.csv", "name,description,seed_phrases\n", "holds no theme"),
        ("p.csv", b"name,description,seed_phrases\n\xff,b,c\n", "line 2 is not UTF-8"),
        ("p.toml", TOML + "color = 1\n", "p.toml row 1, column color: is not one of"),
        ("p.toml", TOML.replace('["net', '[1, "net'), "row 1, column seed_phrases: must hold at least one phrase, and"),
        ("p.toml", TOML.replace("[[theme]]", "[theme]"), "must hold [[theme]] tables and nothing else"),
        ("p.toml", "[[theme", "is not TOML"),
        ("p.xlsx", CSV, "must end in .toml or .csv"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_refused_by_file_row_and_column(
    tmp_path: Path, name: str, text: str | bytes, said: str
):
    with pytest.raises(PinnedThemesError) as refused:
        read(written(tmp_path, name, text))
    assert said in str(refused.value)
    assert "FTM_PINNED_THEMES" in str(refused.value)


def test_a_file_that_is_not_there_is_named(tmp_path: Path):
    with pytest.raises(PinnedThemesError, match=r"nowhere\.csv: No such file"):
        read(tmp_path / "nowhere.csv")
