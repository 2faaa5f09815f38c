"""What a connection shows of a quarter whose tables were not made from each other."""

import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pyarrow as pa
import pytest

from ftm_resources.tables import TABLES
from ftm_resources.warehouse import MixedGenerationsWarning, Warehouse, WarehouseError, repair, tags
from ftm_resources.warehouse.cleanup import Policy, maintain
from ftm_resources.warehouse.shown import as_tagged
from ftm_resources.warehouse.status import status

QUARTER, OTHER, THIRD = "2020Q1", "2020Q2", "2020Q3"
FAMILIES = TABLES["theme_families"]
TOPICS = ("firm_topics", "firm_status")
BY_QUARTER = """
    SELECT quarter, (SELECT count(*) FROM firm_topics WHERE quarter = t.quarter), count(*)
    FROM theme_topics t GROUP BY quarter ORDER BY quarter
"""
COUNTS = """
    SELECT (SELECT count(*) FROM firm_topics), (SELECT count(*) FROM firm_status),
        (SELECT count(*) FROM theme_topics)
"""


class Steps:
    """Two steps of a run: the first writes two tables, the second one that is made from them."""

    def __init__(self, warehouse: Warehouse, topics: Callable[[str, int], pa.Table]) -> None:
        self.warehouse, self._topics = warehouse, topics

    def first(self, quarter: str, n: int, run: str, *, tables: tuple[str, ...] = TOPICS) -> None:
        made = {"run_id": run, "inputs": {}, "together": list(TOPICS)}
        if "firm_topics" in tables:
            self.warehouse.replace("firm_topics", quarter, [self._topics(quarter, n)], provenance=made)
        if "firm_status" in tables:
            status = {"status": ["ok"] * n, "reason": pa.nulls(n, pa.string()), "seconds": [0.1] * n}
            counts = {c: pa.array([n] * n, pa.int32()) for c in ("n_sentences", "n_topics")}
            firms = {"firm_id": [str(i) for i in range(n)], "outlier_share": [0.1] * n}
            self.warehouse.replace(
                "firm_status", quarter, [pa.table({**firms, **status, **counts})], provenance=made
            )

    def second(self, quarter: str, run: str, *, after: Sequence[str] = ()) -> None:
        """Make the second table, also from that of earlier quarters."""
        topics = self.warehouse.quarter("firm_topics", quarter)
        ids = topics.read(["topic_id", "firm_id"])
        n = ids.num_rows
        rows = ids.append_column("theme_id", pa.array(["t"] * n))
        for column in ("reason", "detail"):
            rows = rows.append_column(column, pa.nulls(n, pa.string()))
        earlier = {f"theme_topics@{q}": self.warehouse.quarter("theme_topics", q).provenance() for q in after}
        made = {"run_id": run, "inputs": {"firm_topics": topics.provenance(), **earlier}}
        self.warehouse.replace("theme_topics", quarter, [rows], provenance=made)

    def both(self, quarter: str, n: int, run: str, *, after: Sequence[str] = ()) -> None:
        self.first(quarter, n, run)
        self.second(quarter, run, after=after)

    def families(self, quarter: str, run: str, *, after: Sequence[str] = ()) -> None:
        """Make a table on demand, from the second one of this quarter and earlier ones."""
        read = {f"theme_topics@{q}": self.warehouse.quarter("theme_topics", q).provenance() for q in after}
        read["theme_topics"] = self.warehouse.quarter("theme_topics", quarter).provenance()
        values = {c.name: f"family {run}" if pa.types.is_string(c.type) else 0 for c in FAMILIES.own}
        rows = pa.Table.from_pylist([values], schema=pa.schema([(c.name, c.type) for c in FAMILIES.own]))
        provenance = {"run_id": run, "inputs": read}
        self.warehouse.replace("theme_families", quarter, [rows], provenance=provenance)


@pytest.fixture
def steps(tmp_path: Path, topics: Callable[[str, int], pa.Table]) -> Steps:
    steps = Steps(Warehouse(path=str(tmp_path / "warehouse")), topics)
    steps.both(QUARTER, 3, "a")
    steps.both(OTHER, 2, "a")
    return steps


@contextmanager
def silence() -> Iterator[None]:
    with warnings.catch_warnings():
        warnings.simplefilter("error", MixedGenerationsWarning)
        yield


def test_a_sound_quarter_is_shown_without_a_word(steps: Steps):
    with silence():
        assert steps.warehouse.connect(quarter=QUARTER).execute(COUNTS).fetchone() == (3, 3, 3)
        assert steps.warehouse.connect().execute(COUNTS).fetchone() == (5, 5, 5)


def test_of_a_quarter_that_is_half_made_again_the_last_whole_generation_is_shown(steps: Steps):
    steps.first(QUARTER, 7, "b")
    said = r"^2020Q1 is of mixed generations: theme_topics was made from other rows of firm_topics\. "
    said += r"Materialize theme_topics for 2020Q1; until then views show its last complete generation, of 20"
    with pytest.warns(MixedGenerationsWarning, match=said) as caught:
        found = steps.warehouse.connect(quarter=QUARTER).execute(COUNTS).fetchone()
    assert found == (3, 3, 3)
    assert len(caught) == 1
    assert caught[0].filename == __file__, "the warning points at the caller"
    with pytest.warns(MixedGenerationsWarning) as caught:
        assert steps.warehouse.connect().execute(COUNTS).fetchone() == (5, 5, 5)
    assert len(caught) == 1, "one for the quarter that is mixed"
    with silence():
        assert steps.warehouse.connect(quarter=QUARTER, newest=True).execute(COUNTS).fetchone() == (7, 7, 3)
        assert steps.warehouse.connect(newest=True).execute(COUNTS).fetchone() == (9, 9, 5)
        assert steps.warehouse.connect(quarter=OTHER).execute(COUNTS).fetchone() == (2, 2, 2)
        upstream = steps.warehouse.connect(quarter=QUARTER, tables=["firm_topics"])
        assert upstream.execute("SELECT count(*) FROM firm_topics").fetchone() == (7,)
    steps.second(QUARTER, "b")
    with silence():
        assert steps.warehouse.connect().execute(COUNTS).fetchone() == (9, 9, 9)


def test_a_step_that_was_killed_between_its_commits_is_not_shown(steps: Steps):
    """Both of its tables have the same inputs as before: only the runs tell them apart."""
    steps.first(QUARTER, 7, "b", tables=("firm_status",))
    with pytest.warns(
        MixedGenerationsWarning, match="belong to one step, but were not written by the same run"
    ):
        assert steps.warehouse.connect(quarter=QUARTER).execute(COUNTS).fetchone() == (3, 3, 3)


def test_a_table_made_on_demand_that_is_outdated_holds_no_other_back(steps: Steps):
    warehouse = steps.warehouse
    made = {
        "run_id": "b",
        "inputs": {"theme_topics": warehouse.quarter("theme_topics", QUARTER).provenance()},
    }
    warehouse.replace("theme_families", QUARTER, [TABLES["theme_families"].empty()], provenance=made)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert warehouse.connect(quarter=QUARTER).execute(COUNTS).fetchone() == (3, 3, 3)
    steps.both(QUARTER, 5, "c")
    for quarter, n in ((QUARTER, 5), (None, 5 + 2)):
        with pytest.warns(MixedGenerationsWarning) as told:
            shown = warehouse.connect(quarter=quarter).execute(COUNTS).fetchone()
        assert shown == (n, n, n)
        (said,) = (str(w.message) for w in told)
        assert "theme_families was made from other rows of theme_topics. Materialize theme_families" in said
        assert Path(told[0].filename) == Path(__file__)
    with pytest.warns(MixedGenerationsWarning, match="last complete generation"):
        warehouse.connect(quarter=QUARTER, tables=["theme_families"])
    with pytest.warns(MixedGenerationsWarning, match="last complete generation"):
        together = warehouse.together(QUARTER, ["theme_families", "theme_topics"])
    assert together["theme_topics"].read().num_rows == 3


def test_a_table_made_on_demand_is_never_shown_ahead_of_the_generation_that_others_are_shown_in(steps: Steps):
    """As a writer is between two steps: the others are shown as they were, and so is what was made from them."""
    warehouse = steps.warehouse

    def family(run: str) -> None:
        source = warehouse.quarter("firm_topics", QUARTER)
        values = {c.name: f"family {run}" if pa.types.is_string(c.type) else 0 for c in FAMILIES.own}
        made = {"run_id": run, "inputs": {"firm_topics": source.provenance()}}
        rows = pa.Table.from_pylist([values], schema=pa.schema([(c.name, c.type) for c in FAMILIES.own]))
        warehouse.replace("theme_families", QUARTER, [rows], provenance=made)

    family("a")
    steps.first(QUARTER, 7, "b")
    family("b")
    with pytest.warns(MixedGenerationsWarning, match="last complete generation") as told:
        connection = warehouse.connect(quarter=QUARTER)
    assert connection.execute(COUNTS).fetchone() == (3, 3, 3)
    assert connection.execute("SELECT family_id FROM theme_families").fetchall() == [("family a",)]
    assert len(told) == 1, "the families that are shown go with the rest"
    steps.second(QUARTER, "b")
    with silence():
        shown = warehouse.connect(quarter=QUARTER).execute("SELECT family_id FROM theme_families").fetchall()
    assert shown == [("family b",)]


@pytest.fixture
def chain(steps: Steps) -> Steps:
    """Three quarters, each made from those before it."""
    steps.both(OTHER, 2, "a", after=[QUARTER])
    steps.both(THIRD, 4, "a", after=[QUARTER, OTHER])
    with silence():
        assert rows_by_quarter(steps) == [(QUARTER, 3, 3), (OTHER, 2, 2), (THIRD, 4, 4)]
    return steps


def rows_by_quarter(steps: Steps, **how: object) -> list[tuple[object, ...]]:
    return steps.warehouse.connect(**how).execute(BY_QUARTER).fetchall()


def test_later_quarters_stay_if_they_go_with_the_generation_that_an_earlier_one_falls_back_to(chain: Steps):
    chain.both(QUARTER, 5, "b")
    chain.both(OTHER, 6, "b", after=[QUARTER])
    chain.both(THIRD, 7, "b", after=[QUARTER, OTHER])
    with silence():
        assert rows_by_quarter(chain) == [(QUARTER, 5, 5), (OTHER, 6, 6), (THIRD, 7, 7)]
    chain.second(QUARTER, "c", after=["1999Q4"])  # the same rows: what follows it still goes with it
    chain.first(QUARTER, 8, "c", tables=("firm_topics",))
    with pytest.warns(MixedGenerationsWarning) as told:
        shown = rows_by_quarter(chain)
    assert shown == [(QUARTER, 5, 5), (OTHER, 6, 6), (THIRD, 7, 7)]
    assert [str(w.message)[:26] for w in told] == ["2020Q1 is of mixed generat"]


def test_a_quarter_linked_to_rows_that_are_not_shown_falls_back_with_them_and_so_does_what_follows_it(
    chain: Steps,
):
    """Runs of the first quarter link the later ones to it, and are killed between two tables of one step."""
    steps = chain
    steps.first(QUARTER, 5, "b")
    steps.second(QUARTER, "b")
    steps.both(OTHER, 6, "b", after=[QUARTER])
    steps.second(THIRD, "b", after=[QUARTER, OTHER])
    steps.first(QUARTER, 9, "c", tables=("firm_status",))
    before = datetime.now(UTC)
    # The newest generation of the first quarter that is whole is the second, and all others go with it.
    with pytest.warns(MixedGenerationsWarning) as told:
        assert rows_by_quarter(steps) == [(QUARTER, 5, 5), (OTHER, 6, 6), (THIRD, 4, 4)]
    assert len(told) == 1
    # Now the later ones are linked to rows that are not shown: they go back to what they were made from those that are.
    steps.second(QUARTER, "d")
    steps.first(QUARTER, 1, "d", tables=("firm_topics",))
    steps.second(QUARTER, "d")
    steps.second(OTHER, "d", after=[QUARTER])
    steps.both(THIRD, 8, "d", after=[QUARTER, OTHER])
    with pytest.warns(MixedGenerationsWarning) as told:
        assert rows_by_quarter(steps) == [(QUARTER, 5, 5), (OTHER, 6, 6), (THIRD, 4, 4)]
    first, followers = (str(w.message) for w in told)
    assert first.startswith("2020Q1 is of mixed generations: firm_topics and firm_status belong to one step")
    assert "compare" not in first
    assert followers.startswith("Shown as they were before: 2020Q2 (of 20")
    assert "2020Q3 (of 20" in followers
    assert {Path(w.filename) for w in told} == {Path(__file__)}
    with silence():
        assert rows_by_quarter(steps, newest=True) == [(QUARTER, 1, 1), (OTHER, 6, 6), (THIRD, 8, 8)]
    with pytest.warns(MixedGenerationsWarning):
        assert rows_by_quarter(steps, as_of=before) == [(QUARTER, 5, 5), (OTHER, 6, 6), (THIRD, 4, 4)]
    with silence():
        assert rows_by_quarter(steps, quarter=THIRD) == [(THIRD, 8, 8)], "one quarter alone is its newest"


def test_quarters_of_which_no_state_goes_with_what_is_shown_are_named(chain: Steps):
    chain.first(QUARTER, 5, "b")
    chain.second(QUARTER, "b")
    chain.both(OTHER, 6, "b", after=[QUARTER])
    chain.both(THIRD, 7, "b", after=[QUARTER, OTHER])
    chain.first(QUARTER, 9, "c")
    chain.second(QUARTER, "c")
    chain.both(OTHER, 8, "c", after=[QUARTER])
    with pytest.warns(MixedGenerationsWarning) as told:
        assert rows_by_quarter(chain) == [(QUARTER, 9, 9), (OTHER, 8, 8), (THIRD, 7, 7)]
    (said,) = (str(w.message) for w in told)
    assert said.startswith("2020Q3 is of mixed generations: theme_topics was made from other rows of")
    assert said.endswith(
        "It was made from other rows of 2020Q1, 2020Q2 than are shown: do not compare their series."
    )


def test_a_later_quarter_that_never_went_with_the_generation_shown_is_named(steps: Steps):
    steps.first(QUARTER, 5, "b", tables=("firm_topics",))
    steps.second(QUARTER, "b")
    steps.second(OTHER, "b", after=[QUARTER])
    steps.both(THIRD, 4, "b", after=[QUARTER])
    with pytest.warns(MixedGenerationsWarning) as told:
        assert rows_by_quarter(steps) == [(QUARTER, 3, 3), (OTHER, 2, 2), (THIRD, 4, 4)]
    _, followers, strays = (str(w.message) for w in told)
    assert "2020Q2 (of 20" in followers, "it was there before it was made from the first"
    assert "2020Q3" not in followers
    assert strays == (
        "These quarters were made from newer rows of earlier ones than are shown: 2020Q3 of 2020Q1. No generation that "
        "goes with them is left, so do not compare their series."
    )


def test_a_table_made_on_demand_goes_with_what_is_shown_of_earlier_quarters(chain: Steps):
    def families() -> list[tuple[object, ...]]:
        sql = "SELECT quarter, family_id FROM theme_families ORDER BY quarter"
        return chain.warehouse.connect().execute(sql).fetchall()

    chain.families(THIRD, "a", after=[QUARTER, OTHER])
    chain.first(QUARTER, 5, "b", tables=("firm_topics",))
    chain.second(QUARTER, "b")
    chain.families(THIRD, "b", after=[QUARTER, OTHER])
    chain.families(OTHER, "b", after=[QUARTER])
    with pytest.warns(MixedGenerationsWarning) as told:
        assert families() == [(OTHER, "family b"), (THIRD, "family a")]
    said = [str(w.message) for w in told]
    assert [m for m in said if "theme_families" in m] == [
        "theme_families of 2020Q2: made from newer rows than are shown, and no state is left that goes with these."
    ]


def test_without_a_whole_generation_the_newest_rows_are_shown_with_a_warning(steps: Steps):
    steps.first(QUARTER, 7, "b")
    now = datetime.now(UTC) + timedelta(days=400)
    maintain(steps.warehouse, Policy(keep=timedelta(days=1), keep_last=1, now=now))
    with pytest.warns(MixedGenerationsWarning, match="views show its newest rows, as no complete generation"):
        assert steps.warehouse.connect(quarter=QUARTER).execute(COUNTS).fetchone() == (7, 7, 3)


def test_a_whole_generation_is_shown_after_other_quarters_were_written_and_old_snapshots_expired(
    steps: Steps,
):
    for i in range(3):
        steps.both(OTHER, 4 + i, f"c{i}")
    now = datetime.now(UTC) + timedelta(days=400)
    maintain(steps.warehouse, Policy(keep=timedelta(days=1), keep_last=1, now=now))
    steps.first(QUARTER, 7, "b")
    with pytest.warns(MixedGenerationsWarning, match="last complete generation"):
        assert steps.warehouse.connect().execute(COUNTS).fetchone() == (9, 9, 9)


def test_a_mixed_quarter_is_reported_by_verify_status_and_tag(steps: Steps):
    assert repair.verify(steps.warehouse, QUARTER) == (3, [])
    assert [(s.quarter, s.mixtures) for s in status(steps.warehouse)] == [(QUARTER, []), (OTHER, [])]
    steps.first(QUARTER, 7, "b")
    text = "theme_topics was made from other rows of firm_topics"
    assert repair.verify(steps.warehouse, QUARTER) == (
        3,
        [f"theme_topics {QUARTER}: {text}; materialize theme_topics"],
    )
    mixed, sound = status(steps.warehouse)
    assert [str(m) for m in mixed.mixtures] == [text]
    assert (mixed.to_materialize, mixed.is_complete, sound.mixtures) == (["theme_topics"], False, [])
    assert mixed.rows == {"firm_topics": 7, "firm_status": 7, "theme_topics": 3}
    assert "themes" in mixed.missing
    assert mixed.made_at > sound.made_at
    tagged = tags.tag(steps.warehouse, QUARTER, "v1")
    assert [str(m) for m in tags.mixtures(steps.warehouse, tagged)] == [text]


def test_a_mixed_quarter_is_noticed_at_a_tag_and_at_a_time_too(steps: Steps):
    tags.tag(steps.warehouse, QUARTER, "sound")
    steps.first(QUARTER, 7, "b")
    tags.tag(steps.warehouse, QUARTER, "mixed")
    with silence():
        whole = steps.warehouse.connect(as_of="sound")
    assert whole.execute(COUNTS).fetchone() == (3, 3, 3)
    said = "2020Q1 as of .* is of mixed generations: theme_topics was made from other rows of firm_topics"
    now = datetime.now(UTC)
    for as_of, rows in (("mixed", (7, 7, 3)), (now, (5, 5, 5)), (now.isoformat(), (5, 5, 5))):
        with pytest.warns(MixedGenerationsWarning, match=said) as warned:
            shown = steps.warehouse.connect(as_of=as_of).execute(COUNTS).fetchone()
        assert shown == rows, "a tag as it was set, a time as it was shown then"
        assert len(warned) == 1, "the other quarter is sound"
        assert warned[0].filename == __file__, "the warning points at the caller"
    with silence():
        assert steps.warehouse.connect(as_of=now, newest=True).execute(COUNTS).fetchone() == (9, 9, 5)
        steps.warehouse.connect(as_of=now, quarter=OTHER)
    steps.second(QUARTER, "b")
    with pytest.warns(MixedGenerationsWarning, match=said):
        assert steps.warehouse.connect(as_of=now, quarter=QUARTER).execute(COUNTS).fetchone() == (3, 3, 3)


def test_tables_read_together_are_of_one_generation(steps: Steps):
    names = ("firm_topics", "theme_topics")

    def rows(**how: object) -> list[int]:
        return [t.read().num_rows for t in steps.warehouse.together("2020q1", names, **how).values()]

    with silence():
        held = steps.warehouse.together(QUARTER, names)
        assert rows() == [3, 3]
    tags.tag(steps.warehouse, QUARTER, "sound")
    steps.first(QUARTER, 7, "b")
    tags.tag(steps.warehouse, QUARTER, "mixed")
    with pytest.warns(MixedGenerationsWarning, match="last complete generation") as warned:
        assert rows() == [3, 3]
    assert warned[0].filename == __file__
    with silence():
        assert rows(newest=True) == [7, 3]
        assert rows(as_of="sound") == [3, 3]
    with pytest.raises(WarehouseError, match="as of mixed is of mixed generations"):
        rows(as_of="mixed")
    steps.both(QUARTER, 5, "c")
    assert [t.read().num_rows for t in held.values()] == [3, 3], "later writes change nothing"
    with pytest.raises(WarehouseError, match="no quarter 2019Q4"):
        steps.warehouse.together("2019Q4", names)


def test_tables_are_not_read_together_if_no_complete_generation_is_left(steps: Steps):
    steps.first(QUARTER, 7, "b")
    now = datetime.now(UTC) + timedelta(days=400)
    maintain(steps.warehouse, Policy(keep=timedelta(days=1), keep_last=1, now=now))
    with pytest.raises(
        WarehouseError, match=r"Materialize theme_topics for 2020Q1.*no complete generation is left"
    ):
        steps.warehouse.together(QUARTER, ("firm_topics", "theme_topics"))
    assert steps.warehouse.together(QUARTER, ["firm_topics"])["firm_topics"].read().num_rows == 7


def test_a_step_repeated_within_its_run_is_told_from_its_first_attempt(steps: Steps):
    """It was killed between its two tables, the second time with other rows, as a model's replies may give."""
    made = {"run_id": "a", "inputs": {}, "together": list(TOPICS), "attempt": "1"}
    topics = steps.warehouse.read("firm_topics", OTHER).drop_columns(["quarter"])
    steps.warehouse.replace("firm_topics", OTHER, [topics.slice(0, 1)], provenance=made)
    with pytest.warns(MixedGenerationsWarning, match="were not written by the same run"):
        assert steps.warehouse.connect(quarter=OTHER).execute(COUNTS).fetchone() == (2, 2, 2)


def test_quarters_tagged_at_different_times_that_do_not_go_together_are_noticed(steps: Steps):
    steps.both(OTHER, 2, "a", after=[QUARTER])
    for quarter in (QUARTER, OTHER):
        tags.tag(steps.warehouse, quarter, "sound")
    tags.tag(steps.warehouse, QUARTER, "paper")
    steps.both(QUARTER, 5, "b")
    steps.both(OTHER, 6, "b", after=[QUARTER])
    later = tags.tag(steps.warehouse, OTHER, "paper")
    with silence():
        assert rows_by_quarter(steps, as_of="sound") == [(QUARTER, 3, 3), (OTHER, 2, 2)]
    said = r"^2020Q2 as of paper is of mixed generations: theme_topics was made from other rows of "
    said += r"theme_topics@2020Q1\. "
    with pytest.warns(MixedGenerationsWarning, match=said) as told:
        assert rows_by_quarter(steps, as_of="paper") == [(QUARTER, 3, 3), (OTHER, 6, 6)]
    assert len(told) == 1
    assert told[0].filename == __file__
    assert [m.source for m in tags.mixtures(steps.warehouse, later)] == [f"theme_topics@{QUARTER}"]
    with silence():
        assert rows_by_quarter(steps, as_of="paper", quarter=OTHER) == [(OTHER, 6, 6)], "it is whole alone"
    with pytest.raises(WarehouseError, match="2020Q2 as of paper is of mixed generations"):
        as_tagged(steps.warehouse.pin(), None, ["theme_topics"], "paper", strict=True)


def test_a_quarter_tagged_while_another_was_newer_goes_with_it_as_tagged(steps: Steps):
    steps.both(OTHER, 2, "a", after=[QUARTER])
    tags.tag(steps.warehouse, QUARTER, "paper")
    steps.both(QUARTER, 5, "b")
    tagged = tags.tag(steps.warehouse, OTHER, "paper")
    with silence():
        assert rows_by_quarter(steps, as_of="paper") == [(QUARTER, 3, 3), (OTHER, 2, 2)]
    assert tags.mixtures(steps.warehouse, tagged) == []
