from datetime import date, timedelta

from hypothesis import given
from hypothesis import strategies as st

from ftm_resources.sources.wrds.links import LINK_PRIMARY, LINK_TYPES, GvkeySpan, Links, PermnoSpan

DAY = date(2023, 2, 1)

days = st.none() | st.integers(-3, 3).map(lambda n: DAY + timedelta(days=n))
permnos = st.lists(
    st.builds(
        PermnoSpan, st.integers(1, 4), days, days, st.sampled_from(LINK_TYPES), st.sampled_from(LINK_PRIMARY)
    ),
    max_size=5,
)
gvkeys = st.lists(st.builds(GvkeySpan, st.sampled_from(["a", "b"]), days, days), max_size=3)


@given(gvkeys, permnos, permnos, st.randoms())
def test_the_best_valid_link_wins_whatever_the_order_of_the_rows(
    spans: list[GvkeySpan], a: list[PermnoSpan], b: list[PermnoSpan], random: object
):
    link = Links({1: spans}, {"a": a, "b": b}).at(1, DAY)
    valid = [
        p
        for g in {s.gvkey for s in spans if s.covers(DAY)}
        for p in {"a": a, "b": b}[g]
        if (p.start or DAY) <= DAY <= (p.end or DAY)
    ]
    assert (link.permno is None) == (not valid)
    if valid:
        best = min(
            valid,
            key=lambda p: (p.type != "LC", p.primary != "P", -(p.start or date.min).toordinal(), p.permno),
        )
        assert link.permno == best.permno
        assert (link.note is None) == (len({p.permno for p in valid}) == 1)
    else:
        assert link.note
        assert (link.gvkey is None) == link.note.startswith("no GVKEY")
    for rows in (spans, a, b):
        random.shuffle(rows)  # type: ignore[attr-defined]
    again = Links({1: spans}, {"a": a, "b": b}).at(1, DAY)
    assert (again.gvkey, again.permno) == (link.gvkey, link.permno)
    assert (again.note is None) == (link.note is None)


def test_a_link_is_valid_from_its_first_to_its_last_day_and_open_ends_are_open():
    assert PermnoSpan(1, DAY, DAY, "LC", "P").covers(DAY)
    assert PermnoSpan(1, None, None, "LC", "P").covers(DAY)
    assert not GvkeySpan("a", DAY + timedelta(days=1), None).covers(DAY)
    assert not GvkeySpan("a", None, DAY - timedelta(days=1)).covers(DAY)
