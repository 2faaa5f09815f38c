"""`ftm search`: what was said about a subject, over themes, topics and sentences."""

from __future__ import annotations

import json
import sys
from datetime import date
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ftm_assets.cli import screen
from ftm_assets.cli.csv_cells import marked
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
    from collections.abc import Iterable

    import pyarrow as pa
    from rich.text import Text

commands = typer.Typer()


@commands.command(rich_help_panel="Read")
def search(
    query: Annotated[str, typer.Argument(help='Words; a "quoted phrase" must occur.')],
    quarter: Quarters = None,
    level: Levels = None,
    firm: Firms = None,
    permno: Permnos = None,
    speaker: Speakers = None,
    section: Sections = None,
    since: Since = None,
    until: Until = None,
    k: Annotated[int, typer.Option("-k", min=1, max=10_000, help="Most hits to show.")] = 10,
    mode: Annotated[
        str, typer.Option("--mode", metavar="MODE", help="hybrid, or by vector or text alone.")
    ] = "hybrid",
    children: Annotated[
        int, typer.Option("--children", min=0, help="Sentences to show of each theme and topic.")
    ] = 0,
    backend: Backend = "warehouse",
    schema: Schema = SCHEMA,
    as_json: Annotated[bool, typer.Option("--json", help="Write a JSON list of hits.")] = False,
    as_csv: Annotated[bool, typer.Option("--csv", help="Write CSV, with lists as JSON.")] = False,
) -> None:
    """Find themes, topics and sentences about a subject, each with its firm, call, topic, theme and tone.

    Texts are found by meaning and by their words, so that names, tickers, numbers and quoted phrases are found too. A
    theme stands for its own topics and sentences, whose number is shown. The model must be the one that made the
    quarter. Without the index that `search_index` makes, the answer is exact but slower.
    """
    if as_json and as_csv:
        raise CommandError("--json and --csv exclude each other.")
    limits = filters(level, firm, permno, speaker, section, since, until)
    limits |= place(backend, schema)
    from ftm_resources import search as find

    hits = find(
        query,
        spans(quarter),
        k=k,
        mode=mode,  # type: ignore[arg-type] # checked there
        children=children,
        **limits,
    )
    if as_json:
        typer.echo(json.dumps(hits.to_pylist(), default=_plain, ensure_ascii=False, indent=2))
    elif as_csv:
        _write_csv(hits)
    elif not hits.num_rows:
        typer.echo("No hits.")
    else:
        console = screen.console()
        is_near = True
        for hit in hits.to_pylist():
            if is_near and not hit["is_near"]:
                first = hit["rank"] == 1
                console.print("Nothing close; nearest:" if first else "Nothing else close; next nearest:")
                is_near = False
            console.print(_shown(hit))


def _plain(value: object) -> str:
    if isinstance(value, date):
        return value.isoformat()
    raise TypeError(type(value).__name__)


def _write_csv(hits: pa.Table) -> None:
    import csv

    writer = csv.writer(sys.stdout, lineterminator="\n")
    writer.writerow(hits.column_names)
    for hit in hits.to_pylist():
        writer.writerow([_cell(value) for value in hit.values()])


def _cell(value: object) -> object:
    if isinstance(value, list):
        return json.dumps(value, default=_plain, ensure_ascii=False)
    return marked(value) if isinstance(value, str) else value


def _shown(hit: dict[str, Any]) -> Text:
    """Return a hit as a person reads it: what it is, its text, where it is from."""
    from rich.text import Text

    shown = Text()
    shown.append(f"{hit['rank']:>3}  {hit['level']} ", style="bold")
    shown.append(f"{screen.one_line(hit['name'] or hit['id'])}\n", style="bold")
    shown.append(f"     {screen.one_line(hit['text'])}\n")
    for child in hit["children"] or []:
        shown.append(f"       - {screen.one_line(child['text'])} ({child['sentence_id']})\n")
    shown.append(f"     {' · '.join(_facts(hit))}\n", style="dim")
    return shown


def _facts(hit: dict[str, Any]) -> Iterable[str]:
    if hit["firm_name"]:
        yield screen.one_line(hit["firm_name"])
        speaker = ", ".join(part for part in (hit["speaker_name"], hit["speaker_type"]) if part)
        if speaker:
            yield screen.one_line(speaker)
        yield str(hit["call_date"])
    else:
        yield hit["quarter"]
    if hit["level"] == "sentence" and hit["topic_name"]:
        yield f"topic: {screen.one_line(hit['topic_name'])}"
    if hit["level"] != "theme" and hit["theme_name"]:
        yield f"theme: {screen.one_line(hit['theme_name'])}"
    if hit["level"] == "theme":
        yield screen.count(hit["n_topics"] or 0, "topic")
    if hit["level"] != "sentence":
        yield screen.count(hit["n_sentences"] or 0, "sentence")
    if hit["tone"] is not None:
        yield f"tone {hit['tone']:+.2f}"
    if found := hit["topics_found"] + hit["sentences_found"]:
        yield f"{found} more of it found"
    if hit["duplicates"]:
        yield screen.count(len(hit["duplicates"]), "repetition")
    if hit["name"]:
        yield hit["id"]
