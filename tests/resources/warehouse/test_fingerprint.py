import pyarrow as pa
from hypothesis import given
from hypothesis import strategies as st

from ftm_resources.tables import TABLES
from ftm_resources.warehouse.fingerprint import Fingerprint, fingerprint

STATUS = TABLES["firm_status"]


def statuses(firms: list[str], seconds: float = 1.0) -> pa.Table:
    n = len(firms)
    columns = {
        "firm_id": pa.array(firms, pa.string()),
        "status": pa.array(["ok"] * n, pa.string()),
        "reason": pa.nulls(n, pa.string()),
        "n_sentences": pa.array([300] * n, pa.int32()),
        "n_topics": pa.array([20] * n, pa.int32()),
        "outlier_share": pa.array([0.1] * n),
        "seconds": pa.array([seconds] * n),
    }
    return STATUS.conform(pa.table(columns), quarter="2020Q1")


@given(st.lists(st.text(max_size=5), unique=True, max_size=20), st.randoms())
def test_order_and_batches_do_not_matter(firms: list[str], random: object):
    shuffled = sorted(firms, key=lambda _: random.random())
    in_batches = Fingerprint(STATUS)
    for firm in shuffled:
        in_batches.update(statuses([firm]))
    assert in_batches.value() == fingerprint(statuses(firms), STATUS)


def test_a_row_more_twice_or_changed_shows():
    some = ["1", "2"]
    values = {fingerprint(statuses(f), STATUS) for f in (some, [*some, "3"], [*some, "2"], ["1", "3"])}
    assert len(values) == 4


def test_seconds_are_no_content():
    assert fingerprint(statuses(["1"], 1.0), STATUS) == fingerprint(statuses(["1"], 2.0), STATUS)


def test_the_sum_is_exact():
    """64-bit hashes summed in floating point would lose their low digits."""
    values = [fingerprint(statuses([str(i) for i in range(n)]), STATUS) for n in (50, 60, 70, 80)]
    assert any(int(v.split("-")[1], 16) % 2**20 for v in values)
