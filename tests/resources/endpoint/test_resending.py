import time
from email.utils import formatdate

import httpx2
import pytest

from ftm_resources.endpoint.resending import asked_wait, is_worth_it, usual_wait


def refusal(status, code=None, **headers):
    import openai

    names = {k.replace("_", "-"): v for k, v in headers.items()}
    response = httpx2.Response(status, headers=names, request=httpx2.Request("POST", "http://host/v1"))
    return openai.APIStatusError("no", response=response, body={"code": code} if code else None)


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({"retry_after": "7"}, 7.0),
        ({"retry_after": "1.5"}, 1.5),
        ({"retry_after_ms": "250", "retry_after": "9"}, 0.25),
        ({"retry_after": "0"}, None),
        ({"retry_after": "-3"}, None),
        ({"retry_after": "nan"}, None),
        ({"retry_after": "soon"}, None),
        ({"retry_after": "Wed, 21 Oct 2015 07:28:00 GMT"}, None),
        ({}, None),
    ],
    ids=str,
)
def test_a_server_says_how_long_it_wants_to_be_left_alone(headers, seconds):
    assert asked_wait(refusal(429, **headers)) == seconds


def test_it_may_say_so_as_a_date():
    later = formatdate(time.time() + 30, usegmt=True)
    assert 28 <= asked_wait(refusal(503, retry_after=later)) <= 30


@pytest.mark.parametrize("status", [408, 409, 429, 500, 502, 503, 504, 529])
def test_faults_that_pass_are_worth_another_request(status):
    assert is_worth_it(refusal(status))
    assert not is_worth_it(refusal(status, retry_after="121"))
    assert not is_worth_it(refusal(status, retry_after="inf"))
    assert not is_worth_it(refusal(status, x_should_retry="false"))


def test_others_are_not():
    assert not any(is_worth_it(refusal(status)) for status in (400, 401, 403, 404, 422))
    assert not is_worth_it(refusal(429, "insufficient_quota"))
    assert is_worth_it(refusal(400, x_should_retry="true"))


def test_waits_double_up_to_a_bound_and_differ():
    for n, longest in enumerate([0.5, 1.0, 2.0, 4.0, 8.0, 8.0]):
        waits = {usual_wait(n) for _ in range(20)}
        assert all(0.75 * longest <= w <= longest for w in waits)
        assert len(waits) > 1
    assert usual_wait(10_000) <= 8.0
