"""Normalising: what other programs do to a text, and that nothing of what was said is lost."""

import random
import re
import textwrap
import unicodedata

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ftm_assets.methods.text.kinds import judge
from ftm_assets.methods.text.normalising import normalise, normalised
from ftm_assets.methods.text.sentence_splitting import split
from ftm_resources.models.lexicon import count_words

TRICKY = "aB1é £$&;#<>/[]()\\-–•.:!?'’`\"“ \n\r\t\xa0\u2009\u200b\u00ad\ufeff\u200d\x92\x85â€™Ãnbsampgt３Ａﬁ販\ufffd"
MARKED = (
    "Thank you, Mary, and good morning. [ph] (inaudible) &amp;#39; <br/> <p> â€™ &lt;i&gt; \n\n - 1. 2) • "
)


def _components(texts: list[str], **columns: list) -> pa.Table:
    n = len(texts)
    given = {
        "transcriptid": ["1"] * n,
        "companyname": ["Acme Inc"] * n,
        "ticker": ["ACME"] * n,
        "transcriptpersonname": ["Jane Doe"] * n,
        "headline": ["Q4 Call"] * n,
        "componenttext": texts,
    }
    return pa.table({k: pa.array(v, pa.string()) for k, v in (given | columns).items()})


@pytest.mark.parametrize(
    ("raw", "expected"),
    [
        # entities
        ("We didn&#39;t grow.", "We didn't grow."),
        ("We didn&amp;#39;t grow.", "We didn't grow."),
        ("We didn&amp;amp;rsquo;t grow.", "We didn't grow."),
        ("We didn&#146;t, &#x2019;tis &quot;so&quot;", "We didn't, 'tis \"so\""),
        ("up&nbsp;5%&nbsp and &euro;3&hellip;", "up 5% and €3…"),
        ("R&D, AT&T; S&P; Q&A; P&L; SG&A &c. R&amp;D", "R&D, AT&T; S&P; Q&A; P&L; SG&A &c. R&D"),
        ("revenue < $5 and > $3; a<b, b>c", "revenue < $5 and > $3; a<b, b>c"),
        ("revenue &lt; $5", "revenue < $5"),
        # tags
        ("<p>One.</p><p>Two<br/>three.</p>", "One.\n\nTwo three."),
        ('the <i>first</i>, 1<sup>st</sup> <a href="x">link</a><!-- no -->', "the first, 1st link"),
        ("One.&lt;br/&gt;&lt;br&gt;Two.", "One.\n\nTwo."),
        ("<ul><li>Growth</li><li>Margin</li></ul>", "Growth\n\nMargin"),
        # encodings
        ("We didnâ€™t grow.", "We didn't grow."),
        ("â€œYesâ€\x9d he said, â€œnoâ€ and â€¦ Â£5, SociÃ©tÃ©", '"Yes" he said, "no" and … £5, Société'),
        ("didn\x92t \x93x\x94", 'didn\'t "x"'),
        ("We didn\ufffdt grow.", "We didn't grow."),
        ("We didn?t grow.", "We didn?t grow."),
        ("didn\\u2019t \\'x\\'", "didn't 'x'"),
        ("e\u0301te\u0301", "été"),
        ("ﬁrst proﬁt １２３％ ＡＢＣ", "first profit 123% ABC"),
        # quotation marks, hyphens
        ("didn’t “so” didn‘t didn´t didn`t didnʼt", "didn't \"so\" didn't didn't didn't didn't"),
        ("forward‑looking −3%", "forward-looking -3%"),
        # blanks
        ("a\xa0b\u2009c \t d\u3000e\u202ff", "a b c d e f"),
        ("\ufeffearnings \u00adup\u2060", "earnings up"),
        (
            "We did not\u200bgrow. Margins\u2060fell.\u200bCosts\ufeffrose.",
            "We did not grow. Margins fell. Costs rose.",
        ),
        ("売上\u200b増加, 5\u200b%", "売上増加, 5%"),
        ("nul\x00 bell\x07", "nul bell"),
        # lines
        ("We grew\nin Asia.\r\nAnd here.", "We grew in Asia. And here."),
        (
            "Growth came in\n2023. We add clients.\n2024. Fine.",
            "Growth came in 2023. We add clients. 2024. Fine.",
        ),
        (
            "forward-\nlooking, COVID-\n19, non-\nGAAP, year-\nover-year",
            "forward-looking, COVID-19, non-GAAP, year-over-year",
        ),
        ("the admini-\nthe re-\nresold I-\nuh", "the admini- the re- resold I- uh"),
        ("soft\u00ad\nware", "software"),
        ("販売が\n増えた。", "販売が増えた。"),
        ("Outlook\n\nWe grew", "Outlook\n\nWe grew"),
        ("One.\r\n\r\n\r\nTwo.\u2029Three.", "One.\n\nTwo.\n\nThree."),
        # lists
        ("Highlights:\n• Sales rose\n• Margin\n  fell", "Highlights:\n\nSales rose\n\nMargin fell"),
        ("We saw: \uf0b7 one ● two", "We saw:\n\none\n\ntwo"),
        ("- one\n- two\n- three", "- one\n\n- two\n\n- three"),
        ("we grew\n- slowly - here", "we grew - slowly - here"),
        ("First:\n1) one\n2) two", "First:\n\n1) one\n\n2) two"),
        ("We are in phase\n3. It works", "We are in phase 3. It works"),
        # nothing said
        ("[Foreign Language]", ""),
        (" \xa0\n", ""),
        ("…", ""),
        ("", ""),
    ],
)
def test_a_text_reads_as_it_was_said(raw, expected):
    table = normalise(_components([raw]))
    assert table["componenttext"].to_pylist() == [expected]
    assert table["verbatim"].to_pylist() == [raw]


def test_rows_keep_their_order_and_their_columns():
    raw = ["One\xa0two.", "[ph]", "Plain.", "It’s", "&amp;"]
    table = _components(raw, transcriptid=["2", "1", "2", "1", "3"])
    done = normalise(table)
    assert done["componenttext"].to_pylist() == ["One two.", "", "Plain.", "It's", ""]
    assert done["verbatim"].to_pylist() == raw
    assert done.drop(["verbatim", "componenttext"]).equals(table.drop(["componenttext"]))
    assert done.column_names == [*table.column_names, "verbatim"]


def test_names_and_headlines_are_normalised_on_one_line_and_never_lost():
    raw = ["AT&amp;T Inc.&nbsp;", "Macy&#39;s,\nInc.", "ZoÃ«", "—", "<b>Doe</b>  (ph)", ""]
    normal = ["AT&T Inc.", "Macy's, Inc.", "Zoë", "—", "Doe", ""]
    for column in ("companyname", "transcriptpersonname", "headline"):
        table = _components(["x"] * 7, **{column: [*raw, None]})
        assert normalise(table)[column].to_pylist() == [*normal, None]


def test_no_rows_are_no_rows():
    assert normalise(_components([])).num_rows == 0
    assert normalise(_components(["x"]).slice(1)).num_rows == 0


def test_chunks_and_slices_are_read_from_their_place():
    table = pa.concat_tables([_components(["A\xa0b.", "C."]), _components(["It’s.", "D\n\nE."])])
    assert normalise(table.slice(1))["componenttext"].to_pylist() == ["C.", "It's.", "D\n\nE."]


@given(
    st.text()
    | st.text(alphabet=TRICKY, max_size=80)
    | st.lists(st.sampled_from(MARKED.split(" "))).map(" ".join)
)
def test_normalising_twice_changes_nothing(text):
    once = normalise(_components([text]))
    again = normalise(once.drop(["verbatim"]))
    assert again["componenttext"].to_pylist() == once["componenttext"].to_pylist()


@given(st.text(alphabet=st.characters(exclude_characters="&<\\[({*［【（", exclude_categories=["Cs"])))
def test_no_letter_or_digit_is_lost(text):
    (done,) = normalise(_components([text]))["componenttext"].to_pylist()
    if any(0x80 <= ord(c) < 0x100 for c in text):  # may be misread UTF-8
        return

    def said(t: str) -> str:
        return "".join(c for c in unicodedata.normalize("NFKC", t).casefold() if c.isalnum())

    assert said(done) == said(text)


@given(st.text(alphabet="ab 1.,\n-•[](ph)sic…", max_size=60))
def test_only_whole_boundaries_are_left_of_line_breaks(text):
    done = normalised(text)
    assert "\n" not in done.replace("\n\n", "")
    assert "\n\n\n" not in done
    assert "  " not in done
    assert done == done.strip()


# What a program that writes or reads a file does to a text.
DAMAGES = {
    "blanks": lambda text, draw: re.sub(
        " ", lambda _: draw.choice(["\xa0", "\u2009", "  ", " \xa0", "\t"]), text
    ),
    "wrapped": lambda text, _: textwrap.fill(text, 72, break_on_hyphens=False, break_long_words=False),
    "entities": lambda text, _: text.replace("&", "&amp;").replace("'", "&#39;").replace("…", "&hellip;"),
    "twice": lambda text, _: text.replace("&", "&amp;amp;").replace("'", "&amp;#39;").replace(" ", "&nbsp;"),
    "misread": lambda text, _: text.replace("'", "’").encode().decode("cp1252"),
    "curly": lambda text, _: text.replace("'", "’"),
    "html": lambda text, _: "<p>" + text.replace("&", "&amp;").replace(". ", ".<br/>") + "</p>",
}


@pytest.fixture(scope="module")
def turns(earnings21):
    """Speaker turns of three real calls."""
    table = pq.read_table(earnings21)
    calls = table["transcriptid"].unique()[:3]
    kept = table.filter(
        pc.and_(pc.is_in(table["transcriptid"], calls), pc.not_equal(table["speakertypename"], "Operator"))
    )
    texts = kept["componenttext"].to_pylist()
    # Where a speaker breaks off, a line that ends there cannot be told from one that ends in a compound.
    return [re.sub(r"(\w)-+ ", r"\1, ", text) for text in texts]


def _judged(texts: list[str]) -> tuple[list[str], list[list[float]], list[list[int]]]:
    pieces = [(str(i), piece) for i, text in enumerate(texts) for piece in split(text)]
    turns, said = [i for i, _ in pieces], [piece for _, piece in pieces]
    table = pa.table({"component_id": turns, "transcript_id": ["1"] * len(turns), "text": said})
    return said, judge(table).tolist(), count_words(said).tolist()


@pytest.fixture(scope="module")
def judged(turns):
    return _judged(turns)


@pytest.mark.parametrize("damage", DAMAGES)
def test_sentences_marks_and_sentiment_of_real_calls_survive(turns, judged, damage):
    draw = random.Random(11)
    damaged = [DAMAGES[damage](text, draw) for text in turns]
    assert damaged != turns
    done = normalise(_components(damaged, transcriptid=[str(i) for i in range(len(turns))]))[
        "componenttext"
    ].to_pylist()
    assert done == turns
    assert _judged(done) == judged


def test_undamaged_real_calls_are_kept_as_they_are(earnings21):
    table = pq.read_table(earnings21)
    done = normalise(table.set_column(3, "transcriptid", table["transcriptid"].cast(pa.string())))
    texts = zip(table["componenttext"].to_pylist(), done["componenttext"].to_pylist(), strict=True)
    assert [(a, b) for a, b in texts if " ".join(a.split()) != b] == []


def test_nested_escapes_and_open_brackets_are_read_in_one_pass():
    assert normalised("a" + "&" + "amp;" * 50_000 + "#39;s") == "a's"
    for text in (
        "[ph " * 20_000,
        "(" * 50_000,
        "<" * 50_000,
        "&" * 50_000,
        " \n" * 50_000 + "a",
        "a-\n" * 20_000,
    ):
        assert "".join(c for c in normalised(text) if c.isalnum()) == "".join(c for c in text if c.isalnum())
