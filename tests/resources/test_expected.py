"""Which errors are expected, and how a run records them: with the message alone."""

import logging
from pathlib import Path

import dagster as dg
import pytest

from ftm_resources.expected import TRACEBACK, ExpectedError, message_of, plainly
from ftm_resources.settings import SettingsError
from ftm_resources.sources.base import Problem, SourceError
from ftm_resources.warehouse import WarehouseError


def raised(error: BaseException, cause: BaseException | None = None) -> BaseException:
    try:
        raise error from cause
    except type(error) as found:
        return found


def test_the_outermost_of_ours_is_the_message():
    inner = raised(OSError("Name or service not known"))
    outer = raised(WarehouseError("the bucket cannot be reached; set AWS_REGION"), inner)
    assert message_of(outer) == "the bucket cannot be reached; set AWS_REGION"
    assert message_of(raised(RuntimeError("task failed"), outer)) == str(outer)
    assert message_of(raised(ExceptionGroup("unhandled errors in a TaskGroup", [outer]))) == str(outer)


def test_a_fault_was_not_expected():
    assert message_of(raised(KeyError("column"))) is None
    assert message_of(raised(RuntimeError("no running event loop"))) is None


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ('raise ValueError("set FTM_SOURCE")', "set FTM_SOURCE"),
        ('raise LookupError(\n        "no themes"\n    )', "no themes"),
        ('{}["column"]', None),
        ('int("x")', None),
        ("[].pop()", None),
        ("a, b = [1]", None),
    ],
)
def test_only_what_our_code_raises_by_name_was_expected(tmp_path: Path, body: str, message: str | None):
    """A key that is missing, or a text that is no number, is a bug even in our code, and keeps its stack."""
    file = tmp_path / "made.py"
    file.write_text(f"def run():\n    {body}\n")
    module = {"__name__": "ftm_assets.made"}
    exec(compile(file.read_text(), str(file), "exec"), module)  # noqa: S102 - the code above
    with pytest.raises((ValueError, LookupError)) as found:
        module["run"]()
    assert message_of(found.value) == message


def failing(error: BaseException, cause: BaseException | None = None) -> dg.ExecuteInProcessResult:
    """Return the result of a job whose one step raises."""

    @dg.op
    @plainly
    def step() -> None:
        raise error from cause

    @dg.job
    def one() -> None:
        step()

    return one.execute_in_process(raise_on_error=False)


@pytest.mark.parametrize(
    "error",
    [
        SourceError([Problem("calls.csv", 3, "companyid", "'x' is not a number")], advice="Fix it."),
        WarehouseError("themes: the metadata is damaged. Run `ftm restore themes`"),
        SettingsError("FTM_SOURCE is 'x': it must be 'sample'"),
        dg.Failure("sentences of 2023Q1 was never materialized. Materialize it first", allow_retries=False),
        PermissionError(13, "Permission denied", "/data/warehouse"),
        OSError(28, "No space left on device", "/data/warehouse"),
    ],
    ids=lambda error: type(error).__name__,
)
def test_an_expected_failure_is_recorded_as_its_message_without_a_stack(error: Exception):
    (failed,) = [
        e for e in failing(error, RuntimeError("no running event loop")).all_events if e.is_step_failure
    ]
    recorded = failed.step_failure_data
    message = error.description if isinstance(error, dg.Failure) else str(error)
    assert recorded.error_display_string == f"{message}\n"
    lines = recorded.user_failure_data.metadata[TRACEBACK].value
    assert lines[0] == "RuntimeError: no running event loop"
    assert any("test_expected.py" in line for line in lines), "where it was raised, on request"


def test_a_bug_keeps_its_stack():
    (failed,) = [e for e in failing(KeyError("column")).all_events if e.is_step_failure]
    said = failed.step_failure_data.error_display_string
    assert "KeyError: 'column'" in said
    assert "test_expected.py" in said


def test_a_failure_keeps_its_metadata():
    (failed,) = [e for e in failing(dg.Failure("no", {"rows": 3})).all_events if e.is_step_failure]
    assert failed.step_failure_data.user_failure_data.metadata["rows"].value == 3


def test_a_request_to_retry_is_none():
    @plainly
    def step() -> None:
        raise dg.RetryRequested(max_retries=2)

    with pytest.raises(dg.RetryRequested):
        step()


def test_a_generator_fails_plainly_after_what_it_yielded():
    @plainly
    def rows():
        yield 1
        raise WarehouseError("damaged")

    found = rows()
    assert next(found) == 1
    with pytest.raises(ExpectedError, match=r"^damaged$"):
        next(found)


def test_the_traceback_is_in_the_debug_log(caplog: pytest.LogCaptureFixture):
    @plainly
    def step() -> None:
        raise WarehouseError("damaged")

    caplog.set_level(logging.DEBUG, "ftm_resources.expected")
    with pytest.raises(ExpectedError):
        step()
    (record,) = caplog.records
    assert record.levelno == logging.DEBUG
    assert record.exc_info
