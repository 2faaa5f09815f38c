from datetime import date

from ftm_assets.orchestration.partitions import FIRST_QUARTER, QUARTERS, quarter_keys
from ftm_resources import quarters


def test_keys_run_from_2000_to_the_current_quarter_in_the_order_of_time():
    keys = quarter_keys(date(2020, 5, 5))
    assert keys[0] == "2000Q1"
    assert keys[-1] == "2020Q2"
    assert keys == sorted(keys)
    assert len(keys) == len(set(keys)) == 20 * 4 + 2


def test_the_partitions_are_static_and_end_with_the_current_quarter():
    assert QUARTERS.get_first_partition_key() == FIRST_QUARTER
    assert QUARTERS.get_last_partition_key() == quarters.of_date(quarters.today())
    assert {"2020Q1", "2020Q4", "2021Q1"} <= set(QUARTERS.get_partition_keys())
