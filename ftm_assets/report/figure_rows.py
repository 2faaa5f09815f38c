"""What publication figures are drawn from: rows of the warehouse, as they are written beside each figure.

What belongs here: reading, and why a figure cannot be drawn. The drawing is in `map_figure` and the like.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import pyarrow as pa

from ftm_assets.methods.topics.map_layout import landmark_texts, place
from ftm_assets.report.map_figure import MapPoints, MapTheme
from ftm_assets.report.tone_figure import MOST_SERIES, ToneLine
from ftm_resources.models.embedder import Embedder
from ftm_resources.quarters import between
from ftm_resources.warehouse.embedded_by import embedder_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ftm_resources.warehouse import Warehouse

DEFAULT_SERIES = 6
"""Series that are drawn if none is chosen: those with most quarters, then with most sentences."""

_MAP_TABLES = (
    "firm_topics", "topic_summaries", "theme_topics", "themes", "sentence_topics", "sentence_sentiment", "transcripts",
)  # fmt: skip
_TOPICS = """
WITH tone AS (
    SELECT topic_id, count(*) FILTER (label = 'positive') AS n_positive,
        count(*) FILTER (label = 'neutral') AS n_neutral, count(*) FILTER (label = 'negative') AS n_negative
    FROM sentence_topics JOIN sentence_sentiment USING (sentence_id)
    WHERE topic_id IS NOT NULL GROUP BY topic_id
), firm AS (SELECT firm_id, arg_max(firm_name, call_at) AS firm_name FROM transcripts GROUP BY firm_id)
SELECT t.topic_id, s.name AS topic_name, t.firm_id, firm.firm_name, p.theme_id, h.name AS theme_name,
    p.reason AS why_no_theme, t.n_sentences, tone.n_positive, tone.n_neutral, tone.n_negative,
    (tone.n_positive - tone.n_negative) / (tone.n_positive + tone.n_neutral + tone.n_negative) AS score, s.embedding
FROM firm_topics t JOIN topic_summaries s USING (topic_id) LEFT JOIN theme_topics p USING (topic_id)
    LEFT JOIN themes h ON h.theme_id = p.theme_id LEFT JOIN tone USING (topic_id)
    LEFT JOIN firm ON firm.firm_id = t.firm_id
ORDER BY t.topic_id
"""
_TONE = """
SELECT quarter, series_id, series_name, theme_id, coherence_class, n_firms, n_sentences, attention, score, score_se,
    score_df
FROM theme_panel WHERE quarter BETWEEN ? AND ? ORDER BY series_id, quarter
"""


class FigureError(Exception):
    """A figure cannot be drawn; the message says why and what to do about it."""


class ToneRows(NamedTuple):
    """What `tone_figure` is drawn from."""

    quarters: list[str]
    """All from the first to the last of the figure, stored or not."""
    rows: pa.Table
    """A row per series and quarter: the columns of `theme_panel`, and the interval."""
    lines: list[ToneLine]
    n_left_out: int
    """Series of these quarters beyond those drawn."""


def map_rows(warehouse: Warehouse, quarter: str) -> tuple[pa.Table, MapPoints, list[MapTheme]]:
    """Return a quarter's topics with their places, as rows, as points, and the themes by which they are named.

    FigureError if the quarter has no topics, or if its embedding model is not the present one, by which the map's
    landmarks are placed. WarehouseError as `Warehouse.connect`.
    """
    with warehouse.connect(quarter=quarter, tables=_MAP_TABLES) as db:
        rows = db.execute(_TOPICS).to_arrow_table()
    if not rows.num_rows:
        raise FigureError(f"{quarter} has no topics. Make them first: `ftm run --quarter {quarter}`")
    vectors = np.stack(rows.column("embedding").to_numpy()).astype(np.float32)
    landmarks = _embedded(warehouse, quarter, landmark_texts(), vectors.shape[1])
    names = sorted({(i, n) for i, n in zip(*_lists(rows, "theme_id", "theme_name"), strict=True) if i})
    number = {theme_id: k for k, (theme_id, _) in enumerate(names)}
    theme = np.array([number.get(i, -1) for i in rows.column("theme_id").to_pylist()], dtype=np.int64)
    places = place(vectors, theme, landmarks)
    score = rows.column("score").fill_null(np.nan).to_numpy()
    points = MapPoints(places[:, 0], places[:, 1], rows.column("n_sentences").to_numpy(), score, theme)
    sizes = np.bincount(theme + 1, weights=points.n_sentences, minlength=len(names) + 1)[1:]
    written = rows.drop_columns(["embedding"])
    for axis, name in enumerate("xy"):
        written = written.append_column(name, pa.array(places[:, axis]))
    return written, points, [MapTheme(n, int(size)) for (_, n), size in zip(names, sizes, strict=True)]


def _embedded(warehouse: Warehouse, quarter: str, texts: Sequence[str], dimension: int) -> Any:
    embedder = Embedder()
    made_by = embedder_of(warehouse.provenance("topic_summaries", quarter)).get("model")
    if made_by not in {None, embedder.model_name()}:
        raise FigureError(
            f"the topics of {quarter} were embedded by {made_by}, and the map's landmarks would be by "
            f"{embedder.model_name()}: set FTM_EMBEDDING_MODEL to {made_by}"
        )
    vectors = embedder.embed(list(texts))
    if vectors.shape[1] != dimension:
        raise FigureError(
            f"the topics of {quarter} have vectors of {dimension} numbers, those of {embedder.model_name()} "
            f"{vectors.shape[1]}: set FTM_EMBEDDING_MODEL to the model that made them"
        )
    return vectors


def tone_rows(warehouse: Warehouse, first: str, last: str, chosen: Sequence[str] = ()) -> ToneRows:
    """Return the tone of series from the first to the last quarter.

    `chosen` are series_ids; by default the six series with most quarters, then with most sentences, without those whose
    themes are weak. FigureError if no panel was made, if no series has a scored quarter, or for an unknown series.
    """
    with warehouse.connect(tables=["theme_panel"]) as db:
        found = db.execute(_TONE, [first, last]).to_arrow_table()
    if not found.num_rows:
        raise FigureError(
            f"there is no series of themes from {first} to {last}: theme_panel has no rows there. "
            f"Make the quarters first: `ftm run --quarter {first}`"
        )
    by_series: dict[str, list[dict[str, Any]]] = {}
    for row in _with_interval(found).to_pylist():
        by_series.setdefault(row["series_id"], []).append(row)
    scored = {s: n for s, rows in by_series.items() if (n := sum(row["score"] is not None for row in rows))}
    if unknown := [s for s in chosen if s not in by_series]:
        raise FigureError(f"from {first} to {last} there is no series {', '.join(unknown)}")
    if empty := [s for s in chosen if s not in scored]:
        raise FigureError(f"no sentence counts in {', '.join(empty)}, so that there is no tone to draw")
    size = {s: sum(row["n_sentences"] or 0 for row in by_series[s]) for s in scored}
    drawn = (
        list(dict.fromkeys(chosen))
        or sorted(scored, key=lambda s: (-scored[s], -size[s], s))[:DEFAULT_SERIES]
    )
    if not drawn:
        raise FigureError(f"no series has a scored sentence from {first} to {last}")
    if len(drawn) > MOST_SERIES:
        raise FigureError(f"{len(drawn)} series are too many for a page: choose at most {MOST_SERIES}")
    quarters = between(first, last)
    kept = [row for s in drawn for row in by_series[s]]
    lines = [_line(by_series[s], quarters) for s in drawn]
    schema = found.schema.append(pa.field("score_low", pa.float64())).append(
        pa.field("score_high", pa.float64())
    )
    return ToneRows(list(quarters), pa.Table.from_pylist(kept, schema), lines, len(scored) - len(drawn))


def _with_interval(rows: pa.Table) -> pa.Table:
    """Return the rows with the 95% interval of the score, within [-1, 1]; null without a standard error."""
    from scipy.stats import t as student

    score, se, df = (
        rows.column(c).cast(pa.float64()).fill_null(np.nan).to_numpy()
        for c in ("score", "score_se", "score_df")
    )
    half = student.ppf(0.975, np.where(df > 0, df, np.nan)) * se
    for name, end in (("score_low", score - half), ("score_high", score + half)):
        rows = rows.append_column(name, pa.array(np.clip(end, -1, 1), pa.float64(), from_pandas=True))
    return rows


def _line(rows: Sequence[dict[str, Any]], quarters: Sequence[str]) -> ToneLine:
    of = {row["quarter"]: row for row in rows}
    name = rows[-1]["series_name"]
    values = ([of.get(q, {}).get(c) for q in quarters] for c in ("score", "score_low", "score_high"))
    return ToneLine(name, *values)


def series_named(warehouse: Warehouse, first: str, last: str, texts: Sequence[str]) -> list[str]:
    """Return the series that these texts mean: the id of a theme, or words in the name of a series.

    FigureError if a text means none, or if words mean more than a page holds.
    """
    with warehouse.connect(tables=["theme_panel"]) as db:
        held = db.execute(
            "SELECT series_id, theme_id, series_name FROM theme_panel WHERE quarter BETWEEN ? AND ? "
            "ORDER BY series_id, quarter",
            [first, last],
        ).fetchall()
    found: list[str] = []
    for text in texts:
        own = [s for s, t, name in held if text == t or text.casefold() in name.casefold()]
        if not own:
            raise FigureError(
                f"from {first} to {last} no theme has the id, or in its name the words, {text!r}"
            )
        found += own
    return list(dict.fromkeys(found))


def _lists(rows: pa.Table, *names: str) -> list[list[Any]]:
    return [rows.column(name).to_pylist() for name in names]
