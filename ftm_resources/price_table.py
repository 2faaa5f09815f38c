"""The prices that costs are computed with: one dated table, bundled, which FTM_PRICES replaces.

What belongs here: reading and checking the table, and the price of an hour of a machine. What was used is elsewhere.
"""

from __future__ import annotations

import csv
import math
import re
from dataclasses import dataclass, replace
from datetime import date
from functools import cached_property, lru_cache
from pathlib import Path

from ftm_resources import settings

BUNDLED = Path(__file__).with_name("prices.csv")
"""The table that is used unless FTM_PRICES names another."""

COLUMNS = ("item", "market", "unit", "usd", "region", "as_of", "source")
"""The header of a table of prices."""

_FARGATE, _HOST, _ALWAYS = ("fargate", "fargate-spot"), ("on-demand", "spot"), ("on-demand",)

_HOST_TYPE = re.compile(
    r"(db\.)?[a-z]+\d[a-z0-9-]*\.(nano|micro|small|medium|large|\d*xlarge|metal(-\d+xl)?)"
)

ITEMS: dict[str, tuple[str, tuple[str, ...]]] = {
    "fargate_vcpu": ("vCPU-hour", _FARGATE),
    "fargate_gb": ("GB-hour", _FARGATE),
    "fargate_disk": ("GB-hour", _FARGATE),
    "local": ("hour", ("local",)),
    "rds_disk": ("GB-month", _ALWAYS),
    "s3_storage": ("GB-month", _ALWAYS),
    "ecr_storage": ("GB-month", _ALWAYS),
    "athena_scan": ("TB", _ALWAYS),
    "log_ingest": ("GB", _ALWAYS),
    "interface_endpoint": ("hour", _ALWAYS),
    "public_address": ("hour", _ALWAYS),
    "load_balancer": ("hour", _ALWAYS),
    "dns_zone": ("month", _ALWAYS),
    "alarm_metric": ("month", _ALWAYS),
    "secret": ("month", _ALWAYS),
}
"""Item → the unit that its price is counted in, and the markets that it is bought on. Instance types are items too."""

FREE_DISK = 20
"""GB of scratch disk that a task on Fargate has at no cost."""

HOURS_PER_MONTH = 730
"""As AWS's own calculator counts."""

LEAST_SECONDS = 60.0
"""Seconds that AWS charges at least for a task on Fargate or a host."""


_UNINTERRUPTED = {"fargate-spot": "fargate", "spot": "on-demand"}
_INTERRUPTED = {uninterrupted: spot for spot, uninterrupted in _UNINTERRUPTED.items()}
_SIZE = re.compile(r"([\d.]+) vCPU, ([\d.]+) GB(?:, ([\d.]+) GB disk)?")


class PriceTableError(ValueError):
    """A table of prices cannot be used; the message names the file, the line and the column."""


@dataclass(frozen=True)
class Price:
    """A row of the table."""

    item: str
    market: str
    unit: str
    usd: float
    region: str
    as_of: date
    source: str
    """Where the price is from, and whether anybody checked it."""


@dataclass(frozen=True)
class Machine:
    """What a step ran on, as far as its price depends on it."""

    market: str
    """How it is bought: `fargate`, `fargate-spot`, `on-demand`, `spot`, `local`, or `unknown`."""
    kind: str = ""
    """Instance type of a host; empty on Fargate, and where it is not known."""
    vcpu: float = 0.0
    memory: float = 0.0
    """GB, on Fargate."""
    disk: float = 0.0
    """GB of scratch disk, on Fargate."""
    has_address: bool = False
    """Whether it has a public IPv4 address, which costs by the hour."""

    @property
    def name(self) -> str:
        """The machine in a word or two: instance type, size on Fargate, or `local`; empty if it is not known.

        >>> Machine("fargate-spot", vcpu=2, memory=16).name, Machine("spot", kind="g6.xlarge").name
        ('2 vCPU, 16 GB', 'g6.xlarge')
        """
        if self.market == "local":
            return "local"
        if self.market in _FARGATE:
            disk = f", {self.disk:g} GB disk" if self.disk > FREE_DISK else ""
            return f"{self.vcpu:g} vCPU, {self.memory:g} GB{disk}" if self.vcpu else ""
        return self.kind

    @classmethod
    def named(cls, name: str, market: str, *, has_address: bool = False) -> Machine:
        """Return the machine that has a name, as bought on a market.

        >>> Machine.named("2 vCPU, 16 GB", "fargate") == Machine("fargate", vcpu=2, memory=16)
        True
        """
        if size := _SIZE.fullmatch(name):
            vcpu, memory, disk = (float(part or 0) for part in size.groups())
            return cls(market, "", vcpu, memory, disk, has_address)
        return cls(market, kind="" if market == "local" else name)

    @property
    def on_demand(self) -> Machine:
        """The same machine, not interrupted."""
        return replace(self, market=_UNINTERRUPTED.get(self.market, self.market))

    @property
    def spot(self) -> Machine:
        """The same machine, of capacity that is left over."""
        return replace(self, market=_INTERRUPTED.get(self.market, self.market))


@dataclass(frozen=True)
class Prices:
    """A table of prices."""

    file: Path
    rows: tuple[Price, ...]

    @cached_property
    def _by_key(self) -> dict[tuple[str, str], Price]:
        return {(p.item, p.market): p for p in self.rows}

    def find(self, item: str, market: str = "on-demand") -> Price | None:
        """Return the price of an item; None if the table has none."""
        return self._by_key.get((item, market))

    def usd(self, item: str, market: str = "on-demand") -> float | None:
        """Return what one unit of an item costs; None if the table does not say."""
        found = self.find(item, market)
        return found.usd if found else None

    def parts(self, machine: Machine) -> list[tuple[float, Price]] | None:
        """Return what an hour of a machine is made of, as (amount, price); None if a price is missing."""
        found = [(amount, self.find(item, of)) for amount, item, of in _wanted(machine)]
        known = [(amount, price) for amount, price in found if price is not None]
        return known if len(known) == len(found) else None

    def lacking(self, machine: Machine) -> list[tuple[str, str]]:
        """Return the (item, market) without a price that an hour of a machine needs; items are empty if unknown."""
        return [(item, of) for _, item, of in _wanted(machine) if self.find(item, of) is None]

    def per_hour(self, machine: Machine) -> float | None:
        """Return the USD of an hour of a machine; None if a price that it needs is missing."""
        parts = self.parts(machine)
        return None if parts is None else sum(amount * price.usd for amount, price in parts)

    def as_of(self, machine: Machine) -> date | None:
        """Return the oldest date of the prices that an hour of a machine is made of; None without a price."""
        parts = self.parts(machine)
        return min((price.as_of for _, price in parts), default=None) if parts else None

    @property
    def span(self) -> str:
        """From which day to which the prices are: `2025-06-30 to 2026-06-30`, or the one day."""
        days = sorted({p.as_of for p in self.rows})
        return str(days[0]) if len(days) == 1 else f"{days[0]} to {days[-1]}"

    @property
    def regions(self) -> str:
        """The regions of the prices."""
        return ", ".join(sorted({p.region for p in self.rows}))

    def elsewhere(self, region: str | None) -> str:
        """Return the other regions whose AWS prices the table has; empty if it has none, or no region is known."""
        of = {p.region for p in self.rows if p.market != "local"} - {region}
        return ", ".join(sorted(of)) if region else ""

    @property
    def name(self) -> str:
        """The table in words: the file's name, or `bundled`."""
        return "bundled" if self.file == BUNDLED else self.file.name


def _wanted(machine: Machine) -> list[tuple[float, str, str]]:
    """Return what an hour of a machine is made of, as (amount, item, market)."""
    market = machine.market
    if market not in _FARGATE:
        wanted = [(1.0, machine.name, market)]
    elif not machine.vcpu or not machine.memory:
        wanted = [(1.0, "", market)]
    else:
        wanted = [(machine.vcpu, "fargate_vcpu", market), (machine.memory, "fargate_gb", market)]
        if (beyond := machine.disk - FREE_DISK) > 0:
            wanted.append((beyond, "fargate_disk", market))
    if machine.has_address:
        wanted.append((1.0, "public_address", "on-demand"))
    return wanted


def charged(seconds: float, market: str) -> float:
    """Return the seconds that are paid for: on AWS a minute at least."""
    return seconds if market == "local" else max(seconds, LEAST_SECONDS)


def current() -> Prices:
    """Return the table in use. Raises PriceTableError, naming file, line and column, if it cannot be used."""
    return read(settings.current().ftm_prices or BUNDLED)


def read(file: Path) -> Prices:
    """Return the table in a CSV file with the header COLUMNS; a file that has not changed is read once.

    Raises PriceTableError if there is no such file, or a row has a price that cannot be used.
    """
    try:
        changed = file.stat().st_mtime_ns
    except OSError as error:
        raise PriceTableError(
            f"FTM_PRICES: {file} cannot be read ({error.strerror}); name a CSV file"
        ) from error
    return _read(file, changed)


@lru_cache(maxsize=8)
def _read(file: Path, _changed: int) -> Prices:
    try:
        with file.open(encoding="utf-8-sig", newline="") as stream:
            lines = csv.DictReader(stream, strict=True)
            header = tuple(lines.fieldnames or ())
            if set(header) != set(COLUMNS) or len(header) != len(COLUMNS):
                raise PriceTableError(
                    f"{file} line 1: its columns are {', '.join(header) or 'none'}, but must be {', '.join(COLUMNS)}"
                )
            numbered = [(lines.line_num, row) for row in lines]
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise PriceTableError(f"{file} cannot be read as a CSV file: {error}") from error
    if not numbered:
        raise PriceTableError(f"{file} has no prices")
    found: dict[tuple[str, str], Price] = {}
    for line, row in numbered:
        price = _price(f"{file} line {line}", row)
        if (price.item, price.market) in found:
            raise PriceTableError(
                f"{file} line {line}: item {price.item!r} has a second price as {price.market}"
            )
        found[price.item, price.market] = price
    return Prices(file, tuple(found.values()))


def _kind(where: str, item: str) -> tuple[str, tuple[str, ...]]:
    """Return the unit and the markets of an item: of ITEMS, or an instance type of a host or a database."""
    if item in ITEMS:
        return ITEMS[item]
    if found := _HOST_TYPE.fullmatch(item):
        return "hour", (_ALWAYS if found[1] else _HOST)
    raise PriceTableError(
        f"{where}: item {item!r} must be an instance type, such as g6.xlarge, or one of {', '.join(ITEMS)}"
    )


def _price(where: str, row: dict[str, str | None]) -> Price:
    def cell(column: str) -> str:
        text = (row.get(column) or "").strip()
        if not text:
            raise PriceTableError(f"{where}: {column} is empty")
        return text

    if None in row:
        raise PriceTableError(f"{where}: there are more cells than columns; quote a source that has a comma")
    item, market, unit = cell("item"), cell("market"), cell("unit")
    counted_in, markets = _kind(where, item)
    for column, value, known in (("market", market, markets), ("unit", unit, (counted_in,))):
        if value not in known:
            raise PriceTableError(f"{where}: {column} {value!r} of {item} must be {' or '.join(known)}")
    return Price(
        item,
        market,
        unit,
        _usd(where, cell("usd")),
        cell("region"),
        _day(where, cell("as_of")),
        cell("source"),
    )


def _usd(where: str, text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not (math.isfinite(value) and value >= 0):
        raise PriceTableError(f"{where}: usd {text!r} is not a number of at least 0")
    return value


def _day(where: str, text: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError as error:
        raise PriceTableError(f"{where}: as_of {text!r} is not a date such as 2026-01-31") from error
