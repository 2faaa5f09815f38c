import pyarrow as pa
from hypothesis import given
from hypothesis import strategies as st

from ftm_assets.methods.topics.sampling import sampled_firms


def status(sizes: dict[str, int]) -> pa.Table:
    n = list(sizes.values())
    return pa.table({"firm_id": list(sizes), "n_sentences": n, "n_topics": [min(s, 1) for s in n]})


@given(
    st.dictionaries(st.text(max_size=4), st.integers(0, 300), max_size=20),
    st.integers(1, 20),
    st.sampled_from([1, 100]),
)
def test_a_sample_is_of_large_enough_firms_and_keeps_its_firms_when_others_leave(
    sizes: dict[str, int], n: int, at_least: int
):
    drawn = sampled_firms(status(sizes), n, 42, at_least)
    assert len(drawn) == min(n, sum(s >= at_least for s in sizes.values()))
    assert all(sizes[f] >= at_least for f in drawn)
    left = {f: s for i, (f, s) in enumerate(sizes.items()) if f in drawn or i % 2}
    assert sampled_firms(status(left), n, 42, at_least) == drawn
