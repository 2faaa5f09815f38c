"""Which message a person sees of a chain of errors: the outermost of ours."""

import dagster as dg
import pytest
from dagster_shared.error import SerializableErrorInfo

from ftm_assets.cli import failing
from ftm_assets.cli.failing import message_of, message_of_step
from ftm_resources.sources.base import SourceWarning
from ftm_resources.sources.configured import ConfiguredSource
from ftm_resources.warehouse import WarehouseError


def raised(error: BaseException, cause: BaseException | None = None) -> BaseException:
    try:
        raise error from cause
    except type(error) as found:
        return found


def test_ours_hides_what_it_was_raised_from():
    inner = raised(OSError("Name or service not known"))
    outer = raised(WarehouseError("the bucket cannot be reached; set AWS_REGION"), inner)
    assert message_of(outer) == "the bucket cannot be reached; set AWS_REGION"


def test_a_failure_says_its_description():
    assert message_of(raised(dg.Failure("materialize themes first"))) == "materialize themes first"


def test_a_setting_that_is_refused_by_our_code_was_expected(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("FTM_SOURCE", "nowhere")
    with pytest.raises(ValueError, match="FTM_SOURCE") as refused:
        ConfiguredSource().open()
    assert message_of(refused.value) == str(refused.value)


def test_what_the_system_refuses_was_expected():
    assert (
        message_of(raised(PermissionError(13, "Permission denied", "/x")))
        == "[Errno 13] Permission denied: '/x'"
    )


def test_a_fault_was_not_expected():
    assert message_of(raised(KeyError("column"))) is None


def info(message: str, cls_name: str, cause: SerializableErrorInfo | None = None) -> SerializableErrorInfo:
    return SerializableErrorInfo(message=message, stack=[], cls_name=cls_name, cause=cause)


@pytest.mark.parametrize(
    ("error", "said", "is_expected"),
    [
        (
            info("themes: restore it: ftm restore themes\n", "ExpectedError"),
            "themes: restore it: ftm restore themes",
            True,
        ),
        (
            info(
                "dagster._core.errors.DagsterExecutionStepExecutionError: Error occurred while executing op",
                "DagsterExecutionStepExecutionError",
                info(
                    "ftm_resources.warehouse.history.WarehouseError: themes: restore it: ftm restore themes\n",
                    "WarehouseError",
                    info("FileNotFoundError: gone\n", "FileNotFoundError"),
                ),
            ),
            "themes: restore it: ftm restore themes",
            True,
        ),
        (info("dagster._core.definitions.events.Failure: first topics\n", "Failure"), "first topics", True),
        (
            info(
                "ExceptionGroup: unhandled (1 sub-exception)\n",
                "ExceptionGroup",
                info("ftm_resources.endpoint.connection.EndpointUnavailableError: set the key\n", "E"),
            ),
            "set the key",
            True,
        ),
        (info("ValueError: FTM_SAMPLE_FIRMS is 'x'\n", "ValueError"), "FTM_SAMPLE_FIRMS is 'x'", True),
        (info("KeyError: 'column'\n", "KeyError"), "KeyError: 'column'", False),
        (None, "no reason was recorded", False),
    ],
)
def test_a_failed_step_says_the_outermost_of_ours(
    error: SerializableErrorInfo | None, said: str, is_expected: bool
):
    assert message_of_step(error) == (said, is_expected)


def test_a_warning_of_ours_is_shown_once_in_a_command_and_others_as_python_does(
    capsys: pytest.CaptureFixture[str],
):
    for _ in range(2):
        show = failing.warnings_shown_once()
        for _ in range(2):
            show("not read: README.md", SourceWarning, "f.py", 1)
            show("careful", UserWarning, "f.py", 1)
    told = capsys.readouterr().err
    assert told.count("Warning: not read: README.md\n") == 2, "once in each command"
    assert told.count("UserWarning: careful") == 4
