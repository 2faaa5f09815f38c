"""Two ways of naming compared on the topics of a quarter: `python -m ftm_assets.cli.naming_comparison --help`.

What belongs here: reading a sample of topics from the warehouse and naming it. The measures are in
`methods/naming/evaluation`.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from ftm_assets.methods.naming.digests import topic_digests
from ftm_assets.methods.naming.evaluation import discrimination, form, sheet, verdict
from ftm_assets.methods.naming.extractive import ExtractiveNamer
from ftm_assets.methods.text.firm_names import known_names
from ftm_assets.methods.topics.sampling import sampled_firms
from ftm_assets.methods.vectors import as_matrix, unit
from ftm_assets.orchestration.namer import build_namer
from ftm_resources.endpoint.llm import LlmResource
from ftm_resources.models.embedder import Embedder
from ftm_resources.warehouse import Warehouse

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import pyarrow as pa
    from numpy.typing import NDArray

    from ftm_assets.methods.naming.rules import Digest

EXTRACTIVE, TABLE = "extractive", "table"
_INPUTS = ("firm_topics", "sentences", "transcripts", "sentence_topics", "sentence_embeddings")


def main(arguments: Sequence[str] | None = None) -> int:
    """Compare two namings, or score a reader's answers; print the measures as a table."""
    parser = argparse.ArgumentParser(prog="python -m ftm_assets.cli.naming_comparison", description=__doc__)
    parser.add_argument("--quarter", help="quarter whose topics are named, e.g. 2023Q1")
    parser.add_argument(
        "--namings",
        nargs=2,
        default=[EXTRACTIVE, TABLE],
        metavar="NAMING",
        help="`extractive`, `table` (what topic_summaries holds), or a model to ask at LLM_BASE_URL",
    )
    parser.add_argument("--firms", type=int, default=20, help="firms drawn, all topics of each")
    parser.add_argument("--seed", type=int, default=42)
    parser.add_argument(
        "--sheet", type=Path, help="write a blind comparison (HTML) here and its key beside it"
    )
    parser.add_argument(
        "--answers", type=Path, help="score a reader's answers to --sheet; nothing else is done"
    )
    options = parser.parse_args(arguments)
    if options.answers:
        if not options.sheet:
            parser.error("--answers needs --sheet, for its key")
        found = verdict(_key(options.sheet).read_text(), options.answers.read_text())
        _print(f"chosen: {dict(found.chosen)}; undecided: {found.undecided}; p = {found.p_value:.3g}")
        return 0
    if not options.quarter:
        parser.error("--quarter is needed")
    _compare(options)
    return 0


def _compare(options: argparse.Namespace) -> None:
    warehouse, embedder = Warehouse(), Embedder()
    status = warehouse.read("firm_status", options.quarter)
    firms = sampled_firms(status, options.firms, options.seed)
    if not firms:
        raise SystemExit(
            f"firm_status has no firm with topics in {options.quarter}: materialize firm_topics first"
        )
    inputs = {t: warehouse.quarter(t, options.quarter).read(firms=firms) for t in _INPUTS}
    shown = topic_digests(inputs["firm_topics"], inputs["sentences"], known_names(inputs["transcripts"]))
    names = {way: _names(way, shown, warehouse, options.quarter) for way in options.namings}
    topics = _topic_vectors(shown, inputs)
    groups = [d.group for d in shown]
    _print(
        "| naming | topics | own | others | AUC | nearest | words | one word | duplicates | rules broken |"
    )
    _print("| --- | --- | --- | --- | --- | --- | --- | --- | --- | --- |")
    for way, found in names.items():
        told = discrimination(embedder.embed([name for name, _ in found]), topics, groups)
        looks = form([name for name, _ in found], shown)
        figures = [told.own, told.others, told.auc, told.nearest, *looks.values()]
        _print(f"| {way} | {told.n} | {' | '.join(f'{x:.3f}' for x in figures)} |")
    _print("\n| keywords | " + " | ".join(names) + " |\n| --- | --- | --- |")
    step = max(len(shown) // 10, 1)
    for i in range(0, len(shown), step):
        cells = [", ".join(shown[i].keywords[:4]), *(found[i][0] for found in names.values())]
        _print("| " + " | ".join(cells) + " |")
    if options.sheet:
        page, key = sheet(shown, names, options.seed)
        options.sheet.write_text(page)
        _key(options.sheet).write_text(key)
        _print(f"\nwrote {options.sheet}; the key is in {_key(options.sheet)}")


def _names(way: str, shown: Sequence[Digest], warehouse: Warehouse, quarter: str) -> list[tuple[str, str]]:
    """Return (name, summary) of each topic by one naming; a model's replies are kept where a run keeps them."""
    if way == TABLE:
        rows = warehouse.read("topic_summaries", quarter, columns=["topic_id", "name", "summary"]).to_pylist()
        held = {r["topic_id"]: (r["name"], r["summary"]) for r in rows}
        if missing := [d.id for d in shown if d.id not in held]:
            raise SystemExit(f"topic_summaries has no row for {missing[0]}: materialize it first")
        return [held[d.id] for d in shown]
    if way == EXTRACTIVE:
        return [(n.name, n.summary) for n in ExtractiveNamer().name(shown)]
    llm = LlmResource(model=way)
    if not llm.is_configured():
        raise SystemExit(f"{way}: set LLM_BASE_URL to the endpoint that serves it")
    named = build_namer(llm, warehouse, "topic_summaries", quarter).name(shown)
    return [(n.name, n.summary) for n in named]


def _topic_vectors(shown: Sequence[Digest], inputs: Mapping[str, pa.Table]) -> NDArray[np.float64]:
    """Return the mean of the vectors of each topic's sentences at unit length, (n, d)."""
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


def _print(line: str) -> None:
    sys.stdout.write(line + "\n")


if __name__ == "__main__":
    sys.exit(main())
