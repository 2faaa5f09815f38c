"""`ftm evaluate`: measure a model on sentences that readers have labelled.

What belongs here: the command, reading labels and calls, and how the measures are printed. The measures are in
`methods/tone_agreement`, the file of labels in `methods/tone_labels`.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ftm_assets.cli import screen
from ftm_assets.cli.failing import CommandError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from rich.console import Console

    from ftm_assets.methods.tone_labels import Labelled
    from ftm_resources.models.sentiment import SentimentScorer

commands = typer.Typer()

group = typer.Typer(no_args_is_help=True, help="Measure a model on sentences that readers have labelled.")
commands.add_typer(group, name="evaluate", rich_help_panel="Read")

_ROWS = (
    ("accuracy", "accuracy"),
    ("kappa with the first reader", "kappa_first"),
    ("kappa with the second reader", "kappa_second"),
    ("kappa of the two readers", "kappa_readers"),
    *(
        (f"{m} of {t}", f"{m.lower()}_{t}")
        for t in ("positive", "neutral", "negative")
        for m in ("precision", "recall", "F1")
    ),
    ("F1 of negative, second reader", "f1_negative_second"),
    ("F1 of negative, the two readers", "f1_negative_readers"),
    ("net tone", "net_tone"),
    ("net tone of the first reader", "net_tone_reader"),
    ("net tone less the first reader's", "net_tone_difference"),
    ("net tone less the second reader's", "net_tone_second_difference"),
    ("net tone, expected", "net_tone_expected"),
    ("calibration error", "calibration_error"),
)
"""What the table calls the measures, in its order."""

_BY_SECTION = (
    *(("accuracy", "accuracy"), ("kappa", "kappa_first"), ("F1 of negative", "f1_negative")),
    *(("net tone", "net_tone"), ("reader's", "net_tone_reader")),
)


@group.command()
def sentiment(
    labels: Annotated[
        Path,
        typer.Option(
            exists=True,
            dir_okay=False,
            metavar="FILE.csv",
            help="Labels, e.g. benchmarks/labels/sentences.csv.",
        ),
    ],
    calls: Annotated[
        Path,
        typer.Option(
            exists=True, metavar="PATH", help="The calls that were read: a file, or a folder of them."
        ),
    ],
    model: Annotated[
        str | None,
        typer.Option(
            metavar="NAME",
            help="A text-classification name or path, or word-lists; default: as FTM_SENTIMENT_MODEL says, or else "
            "the bundled classifier.",
        ),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print the measures as JSON.")] = False,
) -> None:
    """Compare a sentiment scorer with readers' labels of the same sentences.

    Sentences to which the first reader gave a tone are scored. Intervals (95%) come from resampling whole calls.
    """
    from ftm_assets.methods.tone_agreement import agreement
    from ftm_resources.models.sentiment import SentimentScorer

    scorer = SentimentScorer(model=model)
    scorer.require_usable()
    labelled = _labelled(labels, calls)
    measured = agreement(scorer.score(labelled.texts), labelled)
    shown: dict[str, Any] = {
        "model": scorer.model_name(),
        "n_missing": labelled.n_missing,
        "n_changed": labelled.n_changed,
        "trained_on_these_calls": False,
        **measured,
    }
    if left_out := _left_out(scorer, labelled):
        shown |= {"trained_on_these_calls": True, "left_out": left_out}
    if as_json:
        typer.echo(json.dumps(shown, indent=1))
        return
    _print(shown, screen.console())


def _labelled(labels: Path, calls: Path) -> Labelled:
    from ftm_assets.methods.tone_labels import locate, read_labels
    from ftm_resources.sources.files.transcript_files import FilesSource

    try:
        rows = [row for row in read_labels(labels) if row["tone"]]
    except ValueError as error:
        raise CommandError(str(error)) from error
    source = FilesSource(calls)
    found = locate(
        rows, (part for quarter in sorted(source.quarters()) for part in source.components(quarter))
    )
    if not (found.first >= 0).any():
        raise CommandError(
            f"{calls} holds none of the sentences that {labels} labels ({found.n_missing:,} in turns that are not "
            f"there, {found.n_changed:,} with another text): give --calls the calls that were read."
        )
    return found


def _left_out(scorer: SentimentScorer, labelled: Labelled) -> Mapping[str, Any] | None:
    """Return the measures on calls left out, if the scorer was trained on any call of these labels."""
    from ftm_resources.models import tone_classifier

    if scorer.model_name() != tone_classifier.NAME:
        return None
    told = tone_classifier.left_out()
    trained = set(told["calls"]) & set(labelled.calls.tolist())
    return told["table"] if trained else None


def _print(shown: Mapping[str, Any], console: Console) -> None:
    if shown["n_missing"] or shown["n_changed"]:
        console.print(
            f"Not scored: {screen.count(shown['n_missing'], 'sentence')} in turns that the calls lack, "
            f"{shown['n_changed']:,} with another text than the one that was read."
        )
    if shown["trained_on_these_calls"]:
        console.print(
            f"{shown['model']} was trained on these very labels. Only the figures of calls left out count: in each "
            "fold, a scorer trained in the same way scored calls that it had not seen. They are those of the training, "
            "written beside the weights."
        )
        _tables(shown["left_out"], f"{shown['model']} on calls left out", console)
        _tables(shown, f"{shown['model']} on the calls that it was trained on (no evidence)", console)
    else:
        _tables(shown, str(shown["model"]), console)


def _tables(measured: Mapping[str, Any], title: str, console: Console) -> None:
    n, both = screen.count(measured["n"], "sentence"), measured["n_second"]
    title = f"{title}: {n} of {screen.count(measured['n_calls'], 'call')}, {both:,} read twice"
    rows = [(name, *_cells(measured["measures"][key])) for name, key in _ROWS]
    console.print(screen.table(title, ("measure", "estimate", "95% interval"), rows))
    sections = [
        (section, f"{own['n']:,}", *(_number(own[key]) for _, key in _BY_SECTION))
        for section, own in measured["sections"].items()
    ]
    console.print(
        screen.table("By section", ("section", "sentences", *(n for n, _ in _BY_SECTION)), sections)
    )


def _cells(values: list[float | None]) -> tuple[str, str]:
    estimate, low, high = values
    return _number(estimate), f"{_number(low)} to {_number(high)}" if low is not None else "–"


def _number(value: float | None) -> str:
    return "–" if value is None else f"{value:.3f}"
