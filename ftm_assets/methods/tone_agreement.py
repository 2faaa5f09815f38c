"""Agreement of a sentiment scorer with readers of the same sentences, with intervals from resampled calls.

What belongs here: the measures. Sentences of one call are alike, so intervals are those of a cluster bootstrap: calls
are drawn with replacement, 2.5th to 97.5th percentile. A measure compares the scorer's most probable class.

- kappa: Cohen (1960), A Coefficient of Agreement for Nominal Scales: (p_o − p_e) / (1 − p_e), p_e from the margins.
- precision, recall and F1 of a class, against the first reader.
- net tone: the share of positive minus the share of negative sentences, as `sentiment_scores.score`; `expected` is the
  mean of p_positive − p_negative.
- calibration error (ECE; Guo et al., 2017): the mean, over sentences, of |accuracy − mean confidence| within fifteen
  equal bins of confidence (the probability of the class that is chosen).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from ftm_resources.tables import LABELS

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from ftm_assets.methods.tone_labels import Labelled

    Sums = Mapping[str, NDArray[np.float64]]
    """What each call adds to the measures, summed over the drawn calls: arrays of shape (draws, …)."""

BINS = 15
DRAWS = 2000
_N = len(LABELS)


def agreement(
    probabilities: NDArray[np.float64], labelled: Labelled, *, draws: int = DRAWS, seed: int = 0
) -> dict[str, Any]:
    """Return the measures of a scorer on labelled sentences, as plain numbers for JSON.

    Parameters
    ----------
    probabilities : ndarray of float64, shape (n, 3)
        Of positive, neutral and negative, one row per sentence of `labelled`.
    labelled : Labelled
        The sentences; those without a tone by the first reader do not count.
    draws, seed : int
        Resamples of calls for the intervals, and the seed that draws them.

    Returns
    -------
    dict
        n (sentences), n_calls, n_second (read by both), `measures` (name to [estimate, low, high]) and `sections`
        (section to n and measures without intervals). A measure without data is None.

    Raises
    ------
    ValueError
        If no sentence has a tone.

    Examples
    --------
    >>> from ftm_assets.methods.tone_labels import Labelled
    >>> tone = np.array([0, 1, 2, 1])
    >>> read = Labelled(["a"] * 4, np.array(["1", "1", "2", "2"]), np.array(["q_and_a"] * 4), tone, tone, 0, 0)
    >>> found = agreement(np.eye(3)[[0, 1, 2, 0]], read)
    >>> found["n"], found["measures"]["accuracy"][0], found["measures"]["kappa_first"][0]
    (4, 0.75, 0.6364)

    """
    read = labelled.first >= 0
    if not read.any():
        raise ValueError("no labelled sentence has a tone")
    per_call = _per_call(probabilities[read], labelled, read)
    n_calls = len(per_call["n"])
    rng = np.random.default_rng(seed)
    weights = rng.multinomial(n_calls, np.full(n_calls, 1 / n_calls), size=draws).astype(float)
    once = _measures(_sums(np.ones((1, n_calls)), per_call))
    drawn = _measures(_sums(weights, per_call))
    sections = {}
    for section in sorted(set(labelled.sections[read].tolist())):
        inside = read & (labelled.sections == section)
        own = _per_call(probabilities[inside], labelled, inside)
        found = _measures(_sums(np.ones((1, len(own["n"]))), own))
        sections[section] = {"n": int(inside.sum()), **{k: _shown(v[0]) for k, v in found.items()}}
    return {
        "n": int(read.sum()),
        "n_calls": n_calls,
        "n_second": int((read & (labelled.second >= 0)).sum()),
        "measures": {name: _interval(once[name][0], drawn[name]) for name in once},
        "sections": sections,
    }


def _per_call(p: NDArray[np.float64], labelled: Labelled, kept: NDArray[np.bool_]) -> Sums:
    """Return what each call adds, arrays of shape (calls, …); `p` has the rows of the sentences that are kept."""
    _, call = np.unique(labelled.calls[kept], return_inverse=True)
    n_calls = int(call.max()) + 1
    first, second = labelled.first[kept], labelled.second[kept]
    found, both = p.argmax(axis=1), second >= 0
    confidence = p.max(axis=1)
    cell = np.minimum((confidence * BINS).astype(int), BINS - 1)

    def counted(rows: NDArray[np.bool_], a: NDArray[np.int64], b: NDArray[np.int64]) -> NDArray[np.float64]:
        table = np.zeros((n_calls, _N, _N))
        np.add.at(table, (call[rows], a[rows], b[rows]), 1.0)
        return table

    def binned(values: NDArray[np.float64]) -> NDArray[np.float64]:
        table = np.zeros((n_calls, BINS))
        np.add.at(table, (call, cell), values)
        return table

    everything = np.ones(len(first), bool)
    return {
        "n": np.bincount(call, minlength=n_calls).astype(float),
        "first": counted(everything, found, first),
        "second": counted(both, found, second),
        "readers": counted(both, first, second),
        "expected": np.bincount(call, p[:, 0] - p[:, 2], n_calls),
        "confident": binned(confidence),
        "right": binned((found == first).astype(float)),
    }


def _sums(weights: NDArray[np.float64], per_call: Sums) -> Sums:
    return {name: np.tensordot(weights, values, axes=1) for name, values in per_call.items()}


def _measures(sums: Sums) -> dict[str, NDArray[np.float64]]:
    """Return each measure per draw; NaN where it is not defined."""
    first, second, readers, n = sums["first"], sums["second"], sums["readers"], sums["n"]
    with np.errstate(invalid="ignore", divide="ignore"):
        found: dict[str, NDArray[np.float64]] = {
            "accuracy": _observed(first),
            "kappa_first": kappa(first),
            "kappa_second": kappa(second),
            "kappa_readers": kappa(readers),
        }
        for i, label in enumerate(LABELS):
            hits = first[:, i, i]
            found[f"precision_{label}"] = hits / first[:, i].sum(axis=1)
            found[f"recall_{label}"] = hits / first[:, :, i].sum(axis=1)
            found[f"f1_{label}"] = _f1(first, i)
        found["f1_negative_second"] = _f1(second, _N - 1)
        found["f1_negative_readers"] = _f1(readers, _N - 1)
        net, reader = _net(first.sum(axis=2)), _net(first.sum(axis=1))
        found |= {
            "net_tone": net,
            "net_tone_reader": reader,
            "net_tone_difference": net - reader,
            "net_tone_expected": sums["expected"] / n,
            "net_tone_second_difference": _net(second.sum(axis=2)) - _net(second.sum(axis=1)),
            "calibration_error": np.abs(sums["confident"] - sums["right"]).sum(axis=1) / n,
        }
    return found


def _observed(table: NDArray[np.float64]) -> NDArray[np.float64]:
    share: NDArray[np.float64] = np.trace(table, axis1=1, axis2=2) / table.sum(axis=(1, 2))
    return share


def kappa(table: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return Cohen's kappa of each table of two readers' classes, (n,) from (n, classes, classes); NaN if undefined.

    >>> kappa(np.array([[[2.0, 0.0], [0.0, 2.0]], [[1.0, 1.0], [1.0, 1.0]]])).tolist()
    [1.0, 0.0]
    """
    by_chance = (table.sum(axis=1) * table.sum(axis=2)).sum(axis=1) / table.sum(axis=(1, 2)) ** 2
    found: NDArray[np.float64] = (_observed(table) - by_chance) / (1 - by_chance)
    return found


def _f1(table: NDArray[np.float64], i: int) -> NDArray[np.float64]:
    score: NDArray[np.float64] = 2 * table[:, i, i] / (table[:, i].sum(axis=1) + table[:, :, i].sum(axis=1))
    return score


def _net(counts: NDArray[np.float64]) -> NDArray[np.float64]:
    net: NDArray[np.float64] = (counts[:, 0] - counts[:, _N - 1]) / counts.sum(axis=1)
    return net


def _shown(value: float) -> float | None:
    return round(float(value), 4) if np.isfinite(value) else None


def _interval(estimate: float, drawn: NDArray[np.float64]) -> list[float | None]:
    finite = drawn[np.isfinite(drawn)]
    low, high = np.percentile(finite, [2.5, 97.5]) if len(finite) else (np.nan, np.nan)
    return [_shown(estimate), _shown(low), _shown(high)]
