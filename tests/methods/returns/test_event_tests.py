"""The rows of an event study from CARs and tone, and what its events are made from."""

from dataclasses import replace
from typing import Any

import duckdb
import numpy as np
import pyarrow as pa
import pytest

from ftm_assets.methods.returns.clustered_errors import group_means, regress
from ftm_assets.methods.returns.event_choices import EventStudyParams
from ftm_assets.methods.returns.event_curves import tercile_curves
from ftm_assets.methods.returns.event_paths import Paths
from ftm_assets.methods.returns.event_samples import Events, Sample, Toned, terciles
from ftm_assets.methods.returns.event_tests import build_event_study
from ftm_assets.methods.returns.event_tone import call_tones, toned_series
from ftm_assets.methods.returns.event_windows import Window
from ftm_assets.methods.returns.known_themes import said_of_series
from ftm_assets.methods.returns.pseudo_events import NONE, pseudo_days
from ftm_resources.tables.categories import POOLED

WINDOWS = [Window(0, 1), Window(-3, -2)]
PARAMS = EventStudyParams(definitions=["quarter"], tones=["score"], min_events=10, draws=99)


def paths(car: np.ndarray, seed: int = 0) -> Paths:
    """Paths with these CARs of day 0 and 1, none of it before; daily standard deviation 0.01."""
    rng, n = np.random.default_rng(seed), len(car)
    around = rng.normal(0, 0.01, (n, 8))
    around[:, 3], around[:, 4] = car / 2, car / 2
    before = around[:, 0] + around[:, 1]
    return Paths(
        car=np.column_stack([car, np.where(np.isfinite(car), before, np.nan)]),
        sd=np.full((n, 2), 0.01 * 2**0.5),
        spare=np.full(n, 100),
        residuals=rng.normal(0, 0.01, (n, 100)).astype(np.float32),
        around=around.astype(np.float32),
        first_day=-3,
        reason=np.full((n, 2), ""),
    )


def events(car: np.ndarray, *, firm: np.ndarray | None = None, zero: np.ndarray | None = None) -> Events:
    n = len(car)
    own = np.arange(n) % 20 if zero is None else zero
    placebo = paths(np.random.default_rng(9).normal(0, 0.014, n), seed=9)
    return Events(
        firm=np.arange(n) // 2 if firm is None else firm,
        quarter=(np.arange(n) > n // 2).astype(np.int64),
        windows=WINDOWS,
        calls=Sample(own, {"carhart": paths(car)}),
        placebo=Sample(own + 7, {"carhart": placebo}),
    )


def toned(tone: np.ndarray, series: str = "2020Q1:series:000", others: np.ndarray | None = None) -> Toned:
    values = {"score": tone, "expected_score": tone / 2, "score_given_call": tone}
    return Toned(
        series, "prices", np.arange(len(tone)), values, np.zeros(len(tone)) if others is None else others
    )


def study(
    of: Events, series: list[Toned], params: EventStudyParams = PARAMS
) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    made = build_event_study(of, {"quarter": series}, params, quarter="2020Q4")
    return made[0].to_pylist(), made[1].to_pylist()


def drawn(n: int = 60) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(4)
    tone = np.round(rng.uniform(-1, 1, n), 1)
    return tone, 0.02 * tone + rng.normal(0, 0.014, n)


def test_each_series_has_a_row_for_calls_before_them_and_pseudo_events():
    tone, car = drawn()
    rows, groups = study(events(car), [toned(tone)])
    assert [(r["sample"], r["window"]) for r in rows] == [
        ("pre_event", "[-3,-2]"), ("event", "[0,+1]"), ("placebo", "[0,+1]")
    ]  # fmt: skip
    row = next(r for r in rows if r["sample"] == "event")
    expected = regress(car, tone, np.arange(60) // 2, np.arange(60) % 20)
    assert (row["coefficient"], row["std_error"]) == (expected.coefficient, expected.std_error)
    assert (row["n_events"], row["n_firms"], row["n_dates"], row["n_quarters"]) == (60, 30, 20, 2)
    assert row["q_value"] == pytest.approx(row["p"]), "a family of one"
    assert row["fixed_effects"] == "none"
    own = {g["tercile"]: g for g in groups if g["sample"] == "event"}
    assert set(own) == {"all", "low", "middle", "high", "high_less_low"}
    assert own["high"]["mean_car"] - own["low"]["mean_car"] == pytest.approx(own["high_less_low"]["mean_car"])
    assert own["low"]["mean_car"] < 0 < own["high"]["mean_car"]
    assert own["high"]["bmp"] > 2 > abs(own["all"]["bmp"])


def test_repeated_events_of_a_firm_are_not_merged():
    """Two calls of one firm on one day are two events, in one cluster."""
    tone, car = drawn(40)
    zero = np.arange(40) // 2
    rows, _ = study(events(car, zero=zero), [toned(tone)])
    row = next(r for r in rows if r["sample"] == "event")
    assert (row["n_events"], row["n_firms"], row["n_dates"]) == (40, 20, 20)


def test_a_call_listed_twice_counts_once_in_the_statistics_and_twice_in_the_rows():
    """A call and its replay have the same return: as independent events they would raise Patell and BMP."""
    tone, car = drawn()
    once, twice = events(car), np.repeat(np.arange(60), 2)
    made = paths(car)
    whole = {
        name: getattr(made, name)[twice] for name in ("car", "sd", "spare", "residuals", "around", "reason")
    }
    repeated = Events(
        firm=once.firm[twice],
        quarter=once.quarter[twice],
        windows=WINDOWS,
        calls=Sample(once.calls.zero[twice], {"carhart": replace(made, **whole)}),
        placebo=Sample(once.placebo.zero[twice], {"carhart": replace(made, **whole)}),
    )
    (single, of_single), (double, of_double) = (
        [[r for r in rows if r["sample"] == "event"] for rows in study(of, [toned(tones)])]
        for of, tones in ((once, tone), (repeated, tone[twice]))
    )
    assert (single[0]["n_events"], double[0]["n_events"]) == (60, 120)
    named = ("patell", "bmp", "kolari_pynnonen", "rank", "overlap_share", "variance_ratio", "bmp_size")
    for before, after in zip(of_single, of_double, strict=True):
        assert (before["n_repeated"], after["n_repeated"]) == (0, before["n_events"])
        assert after["n_events"] == 2 * before["n_events"]
        assert after["mean_car"] == pytest.approx(before["mean_car"])
        for name in named:
            assert after[name] == (None if before[name] is None else pytest.approx(before[name]))


def with_controls(of: Events, **controls: np.ndarray) -> Events:
    return replace(of, controls=controls)


def test_a_missing_control_costs_an_event_in_the_regressions_with_it_alone():
    """Rows that lack one of many controls used to be dropped from everything."""
    tone, car = drawn()
    rng = np.random.default_rng(1)
    sue, book = rng.normal(size=60), rng.normal(size=60)
    sue[:15], book[20:] = np.nan, np.nan
    of = with_controls(events(car), sue=sue, book_to_market=book)
    rows, groups = study(of, [toned(tone)], replace(PARAMS, controls=["sue"]))
    assert [r for r in rows if r["controls"] == "none"] == study(events(car), [toned(tone)])[0]
    assert groups == study(events(car), [toned(tone)])[1]
    assert {r["n_without_controls"] for r in rows if r["controls"] == "none"} == {0}
    (row,) = [r for r in rows if r["controls"] == "sue" and r["sample"] == "event"]
    assert (row["n_events"], row["n_without_controls"], row["n_without_return"]) == (45, 15, 0)
    assert row["q_value"] == pytest.approx(row["p"]), "a family of its own"
    both, _ = study(of, [toned(tone)], replace(PARAMS, controls=["sue", "book_to_market"]))
    (few,) = [r for r in both if r["controls"] == "sue, book_to_market" and r["sample"] == "event"]
    assert (few["n_events"], few["n_without_controls"], few["reason"]) == (5, 55, "too_few_events")


def test_statsmodels_agrees_on_the_slope_with_controls():
    from statsmodels.api import OLS, add_constant

    tone, car = drawn()
    rng = np.random.default_rng(2)
    size, sue = 20 + rng.normal(size=60), tone + rng.normal(size=60)
    size[50:] = np.nan
    of = with_controls(events(car), sue=sue, log_size=size)
    rows, _ = study(of, [toned(tone)], replace(PARAMS, controls=["sue", "log_size"]))
    (row,) = [r for r in rows if r["controls"] == "sue, log_size" and r["sample"] == "event"]
    x = add_constant(np.column_stack([tone, sue, size])[:50])
    groups = np.column_stack([np.arange(50) // 2, np.arange(50) % 20])
    expected = OLS(car[:50], x).fit(cov_type="cluster", cov_kwds={"groups": groups})
    assert row["coefficient"] == pytest.approx(expected.params[1], rel=1e-9)
    assert row["std_error"] == pytest.approx(expected.bse[1], rel=1e-9)
    assert row["r_squared"] == pytest.approx(expected.rsquared, rel=1e-9)


def test_controls_that_explain_nothing_more_change_no_slope():
    """A constant, or a control twice, or one that the effects hold: linearmodels refuses such matrices."""
    tone, car = drawn()
    sue = np.random.default_rng(3).normal(size=60)
    of = with_controls(events(car), sue=sue, log_size=np.full(60, 20.0), momentum=2 * sue + 1)
    asked = replace(PARAMS, controls=["sue", "log_size", "momentum"])
    for effects in ([], ["quarter"]):
        found = [
            next(
                r
                for r in study(of, [toned(tone)], replace(params, fixed_effects=effects))[0]
                if r["controls"] != "none" and r["sample"] == "event"
            )
            for params in (asked, replace(PARAMS, controls=["sue"]))
        ]
        assert found[0]["coefficient"] == pytest.approx(found[1]["coefficient"])
        assert found[0]["std_error"] == pytest.approx(found[1]["std_error"])
    rows, _ = study(
        with_controls(events(car), sue=3 * tone), [toned(tone)], replace(PARAMS, controls=["sue"])
    )
    assert {r["reason"] for r in rows if r["controls"] == "sue"} == {"no_variation"}


def test_unknown_controls_are_refused():
    for controls in (["capex"], ["sue", "sue"]):
        with pytest.raises(ValueError, match="each must be one of sue, log_size"):
            replace(PARAMS, controls=controls)


def test_events_without_a_return_are_counted_and_left_out():
    tone, car = drawn()
    car[:7] = np.nan
    rows, _ = study(events(car), [toned(tone)])
    row = next(r for r in rows if r["sample"] == "event")
    assert (row["n_events"], row["n_without_return"]) == (53, 7)


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (lambda tone, car: (tone[:9], car[:9]), "too_few_events"),
        (lambda _, car: (np.full(60, 0.3), car), "no_variation"),
        (lambda tone, _: (tone, 0.1 * tone), "no_variance"),
    ],
)
def test_a_test_that_cannot_be_made_says_why(change: Any, reason: str):
    tone, car = change(*drawn())
    rows, groups = study(events(car), [toned(tone)])
    row = next(r for r in rows if r["sample"] == "event")
    assert (row["reason"], row["t"], row["q_value"]) == (reason, None, None)
    assert row["n_events"] == len(car)
    assert len([g for g in groups if g["sample"] == "event"]) == 5


def test_two_dates_are_too_few_clusters():
    tone, car = drawn()
    rows, groups = study(events(car, zero=np.arange(60) % 2), [toned(tone)])
    assert {r["reason"] for r in rows} == {"too_few_clusters"}
    assert {g["reason"] for g in groups} == {"too_few_clusters"}
    assert all(g["mean_car"] is not None for g in groups)


def test_pooled_is_no_member_of_the_family():
    tone, car = drawn()
    rows, _ = study(events(car), [toned(tone, POOLED), toned(tone), toned(tone, "2020Q1:series:001")])
    adjusted = {r["series_id"]: r["q_value"] for r in rows if r["sample"] == "event"}
    assert adjusted[POOLED] is None
    assert None not in (adjusted["2020Q1:series:000"], adjusted["2020Q1:series:001"])


def test_what_a_call_says_of_other_themes_is_held_constant():
    """Returns follow the call's other themes alone: the theme seems to move them until those are held constant."""
    rng = np.random.default_rng(6)
    others = rng.uniform(-0.5, 0.5, 200)
    tone = others + rng.normal(0, 0.2, 200)
    car = 0.05 * others + rng.normal(0, 0.01, 200)
    params = replace(PARAMS, tones=["score", "score_given_call"])
    rows, _ = study(events(car), [toned(tone, others=others), toned(tone, POOLED, others)], params)
    found = {(r["series_id"], r["tone"]): r for r in rows if r["sample"] == "event"}
    assert found["2020Q1:series:000", "score"]["t"] > 8
    assert abs(found["2020Q1:series:000", "score_given_call"]["t"]) < 3
    assert (POOLED, "score_given_call") not in found, "no theme is left to hold constant"


def test_fixed_effects_take_out_what_a_quarter_shares():
    tone, car = drawn(80)
    late = np.arange(80) > 40
    car, tone = car + 0.1 * late, tone + 1.0 * late
    plain, _ = study(events(car), [toned(tone)])
    taken, _ = study(events(car), [toned(tone)], replace(PARAMS, fixed_effects=["quarter"]))
    one, other = (next(r for r in rows if r["sample"] == "event") for rows in (plain, taken))
    assert other["fixed_effects"] == "quarter"
    assert one["coefficient"] > 2 * other["coefficient"]
    assert other["coefficient"] == pytest.approx(0.02, abs=0.008)
    both = replace(PARAMS, fixed_effects=["quarter", "firm"])
    assert both.effects == "firm and quarter"


def test_equal_tones_share_a_tercile_and_a_tercile_may_be_empty():
    assert terciles(np.zeros(9)).tolist() == [1] * 9
    assert terciles(np.array([0.0] * 8 + [1.0])).tolist() == [1] * 8 + [2]
    tone, car = drawn()
    rows, groups = study(events(car), [toned(np.where(tone > 0.8, 1.0, 0.0))])
    low = next(g for g in groups if g["sample"] == "event" and g["tercile"] == "low")
    assert (low["n_events"], low["mean_car"], low["reason"]) == (0, None, "too_few_events")
    assert next(r for r in rows if r["sample"] == "event")["reason"] is None


@pytest.mark.parametrize(
    ("params", "said"),
    [
        ({"tones": ["mood"]}, "mood"),
        ({"tones": []}, "at least one"),
        ({"definitions": ["quarter", "quarter"]}, "once"),
        ({"fixed_effects": ["year"]}, "year"),
        ({"pre_event_window": "[-2,0]"}, "before day 0"),
    ],
)
def test_parameters_that_make_no_sense_are_refused(params: dict[str, Any], said: str):
    with pytest.raises(ValueError, match=said):
        EventStudyParams(**params)


def test_curves_add_up_from_their_first_day():
    tone, car = drawn()
    found = tercile_curves(
        of := events(car), of.calls, "carhart", toned(tone), "score", first_day=0, last_day=1
    )
    high = terciles(tone) == 2
    assert found.mean[2] == pytest.approx([car[high].mean() / 2, car[high].mean()], abs=1e-7)
    assert found.mean[3] == pytest.approx(found.mean[2] - found.mean[0])
    assert (found.half_width > 0).all()
    assert sum(found.n_events) == 60


def test_a_band_is_there_though_the_variance_by_firm_and_date_is_negative():
    """Within dates the events of a firm offset each other: by both clusters the variance is less than nothing."""
    from scipy.stats import t as student

    car = np.tile([0.010, -0.006, -0.010, 0.006], 6)
    firm, zero = np.repeat(np.arange(12), 2), np.tile([0, 1, 0, 1], 6) + 2 * np.repeat(np.arange(6), 4)
    tone = np.repeat([-1.0, 0.0, 1.0], 8)
    of = events(car, firm=firm, zero=zero)
    _, both = group_means(car, np.repeat(np.arange(3), 8), 3, firm, zero)
    assert (np.diag(both) < 0).all()
    found = tercile_curves(of, of.calls, "carhart", toned(tone), "score", first_day=0, last_day=1)
    _, by_firm = group_means(car, np.repeat(np.arange(3), 8), 3, firm, firm)
    expected = student.ppf(0.975, 3) * np.sqrt(np.diag(by_firm))  # four firms a group
    assert found.half_width[:3, 1] == pytest.approx(expected, rel=1e-5)
    assert (found.half_width > 0).all()


# What the events are made from


def test_tones_of_calls_add_up_sentences():
    rows = pa.table(
        {
            "series_id": ["b", "a", "a", "a"],
            "transcript_id": ["1", "1", "1", "2"],
            "n_positive": pa.array([3, 1, 0, 0], pa.int32()),
            "n_negative": pa.array([0, 0, 1, 2], pa.int32()),
            "n_sentences": pa.array([4, 2, 2, 4], pa.int32()),
            "expected_score": [0.5, 0.5, -0.5, -0.25],
        }
    )
    made = call_tones(rows)
    found = {(r["series_id"], r["transcript_id"]): r for r in made.to_pylist()}
    assert found["a", "1"]["score"] == 0.0
    assert found["a", "1"]["n_sentences"] == 4
    assert found[POOLED, "1"]["score"] == pytest.approx(3 / 8)
    assert found[POOLED, "1"]["expected_score"] == pytest.approx((0.5 * 4 + 0.5 * 2 - 0.5 * 2) / 8)
    series = toned_series([made, made], [["2", "1"], ["1"]], {"a": "A"}, ["score"], min_sentences=1)
    assert [(t.series_id, t.name, t.at.tolist()) for t in series] == [
        (POOLED, "All themes", [0, 1, 2]), ("a", "A", [0, 1, 2]), ("b", "b", [1, 2])
    ]  # fmt: skip
    assert series[1].tone["score"].tolist() == [-0.5, 0.0, 0.0]
    assert series[1].others[1:].tolist() == [0.75, 0.75]
    assert np.isnan(series[1].others[0]), "the call speaks of no other theme"
    few = toned_series([made], [["1", "2"]], {}, ["expected_score"], min_sentences=5)
    assert [(t.series_id, len(t.at)) for t in few] == [(POOLED, 1)]


def test_what_was_said_of_known_series_counts_all_sentences_of_their_topics():
    said = said_of_series(
        pa.table({"topic_id": ["t1", "t2", "t3"], "series_id": ["s", "s", "u"]}),
        pa.table({"sentence_id": list("abcdx"), "topic_id": ["t1", "t1", "t2", "t3", None]}),
        pa.table(
            {
                "sentence_id": list("abcdx"),
                "label": ["positive", "neutral", "negative", "positive", "positive"],
                "p_positive": [0.9, 0.2, 0.1, 0.8, 1.0],
                "p_negative": [0.0, 0.1, 0.7, 0.1, 0.0],
            }
        ),
        pa.table({"sentence_id": list("abcdx"), "transcript_id": ["1", "1", "2", "2", "1"]}),
        database=duckdb.connect(),
    )
    rows = said.to_pylist()
    assert [(r["series_id"], r["transcript_id"], r["n_positive"], r["n_negative"], r["n_sentences"]) for r in rows] == [
        ("s", "1", 1, 0, 2), ("s", "2", 0, 1, 1), ("u", "2", 1, 0, 1)
    ]  # fmt: skip
    assert [r["expected_score"] for r in rows] == pytest.approx([0.5, -0.6, 0.7])


def test_pseudo_events_are_far_from_every_call_of_the_firm():
    rng = np.random.default_rng(0)
    ids, firms = [f"t{i}" for i in range(300)], [f"f{i % 100}" for i in range(300)]
    zero = rng.integers(0, 62, 300)
    found = pseudo_days(ids, firms, zero, 0, 61, seed=1)
    drawn_days = found[found != NONE]
    assert len(drawn_days) > 100
    assert (drawn_days >= 10).all()
    assert (drawn_days <= 51).all()
    for at, firm in zip(found, firms, strict=True):
        calls = [z for z, f in zip(zero, firms, strict=True) if f == firm]
        assert at == NONE or min(abs(at - z) for z in calls) > 10
    assert pseudo_days(ids, firms, zero, 0, 61, seed=2).tolist() != found.tolist()
    assert pseudo_days(ids[:1], firms[:1], zero[:1], 0, 61, seed=1, distance=40).tolist() == [NONE]


def test_a_pseudo_event_does_not_depend_on_other_firms():
    ids, firms, zero = ["a", "b", "c"], ["1", "2", "3"], np.array([30, 31, 5])
    whole = pseudo_days(ids, firms, zero, 0, 61, seed=1)
    assert pseudo_days(ids[:1], firms[:1], zero[:1], 0, 61, seed=1)[0] == whole[0]


def test_a_difference_has_no_band_if_one_of_its_groups_is_a_single_call():
    """One call says nothing of how calls of its group vary: its own variance is unknown, not zero."""
    car = np.random.default_rng(5).normal(0, 0.02, 40)
    tone = np.array([-1.0, *[0.0] * 36, 1.0, 1.0, 1.0])
    of = events(car, firm=np.arange(40), zero=np.arange(40))
    found = tercile_curves(of, of.calls, "carhart", toned(tone), "score", first_day=0, last_day=1)
    assert found.n_events == (1, 36, 3)
    assert np.isnan(found.half_width[0]).all(), "low tone is one call"
    assert np.isnan(found.half_width[3]).all(), "so is one end of the difference"
    _, groups = build_event_study(of, {"quarter": [toned(tone)]}, PARAMS, quarter="2020Q1")
    (gap,) = [
        r for r in groups.to_pylist()
        if (r["tercile"], r["sample"], r["window"]) == ("high_less_low", "event", "[0,+1]")
    ]  # fmt: skip
    assert gap["p"] is None, gap


def test_a_group_of_two_firms_has_no_band():
    """`event_terciles` says too_few_clusters of it."""
    car = np.random.default_rng(5).normal(0, 0.02, 40)
    tone = np.array([-1.0, -1.0, *[0.0] * 35, 1.0, 1.0, 1.0])
    of = events(car, firm=np.arange(40), zero=np.arange(40))
    found = tercile_curves(of, of.calls, "carhart", toned(tone), "score", first_day=0, last_day=1)
    assert found.n_events == (2, 35, 3)
    assert np.isnan(found.half_width[0]).all()
