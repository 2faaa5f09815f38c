from benchmarks.naming import _served, rate, topics
from ftm_assets.methods.naming.prompts import build_messages, count_tokens


def test_the_rate_of_naming_is_put_beside_the_ideal_one():
    with _served(0.01, None) as url:
        row = rate(url, 64, 16, 0.01)
    assert (row["requests"], row["ideal, requests/s"]) == (64, 1600)
    assert 0 < row["share of ideal"] <= 1


def test_the_prompts_are_of_real_size_and_all_different():
    prompts = [build_messages(d)[1]["content"] for d in topics(50)]
    assert len(set(prompts)) == 50
    assert all(300 < count_tokens(p) < 3200 for p in prompts)
