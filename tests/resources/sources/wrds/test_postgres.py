"""The connection to WRDS: credentials without a prompt, refusals that say what to do, losses that are survived."""

import logging
import re
import subprocess
import sys
import traceback
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from ftm_resources.sources.base import SourceError
from ftm_resources.sources.wrds.capital_iq import CapitalIqSource
from ftm_resources.sources.wrds.postgres import Access, Wrds
from ftm_resources.sources.wrds.schema import TableName

if TYPE_CHECKING:
    from benchmarks.wrds_server import Library

QUARTER = "2023Q1"
CALLED = datetime(2023, 2, 1, 14, 30, tzinfo=UTC)
PASSWORD = "s3cret/p@ss:word%20"  # noqa: S105 - benchmarks.wrds_server's


@pytest.fixture
def ten_calls(library: "Library") -> "Library":
    """Ten linked calls of ten components each."""
    for company in range(1, 11):
        library.add_gvkey(f"{company:06d}", company)
        library.add_link(10000 + company, f"{company:06d}")
        texts = [f"Firm {company} says {i}." for i in range(10)]
        library.add_call(100 + company, texts, company=company, at=CALLED)
    return library


def read(**options: Any) -> pa.Table:
    return pa.concat_tables(CapitalIqSource(**options).components(QUARTER))


def refused(**options: Any) -> str:
    with pytest.raises(SourceError) as error:
        read(**options)
    return str(error.value)


def no_wait(_: float) -> None:
    raise AssertionError("this is not to be tried again")


def forget_credentials(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("WRDS_USERNAME", "WRDS_PASSWORD", "WRDS_SECRET_ID"):
        monkeypatch.delenv(name, raising=False)


def passfile(monkeypatch: pytest.MonkeyPatch, path: Path, text: str, mode: int = 0o600) -> None:
    path.write_text(text)
    path.chmod(mode)
    monkeypatch.setenv("PGPASSFILE", str(path))


# Credentials


@pytest.mark.usefixtures("library")
def test_without_credentials_a_run_fails_at_once_and_names_the_three_ways(monkeypatch: pytest.MonkeyPatch):
    forget_credentials(monkeypatch)
    message = refused()
    assert "no credentials for 127.0.0.1" in message
    for way in ("WRDS_USERNAME and WRDS_PASSWORD", "WRDS_SECRET_ID", ":USER:PASSWORD"):
        assert way in message


@pytest.mark.parametrize("password", [None, "wrong"])
@pytest.mark.usefixtures("library")
def test_nothing_is_ever_asked_on_standard_input(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, password: str | None
):
    """With answers waiting there, which the package would take."""
    if password:
        monkeypatch.setenv("WRDS_PASSWORD", password)
    else:
        forget_credentials(monkeypatch)
    command = [sys.executable, "-m", "ftm_assets.cli", "export", "transcripts", "--quarter", QUARTER]
    done = subprocess.run(
        [*command, "--out", str(tmp_path / "out.csv")],
        input=f"researcher\n{PASSWORD}\ny\n" * 3,
        capture_output=True,
        text=True,
        check=False,
        start_new_session=True,  # without a terminal, from which a password would be read
    )
    assert done.returncode == 1
    assert ("authentication failed" if password else "no credentials") in done.stderr
    assert "Enter your" not in done.stdout + done.stderr
    assert not list(tmp_path.glob("*.csv"))


def test_a_wrong_password_is_refused_after_one_attempt_with_what_to_do(
    library: "Library", monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setenv("WRDS_PASSWORD", "wrong-one")
    before = library.server.log.read_text().count("password authentication failed")
    message = refused(wait=no_wait)
    assert 'password authentication failed for user "researcher"' in message
    assert "from WRDS_USERNAME and WRDS_PASSWORD" in message
    assert "second factor" in message
    assert "wrong-one" not in message
    assert library.server.log.read_text().count("password authentication failed") == before + 1


def test_the_password_file_is_used_with_its_wildcards_and_escapes(
    ten_calls: "Library", monkeypatch: pytest.MonkeyPatch, tmp_path: Path
):
    forget_credentials(monkeypatch)
    escaped = PASSWORD.replace(":", r"\:")
    other = "elsewhere:9737:wrds:somebody:else\n*:*:wrds:without-password\n"
    line = f"*:{ten_calls.server.port}:wrds:researcher:{escaped}\n"
    passfile(monkeypatch, tmp_path / "pgpass", f"# mine\n{other}{line}")
    assert read().num_rows == 100
    access = Access.from_settings()
    assert (access.username, access.password) == ("researcher", "")


def test_a_user_name_alone_takes_its_password_from_the_password_file(
    ten_calls: "Library", monkeypatch: pytest.MonkeyPatch, tmp_path: Path
):
    monkeypatch.delenv("WRDS_PASSWORD")
    escaped = PASSWORD.replace(":", r"\:")
    place = f"127.0.0.1:{ten_calls.server.port}:wrds"
    passfile(monkeypatch, tmp_path / "pgpass", f"{place}:another:x\n{place}:*:{escaped}\n")
    assert read().num_rows == 100


def test_a_password_file_that_others_may_read_is_named(
    library: "Library", monkeypatch: pytest.MonkeyPatch, tmp_path: Path
):
    forget_credentials(monkeypatch)
    line = f"127.0.0.1:{library.server.port}:wrds:researcher:x\n"
    passfile(monkeypatch, tmp_path / "pgpass", line, mode=0o644)
    assert f"chmod 600 {tmp_path / 'pgpass'}" in refused()


@pytest.mark.usefixtures("library")
def test_the_environment_goes_before_the_password_file(monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    passfile(monkeypatch, tmp_path / "pgpass", "*:*:*:somebody:else\n")
    assert Access.from_settings().username == "researcher"


@pytest.fixture
def secrets(aws_over_http: None) -> Callable[[str, str], None]:  # noqa: ARG001 - where it is stored
    """A function that stores a secret in an AWS Secrets Manager spoken to over HTTP."""

    def store(name: str, value: str) -> None:
        import boto3

        boto3.client("secretsmanager").create_secret(Name=name, SecretString=value)

    return store


@pytest.mark.usefixtures("ten_calls")
def test_a_secret_of_aws_gives_both(monkeypatch: pytest.MonkeyPatch, secrets: Callable[[str, str], None]):
    forget_credentials(monkeypatch)
    secrets("ftm/wrds", f'{{"username": "researcher", "password": "{PASSWORD}"}}')
    monkeypatch.setenv("WRDS_SECRET_ID", "ftm/wrds")
    assert read().num_rows == 100


@pytest.mark.usefixtures("library")
def test_a_secret_that_is_missing_or_malformed_is_named_and_not_shown(
    monkeypatch: pytest.MonkeyPatch, secrets: Callable[[str, str], None]
):
    forget_credentials(monkeypatch)
    monkeypatch.setenv("WRDS_SECRET_ID", "ftm/none")
    assert "AWS secret ftm/none" in refused()
    secrets("ftm/plain", "hunter2")
    monkeypatch.setenv("WRDS_SECRET_ID", "ftm/plain")
    with pytest.raises(SourceError) as error:
        read()
    assert "does not hold a username and password" in str(error.value)
    assert "hunter2" not in "".join(traceback.format_exception(error.value))


def test_credentials_are_in_no_log_message_traceback_or_representation(
    ten_calls: "Library", caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
):
    caplog.set_level(logging.DEBUG)
    assert read().num_rows == 100
    ten_calls.server.run(f"REVOKE SELECT ON {ten_calls.ciq}.wrds_gvkey FROM researcher")
    with pytest.raises(SourceError) as error:
        read()
    access = Access.from_settings()
    shown = [
        caplog.text,
        *capfd.readouterr(),
        *traceback.format_exception(error.value),
        repr(access),
        str(access),
    ]
    assert not [text for text in shown if PASSWORD in text or "s3cret" in text]


def test_tls_is_insisted_on_unless_the_setting_says_otherwise(
    library: "Library", monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.delenv("WRDS_SSLMODE")
    message = refused(wait=no_wait)
    assert "SSL" in message
    assert "WRDS_SSLMODE" in message
    assert library.server.port


# What the account has


def test_a_table_that_may_not_be_read_is_named_with_its_schema(ten_calls: "Library"):
    ten_calls.server.run(f"REVOKE SELECT ON {ten_calls.crsp}.ccmxpf_linktable FROM researcher")
    message = refused(wait=no_wait)
    assert f"schema {ten_calls.crsp} has it, but this account cannot read it" in message
    assert "WRDS_LINK_TABLE" in message


def test_a_right_that_shows_only_when_a_view_is_read_is_named_too(ten_calls: "Library"):
    ciq = ten_calls.ciq
    ten_calls.server.run(
        f"ALTER TABLE {ciq}.ciqtranscriptcomponent RENAME TO hidden; "
        f"CREATE FUNCTION {ciq}.locked() RETURNS integer LANGUAGE sql AS 'SELECT 1'; "
        f"REVOKE EXECUTE ON FUNCTION {ciq}.locked() FROM PUBLIC; "
        f"CREATE VIEW {ciq}.ciqtranscriptcomponent AS SELECT * FROM {ciq}.hidden WHERE {ciq}.locked() = 1; "
        f"GRANT SELECT ON {ciq}.ciqtranscriptcomponent TO researcher"
    )
    message = refused(wait=no_wait)
    assert f"{ciq}.ciqtranscriptcomponent" in message
    assert "the account cannot read it: permission denied" in message


def test_missing_tables_are_all_named_with_where_else_they_are(
    library: "Library", monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setenv("WRDS_TRANSCRIPT_SCHEMA", "ciq_transcripts")
    message = refused(wait=no_wait)
    assert "3 problems" in message
    for table in ("wrds_transcript_detail", "ciqtranscriptcomponent", "wrds_transcript_person"):
        assert f"ciq_transcripts.{table}: schema ciq_transcripts has no such table" in message
    assert f"can be read in {library.ciq}" in message.replace(", ", f" it can be read in {library.ciq} ")


def test_schemas_and_the_link_table_are_configuration(ten_calls: "Library", monkeypatch: pytest.MonkeyPatch):
    renamed = f"{ten_calls.name}crsp_a_ccm"
    ten_calls.server.run(
        f"ALTER SCHEMA {ten_calls.crsp} RENAME TO {renamed}; "
        f"ALTER TABLE {renamed}.ccmxpf_linktable RENAME TO ccmxpf_lnkhist"
    )
    monkeypatch.setenv("WRDS_LINK_TABLE", f"{renamed}.ccmxpf_lnkhist")
    assert read().column("permno").null_count == 0


@pytest.mark.parametrize(
    "name", ['ciq"; DROP TABLE x; --', "CIQ", "ciq.wrds.gvkey", "ciq wrds", "", "1ciq", "c" * 64, "ciq\n"]
)
@pytest.mark.usefixtures("library")
def test_what_is_no_identifier_never_becomes_part_of_a_query(monkeypatch: pytest.MonkeyPatch, name: str):
    with pytest.raises(ValueError, match="is not a name"):
        TableName("ciq", name)
    monkeypatch.setenv("WRDS_GVKEY_TABLE", f"ciq.{name}x x")
    assert "WRDS_GVKEY_TABLE" in refused(wait=no_wait)


# Losses


def test_a_server_killed_mid_stream_and_started_again_costs_one_batch(ten_calls: "Library"):
    whole = read()
    server, waits = ten_calls.server, []
    source = CapitalIqSource(batch_calls=2, wait=lambda _: waits.append(1) or server.start())

    def kill_once(done: int, _total: int | None) -> None:
        if done == 40 and not waits:
            server.stop()

    connections = server.logins()
    found = pa.concat_tables(source.components(QUARTER, kill_once))
    assert found.equals(whole)
    assert len(waits) == 1
    assert server.logins() == connections + 2


def trap(library: "Library", what: str) -> Callable[[float], None]:
    """Make the components a view that does something at one row of the seventh call; return what disarms it."""
    ciq = library.ciq

    def arm(action: str) -> None:
        library.server.run(
            f"CREATE OR REPLACE FUNCTION {ciq}.trap(id bigint) RETURNS boolean LANGUAGE plpgsql VOLATILE "
            f"SECURITY DEFINER AS $$ BEGIN IF id = 107005 THEN {action}; END IF; RETURN true; END $$"
        )

    arm(what)
    library.server.run(
        f"ALTER TABLE {ciq}.ciqtranscriptcomponent RENAME TO real_components; "
        f"CREATE VIEW {ciq}.ciqtranscriptcomponent AS "
        f"SELECT * FROM {ciq}.real_components WHERE {ciq}.trap(transcriptcomponentid); "
        f"GRANT SELECT ON {ciq}.ciqtranscriptcomponent TO researcher"
    )
    return lambda _: arm("NULL")


def test_a_connection_dropped_inside_a_batch_goes_on_behind_the_last_finished_one(
    ten_calls: "Library", caplog: pytest.LogCaptureFixture
):
    whole = read()
    disarm = trap(ten_calls, "PERFORM pg_terminate_backend(pg_backend_pid())")
    progress: list[int] = []
    source = CapitalIqSource(batch_calls=2, wait=disarm)
    tables = source.components(QUARTER, lambda done, _: progress.append(done))
    assert pa.concat_tables(tables).equals(whole)
    assert progress == [20, 40, 60, 80, 100], "no batch is read again"
    assert caplog.text.count("attempt 2 in 1 s") == 1


def test_a_statement_beyond_its_time_is_tried_again(
    ten_calls: "Library", monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
):
    whole = read()
    disarm = trap(ten_calls, "PERFORM pg_sleep(60)")
    monkeypatch.setenv("WRDS_STATEMENT_TIMEOUT", "1")
    assert read(wait=disarm).equals(whole)
    assert caplog.text.count("took too long; attempt 2") == 1


def test_a_statement_that_is_always_too_slow_names_the_setting(
    ten_calls: "Library", monkeypatch: pytest.MonkeyPatch
):
    ten_calls.server.run(
        f"ALTER TABLE {ten_calls.ciq}.wrds_gvkey RENAME TO real_gvkey; CREATE VIEW {ten_calls.ciq}.wrds_gvkey AS "
        f"SELECT * FROM {ten_calls.ciq}.real_gvkey WHERE pg_sleep(60) IS NOT NULL; "
        f"GRANT SELECT ON {ten_calls.ciq}.wrds_gvkey TO researcher"
    )
    monkeypatch.setenv("WRDS_STATEMENT_TIMEOUT", "0.2")
    waits: list[float] = []
    message = refused(pauses=(1.0, 2.0), wait=waits.append)
    assert "no answer within 0.2 s in 3 attempts" in message
    assert "WRDS_STATEMENT_TIMEOUT" in message
    assert waits == [1.0, 2.0]


def test_a_server_that_stays_away_is_given_up_on_after_the_last_pause(
    library: "Library", monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setenv("WRDS_PORT", "1")
    waits: list[float] = []
    message = refused(pauses=(1.0, 2.0, 4.0), wait=waits.append)
    assert "Connection refused" in message
    assert "(4 attempts)" in message
    assert waits == [1.0, 2.0, 4.0]
    assert library.server.port != 1


def test_an_sql_error_is_reported_once(ten_calls: "Library"):
    ten_calls.server.run(f"ALTER TABLE {ten_calls.ciq}.wrds_gvkey DROP COLUMN startdate")
    message = refused(wait=no_wait)
    assert "startdate" in message
    assert "SQLSTATE 42703" in message


# One at a time


def test_a_second_run_on_the_machine_waits_for_the_first(ten_calls: "Library", tmp_path: Path):
    out = tmp_path / "out.parquet"
    command = [
        sys.executable,
        "-m",
        "ftm_assets.cli",
        "export",
        "transcripts",
        "--quarter",
        QUARTER,
        "--out",
        str(out),
    ]
    second: list[subprocess.Popen[str]] = []

    def start_second(done: int, _total: int | None) -> None:
        if done == 50:
            second.append(subprocess.Popen(command, stderr=subprocess.PIPE, text=True))
            errors = second[0].stderr
            assert errors is not None
            while "another run on this machine" not in errors.readline():
                assert second[0].poll() is None
            assert ten_calls.server.logins() == before + 1

    before = ten_calls.server.logins()
    found = pa.concat_tables(CapitalIqSource(batch_calls=5).components(QUARTER, start_second))
    assert second[0].wait() == 0
    assert pq.read_table(out).num_rows == found.num_rows == 100
    assert ten_calls.server.logins() == before + 2


# The package


@pytest.mark.usefixtures("ten_calls")
def test_the_connection_is_the_packages_own_and_reads_through_a_server_side_cursor():
    import wrds
    from sqlalchemy import event

    with Wrds(Access.from_settings()) as database:
        database.rows("SELECT 1", {}, "one")
        assert type(database._open) is wrds.Connection
        cursors: list[Any] = []
        event.listen(
            database._open.engine,
            "before_cursor_execute",
            lambda _connection, cursor, *_: cursors.append(cursor.name),
        )
        found = database.rows("SELECT generate_series(1, :n)", {"n": 5000}, "numbers")
        assert [n for (n,) in found] == list(range(1, 5001))
        assert all(cursors)


@pytest.mark.usefixtures("library")
def test_the_session_may_not_write_and_has_its_time_limit():
    with Wrds(Access.from_settings()) as database:
        settings = "SELECT current_setting('transaction_read_only'), current_setting('statement_timeout')"
        assert database.rows(settings, {}, "settings") == [("on", "15min")]


def test_no_other_module_of_ours_mentions_the_package():
    folder = Path(__file__).resolve().parents[4]
    found = [
        str(p.relative_to(folder))
        for package in ("ftm_assets", "ftm_resources")
        for p in (folder / package).rglob("*.py")
        if re.search(r"^\s*(import wrds\b(?!_)|from wrds import)", p.read_text(), re.MULTILINE)
    ]
    assert found == ["ftm_resources/sources/wrds/postgres.py"]
