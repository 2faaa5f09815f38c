import pytest

from ftm_resources.sources.vendor_codes import COLLECTION_IDS, EVENT_TYPES, collection_name, event_name
from ftm_resources.tables.components import COLLECTION_TYPES, is_earnings_call


@pytest.mark.parametrize(
    ("number", "name", "found"),
    [
        ("48", None, "Earnings Calls"),
        ("48.0", None, "Earnings Calls"),
        ("48", "Earnings Conference Call", "Earnings Calls"),
        (None, "earnings call", "Earnings Calls"),
        (None, "Q3 2021 Earnings Call", "Earnings Calls"),
        (None, "48", "Earnings Calls"),
        (None, "52", "M&A Calls"),
        ("51", "Conference Presentation Calls", "Company Conference Presentations"),
        ("51", None, "Company Conference Presentations"),
        (None, "Roadshow", "Roadshow"),
        ("7001", "Earnings Call", "Earnings Call"),  # another vendor's number
        (None, None, None),
    ],
)
def test_the_kind_of_an_event_by_number_and_name(number: str | None, name: str | None, found: str | None):
    assert event_name(number, name) == found


@pytest.mark.parametrize(
    ("number", "name", "message"),
    [
        ("999", None, "is not a known kind of event .*add the column keydeveventtypename"),
        (
            "51",
            "Earnings Calls",
            'is Company Conference Presentations, but keydeveventtypename is "Earnings Calls"',
        ),
        ("48", "M&A Calls", 'is Earnings Calls, but keydeveventtypename is "M&A Calls"'),
        ("x", "Earnings Calls", "is not a whole number"),
    ],
)
def test_a_number_that_is_unknown_or_contradicts_the_name_is_refused(
    number: str, name: str | None, message: str
):
    with pytest.raises(ValueError, match=message):
        event_name(number, name)


def test_only_48_is_an_earnings_call():
    assert [n for n, name in EVENT_TYPES.items() if is_earnings_call(name)] == [48]


@pytest.mark.parametrize(
    ("number", "name", "found"),
    [
        ("1", None, "Proofed Copy"),
        ("8.0", None, "Audited Copy"),
        ("7", "spellchecked copy", "Spellchecked Copy"),
        (None, " EDITED  copy", "Edited Copy"),
        (None, "proofed", "Proofed Copy"),
        (None, "8", "Audited Copy"),
        ("2", "Edited Copy", "Edited Copy"),
        ("1", "Final", "Proofed Copy"),
        (None, "Draft", "Draft"),
        (None, None, None),
    ],
)
def test_a_collection_type_by_number_and_name(number: str | None, name: str | None, found: str | None):
    assert collection_name(number, name) == found


def test_a_collection_type_whose_number_is_not_verified_is_refused_without_a_name():
    with pytest.raises(
        ValueError, match=r"not a known collection type \(1 Proofed Copy, .*transcriptcollectiontypename"
    ):
        collection_name("2", None)
    with pytest.raises(
        ValueError, match='is Proofed Copy, but transcriptcollectiontypename is "Edited Copy"'
    ):
        collection_name("1", "edited copy")


def test_known_collection_types_have_a_rank():
    assert set(COLLECTION_IDS.values()) < set(COLLECTION_TYPES)
