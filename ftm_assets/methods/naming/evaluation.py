"""Quality of names: automatic measures, and a page for a blind comparison by a reader.

`ftm names compare` uses this to compare two naming methods on a quarter's topics; its own module reads the topics.
"""

from __future__ import annotations

import csv
import html
import io
import random
from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from ftm_assets.methods.naming.rules import Digest, NamingError, check_name

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

CHOICES = ("first", "second", "equal", "neither")


@dataclass(frozen=True)
class Discrimination:
    """How well names distinguish a firm's topics; means over the topics of firms with at least two."""

    own: float
    """Cosine of a name to the mean of its topic's sentences."""
    others: float
    """Cosine of a name to the means of the firm's other topics."""
    auc: float
    """Share of the firm's other topics to which the name is less similar than to its own; 0.5 is chance. This is the
    area under the ROC curve (Hanley & McNeil 1982, Radiology 143, 29-36)."""
    nearest: float
    """Share of names closest to their own topic among the firm's topics."""
    n: int
    """Number of topics."""


def discrimination(
    names: NDArray[np.floating], topics: NDArray[np.floating], firms: Sequence[str]
) -> Discrimination:
    """Return how well names distinguish topics.

    `names` and `topics` (n, d) are unit vectors of each topic's name and of the mean of its sentences; `firms` is
    the firm of each. Raises ValueError if no firm has two topics.
    """
    of_firm: dict[str, list[int]] = {}
    for i, firm in enumerate(firms):
        of_firm.setdefault(firm, []).append(i)
    found: list[NDArray[np.float64]] = []
    for rows in of_firm.values():
        if len(rows) < 2:
            continue
        cosine = np.asarray(names[rows] @ topics[rows].T, dtype=np.float64)
        right = cosine.diagonal()
        wrong = cosine[~np.eye(len(rows), dtype=bool)].reshape(len(rows), -1)
        below = (wrong < right[:, None]) + 0.5 * (wrong == right[:, None])
        is_nearest = (wrong < right[:, None]).min(axis=1)
        found.append(np.stack([right, wrong.mean(axis=1), below.mean(axis=1), is_nearest], axis=1))
    if not found:
        raise ValueError("no firm has two topics, so there is nothing to distinguish")
    every = np.concatenate(found)
    own, others, auc, nearest = every.mean(axis=0).tolist()
    return Discrimination(own, others, auc, nearest, len(every))


def form(names: Sequence[str], digests: Sequence[Digest]) -> dict[str, float]:
    """Return mean words per name, and the shares of one-word names, duplicates within a firm, and broken rules."""
    broken = 0
    for name, digest in zip(names, digests, strict=True):
        try:
            check_name(name, digest.exclude)
        except NamingError:
            broken += 1
    times = Counter((d.group, n.casefold()) for n, d in zip(names, digests, strict=True))
    n = max(len(names), 1)
    lengths = [len(name.split()) for name in names]
    return {
        "words": sum(lengths) / n,
        "one word": sum(length == 1 for length in lengths) / n,
        "duplicates": sum(t for t in times.values() if t > 1) / n,
        "rules broken": broken / n,
    }


# --- the sheet -------------------------------------------------------------------------------------------

_PAGE = """<!doctype html>
<meta charset="utf-8">
<title>Which name is better?</title>
<style>
body {{ font: 16px/1.4 sans-serif; max-width: 50em; margin: 2em auto; padding: 0 1em }}
article {{ border-top: 1px solid #999; padding: 1em 0 }}
blockquote {{ margin: .3em 1em; color: #333 }}
label {{ margin-right: 1.5em }}
textarea {{ width: 100%; height: 12em }}
</style>
<h1>Which name is better?</h1>
<p>Each topic is shown with its keywords and its most central sentences. Which of the two names (and summaries) better
describes what the company said about its business? Their order is random for each topic.</p>
{topics}
<p><button onclick="collect()">Collect my answers</button> and save them as a file:</p>
<textarea id="answers"></textarea>
<script>
function collect() {{
  const rows = [...document.querySelectorAll("input:checked")].map(i => i.name + "," + i.value);
  document.getElementById("answers").value = ["topic_id,choice", ...rows].join("\\n") + "\\n";
}}
</script>
"""


def sheet(
    digests: Sequence[Digest], names: Mapping[str, Sequence[tuple[str, str]]], seed: int
) -> tuple[str, str]:
    """Return the HTML page of a blind comparison, and its key as CSV: topic_id, first, second.

    `names` maps each of exactly two naming methods to the (name, summary) of each digest. Topics with the same name
    under both are left out.
    """
    one, other = names
    draw = random.Random(seed)  # noqa: S311 - an order on a page
    articles, key = [], io.StringIO()
    rows = csv.writer(key, lineterminator="\n")
    rows.writerow(["topic_id", "first", "second"])
    for digest, a, b in zip(digests, names[one], names[other], strict=True):
        if a[0].casefold() == b[0].casefold():
            continue
        order = [(one, a), (other, b)]
        draw.shuffle(order)
        rows.writerow([digest.id, order[0][0], order[1][0]])
        articles.append(_article(digest, order[0][1], order[1][1]))
    return _PAGE.format(topics="\n".join(articles)), key.getvalue()


def _article(digest: Digest, first: tuple[str, str], second: tuple[str, str]) -> str:
    said = "".join(f"<blockquote>{html.escape(s)}</blockquote>" for s in digest.sentences[:5])
    options = "".join(
        f'<label><input type="radio" name="{html.escape(digest.id)}" value="{c}"> {c}</label>'
        for c in CHOICES
    )
    shown = "".join(
        f"<p><b>{n}: {html.escape(name)}</b><br>{html.escape(summary)}</p>"
        for n, (name, summary) in zip(CHOICES, (first, second), strict=False)
    )
    keywords = html.escape(", ".join(digest.keywords))
    return f"<article><p><i>{keywords}</i></p>{said}{shown}<p>{options}</p></article>"


@dataclass(frozen=True)
class Verdict:
    """A reader's choices: how often each naming method was preferred, and how often neither was."""

    chosen: Mapping[str, int]
    undecided: int
    p_value: float
    """Two-sided sign test of equal quality (Dixon & Mood 1946, JASA 41)."""


def verdict(key: str, answers: str) -> Verdict:
    """Return the verdict from the page's key and a reader's answers (CSV of topic_id and choice).

    Raises ValueError, naming the row, for a topic that is not in the key or an unknown choice.
    """
    from scipy.stats import binomtest

    order = {row["topic_id"]: row for row in csv.DictReader(io.StringIO(key))}
    namings = sorted({row[c] for row in order.values() for c in ("first", "second")})
    chosen, undecided = dict.fromkeys(namings, 0), 0
    for number, row in enumerate(csv.DictReader(io.StringIO(answers)), start=2):
        topic, choice = row.get("topic_id"), row.get("choice")
        if topic not in order or choice not in CHOICES:
            raise ValueError(
                f"answers, row {number}: unknown topic_id {topic!r} or choice {choice!r}; "
                f"choices are {', '.join(CHOICES)}"
            )
        if choice in {"first", "second"}:
            chosen[order[topic][choice]] += 1
        else:
            undecided += 1
    decided = sum(chosen.values())
    p = float(binomtest(max(chosen.values(), default=0), decided).pvalue) if decided else 1.0
    return Verdict(chosen, undecided, p)
