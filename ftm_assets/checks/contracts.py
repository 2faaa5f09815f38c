"""Checks of every table's stored rows against its contract."""

from collections.abc import Iterable, Iterator

import dagster as dg

from ftm_assets.methods.wording import counted
from ftm_assets.orchestration.partitions import QUARTERS
from ftm_resources.expected import plainly
from ftm_resources.tables.contract import DOUBLE, PARTITION, Column, Table
from ftm_resources.warehouse import Warehouse

CARRY_QUARTER = ("component_id", "sentence_id", "topic_id", "theme_id")
"""Ids that start with their quarter."""


def contract_checks(contract: Table) -> dg.AssetChecksDefinition:
    """Return a table's checks: one step that yields one result per promise of the contract."""
    promises = {
        "contract": "Types, nulls, allowed values and bounds of every column",
        "key_unique": f"No two rows share {', '.join(contract.key)}",
        "quarter_pure": "Every row and every id belongs to this quarter",
    }
    referenced = {table for _, table, _ in contract.references()}
    if referenced:
        promises["references_resolve"] = f"Every id exists in {', '.join(sorted(referenced))}"
    specs = [
        dg.AssetCheckSpec(
            name, asset=contract.name, description=doc, blocking=True, partitions_def=QUARTERS,
            additional_deps=sorted(referenced) if name == "references_resolve" else None,
        )
        for name, doc in promises.items()
    ]  # fmt: skip

    @dg.multi_asset_check(name=f"check_{contract.name}", specs=specs)
    @plainly
    def check(context: dg.AssetCheckExecutionContext, warehouse: Warehouse) -> Iterable[dg.AssetCheckResult]:
        quarter = context.op_execution_context.partition_key
        connection = warehouse.connect(quarter=quarter, tables={contract.name, *referenced}, newest=True)

        def count(sql: str) -> int:
            row = connection.execute(sql).fetchone()
            return int(row[0] or 0) if row else 0

        for name in promises:
            problems = {what: n for what, sql in _queries(name, contract, quarter) if (n := count(sql))}
            yield dg.AssetCheckResult(
                check_name=name,
                asset_key=contract.name,
                passed=not problems,
                description="; ".join(f"{what}: {counted(n, 'row')}" for what, n in problems.items()) or None,
                metadata={"problems": problems, "rows": count(f'SELECT count(*) FROM "{contract.name}"')},  # noqa: S608
            )

    return check


def _queries(promise: str, contract: Table, quarter: str) -> Iterator[tuple[str, str]]:
    """Yield (problem, SQL that counts the rows with it); table and column names come from the contract."""
    count = f'SELECT count(*) FROM "{contract.name}" t WHERE '  # noqa: S608
    if promise == "contract":
        for column in contract.columns:
            for what, condition in _violations(column):
                yield f"{column.name} {what}", count + condition
    elif promise == "key_unique":
        key = ", ".join(f'"{k}"' for k in contract.key)
        yield (
            "duplicate key",
            f'SELECT sum(n - 1) FROM (SELECT count(*) n FROM "{contract.name}" GROUP BY {key})',  # noqa: S608
        )
    elif promise == "quarter_pure":
        yield f"{PARTITION} is a different one", f"{count} \"{PARTITION}\" <> '{quarter}'"
        for column in contract.columns:
            if column.name in CARRY_QUARTER:
                yield (
                    f"{column.name} belongs to another quarter",
                    f"{count} NOT starts_with(\"{column.name}\", '{quarter}:')",
                )
    else:
        for column_name, table, other in contract.references():
            found = f'SELECT 1 FROM "{table}" r WHERE r."{other}" = t."{column_name}"'  # noqa: S608
            yield (
                f"{column_name} is not in {table}",
                f'{count} t."{column_name}" IS NOT NULL AND NOT EXISTS ({found})',
            )


def _violations(column: Column) -> Iterator[tuple[str, str]]:
    name = f'"{column.name}"'
    if not column.nullable:
        yield "is null", f"{name} IS NULL"
    if column.values:
        allowed = ", ".join(f"'{v}'" for v in column.values)
        yield "is not an allowed value", f"{name} NOT IN ({allowed})"
    if column.bounds:
        low, high = column.bounds
        yield f"is below {low:g}", f"{name} < {low:g}"
        if high != float("inf"):
            yield f"is above {high:g}", f"{name} > {high:g}"
        if column.type == DOUBLE:
            yield "is not a number", f"isnan({name})"
