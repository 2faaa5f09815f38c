"""How the themes of real calls hold together, with and without topics' sentences in their vectors.

`python -m benchmarks.present_themes --calls FILE` takes all calls of a file as one quarter, and prints how many topics
are placed, how many sentences are members by the present bounds, and of which coherence themes are.
"""

from __future__ import annotations

import argparse
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow.compute as pc

from benchmarks.measure import markdown
from benchmarks.quarter_topics import QUARTER, Quarter, quarter_of_file
from ftm_assets.methods.topics import membership
from ftm_assets.methods.topics.membership import NONE, MembershipParams, Sentences
from ftm_assets.methods.topics.theme_coherence import without_weak_themes
from ftm_assets.methods.topics.theme_model import ThemeModel, ThemeParams, model_themes
from ftm_assets.methods.vectors import as_matrix

if TYPE_CHECKING:
    from collections.abc import Sequence

    import pyarrow as pa


@dataclass(frozen=True)
class Present:
    """The themes of a quarter and what is in them, without the quarter's second themes."""

    model: ThemeModel
    rows: pa.Table
    """`theme_sentences`: every sentence of a placed topic."""
    coherence: pa.Table
    """`topic_coherence`."""
    themes: pa.Table
    """`theme_coherence`."""


def present(quarter: Quarter, params: ThemeParams, bounds: MembershipParams) -> Present:
    """Return the quarter's themes and their sentences, as the assets make them."""
    topics = quarter.topics.sort_by("topic_id")
    topic_ids = topics.column("topic_id").to_pylist()
    made = model_themes(topics, QUARTER, params)
    theme_ids = made.themes.column("theme_id").to_pylist()
    index = {theme: i for i, theme in enumerate(theme_ids)}
    of_topics = [NONE if t is None else index[t] for t in made.theme_topics.column("theme_id").to_pylist()]
    sentences = _sentences(quarter, topic_ids)
    context = membership.in_topic_context(sentences, bounds.turn_weight)
    means = membership.TopicMeans(len(topic_ids))
    means.add(context, sentences.topics)
    described = as_matrix(topics.column("embedding"))
    profiles = membership.build_profiles(
        means, described, np.array(of_topics, dtype=np.int64), bounds.description_weight
    )
    found = membership.strengths(context, sentences.topics, profiles)
    rows, coherence, themes = without_weak_themes(
        *membership.firm_rows(sentences, found, profiles, topic_ids, theme_ids, bounds),
        theme_ids,
        bounds.min_coherence,
    )
    return Present(made, rows.filter(pc.invert(rows.column("is_second"))), coherence, themes)


def row(name: str, quarter: Quarter, params: ThemeParams) -> dict[str, Any]:
    """Return the row of the quarter's themes with these parameters."""
    made = present(quarter, params, MembershipParams())
    placed = made.model.theme_topics.column("theme_id")
    members = pc.sum(made.rows.column("is_member")).as_py()
    classes = Counter(made.themes.column("coherence_class").to_pylist())
    return {
        "themes": name,
        "number": made.themes.num_rows,
        **{c: classes[c] for c in ("coherent", "mixed", "weak")},
        "topics placed": 1 - placed.null_count / len(placed),
        "of these mixed": pc.mean(made.coherence.column("is_mixed")).as_py(),
        "sentences in them": made.rows.num_rows,
        "members": members,
        "share": members / max(made.rows.num_rows, 1),
    }


def _sentences(quarter: Quarter, topic_ids: Sequence[str]) -> Sentences:
    """Return the sentences of topics in the order of turns."""
    said = dict(
        zip(
            quarter.sentences.column("sentence_id").to_pylist(),
            zip(
                *(quarter.sentences.column(c).to_pylist() for c in ("component_id", "position")), strict=True
            ),
            strict=True,
        )
    )
    index = {topic: i for i, topic in enumerate(topic_ids)}
    columns = (quarter.sentence_topics.column(c).to_pylist() for c in ("sentence_id", "firm_id", "topic_id"))
    spoken = sorted(
        (firm, *said[sentence], sentence, NONE if topic is None else index[topic], i)
        for i, (sentence, firm, topic) in enumerate(zip(*columns, strict=True))
    )
    firms, turns, positions, ids, topics, rows = zip(*spoken, strict=True)
    return Sentences(
        list(ids),
        list(firms),
        list(turns),
        np.array(positions),
        np.array(topics),
        quarter.vectors[list(rows)],
    )


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.present_themes", description=__doc__)
    parser.add_argument("--calls", type=Path, required=True, help="calls, as a file of the files source")
    quarter = quarter_of_file(parser.parse_args().calls)
    rows = [
        row("by descriptions alone", quarter, ThemeParams(sentence_weight=0.0)),
        row("shipped", quarter, ThemeParams()),
    ]
    print(markdown(rows))


if __name__ == "__main__":
    main()
