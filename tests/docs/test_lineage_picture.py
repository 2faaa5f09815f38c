import re
from itertools import pairwise
from xml.etree import ElementTree

from docs.generate.lineage_picture import lineage, steps_of
from docs.generate.site_builder import LINEAGE, current_lineage
from ftm_assets.definitions import defs

GROUPS = {"calls": "calls", "a": "topics", "b": "topics", "end<": "marts"}
PAIRS = {("calls", "a"), ("calls", "b"), ("a", "end<"), ("b", "end<"), ("calls", "end<")}


def boxes(picture: str) -> dict[str, tuple[float, float, float]]:
    """Return left, right and top of each box."""
    root = ElementTree.fromstring(picture)  # noqa: S314 - made here
    found, elements = {}, list(root)
    for rect, text in pairwise(elements):
        if rect.tag.endswith("rect") and text.get("text-anchor") == "middle":
            x, y, width = (float(rect.get(k)) for k in ("x", "y", "width"))
            found[text.text] = (x, x + width, y)
    return found


def test_each_step_has_a_box_below_what_it_reads_and_none_overlap():
    groups, pairs = steps_of(defs)
    found = boxes(lineage(groups, pairs))
    assert set(found) == set(groups) >= {"transcripts", "themes", "marts", "event_study"}
    assert all(found[reader][2] > found[step][2] for step, reader in pairs)
    places = sorted((top, left, right) for left, right, top in found.values())
    assert all(b[1] >= a[2] for a, b in pairwise(places) if a[0] == b[0])


def test_lines_that_follow_from_others_are_left_out_and_names_are_text():
    picture = lineage(GROUPS, PAIRS)
    assert len(re.findall("<path", picture)) == 4
    assert set(boxes(picture)) == set(GROUPS)
    assert picture == lineage(dict(reversed(GROUPS.items())), PAIRS)


def test_copies_of_everything_and_upkeep_are_left_out():
    groups, _ = steps_of(defs)
    assert not {"duckdb_file", "warehouse_maintenance"} & set(groups)


def test_the_picture_in_the_repository_is_that_of_the_code():
    assert LINEAGE.read_text() == current_lineage(), "run `make docs`"
    assert LINEAGE.stat().st_size < 20_000
