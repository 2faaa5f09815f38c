"""Transcripts typed in capitals become sentence case, others stay as they are."""

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ftm_assets.methods.text.capitals import FEWEST_LETTERS, in_sentence_case, sentence_case
from ftm_assets.methods.text.kinds import is_procedural, judge
from ftm_assets.methods.text.sentence_splitting import split

LONG = "REVENUE ROSE BECAUSE OF STRONG DEMAND FOR PUMPS IN EVERY REGION. " * 5
MIXED = (
    "EBITDA, EPS, ROIC and FCF rose; GAAP EPS was $1. The CEO, CFO and COO met the SEC, FDA, FTC, DOJ and EPA on "
    "AFM13, CAR-T, mRNA, DSUVIA, the ABC and XYZ plans, NAREIT FFO, LIBOR, OPEC and USD, EUR, GBP and JPY rates. "
)


def _cased(texts: list[str], ids: list[str] | None = None, **columns: list) -> list[str]:
    n = len(texts)
    given = {"transcriptid": ids or ["1"] * n, "companyname": ["Acme Inc"] * n, "ticker": [None] * n}
    given |= {"transcriptpersonname": [None] * n} | columns
    table = pa.table({k: pa.array(v, pa.string()) for k, v in given.items()})
    return in_sentence_case(table, pa.array(texts, pa.string())).to_pylist()


@pytest.mark.parametrize(
    ("typed", "expected"),
    [
        ("EBITDA ROSE. GAAP EPS FELL.", "EBITDA rose. GAAP EPS fell."),
        ("IN THE U.S. WE GREW. THE U.S. MARKET IS FLAT.", "In the U.S. We grew. The U.S. market is flat."),
        ("I THINK I'M RIGHT, AND I'LL SAY IT: I DO.", "I think I'm right, and I'll say it: I do."),
        ("OUR CFO'S VIEW OF Q1 AND FY2005.", "Our CFO's view of Q1 and FY2005."),
        ("R&D, SG&A AND AT&T.", "R&D, SG&A and AT&T."),
        ("THE 1ST, 2ND AND 4TH; THE 10-K AND B2B.", "The 1st, 2nd and 4th; the 10-K and B2B."),
        ("REITS, KPIS AND CDS FELL 20 BPS.", "REITs, KPIs and CDS fell 20 bps."),
        ("DID IT GROW? YES! WE GREW.", "Did it grow? Yes! We grew."),
        ("WE MAY GROW IN MAY. MARCH 3 WAS GOOD.", "We may grow in May. March 3 was good."),
        ("SALES IN NEW YORK, CHINA AND EUROPE ON MONDAY.", "Sales in New York, China and Europe on Monday."),
        ("THANKS, ÖZGÜR. GOOD MORNING, JONAS.", "Thanks, Özgür. Good morning, Jonas."),
        ("MR. MCDONALD OF GOLDMAN SACHS.", "Mr. McDonald of Goldman Sachs."),
        ("IT IS IN THE US, LET US SEE.", "It is in the US, let us see."),
        ("NO. WE DO NOT.", "No. We do not."),
        ("ACME INC. AND ZED CO. IN CHINA. WE SOLD IT TO ZED LTD. WE WON.",
         "Acme inc. and zed co. in China. We sold it to zed ltd. We won."),
        ("\"WE WON.\" THEN...", '"We won." Then...'),
        ("OUTLOOK\n\nWE GROW.", "Outlook\n\nWe grow."),
    ],
)  # fmt: skip
def test_words_get_the_case_of_a_sentence(typed, expected):
    assert sentence_case(typed) == expected


def test_names_come_from_the_transcript_itself():
    typed = (
        "NEXTERA AND JAVIER SPOKE. THANKS, BILL. THE BILL FROM FRANK SAXON CAME. GE AND XYLO ROSE. " + LONG
    )
    columns = {
        "companyname": ["NextEra Energy, Inc."] * 2,
        "ticker": ["XYLO"] * 2,
        "transcriptpersonname": ["FRANK SAXON", "Bill O'Neil"],
    }
    first, second = _cased([typed, "O'NEIL."], **columns)
    assert first.startswith(
        "NextEra and javier spoke. Thanks, Bill. The bill from Frank Saxon came. Ge and XYLO rose."
    )
    assert second == "O'Neil."


def test_a_transcript_is_judged_as_a_whole():
    texts = [LONG, "YES.", "Fine, Mary.", "YES. OK. THE CEO OF IBM."]
    assert _cased(texts, ["1", "1", "1", "2"]) == [
        LONG.replace("REVENUE", "Revenue").replace("ROSE", "rose").lower().replace("revenue", "Revenue"),
        "Yes.",
        "Fine, Mary.",
        "YES. OK. THE CEO OF IBM.",
    ]


def test_a_long_turn_in_capitals_is_judged_by_itself():
    mixed = "We expect the market to be flat. " * 100
    assert _cased([mixed, LONG])[1].startswith("Revenue rose because")
    assert _cased([mixed, "NO."])[1] == "NO."


def test_sentence_case_is_not_shouting():
    (once,) = _cased([LONG])
    assert _cased([once]) == [once]


def test_mixed_case_full_of_acronyms_is_kept():
    texts = [MIXED * 3, MIXED]
    assert len(MIXED) > FEWEST_LETTERS
    assert _cased(texts) == texts


def test_no_real_turn_is_taken_for_capitals(earnings21):
    table = pq.read_table(earnings21)
    texts = table["componenttext"].combine_chunks()
    assert in_sentence_case(table, texts).equals(texts)


@given(st.text(alphabet="ABCDEÉI .,'’-&1\n…?!", max_size=80))
def test_only_the_case_changes_and_only_once(text):
    done = sentence_case(text)
    assert done.casefold() == text.casefold()
    assert sentence_case(done.upper()) == done


def test_a_real_call_typed_in_capitals_is_read_like_the_original(earnings21):
    """Measured on 20 calls: 99.2% of boundaries right, 99.9% found, 99.8% of marks equal; on these three above 98%."""
    table = pq.read_table(earnings21)
    calls = table["transcriptid"].unique()[:3]
    kept = pc.and_(pc.is_in(table["transcriptid"], calls), pc.not_equal(table["speakertypename"], "Operator"))
    table = table.filter(kept)
    original = table["componenttext"].to_pylist()
    typed = in_sentence_case(table, pa.array([t.upper() for t in original])).to_pylist()
    assert [t.upper() for t in typed] == [t.upper() for t in original]
    before, after = _marks(original), _marks(typed)
    both = before.keys() & after.keys()
    assert len(both) > 0.98 * len(after)
    assert len(both) > 0.99 * len(before)
    assert sum(before[place] == after[place] for place in both) > 0.99 * len(both)


def _marks(texts: list[str]) -> dict[tuple[int, int], bool]:
    """Return the mark of each sentence by its turn and its place in it."""
    places, pieces = [], []
    for i, text in enumerate(texts):
        at = 0
        for piece in split(text):
            at = text.index(piece, at)
            places.append((i, at))
            pieces.append(piece)
            at += len(piece)
    turns = [str(i) for i, _ in places]
    spoken = {"component_id": turns, "transcript_id": ["1"] * len(turns), "text": pieces}
    marked = is_procedural(judge(pa.table(spoken)))
    return dict(zip(places, marked.tolist(), strict=True))
