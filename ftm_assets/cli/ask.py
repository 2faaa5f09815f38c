"""`ftm ask`: a question, answered from what was said on calls."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ftm_assets.cli import screen
from ftm_assets.cli.failing import CommandError
from ftm_assets.cli.search_options import (
    Backend,
    Firms,
    Levels,
    Permnos,
    Quarters,
    Schema,
    Sections,
    Since,
    Speakers,
    Until,
    filters,
    place,
    spans,
)
from ftm_resources.postgres.layout import SCHEMA

if TYPE_CHECKING:
    from ftm_assets.answers.asking import Answer
    from ftm_assets.methods.answering.evidence import Quotation

commands = typer.Typer()


@commands.command(rich_help_panel="Read")
def ask(
    question: Annotated[str, typer.Argument(help="A question about what was said on calls.")],
    quarter: Quarters = None,
    level: Levels = None,
    firm: Firms = None,
    permno: Permnos = None,
    speaker: Speakers = None,
    section: Sections = None,
    since: Since = None,
    until: Until = None,
    k: Annotated[int, typer.Option("-k", min=1, max=200, help="Hits to answer from.")] = 12,
    backend: Backend = "warehouse",
    schema: Schema = SCHEMA,
    as_json: Annotated[
        bool, typer.Option("--json", help="Write the answer and its evidence as JSON.")
    ] = False,
    log: Annotated[
        bool,
        typer.Option("--log/--no-log", help="Note the question and what was retrieved under FTM_EXPORTS."),
    ] = True,
) -> None:
    """Answer a question from what was said on calls, each claim with the sentences that it cites.

    The model at LLM_BASE_URL is shown the sentences that `ftm search` finds, and nothing else: the text of calls goes
    to that server. Citations of anything else are removed, and quotes are compared with the sentences, word by word.
    Without an endpoint, the evidence alone is shown, by theme and topic.
    """
    limits = filters(level, firm, permno, speaker, section, since, until)
    limits |= place(backend, schema)
    from ftm_assets.answers.asking import ask as answer_to
    from ftm_resources.endpoint.connection import EndpointUnavailableError, RequestError

    try:
        answer = answer_to(question, spans(quarter), k=k, log=log, **limits)
    except (EndpointUnavailableError, RequestError) as error:
        raise CommandError(f"no answer: {error}") from error
    if as_json:
        typer.echo(json.dumps(_plain(answer), ensure_ascii=False, indent=2))
        return
    for line in _claims(answer) if answer.checked else _grouped(answer):
        screen.console().print(line, markup=False, highlight=False)


def _plain(answer: Answer) -> dict[str, Any]:
    evidence = [
        {
            "sentence_id": q.sentence_id, "text": q.text, "firm": q.firm, "speaker": q.speaker,
            "call_date": q.call_date, "quarter": q.quarter, "topic": q.topic, "theme": q.theme,
        }
        for q in answer.evidence.quotations
    ]  # fmt: skip
    return {**answer.record(), "evidence": evidence}


def _claims(answer: Answer) -> list[str]:
    """Return the lines of an answer: claims with numbers, then the sentences that they cite."""
    made = answer.checked
    assert made is not None  # noqa: S101 - the caller looked
    if not made.claims:
        lines = ["The model found no answer in the sentences that it was shown."]
    else:
        cited = {q.sentence_id: q for claim in made.claims for q in claim.cites}
        number = {sentence: i for i, sentence in enumerate(cited, 1)}
        lines = [
            f"{screen.one_line(claim.text)} {''.join(f'[{number[q.sentence_id]}]' for q in claim.cites)}"
            for claim in made.claims
        ]
        lines += ["", *(_cited(number[s], q) for s, q in cited.items())]
    left = {
        "citation of nothing that was shown": made.invented,
        "claim without a citation, left out": made.unsupported,
        "quote that is in no cited sentence": made.not_verbatim,
        "link removed": made.links,
    }
    said = [f"{n} × {what}" for what, n in left.items() if n]
    shown = screen.count(len(answer.shown), "sentence")
    lines += [
        "",
        f"{screen.one_line(answer.model)} answered from {shown}{'; ' if said else ''}{'; '.join(said)}.",
    ]
    return lines


def _cited(i: int, q: Quotation) -> str:
    return f"[{i}] {_origin(q)}: {screen.one_line(q.text)}"


def _origin(q: Quotation) -> str:
    return screen.one_line(f"{q.source} ({q.sentence_id})")


def _grouped(answer: Answer) -> list[str]:
    """Return the lines of the evidence alone: by theme, topic and firm."""
    if not answer.evidence.quotations:
        return ["Nothing was found."]
    groups: dict[str, dict[str, list[Quotation]]] = {}
    for q in answer.evidence.quotations:
        groups.setdefault(q.theme or "In no theme", {}).setdefault(q.topic or "In no topic", []).append(q)
    lines = []
    for theme, topics in groups.items():
        lines += ["", screen.one_line(theme)]
        for topic, said in topics.items():
            lines.append(f"  {screen.one_line(topic)}")
            lines += [f"    - {screen.one_line(q.text)}\n      {_origin(q)}" for q in said]
    return [
        *lines[1:],
        "",
        "No model was asked: set LLM_BASE_URL for an answer from these sentences.",
    ]
