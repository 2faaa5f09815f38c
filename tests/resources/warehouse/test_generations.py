"""Whether a quarter's tables belong together, judged on what their writes say of themselves."""

import json
from collections.abc import Callable, Mapping, Sequence
from itertools import count

from hypothesis import given
from hypothesis import strategies as st

from ftm_resources.quarters import preceding
from ftm_resources.tables import QUARTERLY
from ftm_resources.warehouse.generations import last_sound, mixtures, to_materialize
from ftm_resources.warehouse.snapshots import NEVER_WRITTEN, Write, source_of

STEPS: Sequence[tuple[tuple[str, ...], tuple[str, ...]]] = (
    (("transcripts", "transcript_audit", "firm_attributes"), ()),
    (("sentences",), ("transcripts",)),
    (("sentence_embeddings",), ("sentences",)),
    (("sentence_kinds",), ("sentences", "sentence_embeddings")),
    (
        ("firm_topics", "sentence_topics", "firm_status"),
        ("transcripts", "sentences", "sentence_embeddings", "sentence_kinds"),
    ),
    (("topic_summaries", "topic_naming_audit"), ("firm_topics", "sentences", "transcripts")),
    (("themes", "theme_topics", "theme_naming_audit"), ("topic_summaries", "firm_topics", "transcripts")),
    (("sentence_sentiment",), ("sentences", "sentence_kinds")),
    (
        ("theme_sentences", "topic_coherence", "theme_coherence"),
        ("themes", "theme_topics", "topic_summaries", "sentence_topics", "sentences", "sentence_embeddings"),
    ),
    (
        ("sentiment_scores", "sentiment_cells"),
        ("theme_sentences", "sentence_sentiment", "sentences", "transcripts"),
    ),
    (
        ("theme_profiles", "theme_links", "theme_relatives", "series_events", "theme_series"),
        ("themes", "theme_topics", "topic_summaries"),
    ),
    (
        ("pinned_theme_links", "pinned_topic_links", "pinned_coverage"),
        ("themes", "theme_topics", "topic_summaries", "firm_topics", "sentence_topics", "sentences"),
    ),
    (
        ("topic_quality",),
        ("sentences", "firm_topics", "sentence_topics", "themes", "theme_topics", "theme_coherence"),
    ),
    (("firm_theme_sentiment",), ("themes", "sentiment_scores")),
    (("theme_sentiment",), ("themes", "sentiment_scores")),
    *(
        (
            (panel,),
            (
                *("firm_status", "sentence_kinds", "sentence_sentiment", "sentences", "theme_links"),
                *("theme_sentences", "theme_coherence", "transcripts", *scores),
            ),
        )
        for panel, scores in (("firm_theme_panel", ("sentiment_scores",)), ("call_theme_panel", ()))
    ),
    (("theme_panel",), ("firm_theme_panel", "theme_links")),
    *(
        (
            (panel,),
            (
                *("firm_status", "sentence_kinds", "sentence_sentiment", "sentences", "sentence_topics"),
                *(
                    "theme_sentences",
                    "transcripts",
                    "pinned_theme_links",
                    "pinned_topic_links",
                    "pinned_coverage",
                ),
            ),
        )
        for panel in ("firm_pinned_panel", "call_pinned_panel")
    ),
    (("daily_returns", "factor_returns"), ("transcripts",)),
    (("abnormal_returns",), ("transcripts", "daily_returns", "factor_returns")),
    (("fundamentals", "controls"), ("transcripts", "abnormal_returns", "daily_returns", "factor_returns")),
    (
        ("portfolio_members", "portfolio_returns", "portfolio_sorts"),
        ("sentiment_scores", "theme_links", "abnormal_returns", "daily_returns", "factor_returns"),
    ),
    (
        ("coverage",),
        (
            "transcript_audit",
            "sentences",
            "sentence_topics",
            "theme_topics",
            "theme_sentences",
            "sentiment_scores",
        ),
    ),
)
"""What a run of the quarter writes, step by step: (tables, inputs)."""


class Quarter:
    """The writes of a quarter, as steps of runs would leave them."""

    def __init__(self) -> None:
        self.now: dict[str, Write] = {}
        self.histories: dict[str, list[Write]] = {}
        self.states: list[dict[str, Write]] = []
        self._clock = count(1)

    def commit(
        self, table: str, run: str, *, inputs: Sequence[str] = (), together: Sequence[str] = ()
    ) -> None:
        """Write a table whose content is its run's."""
        at = next(self._clock)
        properties = {
            "quarter": "2020Q1",
            "content": f"{table} of {run}",
            "run_id": run,
            "inputs": json.dumps({i: {"content": self.now[i].content} for i in inputs}),
        }
        if len(together) > 1:
            properties["together"] = json.dumps(list(together))
        write = Write(at, at, at * 1000, properties)
        self.now = {**self.now, table: write}
        self.histories.setdefault(table, []).append(write)
        self.states.append(self.now)

    def run(self, run: str, *steps: str) -> None:
        """Run these steps, by their first tables; all without any."""
        for tables, inputs in STEPS:
            if not steps or set(tables) & set(steps):
                for table in tables:
                    self.commit(table, run, inputs=inputs, together=tables)

    def mixed(self, *of: str) -> set[tuple[str, str]]:
        return {(m.table, m.source) for m in mixtures(of or self.now, self.now.get)}

    def to_materialize(self, *of: str) -> list[str]:
        names = list(of or self.now)
        return to_materialize(mixtures(names, self.now.get), names, self.now.get)


def test_a_run_of_the_whole_quarter_is_of_one_generation_after_each_of_its_steps():
    assert {t for tables, _ in STEPS for t in tables} == set(QUARTERLY)
    quarter = Quarter()
    for tables, _ in STEPS:
        quarter.run("a", tables[0])
        assert quarter.mixed() == set()
    assert quarter.to_materialize() == []


def test_topics_made_again_leave_what_was_made_from_the_old_ones():
    quarter = Quarter()
    quarter.run("a")
    quarter.run("b", "firm_topics")
    assert ("theme_topics", "firm_topics") in quarter.mixed("sentiment_scores")
    assert quarter.to_materialize("theme_topics", "sentence_topics") == ["topic_summaries", "themes"]
    scores = ["topic_summaries", "themes", "theme_topics", "theme_sentences", "sentiment_scores"]
    assert quarter.to_materialize("sentiment_scores") == scores, (
        "what the scores wait for, if all are selected"
    )
    marts = [
        "theme_links",
        "portfolio_members",
        "pinned_theme_links",
        "pinned_topic_links",
        "pinned_coverage",
        "topic_quality",
        "firm_theme_sentiment",
        "theme_sentiment",
        "firm_theme_panel",
        "call_theme_panel",
        "firm_pinned_panel",
        "call_pinned_panel",
        "theme_panel",
        "coverage",
    ]
    assert quarter.to_materialize() == [*scores[:-1], "theme_coherence", scores[-1], *marts]
    assert quarter.mixed("firm_topics", "sentence_sentiment", "sentences") == set(), "upstream all is well"


def test_what_to_materialize_makes_the_quarter_one_again_whatever_was_made_again():
    for tables, _ in STEPS:
        quarter = Quarter()
        quarter.run("a")
        quarter.run("b", tables[0])
        quarter.run("c", *quarter.to_materialize())
        assert quarter.mixed() == set(), tables


def test_the_same_rows_made_again_mix_nothing():
    quarter = Quarter()
    quarter.run("a")
    quarter.run("b", "sentences")
    same = quarter.now["sentences"].properties | {"content": "sentences of a"}
    quarter.now["sentences"] = Write(99, 99, 99, same)
    assert quarter.mixed() == set()


def test_tables_of_one_step_written_by_two_runs_do_not_belong_together():
    """A run that was killed between two commits; its tables have the same inputs as those it did not reach."""
    quarter = Quarter()
    quarter.run("a")
    tables, inputs = STEPS[6]
    quarter.commit("themes", "b", inputs=inputs, together=tables)
    assert ("themes", "theme_topics") in quarter.mixed()
    assert "themes" in quarter.to_materialize()
    assert "theme_naming_audit" not in quarter.to_materialize(), "nothing waits for it, and its step is named"
    quarter.run("c", *quarter.to_materialize())
    assert quarter.mixed() == set()


def test_a_table_of_a_step_that_was_never_written_is_missed():
    quarter = Quarter()
    quarter.run("a", "transcripts", "sentences", "sentence_embeddings", "sentence_kinds")
    tables, inputs = STEPS[4]
    quarter.commit("firm_topics", "a", inputs=inputs, together=tables)
    assert quarter.mixed() == {("firm_topics", "sentence_topics"), ("firm_topics", "firm_status")}


def test_an_input_that_is_gone_is_to_be_materialized_too():
    quarter = Quarter()
    quarter.run("a")
    quarter.now.pop("sentence_embeddings")
    assert ("firm_topics", "sentence_embeddings") in quarter.mixed()
    assert quarter.to_materialize()[:3] == ["sentence_embeddings", "sentence_kinds", "firm_topics"]


def test_the_last_whole_generation_is_the_one_before_the_first_commit_of_the_next():
    quarter = Quarter()
    quarter.run("a")
    whole = quarter.now
    for tables, _ in STEPS[4:]:
        quarter.run("b", tables[0])
        found = last_sound(quarter.histories)
        assert found == (quarter.now if tables == STEPS[-1][0] else whole), tables


def test_a_first_run_that_is_half_done_is_no_fallback_for_itself():
    quarter = Quarter()
    quarter.run(
        "a",
        *(
            "transcripts",
            "sentences",
            "sentence_embeddings",
            "sentence_kinds",
            "firm_topics",
            "topic_summaries",
        ),
    )
    quarter.run("b", "sentence_embeddings")
    found = last_sound(quarter.histories)
    assert found is not None
    assert {w.run_id for w in found.values()} == {"a"}
    quarter.commit(
        "topic_quality", "b", inputs=("sentence_embeddings", "firm_topics")
    )  # made from the mixture
    assert last_sound(quarter.histories) is None


def test_a_clock_that_was_set_back_does_not_hide_the_last_whole_generation():
    quarter = Quarter()
    quarter.run("a")
    whole = quarter.now
    quarter.run("b", "firm_topics")
    histories = {
        name: [
            w if w.run_id == "a" else Write(w.snapshot_id, w.sequence_number, 1, w.properties) for w in writes
        ]
        for name, writes in quarter.histories.items()
    }
    assert last_sound(histories) == whole


@given(st.lists(st.sampled_from([tables[0] for tables, _ in STEPS]), max_size=8))
def test_whatever_is_made_again_what_is_shown_is_whole_and_what_is_advised_mends_it(again: list[str]):
    quarter = Quarter()
    quarter.run("a")
    for i, step in enumerate(again):
        quarter.run(f"b{i}", step)
    shown = last_sound(quarter.histories)
    assert shown is not None
    assert set(shown) == set(QUARTERLY)
    assert_whole(shown)
    quarter.run("c", *quarter.to_materialize())
    assert_whole(quarter.now)


def assert_whole(state: Mapping[str, Write]) -> None:
    """By hand: every recorded input is there with that content, every sibling of the same run."""
    for name, write in state.items():
        for source, content in write.inputs.items():
            assert state[source].content == content, (name, source)
        for sibling in write.together:
            assert state[sibling].run_id == write.run_id, (name, sibling)


class Chain:
    """A table of several quarters, each made from that of the quarter before and from one of its own."""

    def __init__(self, *quarters: str) -> None:
        self.now: dict[str, Write] = {}
        for quarter in quarters:
            self.commit(f"themes@{quarter}", "a")
        for quarter in quarters:
            self.link(quarter, "a")

    def commit(self, key: str, run: str, *, inputs: Sequence[str] = (), within: str = "") -> None:
        named = {i.removesuffix(f"@{within}"): {"content": self.content(i)} for i in inputs}
        properties = {"content": f"{key} of {run}", "run_id": run, "inputs": json.dumps(named)}
        self.now[key] = Write(1, 1, 1, properties)

    def content(self, key: str) -> str:
        return self.now[key].content if key in self.now else NEVER_WRITTEN

    def link(self, quarter: str, run: str) -> None:
        before = f"theme_series@{preceding(quarter)}"
        self.commit(f"theme_series@{quarter}", run, inputs=[f"themes@{quarter}", before], within=quarter)

    def present(self, quarter: str) -> Callable[[str], Write | None]:
        return lambda key: self.now.get("@".join(source_of(key, quarter)))

    def mixed(self, quarter: str) -> list[str]:
        return [str(m) for m in mixtures(["theme_series"], self.present(quarter))]

    def to_materialize(self, quarter: str) -> list[str]:
        present = self.present(quarter)
        return to_materialize(mixtures(["theme_series"], present), ["theme_series"], present)


def test_an_input_of_another_quarter_is_compared_too():
    chain = Chain("2020Q1", "2020Q2")
    assert chain.mixed("2020Q2") == []
    chain.commit("themes@2020Q1", "b")
    chain.link("2020Q1", "b")
    assert chain.mixed("2020Q1") == []
    assert chain.mixed("2020Q2") == ["theme_series was made from other rows of theme_series@2020Q1"]
    assert chain.to_materialize("2020Q2") == ["theme_series"]


def test_while_another_quarter_is_made_again_this_one_stays_of_one_generation():
    chain = Chain("2020Q1", "2020Q2")
    chain.commit("themes@2020Q1", "b")
    assert chain.mixed("2020Q1") == ["theme_series was made from other rows of themes"]
    assert chain.mixed("2020Q2") == []


def test_a_chain_that_was_rebuilt_in_part_is_found_from_its_end():
    chain = Chain("2020Q1", "2020Q2", "2020Q3", "2020Q4")
    chain.link("2020Q1", "b")
    chain.link("2020Q2", "b")
    assert chain.mixed("2020Q2") == []
    assert chain.mixed("2020Q4") == ["theme_series@2020Q3 was made from other rows of theme_series@2020Q2"]
    assert chain.to_materialize("2020Q4") == ["theme_series@2020Q3", "theme_series"]


def test_a_quarter_that_came_later_makes_outdated_what_found_nothing_there():
    chain = Chain("2020Q2")
    assert chain.mixed("2020Q2") == []
    chain.commit("themes@2020Q1", "b")
    assert chain.mixed("2020Q2") == []
    chain.link("2020Q1", "b")
    assert chain.mixed("2020Q2") == ["theme_series was made before theme_series@2020Q1 existed"]
    del chain.now["theme_series@2020Q1"]
    assert chain.mixed("2020Q2") == [], "as when it was made"


def test_an_input_of_another_quarter_that_is_gone_is_to_be_materialized_there():
    chain = Chain("2020Q1", "2020Q2")
    del chain.now["theme_series@2020Q1"]
    assert chain.mixed("2020Q2") == ["theme_series was made from theme_series@2020Q1, which no longer exists"]
    assert chain.to_materialize("2020Q2") == ["theme_series@2020Q1", "theme_series"]


def test_what_changed_in_another_quarter_takes_back_nothing_of_this_one():
    chain = Chain("2020Q1", "2020Q2")
    chain.link("2020Q1", "b")
    now = {"themes": chain.now["themes@2020Q2"], "theme_series": chain.now["theme_series@2020Q2"]}
    histories = {
        name: [Write(0, 0, 0, {"content": "old", "run_id": "0"}), write] for name, write in now.items()
    }
    assert last_sound(histories) == now
