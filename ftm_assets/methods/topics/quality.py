"""Quality measures of a quarter's topics and themes, comparable between quarters.

Belongs here: each measure with its source: coherence and diversity of keywords, shares that reveal a bad partition,
stability under other seeds, recovery of themes planted in the sample. The asset chooses the firms to measure; its
checks define which values are suspicious.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from dataclasses import dataclass, replace
from itertools import combinations
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from ftm_assets.methods.text.kinds import MAX_CALL_SHARE
from ftm_assets.methods.text.tokens import words
from ftm_assets.methods.topics.firm_model import FirmParams, cluster

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence
    from typing import Any

    from numpy.typing import NDArray

    Floats = NDArray[np.float64]
    Ints = NDArray[np.int64]

TOP_WORDS = 10
"""Words per topic used for coherence and diversity: as many as a topic has keywords."""

C_V_WINDOW, C_NPMI_WINDOW = 110, 10
"""Words per sliding window for C_V and C_NPMI, after Röder, Both & Hinneburg (2015)."""

LARGE_TOPIC_SHARE = 0.40
"""A topic with a larger share of its firm's sentences is not about one subject."""

LARGE_TOPIC_SENTENCES = 100
"""Firms with fewer sentences may well talk about a single subject."""

_EPSILON = 1e-12
"""Added to joint probabilities, as in the paper: words never said together get about -0.9, not an undefined value."""

_TOKENS_AT_ONCE = 20_000
"""Tokens whose windows are in memory at once: at most about two million cells."""


class Measure(NamedTuple):
    """A value and the number of firms, topics or themes behind it; the value is None if there are none."""

    value: float | None
    n: int

    @classmethod
    def mean(cls, values: Iterable[float]) -> Measure:
        """Return the mean of the finite values."""
        known = [v for v in values if np.isfinite(v)]
        return cls(float(np.mean(known)), len(known)) if known else cls(None, 0)


@dataclass(frozen=True)
class Coherence:
    """Coherence of each topic; NaN if fewer than two of its words occur in the documents."""

    c_v: Floats
    c_npmi: Floats

    def __getitem__(self, topics: slice) -> Coherence:
        """Return the coherence of some of the topics."""
        return Coherence(self.c_v[topics], self.c_npmi[topics])

    def measures(self) -> dict[str, Measure]:
        """Return the means over topics and the number of topics left out."""
        left_out = int(np.isnan(self.c_npmi).sum())
        return {
            "coherence_c_v": Measure.mean(self.c_v),
            "coherence_c_npmi": Measure.mean(self.c_npmi),
            "coherence_left_out": Measure(float(left_out), len(self.c_npmi)),
        }


# --- words ----------------------------------------------------------------------------------------------


def topic_words(keywords: Iterable[str], top_words: int = TOP_WORDS) -> list[str]:
    """Return the first distinct words of a topic's keywords; phrases are split into words."""
    return list(dict.fromkeys(w for k in keywords for w in words(k)))[:top_words]


# --- coherence and diversity ----------------------------------------------------------------------------


def coherence(
    documents: Sequence[Sequence[str]], topics: Sequence[Sequence[str]], *, top_words: int = TOP_WORDS
) -> Coherence:
    """Return C_V and C_NPMI of topics (as keywords) measured on documents (as words).

    Röder, Both & Hinneburg (2015), Exploring the Space of Topic Coherence Measures, WSDM, 399-408. With
    P the share of sliding windows (within documents) that contain a word, or both of two words:

    - NPMI(i, j) = log((P(i, j) + ε) / (P(i) P(j))) / -log(P(i, j) + ε), in about [-1, 1];
    - C_NPMI, windows of 10 words: the mean of NPMI over the pairs of a topic's words (Bouma 2009;
      Aletras & Stevenson 2013);
    - C_V, windows of 110 words: word i is the vector of its NPMI with all of the topic's words, itself
      included; the mean over words of the cosine between its vector and the sum of all vectors.

    A test checks that gensim's CoherenceModel gives the same numbers when no document is longer than a window. In
    longer documents gensim drops a word said twice as soon as its first use leaves the window. It also takes forty
    times as long (32 s instead of 0.8 s for 240,000 words and 870 topics), so only the test uses it.

    Parameters
    ----------
    documents : sequence of sequence of str
        The words of each document, as `tokens.words` gives them.
    topics : sequence of sequence of str
        The keywords of each topic, strongest first.
    top_words : int
        Words used per topic.

    Returns
    -------
    Coherence
        C_V and C_NPMI of each topic; NaN if the documents use fewer than two of its words.

    Examples
    --------
    >>> spoken = ["tire prices rose", "tire prices fell", "freight is cheap", "freight is late"]
    >>> found = coherence([words(text) for text in spoken], [["tire", "prices"], ["tire", "freight"]])
    >>> found.c_npmi.round(2).tolist()
    [1.0, -0.95]

    """
    chosen = [topic_words(t, top_words) for t in topics]
    column = {w: i for i, w in enumerate(sorted({w for t in chosen for w in t}))}
    ids = [np.array([column.get(w, -1) for w in document], np.int64) for document in documents]
    ids = [i for i in ids if len(i)]
    result = Coherence(np.full(len(topics), np.nan), np.full(len(topics), np.nan))
    if not column or not ids:
        return result
    for window, values, aggregate in (
        (C_V_WINDOW, result.c_v, _c_v),
        (C_NPMI_WINDOW, result.c_npmi, _c_npmi),
    ):
        together, n_windows = _cooccurrence(ids, len(column), window)
        said = together.diagonal()
        for t, topic in enumerate(chosen):
            known = [column[w] for w in topic if said[column[w]]]
            if len(known) > 1:
                values[t] = aggregate(_npmi(together[np.ix_(known, known)].toarray() / n_windows))
    return result


def _npmi(joint: Floats) -> Floats:
    """Return NPMI from joint probabilities (marginals on the diagonal); 1 for words in every window."""
    single = joint.diagonal()
    with np.errstate(divide="ignore", invalid="ignore"):
        npmi = np.log((joint + _EPSILON) / np.outer(single, single)) / -np.log(joint + _EPSILON)
    return np.where(joint >= 1, 1.0, npmi)


def _c_npmi(npmi: Floats) -> float:
    return float(npmi[np.triu_indices(len(npmi), 1)].mean())


def _c_v(npmi: Floats) -> float:
    total = npmi.sum(axis=0)
    lengths = np.linalg.norm(npmi, axis=1) * np.linalg.norm(total)
    return float((npmi @ total / lengths).mean()) if lengths.all() else float("nan")


def _cooccurrence(documents: Sequence[Ints], n_words: int, window: int) -> tuple[Any, int]:
    """Return a sparse matrix of how many windows contain words i and j, and the number of windows.

    `documents` contain column numbers, -1 for a word of no topic. A document no longer than the window is one window.
    """
    from scipy.sparse import csr_array

    together, n_windows = csr_array((n_words, n_words), dtype=np.int64), 0
    for some in _chunks(documents):
        holds = _windows(some, n_words, window)
        together = together + holds.T @ holds
        n_windows += holds.shape[0]
    return together.tocsr(), n_windows


def _chunks(documents: Sequence[Ints]) -> Iterator[list[Ints]]:
    chunk: list[Ints] = []
    tokens = 0
    for document in documents:
        chunk.append(document)
        tokens += len(document)
        if tokens >= _TOKENS_AT_ONCE:
            yield chunk
            chunk, tokens = [], 0
    if chunk:
        yield chunk


def _windows(documents: Sequence[Ints], n_words: int, window: int) -> Any:
    """Return a sparse 0/1 matrix of which window (row) contains which word (column)."""
    from scipy.sparse import csr_array

    lengths = np.array([len(d) for d in documents])
    per_document = np.maximum(lengths - window + 1, 1)
    first_row = np.repeat(np.cumsum(per_document) - per_document, lengths)
    last = np.repeat(per_document - 1, lengths)
    place = np.concatenate([np.arange(n) for n in lengths])
    of_document = np.repeat(np.arange(len(documents)), lengths)
    word = np.concatenate(documents)
    order = np.lexsort((place, word, of_document))
    order = order[word[order] >= 0]
    word, place, of_document = word[order], place[order], of_document[order]
    # A repeated word counts only in windows that do not contain its previous use.
    again = np.zeros(len(word), bool)
    again[1:] = (word[1:] == word[:-1]) & (of_document[1:] == of_document[:-1])
    before = np.where(again, np.roll(place, 1), -1)
    low = np.maximum(place - window + 1, before + 1).clip(min=0)
    n = (np.minimum(place, last[order]) - low + 1).clip(min=0)
    start = np.repeat(first_row[order] + low, n)
    rows = start + np.arange(n.sum()) - np.repeat(np.cumsum(n) - n, n)
    cells = (np.ones(len(rows), np.int64), (rows, np.repeat(word, n)))
    return csr_array(cells, shape=(int(per_document.sum()), n_words))


def diversity(topics: Iterable[Sequence[str]], top_words: int = TOP_WORDS) -> float | None:
    """Return the share of distinct words among the top words of all topics; None if there are no words.

    Dieng, Ruiz & Blei (2020), Topic Modeling in Embedding Spaces, TACL 8, 439-453 (with 25 words). 1 means that no
    two topics share a word, 1 / (number of topics) that all topics are the same.
    """
    said = [w for t in topics for w in topic_words(t, top_words)]
    return len(set(said)) / len(said) if said else None


# --- shares ---------------------------------------------------------------------------------------------


def firm_measures(
    firm_status: pa.Table,
    firm_topics: pa.Table,
    max_procedural_share: float = MAX_CALL_SHARE,
) -> dict[str, Measure]:
    """Return the measures of all firms' topics that do not need their sentences.

    `firm_status` has firm_id, n_sentences, n_topics, outlier_share; `firm_topics` has firm_id, n_sentences, keywords,
    call_share. Only firms with topics count. `outlier_share` is the share of all firms' sentences; `procedural_share`
    is the share of topics whose `call_share` exceeds `max_procedural_share`; those without one do not count.
    `diversity` is the mean over firms, because firms that discuss the same subjects should share words.
    """
    status = firm_status.filter(pc.greater(firm_status.column("n_topics"), 0))
    spoken = dict(
        zip(status.column("firm_id").to_pylist(), status.column("n_sentences").to_pylist(), strict=True)
    )
    keywords: defaultdict[str, list[list[str]]] = defaultdict(list)
    largest: dict[str, int] = {}
    for topic in firm_topics.select(["firm_id", "n_sentences", "keywords"]).to_pylist():
        firm = topic["firm_id"]
        keywords[firm].append(topic["keywords"])
        largest[firm] = max(largest.get(firm, 0), topic["n_sentences"])
    shares = [n / spoken[f] for f, n in largest.items() if spoken[f] >= LARGE_TOPIC_SENTENCES]
    sizes, outliers = status.column("n_sentences").to_numpy(), status.column("outlier_share").to_numpy()
    said = int(sizes.sum())
    per_firm = status.column("n_topics").to_numpy()
    n_topics = firm_topics.num_rows
    call_shares = [s for s in firm_topics.column("call_share").to_pylist() if s is not None]
    procedural = sum(s > max_procedural_share for s in call_shares)
    return {
        "n_topics": Measure(float(n_topics), len(spoken)),
        "topics_per_firm_median": Measure(float(np.median(per_firm)) if len(per_firm) else None, len(spoken)),
        "outlier_share": Measure(float(sizes @ outliers) / said if said else None, len(spoken)),
        "largest_topic_share_max": Measure(max(shares, default=None), len(shares)),
        "dominated_firms": Measure(float(sum(s > LARGE_TOPIC_SHARE for s in shares)), len(shares)),
        "procedural_share": Measure(procedural / len(call_shares) if call_shares else None, len(call_shares)),
        "diversity": Measure.mean(d for topics in keywords.values() if (d := diversity(topics)) is not None),
    }


def theme_measures(
    theme_topics: pa.Table,
    keywords: Sequence[Sequence[str]],
    stabilities: Sequence[float | None] = (),
    classes: Sequence[str] = (),
) -> dict[str, Measure]:
    """Return the measures of themes.

    `theme_topics` has theme_id; `keywords`, `stabilities` and `classes` (of coherence: coherent, mixed or weak) have
    one entry per theme.

    `stability` is the mean of the themes' own, as `theme_clustering` measures it; `seed_stability` is another measure,
    of firms' topics. `largest_theme_share` is a share of the topics that have a theme: close to 1 means one giant
    theme.
    """
    n_topics, placed = theme_topics.num_rows, theme_topics.column("theme_id").drop_null()
    largest = pc.max(placed.value_counts().field("counts")).as_py() if len(placed) else 0
    return {
        "n_themes": Measure(float(len(keywords)), n_topics),
        "placed_share": Measure(len(placed) / n_topics if n_topics else None, n_topics),
        "largest_theme_share": Measure(largest / len(placed) if len(placed) else None, len(placed)),
        "diversity": Measure(diversity(keywords), len(keywords)),
        "stability": Measure.mean(s for s in stabilities if s is not None),
        **{f"{kind}_share": Measure.mean(float(c == kind) for c in classes) for kind in ("mixed", "weak")},
    }


# --- agreement ------------------------------------------------------------------------------------------


def seed_stability(
    firms: Iterable[tuple[NDArray[np.floating], Sequence[str], Sequence[int]]],
    params: FirmParams,
    n_seeds: int = 3,
) -> Measure:
    """Return the agreement between clusterings of the same firm under different seeds: mean adjusted Rand index.

    `firms` yields the sentence embeddings, turns and positions of each firm (see `firm_model.cluster`). A firm's
    value is the mean over pairs of `n_seeds` seeds starting at `params.seed`; outliers count as one group. 0 is
    chance, 1 identical partitions (Hubert & Arabie 1985, Comparing Partitions, Journal of Classification 2, 193-218).
    On stability as a criterion see Lange et al. (2004), Neural Computation 16, 1299-1323.
    """
    from sklearn.metrics import adjusted_rand_score

    values = []
    for vectors, turns, positions in firms:
        found = [
            cluster(vectors, turns, positions, replace(params, seed=params.seed + i)) for i in range(n_seeds)
        ]
        values.append(float(np.mean([adjusted_rand_score(a, b) for a, b in combinations(found, 2)])))
    return Measure.mean(values)


def planted_themes(truth: pa.Table, sentences: pa.Table, sentence_topics: pa.Table) -> dict[str, str]:
    """Return the planted theme of each topic in which one accounts for most sentences.

    `truth` has transcriptid, componentorder, text, theme_id (null: another subject); `sentences` has sentence_id,
    component_id, text; `sentence_topics` has sentence_id, topic_id. Sentences are matched by component and text, so
    calls from outside the sample match nothing.
    """
    planted: dict[tuple[str, int, str], str | None] = {}
    columns = (truth.column(c).to_pylist() for c in ("transcriptid", "componentorder", "text", "theme_id"))
    for call, order, text, theme in zip(*columns, strict=True):
        planted[call, order, text] = theme
    topic_of = dict(
        zip(*(sentence_topics.column(c).to_pylist() for c in ("sentence_id", "topic_id")), strict=True)
    )
    counts: defaultdict[str, Counter[str | None]] = defaultdict(Counter)
    columns = (sentences.column(c).to_pylist() for c in ("sentence_id", "component_id", "text"))
    for sentence, component, text in zip(*columns, strict=True):
        quarter_and_call, _, order = component.rpartition(":")
        key = (quarter_and_call.partition(":")[2], int(order), text)
        topic = topic_of.get(sentence)
        if topic is not None and key in planted:
            counts[topic][planted[key]] += 1
    mostly = {topic: (*of.most_common(1)[0], of.total()) for topic, of in counts.items()}
    return {topic: theme for topic, (theme, n, of) in mostly.items() if theme is not None and 2 * n > of}


def recovery(planted: Mapping[str, str], found: Mapping[str, str | None]) -> dict[str, Measure]:
    """Return the agreement of found with planted themes over the topics that have both; arguments are by topic.

    Measures: adjusted Rand index (Hubert & Arabie 1985), adjusted mutual information (Vinh, Epps & Bailey 2010,
    JMLR 11, 2837-2854) and homogeneity (Rosenberg & Hirschberg 2007, EMNLP, 410-420), which is 1 if each found theme
    contains topics of only one planted theme.
    """
    from sklearn.metrics import adjusted_mutual_info_score, adjusted_rand_score, homogeneity_score

    both = sorted(t for t in planted if found.get(t) is not None)
    labels = [planted[t] for t in both], [found[t] for t in both]
    scores = {"ari": adjusted_rand_score, "ami": adjusted_mutual_info_score, "homogeneity": homogeneity_score}
    return {
        f"recovery_{name}": Measure(float(score(*labels)) if both else None, len(both))
        for name, score in scores.items()
    }
