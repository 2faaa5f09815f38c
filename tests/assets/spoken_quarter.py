"""A quarter of calls in memory, turn by turn, as every table that the marts read; scores are made by the method."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time
from typing import Any

import duckdb
import pyarrow as pa

from ftm_assets.methods.scores import COLUMNS, build_scores
from ftm_resources.tables import TABLES, Column
from ftm_resources.warehouse import Warehouse

Said = tuple[int | None, str]
"""The number of the theme that a sentence is in (None: in none), and its label, or `procedural`."""

_OF_A_TYPE = {
    pa.string(): "x",
    pa.float64(): 0.0,
    pa.bool_(): False,
    pa.date32(): date(2023, 2, 1),
    pa.timestamp("us", "UTC"): datetime(2023, 2, 1, tzinfo=UTC),
    pa.list_(pa.string()): [],
    pa.list_(pa.float32()): [1.0, 0.0],
}


@dataclass
class Turn:
    """What one speaker says."""

    said: Sequence[Said]
    section: str = "presentation"
    speaker_type: str = "executive"


@dataclass
class Call:
    """A call of a firm."""

    transcript_id: str
    firm_id: str
    day: date
    turns: Sequence[Turn]
    firm_name: str = "Acme"
    permno: int | None = None
    gvkey: str | None = None
    is_after_close: bool | None = None


@dataclass
class Quarter:
    """Calls of a quarter; `status` is of the firms whose topics were not modelled."""

    quarter: str
    calls: Sequence[Call]
    themes: Sequence[str] = ("Freight", "Hiring")
    status: dict[str, str] = field(default_factory=dict)
    continues: dict[int, tuple[str, str, float]] = field(default_factory=dict)
    """Theme's number → series that it continues, its theme before, similarity; another theme opens a series."""
    weak: Sequence[int] = ()
    """Themes none of whose sentences counts."""
    pinned: Mapping[str, Sequence[int]] = field(default_factory=dict)
    """Name of a pinned theme → the themes that link to it; all their topics do, and so do those of theme 100, which are
    in no theme, if its name is `Loose`."""

    def theme(self, number: int) -> str:
        """Return a theme's id."""
        return f"{self.quarter}:theme:{number:03d}"

    def write(self, warehouse: Warehouse, *, without: Sequence[str] = ()) -> None:
        """Write the tables of the quarter, except those that the caller writes."""
        for table, rows in self.tables().items():
            if table not in without:
                warehouse.replace(table, self.quarter, [rows])

    def tables(self) -> dict[str, pa.Table]:
        """Return the tables of the quarter that the marts read."""
        made: dict[str, list[dict[str, Any]]] = {
            name: []
            for name in (
                *("transcripts", "transcript_audit", "sentences", "sentence_kinds", "sentence_sentiment"),
                *(
                    "sentence_topics",
                    "firm_status",
                    "theme_topics",
                    "theme_sentences",
                    "theme_coherence",
                    "themes",
                    "theme_links",
                    "pinned_theme_links",
                    "pinned_topic_links",
                    "pinned_coverage",
                ),
            )
        }
        for call in self.calls:
            self._add(call, made)
        made["themes"] = [
            {"theme_id": self.theme(i), "name": name, "naming_method": "llm"}
            | dict.fromkeys(("n_topics", "n_firms", "n_sentences"), 1)
            for i, name in enumerate(self.themes)
        ]
        topics = sorted(
            {(row["topic_id"], row["firm_id"]) for row in made["sentence_topics"] if row["topic_id"]}
        )
        themed = {row["topic_id"]: row["theme_id"] for row in made["theme_sentences"]}
        made["theme_topics"] = [
            {
                "topic_id": topic,
                "firm_id": firm,
                "theme_id": themed.get(topic),
                "reason": None if topic in themed else "outlier",
            }
            for topic, firm in topics
        ]
        made["theme_coherence"] = [
            {"theme_id": self.theme(i), "coherence": 0.1 if i in self.weak else 0.5}
            | {"coherence_class": "weak" if i in self.weak else "coherent"}
            for i in range(len(self.themes))
        ]
        self._pin(topics, themed, made)
        made["theme_links"] = [self._link(i, name) for i, name in enumerate(self.themes)]
        spoken = {row["sentence_id"] for row in made["sentence_sentiment"]}
        firms = Counter(row["firm_id"] for row in made["sentences"] if row["sentence_id"] in spoken)
        made["firm_status"] = [
            {"firm_id": f, "status": self.status.get(f, "ok"), "n_sentences": n}
            for f, n in sorted(firms.items())
        ]
        found = {name: filled(name, rows, self.quarter) for name, rows in made.items()}
        scores = build_scores(*(found[t] for t in COLUMNS), quarter=self.quarter, database=duckdb.connect())
        return found | scores._asdict()

    def _pin(
        self,
        topics: Sequence[tuple[str, str]],
        themed: Mapping[str, str],
        made: dict[str, list[dict[str, Any]]],
    ) -> None:
        for name, numbers in self.pinned.items():
            own = {"series_id": f"pinned:{name.lower()}", "series_name": name}
            themes = [self.theme(i) for i in numbers]
            made["pinned_coverage"].append(own | {"n_themes": len(themes)})
            made["pinned_theme_links"] += [own | {"theme_id": t, "similarity": 0.9} for t in themes]
            made["pinned_topic_links"] += [
                own | {"topic_id": topic, "firm_id": firm, "similarity": 0.9}
                for topic, firm in topics
                if themed.get(topic) in themes or (name == "Loose" and topic not in themed)
            ]

    def _link(self, number: int, name: str) -> dict[str, Any]:
        own = {"theme_id": self.theme(number), "series_name": name}
        if number not in self.continues:
            return own | {"series_id": own["theme_id"].replace("theme", "series"), "event": "born"}
        series, theme, similarity = self.continues[number]
        return own | {
            "series_id": series,
            "event": "continued",
            "linked_theme": theme,
            "linked_quarter": theme.partition(":")[0],
            "similarity": similarity,
        }

    def _add(self, call: Call, made: dict[str, list[dict[str, Any]]]) -> None:
        own = {"transcript_id": call.transcript_id, "firm_id": call.firm_id}
        made["transcript_audit"].append(own | {"status": "kept"})
        is_modelled = self.status.get(call.firm_id, "ok") == "ok"
        for order, turn in enumerate(call.turns):
            component = f"{self.quarter}:{call.transcript_id}:{order:04d}"
            place = {"component_id": component, "section": turn.section, "speaker_type": turn.speaker_type}
            made["transcripts"].append(
                own
                | place
                | {k: getattr(call, k) for k in ("firm_name", "permno", "gvkey", "is_after_close")}
                | {"call_date": call.day, "call_at": datetime.combine(call.day, time(15), UTC)}
            )
            for position, (theme, label) in enumerate(turn.said):
                key = {"sentence_id": f"{component}:{position:03d}", "firm_id": call.firm_id}
                made["sentences"].append(key | own | place | {"position": position})
                is_procedural = label == "procedural"
                kind = {"kind": "call" if is_procedural else "business", "method": "words"}
                made["sentence_kinds"].append(key | kind | {"is_procedural": is_procedural})
                if is_procedural:
                    continue
                p = {f"p_{x}": float(x == label) for x in ("positive", "neutral", "negative")}
                made["sentence_sentiment"].append(key | {"label": label} | p)
                topic = f"{self.quarter}:{call.firm_id}:{100 if theme is None else theme:03d}"
                made["sentence_topics"].append(key | {"topic_id": topic if is_modelled else None})
                if theme is not None and is_modelled:
                    made["theme_sentences"].append(
                        key
                        | {
                            "theme_id": self.theme(theme),
                            "topic_id": topic,
                            "strength": 0.5,
                            "is_member": theme not in self.weak,
                        }
                        | ({"reason": "weak theme"} if theme in self.weak else {})
                    )


def filled(table: str, rows: Sequence[dict[str, Any]], quarter: str) -> pa.Table:
    """Return rows as the table has them; other columns are null, or the least that the contract allows."""
    least = {c.name: None if c.nullable else _least(c) for c in TABLES[table].columns} | {"quarter": quarter}
    return pa.Table.from_pylist(
        [{**least, **{k: v for k, v in row.items() if k in least}} for row in rows],
        schema=TABLES[table].arrow_schema,
    )


def _least(column: Column) -> Any:
    if column.values:
        return column.values[0]
    at_least = max(0, column.bounds[0]) if column.bounds else 0
    return at_least if pa.types.is_integer(column.type) else _OF_A_TYPE[column.type]
