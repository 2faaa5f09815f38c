"""Every field of every asset's config has an effect, seen through the asset's own code on a quarter in memory.

A field without an example in EXAMPLES fails the first test: say there what a change of it does.
"""

import inspect
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, date, datetime
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from types import SimpleNamespace
from typing import Any

import dagster as dg
import duckdb
import numpy as np
import pyarrow as pa
import pytest

from ftm_assets.assets import firm_topics as firm_topics_asset
from ftm_assets.assets import pinned_theme_links as pinned_asset
from ftm_assets.assets import sentence_kinds as sentence_kinds_asset
from ftm_assets.assets import topic_summaries as topic_summaries_asset
from ftm_assets.assets import warehouse_maintenance as maintenance_asset
from ftm_assets.assets.abnormal_returns import abnormal_returns
from ftm_assets.assets.controls import controls
from ftm_assets.assets.daily_returns import daily_returns
from ftm_assets.assets.event_study import event_study
from ftm_assets.assets.portfolio_sorts import READ as SORTED_FROM
from ftm_assets.assets.portfolio_sorts import portfolio_sorts
from ftm_assets.assets.theme_links import ThemeLinksConfig
from ftm_assets.assets.theme_sentences import theme_sentences
from ftm_assets.assets.themes import themes
from ftm_assets.assets.topic_quality import topic_quality
from ftm_assets.assets.transcripts import transcripts
from ftm_assets.definitions import build_definitions
from ftm_assets.methods.time.link_rows import link_tables
from ftm_assets.methods.time.linking import LinkParams, link_quarters
from ftm_assets.orchestration.fan_out import FanOutConfig, Task
from ftm_assets.orchestration.params_config import params_of
from ftm_resources.duck import ConfiguredDuckDB
from ftm_resources.endpoint.llm import LlmResource
from ftm_resources.models.embedder import Embedder
from ftm_resources.quarters import preceding, shifted
from ftm_resources.sources.base import TranscriptSource
from ftm_resources.sources.returns.fundamentals_sample import SampleFundamentals
from ftm_resources.sources.returns.market_sample import SampleMarket
from ftm_resources.sources.sample.firms import FIRST_PERMNO
from ftm_resources.sources.sample.generated import DEFAULT_SEED, SampleSource
from ftm_resources.tables import TABLES
from ftm_resources.tables.components import COMPONENTS
from ftm_resources.warehouse import Warehouse
from tests.planted_lineages import quarter_of

from .planted_quarter import FIRMS, QUARTER, direction, tables
from .quarters_of_events import write_controls, write_events, write_pinned
from .quarters_of_themes import families_of, link, why, write_themes
from .sorted_quarters import quarter_tables


class Held:
    """A quarter of a table in memory, as an asset reads it."""

    def __init__(self, name: str, rows: pa.Table) -> None:
        self.name, self.quarter, self.rows, self.warehouse = name, QUARTER, rows, None

    def read(self, columns: Sequence[str] | None = None, *, firms: Sequence[str] | None = None) -> pa.Table:
        rows = self.rows
        if firms is not None:
            rows = rows.filter(pa.compute.is_in(rows.column("firm_id"), pa.array(firms, pa.string())))
        return rows.select(columns) if columns else rows

    def firms(self) -> list[str]:
        return sorted(set(self.rows.column("firm_id").to_pylist()))

    def provenance(self) -> dict[str, str]:
        return {"snapshot_id": "1", "content": self.name}


def held(name: str, rows: Sequence[Mapping[str, Any]]) -> Held:
    filled = [{**row, "quarter": QUARTER} for row in rows]
    return Held(name, pa.Table.from_pylist(filled, schema=TABLES[name].arrow_schema))


@cache
def quarter() -> dict[str, Held]:
    """Three firms of the sample; their sentences lie about their topics as real ones do, in part elsewhere."""
    found = {name: held(name, rows) for name, rows in tables(noise=1.5).items()}
    named = [
        {"firm_id": f, "firm_name": f"Firm {f} Inc", "ticker": None, "speaker_name": "Jo Smith"}
        for f in found["sentences"].firms()
    ]
    found["transcripts"] = Held("transcripts", pa.Table.from_pylist(named))
    return found


@cache
def topics() -> dict[str, Held]:
    """Topics of eight firms about ten subjects, one of them the call itself."""
    rng = np.random.default_rng(5)
    goods = ("oil", "rent", "wage", "beef", "chip", "loan", "solar", "drug", "cargo")
    subjects = ["question answer line", *(f"{good} growth" for good in goods)]
    summaries, sizes, firms = [], [], []
    for firm in range(8):
        firms.append(
            {"firm_id": str(firm), "firm_name": f"Firm {firm} Inc", "ticker": None, "speaker_name": None}
        )
        for i in range(14):
            # The first firm speaks of one subject more than all others together.
            subject = 1 if firm == 0 and i > 3 else int(rng.integers(len(subjects)))
            topic = {"topic_id": f"{QUARTER}:{firm}:{i:03d}", "firm_id": str(firm)}
            name = subjects[subject]
            vector = direction(name) + 1.1 * direction(f"{firm} {i}")
            # Topics of a theme are named alike, not the same: a description lists them.
            called = f"{name} {('plans', 'prices', 'permits')[(firm + i) % 3]}" if subject else name
            summaries.append(
                {**topic, "name": called.title(), "summary": f"They spoke of {name} at plant {firm}{i}.",
                 "embedding": vector / np.linalg.norm(vector)}
            )  # fmt: skip
            words = [*name.split(), f"plant{firm}{i}"]
            share = 0.1 if subject else 0.4
            # What is called alike is said in two ways.
            spoken = direction(f"{name} {firm % 2}") + 0.9 * direction(f"said {firm} {i}")
            sizes.append(
                {**topic, "n_sentences": 10 + i, "keywords": words, "call_share": share,
                 "embedding": spoken / np.linalg.norm(spoken)}
            )  # fmt: skip
    return {
        "topic_summaries": Held("topic_summaries", pa.Table.from_pylist(summaries)),
        "firm_topics": Held("firm_topics", pa.Table.from_pylist(sizes)),
        "transcripts": Held("transcripts", pa.Table.from_pylist(firms)),
    }


class Records:
    """The part of a warehouse that an asset asks: where the quarter is from, and the other quarters."""

    def __init__(self, source: str = "sample", config: Mapping[str, Any] | None = None) -> None:
        self.config = config or {}
        self.source = {"name": source, "firms": FIRMS, "seed": DEFAULT_SEED}

    def exists(self) -> bool:
        return True

    def provenance(self, table: str, _quarter: str) -> dict[str, Any]:
        return {"source": self.source, "rows": "9", "config": self.config} if table == "transcripts" else {}

    def provenances(self, table: str) -> dict[str, dict[str, Any]]:
        return {QUARTER: self.provenance(table, QUARTER)}

    def connect(self, **_: Any) -> duckdb.DuckDBPyConnection:
        connection = duckdb.connect()
        connection.register("topic_quality", TABLES["topic_quality"].empty())
        return connection


class Silence(TranscriptSource):
    """A source without calls."""

    name = "sample"

    def components(self, quarter: str, progress: Any = None) -> Iterator[pa.Table]:  # noqa: ARG002
        yield from ()


class Calls(TranscriptSource):
    """Calls of the sample; without those of firms that are not linked, where they are asked for so."""

    name = "sample"

    def __init__(self, *, require_permno: bool) -> None:
        self.require_permno = require_permno

    def components(self, quarter: str, progress: Any = None) -> Iterator[pa.Table]:  # noqa: ARG002
        rows = pa.concat_tables(SampleSource(14).components(quarter))
        yield (
            rows.filter(rows.column("permno").is_valid())
            if self.require_permno
            else rows.select(COMPONENTS.names)
        )


def body(asset: dg.AssetsDefinition, config: Mapping[str, Any], **given: Any) -> dict[str, Any]:
    """Run an asset's own function, without Dagster: its output tables or policies by name."""
    made = outputs(asset, config, **given)
    return {o.output_name: [row for batch in o.value.batches for row in batch.to_pylist()] for o in made}


def outputs(asset: dg.AssetsDefinition, config: Mapping[str, Any], **given: Any) -> Iterator[dg.Output[Any]]:
    function: Any = asset.op.compute_fn.decorated_fn
    parameters = inspect.signature(function).parameters
    context = SimpleNamespace(partition_key=QUARTER, selected_output_names=set(TABLES), retry_number=0)
    context.log = SimpleNamespace(warning=str, info=str)
    context.op_execution_context = context
    context.run = SimpleNamespace(run_id="r", parent_run_id=None, root_run_id=None, tags={})
    arguments = {"context": context, "config": parameters["config"].annotation(**config), **given}
    made = function(**{k: v for k, v in arguments.items() if k in parameters})
    # One by one: rows may be read as they are yielded.
    yield from [made] if isinstance(made, dg.Output) else made


def of_firms(**config: Any) -> dict[str, Any]:
    asked = {"processes": 1, **config}
    task = task_of(firm_topics_asset.FirmTopicsConfig(**asked), quarter())
    made = firm_topics_asset.model(task)
    status = made["firm_status"].drop_columns("seconds")
    return {**{t: rows.to_pylist() for t, rows in made.items()}, "firm_status": status.to_pylist()}


def of_firms_with_small_groups(**config: Any) -> dict[str, Any]:
    return of_firms(min_topic_sentences=14, **config)


def of_firms_by_bertopic(**config: Any) -> dict[str, Any]:
    return of_firms(method="bertopic", **config)


def of_themes_by_bertopic(**config: Any) -> dict[str, Any]:
    return of_themes(method="bertopic", **config)


def of_themes(**config: Any) -> dict[str, Any]:
    return body(themes, config, llm=LlmResource(), embedder=Embedder(), warehouse=Records(), **topics())


def of_kinds(**config: Any) -> dict[str, Any]:
    task = task_of(sentence_kinds_asset.SentenceKindsConfig(**config), quarter())
    held = Held("sentence_embeddings", quarter()["sentence_embeddings"].rows)
    held.warehouse = Records()  # type: ignore[assignment]
    inputs = {**quarter(), "sentence_embeddings": held}
    embedder = SimpleNamespace(model_name=lambda: "another model")
    task = replace(task, inputs=inputs, resources=SimpleNamespace(embedder=embedder))
    return {t: rows.to_pylist() for t, rows in sentence_kinds_asset.judge_firms(task).items()}


def left_out(made: Mapping[str, Any]) -> int:
    return sum(row["is_procedural"] for row in made["sentence_kinds"])


def shown(**config: Any) -> dict[str, Any]:
    """Return what the asset shows its namer."""
    digests: list[Any] = []

    def record(given: Any, _progress: Any) -> None:
        digests.extend(given)
        raise SeenError

    inputs = {
        **quarter(),
        "firm_topics": Held("firm_topics", with_representatives(quarter()["firm_topics"].rows)),
    }
    task = task_of(topic_summaries_asset.TopicSummariesConfig(**config), inputs)
    with pytest.raises(SeenError):
        topic_summaries_asset.summarise(replace(task, prepared=SimpleNamespace(name=record)))
    return {"digests": digests}


def with_representatives(rows: pa.Table) -> pa.Table:
    said = quarter()["sentence_topics"].rows.to_pylist()
    by_topic: dict[str, list[str]] = {}
    for row in said:
        by_topic.setdefault(row["topic_id"], []).append(row["sentence_id"])
    filled = [{**t, "representative_sentence_ids": by_topic[t["topic_id"]]} for t in rows.to_pylist()]
    return pa.Table.from_pylist(filled, schema=rows.schema)


def of_quality(**config: Any) -> dict[str, Any]:
    return body(topic_quality, config, warehouse=Records(), **quarter())


@cache
def described() -> dict[str, Held]:
    """As `quarter`, where each topic is described in its theme's words."""
    summaries = [
        {"topic_id": t["topic_id"], "embedding": direction(t["topic_id"]) + direction(t["theme_id"])}
        for t in quarter()["theme_topics"].rows.to_pylist()
    ]
    return {**quarter(), "topic_summaries": Held("topic_summaries", pa.Table.from_pylist(summaries))}


def of_theme_sentences(**config: Any) -> dict[str, Any]:
    return body(theme_sentences, config, warehouse=Records(), **described())


def reasons_of_sentences(made: Mapping[str, Any], kind: str) -> int:
    return sum(row["reason"] == kind for row in made["theme_sentences"])


def strengths(made: Mapping[str, Any]) -> list[float]:
    return [row["strength"] for row in made["theme_sentences"] if not row["is_second"]]


def counted_second(made: Mapping[str, Any]) -> int:
    return sum(row["is_member"] and row["is_second"] for row in made["theme_sentences"])


def of_one_firm_quality(**config: Any) -> dict[str, Any]:
    """As `of_quality`, of one firm each: another seed, another firm."""
    return of_quality(coherence_firms=1, stability_firms=1, recovery_firms=1, **config)


def of_transcripts(**config: Any) -> dict[str, Any]:
    source = SimpleNamespace(open=Calls)
    before = Records(config={"first_firms": 3})
    return body(transcripts, config, source=source, warehouse=before, duckdb=ConfiguredDuckDB())


def of_no_transcripts(**config: Any) -> dict[str, Any]:
    """As `of_transcripts`, where the config may leave out every call."""
    return of_transcripts(replace_by_nothing=True, **config)


def is_refused(
    source: Callable[..., TranscriptSource], warehouse: Records, config: Mapping[str, Any]
) -> bool:
    try:
        body(
            transcripts,
            config,
            source=SimpleNamespace(open=source),
            warehouse=warehouse,
            duckdb=ConfiguredDuckDB(),
        )
    except dg.Failure:
        return True
    return False


def over_real_calls(**config: Any) -> bool:
    return is_refused(Calls, Records("files"), config)


def over_by_nothing(**config: Any) -> bool:
    return is_refused(lambda **_: Silence(), Records(), config)


def over_by_some_firms(**config: Any) -> bool:
    return is_refused(Calls, Records(), {"first_firms": 2, **config})


FIRM = next(SampleSource(14).components(QUARTER)).column("companyid")[0].as_py()
"""A firm of `Calls` that is linked."""


def firms_of(made: Mapping[str, Any]) -> set[str]:
    return {row["firm_id"] for row in made["transcripts"]}


def task_of(config: Any, inputs: Mapping[str, Any]) -> Task:
    return Task(QUARTER, tuple(inputs["sentences"].firms()), inputs, config, None, None)


def of_maintenance(**config: Any) -> dict[str, Any]:
    """Return the policy that the asset would clean up by."""
    asked = {}

    def keep(_warehouse: Any, policy: Any) -> dict[str, Any]:
        asked["policy"] = replace(policy, running_since=None)
        return {}

    with pytest.MonkeyPatch.context() as patch, dg.DagsterInstance.ephemeral() as instance:
        patch.setattr(maintenance_asset, "maintain_all", keep)
        dg.materialize(
            [maintenance_asset.warehouse_maintenance],
            resources={"warehouse": Warehouse(path="/nowhere")},
            instance=instance,
            run_config={"ops": {maintenance_asset.NAME: {"config": config}}},
        )
    return asked


def asked_of_side_by_side(**config: Any) -> dict[str, Any]:
    asked = []

    def record(work: Any, items: Any, processes: int) -> Iterator[Any]:
        asked.append(processes)
        return map(work, items)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(firm_topics_asset, "side_by_side", record)
        of_firms(**config)
    return {"processes": asked}


class SeenError(Exception):
    """What was to be seen was."""


def asked_of_the_namer(**config: Any) -> dict[str, Any]:
    asked = []

    def record(*_: Any, processes: int, **__: Any) -> None:
        asked.append(processes)
        raise SeenError

    task = task_of(topic_summaries_asset.TopicSummariesConfig(**config), quarter())
    embedder = SimpleNamespace(dimension=lambda: 64, model_name=str)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(topic_summaries_asset, "build_namer", record)
        for rule in ("refuse_other_dimension", "refuse_other_model"):
            patch.setattr(topic_summaries_asset, rule, lambda *_: None)
        with pytest.raises(SeenError):
            topic_summaries_asset.prepare(
                replace(task, resources=SimpleNamespace(embedder=embedder, llm=None))
            )
    return {"processes": asked}


def topics_per_firm(made: Mapping[str, Any]) -> list[int]:
    return [row["n_topics"] for row in made["firm_status"]]


def outliers(made: Mapping[str, Any]) -> int:
    return sum(row["topic_id"] is None for row in made["sentence_topics"])


def longest(made: Mapping[str, Any], table: str, column: str) -> int:
    return max(len(row[column]) for row in made[table])


def representative_words(made: Mapping[str, Any]) -> list[int]:
    texts = {s["sentence_id"]: s["text"] for s in quarter()["sentences"].rows.to_pylist()}
    ids = [i for row in made["firm_topics"] for i in row["representative_sentence_ids"]]
    return [len(texts[i].split()) for i in ids]


def reasons(made: Mapping[str, Any], kind: str) -> int:
    return sum(row["reason"] == kind for row in made["theme_topics"])


def stabilities(made: Mapping[str, Any]) -> list[float]:
    return [row["stability"] for row in made["themes"]]


def measured(made: Mapping[str, Any], metric: str) -> int:
    return next(row["n"] for row in made["result"] if row["metric"] == metric)


def linked_by(**config: Any) -> dict[str, Any]:
    """Link quarters in memory as the asset's config says: what drifts, comes back, splits and shares firms."""
    params = params_of(ThemeLinksConfig(**config), LinkParams)
    eye, wide = np.eye(6), {"a": ["1", "2"], "b": ["3", "4"]}
    at = [
        {"a": eye[0], "b": eye[1], "c": eye[2]},
        {"b": eye[1] + 0.4 * eye[3], "a": 0.8 * eye[0] + 0.6 * eye[4]},
        {"a": 0.5 * eye[0] + eye[4], "a2": 0.8 * eye[0] + 0.6 * eye[4], "b": eye[1] + 0.9 * eye[3]},
        {"a": 0.3 * eye[0] + eye[4], "b": eye[1] + eye[3], "c": eye[2] + 0.8 * eye[5]},
        {"ab": eye[1] + eye[3] + eye[4], "c": eye[2] + eye[5]},
        {"d": eye[0], "e": 0.6 * eye[0] + 0.8 * eye[5]},
        {"d": eye[0], "d2": eye[0] + 0.1 * eye[3]},
    ]
    found = link_quarters([quarter_of(shifted("2020Q1", i), v, wide) for i, v in enumerate(at)], params)
    tables = [link_tables(links) for links in found]
    return {
        name: [row for made in tables for row in made[name].to_pylist()]
        for name in ("theme_links", "theme_relatives", "theme_series")
    }


def linked_past_another_model(**config: Any) -> bool:
    """Return whether a quarter is linked whose predecessor another model embedded."""
    with TemporaryDirectory() as folder:
        warehouse = Warehouse(path=folder)
        write_themes(warehouse, "2020Q1", ("freight",))
        write_themes(warehouse, "2020Q2", ("freight",), model={"model": "other"})
        return not why(link(warehouse, "2020Q1")) and not why(link(warehouse, "2020Q2", **config))


def of_families(**config: Any) -> dict[str, Any]:
    """Cluster two quarters in which a series broke off and opened anew."""
    with TemporaryDirectory() as folder:
        warehouse = Warehouse(path=folder)
        for quarter in ("2020Q1", "2020Q2"):
            write_themes(warehouse, quarter, ("freight", "hiring"))
            link(warehouse, quarter, floor=1.0)
        return {"result": families_of(warehouse, "2020Q2", **config)}


def of_pinned(**config: Any) -> dict[str, Any]:
    """Pin the first theme, whose direction the embedder gives to every text."""
    theme = described()["themes"].rows.to_pylist()[0]
    vector = direction(theme["theme_id"])
    embedder = SimpleNamespace(
        embed=lambda texts: np.tile(vector, (len(texts), 1)),
        dimension=lambda: 64,
        describe=dict,
        model_name=str,
    )
    with TemporaryDirectory() as folder, pytest.MonkeyPatch.context() as patch:
        path = Path(folder) / "pinned.csv"
        path.write_text(f"name,description,seed_phrases\nOne,About it.,{theme['keywords'][0]}\n")
        patch.setenv("FTM_PINNED_THEMES", str(path))
        patch.setattr(pinned_asset, "refuse_other_dimension", lambda *_: None)
        return body(
            pinned_asset.pinned_theme_links, config, warehouse=Records(), embedder=embedder, **described()
        )


class Pinned(Records):
    """A warehouse whose quarter is linked to a pinned theme."""

    def quarter(self, _table: str, _quarter: str) -> Any:
        rows = pa.table({"series_id": ["pinned:one"]})
        return SimpleNamespace(is_written=True, read=lambda _columns: rows)


def removes_pins(**config: Any) -> bool:
    """Whether links are removed by a run that has no dictionary."""
    with pytest.MonkeyPatch.context() as patch:
        patch.delenv("FTM_PINNED_THEMES", raising=False)
        given = {"warehouse": Pinned(), "embedder": None, **described()}
        try:
            made = body(pinned_asset.pinned_theme_links, config, **given)
        except dg.Failure:
            return False
        return made["pinned_coverage"] == []


MARKET = SampleMarket(2, DEFAULT_SEED)


@cache
def called() -> Held:
    """Three calls of two firms of the sample's market, of one of which the time is unknown."""
    at = [datetime(2023, 2, day, 15, tzinfo=UTC) for day in (1, 8, 2)]
    rows = [
        {"transcript_id": str(i), "firm_id": str(i % 2), "permno": FIRST_PERMNO + i % 2, "call_at": t,
         "call_date": t.date(), "is_after_close": None if i == 1 else False}
        for i, t in enumerate(at)
    ]  # fmt: skip
    schema = TABLES["transcripts"].arrow_schema
    return Held("transcripts", pa.Table.from_pylist(rows, pa.schema([schema.field(c) for c in rows[0]])))


def of_market(**config: Any) -> dict[str, Any]:
    market = SimpleNamespace(open=lambda _calls: MARKET)
    return body(daily_returns, config, market=market, warehouse=Records(), transcripts=called())


def days_of(made: Mapping[str, Any]) -> tuple[Any, Any]:
    days = [row["date"] for row in made["factor_returns"]]
    assert {row["date"] for row in made["daily_returns"]} == set(days)
    return min(days), max(days)


def over_another_market(**config: Any) -> bool:
    """Return whether the market data that are stored are kept."""
    warehouse = Records()
    warehouse.provenance = lambda *_: {"source": {"name": "wrds"}, "rows": "9"}  # type: ignore[method-assign]
    market = SimpleNamespace(open=lambda _calls: MARKET)
    try:
        body(daily_returns, config, market=market, warehouse=warehouse, transcripts=called())
    except dg.Failure:
        return True
    return False


@cache
def around_calls() -> dict[str, Held]:
    first, last = date(2021, 12, 1), date(2023, 7, 31)
    daily = pa.concat_tables(MARKET.daily([FIRST_PERMNO, FIRST_PERMNO + 1], first, last))
    return {
        "transcripts": called(),
        "daily_returns": Held("daily_returns", daily),
        "factor_returns": Held("factor_returns", MARKET.factors(first, last)),
    }


def of_windows(**config: Any) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = body(abnormal_returns, config, warehouse=Records(), **around_calls())[
        "result"
    ]
    return rows


def of_short_windows(**config: Any) -> list[dict[str, Any]]:
    return of_windows(estimation_first_day=-150, **config)


@cache
def of_controls_inputs() -> dict[str, Any]:
    rows = of_windows()
    schema = TABLES["abnormal_returns"].arrow_schema
    calls = Held("abnormal_returns", pa.Table.from_pylist(rows, schema=schema))
    accounts = SimpleNamespace(open=lambda _calls: SampleFundamentals(2, DEFAULT_SEED))
    return {**around_calls(), "abnormal_returns": calls, "accounts": accounts}


def of_controls(**config: Any) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = body(controls, config, warehouse=Records(), **of_controls_inputs())[
        "controls"
    ]
    return rows


def over_other_fundamentals(**config: Any) -> bool:
    """Return whether the fundamentals that are stored are kept."""
    warehouse = Records()
    warehouse.provenance = lambda *_: {"source": {"name": "wrds"}, "rows": "9"}  # type: ignore[method-assign]
    try:
        body(controls, config, warehouse=warehouse, **of_controls_inputs())
    except dg.Failure:
        return True
    return False


def absent(name: str) -> Held:
    """Return a table as it is of a quarter that nothing was written of."""
    table = Held(name, TABLES[name].empty())
    table.is_written = False  # type: ignore[attr-defined]
    return table


@cache
def two_quarters() -> dict[str, dict[str, Held]]:
    made: dict[str, dict[str, Held]] = {}
    for of_quarter in ("2022Q4", QUARTER):
        made[of_quarter] = {}
        for name, rows in quarter_tables(of_quarter, days_after=90).items():
            table = Held(name, rows)
            table.quarter, table.is_written = of_quarter, True  # type: ignore[attr-defined]
            made[of_quarter][name] = table
    return made


def of_sorts(**config: Any) -> dict[str, Any]:
    """Sort the calls of two quarters; days with two stocks count."""
    held = two_quarters()
    pinned = SimpleNamespace(
        quarters=lambda names: ["2022Q4"] if tuple(names) == ("sentiment_scores",) else [],
        mixtures=lambda *_: [],
        present=lambda _: lambda _: None,
    )
    warehouse = SimpleNamespace(
        root="no folder",
        location=SimpleNamespace(is_s3=False),
        pin=lambda: pinned,
        quarter=lambda name, of, pinned: held[of][name] if of in held else absent(name),  # noqa: ARG005
        provenance=lambda *_: {},
    )
    given = {"warehouse": warehouse, "duckdb": ConfiguredDuckDB()}
    return body(portfolio_sorts, {"min_stocks": 2, **config}, **given, **held[QUARTER])


def of_event_sorts(**config: Any) -> dict[str, Any]:
    """Sort calls of two quarters that a warehouse holds, with their topics."""
    warehouse, _ = quarters_of_events()
    for key in (preceding(QUARTER), QUARTER):
        write_pinned(warehouse, key)
    held = {name: warehouse.quarter(name, QUARTER) for name in SORTED_FROM}
    given = {"warehouse": warehouse, "duckdb": ConfiguredDuckDB(), **held}
    few = {"min_stocks": 2, "holding_days": 5, "min_days": 10, "weightings": ["equal"], "models": ["mean"]}
    return body(portfolio_sorts, few | config, **given)


def of_known_sorts(**config: Any) -> dict[str, Any]:
    return of_event_sorts(definitions=["known_before"], **config)


def of_daily_sorts(**config: Any) -> dict[str, Any]:
    return of_sorts(min_breakpoint_calls=4, **config)


def sorts(made: Mapping[str, Any], name: str, **where: Any) -> list[Any]:
    rows = (r for r in made["portfolio_sorts"] if r["series_id"] == "pooled")
    return [r[name] for r in rows if all(r[k] == v for k, v in where.items())]


def n_sorted(made: Mapping[str, Any]) -> int:
    return sum(r["reason"] is None for r in made["portfolio_members"])


def waits_for_the_month(made: Mapping[str, Any]) -> bool:
    bought = [r for r in made["portfolio_members"] if r["first_date"]]
    return all(r["first_date"].month > r["event_date"].month for r in bought)


@cache
def quarters_of_events() -> tuple[Warehouse, TemporaryDirectory]:
    """A quarter before this one and this one, with calls, tone and returns; and the folder, which must be held."""
    folder = TemporaryDirectory()
    warehouse = Warehouse(path=str(Path(folder.name) / "warehouse"))
    for key in (preceding(QUARTER), QUARTER):
        write_events(warehouse, key)
        write_controls(warehouse, key, without_sue=5, without_book=9)
    return warehouse, folder


def study_of(**config: Any) -> list[dg.Output[Any]]:
    warehouse, _ = quarters_of_events()
    asked = {
        "definitions": ["quarter"],
        "tones": ["score"],
        "models": ["carhart"],
        "pictures": 0,
        "draws": 99,
    }
    series = warehouse.quarter("theme_series", QUARTER)
    given = {"warehouse": warehouse, "duckdb": ConfiguredDuckDB(), "theme_series": series}
    return list(outputs(event_study, asked | config, **given))


def of_study(**config: Any) -> list[dict[str, Any]]:
    return [row for batch in study_of(**config)[0].value.batches for row in batch.to_pylist()]


def of_known_themes(**config: Any) -> list[dict[str, Any]]:
    return of_study(definitions=["known_before"], **config)


def of_chosen_models(**config: Any) -> list[dict[str, Any]]:
    return of_study(**{"models": [], **config})


def pictures_of(**config: Any) -> list[str]:
    metadata = study_of(**{"pictures": 1, **config})[0].metadata
    return [value.value for name, value in metadata.items() if name.startswith("picture")]


def lost(rows: Sequence[Mapping[str, Any]]) -> int:
    return sum(r["n_without_return"] for r in rows if r["sample"] == "placebo")


def values(rows: Sequence[Mapping[str, Any]], name: str) -> set[Any]:
    return {row[name] for row in rows}


def column(made: Mapping[str, Any], name: str, table: str = "theme_links") -> list[Any]:
    return [row[name] for row in made[table]]


Effect = Callable[[Any, Any], bool]
"""From what the asset makes by default, and with the field changed, to whether the change is the one meant."""

EXAMPLES: dict[tuple[str, str], tuple[Callable[..., Any], Any, Effect]] = {
    ("firm_topics", "sentences_per_topic"): (
        of_firms, 64.0,
        lambda a, b: all(x > y for x, y in zip(topics_per_firm(a), topics_per_firm(b), strict=True)),
    ),
    ("firm_topics", "usual_topics"): (of_firms, 0, lambda a, b: topics_per_firm(a) > topics_per_firm(b)),
    ("firm_topics", "max_topics"): (of_firms, 5, lambda a, b: max(topics_per_firm(b)) == 5 < min(topics_per_firm(a))),
    ("firm_topics", "min_topic_sentences"): (
        of_firms, 12, lambda a, b: min(r["n_sentences"] for r in b["firm_topics"]) >= 12 > min(
            r["n_sentences"] for r in a["firm_topics"])
    ),
    ("firm_topics", "join_similarity"): (of_firms_with_small_groups, 1.0, lambda a, b: outliers(b) > outliers(a)),
    ("firm_topics", "n_neighbors"): (of_firms, 3, lambda a, b: a["sentence_topics"] != b["sentence_topics"]),
    ("firm_topics", "turn_weight"): (of_firms, 0.0, lambda a, b: a["sentence_topics"] != b["sentence_topics"]),
    ("firm_topics", "seed"): (of_firms, 1, lambda a, b: a["sentence_topics"] != b["sentence_topics"]),
    ("firm_topics", "min_sentences"): (
        of_firms, 10_000, lambda _, b: {r["status"] for r in b["firm_status"]} == {"too_small"}
    ),
    ("firm_topics", "n_keywords"): (
        of_firms, 2, lambda a, b: longest(b, "firm_topics", "keywords") == 2 < longest(a, "firm_topics", "keywords")
    ),
    ("firm_topics", "n_representatives"): (
        of_firms, 1, lambda _, b: longest(b, "firm_topics", "representative_sentence_ids") == 1
    ),
    ("firm_topics", "min_representative_words"): (
        of_firms, 15, lambda a, b: np.mean(representative_words(b)) > np.mean(representative_words(a)) + 1
    ),
    ("firm_topics", "max_representative_words"): (
        of_firms, 14, lambda a, b: np.mean(representative_words(b)) < np.mean(representative_words(a)) - 1
    ),
    ("firm_topics", "method"): (
        of_firms, "bertopic", lambda a, b: a["sentence_topics"] != b["sentence_topics"] and any(topics_per_firm(b))
    ),
    ("firm_topics", "bertopic"): (
        of_firms_by_bertopic, {"min_cluster_size": 4}, lambda a, b: sum(topics_per_firm(b)) > sum(topics_per_firm(a))
    ),
    ("firm_topics", "processes"): (
        asked_of_side_by_side, 3, lambda a, b: (a["processes"], b["processes"]) == ([1], [3])
    ),
    ("sentence_kinds", "min_business"): (of_kinds, 0.8, lambda a, b: left_out(b) > left_out(a) > 0),
    ("topic_summaries", "max_sentences"): (
        shown, 1,
        lambda a, b: max(len(d.sentences) for d in b["digests"]) == 1 < max(len(d.sentences) for d in a["digests"]),
    ),
    ("topic_summaries", "processes"): (asked_of_the_namer, 3, lambda _, b: b["processes"] == [3]),
    ("themes", "min_firms"): (of_themes, 8, lambda a, b: reasons(b, "few firms") > reasons(a, "few firms")),
    ("themes", "max_firm_share"): (of_themes, 1.0, lambda a, b: reasons(a, "dominated") > reasons(b, "dominated") == 0),
    ("themes", "granularity"): (of_themes, 0.5, lambda a, b: len(b["themes"]) < len(a["themes"])),
    ("themes", "min_topics"): (
        of_themes, 9,
        lambda a, b: min(t["n_topics"] for t in b["themes"]) >= 9 > min(t["n_topics"] for t in a["themes"]),
    ),
    ("themes", "join_similarity"): (of_themes, 0.8, lambda a, b: reasons(b, "outlier") > reasons(a, "outlier")),
    ("themes", "max_procedural_share"): (
        of_themes, 1.0, lambda a, b: reasons(a, "procedural") > reasons(b, "procedural") == 0
    ),
    ("themes", "n_keywords"): (
        of_themes, 1, lambda a, b: longest(b, "themes", "keywords") == 1 < longest(a, "themes", "keywords")
    ),
    ("themes", "n_central"): (
        of_themes, 1, lambda a, b: [t["description"] for t in a["themes"]] != [t["description"] for t in b["themes"]]
    ),
    ("themes", "n_subsamples"): (
        of_themes, 3, lambda a, b: all(round(3 * t["stability"], 6).is_integer() for t in b["themes"]) and
        not all(round(3 * t["stability"], 6).is_integer() for t in a["themes"])
    ),
    ("themes", "subsample_share"): (
        of_themes, 0.3, lambda a, b: stabilities(b) != stabilities(a)
    ),
    ("themes", "min_stability"): (
        of_themes, 1.0,
        lambda a, b: reasons(b, "unstable") > reasons(a, "unstable") and min(stabilities(b), default=1.0) == 1.0,
    ),
    ("themes", "sentence_weight"): (of_themes, 1.0, lambda a, b: a["theme_topics"] != b["theme_topics"]),
    ("themes", "seed"): (of_themes, 3, lambda a, b: stabilities(a) != stabilities(b)),
    ("themes", "method"): (
        of_themes, "bertopic", lambda a, b: a["theme_topics"] != b["theme_topics"] and len(b["themes"]) > 1
    ),
    ("themes", "bertopic"): (
        of_themes_by_bertopic, {"min_cluster_size": 4}, lambda a, b: len(b["themes"]) > len(a["themes"])
    ),
    ("theme_sentences", "min_strength"): (
        of_theme_sentences, 0.9, lambda a, b: reasons_of_sentences(b, "weak") > reasons_of_sentences(a, "weak")
    ),
    ("theme_sentences", "min_margin"): (
        of_theme_sentences, 0.0,
        lambda a, b: reasons_of_sentences(b, "nearer another") > reasons_of_sentences(a, "nearer another"),
    ),
    ("theme_sentences", "min_member_share"): (
        of_theme_sentences, 1.0,
        lambda a, b: reasons_of_sentences(b, "mixed topic") > reasons_of_sentences(a, "mixed topic"),
    ),
    ("theme_sentences", "min_coherence"): (
        of_theme_sentences, 1.0,
        lambda a, b: reasons_of_sentences(b, "weak theme") > reasons_of_sentences(a, "weak theme"),
    ),
    ("theme_sentences", "description_weight"): (
        of_theme_sentences, 0.0, lambda a, b: strengths(a) != strengths(b) and len(strengths(a)) == len(strengths(b))
    ),
    ("theme_sentences", "turn_weight"): (of_theme_sentences, 0.0, lambda a, b: strengths(a) != strengths(b)),
    ("theme_sentences", "count_second"): (
        of_theme_sentences, True, lambda a, b: counted_second(b) > counted_second(a) == 0
    ),
    ("daily_returns", "days_before"): (of_market, 300, lambda a, b: days_of(b)[0] < days_of(a)[0]),
    ("daily_returns", "days_after"): (of_market, 90, lambda a, b: days_of(b)[1] > days_of(a)[1]),
    ("daily_returns", "replace_market"): (over_another_market, True, lambda a, b: a and not b),
    ("abnormal_returns", "models"): (
        of_windows, ["ff3"], lambda a, b: values(b, "model") == {"ff3"} and len(values(a, "model")) == 4
    ),
    ("abnormal_returns", "windows"): (of_windows, ["[-3,+3]"], lambda _, b: values(b, "window") == {"[-3,+3]"}),
    ("abnormal_returns", "estimation_first_day"): (
        of_windows, -150, lambda a, b: max(values(a, "n_estimation")) == 207 and max(values(b, "n_estimation")) == 105
    ),
    ("abnormal_returns", "estimation_last_day"): (
        of_windows, -20, lambda _, b: max(values(b, "n_estimation")) == 233
    ),
    ("abnormal_returns", "min_estimation_days"): (
        of_short_windows, 100,
        lambda a, b: "too_few_days" in values(a, "reason") and "too_few_days" not in values(b, "reason"),
    ),
    ("controls", "first_day"): (
        of_controls, -200, lambda a, b: values(a, "momentum") != values(b, "momentum")
    ),
    ("controls", "last_day"): (
        of_controls, -2, lambda a, b: max(values(b, "momentum_known_date")) > max(values(a, "momentum_known_date"))
    ),
    ("controls", "min_days"): (of_controls, 250, lambda _, b: values(b, "volatility_reason") == {"too_few_days"}),
    ("controls", "size_day"): (
        of_controls, -6, lambda a, b: max(values(b, "log_size_known_date")) < max(values(a, "log_size_known_date"))
    ),
    ("controls", "max_sue_age"): (of_controls, 0, lambda a, b: (values(a, "sue_reason"), values(b, "sue_reason")) == (
        {None}, {"stale"})),
    ("controls", "max_book_age"): (
        of_controls, 0, lambda a, b: (values(a, "book_to_market_reason"), values(b, "book_to_market_reason")) == (
            {None}, {"stale"})
    ),
    ("controls", "replace_fundamentals"): (over_other_fundamentals, True, lambda a, b: a and not b),
    ("portfolio_sorts", "definitions"): (
        of_event_sorts, ["pinned"],
        lambda a, b: ({*sorts(a, "definition")}, {*sorts(b, "definition")}) == ({"quarter"}, {"pinned"}),
    ),
    ("portfolio_sorts", "known_floor"): (
        of_known_sorts, 1.0, lambda a, b: len(a["portfolio_members"]) > len(b["portfolio_members"]) == 0
    ),
    ("portfolio_sorts", "quantiles"): (
        of_sorts, 5, lambda _, b: {*sorts(b, "portfolio")} == {"low", "2", "3", "4", "high", "long_short"}
    ),
    ("portfolio_sorts", "breakpoints"): (
        of_daily_sorts, "within_month", lambda a, b: not waits_for_the_month(a) and waits_for_the_month(b)
    ),
    ("portfolio_sorts", "breakpoint_months"): (of_daily_sorts, 1, lambda a, b: column(
        a, "n_breakpoint_calls", "portfolio_members") > column(b, "n_breakpoint_calls", "portfolio_members")),
    ("portfolio_sorts", "min_breakpoint_calls"): (of_sorts, 100, lambda a, b: n_sorted(a) > n_sorted(b) == 0),
    ("portfolio_sorts", "min_sentences"): (
        of_sorts, 9, lambda a, b: "too_few_sentences" in column(b, "reason", "portfolio_members") and
        "too_few_sentences" not in column(a, "reason", "portfolio_members"),
    ),
    ("portfolio_sorts", "first_day"): (
        of_sorts, 4, lambda a, b: sorts(b, "first_date", portfolio="low") > sorts(a, "first_date", portfolio="low")
    ),
    ("portfolio_sorts", "holding_days"): (
        of_sorts, 30, lambda a, b: sorts(b, "mean_stocks", portfolio="low") < sorts(a, "mean_stocks", portfolio="low")
    ),
    ("portfolio_sorts", "weightings"): (of_sorts, ["value"], lambda _, b: {*sorts(b, "weighting")} == {"value"}),
    ("portfolio_sorts", "models"): (of_sorts, ["ff3"], lambda _, b: {*sorts(b, "model")} == {"ff3"}),
    ("portfolio_sorts", "min_stocks"): (
        of_sorts, 8, lambda a, b: sorts(b, "n_days", portfolio="low") < sorts(a, "n_days", portfolio="low")
    ),
    ("portfolio_sorts", "min_days"): (
        of_sorts, 500, lambda a, b: set(sorts(a, "reason")) == {None} and set(sorts(b, "reason")) == {"too_few_days"}
    ),
    ("portfolio_sorts", "newey_west_lags"): (of_sorts, 12, lambda a, b: set(sorts(b, "n_lags")) == {12} and sorts(
        a, "alpha") == sorts(b, "alpha") and sorts(a, "se") != sorts(b, "se")),
    ("portfolio_sorts", "first_quarter"): (
        of_sorts, QUARTER, lambda a, b: ({*sorts(a, "n_quarters")}, {*sorts(b, "n_quarters")}) == ({2}, {1})
    ),
    ("event_study", "models"): (
        of_chosen_models, ["market_adjusted"],
        lambda a, b: values(a, "model") == {"carhart"} and values(b, "model") == {"market_adjusted"},
    ),
    ("event_study", "tones"): (of_study, ["expected_score"], lambda _, b: values(b, "tone") == {"expected_score"}),
    ("event_study", "definitions"): (
        of_study, ["known_before"], lambda _, b: values(b, "definition") == {"known_before"}
    ),
    ("event_study", "fixed_effects"): (
        of_study, ["quarter"],
        lambda a, b: values(b, "fixed_effects") == {"quarter"} and values(a, "coefficient") != values(b, "coefficient"),
    ),
    ("event_study", "controls"): (
        of_study, ["sue", "log_size"],
        lambda a, b: [r for r in b if r["controls"] == "none"] == a
        and {(r["controls"], r["n_without_controls"]) for r in b if r not in a and r["sample"] == "event"}
        == {("sue, log_size", 10)},
    ),
    ("event_study", "min_events"): (
        of_study, 1000, lambda a, b: values(a, "reason") == {None} and values(b, "reason") == {"too_few_events"}
    ),
    ("event_study", "min_sentences"): (
        of_study, 6, lambda a, b: len(values(a, "series_id")) == 5 and values(b, "series_id") == {"pooled"}
    ),
    ("event_study", "pre_event_window"): (
        of_study, "[-5,-2]", lambda _, b: values(b, "window") == {"[0,+1]", "[-5,-2]"}
    ),
    ("event_study", "placebo_distance"): (of_study, 25, lambda a, b: lost(b) > lost(a)),
    ("event_study", "known_floor"): (
        of_known_themes, 1.0, lambda a, b: len(values(a, "series_id")) == 5 and not values(b, "series_id")
    ),
    ("event_study", "draws"): (
        of_study, 499,
        lambda a, b: all(
            round(r["p_romano_wolf"] * n, 6).is_integer()
            for rows, n in ((a, 100), (b, 500)) for r in rows if r["p_romano_wolf"] is not None
        ),
    ),
    ("event_study", "seed"): (
        of_study, 1, lambda a, b: [r["t"] for r in a if r["sample"] == "event"] == [
            r["t"] for r in b if r["sample"] == "event"] and values(a, "t") != values(b, "t")
    ),
    ("event_study", "pictures"): (pictures_of, 2, lambda a, b: (len(a), len(b)) == (1, 2)),
    ("event_study", "picture_last_day"): (pictures_of, 5, lambda a, b: a != b),
    ("theme_links", "floor"): (
        linked_by, 0.95, lambda a, b: column(b, "event").count("born") > column(a, "event").count("born")
    ),
    ("theme_links", "max_gap"): (
        linked_by, 2, lambda a, b: "revived" in column(a, "event") and "revived" not in column(b, "event")
    ),
    ("theme_links", "newest_weight"): (
        linked_by, 1.0,
        lambda a, b: column(a, "centroid", "theme_series") != column(b, "centroid", "theme_series"),
    ),
    ("theme_links", "centroid_weight"): (
        linked_by, 0.0, lambda a, b: column(a, "similarity") != column(b, "similarity")
    ),
    ("theme_links", "firm_weight"): (
        linked_by, 0.4, lambda a, b: column(a, "similarity") != column(b, "similarity")
    ),
    ("theme_links", "keyword_weight"): (
        linked_by, 0.4, lambda a, b: column(a, "similarity") != column(b, "similarity")
    ),
    ("theme_links", "max_regret"): (
        linked_by, 2.0, lambda a, b: column(a, "event").count("split") > column(b, "event").count("split")
    ),
    ("theme_links", "merge_gain"): (
        linked_by, 2.0, lambda a, b: "merged" in column(a, "event") and "merged" not in column(b, "event")
    ),
    ("theme_links", "rename_below"): (
        linked_by, 0.99, lambda a, b: sum(column(b, "is_renamed")) > sum(column(a, "is_renamed"))
    ),
    ("theme_links", "allow_other_models"): (linked_past_another_model, True, lambda a, b: (a, b) == (False, True)),
    ("theme_families", "join_similarity"): (
        of_families, 0.999, lambda a, b: len(set(column(a, "family_id", "result"))) < len(
            set(column(b, "family_id", "result")))
    ),
    ("pinned_theme_links", "floor"): (
        of_pinned, 0.99, lambda a, b: len(b["pinned_theme_links"]) < len(a["pinned_theme_links"])
    ),
    ("pinned_theme_links", "topic_floor"): (
        of_pinned, 0.99, lambda a, b: len(b["pinned_topic_links"]) < len(a["pinned_topic_links"])
    ),
    ("pinned_theme_links", "remove"): (removes_pins, True, lambda a, b: (a, b) == (False, True)),
    ("pinned_theme_links", "keyword_weight"): (
        of_pinned, 0.5,
        lambda a, b: column(a, "similarity", "pinned_topic_links") != column(b, "similarity", "pinned_topic_links"),
    ),
    ("transcripts", "require_permno"): (
        of_transcripts, False, lambda a, b: None in {r["permno"] for r in b["transcripts"]} - {
            r["permno"] for r in a["transcripts"]}
    ),
    ("transcripts", "languages"): (
        of_no_transcripts, ["de"],
        lambda a, b: a["transcripts"] and {r["status"] for r in b["transcript_audit"]} == {"other_language"},
    ),
    ("transcripts", "firms"): (of_transcripts, [FIRM], lambda a, b: firms_of(b) == {FIRM} < firms_of(a)),
    ("transcripts", "first_firms"): (
        of_transcripts, 2, lambda a, b: firms_of(b) == set(sorted(firms_of(a), key=int)[:2])
    ),
    ("transcripts", "exclude_firms"): (of_transcripts, [FIRM], lambda a, b: firms_of(b) == firms_of(a) - {FIRM}),
    ("transcripts", "replace_source"): (over_real_calls, True, lambda a, b: (a, b) == (True, False)),
    ("transcripts", "replace_by_subset"): (over_by_some_firms, True, lambda a, b: (a, b) == (True, False)),
    ("transcripts", "replace_by_nothing"): (over_by_nothing, True, lambda a, b: (a, b) == (True, False)),
    ("topic_quality", "coherence_firms"): (
        of_quality, 1, lambda a, b: measured(b, "coherence_left_out") < measured(a, "coherence_left_out")
    ),
    ("topic_quality", "stability_firms"): (
        of_quality, 1, lambda a, b: measured(b, "seed_stability") == 1 < measured(a, "seed_stability")
    ),
    ("topic_quality", "recovery_firms"): (
        of_quality, 1, lambda a, b: 0 < measured(b, "recovery_ari") < measured(a, "recovery_ari")
    ),
    ("topic_quality", "seed"): (of_one_firm_quality, 43, lambda a, b: a["result"] != b["result"]),
    ("warehouse_maintenance", "keep_days"): (of_maintenance, 3, lambda _, b: b["policy"].keep.days == 3),
    ("warehouse_maintenance", "keep_last"): (of_maintenance, 2, lambda _, b: b["policy"].keep_last == 2),
    ("warehouse_maintenance", "grace_days"): (
        of_maintenance, 0.5, lambda _, b: b["policy"].grace.total_seconds() == 43_200
    ),
    ("warehouse_maintenance", "max_removed_share"): (
        of_maintenance, 0.2, lambda _, b: b["policy"].max_removed_share == 0.2
    ),
    ("warehouse_maintenance", "dry_run"): (
        of_maintenance, True, lambda a, b: (a["policy"].dry_run, b["policy"].dry_run) == (False, True)
    ),
}  # fmt: skip
"""Asset and field → how to run the asset, another value, and the effect that it should have."""

OF_THE_FAN_OUT = set(FanOutConfig.model_fields)
"""Shared by the chunked assets, whose steps are the same code: tested in tests/orchestration/test_fan_out.py."""


def test_every_field_of_every_assets_config_has_an_example():
    offered = {(asset, field) for asset, fields in offered_fields() for field in fields}
    assert offered == set(EXAMPLES)


def offered_fields() -> Iterator[tuple[str, set[str]]]:
    """Yield the fields that a run's config offers, by asset; those of the fan-out left out."""
    every_asset = dg.define_asset_job("every", selection=dg.AssetSelection.all())
    definitions = dg.Definitions.merge(build_definitions(), dg.Definitions(jobs=[every_asset]))
    ops = definitions.resolve_job_def("every").run_config_schema.config_type.fields["ops"].config_type.fields
    for asset, node in ops.items():
        config = node.config_type.fields.get("config")
        names = set(getattr(config.config_type, "fields", None) or ()) if config else set()
        yield asset, names - OF_THE_FAN_OUT


@cache
def by_default(run: Callable[..., Any]) -> Any:
    return run()


@pytest.mark.parametrize(("asset", "field"), EXAMPLES)
def test_the_field_has_the_effect_that_it_should(asset: str, field: str):
    run, value, is_as_meant = EXAMPLES[asset, field]
    assert is_as_meant(by_default(run), run(**{field: value}))
