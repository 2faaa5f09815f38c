"""The WRDS tables that the Capital IQ source reads: where an account finds them, and their column types.

Ids may be integers, decimals or floats; dates may include a time; times may be times, text or seconds: WRDS's
tables come from several products, some via SAS.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, time
from typing import TYPE_CHECKING, Any, Self

from ftm_resources import settings
from ftm_resources.sources import moments, values
from ftm_resources.sources.base import Problem, SourceError
from ftm_resources.sources.moments import Conventions, Moment
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
    """Return an id of any type as an int; ValueError if it is a gap or not a whole number."""
    if values.is_gap(value, "id"):
        raise ValueError(f"{value!r} is not an id")
    return _whole(value)


def whole_or_none(value: Any) -> int | None:
    """Return an id of any type as an int, None if it is a gap; ValueError if it is not a whole number."""
    return None if values.is_gap(value, "id") else _whole(value)


def _whole(value: Any) -> int:
    try:
        return int(values.identifier(value if isinstance(value, str) else values.number_text(value)))
    except ValueError as error:
        raise ValueError(f"{value!r} is not a whole number") from error


def position(value: Any) -> int | None:
    """Return a component's place in its transcript; None if it is missing, negative or not a whole number."""
    if values.is_gap(value, "order"):
        return None
    try:
        number = float(value)
    except ValueError:
        return None
    return int(number) if 0 <= number < values.EXACT and number.is_integer() else None


def gvkey(value: Any) -> str | None:
    """Return a GVKEY of any type in six digits, None if it is a gap; ValueError if it is not a GVKEY."""
    if values.is_gap(value, "gvkey"):
        return None
    written = value if isinstance(value, str) else values.number_text(value)
    try:
        return values.gvkey(written)
    except ValueError as error:
        raise ValueError(f"{value!r} {error}") from error


def text(value: Any) -> str | None:
    """Return a name or speech unchanged; None if it is a gap."""
    return value if isinstance(value, str) and not values.is_gap(value, "text") else None


def code(value: Any) -> str | None:
    """Return the name of a type, with single blanks; None if it is a gap."""
    return " ".join(value.split()) if isinstance(value, str) and not values.is_gap(value, "code") else None


def day(value: Any) -> date | None:
    """Return the date of a date or datetime, None if it is a gap."""
    if values.is_gap(value, "date"):
        return None
    return value.date() if isinstance(value, datetime) else value


def moment(date_value: date | str, clock: Any) -> Moment:
    """Return a date joined with a time of day, which may be a gap.

    The time of day may be a time, text such as 21:30:00, or the time since midnight (an interval or seconds);
    anything else raises ValueError.
    """
    midnight = time(0)
    if isinstance(date_value, datetime):
        read = moments.written_at(date_value.replace(tzinfo=date_value.tzinfo or UTC))
        # A column of timestamps holds dates too.
        read = replace(read, has_time=not read.is_midnight, is_midnight=False)
    elif isinstance(date_value, str):
        read = moments.moment(date_value)
    else:
        read = Moment(datetime.combine(date_value, midnight, UTC), has_time=False)
    if values.is_gap(clock, "time"):
        return read
    return moments.joined(read, moments.since_midnight(clock, Conventions(clock="seconds")))
