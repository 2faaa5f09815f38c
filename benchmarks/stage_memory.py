"""Peak memory and CPU seconds of stages by themselves, on a quarter of generated rows.

`python -m benchmarks.stage_memory --firms 5000 --stages themes sentiment_scores` writes what the stages read (20 topics
of 18 sentences about the business for each firm, as many as generated calls have) and materializes each stage in a
process of its own. Texts are the sample's, themes are planted in the vectors of topics, other vectors are random. So
a stage late in the quarter is measured without the hour that embedding its sentences takes.
"""

from __future__ import annotations

import argparse
import json
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa

from benchmarks import report_scale
from benchmarks.materializing import deployment, materialized
from benchmarks.measure import markdown
from benchmarks.planted import themes
from benchmarks.theme_stage import SPREAD, WITHIN
from ftm_assets.methods.vectors import as_lists, unit
from ftm_resources.warehouse import Warehouse

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

QUARTER = report_scale.QUARTER
PER_TOPIC = 18
"""Sentences of a topic: 5,000 firms have 1.8 million."""
STAGES = (
    "themes", "theme_sentences", "sentiment_scores", "theme_sentiment", "firm_theme_sentiment", "quarter_report",
)  # fmt: skip
_ROWS = 50_000
"""Vectors made and written at a time."""
_DIRECTIONS = 4_000
"""Directions whose differences the planted themes are made of."""


def topics_of(n: int, seed: int = 0) -> NDArray[np.float32]:
    """Return n topic vectors around planted themes, as many as `theme_stage` plants in so many topics."""
    rng = np.random.default_rng(seed)
    rows = unit(rng.normal(size=(_DIRECTIONS, report_scale.DIMENSION)) + 0.3).astype(np.float32)
    planted, _ = themes(n, max(2, round(250 * (n / 20_000) ** 0.544)), rows, spread=SPREAD, within=WITHIN)
    return planted


def write(warehouse: Warehouse, firms: int) -> None:
    """Write the quarter: what `report_scale` writes, and the vectors of topics and sentences."""
    report_scale.write(warehouse, firms, per_topic=PER_TOPIC)
    vectors = topics_of(firms * report_scale.TOPICS)
    for table in ("topic_summaries", "firm_topics"):
        rows = warehouse.read(table, QUARTER)
        column = rows.schema.get_field_index("embedding")
        held = rows.set_column(column, rows.schema.field(column), as_lists(vectors))
        warehouse.replace(table, QUARTER, iter([held]))
    warehouse.replace("sentence_embeddings", QUARTER, _of_sentences(warehouse, vectors))


def _of_sentences(warehouse: Warehouse, topics: NDArray[np.float32]) -> Iterator[pa.Table]:
    """Yield the vector of each sentence: its topic's and noise, in the order in which sentences were written."""
    rng = np.random.default_rng(1)
    ids = warehouse.read("sentences", QUARTER, columns=["sentence_id", "firm_id"])
    for start in range(0, ids.num_rows, _ROWS):
        part = ids.slice(start, _ROWS)
        own = topics[np.arange(start, start + part.num_rows) // PER_TOPIC]
        noise = rng.standard_normal(own.shape, dtype=np.float32) / np.float32(np.sqrt(own.shape[1]))
        yield part.append_column("embedding", as_lists(unit(own + noise)))


def measure(firms: int, stages: list[str], folder: Path) -> Iterator[dict[str, Any]]:
    """Yield a row per stage; the quarter is written to the folder unless it is there."""
    environment = deployment(folder, {"FTM_SOURCE": "sample", "FTM_SAMPLE_FIRMS": str(firms)})
    warehouse = Warehouse(path=environment["FTM_WAREHOUSE"])
    if not warehouse.exists():
        write(warehouse, firms)
    for stage in stages:
        print(f"{stage} of {firms:,} firms …", flush=True)
        row = {"firms": firms, "stage": stage, **materialized(stage, QUARTER, environment, folder / "log")}
        print(json.dumps(row), flush=True)
        yield row


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.stage_memory", description=__doc__)
    parser.add_argument("--firms", type=int, nargs="+", default=[5000])
    parser.add_argument("--stages", nargs="+", default=list(STAGES))
    parser.add_argument(
        "--folder", type=Path, help="folder to keep the quarters in; default: a temporary one"
    )
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="ftm-stages-") as temporary:
        folder = (options.folder or Path(temporary)).resolve()
        rows = [r for n in options.firms for r in measure(n, options.stages, folder / str(n))]
    print(markdown(rows))


if __name__ == "__main__":
    main()
