"""The sample: the same firm every time, oddities in every 48 firms, varied text that splits as planted."""

from __future__ import annotations

import datetime as dt
from collections import Counter
from itertools import pairwise
from zoneinfo import ZoneInfo

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ftm_resources.sources.sample.corpus import SENTIMENTS, corpus
from ftm_resources.sources.sample.firms import BLOCK, Quarter, make_firm
from ftm_resources.sources.sample.generated import TRUTH, SampleSource, write
from ftm_resources.sources.sample.grammar import Dice, parse, say, sentence
from ftm_resources.sources.sample.speech import KINDS
from ftm_resources.tables.components import COMPONENTS

QUARTER = "2023Q1"
NEW_YORK = ZoneInfo("America/New_York")


def rows(tables) -> list[dict]:
    return pa.concat_tables(tables).to_pylist()


@pytest.fixture(scope="module")
def components() -> list[dict]:
    return rows(SampleSource().components(QUARTER))


@pytest.fixture(scope="module")
def truth() -> list[dict]:
    return rows(SampleSource().truth(QUARTER))


# grammar


def test_a_phrase_fills_slots_and_makes_choices() -> None:
    said = {
        say(parse("{a} [rose|fell [a lot|]]{b}"), {"a": "it", "b": (("",),)}, Dice(str(i))) for i in range(60)
    }
    assert said == {"it rose", "it fell", "it fell a lot"}


@pytest.mark.parametrize("text", ["a [b", "a b]", "{a", "a [b|c", "a}"])
def test_a_bracket_without_a_partner_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"partner|closed"):
        parse(text)


def test_a_slot_used_twice_is_filled_differently() -> None:
    scope = {"x": (("one",), ("two",))}
    assert {say(parse("{x} {x}"), scope, Dice(str(i))) for i in range(20)} == {"one two", "two one"}


def test_a_sentence_gets_one_mark() -> None:
    assert sentence("sales rose in the U.S.") == "Sales rose in the U.S."
    assert sentence("what about the U.S.", "?") == "What about the U.S.?"


def test_weight_zero_is_never_picked() -> None:
    picked = [Dice(str(i)).pick_several("abc", [1.0, 0.0, 3.0], 3) for i in range(50)]
    assert {tuple(sorted(p)) for p in picked} == {("a", "c")}


# quarters


@given(year=st.integers(2000, 2040), number=st.integers(1, 4))
def test_a_quarter_ends_where_the_next_begins(year: int, number: int) -> None:
    quarter = Quarter.parse(f"{year}Q{number}")
    following = Quarter.parse(f"{year + number // 4}Q{number % 4 + 1}")
    assert quarter.last_day + dt.timedelta(days=1) == following.first_day
    assert following.index == quarter.index + 1


@pytest.mark.parametrize("key", ["1999Q4", "2023Q5", "2023-Q1", "2023", ""])
def test_what_is_no_quarter_is_refused(key: str) -> None:
    with pytest.raises(ValueError, match="quarter"):
        next(SampleSource(1).components(key))


@settings(deadline=None, max_examples=20)
@given(index=st.integers(0, 10_000), year=st.integers(2000, 2026), number=st.integers(1, 4))
def test_any_firm_speaks_in_any_quarter_by_its_new_york_date(index: int, year: int, number: int) -> None:
    from ftm_resources.sources.sample.speech import make_transcripts

    quarter = Quarter.parse(f"{year}Q{number}")
    for transcript in make_transcripts(1, quarter, make_firm(1, index)):
        assert quarter.first_day <= transcript.at.astimezone(NEW_YORK).date() <= quarter.last_day
        assert all(turn.sentences for turn in transcript.turns)
        for said in (s for turn in transcript.turns for s in turn.sentences):
            assert said.text[0].isupper() or not said.text[0].isalpha()
            assert said.text[-1] in ".?"
            assert "  " not in said.text
            assert not set("{}|") & set(said.text)


# determinism


def test_a_firm_is_the_same_whatever_the_number_of_firms(components: list[dict]) -> None:
    few = rows(SampleSource(firms=3).components(QUARTER))
    assert few == components[: len(few)]


def test_another_seed_and_another_quarter_give_other_calls() -> None:
    samples = (
        SampleSource(2, 7).truth(QUARTER),
        SampleSource(2, 8).truth(QUARTER),
        SampleSource(2, 7).truth("2023Q2"),
    )
    said, *others = ({r["text"] for r in rows(s) if r["kind"] in {"theme", "firm_topic"}} for s in samples)
    for other in others:
        assert len(said & other) < 0.05 * len(said)


def test_a_firm_stays_itself_across_quarters(components: list[dict]) -> None:
    who = ("companyname", "gvkey", "permno", "ticker")
    now, before = (
        {r["companyid"]: tuple(r[c] for c in who) for r in said}
        for said in (components, rows(SampleSource().components("2020Q4")))
    )
    stayed = now.keys() & before.keys()
    assert {firm: now[firm] for firm in stayed} == {firm: before[firm] for firm in stayed}
    planted = [rows(SampleSource(12).truth(q)) for q in ("2022Q4", QUARTER)]
    both = set.intersection(*({r["companyid"] for r in said} for said in planted))
    topics = [{r["firm_topic"] for r in said if r["companyid"] in both} - {None} for said in planted]
    assert len(topics[0] & topics[1]) > 0.9 * len(topics[0])


def test_names_keys_and_tickers_of_5000_firms_are_unique() -> None:
    firms = [make_firm(7, i) for i in range(5_000)]
    for value in ("name", "company_id", "ticker"):
        assert len({getattr(f, value) for f in firms}) == 5_000, value


# contracts


def test_tables_match_their_schemas() -> None:
    for table, planted in SampleSource(30).batches(QUARTER):
        assert table.schema.equals(COMPONENTS)
        assert planted.schema.equals(TRUTH)
        for schema, rows_ in ((COMPONENTS, table), (TRUTH, planted)):
            assert not [f.name for f in schema if not f.nullable and rows_.column(f.name).null_count]


def test_truth_rebuilds_every_component(components: list[dict], truth: list[dict]) -> None:
    texts: dict[tuple, list[str]] = {}
    for row in truth:
        sentences = texts.setdefault((row["transcriptid"], row["componentorder"]), [])
        assert row["position"] == len(sentences)
        sentences.append(row["text"])
    assert {k: " ".join(v) for k, v in texts.items()} == {
        (r["transcriptid"], r["componentorder"]): r["componenttext"] for r in components
    }


def test_truth_says_what_each_sentence_is(truth: list[dict]) -> None:
    assert {r["kind"] for r in truth} == set(KINDS)
    assert {r["sentiment"] for r in truth} == set(SENTIMENTS)
    for row in truth:
        assert (row["theme_id"] is not None) == (row["kind"] == "theme") == (row["theme_name"] is not None)
        assert (row["firm_topic"] is not None) == (row["kind"] == "firm_topic")
        assert row["sentiment"] == "neutral" or row["kind"] in {"theme", "firm_topic"}


def test_a_component_has_a_speaker_that_fits_its_type(components: list[dict]) -> None:
    fits = {
        ("Presentation Operator Message", "Operator"),
        ("Presenter Speech", "Executives"),
        ("Question", "Analysts"),
        ("Answer", "Executives"),
        ("Question and Answer Operator Message", "Operator"),
    }
    assert {(r["componenttypename"], r["speakertypename"]) for r in components} == fits


# what was planted


def test_themes_cross_firms_and_each_firm_has_several(truth: list[dict]) -> None:
    firms_of, themes_of = {}, {}
    for row in truth:
        if row["theme_id"]:
            firms_of.setdefault(row["theme_id"], set()).add(row["companyid"])
            themes_of.setdefault(row["companyid"], set()).add(row["theme_id"])
    assert 24 <= len(firms_of) <= 40
    assert len([t for t, firms in firms_of.items() if len(firms) >= 2]) >= 24
    assert max(map(len, firms_of.values())) > 3 * min(map(len, firms_of.values()))
    assert sorted(map(len, themes_of.values()))[len(themes_of) // 2] >= 8


def test_popularity_drifts_over_the_years() -> None:
    shares = {}
    for quarter in ("2001Q1", "2021Q4", "2024Q4"):
        kinds = Counter(r["theme_id"] for r in rows(SampleSource(48).truth(quarter)) if r["theme_id"])
        shares[quarter] = {theme: n / kinds.total() for theme, n in kinds.items()}
    assert "ai" not in shares["2001Q1"]
    assert shares["2024Q4"]["ai"] > 2 * shares["2021Q4"].get("ai", 0)
    assert shares["2021Q4"]["freight"] > shares["2024Q4"].get("freight", 0)


def test_a_topic_is_not_one_template(truth: list[dict]) -> None:
    latest = {}
    for row in truth:  # one version of each call: earlier ones repeat it by design
        latest[row["companyid"], row["transcriptid"][:-1]] = row["transcriptid"]
    kept = set(latest.values())
    texts = [r["text"] for r in truth if r["transcriptid"] in kept and r["kind"] in {"theme", "firm_topic"}]
    assert len(set(texts)) > 0.97 * len(texts)
    openings = Counter(" ".join(text.split()[:4]) for text in texts)
    assert openings.most_common(1)[0][1] < 0.02 * len(texts)


def test_sentiment_leans_by_theme_and_by_firm(truth: list[dict]) -> None:
    value = {"positive": 1, "neutral": 0, "negative": -1}
    for key in ("theme_id", "companyid"):
        scores: dict[str, list[int]] = {}
        for row in truth:
            if row["kind"] == "theme":
                scores.setdefault(row[key], []).append(value[row["sentiment"]])
        means = sorted(sum(s) / len(s) for s in scores.values() if len(s) >= 50)
        assert means[0] < -0.1
        assert means[-1] > 0.3


def test_a_theme_is_spoken_about_in_runs(truth: list[dict]) -> None:
    same = [
        a["theme_id"] == b["theme_id"]
        for a, b in pairwise(truth)
        if a["theme_id"] and a["componentorder"] == b["componentorder"]
    ]
    assert sum(same) > 0.7 * len(same)


def test_a_sentence_splitter_recovers_the_planted_sentences(
    components: list[dict], truth: list[dict]
) -> None:
    import sentencex

    found = {
        (r["transcriptid"], r["componentorder"], s.strip())
        for r in components
        for s in sentencex.segment("en", r["componenttext"])
    }
    recovered = [(r["transcriptid"], r["componentorder"], r["text"]) in found for r in truth]
    assert sum(recovered) > 0.985 * len(recovered)


def test_every_phrase_of_the_corpus_can_be_said() -> None:
    """Each frame with each aspect: a slot that no scope knows raises KeyError."""
    texts, dice = corpus(), Dice("all")
    own = dict.fromkeys(("own", "thing", "place", "indication", "coined", "drug"), "Velora")
    people = ("ceo", "cfo", "ir", "first_ceo", "first_cfo", "first_ir", "person", "analyst", "first_analyst")
    call = dict.fromkeys((*people, "firm", "segment"), "Someone")
    at = dt.datetime(2023, 2, 14, 14, tzinfo=dt.UTC)
    scope = {**texts.words, **Quarter.parse(QUARTER).words(at), **call, **own}
    frames = [claim.phrase for claims in texts.claims.values() for claim in claims]
    frames += [phrase for section in texts.lines.values() for lines in section.values() for phrase in lines]
    aspects = [a for t in texts.themes for a in t.aspects] + [k.aspect for k in texts.subject_kinds]
    for aspect in aspects:
        for phrase in (*frames, *(p for phrases in aspect.values() for p in phrases)):
            assert say(phrase, {**scope, **aspect}, dice)


# oddities


@pytest.mark.parametrize("seed", [7, 11])
def test_48_firms_hold_every_oddity(seed: int) -> None:
    truth = rows(SampleSource(BLOCK, seed).truth(QUARTER))
    components = rows(SampleSource(BLOCK, seed).components(QUARTER))
    calls = {r["transcriptid"]: r for r in components}
    versions = Counter(r["keydevid"] for r in calls.values())
    assert {2, 3} <= set(versions.values())
    several = [r["transcriptcollectiontypename"] for r in calls.values() if versions[r["keydevid"]] > 1]
    assert set(several) == {"Spellchecked Copy", "Edited Copy", "Proofed Copy"}
    events = Counter(r["companyid"] for r in {c["keydevid"]: c for c in calls.values()}.values())
    assert max(events.values()) == 2
    assert any(r["permno"] is None for r in components)
    assert any(not r["companyname"].isascii() for r in components)
    assert any(not r["transcriptpersonname"].isascii() for r in components)
    lengths = Counter(r["transcriptid"] for r in truth)
    assert 5 <= min(lengths.values()) <= 10
    assert max(lengths.values()) > 1_000
    kinds: dict[str, set[str]] = {}
    for row in truth:
        kinds.setdefault(row["companyid"], set()).add(row["kind"])
    assert any(k <= {"procedural", "filler"} for k in kinds.values())
    late = [r for r in calls.values() if r["mostimportantdateutc"].month == 4]
    assert late
    assert {r["mostimportantdateutc"].astimezone(NEW_YORK).date() for r in late} == {dt.date(2023, 3, 31)}


def test_an_earlier_version_differs_a_little(components: list[dict]) -> None:
    by_event: dict[str, dict[str, list[str]]] = {}
    for r in components:
        by_event.setdefault(r["keydevid"], {}).setdefault(r["transcriptid"], []).append(r["componenttext"])
    versions = [list(v.values()) for v in by_event.values() if len(v) > 1]
    assert versions
    for texts in versions:
        *earlier, last = texts
        assert "[indiscernible]" not in " ".join(last)
        for text in earlier:
            same = sum(a == b for a, b in zip(text, last, strict=True))
            assert 0 < same < len(last)


# files


def test_files_hold_the_same_calls_in_capital_iq_columns(tmp_path, components: list[dict]) -> None:
    source = SampleSource()
    n_sentences = write(source, [QUARTER], tmp_path)
    calls = pq.read_table(tmp_path / "calls")
    assert calls.column("componenttext").to_pylist() == [r["componenttext"] for r in components]
    assert calls.schema.field("companyid").type == pa.int64()
    assert calls.schema.field("mostimportantdateutc").type == pa.timestamp("us")
    keys = calls.column("transcriptcomponentid").to_pylist()
    assert len(set(keys)) == len(keys)
    assert pq.read_table(tmp_path / "truth" / "sentences").num_rows == n_sentences
    assert pq.read_table(tmp_path / "truth" / "series").equals(source.series(QUARTER))


def test_several_files_of_500_firms_and_no_mixing_of_samples(tmp_path, monkeypatch) -> None:
    monkeypatch.setattr("ftm_resources.sources.sample.generated.FILE_FIRMS", 25)
    write(SampleSource(60), ["2022Q4", QUARTER], tmp_path)
    assert [p.name for p in sorted((tmp_path / "calls").iterdir())] == [
        f"{quarter}-{i:04d}.parquet" for quarter in ("2022Q4", QUARTER) for i in range(3)
    ]
    with pytest.raises(FileExistsError, match="not empty"):
        write(SampleSource(60), [QUARTER], tmp_path)


def test_a_quarter_is_the_same_whichever_are_written_beside_it(tmp_path) -> None:
    source = SampleSource(3)
    write(source, ["2024Q1", "2024Q2"], tmp_path / "both")
    write(source, ["2024Q2"], tmp_path / "one")
    for folder in ("calls", "truth/sentences", "truth/series"):
        both, one = (tmp_path / where / folder for where in ("both", "one"))
        for file in one.iterdir():
            assert file.read_bytes() == (both / file.name).read_bytes()


def test_there_are_no_more_firms_than_ids() -> None:
    with pytest.raises(ValueError, match="at most 11000 firms"):
        SampleSource(11_001)
