"""What is decided before any text is read."""

from ftm_assets.methods.calls.listings import Firms, Listing, firm_order, screen


def listing(transcript: str, firm: str, permno: int | None = None, kind: str | None = None) -> Listing:
    return Listing(transcript, firm, permno, kind)


def statuses(*listings: Listing, **firms) -> dict[tuple[str, str], str]:
    return {key: status for key, (status, _) in screen(list(listings), Firms(**firms)).items()}


def test_other_events_are_left_out_by_name_and_a_file_that_does_not_say_is_believed():
    offered = [
        listing("1", "1", kind="Earnings Calls"),
        listing("2", "1", kind="Conference Presentation Calls"),
        listing("3", "1"),
        listing("4", "1", kind="Shareholder/Analyst Calls"),
    ]
    assert screen(offered) == {
        ("2", "1"): ("other_event", "Conference Presentation Calls"),
        ("4", "1"): ("other_event", "Shareholder/Analyst Calls"),
    }


def test_a_transcript_of_several_companies_is_kept_for_the_one_that_is_linked():
    assert screen([listing("7", "20"), listing("7", "30", 10107), listing("7", "100", 10108)]) == {
        ("7", "20"): ("other_company", "kept for company 30, which has a PERMNO"),
        ("7", "100"): ("other_company", "kept for company 30, which has a PERMNO"),
    }


def test_without_a_link_or_with_several_the_lowest_id_by_number_is_kept():
    (other,) = screen([listing("7", "100"), listing("7", "20")]).items()
    assert other == (("7", "100"), ("other_company", "kept for company 20, the lowest id: none has a PERMNO"))
    (other,) = screen([listing("7", "100", 1), listing("7", "20", 2)]).items()
    assert other == (("7", "100"), ("other_company", "kept for company 20, the lowest id: each has a PERMNO"))


def test_a_firm_that_is_excluded_does_not_take_a_call_from_another():
    offered = [listing("7", "20"), listing("7", "30", 10107)]
    assert statuses(*offered, without=frozenset({"30"})) == {("7", "30"): "excluded"}


def test_a_subset_of_firms_has_the_calls_that_it_has_in_the_whole_quarter():
    offered = [listing("7", "20"), listing("7", "30", 10107), listing("8", "20"), listing("9", "100")]
    whole = screen(offered)
    some = statuses(*offered, only=frozenset({"20"}))
    assert some == {("7", "20"): "other_company", ("7", "30"): "excluded", ("9", "100"): "excluded"}
    assert {key for key in some if key[1] == "20"} == {key for key in whole if key[1] == "20"}


def test_the_first_firms_are_those_of_the_lowest_ids_by_number():
    offered = [listing("1", "100"), listing("2", "20"), listing("3", "3")]
    assert statuses(*offered, first=2) == {("1", "100"): "excluded"}
    assert statuses(*offered, only=frozenset({"100", "20"}), first=1) == {
        ("1", "100"): "excluded", ("3", "3"): "excluded",
    }  # fmt: skip
    assert sorted(["x", "100", "20"], key=firm_order) == ["20", "100", "x"]
