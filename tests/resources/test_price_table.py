"""The table of prices: the bundled one, one of the user's, and tables that cannot be used."""

from datetime import date
from pathlib import Path

import pytest

from ftm_resources import price_table
from ftm_resources.price_table import COLUMNS, HOURS_PER_MONTH, Machine, Prices, PriceTableError
from infra.rendering import template

HEADER = ",".join(COLUMNS)
ROW = "g6.xlarge,spot,hour,0.5,eu-west-1,2026-01-31,my invoice"


def table(folder: Path, *rows: str, header: str = HEADER) -> Path:
    file = folder / "mine.csv"
    file.write_text("\n".join([header, *rows]) + "\n")
    return file


@pytest.fixture
def bundled() -> Prices:
    return price_table.read(price_table.BUNDLED)


def test_every_machine_of_the_stacks_has_a_price_on_each_market(bundled: Prices):
    group = template("cluster")["Resources"]["SpotHosts"]["Properties"]["MixedInstancesPolicy"]
    kinds = {"g4dn.xlarge", *(o["InstanceType"] for o in group["LaunchTemplate"]["Overrides"][:2])}
    for kind in kinds:
        spot, on_demand = (bundled.per_hour(Machine(m, kind=kind)) for m in ("spot", "on-demand"))
        assert spot is not None
        assert on_demand is not None
        assert spot < on_demand
    databases = template("dagster")["Parameters"]["DatabaseClass"]["AllowedValues"]
    assert all(bundled.usd(name) for name in databases)
    size = {"vcpu": 8.0, "memory": 32.0}
    assert bundled.per_hour(Machine("fargate", **size)) == pytest.approx(8 * 0.04048 + 32 * 0.004445)
    assert bundled.per_hour(Machine("fargate", **size, disk=50)) == pytest.approx(
        8 * 0.04048 + 32 * 0.004445 + 30 * 0.000111
    ), "the first 20 GB are free"
    assert bundled.per_hour(Machine("fargate", **size, has_address=True)) == pytest.approx(
        8 * 0.04048 + 32 * 0.004445 + 0.005
    )


def test_every_bundled_price_says_whether_it_was_checked(bundled: Prices):
    assert all("not checked" in p.source or p.source.startswith("assumed") for p in bundled.rows)
    assert bundled.name == "bundled"
    assert bundled.regions == "us-east-1"
    assert bundled.as_of(Machine("fargate", vcpu=1, memory=4)) == date(2026, 3, 10)
    assert bundled.as_of(Machine("fargate", vcpu=1, memory=4, has_address=True)) == date(2025, 6, 30), (
        "the oldest"
    )


def test_what_has_no_price_costs_an_unknown_amount_not_nothing(bundled: Prices):
    assert bundled.per_hour(Machine("local")) is None
    assert bundled.per_hour(Machine("spot")) is None, "a host whose type is not known"
    assert bundled.per_hour(Machine("unknown", kind="g6.xlarge")) is None
    assert bundled.per_hour(Machine("fargate")) is None
    assert bundled.as_of(Machine("local")) is None
    assert bundled.usd("abacus") is None


def test_what_has_no_price_is_named_by_item_and_market(tmp_path: Path):
    own = price_table.read(table(tmp_path, ROW, "fargate_gb,fargate,GB-hour,1,here,2026-01-31,me"))
    assert own.lacking(Machine("spot", kind="g6.xlarge")) == []
    assert own.lacking(Machine("on-demand", kind="g6.xlarge")) == [("g6.xlarge", "on-demand")]
    assert own.lacking(Machine("fargate", vcpu=8, memory=32, disk=50, has_address=True)) == [
        ("fargate_vcpu", "fargate"),
        ("fargate_disk", "fargate"),
        ("public_address", "on-demand"),
    ]
    assert own.lacking(Machine("spot")) == [("", "spot")]
    assert own.lacking(Machine("fargate")) == [("", "fargate")]


@pytest.mark.parametrize("item", sorted(price_table.ITEMS))
def test_every_item_has_one_unit(tmp_path: Path, item: str):
    unit, (market, *_) = price_table.ITEMS[item]
    said = "1,here,2026-01-31,me"
    assert price_table.read(table(tmp_path, f"{item},{market},{unit},{said}")).usd(item, market) == 1
    other = "month" if unit == "hour" else "hour"
    with pytest.raises(PriceTableError, match=f"line 2: unit '{other}' of {item} must be {unit}$"):
        price_table.read(table(tmp_path, f"{item},{market},{other},{said}"))


def test_a_machine_is_known_by_its_name():
    for machine in (
        Machine("fargate-spot", vcpu=0.5, memory=4),
        Machine("fargate", vcpu=8, memory=32, disk=50),
        Machine("spot", kind="g6.xlarge"),
        Machine("local"),
    ):
        assert Machine.named(machine.name, machine.market) == machine
    assert Machine("fargate-spot", vcpu=1).on_demand.market == "fargate"
    assert Machine("on-demand", kind="x").spot.market == "spot"
    assert Machine("local").spot == Machine("local").on_demand == Machine("local")


def test_a_table_of_the_users_replaces_the_bundled_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.delenv("FTM_PRICES", raising=False)
    assert price_table.current().file == price_table.BUNDLED
    file = table(
        tmp_path, ROW, 'local,local,hour,0.2,my office,2026-02-01,"electricity, and what the machine cost"'
    )
    monkeypatch.setenv("FTM_PRICES", str(file))
    own = price_table.current()
    assert own.per_hour(Machine("spot", kind="g6.xlarge")) == 0.5
    assert own.per_hour(Machine("local")) == 0.2
    assert own.per_hour(Machine("fargate", vcpu=1, memory=4)) is None, "it replaces the whole table"
    assert (own.name, own.span, own.regions) == (
        "mine.csv",
        "2026-01-31 to 2026-02-01",
        "eu-west-1, my office",
    )
    file.write_text(file.read_text().replace("0.5", "0.75"))
    assert price_table.current().usd("g6.xlarge", "spot") == 0.75, "a changed file is read again"


@pytest.mark.parametrize(
    ("row", "said"),
    [
        (ROW.replace("0.5", "cheap"), "line 3: usd 'cheap' is not a number of at least 0"),
        (ROW.replace("0.5", "-1"), "line 3: usd '-1' is not"),
        (ROW.replace("0.5", "nan"), "line 3: usd 'nan' is not"),
        (ROW.replace("0.5", ""), "line 3: usd is empty"),
        (ROW.replace("spot", "bazaar"), "line 3: market 'bazaar' of g6.xlarge must be on-demand or spot"),
        (ROW.replace("spot", "local"), "line 3: market 'local' of g6.xlarge must be on-demand or spot"),
        (ROW.replace("hour", "month"), "line 3: unit 'month' of g6.xlarge must be hour"),
        (
            ROW.replace("g6.xlarge,spot", "db.t4g.micro,spot"),
            "line 3: market 'spot' of db.t4g.micro must be on-demand",
        ),
        (ROW.replace("g6.xlarge,spot", "local,spot"), "line 3: market 'spot' of local must be local"),
        (
            ROW.replace("g6.xlarge", "g6.xlrge"),
            "line 3: item 'g6.xlrge' must be an instance type, such as g6.xlarge, or one of fargate_vcpu, ",
        ),
        (ROW.replace("2026-01-31", "last year"), "line 3: as_of 'last year' is not a date such as"),
        (ROW.replace("my invoice", ""), "line 3: source is empty"),
        (f"{ROW}, with a comma", "line 3: there are more cells than columns; quote"),
        (
            "g5.xlarge,spot,hour,0.5,eu-west-1,2026-01-31,my invoice",
            "line 3: item 'g5.xlarge' has a second price",
        ),
    ],
)
def test_a_broken_row_is_refused_by_file_line_and_column(tmp_path: Path, row: str, said: str):
    file = table(tmp_path, "g5.xlarge,spot,hour,0.4,eu-west-1,2026-01-31,my invoice", row)
    with pytest.raises(PriceTableError) as refused:
        price_table.read(file)
    assert str(refused.value).startswith(f"{file} {said}")


@pytest.mark.parametrize(
    ("header", "rows", "said"),
    [
        ("item,usd", [ROW], "line 1: its columns are item, usd, but must be item, market,"),
        (HEADER, [], "has no prices"),
        (HEADER, ['"g6.xlarge'], "cannot be read as a CSV file"),
    ],
)
def test_a_file_that_is_no_table_of_prices_is_refused(
    tmp_path: Path, header: str, rows: list[str], said: str
):
    file = table(tmp_path, *rows, header=header)
    with pytest.raises(PriceTableError, match=said):
        price_table.read(file)


def test_a_file_that_is_not_there_is_refused_by_the_settings_name(tmp_path: Path):
    with pytest.raises(PriceTableError, match=r"FTM_PRICES: .*none\.csv cannot be read"):
        price_table.read(tmp_path / "none.csv")


def test_aws_charges_a_minute_at_least():
    assert price_table.charged(12, "fargate-spot") == 60
    assert price_table.charged(61, "spot") == 61
    assert price_table.charged(12, "local") == 12
    assert HOURS_PER_MONTH == 730


def test_the_regions_of_its_aws_prices_are_compared_with_the_one_that_is_used(
    bundled: Prices, tmp_path: Path
):
    assert (bundled.elsewhere("us-east-1"), bundled.elsewhere(None), bundled.elsewhere("eu-west-1")) == (
        "",
        "",
        "us-east-1",
    )
    rows = (
        "local,local,hour,1,here,2027-01-01,me",
        ROW,
        ROW.replace("spot", "on-demand").replace("eu-west-1", "us-east-1"),
    )
    mixed = price_table.read(table(tmp_path, *rows))
    assert (mixed.elsewhere("eu-west-1"), mixed.elsewhere("ap-south-1")) == (
        "us-east-1",
        "eu-west-1, us-east-1",
    )
