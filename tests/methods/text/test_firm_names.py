"""The forms by which firms are called; names of 500 companies and what people call them are in the fixture."""

import csv
from pathlib import Path

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ftm_assets.methods.text.firm_names import (
    firm_name_forms,
    holds_firm_name,
    initials,
    known_names,
    name_words,
)
from ftm_assets.methods.topics.keywords import class_keywords

COMPANIES = list(csv.DictReader((Path(__file__).parents[2] / "fixtures" / "firm_names.csv").open()))


def is_known(company: dict[str, str]) -> bool:
    """Whether topic names that hold what people call the firm are refused, and those that do not are not."""
    forms, short = firm_name_forms(company["name"]), company["short"]
    of_it = short if short.endswith("'s") else f"{short}'s"
    return (
        holds_firm_name(f"Delivery delays at {short}", forms)
        and holds_firm_name(f"Delays of {of_it} deliveries", forms)
        and holds_firm_name(f"{short} delivery delays", forms, is_as_spoken=True)
        and holds_firm_name(company["name"], forms, is_as_spoken=True)
        and holds_firm_name(f"{short.lower()} delivery", forms) is (company["counts"] == "in any case")
        and not holds_firm_name("Freight cost inflation", forms)
    )


def test_five_hundred_companies_are_known_by_what_people_call_them() -> None:
    assert len(COMPANIES) > 500
    assert [c for c in COMPANIES if not is_known(c)] == []


def is_kept_out_of_keywords(company: dict[str, str]) -> bool:
    text = f"Tires, and those of {company['short']}."
    forms = firm_name_forms(company["name"])
    (keywords,) = class_keywords([[text]], exclude=forms)
    return "tires" in keywords and not holds_firm_name(", ".join(["", *keywords]), forms)


def test_what_a_company_is_called_is_no_keyword_of_its_topics() -> None:
    assert [c["short"] for c in COMPANIES if not is_kept_out_of_keywords(c)] == []


@pytest.mark.parametrize(
    ("firm", "forms"),
    [
        ("Monro Inc", ("Monro Inc", "Monro")),
        ("Yeti Holdings", ("Yeti Holdings", "Yeti")),
        ("Rev Group Inc", ("Rev Group Inc", "Rev")),
        ("New Home Company Inc", ("New Home Company Inc", "New Home", "NH")),
        ("Illumina", ("Illumina",)),
        ("The Kroger Co.", ("The Kroger Co.", "Kroger")),
        ("Deere & Company", ("Deere & Company", "Deere")),
        ("Amazon.com, Inc.", ("Amazon.com, Inc.", "Amazon")),
        ("Williams Companies, Inc. (The)", ("Williams Companies, Inc. (The)", "Williams")),
        ("NIKE, Inc.", ("NIKE, Inc.", "Nike")),
        ("Northern Trust Corporation", ("Northern Trust Corporation", "Northern Trust", "NT")),
        (
            "Société Générale S.A.",
            (
                *("Société Générale S.A.", "Société Générale", "Société"),
                *("Societe Generale S.A.", "Societe Generale", "Societe"),
            ),
        ),
        ("The Company, Inc.", ("The Company, Inc.",)),
        ("", ()),
    ],
)
def test_a_firms_forms_are_its_name_without_what_is_no_name(firm: str, forms: tuple[str, ...]) -> None:
    assert firm_name_forms(firm) == forms


def test_a_place_or_a_word_of_business_is_not_what_is_left_of_a_name() -> None:
    assert "Texas" not in firm_name_forms("Texas Instruments Incorporated")
    assert not holds_firm_name("Power outages in Texas", firm_name_forms("Texas Instruments Incorporated"))
    assert not holds_firm_name("Business in the United States", firm_name_forms("United Airlines Holdings"))


def test_tickers_and_brands_are_taken_as_given() -> None:
    assert firm_name_forms("Monro Inc", "MNRO", " Mr. Tire ", "") == (
        *("Monro Inc", "Monro", "MNRO", "Mr. Tire"),
    )


@pytest.mark.parametrize(
    ("name", "found"),
    [
        ("Monro store traffic", True),
        ("monro's store traffic", True),
        ("Monro-branded tires", True),
        ("Monroe county stores", False),
        ("Sales at New Home", True),
        ("New homes in Phoenix", False),
        ("New home sales", False),
        ("Bed, Bath and Beyond coupons", True),
        ("Bed linen and bath towels", False),
        ("COST traffic", True),
        ("Cost inflation", False),
        ("A new plant", False),
    ],
)
def test_firm_names_are_found_as_whole_words(name: str, found: bool) -> None:
    exclude = ("Monro", "New Home Company", "New Home", "Bed Bath & Beyond", "COST", "A", "")
    assert holds_firm_name(name, exclude) is found


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("General Electric Co", "GE"),
        ("Bed Bath and Beyond Inc", "BBB"),
        ("Archer-Daniels-Midland Company", "ADM"),
        ("Monro Inc", ""),
        ("Applied Instruments", ""),
        ("Duke Energy", ""),
        ("", ""),
    ],
)
def test_initials(name: str, expected: str) -> None:
    assert initials(name) == expected


def test_speakers_and_tickers_are_known_by_what_they_are_called_and_have_no_initials() -> None:
    rows = pa.table(
        {
            "firm_id": ["1", "1", "2"],
            "firm_name": ["Monro Inc", "Monro Inc", "The Boeing Company"],
            "ticker": ["MNRO", "MNRO", None],
            "speaker_name": ["Ed Vance", None, " "],
        }
    )
    assert known_names(rows) == {
        "1": ["Ed Vance", "MNRO", "Monro", "Monro Inc"],
        "2": ["Boeing", "The Boeing Company"],
    }


@given(st.text(max_size=40), st.text(max_size=40))
def test_any_name_has_words_and_forms_and_is_found_in_itself_in_lower_case_or_not(
    name: str, text: str
) -> None:
    forms = firm_name_forms(name, text)
    assert all(f.strip() == f != "" for f in forms)
    assert len(forms) == len(set(forms))
    assert bool(name_words(name)) <= bool(forms)
    assert holds_firm_name(text, forms) in {True, False}
