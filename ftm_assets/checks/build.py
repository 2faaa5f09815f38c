"""Asset checks: what every table promises in its contract, held against what is stored; and topic quality."""

import warnings
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from statistics import median

import dagster as dg

from ftm_assets.methods.naming.rules import DEGRADED
from ftm_assets.methods.topics.quality import LARGE_TOPIC_SENTENCES, LARGE_TOPIC_SHARE
from ftm_assets.orchestration.partitions import QUARTERS
from ftm_resources.tables import NAMING_AUDITS, TABLES
from ftm_resources.tables.contract import DOUBLE, PARTITION, Column, Table
from ftm_resources.warehouse import Warehouse

MAX_DEGRADED_NAMES = 0.02
"""Share of names that the model which was asked did not give; one that its endpoint did not answer is one too many."""

MAX_FAILED_FIRMS = 0.01
"""Share of a quarter's firms whose topic model may fail."""

MAX_FIRMS_WITHOUT_TOPICS = 0.25
"""Share of firms without topics, failed or too small, above which a person should look."""

MAX_OUTLIER_SHARE = 0.30
"""Share of sentences in no topic: the clusterer leaves few out, so a third lost is a fault."""

MIN_SEED_STABILITY = 0.6
"""Mean adjusted Rand index between seeds: below it, a topic is as much the seed's as the firm's.
Vectors of pure noise (384 dimensions, 120 to 400 of them) reach 0.36 to 0.48, the sample's firms 0.87."""

MAX_LARGEST_THEME_SHARE = 0.15
"""Share of placed topics in one theme: the guard against one giant cluster."""

SMALL_QUARTER_TOPICS = 200
"""With fewer placed topics, and so few themes, one theme may well be larger: a warning then."""

MIN_PLACED_SHARE = 0.70
"""Share of topics that are in a theme."""

MAX_PROCEDURAL_TOPICS = 0.05
"""Share of topics about the call itself."""

MAX_DROP = 0.1
"""Fall of coherence or diversity below the median of the other quarters."""

MIN_QUARTERS = 3
"""Quarters, this one included, from which on they are compared."""

CARRY_QUARTER = ("component_id", "sentence_id", "topic_id", "theme_id")
"""Ids that open with their quarter."""


def build_checks() -> list[dg.AssetChecksDefinition]:
    """Return the checks of all tables: one step per table, one result per promise."""
    with warnings.catch_warnings():
        # That a check is of one quarter is a preview of Dagster's, pinned in the lock: no news for who runs it.
        warnings.filterwarnings(
            "ignore", "Specifying a partitions_def on an AssetCheckSpec", dg.PreviewWarning
        )
        return [_contract_checks(t) for t in TABLES.values()] + [
            _firm_loss(),
            _topic_quality(),
            *(_degraded_names(t) for t in NAMING_AUDITS),
        ]


def _contract_checks(contract: Table) -> dg.AssetChecksDefinition:
    promises = {
        "contract": "Types, nulls, allowed values and bounds of every column",
        "key_unique": f"No two rows share {', '.join(contract.key)}",
        "quarter_pure": "Every row and every id is of this quarter",
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
                description="; ".join(f"{what}: {n} rows" for what, n in problems.items()) or None,
                metadata={"problems": problems, "rows": count(f'SELECT count(*) FROM "{contract.name}"')},  # noqa: S608
            )

    return check


def _queries(promise: str, contract: Table, quarter: str) -> Iterator[tuple[str, str]]:
    """Yield (what is wrong, SQL that counts the rows where it is); names are the contract's own."""
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
        yield f"{PARTITION} is another", f"{count} \"{PARTITION}\" <> '{quarter}'"
        for column in contract.columns:
            if column.name in CARRY_QUARTER:
                yield (
                    f"{column.name} is of another",
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


def _degraded_names(table: str) -> dg.AssetChecksDefinition:
    @dg.asset_check(
        name="degraded_names",
        asset=table,
        description=f"Every request for a name was answered, and at most {MAX_DEGRADED_NAMES:.0%} of the names are "
        "extractive although a model was asked. Else look at outcome and reason, and materialize again what was "
        "named: only what was degraded is asked for again",
        partitions_def=QUARTERS,
    )
    def check(context: dg.AssetCheckExecutionContext, warehouse: Warehouse) -> dg.AssetCheckResult:
        rows = warehouse.read(
            table, context.op_execution_context.partition_key, columns=["outcome", "reason"]
        )
        outcomes = Counter(rows.column("outcome").to_pylist())
        share = sum(outcomes[o] for o in DEGRADED) / max(rows.num_rows, 1)
        reasons = Counter(rows.column("reason").drop_null().to_pylist()).most_common(3)
        return dg.AssetCheckResult(
            passed=share <= MAX_DEGRADED_NAMES and not outcomes["down"] + outcomes["unanswered"],
            severity=dg.AssetCheckSeverity.WARN,
            description="; ".join(f"{n} x {reason}" for reason, n in reasons) or None,
            metadata={"outcomes": dict(outcomes), "share_degraded": share},
        )

    return check


def _firm_loss() -> dg.AssetChecksDefinition:
    specs = [
        dg.AssetCheckSpec(
            "failed_firms",
            asset="firm_status",
            description=f"At most {MAX_FAILED_FIRMS:.0%} of the firms failed",
            blocking=True,
            partitions_def=QUARTERS,
        ),
        dg.AssetCheckSpec(
            "firms_without_topics",
            asset="firm_status",
            description=f"At most {MAX_FIRMS_WITHOUT_TOPICS:.0%} of the firms have no topics",
            partitions_def=QUARTERS,
        ),
    ]

    @dg.multi_asset_check(name="check_firm_loss", specs=specs)
    def check(context: dg.AssetCheckExecutionContext, warehouse: Warehouse) -> Iterable[dg.AssetCheckResult]:
        status = warehouse.read("firm_status", context.op_execution_context.partition_key, columns=["status"])
        found = [s.as_py() for s in status.column("status")]
        n = max(len(found), 1)
        failed, without = found.count("failed"), sum(s != "ok" for s in found)
        yield dg.AssetCheckResult(
            check_name="failed_firms",
            asset_key="firm_status",
            passed=failed <= MAX_FAILED_FIRMS * n,
            metadata={"firms": len(found), "failed": failed, "share": failed / n},
        )
        yield dg.AssetCheckResult(
            check_name="firms_without_topics",
            asset_key="firm_status",
            passed=without <= MAX_FIRMS_WITHOUT_TOPICS * n,
            severity=dg.AssetCheckSeverity.WARN,
            metadata={"firms": len(found), "without_topics": without, "share": without / n},
        )

    return check


@dataclass(frozen=True)
class _Limit:
    """What a measure of `topic_quality` is held to; none of these stops a run."""

    name: str
    level: str
    metric: str
    limit: float
    is_upper: bool
    doc: str
    """The limit, then what to do when it is crossed."""
    error_from: float = float("inf")
    """Topics or firms that the measure rests on from which crossing it is an error, not a warning."""

    def keeps(self, value: float | None) -> bool:
        return value is None or (value <= self.limit if self.is_upper else value >= self.limit)


LIMITS = (
    _Limit(
        "outlier_share", "firm_topics", "outlier_share", MAX_OUTLIER_SHARE, True,
        f"At most {MAX_OUTLIER_SHARE:.0%} of the sentences are in no topic. Else look at the firms with the "
        "highest outlier_share in firm_status; lower join_similarity or min_topic_sentences of firm_topics",
    ),
    _Limit(
        "dominated_firms", "firm_topics", "dominated_firms", 0, True,
        f"No firm of {LARGE_TOPIC_SENTENCES} sentences or more has a topic with over {LARGE_TOPIC_SHARE:.0%} of "
        "them. Else read that topic's sentences: talk about the call that is_procedural missed, or "
        "sentences_per_topic of firm_topics is too high",
    ),
    _Limit(
        "seed_stability", "firm_topics", "seed_stability", MIN_SEED_STABILITY, False,
        f"Clusterings with different seeds agree to an adjusted Rand index of {MIN_SEED_STABILITY} or more. "
        "Else the topics are partly chance: check the embeddings (a new model?), raise n_neighbors of firm_topics",
    ),
    _Limit(
        "procedural_topics", "firm_topics", "procedural_share", MAX_PROCEDURAL_TOPICS, True,
        f"At most {MAX_PROCEDURAL_TOPICS:.0%} of the topics are about the call itself. Else the source words its "
        "procedure in a new way: read those topics and extend methods.text.statements",
    ),
    _Limit(
        "largest_theme", "themes", "largest_theme_share", MAX_LARGEST_THEME_SHARE, True,
        f"No theme holds more than {MAX_LARGEST_THEME_SHARE:.0%} of the placed topics (a warning below "
        f"{SMALL_QUARTER_TOPICS} of them). Else unlike subjects have run together: do not use the quarter's "
        "themes; raise join_similarity or lower min_topics of themes, and look at the summaries' embeddings",
        error_from=SMALL_QUARTER_TOPICS,
    ),
    _Limit(
        "placed_share", "themes", "placed_share", MIN_PLACED_SHARE, False,
        f"At least {MIN_PLACED_SHARE:.0%} of the topics are in a theme. Else count the reasons in theme_topics: "
        "outliers ask for a lower join_similarity, few firms for a lower min_firms of themes",
    ),
)  # fmt: skip
"""Limits of single measures."""

COMPARED = tuple(
    (level, metric) for level in ("firm_topics", "themes") for metric in ("coherence_c_npmi", "diversity")
)
"""Measures whose level depends on the corpus: held against the other quarters."""


def _topic_quality() -> dg.AssetChecksDefinition:
    compared = {f"{level}_{metric}": (level, metric) for level, metric in COMPARED}
    docs = {limit.name: limit.doc for limit in LIMITS} | {
        name: f"{metric} of {level} is at most {MAX_DROP} below the median of the other quarters (from "
        f"{MIN_QUARTERS} quarters on). Else compare keywords with another quarter's: what changed, source, model "
        "or parameters?"
        for name, (level, metric) in compared.items()
    }
    specs = [
        dg.AssetCheckSpec(name, asset="topic_quality", description=doc, partitions_def=QUARTERS)
        for name, doc in docs.items()
    ]

    @dg.multi_asset_check(name="check_topic_quality_limits", specs=specs)
    def check(context: dg.AssetCheckExecutionContext, warehouse: Warehouse) -> Iterable[dg.AssetCheckResult]:
        quarter = context.op_execution_context.partition_key
        sql = "SELECT quarter, level, metric, value, n FROM topic_quality WHERE value IS NOT NULL ORDER BY quarter"
        rows = warehouse.connect(tables={"topic_quality"}, newest=True).execute(sql).fetchall()
        now = {(level, metric): (value, n) for q, level, metric, value, n in rows if q == quarter}
        for limit in LIMITS:
            value, n = now.get((limit.level, limit.metric), (None, 0))
            yield _judged(
                limit.name, limit.keeps(value), value, n, limit.limit, is_error=n >= limit.error_from
            )
        for name, key in compared.items():
            value, n = now.get(key, (None, 0))
            others = [v for q, level, metric, v, _ in rows if (level, metric) == key and q != quarter]
            lowest = median(others) - MAX_DROP if len(others) + 1 >= MIN_QUARTERS else None
            passed = value is None or lowest is None or value >= lowest
            yield _judged(name, passed, value, n, lowest)

    return check


def _judged(
    name: str, passed: bool, value: float | None, n: int, limit: float | None, *, is_error: bool = False
) -> dg.AssetCheckResult:
    measured = {"value": value, "limit": limit}
    return dg.AssetCheckResult(
        check_name=name,
        asset_key="topic_quality",
        passed=passed,
        severity=dg.AssetCheckSeverity.ERROR if is_error else dg.AssetCheckSeverity.WARN,
        description=f"{value:.3f}, against a limit of {limit:.3f}" if value is not None and limit is not None
        else "not measured" if value is None else "too few quarters to compare",
        metadata={"n": n, **{k: float(v) for k, v in measured.items() if v is not None}},
    )  # fmt: skip
