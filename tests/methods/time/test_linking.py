import random
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from ftm_assets.methods.time.link_rows import link_tables, read_profiles, read_series
from ftm_assets.methods.time.linking import LinkParams, Links, link_quarter, link_quarters
from ftm_assets.methods.time.series_events import event_of
from ftm_assets.methods.vectors import unit
from ftm_resources.quarters import shifted
from tests.planted_lineages import planted, quarter_of

EYE = np.eye(8)


def lineages(links: Links) -> list[str]:
    return [name.split()[0] for name in links.themes.names]


def events(links: Links) -> list[str]:
    return [event_of(links, i) for i in range(links.themes.n)]


def test_planted_lineages_are_followed_through_drift_and_absence():
    found = link_quarters(planted(1, n_quarters=12))
    pairs = [(name, s) for links in found for name, s in zip(lineages(links), links.series_ids, strict=True)]
    assert len({s for _, s in pairs}) == len(set(pairs)) == 10, (
        "one series per lineage, one lineage per series"
    )
    happened = {e for links in found for e in events(links)}
    assert {"continued", "revived", "born"} <= happened
    assert "split" not in happened


@hypothesis_settings(max_examples=10)
@given(st.integers(0, 10_000), st.integers(1, 7))
def test_what_is_known_of_a_quarter_does_not_depend_on_later_ones(seed: int, n: int):
    quarters = planted(seed)
    whole, part = link_quarters(quarters), link_quarters(quarters[:n])
    assert [link_tables(a) for a in whole[:n]] == [link_tables(b) for b in part]


@hypothesis_settings(max_examples=10)
@given(st.integers(0, 10_000), st.randoms(use_true_random=False))
def test_neither_the_order_of_quarters_nor_that_of_earlier_series_matters(seed: int, rng: random.Random):
    quarters = planted(seed)
    expected = link_quarters(quarters)
    shuffled = rng.sample(quarters, len(quarters))
    assert [link_tables(a) for a in link_quarters(shuffled)] == [link_tables(b) for b in expected]
    series = rng.sample(expected[-2].series, len(expected[-2].series))
    assert (
        link_tables(link_quarter(quarters[-1], series))["theme_series"]
        == link_tables(expected[-1])["theme_series"]
    )


@hypothesis_settings(max_examples=10)
@given(st.integers(0, 10_000))
def test_no_two_themes_of_a_quarter_share_a_series_and_ids_are_those_of_the_opening_theme(seed: int):
    opened: set[str] = set()
    for links in link_quarters(planted(seed), LinkParams(floor=0.2)):
        assert len(set(links.series_ids)) == links.themes.n
        for i, (theme, series) in enumerate(zip(links.themes.theme_ids, links.series_ids, strict=True)):
            assert (series == theme.replace("theme", "series")) == (links.before[i] is None)
            assert (series in opened) == (links.before[i] is not None)
        opened |= set(links.series_ids)
        assert {s.series_id for s in links.series} == opened, "all ever seen"


def test_what_is_read_back_from_rows_links_the_next_quarter_as_what_was_in_memory():
    quarters = planted(3)
    *_, before, last = link_quarters(quarters)
    series = read_series(link_tables(before)["theme_series"])
    themes = read_profiles(link_tables(last)["theme_profiles"], last.themes.quarter)
    assert link_tables(link_quarter(themes, series)) == link_tables(last)


def test_of_two_themes_like_one_series_the_liker_continues_it_and_the_other_splits_off():
    first = quarter_of("2020Q1", {"a": EYE[0], "b": EYE[1]})
    near, nearer = EYE[0] + 0.5 * EYE[2], EYE[0] + 0.2 * EYE[3]
    second = quarter_of("2020Q2", {"near": near, "nearer": nearer, "b": EYE[1]})
    _, links = link_quarters([first, second])
    assert links.series_ids == ("2020Q2:series:000", "2020Q1:series:000", "2020Q1:series:001")
    assert events(links) == ["split", "continued", "continued"]
    (relative,) = links.relatives
    assert (relative.theme, relative.series_id, relative.relation) == (0, "2020Q1:series:000", "split_from")
    assert links.margin[0] < 0 < links.margin[1]
    (child,) = [s for s in links.series if s.parent]
    assert (child.series_id, child.parent) == ("2020Q2:series:000", "2020Q1:series:000")
    rows = link_tables(links)["series_events"].to_pylist()
    assert ("2020Q1:series:000", "split", "2020Q2:series:000") in {
        (r["series_id"], r["event"], r["other_series_id"]) for r in rows
    }


def test_of_two_series_like_one_theme_one_is_continued_and_the_other_taken_in():
    first = quarter_of("2020Q1", {"a": EYE[0], "b": EYE[1], "c": EYE[2]})
    second = quarter_of("2020Q2", {"both": 1.1 * EYE[0] + EYE[1], "c": EYE[2]})
    _, links = link_quarters([first, second])
    assert events(links) == ["merged", "continued"]
    assert links.series_ids[0] == "2020Q1:series:000"
    assert [(r.series_id, r.relation) for r in links.relatives] == [("2020Q1:series:001", "merged_into")]
    statuses = {s.series_id: s.status for s in links.series}
    assert statuses["2020Q1:series:001"] == "dormant", "it may come apart again"


def test_series_that_were_always_alike_do_not_merge_when_one_is_away():
    alike = {"a": EYE[0], "b": EYE[0] + 0.9 * EYE[1]}
    first, second = quarter_of("2020Q1", alike), quarter_of("2020Q2", {"a": EYE[0]})
    _, links = link_quarters([first, second])
    assert events(links) == ["continued"]
    assert [(r.series_id, r.relation) for r in links.relatives] == [("2020Q1:series:001", "similar")]


def test_a_theme_does_not_move_into_a_series_that_it_is_clearly_less_like():
    """Its own is taken, and another above the floor is free: it opens a series rather than taking that over."""
    first = quarter_of("2020Q1", {"a": EYE[0], "b": 0.6 * EYE[0] + 0.8 * EYE[1]})
    second = quarter_of("2020Q2", {"a": EYE[0], "a2": EYE[0] + 0.1 * EYE[3]})
    _, links = link_quarters([first, second], LinkParams(max_regret=0.1))
    assert events(links)[1] == "split"
    _, links = link_quarters([first, second], LinkParams(max_regret=1.0))
    assert links.series_ids[1] == "2020Q1:series:001"


def test_a_series_can_be_revived_for_max_gap_quarters_and_then_has_ended():
    for away, expected in [(1, "continued"), (2, "revived"), (3, "revived"), (4, "born")]:
        quarters = [quarter_of("2020Q1", {"a": EYE[0], "b": EYE[1]})]
        quarters += [quarter_of(shifted("2020Q1", i), {"b": EYE[1]}) for i in range(1, away)]
        quarters.append(quarter_of(shifted("2020Q1", away), {"a": EYE[0], "b": EYE[1]}))
        found = link_quarters(quarters, LinkParams(max_gap=3))
        assert events(found[-1])[0] == expected, away
        ended = [s for links in found for s in links.ended]
        assert ended == (["2020Q1:series:000"] if expected == "born" else []), "said once"


def test_quarters_that_were_never_materialized_count_as_time_but_not_as_missed():
    quarters = [quarter_of("2020Q1", {"a": EYE[0]}), quarter_of("2020Q4", {"a": EYE[0]})]
    _, links = link_quarters(quarters)
    (row,) = link_tables(links)["theme_links"].to_pylist()
    assert (row["event"], row["gap"], row["n_missed"], row["linked_quarter"]) == ("continued", 3, 0, "2020Q1")


def test_slow_drift_is_followed_and_a_sudden_change_is_not():
    angles = np.linspace(0, np.pi / 2, 12)
    slow = [quarter_of(shifted("2020Q1", i), {"a": [np.cos(x), np.sin(x)]}) for i, x in enumerate(angles)]
    assert {s for links in link_quarters(slow) for s in links.series_ids} == {"2020Q1:series:000"}
    sudden = [slow[0], replace(slow[-1], quarter="2020Q2", theme_ids=("2020Q2:theme:000",))]
    assert link_quarters(sudden)[1].series_ids == ("2020Q2:series:000",)


def test_a_series_keeps_its_name_until_its_content_has_moved():
    angles = np.linspace(0, np.pi / 2, 12)
    slow = [quarter_of(shifted("2020Q1", i), {"a": [np.cos(x), np.sin(x)]}) for i, x in enumerate(angles)]
    names = [links.series[0].name for links in link_quarters(slow, LinkParams(rename_below=0.7))]
    assert names[0] == names[3] == "a in 2020Q1"
    assert len(set(names)) == 2, "renamed once"
    renamed = [link_tables(links)["theme_links"].column("is_renamed")[0].as_py() for links in
               link_quarters(slow, LinkParams(rename_below=0.7))]  # fmt: skip
    assert renamed.count(True) == 1
    assert names[renamed.index(True)] != names[0]


def test_the_best_of_all_matchings_is_found_where_greed_would_lose_one():
    first = quarter_of("2020Q1", {"a": EYE[0], "b": EYE[0] + 0.5 * EYE[1]})
    second = quarter_of("2020Q2", {"x": EYE[0] + 0.26 * EYE[1], "y": EYE[0] - 0.3 * EYE[1]})
    _, links = link_quarters([first, second], LinkParams(max_regret=1.0))
    assert links.series_ids == ("2020Q1:series:001", "2020Q1:series:000")


def test_a_quarter_without_themes_or_without_a_past_is_linked_too():
    nothing = quarter_of("2020Q1", {})
    assert link_quarter(nothing, ()).series_ids == ()
    links = link_quarter(quarter_of("2020Q2", {"a": EYE[0]}), link_quarter(nothing, ()).series)
    (row,) = link_tables(links)["theme_links"].to_pylist()
    assert (row["event"], row["similarity"], row["margin"]) == ("born", None, None)


def test_identical_themes_are_told_apart_by_their_order_alone():
    first = quarter_of("2020Q1", {"a": EYE[0], "b": EYE[0]})
    second = quarter_of("2020Q2", {"a": EYE[0], "b": EYE[0]})
    _, links = link_quarters([first, second])
    assert links.series_ids == ("2020Q1:series:000", "2020Q1:series:001")


def test_shared_firms_and_keywords_decide_where_content_does_not():
    first = quarter_of("2020Q1", {"a": EYE[0], "b": EYE[0]}, {"a": ["1"], "b": ["2"]})
    second = quarter_of("2020Q2", {"b": EYE[0], "a": EYE[0]}, {"a": ["1"], "b": ["2"]})
    for params in (
        LinkParams(firm_weight=0.2, keyword_weight=0),
        LinkParams(firm_weight=0, keyword_weight=0.2),
    ):
        _, links = link_quarters([first, second], params)
        assert links.series_ids == ("2020Q1:series:001", "2020Q1:series:000")
    a, _ = link_tables(links)["theme_links"].to_pylist()
    assert (a["firm_overlap"], a["keyword_overlap"]) == (1.0, 1.0)


def test_margins_say_how_near_the_other_choice_was():
    first = quarter_of("2020Q1", {"a": EYE[0]})
    near, far = unit(np.array([[0.8, 0.6]]))[0], unit(np.array([[0.3, 0.954]]))[0]
    for vector, similarity, margin in [(near, 0.8, 0.3), (far, 0.3, 0.2)]:
        _, links = link_quarters(
            [first, quarter_of("2020Q2", {"x": [*vector, *np.zeros(6)]})],
            LinkParams(floor=0.5, firm_weight=0, keyword_weight=0),
        )
        assert links.similarity[0] == pytest.approx(similarity, abs=1e-3)
        assert links.margin[0] == pytest.approx(margin, abs=1e-3)


def test_a_theme_without_a_direction_continues_nothing_and_nothing_continues_it():
    lax = LinkParams(floor=-1, max_regret=2, firm_weight=0.5)
    first = quarter_of("2020Q1", {"freight": EYE[0], "alone": 0 * EYE[0]})
    second = quarter_of("2020Q2", {"freight": EYE[0], "alone": 0 * EYE[0], "hiring": EYE[1]})
    links = link_quarters([first, second], lax)[-1]
    assert links.series_ids == ("2020Q1:series:000", "2020Q2:series:001", "2020Q2:series:002")
    assert np.isnan(links.similarity[1])
    assert np.isnan(links.margin[1])
    assert not [r for r in links.relatives if r.theme == 1 or r.series_id == "2020Q1:series:001"]
    born = [r for r in link_tables(links)["series_events"].to_pylist() if r["theme_id"] == "2020Q2:theme:001"]
    assert ["too few other themes" in r["evidence"] for r in born] == [True]
    only = link_quarters([quarter_of("2020Q1", {"alone": 0 * EYE[0]}), second], lax)[-1]
    assert np.isnan(only.similarity).all()
    assert {e["event"] for e in link_tables(only)["series_events"].to_pylist()} == {"born"}


def test_weights_that_leave_content_less_than_nothing_are_refused():
    with pytest.raises(
        ValueError, match=r"firm_weight 0\.7 and keyword_weight 0\.7 add up to 1\.4: at most 1"
    ):
        LinkParams(firm_weight=0.7, keyword_weight=0.7)
    for tenths in range(11):
        LinkParams(firm_weight=tenths / 10, keyword_weight=1 - tenths / 10)
    by_sets = LinkParams(firm_weight=0.9, keyword_weight=0.1)
    links = link_quarters([quarter_of(q, {"freight": EYE[0]}) for q in ("2020Q1", "2020Q2")], by_sets)
    assert links[1].similarity.tolist() == [1.0]
