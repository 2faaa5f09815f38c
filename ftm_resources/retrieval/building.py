"""Making an index of a quarter: streamed into a folder, or into memory where there is none.

What belongs here: what is written of each level, in which form. Where a folder lies and how it takes the place of the
one before is in `index_folder`.
"""

from __future__ import annotations

import hashlib
import json
import mmap
from contextlib import ExitStack
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa

from ftm_resources.retrieval.calibration import AS_IT_IS, Sample, Scale, background_of, may_be_query, scale_of
from ftm_resources.retrieval.checksums import checksum, checksum_of
from ftm_resources.retrieval.full_text import TextIndex, TextWriter
from ftm_resources.retrieval.levels import CALLS, COLUMNS, LEVELS, STRINGS, firm_texts, indexed_texts
from ftm_resources.retrieval.opened_quarter import OpenLevel, OpenQuarter, numbers_of
from ftm_resources.retrieval.vector_scan import ExactVectors, ScannedVectors, codes_of, signs_of

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from numpy.typing import NDArray

    from ftm_resources.retrieval.levels import QuarterRows, Rows

    Progress = Callable[[str, int, int], None]
    """Told the level, the rows done and how many there are."""

_VERSION = 7
"""Of how the files are written."""
FORMAT = hashlib.sha256(repr((_VERSION, COLUMNS, STRINGS, CALLS)).encode()).hexdigest()[:12]
"""The form of the files: an index of another form is outdated."""

MANIFEST = "manifest.json"
PAGE = 16_384
"""Rows of a page of strings: a row is found by its number alone."""


def write_index(source: QuarterRows, folder: Path, progress: Progress = lambda *_: None) -> dict[str, Any]:
    """Write the index of a quarter to a new folder; return its manifest, which is the last file written.

    Memory holds the signs of the vectors, some batches of rows and the topics, whatever the number of sentences.
    """
    folder.mkdir(parents=True)
    calls = source.calls()
    with pa.OSFile(str(folder / "calls.arrow"), "wb") as out, pa.ipc.new_file(out, CALLS) as writer:
        writer.write_table(calls)
    firms = firm_texts(calls)
    samples = {level: Sample(source.count(level)) for level in LEVELS}
    levels = {level: _write_level(source, level, folder, firms, samples[level], progress) for level in LEVELS}
    opened = {level: _open_level(folder, level, levels[level]) for level in LEVELS}
    for level, scale in _scales(opened, samples).items():
        levels[level] |= {"centre": scale.centre, "spread": scale.spread}
    manifest: dict[str, Any] = {
        "format": FORMAT,
        "quarter": source.quarter,
        "made_from": dict(source.made_from),
        "levels": levels,
    }
    # Locks of the full text's writer are empty, and of no use to readers.
    files = [f for f in sorted(folder.rglob("*")) if f.is_file() and f.suffix != ".lock"]
    manifest |= {
        "files": {str(f.relative_to(folder)): f.stat().st_size for f in files},
        "checksums": {str(f.relative_to(folder)): checksum(f) for f in files},
    }
    manifest["checksum"] = checksum_of(manifest)
    (folder / MANIFEST).write_text(json.dumps(manifest, indent=1, sort_keys=True))
    return manifest


def open_index(folder: Path, manifest: Mapping[str, Any]) -> OpenQuarter:
    """Open a quarter's index, as files in memory."""
    with pa.memory_map(str(folder / "calls.arrow")) as file:
        calls = pa.ipc.open_file(file).read_all()
    levels = {name: _open_level(folder, name, manifest["levels"][name]) for name in LEVELS}
    for level in levels.values():
        # Now, as the folder may be replaced before the first search by words.
        level.open_text()
    return OpenQuarter(manifest["quarter"], calls, levels, is_exact=False)


def in_memory(source: QuarterRows) -> OpenQuarter:
    """Return a quarter to search exactly, with its vectors in float32; full text is made at first use."""
    calls = source.calls()
    firms = firm_texts(calls)
    samples = {level: Sample(source.count(level)) for level in LEVELS}
    levels = {}
    for level in LEVELS:
        batches = list(source.rows(level))
        for rows in batches:
            samples[level].see(rows.vectors, may_be_query(level, rows))
        strings = pa.Table.from_batches([b.strings for b in batches], STRINGS[level])
        columns = {
            name: np.concatenate([np.empty(0, kind), *(b.columns[name] for b in batches)])
            for name, kind in COLUMNS[level].items()
        }
        held = [b.vectors for b in batches if len(b.vectors)]
        vectors = ExactVectors(np.concatenate(held) if held else np.empty((0, 0), np.float32))
        dimension = vectors.all.shape[1]
        levels[level] = OpenLevel(
            n=strings.num_rows,
            vectors=vectors,
            columns=columns,
            scale=AS_IT_IS,
            model=source.models[level],
            dimension=dimension,
            strings=lambda row, of=strings: of.slice(row, 1).to_pylist()[0],  # type: ignore[misc]
            make_text=lambda level=level, of=batches: _text_in_memory(level, of, firms),  # type: ignore[misc]
        )
    for level, scale in _scales(levels, samples).items():
        levels[level].scale = scale
    return OpenQuarter(source.quarter, calls, levels, is_exact=True)


def _write_level(
    source: QuarterRows,
    level: str,
    folder: Path,
    firms: list[str],
    sample: Sample,
    progress: Progress,
) -> dict[str, Any]:
    n, done, numbers, mean = source.count(level), 0, numbers_of(level), _mean(source, level)
    words = -(-len(mean) // 64)
    with ExitStack() as files, TextWriter(folder / f"{level}.text", numbers) as text:

        def opened(name: str) -> Any:
            return files.enter_context((folder / f"{level}.{name}").open("wb"))

        signs, codes, rests, scales = (opened(name) for name in ("signs", "codes", "rests", "scales"))
        columns = {name: opened(name) for name in COLUMNS[level]}
        pages = files.enter_context(pa.ipc.new_file(opened("arrow"), STRINGS[level]))
        (folder / f"{level}.mean").write_bytes(mean.tobytes())
        page: list[pa.RecordBatch] = []
        for rows in source.rows(level):
            coded, rest, scaled = codes_of(rows.vectors)
            codes.write(coded.tobytes())
            rests.write(rest.tobytes())
            scales.write(scaled.tobytes())
            for i, word in enumerate(signs_of(rows.vectors, mean)):
                signs.seek((i * n + done) * 8)
                signs.write(word.tobytes())
            for name, file in columns.items():
                file.write(rows.columns[name].tobytes())
            text.add(_texts(level, rows), _firms_of(level, rows, firms), rows.columns)
            sample.see(rows.vectors, may_be_query(level, rows))
            page = _write_pages(pages, [*page, rows.strings])
            done += rows.strings.num_rows
            progress(level, done, n)
        _write_pages(pages, page, is_last=True)
        text.close()
    if done != n:
        raise ValueError(f"{source.quarter}: {done} rows of {level} were read, but {n} counted")
    return {"n": n, "dimension": len(mean), "words": words, "model": dict(source.models[level])}


def _write_pages(
    pages: pa.RecordBatchWriter, held: list[pa.RecordBatch], *, is_last: bool = False
) -> list[pa.RecordBatch]:
    """Write full pages; return what is left."""
    if not held:
        return []
    rows = pa.Table.from_batches(held).combine_chunks()
    end = rows.num_rows if is_last else rows.num_rows // PAGE * PAGE
    for start in range(0, end, PAGE):
        for batch in rows.slice(start, min(PAGE, end - start)).to_batches():
            pages.write_batch(batch)
    left: list[pa.RecordBatch] = rows.slice(end).to_batches()
    return left


def _open_level(folder: Path, level: str, about: Mapping[str, Any]) -> OpenLevel:
    n = about["n"]
    pages = pa.ipc.open_file(pa.memory_map(str(folder / f"{level}.arrow")))

    def strings(row: int) -> dict[str, Any]:
        shown: dict[str, Any] = pages.get_batch(row // PAGE).slice(row % PAGE, 1).to_pylist()[0]
        return shown

    return OpenLevel(
        n=n,
        vectors=_open_vectors(folder, level, about),
        columns={
            name: _mapped(folder / f"{level}.{name}", kind, (n,)) for name, kind in COLUMNS[level].items()
        },
        scale=Scale(about["centre"], about["spread"]) if "centre" in about else AS_IT_IS,
        model=about["model"],
        dimension=about["dimension"],
        strings=strings,
        make_text=lambda: TextIndex.opened(folder / f"{level}.text", numbers_of(level)),
    )


def _open_vectors(folder: Path, level: str, about: Mapping[str, Any]) -> ScannedVectors:
    n, dimension, words = about["n"], about["dimension"], about["words"]
    return ScannedVectors(
        signs=_mapped(folder / f"{level}.signs", "<u8", (words, n)),
        codes=_mapped(folder / f"{level}.codes", "i1", (n, dimension)),
        rests=_mapped(folder / f"{level}.rests", "u1", (n, -(-dimension // 2))),
        scales=_mapped(folder / f"{level}.scales", "<f4", (n,)),
        mean=_mapped(folder / f"{level}.mean", "<f4", (dimension,)),
    )


def _mapped(file: Path, kind: Any, shape: tuple[int, ...]) -> NDArray[Any]:
    if not np.prod(shape):  # an empty file cannot be mapped
        return np.empty(shape, kind)
    with file.open("rb") as opened:
        held = mmap.mmap(opened.fileno(), 0, access=mmap.ACCESS_READ)
    return np.frombuffer(held, kind).reshape(shape)


def _mean(source: QuarterRows, level: str) -> NDArray[np.float32]:
    """Return the mean (d,) of a level's vectors; (0,) without any."""
    total, n = np.zeros(0), 0
    for vectors in source.vectors(level):
        if len(vectors):
            own = vectors.sum(axis=0, dtype=np.float64)
            total, n = own if not n else total + own, n + len(vectors)
    return (total / max(1, n)).astype(np.float32)


def _scales(levels: Mapping[str, OpenLevel], samples: Mapping[str, Sample]) -> dict[str, Scale]:
    """Return the scale of each level."""
    found = {}
    for level, held in levels.items():
        queries = background_of(level, samples, held.dimension)
        mask = held.columns["is_procedural"] == 0 if level == "sentence" else None
        n = held.n if mask is None else int(np.count_nonzero(mask))
        found[level] = scale_of(held.vectors, queries, mask=mask, n=n)
    return found


def _texts(level: str, rows: Rows) -> list[list[str]]:
    return [indexed_texts(level, row) for row in rows.strings.to_pylist()]


def _firms_of(level: str, rows: Rows, firms: list[str]) -> list[str]:
    if level == "theme":
        return [""] * rows.strings.num_rows
    return [firms[call] for call in rows.columns["call"].tolist()]


def _text_in_memory(level: str, batches: list[Rows], firms: list[str]) -> TextIndex:
    writer = TextWriter(None, numbers_of(level))
    for rows in batches:
        writer.add(_texts(level, rows), _firms_of(level, rows, firms), rows.columns)
    return writer.close()
