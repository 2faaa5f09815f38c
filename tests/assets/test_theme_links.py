"""Links through Dagster and a real warehouse: what a quarter added, made again or tagged does to the others."""

import re
import shutil
import subprocess
import sys
import threading
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import dagster as dg
import pytest

from ftm_assets.orchestration.io_manager import WarehouseIOManager, write_quarter
from ftm_assets.orchestration.partitions import QUARTERS
from ftm_assets.orchestration.series_chain import LINK_TABLES, require_whole, settled
from ftm_assets.orchestration.series_plot import series_picture
from ftm_resources.warehouse import QuarterTable, Warehouse, tags
from ftm_resources.warehouse.pinned import Pinned
from ftm_resources.warehouse.status import status

from .quarters_of_themes import MODEL, killed_after_profiles, link, why, write_themes

SUBJECTS = {
    "2020Q1": ("freight", "hiring", "rates"),
    "2020Q2": ("hiring", "freight", "vaccines"),
    "2020Q3": ("vaccines", "freight"),
    "2020Q4": ("rates", "freight", "vaccines", "hiring"),
}


def written(root: Path, quarters: Iterable[str] = SUBJECTS) -> Warehouse:
    warehouse = Warehouse(path=str(root))
    for quarter in quarters:
        write_themes(warehouse, quarter, SUBJECTS[quarter])
    return warehouse


def contents(warehouse: Warehouse, quarters: Iterable[str] = SUBJECTS) -> dict[tuple[str, str], str]:
    return {(t, q): warehouse.quarter(t, q).content for q in quarters for t in LINK_TABLES}


def series(warehouse: Warehouse, quarter: str) -> dict[str, tuple[str, str]]:
    """Return (series, event) by the subject of the theme."""
    rows = warehouse.read("theme_links", quarter).to_pylist()
    of = {t["theme_id"]: t["name"].split()[0] for t in warehouse.read("theme_profiles", quarter).to_pylist()}
    return {of[r["theme_id"]]: (r["series_id"], r["event"]) for r in rows}


@pytest.fixture(scope="module")
def linked(tmp_path_factory: pytest.TempPathFactory) -> Warehouse:
    """Four quarters linked in chronological order; to be read only."""
    warehouse = written(tmp_path_factory.mktemp("linked") / "warehouse")
    for quarter in SUBJECTS:
        assert why(link(warehouse, quarter)) == ""
    return warehouse


@pytest.fixture
def relinked(linked: Warehouse, tmp_path: Path) -> Warehouse:
    """A copy of the four linked quarters, to be written to."""
    shutil.copytree(linked.root, tmp_path / "copy")
    return Warehouse(path=str(tmp_path / "copy"))


@pytest.fixture(autouse=True)
def no_picture(monkeypatch: pytest.MonkeyPatch) -> None:
    """The picture of the series takes a third of a run's time; one test draws it."""
    monkeypatch.setattr("ftm_assets.assets.theme_links.series_picture", lambda *_: "")


def test_a_series_is_named_by_the_theme_that_opens_it_and_followed_from_there(linked: Warehouse):
    assert series(linked, "2020Q1") == {
        "freight": ("2020Q1:series:000", "born"),
        "hiring": ("2020Q1:series:001", "born"),
        "rates": ("2020Q1:series:002", "born"),
    }
    assert series(linked, "2020Q4") == {
        "rates": ("2020Q1:series:002", "revived"),
        "freight": ("2020Q1:series:000", "continued"),
        "vaccines": ("2020Q2:series:002", "continued"),
        "hiring": ("2020Q1:series:001", "revived"),
    }


def test_the_series_as_known_at_the_end_of_a_quarter(linked: Warehouse):
    then = {r["series_id"]: r for r in linked.read("theme_series", "2020Q3").to_pylist()}
    assert {key: (r["status"], r["n_quarters"], r["last_quarter"]) for key, r in then.items()} == {
        "2020Q1:series:000": ("active", 3, "2020Q3"),
        "2020Q1:series:001": ("dormant", 2, "2020Q2"),
        "2020Q1:series:002": ("dormant", 1, "2020Q1"),
        "2020Q2:series:002": ("active", 2, "2020Q3"),
    }
    assert then["2020Q1:series:000"]["name"] == "freight in 2020Q1", "a series keeps its name"
    revived = [r for r in linked.read("series_events", "2020Q4").to_pylist() if r["event"] == "revived"]
    assert {r["evidence"].split(":")[0] + r["evidence"][-30:] for r in revived}
    assert all("after" in r["evidence"] and "without a theme" in r["evidence"] for r in revived)


def test_everything_is_of_one_generation(linked: Warehouse):
    assert [q.mixtures for q in status(linked)] == [[]] * 4


def test_a_later_quarter_leaves_every_earlier_row_as_it_was(tmp_path: Path):
    warehouse = written(tmp_path / "warehouse")
    for n, quarter in enumerate(SUBJECTS):
        earlier = list(SUBJECTS)[:n]
        before = contents(warehouse, earlier)
        snapshots = {q: warehouse.provenance("theme_series", q).get("snapshot_id") for q in earlier}
        link(warehouse, quarter)
        assert contents(warehouse, earlier) == before
        assert {q: warehouse.provenance("theme_series", q)["snapshot_id"] for q in earlier} == snapshots


@pytest.mark.parametrize("order", [(4, 3, 2, 1), (2, 4, 1, 3)], ids=str)
def test_whatever_the_order_the_tables_are_those_of_chronological_order(
    order: tuple[int, ...], linked: Warehouse, tmp_path: Path
):
    order = [f"2020Q{n}" for n in order]
    warehouse = Warehouse(path=str(tmp_path / "warehouse"))
    for quarter in order:
        write_themes(warehouse, quarter, SUBJECTS[quarter])
        assert why(link(warehouse, quarter)) == "", order
    assert contents(warehouse) == contents(linked)
    assert [q.mixtures for q in status(warehouse)] == [[]] * 4


# A run in a process of its own, as Dagster starts one per quarter of a backfill.
RUN = """
import sys
import dagster as dg
from ftm_assets.assets.theme_links import theme_links
from ftm_assets.orchestration.io_manager import WarehouseIOManager
from ftm_assets.orchestration.partitions import QUARTERS
from ftm_resources.warehouse import Warehouse

warehouse = Warehouse(path=sys.argv[1])
inputs = [dg.AssetSpec(t, partitions_def=QUARTERS) for t in ("themes", "theme_topics", "topic_summaries")]
dg.materialize(
    [theme_links, *inputs],
    selection=[theme_links],
    partition_key=sys.argv[2],
    resources={"warehouse": warehouse, "io_manager": WarehouseIOManager(warehouse=warehouse)},
)
"""


def test_quarters_in_parallel_end_in_the_same_tables(linked: Warehouse, tmp_path: Path):
    warehouse = written(tmp_path / "warehouse")
    runs = [
        subprocess.Popen([sys.executable, "-c", RUN, warehouse.root, q], stderr=subprocess.PIPE, text=True)
        for q in reversed(SUBJECTS)
    ]
    for run in runs:
        _, errors = run.communicate()
        assert run.returncode == 0, errors
    assert contents(warehouse) == contents(linked)


def test_an_earlier_quarter_made_again_rebuilds_what_follows_and_says_so(
    linked: Warehouse, relinked: Warehouse
):
    warehouse = relinked
    write_themes(warehouse, "2020Q2", ("vaccines", "shipping"), run="again")
    result = link(warehouse, "2020Q2")
    rebuilt = {(e.asset_key.path[-1], e.partition) for e in events(result) if "rebuilt" in e.metadata}
    assert rebuilt == {(t, q) for t in LINK_TABLES for q in ("2020Q3", "2020Q4")}
    assert series(warehouse, "2020Q4")["vaccines"] == ("2020Q2:series:000", "continued")
    assert series(warehouse, "2020Q4")["hiring"] == ("2020Q1:series:001", "revived")
    assert contents(warehouse, ["2020Q1"]) == contents(linked, ["2020Q1"])
    assert [q.mixtures for q in status(warehouse)] == [[]] * 4


def events(result: dg.ExecuteInProcessResult) -> list[Any]:
    found = [
        e.event_specific_data for e in result.all_events if e.event_type_value == "ASSET_MATERIALIZATION"
    ]
    return [e.materialization for e in found]


def test_a_tagged_quarter_is_not_linked_again_and_what_follows_follows_it(relinked: Warehouse):
    warehouse = relinked
    tags.tag(warehouse, "2020Q3", "paper")
    before = contents(warehouse)
    write_themes(warehouse, "2020Q2", ("vaccines", "shipping"), run="again")
    result = link(warehouse, "2020Q2")
    assert why(result) == ""
    for quarter in ("2020Q1", "2020Q3", "2020Q4"):
        assert contents(warehouse, [quarter]) == {k: v for k, v in before.items() if k[1] == quarter}
    (third,) = [q for q in status(warehouse) if q.quarter == "2020Q3"]
    assert any("theme_series@2020Q2" in str(m) for m in third.mixtures), "and it is said that it is outdated"
    tags.untag(warehouse, "2020Q3", "paper")
    link(warehouse, "2020Q2")
    assert series(warehouse, "2020Q4")["vaccines"] == ("2020Q2:series:000", "continued")


def test_a_quarter_is_linked_again_with_its_own_config(tmp_path: Path):
    warehouse = written(tmp_path / "warehouse")
    link(warehouse, "2020Q2", floor=0.999)
    link(warehouse, "2020Q1")
    assert {event for _, event in series(warehouse, "2020Q2").values()} == {"born"}
    assert warehouse.provenance("theme_links", "2020Q2")["config"]["floor"] == 0.999


def test_another_embedding_model_is_refused_by_name_with_what_to_do(tmp_path: Path):
    warehouse = written(tmp_path / "warehouse", ["2020Q1"])
    link(warehouse, "2020Q1")
    write_themes(warehouse, "2020Q2", SUBJECTS["2020Q2"], model={**MODEL, "model": "large"})
    said = why(link(warehouse, "2020Q2"))
    assert "2020Q2" in said
    assert "large (16 dimensions), those of 2020Q1 by small" in said
    assert "FTM_EMBEDDING_MODEL" in said
    assert not warehouse.quarter("theme_links", "2020Q2").is_written
    assert why(link(warehouse, "2020Q2", allow_other_models=True)) == ""
    assert {event for _, event in series(warehouse, "2020Q2").values()} == {"born"}


@pytest.mark.parametrize("recorded", [{}, {"model": "small"}, MODEL], ids=["nothing", "the name", "wrongly"])
def test_vectors_of_another_dimension_are_refused_whatever_was_recorded(
    recorded: dict[str, Any], tmp_path: Path
):
    warehouse = Warehouse(path=str(tmp_path / "warehouse"))
    write_themes(warehouse, "2020Q1", SUBJECTS["2020Q1"], model=recorded)
    write_themes(warehouse, "2020Q2", (), model={}, topics_without_theme=0)
    write_themes(warehouse, "2020Q3", SUBJECTS["2020Q3"], model=recorded, dimension=24)
    for quarter in ("2020Q1", "2020Q2"):
        assert why(link(warehouse, quarter)) == ""
    assert re.search(r"24 dimensions\), those of 2020Q2.* \(16 dimensions", why(link(warehouse, "2020Q3")))
    assert why(link(warehouse, "2020Q3", allow_other_models=True)) == ""
    assert {event for _, event in series(warehouse, "2020Q3").values()} == {"born"}


def test_a_quarter_without_topics_does_not_let_another_model_pass(tmp_path: Path):
    warehouse = written(tmp_path / "warehouse", ["2020Q1"])
    write_themes(warehouse, "2020Q2", (), model={}, topics_without_theme=0)
    write_themes(warehouse, "2020Q3", SUBJECTS["2020Q3"], model={**MODEL, "model": "large"})
    for quarter in ("2020Q1", "2020Q2"):
        assert why(link(warehouse, quarter)) == ""
    assert "large (16 dimensions), those of 2020Q2" in why(link(warehouse, "2020Q3"))


def test_quarters_of_another_model_are_not_linked_again_to_a_new_one(relinked: Warehouse):
    warehouse = relinked
    before = contents(warehouse)
    large = {**MODEL, "model": "large"}
    for n, quarter in enumerate(SUBJECTS):
        write_themes(warehouse, quarter, SUBJECTS[quarter], model=large, run="again")
        assert why(link(warehouse, quarter)) == "", "oldest first, as the message advises"
        later = list(SUBJECTS)[n + 1 :]
        assert contents(warehouse, later) == {k: v for k, v in before.items() if k[1] in later}
    assert [q.mixtures for q in status(warehouse)] == [[]] * 4


def test_links_of_a_quarter_whose_themes_were_made_again_are_outdated(relinked: Warehouse):
    warehouse = relinked
    write_themes(warehouse, "2020Q1", ("freight",), run="again")
    found = {q.quarter: [str(m) for m in q.mixtures] for q in status(warehouse)}
    assert any("theme_links was made from other rows of themes" in m for m in found["2020Q1"])
    assert found["2020Q2"] == [], "its own tables and their inputs are as they were"


def test_a_run_that_was_killed_between_its_tables_stops_the_next_quarter(tmp_path: Path):
    warehouse = written(tmp_path / "warehouse")
    link(warehouse, "2020Q1")
    rows = warehouse.read("theme_links", "2020Q1")
    warehouse.replace("theme_links", "2020Q1", [rows], provenance={"run_id": "killed"})
    assert "links of 2020Q1 were only written in part" in why(link(warehouse, "2020Q2"))
    link(warehouse, "2020Q1")
    assert why(link(warehouse, "2020Q2")) == ""


def test_a_quarter_written_in_part_is_never_linked_again_from_profiles_of_other_themes(tmp_path: Path):
    warehouse = written(tmp_path / "warehouse", ["2020Q2"])
    link(warehouse, "2020Q2")
    killed_after_profiles(warehouse, "2020Q2", ("vaccines", "shipping", "oil"), tmp_path / "other")
    write_themes(warehouse, "2020Q2", SUBJECTS["2020Q2"], run="back")  # as they were when the links were made
    write_themes(warehouse, "2020Q1", SUBJECTS["2020Q1"])
    links = warehouse.quarter("theme_links", "2020Q2").content
    result = link(warehouse, "2020Q1")
    assert why(result) == ""
    assert not [e for e in events(result) if "rebuilt" in e.metadata]
    assert warehouse.quarter("theme_links", "2020Q2").content == links
    (second,) = [q for q in status(warehouse) if q.quarter == "2020Q2"]
    assert any("theme_profiles" in str(m) for m in second.mixtures), "and it is still said to be mixed"
    assert why(link(warehouse, "2020Q2")) == ""
    assert [q.mixtures for q in status(warehouse)] == [[]] * 2
    assert series(warehouse, "2020Q2")["freight"] == ("2020Q1:series:000", "continued")


@pytest.fixture(scope="module")
def changed(linked: Warehouse, tmp_path_factory: pytest.TempPathFactory) -> Warehouse:
    """The four quarters after the first got other themes, linked through; to be read only."""
    root = tmp_path_factory.mktemp("changed") / "warehouse"
    shutil.copytree(linked.root, root)
    warehouse = Warehouse(path=str(root))
    write_themes(warehouse, "2020Q1", ("oil", "hiring"), run="again")
    assert why(link(warehouse, "2020Q1")) == ""
    return warehouse


@pytest.mark.parametrize(
    ("n_rebuilt", "next_run"),
    [(1, "2020Q1"), (2, "2020Q4"), (len(LINK_TABLES) - 1, "2020Q4")],
    ids=["its retry", "a run of another quarter", "after all but one table"],
)
def test_what_a_killed_run_was_linking_again_is_linked_again_by_the_next(
    relinked: Warehouse, changed: Warehouse, monkeypatch: pytest.MonkeyPatch, n_rebuilt: int, next_run: str
):
    """Nothing of its own quarter has changed, so that it need not be that quarter's run that does it."""
    warehouse = relinked
    write_themes(warehouse, "2020Q1", ("oil", "hiring"), run="again")
    rebuilt: list[str] = []

    def killed(warehouse: Warehouse, name: str, *args: Any, **kwargs: Any) -> dict[str, Any]:
        if len(rebuilt) == n_rebuilt:
            raise RuntimeError("killed")
        rebuilt.append(name)
        return write_quarter(warehouse, name, *args, **kwargs)

    with monkeypatch.context() as context:
        context.setattr("ftm_assets.orchestration.series_chain.write_quarter", killed)
        assert "killed" in why(link(warehouse, "2020Q1"))
    assert len(rebuilt) == n_rebuilt
    assert why(link(warehouse, next_run)) == ""
    assert contents(warehouse) == contents(changed)
    assert [q.mixtures for q in status(warehouse)] == [[]] * 4


def _read_links(warehouse: Warehouse, quarter: str) -> dg.ExecuteInProcessResult:
    """Run a step that reads a quarter's links, as those do that follow themes through time."""

    @dg.asset(partitions_def=QUARTERS, io_manager_key="plain")
    def reader(theme_links: QuarterTable) -> int:
        return theme_links.read().num_rows

    return dg.materialize(
        [reader, dg.AssetSpec("theme_links", partitions_def=QUARTERS)],
        selection=[reader],
        partition_key=quarter,
        resources={"io_manager": WarehouseIOManager(warehouse=warehouse), "plain": dg.mem_io_manager},
        raise_on_error=False,
    )


@pytest.mark.parametrize("n_rebuilt", [0, 2, len(LINK_TABLES)])
def test_a_step_waits_while_a_run_of_another_quarter_links_its_quarter_again(
    relinked: Warehouse, monkeypatch: pytest.MonkeyPatch, n_rebuilt: int
):
    """The run has replaced the series of the first quarter, and comes to the third only after the second."""
    monkeypatch.setattr("ftm_assets.orchestration.inputs.WAIT_SECONDS", 0.1)
    write_themes(relinked, "2020Q1", ("oil", "hiring"), run="again")
    is_there, goes_on, written = threading.Event(), threading.Event(), []

    def slowly(warehouse: Warehouse, name: str, *args: Any, **kwargs: Any) -> dict[str, Any]:
        if len(written) == n_rebuilt:
            is_there.set()
            assert goes_on.wait(60)
        written.append(name)
        return write_quarter(warehouse, name, *args, **kwargs)

    monkeypatch.setattr("ftm_assets.orchestration.series_chain.write_quarter", slowly)
    linking = threading.Thread(target=link, args=(relinked, "2020Q1"))
    linking.start()
    assert is_there.wait(60)
    threading.Timer(0.5, goes_on.set).start()
    assert why(_read_links(relinked, "2020Q3")) == ""
    linking.join()
    assert [q.mixtures for q in status(relinked)] == [[]] * 4


def test_links_that_nobody_makes_again_are_refused_in_the_end(
    relinked: Warehouse, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr("ftm_assets.orchestration.inputs.WAITS", 1)
    monkeypatch.setattr("ftm_assets.orchestration.inputs.WAIT_SECONDS", 0)
    rows = relinked.read("theme_series", "2020Q2").slice(1)
    relinked.replace("theme_series", "2020Q2", [rows], provenance={"run_id": "killed"})
    assert "theme_links was made from other rows of theme_series@2020Q2" in why(
        _read_links(relinked, "2020Q3")
    )


def test_a_view_is_taken_between_two_writers_of_links(relinked: Warehouse):
    with relinked.lock("theme_links"):
        rows, held = relinked.read("theme_links", "2020Q3"), relinked.provenance("theme_links", "2020Q3")
        relinked.replace("theme_links", "2020Q3", [rows], provenance={"run_id": "at work"})
        found: list[Pinned] = []
        reader = threading.Thread(target=lambda: found.append(settled(relinked)))
        reader.start()
        reader.join(0.3)
        assert found == []
        made = {key: held[key] for key in ("run_id", "inputs", "together")}
        relinked.replace("theme_links", "2020Q3", [rows], provenance=made)
    reader.join()
    require_whole(found[0], list(SUBJECTS), "a reader")


def test_what_follows_a_quarter_written_in_part_waits_and_the_run_goes_on(tmp_path: Path):
    warehouse = written(tmp_path / "warehouse")
    for quarter in ("2020Q2", "2020Q3"):
        link(warehouse, quarter)
    killed_after_profiles(warehouse, "2020Q2", ("oil",), tmp_path / "other")
    rows = warehouse.read("theme_series", "2020Q2").slice(1)
    warehouse.replace("theme_series", "2020Q2", [rows], provenance={"run_id": "killed"})
    before = contents(warehouse, ["2020Q3"])
    assert why(link(warehouse, "2020Q1")) == "", "2020Q3 is outdated, but cannot be linked to 2020Q2 as it is"
    assert contents(warehouse, ["2020Q3"]) == before
    assert "links of 2020Q2 were only written in part" in why(link(warehouse, "2020Q3"))


def test_a_quarter_without_themes_has_no_links_and_breaks_no_series(tmp_path: Path):
    warehouse = written(tmp_path / "warehouse", ["2020Q1", "2020Q3"])
    write_themes(warehouse, "2020Q2", ())
    for quarter in ("2020Q1", "2020Q2", "2020Q3"):
        assert why(link(warehouse, quarter)) == ""
    assert warehouse.read("theme_links", "2020Q2").num_rows == 0
    assert series(warehouse, "2020Q3")["freight"] == ("2020Q1:series:000", "revived")


def test_themes_beside_too_few_others_open_series_and_it_is_said(tmp_path: Path):
    warehouse = Warehouse(path=str(tmp_path / "warehouse"))
    for quarter, subjects in (("2020Q1", ("freight", "hiring")), ("2020Q2", ("freight", "oil"))):
        write_themes(warehouse, quarter, subjects, topics_without_theme=0)
        result = link(warehouse, quarter)
        assert why(result) == ""
    assert {event for _, event in series(warehouse, "2020Q2").values()} == {"born"}
    (said,) = [e.metadata for e in events(result) if e.asset_key.path == ["theme_links"]]
    assert said["not_comparable"].value == 2
    assert all(
        "too few other themes" in e["evidence"] for e in warehouse.read("series_events", "2020Q2").to_pylist()
    )


def test_weights_that_add_up_to_more_than_one_are_refused_plainly(tmp_path: Path):
    warehouse = written(tmp_path / "warehouse", ["2020Q1"])
    result = link(warehouse, "2020Q1", firm_weight=0.7, keyword_weight=0.7)
    assert why(result).startswith("firm_weight 0.7 and keyword_weight 0.7 add up to 1.4: at most 1")


def test_the_series_are_drawn_in_the_metadata(relinked: Warehouse, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("ftm_assets.assets.theme_links.series_picture", series_picture)
    run = link(relinked, "2020Q4")
    (series,) = (
        e.materialization.metadata
        for e in run.get_asset_materialization_events()
        if e.asset_key and e.asset_key.path == ["theme_series"]
    )
    assert series["longest_series"].value.startswith("![Longest series up to 2020Q4](data:image/png;base64,")
