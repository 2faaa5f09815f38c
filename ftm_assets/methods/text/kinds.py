"""The kind of a sentence: about the business, about the call, or empty; judged once, with probabilities.

A linear probe in two passes. First, each sentence is read by itself: by its words (words and pairs of words that
several of the labelled calls used), and by its embedding, each together with the sentence's form (`sentence_features`).
Then a judge weighs both readings, the form, and what the first pass thought of the sentences around it. `call` is
greetings, hand-overs, safe harbour and webcasts; `empty` is filler and courtesies that say nothing of the business.

The embeddings read are those of the bundled all-MiniLM-L6-v2. For those of another model there is a judge that goes by
words and form alone. `python -m benchmarks.train_kinds` trains the weights and prints how well they do on calls left
out; docs/labelling.md says how the labels were made.
"""

from __future__ import annotations

import hashlib
import io
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import numpy as np
import pyarrow.compute as pc
from annotated_types import Ge, Le

from ftm_assets.methods.text.sentence_features import Places, around, form, gram_rows, in_other_script
from ftm_assets.methods.vectors import products
from ftm_resources.tables.categories import SENTENCE_KINDS

if TYPE_CHECKING:
    import pyarrow as pa
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]

WEIGHTS = Path(__file__).with_name("kind_weights.npz")
DIGEST = "c5e052b72010"
"""First digits of the SHA-256 of the weights: other weights are another version of the code."""

MODEL, WIDTH = "all-MiniLM-L6-v2", 384
"""The model whose embeddings the probe reads, and their length."""

STEP = 1e-3
"""Weights are whole multiples of this."""

VECTOR_SCALE = 3.0
"""Unit vectors of 384 numbers are small beside the other features; scaling them sets how much they are regularised."""

MAX_CALL_SHARE = 0.2
"""A topic whose sentences are on average less probably about the business than 1 minus this is about the call."""

Method = Literal["embeddings", "words"]
"""What a judgment went by: embeddings, words and form; or words and form alone."""


@dataclass(frozen=True)
class KindParams:
    """Parameters of the judgment of sentences.

    The asset's config takes its defaults, bounds and descriptions from these fields.
    """

    min_business: Annotated[float, Ge(0), Le(1)] = 0.5
    """Minimum probability that a sentence is about the business; below it, it is procedural and in no topic."""


@dataclass(frozen=True)
class Probe:
    """The weights, float64; the outputs of each reader are the log-odds of `call` and `empty` to `business`."""

    grams: NDArray[np.uint32]
    """Hashes of the known words and pairs, ascending: (m,)."""
    by_gram: Floats
    """(m, 2)"""
    words_form: Floats
    """Weights of form, then the intercept: (f + 1, 2), as in all that follow."""
    vectors: Floats
    """(384, 2)"""
    vectors_form: Floats
    judge: Floats
    """Of both readings and their surroundings, form, intercept."""
    words_judge: Floats
    """Of the reading by words and its surroundings, form, intercept."""

    def read_words(self, texts: list[str], forms: Floats) -> Floats:
        """Return the log-odds by words and form (n, 2)."""
        found, counts = gram_rows(texts)
        place = np.minimum(np.searchsorted(self.grams, found), len(self.grams) - 1)
        known = self.grams[place] == found
        weights = np.rint(self.by_gram / STEP)  # whole numbers add up exactly in any order
        row = np.repeat(np.arange(len(texts)), counts)[known]
        said = [np.bincount(row, weights=weights[place[known], k], minlength=len(texts)) for k in (0, 1)]
        sums: Floats = np.stack(said, axis=1).astype(np.float64) * STEP
        return by_words(sums, counts) + weighed(forms, self.words_form)

    def read_vectors(self, vectors: NDArray[np.floating], forms: Floats) -> Floats:
        """Return the log-odds by embedding and form (n, 2)."""
        return VECTOR_SCALE * products(vectors, self.vectors.T) + weighed(forms, self.vectors_form)


def by_words(sums: Floats, counts: NDArray[np.int64]) -> Floats:
    """Return sums over a sentence's grams (n, k), divided by the root of their number: long sentences weigh no more."""
    found: Floats = VECTOR_SCALE * sums / np.sqrt(np.maximum(counts, 1))[:, None]
    return found


def weighed(features: Floats, weights: Floats) -> Floats:
    """Return the linear outputs of `features` (n, f) with weights (f + 1, 2), the intercept last: (n, 2)."""
    found: Floats = products(features, weights[:-1].T) + weights[-1]
    return found


def probabilities(odds: Floats) -> Floats:
    """Return the probabilities of the three kinds (n, 3), six decimals, from log-odds to `business` (n, 2)."""
    full = np.concatenate([np.zeros((len(odds), 1)), np.clip(odds, -30, 30)], axis=1)
    raised = np.exp(full - full.max(axis=1, keepdims=True))
    found: Floats = np.round(raised / raised.sum(axis=1, keepdims=True), 6)
    return found


def judged_on(readings: list[Floats], forms: Floats, places: Places) -> Floats:
    """Return what a judge weighs: each reading (n, 2), its surroundings' probabilities, and form."""
    clipped = [np.round(np.clip(r, -8, 8), 4) for r in readings]
    surroundings = [around(probabilities(r)[:, 1:], places) for r in readings]
    return np.concatenate([*clipped, *surroundings, forms], axis=1)


@cache
def probe() -> Probe:
    """Return the shipped weights; ValueError if the file is not the one that belongs to this code."""
    content = WEIGHTS.read_bytes()
    if not hashlib.sha256(content).hexdigest().startswith(DIGEST):
        raise ValueError(f"{WEIGHTS} is damaged or of another version of FTM: install FTM again")
    with np.load(io.BytesIO(content)) as stored:
        whole = {name: stored[name] for name in stored.files}
    weights = {name: w.astype(np.float64) * STEP for name, w in whole.items() if name != "grams"}
    return Probe(grams=whole["grams"], **weights)


def method_for(model: str, width: int) -> Method:
    """Return how sentences are judged whose embeddings are of this model and width.

    >>> method_for("sentence-transformers/all-MiniLM-L6-v2", 384), method_for("intfloat/e5-small-v2", 384)
    ('embeddings', 'words')
    """
    name = model.partition(" ")[0].replace("\\", "/").rpartition("/")[2]
    return "embeddings" if name == MODEL and width == WIDTH else "words"


def judge(
    sentences: pa.Table, vectors: NDArray[np.floating] | None = None, weights: Probe | None = None
) -> Floats:
    """Return the probabilities that each sentence is about the business, about the call, or empty.

    A judgment depends only on the sentence's call, so any chunk of whole calls gives the same. A sentence in another
    script than Latin, of which the probe knows no word, counts as business: nothing is lost unread.

    Parameters
    ----------
    sentences : pyarrow.Table
        Columns text, component_id and transcript_id, in spoken order; the sentences of a call are in a row.
    vectors : ndarray of shape (n, 384), optional
        Their embeddings by MODEL, unit length; without them, words and form decide.
    weights : Probe, optional
        The weights; those shipped if omitted.

    Returns
    -------
    ndarray of shape (n, 3), float64
        Probabilities in the order of SENTENCE_KINDS, four decimals, rows summing to 1. Embeddings that differ by
        1e-6, as between processors, change them by at most 1e-4.

    Examples
    --------
    >>> import pyarrow as pa
    >>> texts = ["Thanks, Brian.", "Thanks, Brian, pricing was up 3% in the quarter."]
    >>> sentences = pa.table({"text": texts, "component_id": ["1", "2"], "transcript_id": ["9", "9"]})
    >>> is_procedural(judge(sentences)).tolist()
    [True, False]

    """
    with_weights = weights or probe()
    places = Places.of(sentences)
    forms = form(sentences, places)
    readings = [with_weights.read_words(sentences.column("text").to_pylist(), forms)]
    final = with_weights.words_judge
    if vectors is not None:
        readings.append(with_weights.read_vectors(vectors, forms))
        final = with_weights.judge
    p = np.round(probabilities(weighed(judged_on(readings, forms, places), final)), 4)
    p[in_other_script(sentences.column("text"))] = (1.0, 0.0, 0.0)
    p[:, 0] = np.round(1 - p[:, 1] - p[:, 2], 4)
    return np.clip(p, 0.0, 1.0)


def about_business(sentences: pa.Table, kinds: pa.Table) -> pa.Table:
    """Return the rows of `sentences` that are not procedural by `kinds` (sentence_id, is_procedural).

    Raises ValueError if a sentence has no kind.
    """
    place = pc.index_in(sentences.column("sentence_id"), kinds.column("sentence_id").combine_chunks())
    if place.null_count:
        first = sentences.column("sentence_id").filter(place.is_null())[0]
        raise ValueError(
            f"{place.null_count} sentences have no kind, e.g. {first}: materialize sentence_kinds"
        )
    return sentences.filter(pc.invert(kinds.column("is_procedural").take(place)))


def is_procedural(p: Floats, min_business: float = KindParams().min_business) -> NDArray[np.bool_]:
    """Return whether each sentence is not about the business, from its probabilities (n, 3)."""
    found: NDArray[np.bool_] = p[:, 0] < min_business
    return found


def kinds_of(p: Floats, min_business: float = KindParams().min_business) -> list[str]:
    """Return the kind of each sentence: business from `min_business` on, else the likelier of the other two.

    >>> kinds_of(np.array([[0.5, 0.4, 0.1], [0.4, 0.2, 0.4]]))
    ['business', 'empty']
    """
    other = np.where(p[:, 1] >= p[:, 2], 1, 2)
    return [SENTENCE_KINDS[k] for k in np.where(is_procedural(p, min_business), other, 0)]
