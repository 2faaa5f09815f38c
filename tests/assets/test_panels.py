"""The panels through Dagster, dbt and the warehouse: two quarters counted by hand, and one against the method."""

from collections import Counter
from dataclasses import replace
from datetime import date
from itertools import product
from pathlib import Path
from random import Random
from typing import Any

import dagster as dg
import duckdb
import numpy as np
import pyarrow as pa
import pytest

from ftm_assets.assets.marts import build_marts
from ftm_assets.methods.scores import COLUMNS, build_scores
from ftm_assets.orchestration.dbt_project import dbt_resource
from ftm_resources.tables import LABELS, TABLES
from ftm_resources.warehouse import Warehouse

from .spoken_quarter import Call, Quarter, Turn, filled

EARLIER, FIRST, SECOND = "2022Q4", "2023Q1", "2023Q2"
PANELS = ("firm_theme_panel", "call_theme_panel", "theme_panel", "firm_pinned_panel", "call_pinned_panel")
FREIGHT, HIRING, VAGUE = (f"{FIRST}:series:{i:03d}" for i in range(3))
LABOUR, LOOSE = "pinned:labour", "pinned:loose"
TONE = ("score", "score_se", "score_df")
PLUS, ZERO, MINUS, PROCEDURAL = "positive", "neutral", "negative", "procedural"


def run(warehouse: Warehouse, quarter: str, selection: tuple[str, ...] = PANELS) -> dg.ExecuteInProcessResult:
    definitions = dg.Definitions(
        assets=[build_marts()],
        jobs=[dg.define_asset_job("job", selection=dg.AssetSelection.assets(*selection))],
        resources={"dbt": dbt_resource(), "warehouse": warehouse},
    )
    return definitions.resolve_job_def("job").execute_in_process(
        tags={"dagster/partition": quarter}, raise_on_error=False
    )


def failure(result: dg.ExecuteInProcessResult) -> str:
    data = result.failure_data_for_node("marts")
    return str(data.user_failure_data.description if data.user_failure_data else data.error)


def rows(warehouse: Warehouse, table: str, quarter: str) -> dict[tuple[str, ...], dict[str, Any]]:
    key = TABLES[table].key
    return {tuple(row[k] for k in key): row for row in warehouse.read(table, quarter).to_pylist()}


# Acme calls twice and is renamed in between; Bolt speaks of no theme but Vague, which is weak; Chip is too small to
# have topics; Dune only greets; Echo's modelling failed.
IN_FIRST = Quarter(
    FIRST,
    [
        Call(
            "100",
            "1",
            date(2023, 1, 20),
            [
                Turn([(0, PLUS), (0, PLUS), (None, ZERO), (None, PROCEDURAL)]),
                Turn([(0, MINUS)], "q_and_a", "analyst"),
                Turn([(1, ZERO), (None, ZERO)], "q_and_a"),
            ],
            is_after_close=True,
        ),
        Call(
            "101", "1", date(2023, 3, 1), [Turn([(0, ZERO), (None, PLUS)])], "Acme Holdings", 14593, "001690"
        ),
        Call(
            *("200", "2", date(2023, 2, 10)),
            [Turn([(None, ZERO), (None, ZERO), (2, ZERO)])],
            *("Bolt", 20),
            is_after_close=False,
        ),
        Call("300", "3", date(2023, 2, 10), [Turn([(None, ZERO)])], "Chip"),
        Call("400", "4", date(2023, 2, 10), [Turn([(None, PROCEDURAL)])], "Dune"),
        Call("500", "5", date(2023, 2, 10), [Turn([(None, ZERO)] * 4)], "Echo"),
    ],
    themes=("Freight", "Hiring", "Vague"),
    status={"3": "too_small", "5": "failed"},
    weak=[2],
    pinned={"Labour": [0, 1], "Loose": []},
)
# Freight goes on as theme 1, Vague as theme 2, no longer weak; Hiring has no theme; Pricing is new. Chip is measured
# now, Bolt is away.
IN_SECOND = Quarter(
    SECOND,
    [
        Call("110", "1", date(2023, 5, 2), [Turn([(1, PLUS), (0, ZERO), (2, ZERO), (None, ZERO)])]),
        Call("310", "3", date(2023, 5, 3), [Turn([(1, MINUS), (1, MINUS)])]),
    ],
    themes=("Pricing", "Freight", "Vague"),
    continues={1: (FREIGHT, f"{FIRST}:theme:000", 0.75), 2: (VAGUE, f"{FIRST}:theme:002", 0.8)},
)


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Warehouse:
    warehouse = Warehouse(path=str(tmp_path_factory.mktemp("panels") / "warehouse"))
    for quarter in (IN_FIRST, IN_SECOND):
        quarter.write(warehouse)
        assert run(warehouse, quarter.quarter).success
    return warehouse


def test_every_firm_that_was_read_has_a_row_for_every_theme(built: Warehouse):
    panel = rows(built, "firm_theme_panel", FIRST)
    assert set(panel) == set(product((FREIGHT, HIRING, VAGUE), "12345"))
    acme = panel[FREIGHT, "1"]
    assert (acme["firm_name"], acme["permno"], acme["gvkey"]) == ("Acme Holdings", 14593, "001690")
    assert (acme["first_call_date"], acme["is_after_close"], acme["n_calls"]) == (date(2023, 1, 20), True, 2)
    assert (acme["n_business"], acme["n_sentences"], acme["attention"]) == (8, 4, 0.5)
    assert (acme["n_positive"], acme["n_neutral"], acme["n_negative"]) == (2, 1, 1)
    assert (acme["score"], acme["n_turns"]) == (0.25, 3)
    assert acme["theme_id"] == f"{FIRST}:theme:000"
    hiring = panel[HIRING, "1"]
    assert (hiring["n_sentences"], hiring["attention"], hiring["score"]) == (1, 0.125, 0.0)
    assert (hiring["n_turns"], hiring["score_se"]) == (1, None)


def test_a_firm_without_a_sentence_in_the_theme_has_a_zero_and_no_score(built: Warehouse):
    bolt = rows(built, "firm_theme_panel", FIRST)[FREIGHT, "2"]
    assert (bolt["status"], bolt["n_sentences"], bolt["attention"], bolt["n_turns"]) == (
        "measured",
        0,
        0.0,
        0,
    )
    assert (bolt["score"], bolt["score_se"]) == (None, None)
    assert (bolt["attention_presentation"], bolt["attention_q_and_a"]) == (0.0, None)


def test_a_firm_that_was_not_measured_has_no_zero(built: Warehouse):
    panel = rows(built, "firm_theme_panel", FIRST)
    assert [panel[FREIGHT, f]["status"] for f in "345"] == ["too_small", "no_business", "failed"]
    for firm in "345":
        for name in ("n_sentences", "attention", "attention_presentation", "n_positive", "score", "n_turns"):
            assert panel[FREIGHT, firm][name] is None
    assert [panel[FREIGHT, f]["n_business"] for f in "345"] == [1, 0, 4]


def test_attention_and_score_are_split_by_section_and_speaker(built: Warehouse):
    acme = rows(built, "firm_theme_panel", FIRST)[FREIGHT, "1"]
    split = {
        part: tuple(acme[f"{what}_{part}"] for what in ("n_business", "n_sentences", "attention", "score"))
        for part in ("presentation", "q_and_a", "executive", "analyst")
    }
    assert split == {
        "presentation": (5, 3, 0.6, 2 / 3),
        "q_and_a": (3, 1, 1 / 3, -1.0),
        "executive": (7, 3, 3 / 7, 2 / 3),
        "analyst": (1, 1, 1.0, -1.0),
    }
    # Two turns of 2 and 1 sentences, with sums of 2 and 0.
    off = (2 - 2 * 2 / 3) ** 2 / (1 - 2 / 3) + (0 - 2 / 3) ** 2 / (1 - 1 / 3)
    assert acme["score_se_presentation"] == pytest.approx(off**0.5 / 3, rel=1e-12)
    assert acme["score_df_presentation"] == pytest.approx(1)
    assert (acme["score_se_analyst"], acme["score_df_analyst"]) == (None, None)


def test_a_weak_theme_was_not_measured_and_is_said_to_be_weak(built: Warehouse):
    """Its zeros would say that nobody spoke of it; none of its sentences counts."""
    for panel, keys in (("firm_theme_panel", "12"), ("call_theme_panel", ("100", "200"))):
        found = rows(built, panel, FIRST)
        for key in keys:
            row = found[VAGUE, key]
            assert (row["status"], row["coherence_class"], row["coherence"]) == ("no_members", "weak", 0.1)
            assert [row[k] for k in ("n_sentences", "attention", "attention_q_and_a", "score")] == [None] * 4
            assert row["n_business"] > 0
    assert rows(built, "firm_theme_panel", FIRST)[VAGUE, "3"]["status"] == "too_small"
    assert rows(built, "firm_theme_panel", FIRST)[FREIGHT, "1"]["coherence_class"] == "coherent"
    of_theme = rows(built, "theme_panel", FIRST)[VAGUE,]
    assert (of_theme["coherence_class"], of_theme["n_firms_measured"]) == ("weak", 2)
    for name in (
        "n_firms",
        "firm_share",
        "attention",
        "mean_attention",
        "attention_sd",
        "score",
        "concentration",
    ):
        assert of_theme[name] is None
    later = rows(built, "firm_theme_panel", SECOND)[VAGUE, "1"]
    assert (later["previous_quarter"], later["attention"]) == (FIRST, 0.25)
    assert later["attention_change"] is None, "it was not measured then"


def test_a_pinned_theme_has_the_sentences_of_all_its_themes(built: Warehouse):
    panel = rows(built, "firm_pinned_panel", FIRST)
    assert set(panel) == set(product((LABOUR, LOOSE), "12345"))
    acme = panel[LABOUR, "1"]
    assert (acme["series_name"], acme["n_themes"], acme["status"]) == ("Labour", 2, "measured")
    assert (acme["n_business"], acme["n_sentences"], acme["attention"], acme["n_turns"]) == (8, 5, 0.625, 4)
    assert (acme["n_positive"], acme["n_neutral"], acme["n_negative"], acme["score"]) == (2, 2, 1, 0.2)
    assert (acme["n_sentences_q_and_a"], acme["attention_q_and_a"]) == (2, 2 / 3)
    assert (acme["n_topic_sentences"], acme["topic_attention"]) == (5, 0.625)
    bolt = panel[LABOUR, "2"]
    assert (bolt["attention"], bolt["score"], bolt["topic_attention"]) == (0.0, None, 0.0)
    assert (panel[LABOUR, "5"]["attention"], panel[LABOUR, "5"]["topic_attention"]) == (None, None)
    of_call = rows(built, "call_pinned_panel", FIRST)
    assert [of_call[LABOUR, c]["n_sentences"] for c in ("100", "101", "200")] == [4, 1, 0]
    assert rows(built, "firm_pinned_panel", SECOND) == {}


def test_a_pinned_theme_without_a_theme_is_measured_by_topics_alone(built: Warehouse):
    panel = rows(built, "firm_pinned_panel", FIRST)
    acme, bolt = panel[LOOSE, "1"], panel[LOOSE, "2"]
    assert (acme["n_themes"], acme["status"], acme["attention"], acme["score"]) == (
        0,
        "no_members",
        None,
        None,
    )
    assert (acme["n_topic_sentences"], acme["topic_attention"]) == (3, 3 / 8)
    assert (bolt["n_topic_sentences"], bolt["topic_attention"]) == (2, 2 / 3)


def test_changes_are_from_the_last_quarter_in_which_the_firm_was_measured(built: Warehouse):
    panel = rows(built, "firm_theme_panel", SECOND)
    acme = panel[FREIGHT, "1"]
    assert (acme["previous_quarter"], acme["attention"], acme["attention_change"]) == (FIRST, 0.25, -0.25)
    assert acme["score_change"] == 0.75
    pricing = panel[f"{SECOND}:series:000", "1"]
    assert (pricing["previous_quarter"], pricing["attention_change"], pricing["score_change"]) == (
        FIRST,
        None,
        None,
    )
    # Chip called in the quarter before, but was too small to be measured.
    chip = panel[FREIGHT, "3"]
    assert (chip["previous_quarter"], chip["attention_change"], chip["score_change"]) == (None, None, None)
    assert {row["previous_quarter"] for row in rows(built, "firm_theme_panel", FIRST).values()} == {None}


def test_a_series_without_a_theme_in_the_quarter_has_no_row(built: Warehouse):
    assert {series for series, _ in rows(built, "firm_theme_panel", SECOND)} == {
        *(FREIGHT, VAGUE),
        f"{SECOND}:series:000",
    }


def test_a_call_has_its_own_row(built: Warehouse):
    panel = rows(built, "call_theme_panel", FIRST)
    assert set(panel) == set(product((FREIGHT, HIRING, VAGUE), ("100", "101", "200", "300", "400", "500")))
    first, second = panel[FREIGHT, "100"], panel[FREIGHT, "101"]
    assert (first["n_business"], first["n_sentences"], first["attention"]) == (6, 3, 0.5)
    assert (first["call_date"], first["is_after_close"], first["permno"]) == (date(2023, 1, 20), True, None)
    assert (second["attention"], second["score"], second["firm_name"]) == (0.5, 0.0, "Acme Holdings")
    assert (panel[HIRING, "101"]["attention"], panel[HIRING, "101"]["score"]) == (0.0, None)


def test_a_theme_is_over_the_firms_that_were_measured(built: Warehouse):
    panel = rows(built, "theme_panel", FIRST)
    freight = panel[FREIGHT,]
    assert (freight["n_firms_measured"], freight["n_firms"], freight["firm_share"]) == (2, 1, 0.5)
    assert (freight["n_business"], freight["attention"], freight["mean_attention"]) == (11, 4 / 11, 0.25)
    assert freight["attention_sd"] is None, "of two firms it would say nothing"
    assert (freight["score"], freight["score_se"], freight["score_sd"]) == (0.25, None, None)
    assert (freight["concentration"], freight["novelty"], freight["event"]) == (1.0, None, "born")
    later = rows(built, "theme_panel", SECOND)[FREIGHT,]
    assert (later["novelty"], later["event"], later["n_firms"]) == (0.25, "continued", 2)
    assert later["concentration"] == pytest.approx(5 / 9)
    assert later["score"] == pytest.approx(-1 / 3)
    assert (later["mean_score"], later["score_se"], later["score_df"]) == (0.0, None, None)


def of_chance(quarter: str, day: date, seed: int) -> Quarter:
    """20 calls of eight firms that say anything about two themes, which go on."""
    random, calls = Random(seed), []
    for number in range(20):
        turns = [
            Turn(
                [
                    (random.choice((0, 1, None)), random.choice((*LABELS, PROCEDURAL)))
                    for _ in range(random.randint(1, 5))
                ],
                *random.choice(
                    (
                        ("presentation", "executive"),
                        ("q_and_a", "executive"),
                        ("q_and_a", "analyst"),
                        ("q_and_a", "unknown"),
                    )
                ),
            )
            for _ in range(random.randint(1, 9))
        ]
        calls.append(Call(f"{quarter}-{number:02d}", f"f{number % 8}", day, turns))
    series = {i: (f"{FIRST}:series:{i:03d}", f"{FIRST}:theme:{i:03d}", 0.9) for i in (0, 1)}
    return Quarter(quarter, calls, continues=series)


@pytest.fixture(scope="module")
def chance(tmp_path_factory: pytest.TempPathFactory) -> Warehouse:
    warehouse = Warehouse(path=str(tmp_path_factory.mktemp("chance") / "warehouse"))
    for quarter, day, panels in (
        (FIRST, date(2023, 2, 1), PANELS),
        (SECOND, date(2023, 5, 1), ("firm_theme_panel",)),
    ):
        of_chance(quarter, day, int(quarter[-1])).write(warehouse)
        assert run(warehouse, quarter, panels).success
    return warehouse


def test_the_panels_equal_the_scores_of_the_method_on_a_quarter_of_chance(chance: Warehouse):
    quarter = of_chance(FIRST, date(2023, 2, 1), 1)
    found = rows(chance, "call_theme_panel", FIRST)
    tables = quarter.tables()
    scores = {(r["theme_id"], r["transcript_id"]): r for r in tables["sentiment_scores"].to_pylist()}
    names = ("n_positive", "n_neutral", "n_negative", "n_sentences", "n_turns", *TONE)
    spoken = Counter(r["transcript_id"] for r in tables["sentences"].to_pylist())
    for row in tables["sentence_kinds"].to_pylist():
        spoken[row["sentence_id"].split(":")[1]] -= row["is_procedural"]
    assert len(found) == 40
    for (_, transcript), row in found.items():
        assert (row["status"] == "measured") == (spoken[transcript] > 0)
        if row["status"] != "measured":
            continue
        score = scores.get((row["theme_id"], transcript))
        expected = {k: score[k] for k in names} if score else dict.fromkeys(names, 0) | dict.fromkeys(TONE)
        assert {k: row[k] for k in names} == expected
        assert row["attention"] == expected["n_sentences"] / spoken[transcript]
    # Analysts alone: what the method makes of their sentences.
    said = {r["sentence_id"] for r in tables["sentences"].to_pylist() if r["speaker_type"] == "analyst"}
    members = [r for r in tables["theme_sentences"].to_pylist() if r["sentence_id"] in said]
    given = tables | {"theme_sentences": filled("theme_sentences", members, FIRST)}
    alone = build_scores(*(given[t] for t in COLUMNS), quarter=FIRST, database=duckdb.connect())
    of_analysts = alone.sentiment_scores.to_pylist()
    assert len(of_analysts) > 10
    for score in of_analysts:
        row = found[score["theme_id"].replace("theme", "series"), score["transcript_id"]]
        assert [row[f"{k}_analyst"] for k in TONE] == [score[k] for k in TONE]


def test_the_panel_of_themes_has_the_standard_error_of_firms_as_turns(chance: Warehouse):
    of_firms = rows(chance, "firm_theme_panel", FIRST)
    for (series,), row in rows(chance, "theme_panel", FIRST).items():
        firms = [r for (s, _), r in of_firms.items() if s == series and r["n_sentences"]]
        n = np.array([r["n_sentences"] for r in firms], float)
        net = np.array([r["n_positive"] - r["n_negative"] for r in firms], float)
        off = ((net - row["score"] * n) ** 2 / (1 - n / n.sum())).sum()
        assert len(firms) == row["n_firms"] == 8
        assert row["score_se"] == pytest.approx(off**0.5 / n.sum(), rel=1e-9)
        assert 4 < row["score_df"] < 7
        assert row["score_sd"] == pytest.approx(np.std(net / n, ddof=1))


def test_the_change_of_attention_is_the_difference_of_two_quarters_panels(chance: Warehouse):
    """What is made of an earlier quarter's tables equals what that quarter's own panel says."""
    before, after = (rows(chance, "firm_theme_panel", q) for q in (FIRST, SECOND))
    assert len(after) == 16
    for key, row in after.items():
        assert row["attention_change"] == row["attention"] - before[key]["attention"]
        assert row["score_change"] == row["score"] - before[key]["score"]


def test_the_panel_of_firms_records_the_quarters_before_and_the_others_do_not(built: Warehouse):
    made = built.provenance("firm_theme_panel", SECOND)["inputs"]
    for table in ("firm_status", "sentiment_scores", "theme_links"):
        assert made[f"{table}@{FIRST}"]["content"] == built.quarter(table, FIRST).content
        assert made[f"{table}@{EARLIER}"]["content"] == "empty"
    assert "@2022Q1" not in str(list(made))
    assert "@2022Q2" in str(list(made))
    assert not any("@" in key for key in built.provenance("call_theme_panel", SECOND)["inputs"])
    of_theme = built.provenance("theme_panel", SECOND)["inputs"]
    assert set(of_theme) == {"firm_theme_panel", "theme_links"}
    assert of_theme["firm_theme_panel"]["content"] == built.quarter("firm_theme_panel", SECOND).content


def test_a_quarter_before_that_another_run_writes_meanwhile_is_read_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    warehouse = Warehouse(path=str(tmp_path / "warehouse"))
    IN_SECOND.write(warehouse)
    from ftm_assets.orchestration import dbt_project

    stage, staged = dbt_project.stage, []

    def and_meanwhile(*given: Any) -> None:
        stage(*given)
        staged.append(given)
        if len(staged) == 1:
            IN_FIRST.write(warehouse)  # a run of an earlier quarter, which also links this one again
            links = IN_SECOND.tables()["theme_links"].to_pylist()
            again = [link | {"series_name": "Shipping"} for link in links]
            warehouse.replace("theme_links", SECOND, [filled("theme_links", again, SECOND)])

    monkeypatch.setattr(dbt_project, "stage", and_meanwhile)
    assert run(warehouse, SECOND, ("firm_theme_panel",)).success
    assert len(staged) == 2
    acme = rows(warehouse, "firm_theme_panel", SECOND)[FREIGHT, "1"]
    assert (acme["attention_change"], acme["series_name"]) == (-0.25, "Shipping")


def said_twice(quarter: Quarter, *, is_second: bool) -> dict[str, pa.Table]:
    """Return the tables of the second quarter in which Chip's two sentences, all it says, are members of two themes."""
    tables = quarter.tables()
    members = tables["theme_sentences"].to_pylist()
    again = [
        m | {"theme_id": f"{SECOND}:theme:000", "is_second": is_second}
        for m in members
        if m["firm_id"] == "3"
    ]
    given = tables | {"theme_sentences": filled("theme_sentences", [*members, *again], SECOND)}
    scores = build_scores(*(given[t] for t in COLUMNS), quarter=SECOND, database=duckdb.connect())
    return given | scores._asdict()


def test_a_sentence_may_be_a_member_of_a_second_theme_and_counts_once_in_a_pinned_theme_of_both(
    tmp_path: Path,
):
    warehouse = Warehouse(path=str(tmp_path / "warehouse"))
    for name, table in said_twice(replace(IN_SECOND, pinned={"Both": [0, 1]}), is_second=True).items():
        warehouse.replace(name, SECOND, [table])
    assert run(warehouse, SECOND, ("firm_theme_panel", "firm_pinned_panel")).success
    chip = [r["n_sentences"] for (_, f), r in rows(warehouse, "firm_theme_panel", SECOND).items() if f == "3"]
    assert sorted(chip) == [0, 2, 2]
    assert rows(warehouse, "firm_pinned_panel", SECOND)["pinned:both", "3"]["n_sentences"] == 2


def test_inputs_that_contradict_each_other_are_refused(tmp_path: Path):
    """A theme without a series, topics of other sentences than attention is over, and sentences counted twice."""
    warehouse, tables = Warehouse(path=str(tmp_path / "warehouse")), said_twice(IN_SECOND, is_second=False)
    status = [r | {"n_sentences": r["n_sentences"] + 1} for r in tables["firm_status"].to_pylist()]
    tables |= {
        "theme_links": tables["theme_links"].slice(0, 2),
        "firm_status": filled("firm_status", status, SECOND),
    }
    for name, table in tables.items():
        warehouse.replace(name, SECOND, [table])
    problem = failure(run(warehouse, SECOND))
    for found in (
        "firm_theme_panel_has_every_theme",
        "firm_theme_panel_attention_adds_up",
        "firm_theme_panel_business_equals_firm_status",
        "theme_panel_equals_sentiment_scores",
    ):
        assert found in problem
    assert not warehouse.quarter("firm_theme_panel", SECOND).is_written


def test_a_panel_of_themes_alone_reads_the_stored_panel_of_firms(built: Warehouse):
    before = built.quarter("theme_panel", FIRST).content
    result = run(built, FIRST, ("theme_panel",))
    assert result.success
    assert built.quarter("theme_panel", FIRST).content == before
