"""The WRDS tables that the Capital IQ source reads: where an account finds them, and their column types.

Ids may be integers, decimals or floats; dates may include a time; times may be times, text or seconds: WRDS's
tables come from several products, some via SAS.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Self

from ftm_resources import settings
from ftm_resources.sources.base import Problem, SourceError
from ftm_resources.sources.wrds.postgres import wrds_error

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ftm_resources.sources.wrds.postgres import Wrds

_IDENTIFIER = re.compile(r"[a-z_][a-z0-9_]{0,62}")

_RIGHTS = """
SELECT n.nspname, c.relname, has_schema_privilege(n.oid, 'USAGE') AND has_any_column_privilege(c.oid, 'SELECT'),
    EXISTS (SELECT FROM pg_catalog.pg_attribute a WHERE a.attrelid = c.oid AND a.attname = 'transcriptid')
FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
WHERE c.relname = ANY(:names) AND c.relkind = ANY(:kinds)
"""


@dataclass(frozen=True)
class TableName:
    """A table or view in a schema; both names are validated because they become part of a query."""

    schema: str
    name: str

    def __post_init__(self) -> None:
        for part in (self.schema, self.name):
            if not _IDENTIFIER.fullmatch(part):
                raise ValueError(f"{part!r} is not a name: lower-case letters, digits and _")

    def __str__(self) -> str:
        return f"{self.schema}.{self.name}"

    @property
    def sql(self) -> str:
        """The quoted name, for use in a query."""
        return f'"{self.schema}"."{self.name}"'


@dataclass(frozen=True)
class Tables:
    """The tables to read, by the names under which the account has them."""

    details: TableName
    components: TableName
    people: TableName
    gvkeys: TableName
    links: TableName

    @classmethod
    def from_settings(cls) -> Self:
        """Return the tables in the settings; SourceError, naming the setting, if a name is invalid."""
        now = settings.current()
        variable, schema = "WRDS_TRANSCRIPT_SCHEMA", now.wrds_transcript_schema
        return cls(
            details=_setting(variable, schema, "wrds_transcript_detail"),
            components=_setting(variable, schema, "ciqtranscriptcomponent"),
            people=_setting(variable, schema, "wrds_transcript_person"),
            gvkeys=_setting("WRDS_GVKEY_TABLE", now.wrds_gvkey_table),
            links=_setting("WRDS_LINK_TABLE", now.wrds_link_table),
        )

    def __iter__(self) -> Iterator[TableName]:
        return iter((self.details, self.components, self.people, self.gvkeys, self.links))

    def check(self, wrds: Wrds) -> bool:
        """Return whether the people table can be filtered by transcript; it has no such column for some accounts.

        SourceError, listing every table that is missing or not readable, and the schemas where it is readable.
        """
        names = sorted({t.name for t in self})
        found = wrds.rows(_RIGHTS, {"names": names, "kinds": ["r", "v", "m", "f", "p"]}, "the list of tables")
        readable = {(schema, name): allowed for schema, name, allowed, _ in found}
        problems = []
        for table in self:
            allowed = readable.get((table.schema, table.name))
            if allowed:
                continue
            what = "has no such table" if allowed is None else "has it, but this account cannot read it"
            others = sorted(s for (s, name), may in readable.items() if name == table.name and may)
            elsewhere = f"; it can be read in {', '.join(others)}" if others else ""
            problems.append(Problem(str(table), None, None, f"schema {table.schema} {what}{elsewhere}"))
        if problems:
            raise SourceError(
                problems,
                advice=f"Looked in {wrds.access}. Set WRDS_TRANSCRIPT_SCHEMA, WRDS_GVKEY_TABLE or WRDS_LINK_TABLE "
                "to schemas that the account can read, or ask WRDS for the subscription.",
            )
        return (self.people.schema, self.people.name, True, True) in found


def _setting(setting: str, value: str, name: str | None = None) -> TableName:
    schema, _, own = value.partition(".")
    try:
        return TableName(schema, name if name and not own else own)
    except ValueError as error:
        form = "a schema such as ciq" if name else "schema.table, such as crsp.ccmxpf_linktable"
        raise wrds_error(setting, f"{value!r}: {error}", f"Set {setting} to {form}.") from error


def whole(value: Any) -> int:
    """Return an id as an int; ValueError if it is not a whole number."""
    number = int(value)
    if number != value and not isinstance(value, str):
        raise ValueError(f"{value!r} is not a whole number")
    return number


def text(value: Any) -> str | None:
    """Return a text unchanged; None if it is missing or blank."""
    return value if isinstance(value, str) and value.strip() else None


def day(value: Any) -> date | None:
    """Return the date of a date or datetime."""
    return value.date() if isinstance(value, datetime) else value


def moment(date_value: date, clock: Any) -> tuple[datetime, bool]:
    """Return a UTC datetime from a date and a time of day, and whether there was only a date.

    The time of day may be a time, text such as 21:30:00, or the time since midnight (an interval or seconds);
    anything else raises ValueError.
    """
    if isinstance(date_value, datetime):
        stated = date_value.replace(tzinfo=UTC) if date_value.tzinfo is None else date_value.astimezone(UTC)
        if stated.time() != time(0):
            return stated, False
        date_value = stated.date()
    midnight = datetime.combine(date_value, time(0), UTC)
    if clock is None or (isinstance(clock, str) and not clock.strip()):
        return midnight, True
    if isinstance(clock, str):
        clock = time.fromisoformat(clock.strip())
    if isinstance(clock, time):
        clock = timedelta(
            hours=clock.hour, minutes=clock.minute, seconds=clock.second, microseconds=clock.microsecond
        )
    elif isinstance(clock, int | float | Decimal):
        clock = timedelta(seconds=float(clock))
    if not isinstance(clock, timedelta) or not timedelta(0) <= clock < timedelta(days=1):
        raise ValueError(f"{clock!r} is not a time of day")
    return midnight + clock, False
