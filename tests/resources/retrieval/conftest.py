"""A quarter that was spoken, with speakers, sections, tone and members, as `search` reads it."""

import shutil
from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from ftm_resources.models.embedder import Embedder
from ftm_resources.retrieval import kept_open
from ftm_resources.tables import TABLES
from ftm_resources.warehouse import Warehouse

from ... import small_topics  # noqa: TID252 - tests are not installed

QUARTER = small_topics.QUARTER
MODEL = Embedder(precision="float32")
TICKERS = {"1": "FRTX", "2": "COPR", "3": "VACC"}
NAMES = {"1": "Freight Lines Inc", "2": "Copper Müller AG", "3": "Vaccine Labs"}


def spoken(quarter: str = QUARTER) -> dict[str, list[dict[str, Any]]]:
    """Return the rows of the quarter; vectors are still texts."""
    made = small_topics.rows()
    for row in made["transcripts"]:
        firm = row["firm_id"]
        asks = row["component_order"] % 3 == 2
        row |= {"firm_name": NAMES[firm], "ticker": TICKERS[firm], "permno": 10000 + int(firm)}
        row |= {
            "section": "q_and_a" if asks else "presentation",
            "speaker_type": "analyst" if asks else "executive",
        }
        row["speaker_name"] = "A. Lyst" if asks else "Chief"
    turns = {row["component_id"]: row for row in made["transcripts"]}
    for row in made["sentences"]:
        row |= {c: turns[row["component_id"]][c] for c in ("section", "speaker_type")}
    topics = {row["sentence_id"]: row["topic_id"] for row in made["sentence_topics"]}
    themes = {row["topic_id"]: row["theme_id"] for row in made["theme_topics"]}
    of_firm = {row["sentence_id"]: row["firm_id"] for row in made["sentences"]}
    made["sentence_kinds"] = [
        {"sentence_id": s, "firm_id": of_firm[s], "kind": "business" if t else "call", "method": "words"}
        | {"p_business": 1.0, "p_call": 0.0, "p_empty": 0.0, "is_procedural": not t}
        for s, t in topics.items()
    ]
    made["sentence_sentiment"] = [
        {"sentence_id": s, "model": "m", "p_positive": 1.0, "p_neutral": 0.0, "p_negative": 0.0}
        | {"label": "positive" if of_firm[s] == "1" else "negative"}
        for s, t in topics.items()
        if t
    ]
    made["theme_sentences"] = [
        {"theme_id": themes[t], "sentence_id": s, "topic_id": t, "firm_id": of_firm[s], "strength": 0.5}
        | {"margin": None, "is_member": True, "is_second": False, "reason": None}
        for s, t in topics.items()
        if t and themes[t]
    ]
    if quarter != QUARTER:
        for rows in made.values():
            rows[:] = [{k: _moved(v, quarter) for k, v in row.items()} for row in rows]
    return made


def _moved(value: Any, quarter: str) -> Any:
    if isinstance(value, date):
        return value.replace(year=int(quarter[:4]))
    return value.replace(QUARTER, quarter) if isinstance(value, str) else value


def write(
    warehouse: Warehouse,
    rows: dict[str, list[dict[str, Any]]],
    quarter: str = QUARTER,
    *,
    model: str | None = None,
    embed: Callable[[list[str]], Any] = MODEL.embed,
) -> Warehouse:
    """Write rows, embedded by a model of that name."""
    for name, own in rows.items():
        if "embedding" in {c.name for c in TABLES[name].columns} and own:
            for row, vector in zip(own, embed([r.pop("text") for r in own]), strict=True):
                row["embedding"] = vector
        filled = [{**row, "quarter": quarter} for row in own]
        table = pa.Table.from_pylist(filled, schema=TABLES[name].arrow_schema)
        made_by = {"models": {"embedder": {"model": model or MODEL.model_name()}}}
        warehouse.replace(name, quarter, [table], provenance=made_by)
    return warehouse


@pytest.fixture(autouse=True)
def nothing_is_open(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each test opens its quarters itself."""
    monkeypatch.setattr(kept_open, "_kept", type(kept_open._kept)())
    monkeypatch.setattr(kept_open, "_quarters", {})


@pytest.fixture(scope="session")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A warehouse with the quarter, to be copied: writing one takes a second."""
    return Path(write(Warehouse(path=str(tmp_path_factory.mktemp("spoken") / "warehouse")), spoken()).root)


@pytest.fixture
def warehouse(template: Path, tmp_path: Path) -> Warehouse:
    """A warehouse with the quarter."""
    return Warehouse(path=str(shutil.copytree(template, tmp_path / "warehouse")))


@pytest.fixture
def rows_of() -> Callable[..., dict[str, list[dict[str, Any]]]]:
    """The rows of a quarter, to be changed and written."""
    return spoken


@pytest.fixture
def written() -> Callable[..., Warehouse]:
    """The function that writes rows."""
    return write


@pytest.fixture
def embedder() -> Embedder:
    """The model that made the quarter."""
    return MODEL
