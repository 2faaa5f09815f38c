"""`ftm names`: compare two ways of naming on the topics of a quarter, by measures and by a reader.

What belongs here: the commands, reading a sample of topics from the warehouse and naming it. The measures are in
`methods/naming/evaluation`.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ftm_assets.cli import arguments, screen
from ftm_assets.cli.arguments import Quarter
from ftm_assets.cli.failing import CommandError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import numpy as np
    import pyarrow as pa
    from numpy.typing import NDArray

    from ftm_assets.methods.naming.rules import Digest
    from ftm_resources.warehouse import Warehouse

commands = typer.Typer()

group = typer.Typer(no_args_is_help=True, help="Compare two ways of naming on the same topics.")
commands.add_typer(group, name="names", rich_help_panel="Read")

EXTRACTIVE, TABLE = "extractive", "table"
_INPUTS = ("firm_topics", "sentences", "transcripts", "sentence_topics", "sentence_embeddings")
_NAMES = "topic_summaries"

_MEASURES = (
    *("topics", "own", "others", "AUC", "nearest", "words"),
    *("one word", "duplicates", "rules broken"),
)


@group.command()
def compare(
    quarter: Quarter,
    first: Annotated[
        str,
        typer.Argument(
            metavar="NAMING",
            help="`extractive`, `table` (what topic_summaries holds), or a model to ask at LLM_BASE_URL.",
        ),
    ] = EXTRACTIVE,
    second: Annotated[
        str, typer.Argument(metavar="NAMING", help="The other naming, in the same form.")
    ] = TABLE,
    firms: Annotated[
        int, typer.Option(metavar="N", min=1, help="Firms to sample; all topics of each are named.")
    ] = 20,
    seed: Annotated[int, typer.Option(metavar="N", help="Seed for sampling firms.")] = 42,
    sheet: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE.html", help="Write a page for a reader's blind choice, with its key beside it."
        ),
    ] = None,
) -> None:
    """Name the same topics in two ways and measure both.

    `own` is the cosine similarity of a name and its topic's sentences, `others` that of the name and the
    firm's other topics; `nearest` is the share of names that are closest to their own topic.
    """
    from ftm_assets.methods.naming.evaluation import sheet as blind_sheet

    warehouse = arguments.warehouse()
    inputs = _sampled(warehouse, quarter, firms, seed, with_names=TABLE in {first, second})
    shown = _digests(inputs)
    names = {way: _names(way, shown, inputs, warehouse, quarter) for way in (first, second)}
    console = screen.console()
    console.print(
        screen.table(f"Names of {quarter}", ("naming", *_MEASURES), _measured(names, shown, inputs))
    )
    step = max(len(shown) // 10, 1)
    examples = [
        [", ".join(shown[i].keywords[:4]), *(found[i][0] for found in names.values())]
        for i in range(0, len(shown), step)
    ]
    console.print(screen.table("Examples", ("keywords", *names), examples, left=3))
    if sheet:
        page, key = blind_sheet(shown, names, seed)
        sheet.write_text(page)
        _key(sheet).write_text(key)
        console.print(
            f"Wrote {sheet}; open it in a browser, choose, and save the answers. Its key is in {_key(sheet)}."
        )


@group.command()
def score(
    sheet: Annotated[
        Path,
        typer.Argument(
            exists=True, dir_okay=False, metavar="FILE.html", help="The sheet that the reader used."
        ),
    ],
    answers: Annotated[
        Path,
        typer.Argument(exists=True, dir_okay=False, metavar="ANSWERS.csv", help="The reader's answers."),
    ],
) -> None:
    """Score a reader's blind answers to a sheet of `ftm names compare`."""
    from ftm_assets.methods.naming.evaluation import verdict

    if not _key(sheet).exists():
        raise CommandError(f"{_key(sheet)}, the key of {sheet}, is missing: compare again with --sheet.")
    found = verdict(_key(sheet).read_text(), answers.read_text())
    chosen = ", ".join(f"{naming} {n:,}" for naming, n in found.chosen.items())
    typer.echo(
        f"Chosen: {chosen}. Undecided: {found.undecided:,}. p = {found.p_value:.3g} (two-sided sign test)"
    )


def _sampled(
    warehouse: Warehouse, quarter: str, n_firms: int, seed: int, *, with_names: bool
) -> dict[str, pa.Table]:
    """Return the tables for a sample of the quarter's firms, with all rows of each firm; all of one generation.

    With `with_names`, topic_summaries is among them.
    """
    from ftm_assets.methods.topics.sampling import sampled_firms
    from ftm_assets.orchestration.inputs import consistent

    tables = (*_INPUTS, *([_NAMES] if with_names else []))
    stored = consistent(warehouse, quarter, ("firm_status", *tables))
    firms = sampled_firms(stored["firm_status"].read(), n_firms, seed)
    if not firms:
        raise CommandError(
            f"{quarter} has no firm with topics in {warehouse.root}: run `ftm run --quarter {quarter}`."
        )
    return {t: stored[t].read(firms=firms) for t in tables}


def _digests(inputs: Mapping[str, pa.Table]) -> list[Digest]:
    from ftm_assets.methods.naming.digests import topic_digests
    from ftm_assets.methods.text.firm_names import known_names

    names = known_names(inputs["transcripts"])
    return list(topic_digests(inputs["firm_topics"], inputs["sentences"], names))


def _measured(
    names: Mapping[str, Sequence[tuple[str, str]]], shown: Sequence[Digest], inputs: Mapping[str, pa.Table]
) -> list[list[str]]:
    from ftm_assets.methods.naming.evaluation import discrimination, form
    from ftm_resources.models.embedder import Embedder

    embedder, topics, groups = Embedder(), _topic_vectors(shown, inputs), [d.group for d in shown]
    rows = []
    for way, found in names.items():
        told = discrimination(embedder.embed([name for name, _ in found]), topics, groups)
        looks = form([name for name, _ in found], shown)
        figures = [told.own, told.others, told.auc, told.nearest, *looks.values()]
        rows.append([way, f"{told.n:,}", *(f"{x:.3f}" for x in figures)])
    return rows


def _names(
    way: str, shown: Sequence[Digest], inputs: Mapping[str, pa.Table], warehouse: Warehouse, quarter: str
) -> list[tuple[str, str]]:
    """Return (name, summary) of each topic by one naming; a model's replies go into the cache that runs use."""
    from ftm_assets.methods.naming.extractive import ExtractiveNamer
    from ftm_assets.orchestration.namer import build_namer
    from ftm_resources.endpoint.llm import LlmResource

    if way == TABLE:
        rows = inputs[_NAMES].select(["topic_id", "name", "summary"]).to_pylist()
        held = {r["topic_id"]: (r["name"], r["summary"]) for r in rows}
        if missing := [d.id for d in shown if d.id not in held]:
            raise CommandError(f"topic_summaries has no row for {missing[0]}: materialize it first.")
        return [held[d.id] for d in shown]
    if way == EXTRACTIVE:
        return [(n.name, n.summary) for n in ExtractiveNamer().name(shown)]
    llm = LlmResource(model=way)
    if not llm.is_configured():
        raise CommandError(f"{way} is a model: set LLM_BASE_URL to the endpoint that serves it.")
    named = build_namer(llm, warehouse, _NAMES, quarter).name(shown)
    return [(n.name, n.summary) for n in named]


def _topic_vectors(shown: Sequence[Digest], inputs: Mapping[str, pa.Table]) -> NDArray[np.float64]:
    """Return the mean vector of each topic's sentences, scaled to unit length, (n, d)."""
    import numpy as np

    from ftm_assets.methods.vectors import as_matrix, unit

    place = {d.id: i for i, d in enumerate(shown)}
    vectors = inputs["sentence_embeddings"]
    rows = {s: i for i, s in enumerate(vectors.column("sentence_id").to_pylist())}
    matrix = as_matrix(vectors.column("embedding"))
    totals = np.zeros((len(shown), matrix.shape[1]))
    members = inputs["sentence_topics"]
    pairs = zip(*(members.column(c).to_pylist() for c in ("sentence_id", "topic_id")), strict=True)
    for sentence, topic in pairs:
        if topic in place:
            totals[place[topic]] += matrix[rows[sentence]]
    return unit(totals)


def _key(page: Path) -> Path:
    return page.with_suffix(".key.csv")
