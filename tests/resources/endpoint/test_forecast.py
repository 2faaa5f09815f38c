import pytest

from ftm_resources.endpoint import forecast
from ftm_resources.endpoint.forecast import Forecast, duration


@pytest.fixture
def clock(monkeypatch):
    now = [0.0]

    class Time:
        monotonic = staticmethod(lambda: now[0])

    monkeypatch.setattr(forecast, "time", Time)
    return now


def test_a_long_run_says_how_long_it_will_take_now_and_then(clock, capsys):
    told = Forecast("LLM endpoint http://host/v1", 100)
    for done in range(1, 100):
        clock[0] = 3.0 * done
        told.move(done, 4)
    said = capsys.readouterr().err.splitlines()
    assert said[0] == (
        "LLM endpoint http://host/v1: 4 of 100 requests done, 4 requests in flight; about 5 min left"
    )
    assert [line.split(";")[1] for line in said[1:]] == [
        " about 4 min left",
        " about 3 min left",
        " about 2 min left",
        " about 48 s left",
    ]


def test_a_quick_run_says_nothing(clock, capsys):
    told = Forecast("x", 200)
    for done in range(1, 201):
        clock[0] = 0.07 * done
        told.move(done, 64)
    assert not capsys.readouterr().err


@pytest.mark.parametrize(("seconds", "text"), [(0, "0 s"), (89, "89 s"), (90, "2 min"), (5400, "1.5 h")])
def test_a_duration_has_the_unit_that_a_person_would_use(seconds, text):
    assert duration(seconds) == text
