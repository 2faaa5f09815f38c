"""`ftm bertopic` on a small warehouse: the stored ids, documents and keywords, saved and loaded again."""

from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import typer
from typer.testing import CliRunner

from ftm_assets.cli.bertopic_model import bertopic, to_bertopic
from ftm_resources.models.embedder import Embedder
from ftm_resources.tables import TABLES
from ftm_resources.warehouse import Warehouse

QUARTER = "2023Q1"
SUBJECTS = ("ocean freight rates", "copper mining", "vaccine trials", "mortgage lending")
FIRMS = ("1", "2", "3")


def rows() -> dict[str, list[dict[str, Any]]]:
    """Three firms with two calls each, a topic per subject and call sentences of it, and an outlier each."""
    made: dict[str, list[dict[str, Any]]] = {t: [] for t in ("transcripts", "sentences", "sentence_topics")}
    made |= {
        t: [] for t in ("sentence_embeddings", "firm_topics", "topic_summaries", "theme_topics", "themes")
    }
    for firm in FIRMS:
        spoken = [
            (k, f"We expect {s} to improve in area {i}.") for i in range(4) for k, s in enumerate(SUBJECTS)
        ]
        for i, (k, text) in enumerate([*spoken, (None, "The weather was fine.")]):
            call = f"c{firm}{i % 2}"
            ids = {"sentence_id": f"{QUARTER}:{call}:0001:{i:03d}", "firm_id": firm}
            component = f"{QUARTER}:{call}:{i:04d}"
            day = date(2023, 1 + i % 2, 10)
            made["transcripts"].append(
                {
                    "component_id": component, "firm_id": firm, "firm_name": "A", "transcript_id": call,
                    "call_at": datetime(day.year, day.month, day.day, 15, tzinfo=UTC), "call_date": day,
                    "component_order": i, "section": "presentation", "speaker_type": "executive", "text": text,
                }
            )  # fmt: skip
            made["sentences"].append(
                {
                    **ids, "transcript_id": call, "component_id": component, "position": 0,
                    "section": "presentation", "speaker_type": "executive", "text": text, "is_procedural": False,
                }
            )  # fmt: skip
            topic = None if k is None else f"{QUARTER}:{firm}:{k:03d}"
            made["sentence_topics"].append({**ids, "topic_id": topic, "strength": 0.5})
            made["sentence_embeddings"].append({**ids, "text": text})
        for k, subject in enumerate(SUBJECTS):
            topic = {"topic_id": f"{QUARTER}:{firm}:{k:03d}", "firm_id": firm}
            own = {
                "local_topic": k,
                "n_sentences": 4,
                "keywords": [subject],
                "representative_sentence_ids": [],
            }
            made["firm_topics"].append({**topic, **own})
            name = {"name": subject.capitalize(), "summary": f"{subject} in areas.", "text": subject}
            said = {"naming_method": "extractive", "model": "m", "prompt_version": "1"}
            made["topic_summaries"].append({**topic, **name, **said})
            theme = f"{QUARTER}:theme:{k:03d}" if k < 3 else None
            made["theme_topics"].append({**topic, "theme_id": theme, "reason": None if theme else "outlier"})
    for k, subject in enumerate(SUBJECTS[:3]):
        made["themes"].append(
            {
                "theme_id": f"{QUARTER}:theme:{k:03d}", "name": subject.title(), "description": "d", "text": subject,
                "keywords": [subject, "areas"], "n_topics": 3, "n_firms": 3, "n_sentences": 12,
                "largest_firm_share": 0.34, "naming_method": "extractive",
            }
        )  # fmt: skip
    return made


@pytest.fixture(scope="module")
def warehouse(tmp_path_factory: pytest.TempPathFactory) -> Warehouse:
    warehouse = Warehouse(path=str(tmp_path_factory.mktemp("w")))
    embedder = Embedder(precision="float32")
    for name, own in rows().items():
        if "embedding" in {c.name for c in TABLES[name].columns}:
            for row, vector in zip(own, embedder.embed([r.pop("text") for r in own]), strict=True):
                row["embedding"] = vector
        filled = [{**row, "quarter": QUARTER} for row in own]
        warehouse.replace(name, QUARTER, [pa.Table.from_pylist(filled, schema=TABLES[name].arrow_schema)])
    return warehouse


def test_themes_are_topics_of_bertopic_under_their_ranks_with_their_ids(warehouse: Warehouse):
    model, documents = to_bertopic(warehouse, QUARTER, "theme", embedder=Embedder(precision="float32"))
    assert model.custom_labels_ == [
        model.topic_labels_[-1],
        *(f"{QUARTER}:theme:{k:03d} {s.title()}" for k, s in enumerate(SUBJECTS[:3])),
    ]
    assert documents.num_rows == len(FIRMS) * len(SUBJECTS)
    for row, number in zip(documents.to_pylist(), model.topics_, strict=True):
        assert number == row["topic"] == (-1 if row["theme_id"] is None else int(row["theme_id"][-3:]))
        assert row["theme_id"] is None or row["text"].lower().startswith(SUBJECTS[number])
        assert row["call_date"] == date(2023, 1, 10)
    assert [k for k, _ in model.get_topic(1)] == ["copper mining", "areas"]
    assert model.find_topics("ships and harbours", top_n=1)[0] == [0]
    assert model.transform(["A clinical study of a new vaccine"])[0][0] == 2


def test_topics_of_a_firm_hold_its_sentences_with_the_days_of_their_calls(warehouse: Warehouse):
    fitted = to_bertopic(warehouse, QUARTER, "firm", firm="2")
    assert fitted.model.topics_ == fitted.documents.column("topic").to_pylist()
    assert sorted(fitted.model.topics_) == [-1, *sorted([0, 1, 2, 3] * 4)]
    for row in fitted.documents.to_pylist():
        assert row["firm_id"] == "2"
        assert row["topic"] == (-1 if row["topic_id"] is None else int(row["topic_id"][-3:]))
        assert row["topic_id"] is None or SUBJECTS[row["topic"]] in row["text"]
        assert row["call_date"].month == 1 + int(row["document_id"][-3:]) % 2
    assert fitted.embeddings.shape == (17, 384)
    assert np.allclose(fitted.model.topic_embeddings_[0], fitted.embeddings[fitted.model.topics_.index(-1)])
    over_time = fitted.model.topics_over_time(fitted.texts, fitted.documents.column("call_date").to_pylist())
    assert over_time["Frequency"].sum() == 17
    assert fitted.model.custom_labels_[1:] == [
        f"{QUARTER}:2:{k:03d} {s.capitalize()}" for k, s in enumerate(SUBJECTS)
    ]


@pytest.fixture
def run(warehouse: Warehouse, monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.setenv("FTM_WAREHOUSE", warehouse.root)
    app = typer.Typer()
    app.command()(bertopic)
    return lambda *arguments: CliRunner().invoke(app, [str(a) for a in arguments])


def test_the_command_saves_what_bertopic_loads(run: Any, tmp_path: Path):
    from bertopic import BERTopic

    done = run(QUARTER, "--level", "firm", "--firm", "3", "--out", tmp_path / "of3")
    assert done.exit_code == 0, done.output
    assert "4 topics of 17 documents" in done.output
    loaded = BERTopic.load(str(tmp_path / "of3"))
    documents = pq.read_table(tmp_path / "of3" / "documents.parquet")
    assert loaded.topics_ == documents.column("topic").to_pylist()
    assert loaded.get_topic_info().set_index("Topic")["CustomName"][1] == f"{QUARTER}:3:001 Copper mining"
    assert loaded.c_tf_idf_.shape[0] == 5
    assert (
        loaded.transform(["The miners dig for copper"])[0][0] == 1
    )  # by the model beside which it was saved


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["2019Q4"], "themes in .* does not hold 2019Q4; it holds 2023Q1"),
        ([QUARTER, "--level", "firm"], "level firm needs a firm"),
        ([QUARTER, "--firm", "1"], "level theme takes none"),
        (
            [QUARTER, "--level", "firm", "--firm", "99"],
            "firm 99 has no topics in 2023Q1; 3 firms have, e.g. 1, 2, 3",
        ),
    ],
)
def test_what_is_not_there_is_said_in_a_line(run: Any, tmp_path: Path, arguments: list[str], message: str):
    import re

    done = run(*arguments, "--out", tmp_path / "x")
    assert done.exit_code == 1
    assert re.search(message, done.output)
    assert not (tmp_path / "x").exists()
