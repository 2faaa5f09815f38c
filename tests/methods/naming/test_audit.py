import pyarrow as pa
import pytest

from ftm_assets.methods.naming.audit import audit_columns, describe_audit, usage
from ftm_assets.methods.naming.rules import Audit, Named

EXTRACTIVE = Named("Tires", "Tires sold.", "extractive", "noun-phrases", "extractive-1")


def by_model(**audit: object) -> Named:
    given = {"outcome": "named", "asked": ("m", "llm-1"), "attempts": 1, "tokens_in": 900, "tokens_out": 40}
    taken = Audit(**{**given, "seconds": 2.0, "answered_at": 1700000000.0, **audit})
    return Named("Tires", "Tires sold.", "llm", "m", "llm-1", taken)


def test_a_row_says_what_was_asked_and_what_it_cost():
    named = [by_model(), by_model(is_cached=True, attempts=0), EXTRACTIVE]
    rows = pa.table(audit_columns(named, lambda n_in, n_out: n_in + 10.0 * n_out)).to_pylist()
    assert [r["model"] for r in rows] == ["m", "m", "noun-phrases"]
    assert [r["cost"] for r in rows] == [1300.0, 0.0, None]
    unpriced = audit_columns(named, lambda _in, _out: None)
    assert unpriced["cost"].null_count == 3


def test_a_degraded_name_is_of_the_model_that_was_asked():
    lost = by_model(outcome="down", reason="gone", attempts=0, tokens_in=0, tokens_out=0, answered_at=None)
    (row,) = pa.table(audit_columns([lost], lambda _in, _out: 0.0)).to_pylist()
    assert (row["outcome"], row["reason"], row["model"], row["answered_at"]) == ("down", "gone", "m", None)


def test_what_was_asked_now_is_summed_up_and_what_was_kept_is_counted():
    named = [
        by_model(attempts=2),
        by_model(seconds=4.0),
        by_model(is_cached=True, attempts=0),
        by_model(outcome="down"),
    ]
    told = describe_audit(pa.table(audit_columns(named, lambda n_in, _out: n_in / 1e6)))
    assert (told["requests"], told["cache_hits"], told["tokens_in"]) == (4, 1, 2700)
    assert told["share_degraded"] == 0.25
    assert told["cost_usd"] == pytest.approx(0.0027)
    assert told["latency_p50_seconds"] == 2.0
    assert "requests" not in describe_audit(pa.table(audit_columns([EXTRACTIVE], lambda _in, _out: None)))


def test_a_cost_that_is_known_in_part_says_of_how_many_names_it_is_not():
    price = iter([0.5, None, 0.0])
    named = [by_model(), by_model(), by_model(is_cached=True, attempts=0)]
    rows = pa.table(audit_columns(named, lambda _in, _out: next(price)))
    told = usage(pa.concat_tables([rows, pa.table(audit_columns([EXTRACTIVE], lambda _in, _out: None))]))
    assert (told["cost_usd"], told["names_without_cost"]) == (0.5, 1)
    assert "names_without_cost" not in usage(rows.slice(0, 1))
