"""Seconds and memory to link a quarter, and all quarters: `python -m benchmarks.series_scale [--quarters 100]`.

Themes are generated: lineages that drift, are away at times, are born and die, at the vectors' real length, with firms
and keywords. All but the newest quarters are linked in memory; those are linked and stored as the asset does it, in a
warehouse of its own. Rebuilding everything reads, links and writes each quarter as the newest one is.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from typing import TYPE_CHECKING

import numpy as np

from benchmarks.measure import markdown, peak_mib
from ftm_assets.methods.time.linking import link_quarter
from ftm_assets.methods.time.profiles import QuarterThemes
from ftm_assets.methods.vectors import unit
from ftm_assets.orchestration.series_chain import LINK_TABLES, Before, before, linked_rows, settled
from ftm_resources.quarters import shifted
from ftm_resources.warehouse import Warehouse

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ftm_assets.methods.time.linking import Links

FIRST = "2000Q1"
MODEL = {"model": "generated", "dimension": 384}


def generated(n_quarters: int, n_themes: int, n_firms: int, seed: int = 0) -> Iterator[QuarterThemes]:
    """Yield quarters of about `n_themes` themes, each of 20 to 60 of the firms, one in a hundred lineages replaced."""
    rng = np.random.default_rng(seed)
    n = round(n_themes * 1.25)
    at = unit(rng.normal(size=(n, MODEL["dimension"])))
    lineage = np.arange(n)
    for q in range(n_quarters):
        key = shifted(FIRST, q)
        at = unit(at + 0.1 * unit(rng.normal(size=at.shape)))
        replaced = rng.random(n) < 0.01
        at[replaced] = unit(rng.normal(size=(int(replaced.sum()), at.shape[1])))
        lineage[replaced] += n
        there = rng.permutation(np.flatnonzero(rng.random(n) < 0.8))
        vectors = unit(at[there] + 0.4 * unit(rng.normal(size=(len(there), at.shape[1]))))
        firms = [
            frozenset(
                map(str, np.random.default_rng(int(lineage[i])).choice(n_firms, 60)[: rng.integers(20, 60)])
            )
            for i in there
        ]
        yield QuarterThemes(
            quarter=key,
            theme_ids=tuple(f"{key}:theme:{i:03d}" for i in range(len(there))),
            vectors=vectors.astype(np.float32),
            firms=tuple(firms),
            keywords=tuple(tuple(f"word{lineage[i]}-{k}" for k in range(10)) for i in there),
            names=tuple(f"Lineage {lineage[i]}" for i in there),
            n_sentences=(500,) * len(there),
        )


def link_and_store(warehouse: Warehouse, themes: QuarterThemes) -> dict[str, float]:
    """Link a quarter to those before it in the warehouse and write its tables; return the CPU seconds of each part."""
    started = time.process_time()
    at = before(warehouse, settled(warehouse), themes.quarter, MODEL, others=False)
    read = time.process_time()
    links = link_quarter(themes, at.series)
    linked = time.process_time()
    store(warehouse, links, at)
    written = time.process_time()
    return {
        "read": read - started,
        "link": linked - read,
        "write": written - linked,
        "series": len(links.series),
    }


def store(warehouse: Warehouse, links: Links, at: Before) -> None:
    """Write the tables of a quarter's links."""
    rows = linked_rows(links, {}, MODEL, at)
    for name in LINK_TABLES:
        made, _ = rows[name]
        provenance = {"run_id": "benchmark", "inputs": made.inputs, "models": made.models}
        warehouse.replace(name, links.themes.quarter, made.batches, provenance=provenance)


def main() -> None:
    """Link all quarters in memory, then the newest ones in a warehouse; print CPU seconds and peak memory."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.series_scale", description=__doc__)
    parser.add_argument("--quarters", type=int, default=100)
    parser.add_argument("--themes", type=int, default=500)
    parser.add_argument("--firms", type=int, default=3000)
    parser.add_argument(
        "--stored", type=int, default=3, help="newest quarters that are linked in the warehouse"
    )
    options = parser.parse_args()
    quarters = generated(options.quarters, options.themes, options.firms)
    links, total = None, 0.0
    for _ in range(options.quarters - options.stored):
        themes = next(quarters)
        started = time.process_time()
        links = link_quarter(themes, links.series if links else ())
        total += time.process_time() - started
    in_memory = {"quarters": options.quarters - options.stored, "CPU seconds": total, "peak MiB": peak_mib()}
    print("Linked in memory:", markdown([in_memory]), sep="\n\n", flush=True)
    with tempfile.TemporaryDirectory(prefix="ftm-series-") as folder:
        warehouse = Warehouse(path=folder)
        if links is not None:
            store(warehouse, links, Before((), {}, None))
        rows = []
        for n, themes in enumerate(quarters, start=options.quarters - options.stored + 1):
            rows.append({"quarter": n, **link_and_store(warehouse, themes), "peak MiB": peak_mib()})
    print("\nLinked and stored, CPU seconds:", markdown(rows), sep="\n\n")


if __name__ == "__main__":
    main()
