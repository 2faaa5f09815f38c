from datetime import date

import pytest

from ftm_assets.orchestration.partitions import QUARTERS, last_closed_quarter, quarter_keys, quarter_of


@pytest.mark.parametrize(
    ("day", "quarter"),
    [
        (date(2023, 1, 1), "2023Q1"),
        (date(2023, 3, 31), "2023Q1"),
        (date(2023, 4, 1), "2023Q2"),
        (date(2023, 12, 31), "2023Q4"),
    ],
)
def test_a_quarter_holds_its_first_and_last_day(day: date, quarter: str):
    assert quarter_of(day) == quarter


def test_keys_run_from_2000_to_the_current_quarter_newest_first():
    keys = quarter_keys(date(2020, 5, 5))
    assert keys[0] == "2020Q2"
    assert keys[-1] == "2000Q1"
    assert len(keys) == len(set(keys)) == 20 * 4 + 2


def test_the_last_closed_quarter_is_the_one_before_the_current():
    assert last_closed_quarter(date(2020, 1, 1)) == "2019Q4"


def test_the_partitions_are_static_and_hold_the_quarters_of_the_real_calls():
    assert {"2020Q1", "2020Q4", "2021Q1"} <= set(QUARTERS.get_partition_keys())
