"""Does a sentence's context really help? Topics compared with labels that cannot depend on neighbours.

`labels/topics.csv` has the topic of each of the 1,371 sentences of five Earnings-21 calls, from a code book of 21 to 26
topics per call. The sentences were read one by one in shuffled order (by a language model, not a person), so the
column `alone` does not reward adjacency; `in_context` also gives a topic to sentences that say nothing by themselves.
One call was labelled twice.
"""

from __future__ import annotations

import csv
from collections import defaultdict
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from benchmarks import recipes
from benchmarks.planted import as_firm, passages
from ftm_assets.methods.topics.firm_model import FirmParams, cluster

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from benchmarks.calls import Call

LABELS = Path(__file__).parent / "labels" / "topics.csv"
WEIGHTS = (0.0, 0.1, 0.25, 0.4)
SEEDS = range(5)
FAR = 5
"""Sentences farther apart than this are not neighbours."""
N_PLANTED = 10


def read() -> dict[tuple[str, str], dict[str, tuple[str, str]]]:
    """Return for each (firm, reader) the labels of each sentence, alone and in context."""
    found: dict[tuple[str, str], dict[str, tuple[str, str]]] = defaultdict(dict)
    with LABELS.open() as file:
        for row in csv.DictReader(file):
            found[row["firm_id"], row["reader"]][row["sentence_id"]] = (row["alone"], row["in_context"])
    return found


def weights(calls: Sequence[Call]) -> list[dict[str, Any]]:
    """Return a row per context weight: mean agreement with the labels over calls, readers and seeds.

    Pairs `far apart` are in different turns and more than five sentences apart.
    """
    from sklearn.metrics import adjusted_rand_score

    own = {c.firm_id: c for c in calls}
    sets = [passages(calls, seed) for seed in range(N_PLANTED)]
    rows = []
    for weight in WEIGHTS:
        scores = []
        for (firm_id, _), labels in read().items():
            call = own[firm_id]
            for seed in SEEDS:
                params = replace(FirmParams(), turn_weight=weight, seed=seed)
                firm = as_firm(call)
                topics = cluster(firm.embeddings, firm.turns, firm.positions, params)
                scores.append(_scores(call, labels, topics))
        planted = [
            adjusted_rand_score(
                s.truth[s.truth >= 0],
                cluster(s.embeddings, s.turns, s.positions, replace(FirmParams(), turn_weight=weight))[
                    s.truth >= 0
                ],
            )
            for s in sets
        ]
        mean = {k: float(np.mean([s[k] for s in scores])) for k in scores[0]}
        rows.append({"weight": weight, **mean, "planted ARI": float(np.mean(planted))})
    return rows


def _scores(call: Call, labels: dict[str, tuple[str, str]], topics: recipes.Labels) -> dict[str, float]:
    from sklearn.metrics import adjusted_mutual_info_score, adjusted_rand_score

    # A sentence that was procedural by the rules of the time was not read.
    read_as = [labels.get(s, ("none", "none")) for s in call.sentence_ids]
    alone, context = (np.array([pair[k] for pair in read_as]) for k in (0, 1))
    says, said = alone != "none", context != "none"
    precision, recall = _far_pairs(call, alone, topics, says)
    return {
        "ARI": adjusted_rand_score(alone[says], topics[says]),
        "AMI": adjusted_mutual_info_score(alone[says], topics[says]),
        "precision far apart": precision,
        "recall far apart": recall,
        "F1 far apart": 2 * precision * recall / max(precision + recall, 1e-9),
        "ARI in context": adjusted_rand_score(context[said], topics[said]),
    }


def _far_pairs(
    call: Call, labels: NDArray[np.str_], topics: recipes.Labels, known: NDArray[np.bool_]
) -> tuple[float, float]:
    rows = np.flatnonzero(known)
    one, other = (rows[i] for i in np.triu_indices(len(rows), 1))
    turns = np.array(call.turns)
    far = (other - one > FAR) & (turns[one] != turns[other])
    same = (labels[one] == labels[other])[far]
    found = ((topics[one] == topics[other]) & (topics[one] >= 0))[far]
    right = int((same & found).sum())
    return right / max(int(found.sum()), 1), right / max(int(same.sum()), 1)


def between_readers() -> tuple[float, float, int]:
    """Return ARI and AMI between the two readers of one call, and the number of sentences both gave a topic."""
    from sklearn.metrics import adjusted_mutual_info_score, adjusted_rand_score

    by_firm: dict[str, list[dict[str, tuple[str, str]]]] = defaultdict(list)
    for (firm, _), labels in read().items():
        by_firm[firm].append(labels)
    (one, other) = next(v for v in by_firm.values() if len(v) == 2)
    both = [s for s in one if one[s][0] != "none" and other[s][0] != "none"]
    a, b = [one[s][0] for s in both], [other[s][0] for s in both]
    return adjusted_rand_score(a, b), adjusted_mutual_info_score(a, b), len(both)
