import pytest

from ftm_resources.sources.files.company_names import may_be_one


@pytest.mark.parametrize(
    ("name", "other"),
    [
        ("Apple Inc.", "APPLE INC"),
        ("Apple Inc.", "Apple Computer, Inc."),
        ("JPMorgan Chase & Co.", "JP Morgan"),
        ("International Business Machines Corporation", "IBM"),
        ("IBM Corp.", "International Business Machines"),
        ("McDonald's Corp", "McDonald\u2019s"),
        ("The Group", "The Group plc"),
        ("株式会社東芝", "株式会社東芝"),
        ("& Co.", "Zed"),
    ],
)
def test_names_of_one_company(name: str, other: str):
    assert may_be_one(name, other)
    assert may_be_one(other, name)


@pytest.mark.parametrize(
    ("name", "other"),
    [
        ("Facebook, Inc.", "Meta Platforms, Inc."),
        ("Acme Corp", "Zed Corp"),
        ("The Boeing Company", "The Walt Disney Company"),
        ("Global Payments", "Global Foundries"),
        ("A", "Banana"),
    ],
)
def test_names_without_a_word_in_common(name: str, other: str):
    assert not may_be_one(name, other)
    assert not may_be_one(other, name)
