"""Progress bars as a log keeps them."""

import pytest

from ftm_resources import progress
from ftm_resources.progress import also_told, bar, note


def test_a_bar_in_a_log_shows_counts_and_its_unit_and_is_not_repeated_below_a_note(
    capfd: pytest.CaptureFixture[str],
):
    with bar("topics", "firms", 2) as move:
        note("loading the model")
        move(1, None)
        move(2, None)
    shown = capfd.readouterr().err
    assert shown.startswith("loading the model\n")
    assert "0/2" not in shown
    assert "2/2 firms [" in shown
    assert shown.endswith("]\n")


@pytest.mark.parametrize(("of", "said"), [(None, "calls: 7 components ["), (9, "7/9 components [")])
def test_a_total_that_is_known_late_or_never(capfd: pytest.CaptureFixture[str], of: int | None, said: str):
    with bar("calls", "components") as move:
        move(7, of)
    assert said in capfd.readouterr().err


def test_slow_work_is_told_every_ten_minutes_and_quick_work_never(monkeypatch: pytest.MonkeyPatch):
    now = 0.0
    monkeypatch.setattr(progress.time, "monotonic", lambda: now)
    moved, told = [], []
    reach = also_told(lambda done, _: moved.append(done), told.append, "firms of chunk 0")
    for done, now in enumerate((1.0, 599.0, 601.0, 700.0, 1_300.0), start=1):  # noqa: B007 - the clock reads it
        reach(done)
    assert moved == [1, 2, 3, 4, 5]
    assert told == ["firms of chunk 0: 3 done", "firms of chunk 0: 5 done"]
