"""The sample through time: themes that live, move and die by the schedule, firms that enter and leave."""

from __future__ import annotations

from collections import Counter, defaultdict
from itertools import pairwise

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ftm_resources import quarters
from ftm_resources.sources.sample.corpus import corpus
from ftm_resources.sources.sample.firms import MAX_FIRMS, holder, make_firm
from ftm_resources.sources.sample.generated import SampleSource
from ftm_resources.sources.sample.grammar import Dice
from ftm_resources.sources.sample.lifecycle import ANCHOR, CYCLE, gone, living, pick_aspect
from ftm_resources.sources.sample.planted_series import SERIES
from ftm_resources.sources.sample.speech import expected_tone

DECADE = quarters.between("2016Q1", "2025Q4")
HERE = {"persists", "drifts", "born", "split_from", "revived"}
AWAY = {"dies", "pauses", "merged_into"}


def test_at_the_anchor_every_theme_is_whole_and_none_has_moved() -> None:
    now = living(ANCHOR)
    assert [t.theme for t in now] == list(corpus().themes)
    assert all(t.emphasis is None and t.tone == 0 and t.lift == 1 for t in now)
    assert {t.event for t in now} == {"persists", "drifts"}


def test_four_of_five_themes_are_alive_in_every_quarter_and_a_decade_has_every_event() -> None:
    known = {theme.theme_id for theme in corpus().themes}
    seen: Counter[str] = Counter()
    for quarter in DECADE:
        alive, left = living(quarter), gone(quarter)
        assert len(known & {t.theme.theme_id for t in alive}) >= 0.8 * len(known)
        assert {t.event for t in alive} <= HERE
        assert {t.event for t in left} <= AWAY
        seen.update(t.event for t in (*alive, *left))
    assert set(seen) == HERE | AWAY
    assert len(DECADE) == CYCLE


@settings(deadline=None, max_examples=60)
@given(at=st.integers(1, 200))
def test_each_change_has_its_event_and_its_relative(at: int) -> None:
    quarter = quarters.shifted("2000Q1", at)
    before = {t.lineage_id for t in living(quarters.preceding(quarter))}
    now = {t.lineage_id: t for t in living(quarter)}
    left = {t.lineage_id: t for t in gone(quarter)}
    assert set(left) == before - set(now)
    for lineage, theme in now.items():
        assert (lineage in before) == (theme.event in {"persists", "drifts"})
        assert (theme.related is not None) == (theme.event == "split_from")
        assert theme.related is None or theme.related in now
    for theme in left.values():
        assert (theme.related in now) == (theme.event == "merged_into")


def test_a_lineage_lives_once_except_for_pauses() -> None:
    alive: dict[str, list[int]] = defaultdict(list)
    of_theme: dict[str, list[int]] = defaultdict(list)
    for i, quarter in enumerate(quarters.between("2000Q1", "2035Q4")):
        for t in living(quarter):
            alive[t.lineage_id].append(i)
            of_theme[t.theme.theme_id].append(i)
    for lineage, at in alive.items():
        assert max((b - a for a, b in pairwise(at)), default=1) <= 5, lineage
    several = [theme for theme in of_theme if f"{theme}.2" in alive]
    assert len(several) > 10
    for theme, at in of_theme.items():
        lives = sum(b - a > 5 for a, b in pairwise(at)) + 1
        assert (lives == 1) == (theme not in several)
        assert lives == 1 or f"{theme}.{lives}" in alive


def test_a_part_takes_its_aspects_along_and_a_merged_theme_brings_them() -> None:
    whole = {theme.theme_id: theme for theme in corpus().themes}
    split = {t.theme.theme_id: t.theme for t in living("2025Q2")}
    assert [*split["freight"].aspects, *split["supply_chain"].aspects] == list(whole["freight"].aspects)
    merged = {t.theme.theme_id: t.theme for t in living("2023Q4")}
    assert "approvals" not in merged
    assert merged["trials"].aspects == (*whole["trials"].aspects, *whole["approvals"].aspects)


def test_emphasis_moves_from_one_aspect_to_another_and_slowly() -> None:
    shares = [t.emphasis[0] if t.emphasis else 0.5 for q in DECADE for t in living(q) if t.lineage_id == "ai"]
    assert max(shares) > 0.9
    assert min(shares) < 0.1
    assert max(abs(b - a) for a, b in pairwise(shares)) < 0.15


def test_an_aspect_is_picked_by_its_share() -> None:
    picked = Counter(pick_aspect("abc", (0.7, 0.3, 0.0), Dice(str(i))) for i in range(400))
    assert set(picked) == {"a", "b"}
    assert 0.6 < picked["a"] / picked.total() < 0.8


# firms


@given(index=st.integers(0, 2_000), at=st.integers(0, 160))
def test_a_place_changes_hands_in_order_and_rarely(index: int, at: int) -> None:
    quarter = quarters.shifted("2000Q1", at)
    now, following = holder(7, index, quarter), holder(7, index, quarters.following(quarter))
    assert following in {now, now + 1}
    assert holder(7, index, ANCHOR) == 0


def test_firms_enter_and_leave_and_every_quarter_has_as_many() -> None:
    held = [{(i, holder(7, i, q)) for i in range(500)} for q in DECADE]
    rates = [len(b - a) / 500 for a, b in pairwise(held)]
    assert 0.01 < sum(rates) / len(rates) < 0.025
    assert len(held[0] & held[-1]) < 0.6 * 500


def test_no_two_firms_share_a_name_or_an_id() -> None:
    places = [0, 1, 2, 5_256, 10_512, MAX_FIRMS - 1]
    firms = [make_firm(7, place, generation) for place in places for generation in range(-4, 5)]
    for value in ("name", "company_id", "ticker"):
        assert len({getattr(f, value) for f in firms}) == len(firms), value
    linked = [f for f in firms if f.gvkey]
    assert {len(f.gvkey) for f in linked} == {6}
    assert len({f.gvkey for f in linked}) == len({f.permno for f in linked}) == len(linked)


# truth


def test_the_series_count_what_was_planted() -> None:
    source, quarter = SampleSource(40), "2025Q2"
    table = source.series(quarter)
    assert table.schema.equals(SERIES)
    truth = pa.concat_tables(source.truth(quarter)).to_pylist()
    components = pa.concat_tables(source.components(quarter)).to_pylist()
    last = {r["keydevid"]: r["transcriptid"] for r in components}.values()
    said = [r for r in truth if r["theme_id"] and r["transcriptid"] in last]
    counts = Counter(r["theme_id"] for r in said)
    rows = {r["theme_id"]: r for r in table.to_pylist()}
    assert {t: r["n_sentences"] for t, r in rows.items() if r["n_sentences"]} == counts
    assert sum(r["share"] for r in rows.values()) == pytest.approx(1)
    lineages = source.lineages(quarter)
    assert {r["lineage_id"]: (r["share"], r["n_firms"]) for r in rows.values() if r["n_sentences"]} == {
        key: (found.share, len(found.firms)) for key, found in lineages.items()
    }
    assert lineages[rows["supply_chain"]["lineage_id"]].firms <= {r["companyid"] for r in truth}
    assert rows["supply_chain"]["event"] == "split_from"
    assert rows["supply_chain"]["related_lineage_id"] == rows["freight"]["lineage_id"] == "freight"
    assert all(r["n_sentences"] == 0 for r in rows.values() if r["event"] in AWAY)


def test_tone_follows_what_was_planted_through_time() -> None:
    from statistics import correlation

    found, planted = defaultdict(list), defaultdict(list)
    for quarter in DECADE[::4]:
        for row in SampleSource(60).series(quarter).to_pylist():
            if row["n_sentences"] >= 100:
                found[row["lineage_id"]].append(row["tone"])
                planted[row["lineage_id"]].append(row["planted_tone"])
    long = [lineage for lineage, tones in found.items() if len(tones) >= 8]
    assert len(long) >= 10
    middle = sorted(correlation(found[lineage], planted[lineage]) for lineage in long)[len(long) // 2]
    assert middle > 0.7


def test_expected_tone_is_odd_and_rises() -> None:
    tones = [expected_tone(x) for x in (-2, -0.5, 0, 0.5, 2)]
    assert tones == sorted(tones)
    assert tones[2] == pytest.approx(0, abs=1e-9)
    assert tones[0] == pytest.approx(-tones[-1])
