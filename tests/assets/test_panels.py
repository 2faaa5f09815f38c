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
import pytest

from ftm_assets.assets.marts import build_marts
from ftm_assets.methods.scores import COLUMNS, build_scores
from ftm_assets.orchestration.dbt_project import dbt_resource
from ftm_resources.tables import LABELS
from ftm_resources.warehouse import Warehouse

from .spoken_quarter import Call, Quarter, Turn, filled

EARLIER, FIRST, SECOND = "2022Q4", "2023Q1", "2023Q2"
PANELS = ("firm_theme_panel", "call_theme_panel", "theme_panel")
FREIGHT, HIRING = f"{FIRST}:series:000", f"{FIRST}:series:001"
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
    key = {"firm_theme_panel": ("firm_id",), "call_theme_panel": ("transcript_id",), "theme_panel": ()}[table]
    return {
        (row["series_id"], *(row[k] for k in key)): row for row in warehouse.read(table, quarter).to_pylist()
    }


# Acme calls twice and is renamed in between; Bolt speaks of no theme; Chip is too small to have topics; Dune only
# greets; Echo's modelling failed.
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
        Call("200", "2", date(2023, 2, 10), [Turn([(None, ZERO)] * 3)], "Bolt", 20, is_after_close=False),
        Call("300", "3", date(2023, 2, 10), [Turn([(None, ZERO)])], "Chip"),
        Call("400", "4", date(2023, 2, 10), [Turn([(None, PROCEDURAL)])], "Dune"),
        Call("500", "5", date(2023, 2, 10), [Turn([(None, ZERO)] * 4)], "Echo"),
    ],
    status={"3": "too_small", "5": "failed"},
)
# Freight goes on as theme 1; Hiring has no theme; Pricing is new. Chip is measured now, Bolt is away.
IN_SECOND = Quarter(
    SECOND,
    [
        Call("110", "1", date(2023, 5, 2), [Turn([(1, PLUS), (0, ZERO), (None, ZERO), (None, ZERO)])]),
        Call("310", "3", date(2023, 5, 3), [Turn([(1, MINUS), (1, MINUS)])]),
    ],
    themes=("Pricing", "Freight"),
    continues={1: (FREIGHT, f"{FIRST}:theme:000", 0.75)},
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
    assert set(panel) == set(product((FREIGHT, HIRING), "12345"))
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
    off = (2 - 2 * 2 / 3) ** 2 + (0 - 2 / 3) ** 2
    assert acme["score_se_presentation"] == pytest.approx((2 * off) ** 0.5 / 3, rel=1e-12)
    assert acme["score_se_analyst"] is None


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
        FREIGHT,
        f"{SECOND}:series:000",
    }


def test_a_call_has_its_own_row(built: Warehouse):
    panel = rows(built, "call_theme_panel", FIRST)
    assert set(panel) == set(product((FREIGHT, HIRING), ("100", "101", "200", "300", "400", "500")))
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
    assert freight["attention_sd"] == pytest.approx(0.5 / 2**0.5)
    assert (freight["score"], freight["score_se"], freight["score_sd"]) == (0.25, None, None)
    assert (freight["concentration"], freight["novelty"], freight["event"]) == (1.0, None, "born")
    later = rows(built, "theme_panel", SECOND)[FREIGHT,]
    assert (later["novelty"], later["event"], later["n_firms"]) == (0.25, "continued", 2)
    assert later["concentration"] == pytest.approx(5 / 9)
    assert later["score"] == pytest.approx(-1 / 3)
    off = (1 + 1 / 3) ** 2 + (-2 + 2 / 3) ** 2
    assert later["score_se"] == pytest.approx((2 * off) ** 0.5 / 3, rel=1e-12)
    assert later["mean_score"] == 0.0


def test_the_panels_equal_the_scores_of_the_method_on_a_quarter_of_chance(tmp_path: Path):
    random, calls = Random(3), []
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
        calls.append(Call(f"{number:02d}", f"f{number % 8}", date(2023, 2, 1 + number), turns))
    quarter, warehouse = Quarter(FIRST, calls), Warehouse(path=str(tmp_path / "warehouse"))
    quarter.write(warehouse)
    result = run(warehouse, FIRST)
    assert result.success
    found = rows(warehouse, "call_theme_panel", FIRST)
    tables = quarter.tables()
    scores = {(r["theme_id"], r["transcript_id"]): r for r in tables["sentiment_scores"].to_pylist()}
    names = ("n_positive", "n_neutral", "n_negative", "n_sentences", "score", "score_se", "n_turns")
    spoken = Counter(r["transcript_id"] for r in tables["sentences"].to_pylist())
    for row in tables["sentence_kinds"].to_pylist():
        spoken[row["sentence_id"].split(":")[1]] -= row["is_procedural"]
    assert len(found) == 40
    for (_, transcript), row in found.items():
        assert (row["status"] == "measured") == (spoken[transcript] > 0)
        if row["status"] != "measured":
            continue
        score = scores.get((row["theme_id"], transcript))
        expected = (
            {k: score[k] for k in names}
            if score
            else dict.fromkeys(names, 0)
            | {
                "score": None,
                "score_se": None,
            }
        )
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
        assert (row["score_analyst"], row["score_se_analyst"]) == (score["score"], score["score_se"])


def test_the_change_of_attention_is_the_difference_of_two_quarters_panels(tmp_path: Path):
    """What is made of an earlier quarter's tables equals what that quarter's own panel says."""
    random, warehouse = Random(5), Warehouse(path=str(tmp_path / "warehouse"))
    for quarter, day in ((FIRST, date(2023, 2, 1)), (SECOND, date(2023, 5, 1))):
        calls = [
            Call(
                f"{quarter}-{n}",
                f"f{n % 7}",
                day,
                [
                    Turn([(random.choice((0, 1, None)), random.choice(LABELS)) for _ in range(4)])
                    for _ in range(5)
                ],
            )
            for n in range(10)
        ]
        series = {i: (f"{FIRST}:series:{i:03d}", f"{FIRST}:theme:{i:03d}", 0.9) for i in (0, 1)}
        Quarter(quarter, calls, continues=series).write(warehouse)
        assert run(warehouse, quarter, ("firm_theme_panel",)).success
    before, after = (rows(warehouse, "firm_theme_panel", q) for q in (FIRST, SECOND))
    assert len(after) == 14
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


def test_a_quarter_before_that_lacks_links_is_not_compared_with(tmp_path: Path):
    warehouse = Warehouse(path=str(tmp_path / "warehouse"))
    IN_FIRST.write(warehouse, without=["theme_links"])
    IN_SECOND.write(warehouse)
    result = run(warehouse, SECOND, ("firm_theme_panel",))
    assert result.success
    panel = rows(warehouse, "firm_theme_panel", SECOND)
    assert {row["previous_quarter"] for row in panel.values()} == {None}
    IN_FIRST.write(warehouse)
    stale = [str(m) for m in warehouse.pin().mixtures(SECOND, ["firm_theme_panel"])]
    assert any(f"theme_links@{FIRST}" in m or FIRST in m for m in stale)


def test_a_quarter_before_of_mixed_generations_is_not_compared_with(tmp_path: Path):
    """Its links are of other themes than its scores: ranks would be taken for each other."""
    warehouse = Warehouse(path=str(tmp_path / "warehouse"))
    IN_FIRST.write(warehouse)
    IN_SECOND.write(warehouse)
    of_old = {"inputs": {"themes": {"snapshot_id": "1", "content": "others"}}}
    warehouse.replace("theme_links", FIRST, [IN_FIRST.tables()["theme_links"]], provenance=of_old)
    result = run(warehouse, SECOND, ("firm_theme_panel",))
    assert result.success
    panel = rows(warehouse, "firm_theme_panel", SECOND)
    assert {row["previous_quarter"] for row in panel.values()} == {None}
    (event,) = result.get_asset_materialization_events()
    metadata = event.materialization.metadata
    assert metadata["compared_with"].value == []
    assert "theme_links was made from other rows of themes" in metadata["not_compared_with"].value[FIRST]


def test_a_quarter_that_was_mixed_and_ends_with_the_same_rows_makes_the_panel_outdated(tmp_path: Path):
    """Its rows were not compared, so that they have not changed says nothing."""
    warehouse, links = Warehouse(path=str(tmp_path / "warehouse")), IN_FIRST.tables()["theme_links"]
    IN_FIRST.write(warehouse)
    IN_SECOND.write(warehouse)

    def link(content: str) -> None:
        made_from = {"inputs": {"themes": {"snapshot_id": "1", "content": content}}}
        warehouse.replace("theme_links", FIRST, [links], provenance=made_from)

    def outdated() -> list[str]:
        return [m.source for m in warehouse.pin().mixtures(SECOND, ["firm_theme_panel"])]

    link("others")
    assert run(warehouse, SECOND, ("firm_theme_panel",)).success
    left_out = [f"{table}@{FIRST}" for table in ("theme_links", "firm_status", "sentiment_scores")]
    link(warehouse.quarter("themes", FIRST).content)
    assert sorted(outdated()) == sorted(left_out)
    assert {row["previous_quarter"] for row in rows(warehouse, "firm_theme_panel", SECOND).values()} == {None}
    assert run(warehouse, SECOND, ("firm_theme_panel",)).success
    assert outdated() == []
    assert rows(warehouse, "firm_theme_panel", SECOND)[FREIGHT, "1"]["attention_change"] == -0.25


def chained(
    warehouse: Warehouse, quarter: Quarter, rests_on: str, content: str | None = None, *, chain: str = "x"
) -> None:
    """Write a quarter whose links were made from `theme_series` of one before: as it is, or as it was once."""
    read = warehouse.quarter("theme_series", rests_on).provenance() if warehouse.exists() else {}
    made_from = {"inputs": {f"theme_series@{rests_on}": read | ({"content": content} if content else {})}}
    tables = quarter.tables()
    series = [{"series_id": chain, "theme_id": quarter.theme(0)}]
    tables["theme_series"] = filled("theme_series", series, quarter.quarter)
    for name, found in tables.items():
        of_links = name in {"theme_links", "theme_series"}
        warehouse.replace(name, quarter.quarter, [found], provenance=made_from if of_links else {})


def test_a_quarter_is_not_compared_with_other_series_than_its_links_go_on_from(tmp_path: Path):
    """A tagged quarter keeps its links; the one before was made again, and an id there means another series."""
    warehouse = Warehouse(path=str(tmp_path / "warehouse"))
    chained(warehouse, IN_FIRST, EARLIER, "empty")
    chained(warehouse, IN_SECOND, FIRST)
    assert run(warehouse, SECOND, ("firm_theme_panel",)).success
    assert rows(warehouse, "firm_theme_panel", SECOND)[FREIGHT, "1"]["attention_change"] == -0.25
    chained(warehouse, replace(IN_FIRST, themes=("Hiring", "Freight")), EARLIER, "empty", chain="y")
    result = run(warehouse, SECOND, ("firm_theme_panel",))
    assert result.success
    for row in rows(warehouse, "firm_theme_panel", SECOND).values():
        assert [row[k] for k in ("previous_quarter", "attention_change", "score_change")] == [None] * 3
    (event,) = result.get_asset_materialization_events()
    why = event.materialization.metadata["not_compared_with"].value[FIRST]
    assert f"theme_links was made from other rows of theme_series@{FIRST}" in why
    made = warehouse.provenance("firm_theme_panel", SECOND)["inputs"]
    assert made[f"sentiment_scores@{FIRST}"]["content"] == "not compared"
    chained(warehouse, IN_SECOND, FIRST)
    assert run(warehouse, SECOND, ("firm_theme_panel",)).success
    assert rows(warehouse, "firm_theme_panel", SECOND)[FREIGHT, "1"]["previous_quarter"] == FIRST


def test_a_break_of_the_chain_further_back_ends_the_comparison_there(tmp_path: Path):
    """The links of a tagged quarter stay as they are, and those after it go on from them, but not from those before."""
    warehouse = Warehouse(path=str(tmp_path / "warehouse"))
    chained(warehouse, replace(IN_FIRST, quarter=EARLIER), "2022Q3", "empty")
    chained(warehouse, IN_FIRST, EARLIER, "others")
    chained(warehouse, IN_SECOND, FIRST)
    result = run(warehouse, SECOND)
    assert result.success
    assert rows(warehouse, "firm_theme_panel", SECOND)[FREIGHT, "1"]["attention_change"] == -0.25
    made = warehouse.provenance("firm_theme_panel", SECOND)["inputs"]
    assert made[f"theme_links@{EARLIER}"]["content"] == "not compared"
    assert made[f"theme_links@{FIRST}"]["content"] == warehouse.quarter("theme_links", FIRST).content


def test_a_quarter_written_since_is_not_compared_with_and_breaks_no_chain(tmp_path: Path):
    warehouse = Warehouse(path=str(tmp_path / "warehouse"))
    chained(warehouse, replace(IN_FIRST, quarter=EARLIER), "2022Q3", "empty")
    chained(warehouse, IN_FIRST, EARLIER)
    chained(warehouse, IN_SECOND, EARLIER)
    of_links = {
        "inputs": {
            f"theme_series@{EARLIER}": warehouse.quarter("theme_series", EARLIER).provenance(),
            f"theme_series@{FIRST}": {"snapshot_id": "None", "content": "empty"},
        }
    }
    warehouse.replace("theme_links", SECOND, [IN_SECOND.tables()["theme_links"]], provenance=of_links)
    result = run(warehouse, SECOND, ("firm_theme_panel",))
    assert result.success
    (event,) = result.get_asset_materialization_events()
    assert event.materialization.metadata["compared_with"].value == [EARLIER]
    assert list(event.materialization.metadata["not_compared_with"].value) == [FIRST]


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
            IN_FIRST.write(warehouse)
        if len(staged) == 2:  # a run of an earlier quarter links this one again
            links = IN_SECOND.tables()["theme_links"].to_pylist()
            again = [link | {"series_name": "Shipping"} for link in links]
            warehouse.replace("theme_links", SECOND, [filled("theme_links", again, SECOND)])

    monkeypatch.setattr(dbt_project, "stage", and_meanwhile)
    assert run(warehouse, SECOND, ("firm_theme_panel",)).success
    assert len(staged) == 3
    acme = rows(warehouse, "firm_theme_panel", SECOND)[FREIGHT, "1"]
    assert (acme["attention_change"], acme["series_name"]) == (-0.25, "Shipping")


@pytest.mark.parametrize("is_second", [True, False])
def test_a_sentence_counts_twice_only_as_a_member_of_a_second_theme(tmp_path: Path, is_second: bool):
    """Chip's two sentences are all that it says, and are members of both themes."""
    warehouse, tables = Warehouse(path=str(tmp_path / "warehouse")), IN_SECOND.tables()
    members = tables["theme_sentences"].to_pylist()
    again = [
        m | {"theme_id": f"{SECOND}:theme:000", "is_second": is_second}
        for m in members
        if m["firm_id"] == "3"
    ]
    given = tables | {"theme_sentences": filled("theme_sentences", [*members, *again], SECOND)}
    scores = build_scores(*(given[t] for t in COLUMNS), quarter=SECOND, database=duckdb.connect())
    for name, table in (given | scores._asdict()).items():
        warehouse.replace(name, SECOND, [table])
    result = run(warehouse, SECOND, ("firm_theme_panel",))
    assert result.success == is_second
    if not is_second:
        assert "firm_theme_panel_attention_adds_up" in failure(result)


def test_a_theme_without_a_series_is_refused(tmp_path: Path):
    warehouse = Warehouse(path=str(tmp_path / "warehouse"))
    IN_FIRST.write(warehouse)
    links = IN_FIRST.tables()["theme_links"]
    warehouse.replace("theme_links", FIRST, [links.slice(0, 1)])
    problem = failure(run(warehouse, FIRST))
    assert "firm_theme_panel_has_every_theme" in problem
    assert "theme_panel_equals_sentiment_scores" in problem


def test_topics_made_from_other_sentences_than_the_attention_is_over_are_refused(tmp_path: Path):
    warehouse = Warehouse(path=str(tmp_path / "warehouse"))
    IN_FIRST.write(warehouse)
    status = [r | {"n_sentences": r["n_sentences"] + 1} for r in IN_FIRST.tables()["firm_status"].to_pylist()]
    warehouse.replace("firm_status", FIRST, [filled("firm_status", status, FIRST)])
    problem = failure(run(warehouse, FIRST))
    assert "firm_theme_panel_business_equals_firm_status" in problem


def test_a_panel_of_themes_alone_reads_the_stored_panel_of_firms(built: Warehouse):
    before = built.quarter("theme_panel", FIRST).content
    result = run(built, FIRST, ("theme_panel",))
    assert result.success
    assert built.quarter("theme_panel", FIRST).content == before
